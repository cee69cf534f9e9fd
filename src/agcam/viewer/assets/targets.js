// The classes of a picture as bars to press, and the search of others.

import { html } from "./dom.js";

const LISTED = 8; // bars before "show all"
const FOUND = 40; // bars of a search, at most

export class TargetList {
	constructor(store, card) {
		Object.assign(this, { store, card, text: "", all: false });
	}

	/** Places of the classes that fit the search; without one the first, or all but `further` ones. */
	listed(chosen) {
		const { targets } = this.card;
		const words = this.text.trim().toLowerCase();
		const order = ({ name, index }) => (String(index) === words ? 0 : name.toLowerCase().indexOf(words));
		const places = [...targets.keys()].filter((place) =>
			words ? order(targets[place]) >= 0 : place === chosen || !targets[place].further,
		);
		if (words) return places.sort((a, b) => order(targets[a]) - order(targets[b])).slice(0, FOUND);
		return this.all ? places : places.filter((place, number) => number < LISTED || place === chosen);
	}

	view({ target: chosen, method }) {
		const { card } = this;
		const agnostic = card.method(method)?.class_specific === false;
		const known = card.targets.filter((one) => !one.further).length;
		const bars = this.listed(chosen).map((place) => {
			const there = card.hooks.fetchMap || card.map(method, place);
			const press = () => this.press(place);
			return bar(card.targets[place], place === chosen && !agnostic, agnostic || !there, press);
		});
		return html`<section class="agcam-classes">
			${(known > LISTED || known < card.targets.length) && html`<input type="search"
				placeholder="Another class" aria-label="Another class" .value=${this.text}
				@input=${this.search} @keydown=${this.takeFirst}>`}
			<ol class="agcam-targets" aria-label="Classes, the model's best first">${bars}</ol>
			${known > LISTED && !this.all && !this.text && html`<button type="button" @click=${this.showAll}>
				Show all ${known}
			</button>`}
			${card.data.note && html`<p class="agcam-small">${card.data.note}</p>`}
		</section>`;
	}

	showAll = () => {
		this.all = true;
		this.store.set();
	};

	/** Show a class; what was searched is listed from now on. */
	press(place) {
		const chosen = this.card.targets[place];
		if (chosen.further) this.text = "";
		chosen.further = false;
		this.store.set({ target: place, part: null });
	}

	search = ({ target }) => {
		this.text = target.value;
		this.store.set();
	};

	takeFirst = (event) => {
		if (event.key !== "Enter") return;
		event.preventDefault();
		this.store.flush();
		if (this.text) event.target.nextElementSibling.querySelector("button:enabled")?.click();
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
