// What is shown and how; whoever draws listens to it.

/** `card` and `target` are places, `part` is [block, head]. @typedef {typeof INITIAL} State */

/** How a map can be looked at; an overview has the first three. */
export const MODES = [
	{ value: "overlay", text: "Overlay" },
	{ value: "map", text: "Map" },
	{ value: "original", text: "Picture" },
	{ value: "side", text: "Side by side" },
	{ value: "slider", text: "Slider" },
	{ value: "methods", text: "Two methods" },
];

export const INITIAL = {
	card: 0,
	method: "",
	target: 0,
	part: null,
	mode: "overlay",
	opacity: 0.5,
	threshold: 0.5,
	colormap: "turbo",
	boxes: false,
	contour: false,
	truth: true,
	split: 0.5,
	parts: false,
	gallery: false,
};

let stores = 0;

/** A state that notifies of its changes, once for each frame of the screen. */
export class Store {
	constructor(initial, listener) {
		Object.assign(this, { state: { ...INITIAL, ...initial }, listener });
		this.id = ++stores; // names of a viewer's elements
	}

	/** Change some of it, or none: something else that is shown has changed. */
	set(some = {}) {
		this.state = { ...this.state, ...some };
		this.waiting ??= requestAnimationFrame(() => this.flush());
	}

	/** Notify now. */
	flush() {
		cancelAnimationFrame(this.waiting);
		this.waiting = undefined;
		this.listener(this.state);
	}
}
