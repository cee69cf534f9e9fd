// The address of the page: everything that is shown, but never a picture.

import { INITIAL, MODES } from "./viewer/state.js";

const NUMBERS = ["threshold", "opacity"];
const FLAGS = ["boxes", "contour", "parts"];

/** What a link holds; what does not fit this server is left out. */
export function read(search, settings) {
  const query = new URLSearchParams(search);
  const named = (name, known) => (known.includes(query.get(name)) ? query.get(name) : null);
  const models = settings.models.map((one) => one.name);
  const model = named("model", models) ?? models[0];
  const known = settings.models.find((one) => one.name === model).classes ?? Infinity;
  const number = query.get("class") ?? "";
  return {
    model,
    method: named("method", settings.methods.map((one) => one.name)) ?? settings.methods[0].name,
    target: /^\d{1,9}$/.test(number) && Number(number) < known ? Number(number) : null,
    prompts: query.getAll("prompt").slice(0, 64),
    example: named("example", settings.examples),
    refine: query.get("refine") === "1",
    views: Number(named("views", settings.views.map(String)) ?? 1),
    view: view(query, named, settings),
  };
}

function view(query, named, settings) {
  const found = {};
  for (const name of NUMBERS) {
    const share = Number.parseFloat(query.get(name) ?? "");
    if (share >= 0 && share <= 1) found[name] = share;
  }
  for (const name of FLAGS) if (query.get(name) === "1") found[name] = true;
  const mode = named("mode", MODES.map(({ value }) => value));
  const colormap = named("colours", Object.keys(settings.colormaps));
  return { ...found, ...(mode && { mode }), ...(colormap && { colormap }) };
}

/** The query that brings a view back; what is as at first is left out. */
export function write({ model, method, target, prompts, example, refine, views }, state) {
  const query = new URLSearchParams({ model, method });
  if (target !== null) query.set("class", target);
  for (const name of NUMBERS) if (state[name] !== INITIAL[name]) query.set(name, state[name]);
  for (const name of FLAGS) if (state[name]) query.set(name, "1");
  if (state.mode !== INITIAL.mode) query.set("mode", state.mode);
  if (state.colormap !== INITIAL.colormap) query.set("colours", state.colormap);
  prompts.forEach((text) => query.append("prompt", text));
  if (refine) query.set("refine", "1");
  if (views > 1) query.set("views", views);
  if (example) query.set("example", example);
  return `?${query}`;
}
