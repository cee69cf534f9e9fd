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

/** A state that notifies of its changes, once for each frame of the screen. */
export class Store {
	/** `listener` is called with the new state and the names of what changed. */
	constructor(initial, listener) {
		this.state = { ...INITIAL, ...initial };
		this.listener = listener;
		this.changed = new Set();
	}

	/** Change some of it. */
	set(some) {
		for (const [name, value] of Object.entries(some)) {
			if (!(name in INITIAL) || this.state[name] === value) continue;
			this.state = { ...this.state, [name]: value };
			this.changed.add(name);
		}
		if (this.changed.size) this.waiting ??= requestAnimationFrame(() => this.flush());
	}

	/** Notify now. */
	flush() {
		cancelAnimationFrame(this.waiting);
		this.waiting = undefined;
		const { changed } = this;
		this.changed = new Set();
		this.listener(this.state, changed);
	}
}
