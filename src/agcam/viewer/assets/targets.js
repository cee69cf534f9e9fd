// The classes of a picture as bars to press, and the search of others.

import { html } from "./dom.js";

const LISTED = 8; // bars before "show all"

export class TargetList {
	constructor(store, card) {
		Object.assign(this, { store, card, text: "", found: [], all: card.targets.length <= LISTED });
	}

	get words() {
		return this.text.trim().toLowerCase();
	}

	/** The bars that fit the search; without one the first, or all. */
	view({ target: chosen, method }) {
		const { card, words, all } = this;
		const { fetchMap, findTargets } = card.hooks;
		const agnostic = card.method(method)?.class_specific === false;
		const fits = ({ name }, place) =>
			words ? name.toLowerCase().includes(words) : all || place < LISTED || place === chosen;
		const listed = new Set([...card.targets.filter(fits), ...(words ? this.found : [])]);
		const places = new Map(card.targets.map((one, place) => [one, place]));
		const bars = [...listed].map((one) => {
			const place = places.get(one);
			const there = fetchMap || card.map(method, place);
			return bar(one, place === chosen && !agnostic, agnostic || !there, () => this.press(one));
		});
		const label = findTargets ? "Another class" : "Search a class";
		const few = card.targets.length <= LISTED;
		return html`<section class="agcam-classes">
			${(findTargets || !few) && html`<input type="search" placeholder=${label} aria-label=${label}
				.value=${this.text} @input=${this.search} @keydown=${this.takeFirst}>`}
			<ol class="agcam-targets" aria-label="Classes, the model's best first">${bars}</ol>
			${!all && !words && html`<button type="button" @click=${this.showAll}>
				Show all ${card.targets.length}
			</button>`}
			${card.data.note && html`<p class="agcam-small">${card.data.note}</p>`}
		</section>`;
	}

	showAll = () => {
		this.all = true;
		this.store.set();
	};

	/** Show a class; what was searched is listed from now on. */
	press(one) {
		const { targets } = this.card;
		if (!targets.includes(one)) {
			targets.push(one);
			this.text = "";
		}
		this.store.set({ target: targets.indexOf(one), part: null });
	}

	search = async ({ target }) => {
		Object.assign(this, { text: target.value, found: [] });
		this.store.set();
		const { words } = this;
		const { targets, hooks } = this.card;
		if (!words || !hooks.findTargets) return;
		const found = await hooks.findTargets(words);
		if (words !== this.words) return; // more was typed meanwhile
		this.found = found.map((one) => targets.find(({ index }) => index === one.index) ?? one);
		this.store.set();
	};

	takeFirst = async (event) => {
		if (event.key !== "Enter" || !this.words) return;
		event.preventDefault();
		const list = event.target.nextElementSibling;
		await this.search(event);
		this.store.flush();
		list.querySelector("button:enabled")?.click();
	};
}

/** One class: its name, its score, a bar as long as its probability. */
function bar({ name, score, probability }, pressed, disabled, press) {
	const share = Math.min(Math.max(probability ?? 0, 0), 1);
	return html`<li>
		<button type="button" aria-pressed=${pressed} ?disabled=${disabled} @click=${press}>
			<span class="agcam-bar" aria-hidden="true" .style=${`--share: ${share}`}></span>
			<span class="agcam-name">${name}</span>
			<span class="agcam-score">${score}</span>
		</button>
	</li>`;
}
