// One viewer: pictures, maps and predictions in, a page to work with out.

import { Card } from "./card.js";
import { Colours } from "./colours.js";
import { overviewControls } from "./controls.js";
import { Detail } from "./detail.js";
import { element } from "./dom.js";
import { everyPicture, Overview } from "./overview.js";
import { Store } from "./state.js";
import { nameCards } from "./words.js";

/**
 * Show a document in an element: a `document_json` of agcam's viewer/data.py, with its cards. Hooks are
 * what a server adds: fetchMap(card, method, target), fetchParts(...), findTargets(text),
 * downloads(card, method, target) -> [{text, href, name}], onState(state).
 */
export function mount(place, given, hooks = {}) {
	const viewer = new Viewer(place, hooks);
	viewer.show(given);
	return {
		show: (next) => viewer.show(next),
		setState: (some) => viewer.store.set(some),
		state: () => viewer.store.state,
		destroy: () => viewer.destroy(),
	};
}

/** Overviews of layouts that have one of their own; a page that has more of them adds them. */
export const OVERVIEWS = {};

class Viewer {
	constructor(place, hooks) {
		this.place = place;
		this.hooks = hooks;
		place.classList.add("agcam");
	}

	show(given) {
		this.destroy();
		this.cards = given.cards.map((data) => new Card(data, this.hooks));
		nameCards(this.cards);
		const pictures = this.cards.length > 1 ? [everyPicture(this.cards)] : [];
		const blocks = given.blocks?.length ? given.blocks : pictures;
		this.store = new Store({ gallery: blocks.length > 0, ...this.firstState(given) });
		const colours = new Colours(given.colormaps);
		this.tools = overviewControls(this.store, colours);
		const Made = OVERVIEWS[given.layout] ?? Overview;
		this.overview = blocks.length
			? new Made(this.store, colours, this.cards, blocks, this.tools.node)
			: null;
		this.detail = new Detail(this.store, colours, this.cards.length, this.overview);
		this.fill(given);
		this.leave = this.store.subscribe((state, changed) => this.update(state, changed));
		this.update(this.store.state, new Set());
	}

	destroy() {
		this.leave?.();
		this.place.replaceChildren();
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
		const heads = [title && element("h1", {}, title), lead && element("p", {}, lead)];
		const head = title || lead ? element("header", {}, ...heads) : null;
		const body = element("div", "agcam-body", this.overview?.node, this.detail.node);
		this.place.append(...[head, body, footer && element("footer", {}, footer)].filter(Boolean));
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
