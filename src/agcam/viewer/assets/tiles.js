// Small maps that are drawn when they come into view.

import { html } from "./dom.js";
import { sizeFor } from "./pixels.js";
import { Painter } from "./render.js";

const SIDE = 300; // pixels of a small map's longer side
const AT_ONCE = 40; // are drawn before anybody scrolls

/** Draws small maps as they are scrolled to. */
export class Tiles {
	constructor(store, colours) {
		this.store = store;
		this.colours = colours;
		this.waiting = new Map();
		this.drawn = new Set();
		this.made = 0;
		this.seen = new IntersectionObserver((entries) => this.loadVisible(entries), {
			rootMargin: "300px",
		});
		window.addEventListener("beforeprint", () =>
			this.waiting.forEach((_, canvas) => this.load(canvas)),
		);
	}

	/** A small map of a card, the picture alone where there is none. */
	make(card, map, label) {
		const [width, height] = sizeFor(card.frame, SIDE);
		const background = `center / cover url(${JSON.stringify(card.data.picture.src)})`;
		const canvas = html`<canvas width=${width} height=${height} role="img" aria-label=${label}
			.style=${{ background }}></canvas>`; // the picture alone, until it is drawn
		this.waiting.set(canvas, { card, map });
		this.seen.observe(canvas);
		if (this.made++ < AT_ONCE) this.load(canvas);
		return canvas;
	}

	loadVisible(entries) {
		entries.filter((entry) => entry.isIntersecting).forEach((entry) => this.load(entry.target));
	}

	/** Load a small map's picture, and draw it. */
	async load(canvas) {
		const tile = this.waiting.get(canvas);
		if (!tile) return;
		this.waiting.delete(canvas);
		this.seen.unobserve(canvas);
		tile.image = new Image();
		tile.image.src = tile.card.data.picture.src;
		try {
			await tile.image.decode();
		} catch {
			canvas.classList.add("agcam-missing");
			return;
		}
		tile.painter = new Painter(canvas);
		this.drawn.add(tile);
		this.draw(tile);
	}

	draw({ card, map, painter, image }) {
		const { state } = this.store;
		painter.draw({
			image,
			frame: card.frame,
			grid: map ? card.grid(map) : null,
			table: this.colours.table(state.colormap),
			opacity: state.opacity,
			mode: state.mode === "map" || state.mode === "original" ? state.mode : "overlay",
		});
		(card.data.boxes ?? []).forEach((box) => outline(painter, card.frame, box));
	}

	/** Draw those in sight with the state as it is now; others when they are scrolled to. */
	update(changed) {
		const drawn = ["colormap", "opacity", "mode"];
		if (!drawn.some((name) => changed.has(name))) return;
		this.drawn.forEach((tile) => this.draw(tile));
	}
}

/** A true box, light on dark. */
function outline({ context, canvas }, frame, [left, top, right, bottom]) {
	const [across, down] = [canvas.width / frame.width, canvas.height / frame.height];
	const sides = [left * across, top * down, (right - left) * across, (bottom - top) * down];
	for (const [colour, width] of Object.entries({ "#000": 4, "#fff": 2 })) {
		Object.assign(context, { strokeStyle: colour, lineWidth: width });
		context.strokeRect(...sides);
	}
}
