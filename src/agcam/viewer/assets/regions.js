// Boxes and contours around what is above a threshold, as the paper's protocol finds them.

import { rangeOf, toPixels } from "./pixels.js";

export const SIDE = 224; // pixels of the protocol's square

/**
 * The map within [0, 1] on the protocol's square.
 * @param {import("./pixels.js").Grid} grid
 * @returns {Float32Array}
 */
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
 * @returns {number[][]}
 */
export function boxesOf(square, threshold) {
	const filled = withoutHoles(square.map((value) => (value > threshold ? 1 : 0)));
	const boxes = [];
	for (let place = 0; place < filled.length; place++) {
		if (!filled[place]) continue;
		const box = [SIDE, SIDE, 0, 0];
		flood(filled, [place], 1, true, (x, y) => {
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
	flood(
		outside,
		edge.filter((place) => outside[place]),
		1,
		false,
		visit,
	);
	return filled;
}

/** Visit, and set to 0, all places of `value` that are joined to the first ones. */
function flood(mask, first, value, corners, visit) {
	const open = first.filter((place) => mask[place] === value);
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
				if (mask[next] !== value) continue;
				mask[next] = 0;
				open.push(next);
			}
		}
	}
}

// Corners of a cell: 1 upper left, 2 upper right, 4 lower right, 8 lower left. Sides: 0 top, 1
// right, 2 bottom, 3 left. For each set of corners above the threshold, the sides that a line joins.
const LINES = [
	[],
	[3, 0],
	[0, 1],
	[3, 1],
	[1, 2],
	[3, 0, 1, 2],
	[0, 2],
	[3, 2],
	[2, 3],
	[2, 0],
	[0, 1, 2, 3],
	[2, 1],
	[1, 3],
	[1, 0],
	[0, 3],
	[],
];

/**
 * The line at the threshold (marching squares), as an SVG path in shares of the square.
 * @returns {string}
 */
export function contourOf(square, threshold) {
	const parts = [];
	for (let y = 0; y < SIDE - 1; y++) {
		for (let x = 0; x < SIDE - 1; x++) {
			const place = y * SIDE + x;
			const corners = [
				square[place],
				square[place + 1],
				square[place + SIDE + 1],
				square[place + SIDE],
			];
			const above = corners.reduce(
				(sum, value, bit) => sum + (value > threshold ? 1 << bit : 0),
				0,
			);
			const sides = LINES[above];
			for (let pair = 0; pair < sides.length; pair += 2) {
				const [from, to] = [sides[pair], sides[pair + 1]].map((side) =>
					crossing(corners, side, threshold),
				);
				parts.push(`M${at(x + from[0])} ${at(y + from[1])}L${at(x + to[0])} ${at(y + to[1])}`);
			}
		}
	}
	return parts.join("");
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
