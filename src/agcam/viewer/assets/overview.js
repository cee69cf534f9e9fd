// What all overviews share: small maps to press, drawn when they come into view.

import { button, element } from "./dom.js";
import { Tiles } from "./tiles.js";

export class Overview {
	constructor(store, colours) {
		this.store = store;
		this.tiles = new Tiles(store, colours);
	}

	/** A small map with lines below it; pressed, it is opened. */
	item(card, place, map, label, ...lines) {
		const chosen = map ? { method: map.method, target: map.target ?? 0 } : {};
		const press = () => this.store.set({ card: place, gallery: false, part: null, ...chosen });
		const tile = card.drawn && this.tiles.make(card, map, label);
		return element("li", {}, button(press, {}, tile, ...lines));
	}

	update(_, changed) {
		this.tiles.update(changed);
	}
}

/** A line below a small map. */
export function line(text, kind = "agcam-small") {
	return text ? element("span", kind, text) : null;
}
