// Small maps that are drawn when they come into view.

import { loaded } from "./dom.js";
import { Pane } from "./pane.js";

const SIDE = 300; // pixels of a small map's longer side
const AT_ONCE = 40; // are drawn before anybody scrolls, or prints

/** Draws small maps as they are scrolled to. */
export class Tiles {
	constructor(store, colours) {
		Object.assign(this, { store, colours, waiting: new Map(), drawn: [], made: 0 });
		const load = ({ isIntersecting, target }) => isIntersecting && this.load(target);
		const seen = (entries) => entries.forEach(load);
		this.seen = new IntersectionObserver(seen, { rootMargin: "300px" });
		const loadAll = () => this.waiting.forEach((_, node) => this.load(node));
		window.addEventListener("beforeprint", loadAll);
	}

	/** A small map of a card; the picture alone where there is none, or until it is drawn. */
	make(card, map, label) {
		const pane = new Pane(this.colours, SIDE);
		pane.resize(card.frame);
		pane.canvas.setAttribute("role", "img");
		pane.canvas.setAttribute("aria-label", label);
		pane.canvas.style.background = `center / cover url(${JSON.stringify(card.data.picture.src)})`;
		this.waiting.set(pane.node, { card, map, pane });
		this.seen.observe(pane.node);
		if (this.made++ < AT_ONCE) this.load(pane.node);
		return pane.node;
	}

	/** Load a small map's picture, and draw it. */
	async load(node) {
		const tile = this.waiting.get(node);
		if (!tile) return;
		this.waiting.delete(node);
		this.seen.unobserve(node);
		tile.image = await loaded(tile.card.data.picture.src);
		if (!tile.image) return tile.pane.canvas.classList.add("agcam-missing");
		this.drawn.push(tile);
		this.draw(tile);
	}

	draw({ card, map, pane, image }) {
		const { state } = this.store;
		pane.draw({ card, image, grid: map ? card.grid(map) : null, mode: state.mode }, state);
	}

	/** Draw those that were seen with the state as it is now; others when they are scrolled to. */
	update() {
		this.drawn.forEach((tile) => this.draw(tile));
	}
}
