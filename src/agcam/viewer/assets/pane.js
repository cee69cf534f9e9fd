// One canvas with drawings over it: boxes, contour, the patch that is read.

import { drawing, html, Memo } from "./dom.js";
import { sizeFor } from "./pixels.js";
import { boxesOf, contourOf } from "./regions.js";
import { Painter } from "./render.js";
import { ends } from "./words.js";

const SHARPEST = 2; // pixels of a canvas for one of the page, at most
const LONGEST = 1280; // pixels of a canvas's longer side, at most

export class Pane {
	constructor() {
		this.canvas = html`<canvas></canvas>`;
		this.painter = new Painter(this.canvas);
		this.over = drawing("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
		this.name = html`<span class="agcam-pane-name"></span>`;
		this.node = html`<div class="agcam-pane">
			<div class="agcam-picture">${this.canvas}${this.over}</div>${this.name}
		</div>`;
		this.memo = new Memo();
		this.shown = null;
	}

	/** Put a map's name and scale below the picture; nothing where none is given. */
	call(shown) {
		this.name.hidden = !shown;
		if (shown) this.name.textContent = `${shown.name} (${ends(shown.grid.range).join(" to ")})`;
	}

	/** Give the canvas no more pixels than the page shows of it, or than the picture has. */
	resize(frame) {
		const pixels = this.node.clientWidth * Math.min(devicePixelRatio, SHARPEST);
		const longest = pixels * Math.max(1, frame.height / frame.width);
		const [width, height] = sizeFor(frame, Math.min(longest || LONGEST, LONGEST));
		if (this.canvas.width === width && this.canvas.height === height) return;
		Object.assign(this.canvas, { width, height });
	}

	draw(view) {
		this.view = view;
		this.painter.draw(view);
	}

	/** What is drawn, in its own size, as a canvas to keep. */
	copy() {
		const [width, height] = sizeFor(this.view.frame, LONGEST);
		const canvas = html`<canvas width=${width} height=${height}></canvas>`;
		new Painter(canvas).draw(this.view);
		return canvas;
	}

	/** Draw over the canvas, as the state says: boxes and contour of `square`, true boxes, the patch. */
	annotate(card, { boxes, contour, truth, threshold }, part, square, patch) {
		const { frame } = card;
		const { x, y, width, height } = part;
		const key = [card, square, x, y, width, String(patch), boxes, contour, truth, threshold];
		this.memo.get("over", key, () => {
			this.over.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
			this.over.replaceChildren();
			if (truth) (card.data.boxes ?? []).forEach((box) => this.box(frame, box, "truth"));
			if (square && boxes) this.shares(frame, boxesOf(square, threshold), "found");
			if (square && contour) this.contour(frame, contourOf(square, threshold));
			if (patch) this.shares(frame, [patch], "patch");
		});
	}

	/** Boxes in shares of what the model saw. */
	shares(frame, boxes, kind) {
		const [left, top, right, bottom] = frame.window;
		const [across, down] = [right - left, bottom - top];
		for (const [x, y, width, height] of boxes) {
			const box = [left + x * across, top + y * down, left + width * across, top + height * down];
			this.box(frame, box, kind);
		}
	}

	contour({ window: [left, top, right, bottom] }, d) {
		const transform = `translate(${left} ${top}) scale(${right - left} ${bottom - top})`;
		this.line("path", { d, transform }, "found");
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
