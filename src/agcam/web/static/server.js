// The server's answers: JSON, or an Error whose message is a sentence for the reader.

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached; is it still running?");
  }
  const body = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(body.error);
  return body;
}

export const settings = () => request("settings");

export const classNames = (model) => request(`classes?${new URLSearchParams({ model })}`);

/** Upload a file, or let the server take one of its examples; the answer is the key of the upload. */
export const upload = (file) => add({ name: file.name || "picture" }, file);
export const uploadExample = (example) => add({ example });

async function add(query, body = undefined) {
  return (await request(`uploads?${new URLSearchParams(query)}`, { method: "POST", body })).upload;
}

/**
 * What the server shows of an upload: its card, the map of one class, or blocks and heads.
 * @param {"card" | "map" | "parts"} view
 */
export function view(key, view, selection, signal) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(selection);
  return request(`uploads/${key}/${view}`, { method: "POST", headers, body, signal });
}

/** The address of a file to download. */
export function fileAddress(key, name, { prompts, ...selection }, alpha) {
  const query = new URLSearchParams({ ...selection, alpha });
  prompts.forEach((text) => query.append("prompts", text));
  return `uploads/${key}/${name}?${query}`;
}
