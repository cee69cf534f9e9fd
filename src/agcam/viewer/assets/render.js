// A map and its picture on a canvas; what did not change since the last time is not made again.

import { Memo } from "./dom.js";
import { frameOf, levelsOf, toPixels } from "./pixels.js";
import { dimUnseen, hideUnseen, paintSeen } from "./paint.js";

const VEIL = 153; // alpha of what the model never saw, of 255

export class Painter {
	constructor(canvas) {
		this.canvas = canvas;
		this.context = canvas.getContext("2d", { willReadFrequently: true });
		this.memo = new Memo();
	}

	/** Draw {image, frame, part, grid (or null), table, opacity, mode, from}, as in pane.js. */
	draw(view) {
		const { image, part, grid, table, opacity, mode, from } = view;
		const { width, height } = this.canvas;
		const place = [image, part.x, part.y, part.width, width, height];
		const key = [...place, grid, table, opacity, mode, from];
		this.memo.get("drawn", key, () => this.paint({ ...view, place }));
	}

	paint(view) {
		if (view.mode === "original" || !view.grid) return this.drawPicture(view);
		const levels = this.levels(view);
		const alone = view.mode === "map";
		const picture = alone ? undefined : this.picture(view);
		const from = alone ? 0 : Math.round(view.from * this.canvas.width);
		if (picture === null) return this.drawLayer(view, levels, from);
		const image = this.image(levels, picture);
		paintSeen(image, picture ?? image, levels, view.table, alone ? 1 : view.opacity);
		if (from > 0) this.context.putImageData(picture, 0, 0);
		const { width, height } = this.canvas;
		this.context.putImageData(image, 0, 0, from, 0, width - from, height);
	}

	/** Pixels to paint on, with those that the model never saw: they hardly ever change. */
	image({ left, top, width, height }, picture) {
		const size = [this.canvas.width, this.canvas.height];
		return this.memo.get("image", [picture, left, top, width, height, ...size], () => {
			const image = this.context.createImageData(...size);
			const seen = { left, top, width, height };
			if (picture) dimUnseen(image, seen, picture);
			else hideUnseen(image, seen);
			return image;
		});
	}

	drawPicture({ image, frame, part }) {
		const across = image.naturalWidth / frame.width;
		const down = image.naturalHeight / frame.height;
		const source = [part.x * across, part.y * down, part.width * across, part.height * down];
		this.context.imageSmoothingQuality = "high";
		this.context.drawImage(image, ...source, 0, 0, this.canvas.width, this.canvas.height);
	}

	/** The picture's pixels, or null where the browser keeps them from scripts (files of a disk). */
	picture(view) {
		return this.memo.get("picture", view.place, () => {
			this.drawPicture(view);
			try {
				return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
			} catch {
				return null;
			}
		});
	}

	levels({ grid, frame, part, place }) {
		return this.memo.get("levels", [grid, ...place], () => {
			const { width, height } = this.canvas;
			const map = toPixels(grid, frameOf(frame, width, height, part));
			return { ...map, levels: levelsOf(map.values, grid.range) };
		});
	}

	/** The same mixed by the canvas, where the picture cannot be read: within 3 levels of 255. */
	drawLayer(view, levels, from) {
		const { width, height } = this.canvas;
		const map = this.context.createImageData(width, height);
		hideUnseen(map, levels, VEIL);
		paintSeen(map, map, levels, view.table, 1, Math.round(255 * view.opacity));
		const layer = new OffscreenCanvas(width, height);
		layer.getContext("2d").putImageData(map, 0, 0);
		this.drawPicture(view);
		const shown = [from, 0, width - from, height];
		if (from < width) this.context.drawImage(layer, ...shown, ...shown);
	}
}
