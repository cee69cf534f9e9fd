// The picture with its map: views beside each other, zoom, and the value under the pointer.

import { html, newId, short } from "./dom.js";
import { FrameSlider } from "./frames.js";
import { Look } from "./look.js";
import { Pane } from "./pane.js";
import { patchAt } from "./pixels.js";
import { listenToPointers } from "./pointers.js";

const HINT =
	"Arrow keys move from patch to patch and read their values; plus and minus zoom, 0 shows all, " +
	"Shift with an arrow key moves what is shown.";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const CLOSER = 1.5; // times

export class Stage {
	constructor(store, colours) {
		this.store = store;
		this.colours = colours;
		this.look = new Look();
		this.cursor = null;
		this.panes = [new Pane(), new Pane()];
		const hint = newId("hint");
		this.readout = html`<output class="agcam-readout"></output>`;
		this.frames = new FrameSlider((place, times) => {
			this.look.centre(place, times);
			this.redraw();
		});
		const split = () => this.store.set({ split: Number(this.divider.value) });
		this.divider = html`<input type="range" class="agcam-divider" min="0" max="1" step="0.005"
			aria-label="Divider between picture and map" @input=${split}>`;
		this.panel = html`<div class="agcam-panes" tabindex="0" role="application" aria-describedby=${hint}>
			${this.panes.map((pane) => pane.node)}
		</div>`;
		const zoom = (times) => () => this.zoom(times);
		this.node = html`<div class="agcam-stage">
			${this.panel} ${this.divider} ${this.frames.node}
			<p id=${hint} class="agcam-hidden">${HINT}</p>
			<div class="agcam-under-stage">
				${this.readout}
				<button type="button" aria-label="Zoom out" @click=${zoom(1 / CLOSER)}>−</button>
				<button type="button" aria-label="Zoom in" @click=${zoom(CLOSER)}>+</button>
				<button type="button" aria-label="Show all of it" @click=${zoom(0)}>All</button>
			</div>
		</div>`;
		this.listen();
	}

	listen() {
		const on = (event, listener) => this.panel.addEventListener(event, listener);
		on("keydown", (event) => this.press(event));
		listenToPointers(this.panel, {
			read: (point) => this.readAt(point),
			leave: () => this.point(null),
			zoomed: () => this.look.zoom > 1,
			move: (across, down) => this.move(across, down),
			pinch: (times, point) => this.zoom(times, this.placeOf(point)),
		});
		on("dblclick", (event) => this.zoom(this.look.zoom > 1 ? 0 : 3, this.placeOf(event)));
		const wheel = (event) => {
			if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
			event.preventDefault();
			this.zoom(2 ** (-event.deltaY / 100), this.placeOf(event));
		};
		this.panel.addEventListener("wheel", wheel, { passive: false });
		const sizes = new ResizeObserver(() => this.fit());
		this.panes.forEach((pane) => sizes.observe(pane.node));
	}

	/** Show another card. */
	setCard(card, image) {
		const { width, height } = card.frame;
		Object.assign(this, { card, image, look: new Look(width, height), cursor: null });
		this.node.style.setProperty("--ratio", String(width / height));
		this.frames.setCard(card);
		this.fit();
		this.readout.value = "";
	}

	/** Fit the canvases to the page. */
	fit() {
		if (this.card) this.panes.forEach((pane) => pane.resize(this.card.frame));
		this.redraw();
	}

	/** What is drawn, as text. */
	name(text) {
		this.panel.setAttribute("aria-label", text);
	}

