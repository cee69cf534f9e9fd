// The API as its OpenAPI description has it, to read.

import { element } from "./viewer/dom.js";

const api = await (await fetch("openapi.json")).json();
const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);

/** The type of a field, as text. */
function typeOf(field) {
  if (field.$ref) return field.$ref.split("/").pop();
  if (field.anyOf) return field.anyOf.map(typeOf).join(" or ");
  if (field.type === "array") return `list of ${typeOf(field.items ?? {})}`;
  return field.enum?.join(" or ") ?? field.format ?? field.type ?? "any";
}

function fields(given, title) {
  const schema = resolve(given.type === "array" ? given.items : given);
  const rows = Object.entries(schema?.properties ?? {}).map(([name, field]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", {}, typeOf(field)),
      element("td", {}, field.description ?? ""),
    ),
  );
  return element("div", { class: "agcam-scroll", tabIndex: 0, role: "region", "aria-label": title },
    element("table", { class: "agcam-table" }, element("tbody", {}, ...rows)));
}

/** What is sent or answered: its kinds and fields. */
function contents(place, title, content = {}) {
  return Object.entries(content).flatMap(([kind, { schema }]) => {
    const named = `${title} (${kind})`;
    return [element("h3", {}, named), fields(schema, `${place}: ${named}`)];
  });
}

function address([path, verbs]) {
  return Object.entries(verbs).map(([verb, about]) => {
    const answers = Object.entries(about.responses).filter(([status]) => status !== "200");
    return element(
      "section",
      {},
      element("h2", {}, `${verb.toUpperCase()} ${path}`),
      element("p", {}, about.description ?? ""),
      ...contents(`${verb} ${path}`, "Request", about.requestBody?.content),
      ...contents(`${verb} ${path}`, "Answer", about.responses[200].content),
      ...answers.map(([status, { description }]) => element("p", {}, `${status}: ${description}`)),
    );
  });
}

document.getElementById("addresses").append(...Object.entries(api.paths).flatMap(address));
