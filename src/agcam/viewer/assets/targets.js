// The classes of a picture as bars to press.

import { button, element } from "./dom.js";
import { searchField } from "./search.js";

const LISTED = 8; // bars before "show all"

export class TargetList {
	/** `options` are press(place), canFetch, and find(text) with choose(target) where there is a search. */
	constructor(card, options) {
		this.card = card;
		this.entries = card.targets.map((target, place) => entry(card, target, place, options));
		this.all = this.entries.length <= LISTED;
		this.chosen = 0;
		this.known = ""; // for which maps the bars were allowed to be pressed
		const label = "Classes, the model's best first";
		this.items = element("ol", { class: "agcam-targets", "aria-label": label });
		this.filter = element("input", {
			type: "search",
			placeholder: "Search a class",
			"aria-label": "Search a class",
			on: { input: () => this.fill() },
		});
		this.more = button(() => this.showAll(), {}, `Show all ${this.entries.length}`);
		const { note } = card.data;
		this.node = element(
			"section",
			"agcam-classes",
			!this.all && this.filter,
			this.items,
			!this.all && this.more,
			options.find && searchField(options.find, options.choose),
			note && element("p", "agcam-small", note),
		);
		this.fill();
	}

	showAll() {
		this.all = true;
		this.fill();
	}

	/** Put the bars that fit the search into the list; without one the first, or all. */
	fill() {
		const words = this.filter.value.trim().toLowerCase();
		const fits = ({ text, place }) =>
			words ? text.includes(words) : this.all || place < LISTED || place === this.chosen;
		this.items.replaceChildren(...this.entries.filter(fits).map((one) => one.node));
		this.more.hidden = this.all || Boolean(words);
	}

	/** Show what the state says: only the bars that it changes are touched. */
	show({ target, method }) {
		const agnostic = this.card.method(method)?.class_specific === false;
		this.entries[this.chosen]?.press(false);
		this.chosen = target;
		this.entries[target]?.press(!agnostic);
		const known = `${method} ${this.card.maps.length}`;
		if (known !== this.known) this.entries.forEach((one) => one.allow(method, agnostic));
		this.known = known;
		if (!this.entries[target]?.node.isConnected) this.fill();
	}
}

/** One class: its name, its score, a bar as long as its probability. */
function entry(card, target, place, options) {
	const share = Math.min(Math.max(target.probability ?? 0, 0), 1);
	const bar = element("span", {
		class: "agcam-bar",
		"aria-hidden": "true",
		style: { "--share": String(share) },
	});
	const name = element("span", "agcam-name", target.name);
	const score = element("span", "agcam-score", target.score);
	const node = button(() => options.press(place), { "aria-pressed": "false" }, bar, name, score);
	const press = (pressed) => node.setAttribute("aria-pressed", String(pressed));
	const allow = (method, agnostic) => {
		node.disabled = agnostic || !(options.canFetch || card.map(method, place));
	};
	return { node: element("li", {}, node), text: target.name.toLowerCase(), place, press, allow };
}
