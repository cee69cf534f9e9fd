// Boxes and contours around what is above a threshold, as the paper's protocol finds them.

import { rangeOf, toPixels } from "./pixels.js";

export const SIDE = 224; // pixels of the protocol's square

/** The map within [0, 1] on the protocol's square. */
export function squareOf(grid) {
	const frame = { width: SIDE, height: SIDE, window: [0, 0, SIDE, SIDE] };
	const { values } = toPixels(grid, /** @type {any} */ (frame));
	const [low, high] = rangeOf(values);
	const spread = high - low || 1;
	return values.map((value) => (value - low) / spread);
}

/**
 * Boxes (left, top, right, bottom) of all regions above the threshold, in shares of the square.
 * Pixels that touch at a corner belong together; what lies in the hole of a region is no box.
 */
export function boxesOf(square, threshold) {
	const filled = withoutHoles(square.map((value) => (value > threshold ? 1 : 0)));
	const boxes = [];
	for (let place = 0; place < filled.length; place++) {
		if (!filled[place]) continue;
		const box = [SIDE, SIDE, 0, 0];
		flood(filled, [place], true, (x, y) => {
			box[0] = Math.min(box[0], x);
			box[1] = Math.min(box[1], y);
			box[2] = Math.max(box[2], x + 1);
			box[3] = Math.max(box[3], y + 1);
		});
		boxes.push(box.map((side) => side / SIDE));
	}
	return boxes;
}

/** A mask of 1 and 0 whose zeros are those that are joined to the border. */
function withoutHoles(mask) {
	const outside = Uint8Array.from(mask, (one) => 1 - one);
	const edge = [];
	for (let line = 0; line < SIDE; line++) {
		edge.push(line, (SIDE - 1) * SIDE + line, line * SIDE, line * SIDE + SIDE - 1);
	}
	const filled = new Uint8Array(mask.length).fill(1);
	const visit = (x, y) => {
		filled[y * SIDE + x] = 0;
	};
	flood(outside, edge, false, visit);
	return filled;
}

/** Visit, and set to 0, all places of 1 that are joined to the first ones. */
function flood(mask, first, corners, visit) {
	const open = first.filter((place) => mask[place]);
	open.forEach((place) => (mask[place] = 0));
	while (open.length) {
		const place = open.pop();
		const x = place % SIDE;
		const y = (place - x) / SIDE;
		visit(x, y);
		for (let down = -1; down <= 1; down++) {
			for (let across = -1; across <= 1; across++) {
				const inside = x + across >= 0 && x + across < SIDE && y + down >= 0 && y + down < SIDE;
				if (!inside || (!corners && down && across)) continue;
				const next = place + down * SIDE + across;
				if (!mask[next]) continue;
				mask[next] = 0;
				open.push(next);
			}
		}
	}
}

/** The line at the threshold (marching squares), as an SVG path in shares of the square. */
export function contourOf(square, threshold) {
	const parts = [];
	for (let y = 0; y < SIDE - 1; y++) {
		for (let x = 0; x < SIDE - 1; x++) {
			const place = y * SIDE + x;
			const below = place + SIDE;
			const corners = [square[place], square[place + 1], square[below + 1], square[below]];
			const ends = crossed(corners, threshold).map((side) => {
				const [across, down] = crossing(corners, side, threshold);
				return `${at(x + across)} ${at(y + down)}`;
			});
			while (ends.length) parts.push(`M${ends.pop()}L${ends.pop()}`);
		}
	}
	return parts.join("");
}

/** The sides of a cell (top, right, bottom, left) that lines end at, two for each line. */
function crossed(corners, threshold) {
	const above = corners.map((value) => value > threshold);
	const sides = [0, 1, 2, 3].filter((side) => above[side] !== above[(side + 1) % 4]);
	return sides.length === 4 && above[0] ? [3, 0, 1, 2] : sides; // each line cuts off one corner
}

/** Where the threshold is crossed on one side of a cell. */
function crossing(corners, side, threshold) {
	const [start, end] = [corners[side], corners[(side + 1) % 4]];
	const part = (threshold - start) / (end - start);
	return [
		[part, 0],
		[1, part],
		[1 - part, 1],
		[0, 1 - part],
	][side];
}

/** A place between pixels' centres as a share of the square. */
function at(place) {
	return ((place + 0.5) / SIDE).toFixed(5);
}
