// The classes of a picture as bars to press, and the search of others.

import { html } from "./dom.js";

const LISTED = 8; // bars before "show all"

export class TargetList {
	/** `options` are press(place), canFetch, and find(text) with choose(target) where there is more. */
	constructor(card, options) {
		Object.assign(this, { card, options, chosen: 0, known: "" });
		this.entries = card.targets.map((target, place) => ({
			...bar(target, () => options.press(place)),
			...{ place, index: target.index },
			allowed: (method) => options.canFetch || Boolean(card.map(method, place)),
		}));
		this.all = this.entries.length <= LISTED;
		const label = options.find ? "Another class" : "Search a class";
		this.items = html`<ol class="agcam-targets" aria-label="Classes, the model's best first"></ol>`;
		this.field = html`<input type="search" placeholder=${label} aria-label=${label}
			@input=${() => this.fill()} @keydown=${(event) => this.takeFirst(event)}>`;
		this.more = html`<button type="button" @click=${() => this.showAll()}>
			Show all ${this.entries.length}
		</button>`;
		const { note } = card.data;
		this.node = html`<section class="agcam-classes">
			${(options.find || !this.all) && this.field} ${this.items} ${this.more}
			${note && html`<p class="agcam-small">${note}</p>`}
		</section>`;
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
		const fitting = this.entries.filter(fits);
		this.items.replaceChildren(...fitting.map((one) => one.node));
		this.more.hidden = this.all || Boolean(words);
		if (!words || !options.find) return;
		const found = await options.find(words);
		if (words !== this.words) return; // more was typed meanwhile
		const known = ({ index }) => this.entries.find((one) => one.index === index);
		const bars = found.map((one) => known(one) ?? bar(one, () => options.choose(one)));
		this.items.replaceChildren(...new Set([...fitting, ...bars].map((one) => one.node)));
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
		if (known !== this.known)
			this.entries.forEach((one) => (one.button.disabled = agnostic || !one.allowed(method)));
		this.known = known;
		if (!this.entries[target]?.node.isConnected) this.fill();
	}
}

/** One class: its name, its score, a bar as long as its probability. */
function bar({ name, score, probability }, act) {
	const share = String(Math.min(Math.max(probability ?? 0, 0), 1));
	const button = html`<button type="button" aria-pressed="false" @click=${act}>
		<span class="agcam-bar" aria-hidden="true" .style=${{ "--share": share }}></span>
		<span class="agcam-name">${name}</span>
		<span class="agcam-score">${score}</span>
	</button>`;
	const press = (pressed) => button.setAttribute("aria-pressed", String(pressed));
	return { node: html`<li>${button}</li>`, button, text: name.toLowerCase(), press };
}
