// The classes of a picture as bars to press, and the search of others.

import { button, element } from "./dom.js";

const LISTED = 8; // bars before "show all"

export class TargetList {
	/** `options` are press(place), canFetch, and find(text) with choose(target) where there is more. */
	constructor(card, options) {
		Object.assign(this, { card, options, chosen: 0, known: "" });
		this.entries = card.targets.map((target, place) => {
			const allowed = (method) => options.canFetch || Boolean(card.map(method, place));
			return { ...bar(target, () => options.press(place)), place, allowed };
		});
		this.all = this.entries.length <= LISTED;
		const label = "Classes, the model's best first";
		this.items = element("ol", { class: "agcam-targets", "aria-label": label });
		this.field = element("input", {
			type: "search",
			placeholder: options.find ? "Another class" : "Search a class",
			"aria-label": options.find ? "Another class" : "Search a class",
			on: { input: () => this.fill(), keydown: (event) => this.takeFirst(event) },
		});
		this.more = button(() => this.showAll(), {}, `Show all ${this.entries.length}`);
		const { note } = card.data;
		this.node = element(
			"section",
			"agcam-classes",
			(options.find || !this.all) && this.field,
			this.items,
			this.more,
			note && element("p", "agcam-small", note),
		);
		this.fill();
	}

	showAll() {
		this.all = true;
		this.fill();
	}

	get words() {
		return this.field.value.trim().toLowerCase();
	}

	/** Put the bars that fit the search into the list; without one the first, or all. */
	async fill() {
		const { words, options } = this;
		const fits = ({ text, place }) =>
			words ? text.includes(words) : this.all || place < LISTED || place === this.chosen;
		const listed = this.entries.filter(fits);
		this.items.replaceChildren(...listed.map((one) => one.node));
		this.more.hidden = this.all || Boolean(words);
		if (!words || !options.find) return;
		const found = await options.find(words);
		if (words !== this.words) return; // more was typed meanwhile
		const known = ({ name }) => this.entries.find((one) => one.name === name);
		const bars = found.map((one) => known(one) ?? bar(one, () => options.choose(one)));
		this.items.replaceChildren(...new Set([...listed, ...bars].map((one) => one.node)));
	}

	async takeFirst(event) {
		if (event.key !== "Enter" || !this.words) return;
		event.preventDefault();
		await this.fill();
		this.items.querySelector("button:enabled")?.click();
	}

	/** Show what the state says: only the bars that it changes are touched. */
	show({ target, method }) {
		const agnostic = this.card.method(method)?.class_specific === false;
		this.entries[this.chosen]?.press(false);
		this.chosen = target;
		this.entries[target]?.press(!agnostic);
		const known = `${method} ${this.card.maps.length}`;
		if (known !== this.known) {
			this.entries.forEach((one) => (one.button.disabled = agnostic || !one.allowed(method)));
		}
		this.known = known;
		if (!this.entries[target]?.node.isConnected) this.fill();
	}
}

/** One class: its name, its score, a bar as long as its probability. */
function bar({ name, score, probability }, act) {
	const share = Math.min(Math.max(probability ?? 0, 0), 1);
	const length = { class: "agcam-bar", "aria-hidden": "true", style: { "--share": String(share) } };
	const made = button(
		act,
		{ "aria-pressed": "false" },
		element("span", length),
		element("span", "agcam-name", name),
		element("span", "agcam-score", score),
	);
	const press = (pressed) => made.setAttribute("aria-pressed", String(pressed));
	return { node: element("li", {}, made), button: made, name, text: name.toLowerCase(), press };
}
