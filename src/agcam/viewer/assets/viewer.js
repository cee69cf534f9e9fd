// One viewer: pictures, maps and predictions in, a page to work with out.

import { Card } from "./card.js";
import { Colours } from "./colours.js";
import { Detail } from "./detail.js";
import { html } from "./dom.js";
import { render } from "./lit.js";
import { everyPicture, Overview } from "./overview.js";
import { Store } from "./state.js";
import { nameCards, unbroken } from "./words.js";

/** Overviews of layouts that have one of their own; a page that has more of them adds them. */
export const OVERVIEWS = {};

/**
 * Show a document in an element: a `document_json` of agcam's viewer/data.py, with its cards. Hooks are
 * what a server adds: fetchMap(card, method, target), fetchParts(...), onState(state),
 * downloads(card, method, target) -> [{text, href, name}]. Targets that are `further` are found by a search.
 */
export function mount(place, given, hooks = {}) {
	const viewer = new Viewer(place, hooks);
	viewer.show(given);
	return viewer;
}

class Viewer {
	constructor(place, hooks) {
		Object.assign(this, { place, hooks });
		place.classList.add("agcam");
	}

	/** Show a document in the place of the one before. */
	show(given) {
		const changed = () => this.store.set();
		this.cards = given.cards.map((data) => new Card(data, this.hooks, changed));
		nameCards(this.cards);
		const pictures = this.cards.length > 1 ? [everyPicture(this.cards)] : [];
		const blocks = given.blocks?.length ? given.blocks : pictures;
		const first = { gallery: blocks.length > 0, ...this.firstState(given) };
		const store = new Store(first, () => store === this.store && this.update(store.state));
		const colours = new Colours(given.colormaps);
		const Made = OVERVIEWS[given.layout] ?? Overview;
		this.overview = blocks.length ? new Made(store, colours, this.cards, blocks) : null;
		this.detail = new Detail(store, colours, this.cards.length, this.overview);
		Object.assign(this, { given, store, closed: store.state.gallery });
		this.update(store.state);
	}

	/** What is shown first: the first map, unless the document says otherwise. */
	firstState({ view = {} }) {
		const card = this.cards[view.card ?? 0];
		const map = card?.first();
		return {
			method: map?.method ?? card?.methods[0]?.name ?? "",
			target: map?.target ?? 0,
			...view,
		};
	}

	/** Show what the state says; a picture that is opened, or left, comes into view. */
	update(state) {
		const closed = Boolean(this.overview) && state.gallery;
		const moved = closed !== this.closed;
		this.closed = closed;
		if (moved && !closed) {
			this.left = window.scrollY;
			this.opener = this.place.querySelector(":scope button:focus");
		}
		const card = closed ? null : this.cards[state.card];
		if (card) this.detail.update(card, state);
		render(this.view(card && this.detail.view(state)), this.place);
		if (card) this.detail.draw();
		else this.overview?.update();
		if (moved && closed) {
			this.opener?.focus({ preventScroll: true });
			window.scrollTo(0, this.left ?? 0);
		} else if (moved) {
			this.place.scrollIntoView();
			this.place.querySelector("h2").focus({ preventScroll: true });
		}
		this.hooks.onState?.(state);
	}

	view(opened) {
		const { title, lead, footer } = this.given;
		const head = html`<header>${title && html`<h1>${title}</h1>`}${lead && html`<p>${unbroken(lead)}</p>`}</header>`;
		return html`${(title || lead) && head}
			<div class="agcam-body">${opened ?? this.overview?.node}</div>
			${footer && html`<footer>${footer}</footer>`}`;
	}
}
