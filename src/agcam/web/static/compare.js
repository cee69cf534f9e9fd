// Several methods for one class, side by side.

import { element } from "./viewer/dom.js";

const FIRST = 3; // methods that are ticked at first

/** The methods to tick. */
export function fillMethods(place, methods) {
  const ticks = methods.map(({ name }, number) =>
    element(
      "label",
      {},
      element("input", { type: "checkbox", name: "method", value: name, checked: number < FIRST, "aria-label": name }),
      element("span", {}, name),
    ),
  );
  place.querySelector("fieldset").append(...ticks);
}

/** A card with one map a method, or the sentence why there is none; `map` asks for one. */
export async function compareMethods(card, names, map) {
  const maps = [];
  const methods = [];
  for (const name of names) {
    const method = card.methods.find((one) => one.name === name);
    try {
      const { target, ...made } = await map(name);
      maps.push({ ...made, target: target === null ? null : 0 });
      methods.push({ ...method, parts: false });
    } catch (error) {
      methods.push({ ...method, refusal: error.message });
    }
  }
  return { ...card, rows: [0], maps, methods };
}
