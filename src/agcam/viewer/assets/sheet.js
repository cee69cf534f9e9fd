// One picture by several methods: a row of maps for each target, all methods at any width.

import { blockNode } from "./blocks.js";
import { element } from "./dom.js";
import { line, Overview } from "./overview.js";
import { captionOf, ends } from "./words.js";

export class Sheet extends Overview {
	constructor(store, colours, [card], blocks = [], tools) {
		super(store, colours);
		const rows = (card.data.rows ?? []).map((place) => this.row(card, card.targets[place], place));
		this.node = element("div", "agcam-sheet", tools, ...rows, ...blocks.map(blockNode));
	}

	row(card, target, place) {
		const tiles = card.methods.map((method) => this.tile(card, method, place));
		return element(
			"section",
			{},
			element("h2", {}, `What speaks for ${target.name} (${target.judged ?? target.score})`),
			element("ul", "agcam-tiles", ...tiles),
		);
	}

	tile(card, method, place) {
		const map = card.map(method.name, place);
		const name = line(method.name, "agcam-name");
		if (!map) {
			const why = line(method.refusal ?? "no map", "agcam-problem");
			return element("li", {}, element("div", "agcam-refused", name, why));
		}
		const kind = method.class_specific ? method.label : "the same map for every class";
		const label = `${method.name}: ${captionOf(card, map)}`;
		const scale = ends(card.grid(map).range).join(" to ");
		return this.item(card, 0, { ...map, target: place }, label, name, line(kind), line(scale));
	}
}
