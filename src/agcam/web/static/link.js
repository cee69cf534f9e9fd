// The address of the page: everything that is shown, but never a picture.

import { INITIAL, MODES } from "./viewer/state.js";

/** What of the viewer's state a link holds. */
export const VIEW = ["mode", "opacity", "threshold", "colormap", "boxes", "contour", "parts"];

/** What a link holds; what does not fit this server is left out. */
export function read(search, settings) {
  const query = new URLSearchParams(search);
  const named = (name, known) => (known.includes(query.get(name)) ? query.get(name) : undefined);
  const models = settings.models.map((one) => one.name);
  const model = named("model", models) ?? models[0];
  const known = settings.models.find((one) => one.name === model).classes ?? Infinity;
  const number = query.get("class") ?? "";
  const choices = { mode: MODES.map(({ value }) => value), colormap: Object.keys(settings.colormaps) };
  const readers = {
    string: (name) => named(name, choices[name]),
    boolean: (name) => query.get(name) === "1" || undefined,
    number: (name) => [Number.parseFloat(query.get(name))].find((share) => share >= 0 && share <= 1),
  };
  const view = VIEW.map((name) => [name, readers[typeof INITIAL[name]](name)]);
  return {
    model,
    method: named("method", settings.methods.map((one) => one.name)) ?? settings.methods[0].name,
    target: /^\d{1,9}$/.test(number) && Number(number) < known ? Number(number) : null,
    prompts: query.getAll("prompt").slice(0, 64),
    example: named("example", settings.examples) ?? null,
    refine: query.get("refine") === "1",
    views: Number(named("views", settings.views.map(String)) ?? 1),
    view: Object.fromEntries(view.filter(([, value]) => value !== undefined)),
  };
}

/** The query that brings a view back; what is as at first is left out. */
export function write({ model, method, target, prompts, refine, views }, example, state) {
  const query = new URLSearchParams({ model, method });
  if (target !== null) query.set("class", target);
  for (const name of VIEW.filter((one) => state[one] !== INITIAL[one]))
    query.set(name, state[name] === true ? "1" : state[name]);
  prompts.forEach((text) => query.append("prompt", text));
  if (refine) query.set("refine", "1");
  if (views > 1) query.set("views", views);
  if (example) query.set("example", example);
  return `?${query}`;
}
