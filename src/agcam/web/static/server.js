// The server's answers: JSON, or an Error whose message is a sentence for the reader.

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The server cannot be reached; is it still running?");
  }
  if (answer.ok) return answer;
  const unknown = () => ({ error: `The server answered ${answer.status}.` });
  throw new Error((await answer.json().catch(unknown)).error);
}

const json = async (path, options) => (await request(path, options)).json();

export const settings = () => json("settings");

export const classNames = (model) => json(`classes?${new URLSearchParams({ model })}`);

/** One of the server's example pictures, as a file. */
export const example = async (name) => (await request(`examples/${encodeURIComponent(name)}`)).blob();

/** Upload a file; the answer is the key of the upload. */
export async function upload(file, name = file.name || "picture") {
  const query = new URLSearchParams({ name });
  return (await json(`uploads?${query}`, { method: "POST", body: file })).upload;
}

/**
 * What the server shows of an upload: its card, the map of one class, or blocks and heads.
 * @param {"card" | "map" | "parts"} view
 */
export function view(key, view, selection, signal) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(selection);
  return json(`uploads/${key}/${view}`, { method: "POST", headers, body, signal });
}

/** The address of a file to download. */
export function fileAddress(key, name, { prompts, ...selection }, alpha) {
  const query = new URLSearchParams({ ...selection, alpha });
  prompts.forEach((text) => query.append("prompts", text));
  return `uploads/${key}/${name}?${query}`;
}