	/** Draw a map {grid, square, name}; its `beside` is another's, for the view of two methods. */
	draw(shown) {
		this.shown = shown;
		const { mode, split } = this.store.state;
		const second = mode === "side" ? shown : mode === "methods" ? shown.beside : null;
		this.node.classList.toggle("agcam-beside", Boolean(second));
		this.panel.classList.toggle("agcam-zoomed", this.look.zoom > 1);
		this.panes[1].node.hidden = !second;
		this.divider.hidden = mode !== "slider";
		this.divider.value = String(split);
		const named = mode === "methods" && second ? [shown, second] : [];
		this.panes.forEach((pane, place) => pane.call(named[place]));
		const first = mode === "map" || mode === "original" ? mode : "overlay";
		this.paint(this.panes[0], shown, mode === "side" ? "original" : first);
		if (second) this.paint(this.panes[1], second, "overlay");
	}

	paint(pane, shown, mode) {
		const { state } = this.store;
		pane.shown = shown;
		pane.draw({
			image: this.image,
			frame: this.card.frame,
			grid: shown.grid,
			table: this.colours.table(state.colormap),
			opacity: state.opacity,
			mode,
			from: state.mode === "slider" ? state.split : 0,
			part: this.look.part,
		});
		this.annotate(pane);
	}

	annotate(pane) {
		const patch = this.cursor && this.shown.grid ? this.patchBox(this.cursor) : null;
		pane.annotate(this.card, this.store.state, this.look.part, pane.shown.square, patch);
	}

	/** A patch in shares of what the model saw. */
	patchBox({ row, column }) {
		const [rows, columns] = this.shown.grid.shape;
		return [column / columns, row / rows, (column + 1) / columns, (row + 1) / rows];
	}

	paneOf({ target }) {
		return this.panes.find((pane) => pane.node.contains(target)) ?? this.panes[0];
	}

	/** A place of the screen in the picture's pixels. */
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
		this.redraw();
	}

	readAt(event) {
		const { grid } = this.paneOf(event).shown ?? {};
		if (!grid) return;
		const { x, y } = this.placeOf(event);
		this.point(patchAt(grid, this.card.frame.window, x, y), grid);
	}

	/** Read a patch of a map: its place and value. */
	point(patch, grid = this.shown?.grid) {
		const now = patch ? this.read(patch, grid) : "";
		if (now === this.readout.value || !this.shown) return;
		this.cursor = patch;
		this.readout.value = now;
		this.panes.forEach((pane) => pane.node.hidden || this.annotate(pane));
	}

	read({ row, column }, { values, shape, range }) {
		const value = values[row * shape[1] + column];
		const share = range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : 0;
		const percent = Math.round(100 * Math.min(Math.max(share, 0), 1));
		return `row ${row + 1}, column ${column + 1}: ${short(value)}, ${percent} % of the scale`;
	}

	press(event) {
		if (event.ctrlKey || event.metaKey || event.altKey || !this.shown) return;
		const step = STEPS[event.key];
		if (step && event.shiftKey) {
			this.look.shift(step[1] / 10, step[0] / 10);
			this.redraw();
		} else if (step) this.step(step);
		else if (event.key === "+" || event.key === "=") this.zoom(CLOSER);
		else if (event.key === "-") this.zoom(1 / CLOSER);
		else if (event.key === "0") this.zoom(0);
		else return;
		event.preventDefault();
		event.stopPropagation();
	}

	/** Read the patch beside the one that is read; at first one in the middle. */
	step([down, across]) {
		if (!this.shown.grid) return;
		const [rows, columns] = this.shown.grid.shape;
		const from = this.cursor ?? { row: (rows >> 1) - down, column: (columns >> 1) - across };
		const row = Math.min(Math.max(from.row + down, 0), rows - 1);
		this.point({ row, column: Math.min(Math.max(from.column + across, 0), columns - 1) });
	}

	/** Zoom by a factor, 0 for all of the picture; `place` stays where it is. */
	zoom(times, place = undefined) {
		this.look.zoomTo(this.look.zoom * times, place);
		this.redraw();
	}

	redraw() {
		if (this.waiting || !this.shown) return;
		this.waiting = requestAnimationFrame(() => {
			this.waiting = undefined;
			this.draw(this.shown);
		});
	}
}
