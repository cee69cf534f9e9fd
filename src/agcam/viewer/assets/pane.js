// One canvas with drawings over it: boxes, contour, the patch that is read.

import { element, html, Memo, svg } from "./dom.js";
import { render } from "./lit.js";
import { sizeFor } from "./pixels.js";
import { boxesOf, contourOf } from "./regions.js";
import { Painter } from "./render.js";
import { ends } from "./words.js";

const SHARPEST = 2; // pixels of a canvas for one of the page, at most
const LONGEST = 1280; // pixels of a canvas's longer side, at most

export class Pane {
	/** `longest` are pixels of the canvas's longer side, by default as many as the page shows. */
	constructor(colours, longest = null) {
		Object.assign(this, { colours, longest, memo: new Memo() });
		this.node = element(html`<div class="agcam-pane">
			<div class="agcam-picture">
				<canvas></canvas><svg aria-hidden="true" preserveAspectRatio="none"></svg>
			</div>
			<span class="agcam-pane-name"></span>
		</div>`);
		[this.canvas, this.over, this.name] = this.node.querySelectorAll("canvas, svg, span");
		this.painter = new Painter(this.canvas);
	}

	/** Give the canvas no more pixels than the page shows of it, or than the picture has. */
	resize(frame) {
		const shown = () => this.node.clientWidth * Math.min(devicePixelRatio, SHARPEST);
		const longest = this.longest ?? shown() * Math.max(1, frame.height / frame.width);
		const [width, height] = sizeFor(frame, Math.min(longest || LONGEST, LONGEST));
		if (this.canvas.width === width && this.canvas.height === height) return;
		Object.assign(this.canvas, { width, height });
	}

	/**
	 * Draw a card's {image, grid (or null), mode}, as the state says. Of the large panes also `part`,
	 * the rectangle of the picture that is shown; `from`, the share that is left without a map; the
	 * `square` of boxes and contour; the `name` of a map; the patch at the `cursor`.
	 */
	draw(shown, state) {
		const { frame } = shown.card;
		const whole = { x: 0, y: 0, ...frame };
		const table = this.colours.table(state.colormap);
		this.shown = { part: whole, from: 0, ...shown, frame, table, opacity: state.opacity };
		this.resize(frame);
		this.painter.draw(this.shown);
		this.name.textContent = shown.name ? `${shown.name} (${ends(shown.grid.range).join(" to ")})` : "";
		this.annotate(this.shown, state);
	}

	/** What is drawn, in its own size, as a canvas to keep. */
	copy() {
		const [width, height] = sizeFor(this.shown.frame, LONGEST);
		const canvas = Object.assign(document.createElement("canvas"), { width, height });
		new Painter(canvas).draw(this.shown);
		return canvas;
	}

	annotate({ card, part, grid, square, cursor }, { boxes, contour, truth, threshold }) {
		const { x, y, width, height } = part;
		const key = [card, square, x, y, width, String(cursor), boxes, contour, truth, threshold];
		this.memo.get("over", key, () => {
			this.over.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
			const seen = (some, kind) => some.map((box) => rectangle(inPicture(box, card.frame), card.frame, kind));
			const drawn = [
				truth && (card.data.boxes ?? []).map((box) => rectangle(box, card.frame, "truth")),
				square && boxes && seen(boxesOf(square, threshold), "found"),
				square && contour && outline(contourOf(square, threshold), card.frame),
				grid && cursor && seen([patchBox(cursor, grid)], "patch"),
			];
			render(svg`${drawn}`, this.over);
		});
	}
}

/** A patch in shares of what the model saw. */
function patchBox([row, column], { shape: [rows, columns] }) {
	return [column / columns, row / rows, (column + 1) / columns, (row + 1) / rows];
}

/** A box in shares of what the model saw, in the picture's pixels. */
function inPicture([x0, y0, x1, y1], { window: [left, top, right, bottom] }) {
	const [across, down] = [right - left, bottom - top];
	return [left + x0 * across, top + y0 * down, left + x1 * across, top + y1 * down];
}

function outline(d, { window: [left, top, right, bottom] }) {
	const place = `translate(${left} ${top}) scale(${right - left} ${bottom - top})`;
	return twice("found", (kind) => svg`<path class=${kind} d=${d} transform=${place}/>`);
}

function rectangle(box, { width, height }, name) {
	const within = (side, place) => Math.min(Math.max(side, 0), place % 2 ? height : width);
	const [x, y, right, bottom] = box.map(within);
	const [across, down] = [Math.max(0, right - x), Math.max(0, bottom - y)];
	const line = (kind) => svg`<rect class=${kind} x=${x} y=${y} width=${across} height=${down}/>`;
	return twice(name, line);
}

/** A light line on a dark one, to be seen on any picture. */
function twice(name, line) {
	return [line("agcam-line agcam-under"), line(`agcam-line agcam-${name}`)];
}
