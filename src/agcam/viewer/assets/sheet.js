// One picture by several methods: a row of maps for each target, all methods at any width.

import { blockNode } from "./blocks.js";
import { element } from "./dom.js";
import { Tiles } from "./tiles.js";
import { captionOf, ends } from "./words.js";

export class Sheet {
  constructor(store, colours, [card], blocks = [], tools) {
    this.store = store;
    this.tiles = new Tiles(store, colours);
    const rows = (card.data.rows ?? []).map((place) => this.row(card, card.targets[place], place));
    this.node = element("div", { class: "agcam-sheet" }, tools, ...rows, ...blocks.map(blockNode));
  }

  row(card, target, place) {
    const tiles = card.methods.map((method) => this.tile(card, method, place));
    return element(
      "section",
      {},
      element("h2", {}, `What speaks for ${target.name} (${target.judged ?? target.score})`),
      element("ul", { class: "agcam-tiles" }, ...tiles),
    );
  }

  tile(card, method, place) {
    const map = card.map(method.name, place);
    const name = element("span", { class: "agcam-name" }, method.name);
    const kind = method.class_specific ? (method.label ?? "") : "the same map for every class";
    const label = element("span", { class: "agcam-small" }, kind);
    if (!map) {
      const why = element("span", { class: "agcam-problem" }, method.refusal ?? "no map");
      return element("li", {}, element("div", { class: "agcam-refused" }, name, why));
    }
    const [low, high] = ends(card.grid(map).range);
    const text = `${method.name}: ${captionOf(card, map)}`;
    const press = () =>
      this.store.set({ method: method.name, target: place, gallery: false, part: null });
    const scale = element("span", { class: "agcam-small" }, `${low} to ${high}`);
    const given = { type: "button", on: { click: press } };
    return element(
      "li",
      {},
      element(
        "button",
        given,
        this.tiles.make(card, () => map, text),
        name,
        label,
        scale,
      ),
    );
  }

  update(_, changed) {
    this.tiles.update(changed);
  }
}
