// The classes of a picture as bars to press, and the search of another one.

import { element, newId } from "./dom.js";

const LISTED = 8; // bars before "show all"

/**
 * @typedef {{node: HTMLElement, show: (state: {target: number, method: string}) => void}} Targets
 * @param {import("./card.js").Card} card
 * @param {{press: (place: number) => void, canFetch: boolean,
 *   find?: (text: string) => any, choose?: (target: any) => void}} options
 * @returns {Targets}
 */
export function targetList(card, options) {
  const entries = card.targets.map((target, place) => entry(card, target, place, options));
  const items = element("ol", { class: "agcam-targets", "aria-label": "Classes, the model's best first" });
  const node = element("section", { class: "agcam-classes" });
  let all = entries.length <= LISTED;
  const filter = element("input", { type: "search", placeholder: "Search a class", "aria-label": "Search a class" });
  const more = element("button", { type: "button", class: "agcam-more" }, `Show all ${entries.length}`);
  let chosen = 0;
  let known = "";

  const fill = () => {
    const words = filter.value.trim().toLowerCase();
    const fits = (one) => !words || one.text.includes(words);
    const some = entries.filter((one) => (words ? fits(one) : all || one.place < LISTED || one.place === chosen));
    items.replaceChildren(...some.slice(0, all || words ? 1000 : undefined).map((one) => one.node));
    more.hidden = all || Boolean(words);
  };
  filter.addEventListener("input", fill);
  more.addEventListener("click", () => {
    all = true;
    fill();
  });
  fill();
  node.append(items);
  if (!all) node.append(more);
  if (entries.length > LISTED) node.prepend(filter);
  if (options.find) node.append(search(options));
  if (card.data.note) node.append(element("p", { class: "agcam-small" }, card.data.note));
  return {
    node,
    show: (state) => {
      const agnostic = card.method(state.method)?.class_specific === false;
      entries[chosen]?.press(false);
      chosen = state.target;
      entries[chosen]?.press(!agnostic);
      const now = `${state.method} ${card.maps.length}`;
      if (known !== now) entries.forEach((one) => one.allow(state.method, agnostic));
      known = now;
      if (!all && chosen >= LISTED && !entries[chosen]?.node.isConnected) fill();
    },
  };
}

/** One class: its name, its score, a bar as long as its probability. */
function entry(card, target, place, options) {
  const share = Math.min(Math.max(target.probability ?? 0, 0), 1);
  const bar = element("span", { class: "agcam-bar", "aria-hidden": "true", style: { "--share": String(share) } });
  const name = element("span", { class: "agcam-name" }, target.name);
  const score = element("span", { class: "agcam-score" }, target.score);
  const button = element(
    "button",
    { type: "button", "aria-pressed": "false", on: { click: () => options.press(place) } },
    bar, name, score,
  );
  const press = (pressed) => button.setAttribute("aria-pressed", String(pressed));
  const allow = (method, agnostic) => {
    button.disabled = agnostic || !(options.canFetch || card.map(method, place));
  };
  return { node: element("li", {}, button), text: target.name.toLowerCase(), place, press, allow };
}

/** A field that finds other classes by their names. */
function search({ find, choose }) {
  const names = newId("found");
  const input = element("input", { type: "search", id: newId("search"), list: undefined, autocomplete: "off" });
  input.setAttribute("list", names);
  const found = element("datalist", { id: names });
  let targets = [];
  const take = () => {
    const words = input.value.trim().toLowerCase();
    const target =
      targets.find((one) => one.name.toLowerCase() === words) ?? (words && targets.length ? targets[0] : null);
    if (target) {
      input.value = "";
      choose(target);
    }
  };
  input.addEventListener("input", async () => {
    const words = input.value;
    const answer = await find(words);
    if (words !== input.value) return;
    targets = answer;
    found.replaceChildren(...targets.slice(0, 50).map((one) => element("option", { value: one.name })));
    if (targets.some((one) => one.name === words)) take();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    take();
  });
  return element("div", { class: "agcam-field" }, element("label", { for: input.id }, "Another class"), input, found);
}
