// What a page shows before a picture is opened: small maps to press, tables, curves and texts.

import { blockNode } from "./blocks.js";
import { button, element } from "./dom.js";
import { Tiles } from "./tiles.js";
import { captionOf, ends } from "./words.js";

const FEW = 24; // pictures, which may be larger

/** A block with the first map of every picture. */
export function everyPicture(cards) {
	const items = cards.map((card, place) => {
		const [best] = card.targets;
		return { card: place, lines: [best && `${best.name} ${best.score}`, card.data.caption] };
	});
	return { kind: "gallery", items, few: cards.length <= FEW };
}

export class Overview {
	/** `tools` are the controls of all small maps: they stand before the first ones. */
	constructor(store, colours, cards, blocks, tools) {
		Object.assign(this, { store, cards, tiles: new Tiles(store, colours) });
		const nodes = blocks.map((block) =>
			block.kind === "gallery" ? this.gallery(block) : blockNode(block),
		);
		const first = blocks.findIndex((block) => block.kind === "gallery");
		if (first >= 0) nodes.splice(first, 0, tools);
		this.node = element("div", "agcam-report", ...nodes);
	}

	/** Small maps: {card, method, target, caption, lines, scale} each, or {caption, refusal}. */
	gallery({ title, items, few }) {
		const given = { class: `agcam-gallery${few ? " agcam-few" : ""}`, "aria-label": title ?? "Pictures" };
		const list = element("ul", given, ...items.map((item) => this.tile(item)));
		return element("section", {}, title && element("h2", {}, title), list);
	}

	tile({ card: place = 0, method, target = 0, caption, lines = [], scale, refusal }) {
		const card = this.cards[place];
		const name = line(caption ?? card.name, "agcam-name");
		if (refusal) {
			const why = line(refusal, "agcam-problem");
			return element("li", {}, element("div", "agcam-refused", name, why));
		}
		const made = method ? card.map(method, target) : card.first();
		const map = method && made ? { ...made, target } : made;
		const shown = map ? captionOf(card, map) : "no map";
		const label = `${card.title}${caption ? `, ${caption}` : ""}: ${shown}`;
		const texts = [...lines, scale && map && ends(card.grid(map).range).join(" to ")];
		const error = line(card.data.error, "agcam-problem");
		return this.item(card, place, map, label, name, ...texts.map((text) => line(text)), error);
	}

	/** A small map with lines below it; pressed, it is opened. */
	item(card, place, map, label, ...lines) {
		const chosen = map ? { method: map.method, target: map.target ?? 0 } : {};
		const press = () => this.store.set({ card: place, gallery: false, part: null, ...chosen });
		const tile = card.drawn && this.tiles.make(card, map, label);
		return element("li", {}, button(press, { title: card.title }, tile, ...lines));
	}

	update(_, changed) {
		this.tiles.update(changed);
	}
}

/** A line below a small map. */
export function line(text, kind = "agcam-small") {
	return text ? element("span", kind, text) : null;
}
