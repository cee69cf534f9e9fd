// The picture with its map: views beside each other, zoom, and the value under the pointer.

import { element, html, short } from "./dom.js";
import { Look } from "./look.js";
import { Pane } from "./pane.js";
import { patchAt } from "./pixels.js";
import { listenToPointers } from "./pointers.js";

const HINT =
	"Arrow keys move from patch to patch and read their values; plus and minus zoom, 0 shows all, " +
	"Shift with an arrow key moves what is shown.";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const CLOSER = 1.5; // times
const ZOOMS = { "+": CLOSER, "=": CLOSER, "-": 1 / CLOSER, 0: 0 };

export class Stage {
	constructor(store, colours) {
		Object.assign(this, { store, panes: [new Pane(colours), new Pane(colours)] });
		const wheel = (event) => {
			if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
			event.preventDefault();
			this.zoom(2 ** (-event.deltaY / 100), this.placeOf(event));
		};
		this.panel = element(html`<div class="agcam-panes" tabindex="0" role="application"
			aria-describedby=${`hint-${store.id}`} @keydown=${(event) => this.press(event)} @wheel=${wheel}
			@dblclick=${(event) => this.zoom(this.look.zoom > 1 ? 0 : 3, this.placeOf(event))}>
			${this.panes.map((pane) => pane.node)}
		</div>`);
		listenToPointers(this.panel, {
			read: (point) => this.readAt(point),
			leave: () => this.point(null),
			zoomed: () => this.look.zoom > 1,
			move: (across, down) => this.move(across, down),
			pinch: (times, point) => this.zoom(times, this.placeOf(point)),
		});
		const sizes = new ResizeObserver(() => store.set());
		this.panes.forEach((pane) => sizes.observe(pane.node));
	}

	/** Show another card, whose image comes later. */
	setCard(card) {
		Object.assign(this, { card, look: new Look(), image: null, views: [], frame: 0, cursor: null });
	}

	/**
	 * The canvases and what stands around them. They show one view {grid, square, mode, name, from}
	 * of the picture, or two beside each other.
	 */
	view({ mode, split }, views) {
		this.views = views;
		const { width, height } = this.card.frame;
		const slide = ({ target }) => this.store.set({ split: Number(target.value) });
		const zoom = (text, label, times) =>
			html`<button type="button" aria-label=${label} @click=${() => this.zoom(times)}>${text}</button>`;
		return html`<div class="agcam-stage" .style=${`--ratio: ${width / height}`}>
			${this.panel}
			<input type="range" class="agcam-divider" min="0" max="1" step="0.005" .value=${String(split)}
				aria-label="Divider between picture and map" ?hidden=${mode !== "slider"} @input=${slide}>
			${this.card.data.frames > 1 && this.frameSlider(this.card.data.frames)}
			<p id=${`hint-${this.store.id}`} class="agcam-hidden">${HINT}</p>
			<div class="agcam-under-stage">
				<output class="agcam-readout">${this.readout}</output>
				${zoom("−", "Zoom out", 1 / CLOSER)} ${zoom("+", "Zoom in", CLOSER)}
				${zoom("Fit", "Show all of it", 0)}
			</div>
		</div>`;
	}

	/** The frames of a clip lie row by row on a square contact sheet: all of it, or one at a time. */
	frameSlider(count) {
		const across = Math.ceil(Math.sqrt(count));
		const down = Math.ceil(count / across);
		const show = ({ target }) => {
			this.frame = Number(target.value);
			const [row, column] = [Math.floor((this.frame - 1) / across), (this.frame - 1) % across];
			if (!this.frame) this.look.enlarge(0);
			else this.look.show((column + 0.5) / across, (row + 0.5) / down, Math.min(across, down));
			this.store.flush();
		};
		const text = this.frame ? `${this.frame} of ${count}` : "all";
		return html`<div class="agcam-field">
			<span>Frame <output>${text}</output></span>
			<input type="range" min="0" max=${count} step="1" .value=${String(this.frame)} aria-label="Frame"
				@input=${show}>
		</div>`;
	}

	draw(text) {
		this.panel.classList.toggle("agcam-zoomed", this.look.zoom > 1);
		this.panel.setAttribute("aria-label", text);
		const { card, image, look, views, cursor } = this;
		this.panes.forEach((pane, place) => {
			pane.node.hidden = place >= views.length;
			const shown = { card, image, part: look.part(card.frame), cursor, ...views[place] };
			if (!pane.node.hidden) pane.draw(shown, this.store.state);
		});
	}

	/** What is drawn last, in its own size, as a canvas to keep. */
	copy() {
		return this.panes[this.views.length - 1].copy();
	}

	/** The pane that a place of the screen lies on: they stand beside each other. */
	paneOf({ clientX }) {
		const [first, second] = this.panes;
		return second.node.hidden || clientX < second.node.getBoundingClientRect().left ? first : second;
	}

	/** A place of the screen in shares of the picture. */
	placeOf(event) {
		const area = this.paneOf(event).canvas.getBoundingClientRect();
		return this.look.place(
			(event.clientX - area.left) / area.width,
			(event.clientY - area.top) / area.height,
		);
	}

	/** Move what is shown by pixels of the screen. */
	move(across, down) {
		const area = this.panes[0].canvas.getBoundingClientRect();
		this.look.shift(-across / area.width, -down / area.height);
		this.store.set();
	}

	readAt(event) {
		const pane = this.paneOf(event);
		const { grid } = pane.shown ?? {};
		const patch = grid && patchAt(grid, this.card.frame, this.placeOf(event));
		this.point(patch && [...patch, this.panes.indexOf(pane)]);
	}

	/** Read a patch: [row, column, number of its pane]. */
	point(cursor) {
		if (String(cursor) === String(this.cursor)) return;
		this.cursor = cursor;
		this.store.flush();
	}

	/** Place and value of the patch that is read. */
	get readout() {
		const [row, column, pane] = this.cursor ?? [];
		const { grid } = this.views[pane] ?? this.views[0];
		if (!this.cursor || !grid) return "";
		const [low, high] = grid.range;
		const value = grid.values[row * grid.shape[1] + column];
		const share = high > low ? (value - low) / (high - low) : 0;
		const percent = Math.round(100 * Math.min(Math.max(share, 0), 1));
		return `row ${row + 1}, column ${column + 1}: ${short(value)}, ${percent} % of the scale`;
	}

	press(event) {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const step = STEPS[event.key];
		if (step && event.shiftKey) {
			this.look.shift(step[1] / 10, step[0] / 10);
			this.store.set();
		} else if (step) this.step(step);
		else if (event.key in ZOOMS) this.zoom(ZOOMS[event.key]);
		else return;
		event.preventDefault();
		event.stopPropagation();
	}

	/** Read the patch beside the one that is read; at first one in the middle. */
	step(by) {
		const { shape } = this.views[0].grid ?? {};
		const from = this.cursor ?? shape?.map((cells, side) => (cells >> 1) - by[side]);
		const place = (cells, side) => Math.min(Math.max(from[side] + by[side], 0), cells - 1);
		if (shape) this.point([...shape.map(place), from[2] ?? 0]);
	}

	/** Zoom by a factor, 0 for all of the picture; `place` stays where it is. */
	zoom(times, place = undefined) {
		this.look.enlarge(times, place);
		this.store.set();
	}
}
