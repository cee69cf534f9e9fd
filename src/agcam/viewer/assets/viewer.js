// One viewer: pictures, maps and predictions in, a page to work with out.

import { Card } from "./card.js";
import { Colours } from "./colours.js";
import { overviewControls } from "./controls.js";
import { Detail } from "./detail.js";
import { html } from "./dom.js";
import { everyPicture, Overview } from "./overview.js";
import { Store } from "./state.js";
import { nameCards } from "./words.js";

/** Overviews of layouts that have one of their own; a page that has more of them adds them. */
export const OVERVIEWS = {};

/**
 * Show a document in an element: a `document_json` of agcam's viewer/data.py, with its cards. Hooks are
 * what a server adds: fetchMap(card, method, target), fetchParts(...), findTargets(text),
 * downloads(card, method, target) -> [{text, href, name}], onState(state).
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
		this.cards = given.cards.map((data) => new Card(data, this.hooks));
		nameCards(this.cards);
		const pictures = this.cards.length > 1 ? [everyPicture(this.cards)] : [];
		const blocks = given.blocks?.length ? given.blocks : pictures;
		const first = { gallery: blocks.length > 0, ...this.firstState(given) };
		const store = new Store(first, (...news) => store === this.store && this.update(...news));
		const colours = new Colours(given.colormaps);
		this.store = store;
		this.tools = overviewControls(store, colours);
		const Made = OVERVIEWS[given.layout] ?? Overview;
		this.overview = blocks.length
			? new Made(store, colours, this.cards, blocks, this.tools.node)
			: null;
		this.detail = new Detail(store, colours, this.cards.length, this.overview);
		this.fill(given);
		this.update(store.state, new Set());
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

	fill({ title, lead, footer }) {
		this.place.replaceChildren();
		const heads = [title && html`<h1>${title}</h1>`, lead && html`<p>${lead}</p>`];
		if (title || lead) this.place.append(html`<header>${heads}</header>`);
		this.place.append(html`<div class="agcam-body">${this.overview?.node}${this.detail.node}</div>`);
		if (footer) this.place.append(html`<footer>${footer}</footer>`);
	}

	update(state, changed) {
		const closed = Boolean(this.overview) && state.gallery;
		this.place.classList.toggle("agcam-opened", Boolean(this.overview) && !closed);
		const [shown, hidden] = closed ? [this.overview, this.detail] : [this.detail, this.overview];
		if (changed.has("gallery") && !closed) this.left = window.scrollY;
		shown.node.hidden = false;
		if (hidden) hidden.node.hidden = true;
		if (closed) this.overview.update(state, changed);
		else if (this.cards.length) this.detail.update(this.cards[state.card], state);
		if (closed) this.tools.show(state);
		if (changed.has("gallery")) this.move(closed);
		this.hooks.onState?.(state);
	}

	/** Where the reader looks when a picture is opened, or left again. */
	move(closed) {
		if (closed) {
			this.opener?.focus({ preventScroll: true });
			window.scrollTo(0, this.left ?? 0);
		} else {
			this.opener = this.place.querySelector(":scope button:focus");
			this.place.scrollIntoView();
			this.detail.heading.focus({ preventScroll: true });
		}
	}
}
