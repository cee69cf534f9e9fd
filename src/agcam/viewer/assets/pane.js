// One canvas with drawings over it: boxes, contour, the patch that is read.

import { drawing, element } from "./dom.js";
import { sizeFor } from "./pixels.js";
import { boxesOf, contourOf } from "./regions.js";
import { Painter } from "./render.js";
import { ends } from "./words.js";

export class Pane {
	constructor() {
		this.canvas = element("canvas");
		this.painter = new Painter(this.canvas);
		this.over = drawing("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
		this.name = element("span", "agcam-pane-name");
		this.node = element("div", "agcam-pane", this.canvas, this.over, this.name);
		this.shown = null;
	}

	/** Put a map's name and scale over the picture; nothing where none is given. */
	call(shown) {
		this.name.hidden = !shown;
		if (shown) this.name.textContent = `${shown.name} (${ends(shown.grid.range).join(" to ")})`;
	}

	resize(frame) {
		const [width, height] = sizeFor(frame);
		if (this.canvas.width !== width || this.canvas.height !== height) {
			Object.assign(this.canvas, { width, height });
		}
	}

	/** Draw over the canvas, as the state says: boxes and contour of `square`, true boxes, the patch. */
	annotate(card, state, look, square, patch) {
		const { frame } = card;
		const [left, top, right, bottom] = frame.window;
		const size = [right - left, bottom - top];
		const { x, y, zoom } = look;
		this.over.setAttribute("viewBox", `${x} ${y} ${frame.width / zoom} ${frame.height / zoom}`);
		this.over.replaceChildren();
		if (state.truth) (card.data.boxes ?? []).forEach((box) => this.box(frame, box, "truth"));
		if (square && state.boxes) {
			for (const box of boxesOf(square, state.threshold)) {
				const placed = box.map((share, side) => (side % 2 ? top : left) + share * size[side % 2]);
				this.box(frame, placed, "found");
			}
		}
		if (square && state.contour) {
			const transform = `translate(${left} ${top}) scale(${size.join(" ")})`;
			this.line("path", { d: contourOf(square, state.threshold), transform }, "found");
		}
		if (patch) this.box(frame, patch, "patch");
	}

	box({ width, height }, box, kind) {
		const [left, top, right, bottom] = box.map((side, place) =>
			Math.min(Math.max(side, 0), place % 2 ? height : width),
		);
		const size = { width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
		this.line("rect", { x: left, y: top, ...size }, kind);
	}

	/** A light line on a dark one, to be seen on any picture. */
	line(tag, given, kind) {
		this.over.append(
			drawing(tag, { ...given, class: "agcam-line agcam-under" }),
			drawing(tag, { ...given, class: `agcam-line agcam-${kind}` }),
		);
	}
}
