// All pictures of a page, small; press one to work with it.

import { element } from "./dom.js";
import { Tiles } from "./tiles.js";
import { captionOf } from "./words.js";

export class Gallery {
  constructor(store, colours, cards, _, tools) {
    this.store = store;
    this.tiles = new Tiles(store, colours);
    const items = cards.map((card, place) => this.item(card, place));
    const list = element("ul", { class: "agcam-gallery", "aria-label": "Pictures" }, ...items);
    this.node = element("div", {}, tools, list);
  }

  item(card, place) {
    const map = card.first();
    const text = map ? `${card.title}: ${captionOf(card, map)}` : card.title;
    const [best] = card.targets;
    const press = () =>
      this.store.set({
        card: place,
        gallery: false,
        part: null,
        ...(map ? { method: map.method, target: map.target ?? 0 } : {}),
      });
    const button = element(
      "button",
      { type: "button", on: { click: press } },
      card.drawn ? this.tiles.make(card, () => map, text) : null,
      element("span", { class: "agcam-name" }, card.title),
      best ? element("span", { class: "agcam-small" }, `${best.name} ${best.score}`) : null,
      card.data.caption ? element("span", { class: "agcam-small" }, card.data.caption) : null,
      card.data.error ? element("span", { class: "agcam-problem" }, card.data.error) : null,
    );
    return element("li", {}, button);
  }

  update(_, changed) {
    this.tiles.update(changed);
  }
}
