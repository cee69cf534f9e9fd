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

const ROW = SIDE + 2; // a square with an edge of zeros around it
const EDGES = [-ROW, -1, 1, ROW];
const CORNERS = [...EDGES, -ROW - 1, -ROW + 1, ROW - 1, ROW + 1];

/**
 * Boxes (left, top, right, bottom) of all regions above the threshold, in shares of the square.
 * Pixels that touch at a corner belong together; what lies in the hole of a region is not a box.
 */
export function boxesOf(square, threshold) {
	const above = new Uint8Array(ROW * ROW);
	square.forEach((value, place) => {
		if (value > threshold) above[place + ROW + 1 + 2 * Math.floor(place / SIDE)] = 1;
	});
	const holes = above.map((one) => 1 - one);
	flood(holes, 0, EDGES);
	const filled = above.map((one, place) => one | holes[place]);
	const boxes = [];
	for (let place = 0; place < filled.length; place++) {
		if (filled[place]) boxes.push(flood(filled, place, CORNERS));
	}
	return boxes;
}

/** Set to 0 all places of 1 that are joined to one of them; returns their box. */
function flood(mask, first, steps) {
	let [left, top, right, bottom] = [ROW, ROW, 0, 0];
	const open = [first];
	mask[first] = 0;
	while (open.length) {
		const place = open.pop();
		const x = place % ROW;
		const y = (place - x) / ROW;
		if (x < left) left = x;
		if (x > right) right = x;
		if (y < top) top = y;
		if (y > bottom) bottom = y;
		for (const step of steps) {
			if (!mask[place + step]) continue;
			mask[place + step] = 0;
			open.push(place + step);
		}
	}
	return [left - 1, top - 1, right, bottom].map((side) => side / SIDE);
}

/** The line at the threshold (marching squares), as an SVG path in shares of the square. */
export function contourOf(square, threshold) {
	const parts = [];
	for (let y = 0; y < SIDE - 1; y++) {
		for (let x = 0; x < SIDE - 1; x++) {
			const place = y * SIDE + x;
			const below = place + SIDE;
			const count = (at) => Number(square[at] > threshold);
			const above = count(place) + count(place + 1) + count(below) + count(below + 1);
			if (above % 4 === 0) continue;
			const corners = [place, place + 1, below + 1, below].map((one) => square[one]);
			const ends = crossed(corners, threshold).map(([across, down]) => `${at(x + across)} ${at(y + down)}`);
			while (ends.length) parts.push(`M${ends.pop()}L${ends.pop()}`);
		}
	}
	return parts.join("");
}

/** Where lines cross the sides of a cell (top, right, bottom, left), two places for each line. */
function crossed(corners, threshold) {
	const next = (side) => corners[(side + 1) % 4];
	const sides = [0, 1, 2, 3].filter((side) => corners[side] > threshold !== next(side) > threshold);
	if (sides.length === 4 && corners[0] > threshold) sides.unshift(sides.pop()); // each cuts off a corner
	return sides.map((side) => {
		const part = (threshold - corners[side]) / (next(side) - corners[side]);
		return [[part, 0], [1, part], [1 - part, 1], [0, 1 - part]][side];
	});
}

/** A place between pixels' centres as a share of the square. */
function at(place) {
	return ((place + 0.5) / SIDE).toFixed(5);
}
