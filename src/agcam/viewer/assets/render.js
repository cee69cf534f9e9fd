// A map and its picture on a canvas; what did not change since the last time is not made again.

import { frameOf, levelsOf, toPixels } from "./pixels.js";
import { dimUnseen, hideUnseen, paintPicture, paintSeen } from "./paint.js";

const WHOLE = { x: 0, y: 0, zoom: 1 };

export class Painter {
	constructor(canvas) {
		this.canvas = canvas;
		this.context = canvas.getContext("2d", { willReadFrequently: true });
		this.kept = new Map();
	}

	/** Draw {image, frame, grid (or null), table, opacity, mode, from?, look?}: see stage.js. */
	draw(view) {
		const look = view.look ?? WHOLE;
		const { width, height } = view.frame;
		const part = { x: look.x, y: look.y, width: width / look.zoom, height: height / look.zoom };
		if (view.mode === "original" || !view.grid) return this.drawPicture(view, part);
		const levels = this.levels(view, part);
		const alone = view.mode === "map";
		const picture = alone ? undefined : this.picture(view, part);
		if (picture === null) return this.layer(view, part, levels);
		const from = alone ? 0 : Math.round((view.from ?? 0) * this.canvas.width);
		const image = this.image(levels, picture, from);
		paintSeen(image, picture ?? image.data, levels, view.table, alone ? 1 : view.opacity);
		if (from > 0) paintPicture(image, picture, from);
		this.context.putImageData(image, 0, 0);
	}

	/** Pixels to paint on, with those that the model never saw: they hardly ever change. */
	image({ left, top, width, height }, picture, from) {
		const { width: across, height: down } = this.canvas;
		const made = () => this.context.createImageData(across, down);
		const image = this.remember("image", [across, down], made);
		const key = [image, picture, from, left, top, width, height];
		this.remember("unseen", key, () => {
			const seen = { left, top, width, height };
			if (picture) dimUnseen(image, seen, picture);
			else hideUnseen(image, seen);
		});
		return image;
	}

	drawPicture({ image, frame }, { x, y, width, height }) {
		const across = image.naturalWidth / frame.width;
		const down = image.naturalHeight / frame.height;
		const source = [x * across, y * down, width * across, height * down];
		this.context.imageSmoothingQuality = "high";
		this.context.drawImage(image, ...source, 0, 0, this.canvas.width, this.canvas.height);
	}

	/** The picture's pixels, or null where the browser keeps them from scripts (files of a disk). */
	picture(view, part) {
		const { width, height } = this.canvas;
		const key = [view.image, part.x, part.y, part.width, width, height];
		return this.remember("picture", key, () => {
			this.drawPicture(view, part);
			try {
				return this.context.getImageData(0, 0, width, height).data.slice();
			} catch {
				return null;
			}
		});
	}

	levels({ grid, frame }, part) {
		const { width, height } = this.canvas;
		const key = [grid, part.x, part.y, part.width, width, height];
		return this.remember("levels", key, () => {
			const map = toPixels(grid, frameOf(frame, width, height, part));
			return { ...map, levels: levelsOf(map.values, grid.range) };
		});
	}

	/** What was made for the same key, or else what `make` makes. */
	remember(name, key, make) {
		const kept = this.kept.get(name);
		if (kept && key.every((one, place) => one === kept.key[place])) return kept.value;
		const value = make();
		this.kept.set(name, { key, value });
		return value;
	}

	/** The same in layers, where the picture's pixels cannot be read: within 3 levels of 255. */
	layer(view, part, levels) {
		const { width, height } = this.canvas;
		const map = new ImageData(width, height);
		paintSeen(map, map.data, levels, view.table, 1);
		hideUnseen(map, levels);
		const seen = [levels.left, levels.top, levels.width, levels.height];
		const from = Math.round((view.from ?? 0) * width);
		this.drawPicture(view, part);
		const above = document.createElement("canvas");
		above.width = width;
		above.height = height;
		above.getContext("2d")?.putImageData(map, 0, 0);
		this.context.save();
		this.context.beginPath();
		this.context.rect(from, 0, width - from, height);
		this.context.clip();
		this.context.save();
		this.context.beginPath();
		this.context.rect(0, 0, width, height);
		this.context.rect(...seen);
		this.context.clip("evenodd");
		this.context.globalAlpha = 0.6;
		this.context.drawImage(above, 0, 0);
		this.context.restore();
		if (seen[2] && seen[3]) {
			this.context.globalAlpha = view.opacity;
			this.context.drawImage(above, ...seen, ...seen);
		}
		this.context.restore();
	}
}
