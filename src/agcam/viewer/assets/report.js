// A run: tables, curves, and pictures that can be opened.

import { blockNode } from "./blocks.js";
import { element } from "./dom.js";
import { line, Overview } from "./overview.js";
import { captionOf } from "./words.js";

export class Report extends Overview {
	constructor(store, colours, cards, blocks = [], tools) {
		super(store, colours);
		this.cards = cards;
		const nodes = blocks.map((block) =>
			block.kind === "gallery" ? this.gallery(block) : blockNode(block),
		);
		const first = blocks.findIndex((block) => block.kind === "gallery");
		if (first >= 0) nodes.splice(first, 0, tools);
		this.node = element("div", "agcam-report", ...nodes);
	}

	gallery({ title, items }) {
		const list = element("ul", "agcam-tiles", ...items.map((item) => this.judged(item)));
		return element("section", {}, element("h3", {}, title), list);
	}

	judged({ card: place, method, caption }) {
		const card = this.cards[place];
		const map = card.maps.find((one) => one.method === method);
		const label = `${card.title}, ${caption}: ${map ? captionOf(card, map) : "no map"}`;
		const lines = [line(caption, "agcam-name"), line(card.data.caption, ""), line(card.name)];
		return this.item(card, place, map, label, ...lines);
	}
}
