// All pictures of a page, small; press one to work with it.

import { element } from "./dom.js";
import { line, Overview } from "./overview.js";
import { captionOf } from "./words.js";

const FEW = 24; // pictures, which may be larger

export class Gallery extends Overview {
	constructor(store, colours, cards, _, tools) {
		super(store, colours);
		const items = cards.map((card, place) => this.picture(card, place));
		const kind = `agcam-gallery${cards.length > FEW ? "" : " agcam-few"}`;
		const list = element("ul", { class: kind, "aria-label": "Pictures" }, ...items);
		this.node = element("div", {}, tools, list);
	}

	picture(card, place) {
		const map = card.first();
		const [best] = card.targets;
		return this.item(
			card,
			place,
			map,
			map ? `${card.title}: ${captionOf(card, map)}` : card.title,
			element("span", { class: "agcam-name", title: card.title }, card.name),
			line(best && `${best.name} ${best.score}`),
			line(card.data.caption),
			line(card.data.error, "agcam-problem"),
		);
	}
}
