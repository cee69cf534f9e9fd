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
		Object.assign(this, { store, colours, panes: [new Pane(), new Pane()] });
		this.panel = element(html`<div class="agcam-panes" tabindex="0" role="application"
			aria-describedby=${`hint-${store.id}`}>${this.panes.map((pane) => pane.node)}</div>`);
		this.listen();
	}

	listen() {
		const on = (event, listener, options) => this.panel.addEventListener(event, listener, options);
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
		on("wheel", wheel, { passive: false });
		const sizes = new ResizeObserver(() => this.store.set());
		this.panes.forEach((pane) => sizes.observe(pane.node));
	}

	/** Show another card, whose image comes later. */
	setCard(card) {
		const { width, height } = card.frame;
		const look = new Look(width, height);
		Object.assign(this, { card, look, image: null, shown: null, frame: 0, cursor: null, readout: "" });
	}

	/** What stands around the canvases. */
	view({ mode, split }) {
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

	/** The frames of a clip lie side by side on a contact sheet: all of it, or one at a time. */
	frameSlider(count) {
		const show = ({ target }) => {
			this.frame = Number(target.value);
			this.look.centreOnTile(Math.max(this.frame - 1, 0), count, this.frame > 0);
			this.store.flush();
		};
		const text = this.frame ? `${this.frame} of ${count}` : "all";
		return html`<div class="agcam-field">
			<span>Frame <output>${text}</output></span>
			<input type="range" min="0" max=${count} step="1" .value=${String(this.frame)} aria-label="Frame"
				@input=${show}>
		</div>`;
	}

	/** Draw a map {grid, square, name, text}; its `beside` is another's, for the view of two methods. */
	draw(shown) {
		this.shown = shown;
		const { mode } = this.store.state;
		const second = mode === "side" ? shown : mode === "methods" ? shown.beside : null;
		const { classList } = this.panel;
		classList.toggle("agcam-beside", Boolean(second));
		classList.toggle("agcam-zoomed", this.look.zoom > 1);
		this.panel.setAttribute("aria-label", shown.text);
		this.panes[1].node.hidden = !second;
		const named = mode === "methods" && second ? [shown, second] : [];
		this.panes.forEach((pane, place) => pane.call(named[place]));
		const first = mode === "map" || mode === "original" ? mode : "overlay";
		this.paint(this.panes[0], shown, mode === "side" ? "original" : first);
		if (second) this.paint(this.panes[1], second, "overlay");
	}

	paint(pane, shown, mode) {
		const { state } = this.store;
		const part = this.look.part;
		pane.draw({
			image: this.image,
			frame: this.card.frame,
			grid: shown.grid,
			table: this.colours.table(state.colormap),
			opacity: state.opacity,
			mode,
			from: state.mode === "slider" ? state.split : 0,
			part,
		});
		const patch = this.cursor && this.shown.grid ? this.patchBox(this.cursor) : null;
		pane.annotate(this.card, state, part, shown.square, patch);
	}

	/** What is drawn last, in its own size, as a canvas to keep. */
	copy() {
		return this.panes[this.panes[1].node.hidden ? 0 : 1].copy();
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
		this.store.set();
	}

	readAt(event) {
		const { grid } = this.paneOf(event).view ?? {};
		if (!grid) return;
		const { x, y } = this.placeOf(event);
		this.point(patchAt(grid, this.card.frame.window, x, y), grid);
	}

	/** Read a patch of a map: its place and value. */
	point(patch, grid = this.shown?.grid) {
		const readout = patch ? this.read(patch, grid) : "";
		if (readout === this.readout || !this.shown) return;
		Object.assign(this, { cursor: patch, readout });
		this.store.flush();
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
			this.store.set();
		} else if (step) this.step(step);
		else if (event.key in ZOOMS) this.zoom(ZOOMS[event.key]);
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
		this.store.set();
	}
}
