// A run: tables, curves, and pictures that can be opened.

import { blockNode } from "./blocks.js";
import { element } from "./dom.js";
import { Tiles } from "./tiles.js";
import { captionOf } from "./words.js";

export class Report {
  constructor(store, colours, cards, blocks = [], tools) {
    this.store = store;
    this.cards = cards;
    this.tiles = new Tiles(store, colours);
    const nodes = blocks.map((block) =>
      block.kind === "gallery" ? this.gallery(block) : blockNode(block),
    );
    const first = blocks.findIndex((block) => block.kind === "gallery");
    if (first >= 0) nodes.splice(first, 0, tools);
    this.node = element("div", { class: "agcam-report" }, ...nodes);
  }

  gallery({ title, items }) {
    const list = element("ul", { class: "agcam-tiles" }, ...items.map((item) => this.item(item)));
    return element("section", {}, element("h3", {}, title), list);
  }

  item({ card: place, method, caption }) {
    const card = this.cards[place];
    const map = card.maps.find((one) => one.method === method);
    const text = `${card.title}, ${caption}: ${map ? captionOf(card, map) : "no map"}`;
    const press = () =>
      this.store.set({ card: place, method, target: map?.target ?? 0, part: null, gallery: false });
    const button = element(
      "button",
      { type: "button", on: { click: press } },
      this.tiles.make(card, () => map, text),
      element("span", { class: "agcam-name" }, caption),
      element("span", {}, card.data.caption ?? ""),
      element("span", { class: "agcam-small" }, card.title),
    );
    return element("li", {}, button);
  }

  update(_, changed) {
    this.tiles.update(changed);
  }
}
