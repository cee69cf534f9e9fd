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

/** The line at the threshold, across two triangles of each cell, as an SVG path in shares of the square. */
export function contourOf(square, threshold) {
	const above = square.map((value) => value > threshold);
	const parts = [];
	for (let first = 0; first < square.length - SIDE; first++) {
		if (first % SIDE === SIDE - 1) continue;
		const [next, below, across] = [first + 1, first + SIDE, first + SIDE + 1];
		for (const corners of [[first, next, below], [across, next, below]]) {
			const count = above[corners[0]] + above[next] + above[below];
			if (count % 3 === 0) continue;
			const alone = corners.find((place) => above[place] === count % 2);
			const others = corners.filter((place) => place !== alone);
			parts.push(`M${others.map((place) => crossing(square, threshold, alone, place)).join("L")}`);
		}
	}
	return parts.join("");
}

/** Where the threshold lies between two pixels' centres. */
function crossing(square, threshold, one, other) {
	const part = (threshold - square[one]) / (square[other] - square[one]);
	const at = (from, to) => ((from + part * (to - from) + 0.5) / SIDE).toFixed(5);
	const row = (place) => Math.floor(place / SIDE);
	return `${at(one % SIDE, other % SIDE)} ${at(row(one), row(other))}`;
}
