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

/** A card with one map a method, and a block of them; `map` requests one, or gives the reason why not. */
export async function compareMethods(card, names, map) {
  const maps = [];
  const items = [];
  for (const name of names) {
    try {
      const { target, ...made } = await map(name);
      maps.push({ ...made, target: target === null ? null : 0 });
      items.push({ method: name, caption: name, scale: true });
    } catch (error) {
      items.push({ caption: name, refusal: error.message });
    }
  }
  const methods = card.methods.map((method) => ({ ...method, parts: false }));
  return { cards: [{ ...card, maps, methods }], blocks: [{ kind: "gallery", items }] };
}
