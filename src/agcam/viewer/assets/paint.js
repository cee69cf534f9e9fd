// From levels to colours, alone or over the picture: the twin of agcam's maps/render.py.

import { Memo } from "./dom.js";
import { roundEven } from "./pixels.js";

const round32 = Math.fround;
const memo = new Memo();
const DIM = Uint8Array.from({ length: 256 }, (_, level) => roundEven(40 + 0.38 * level));
const LIT = Uint8Array.from({ length: 256 }, (_, level) => roundEven(64 + 0.38 * level));

/** Paint grey with diagonal stripes outside the seen rectangle: `grey(place, striped)`. */
function paintUnseen({ data, width, height }, seen, grey, alpha = 255) {
	const period = Math.max(4, Math.floor(Math.max(width, height) / 40));
	const broad = Math.max(1, Math.floor(period / 4));
	const right = seen.left + seen.width;
	for (let y = 0; y < height; y++) {
		const inside = y >= seen.top && y < seen.top + seen.height && seen.width > 0;
		for (let x = 0; x < width; x++) {
			if (inside && x === seen.left) x = right;
			if (x >= width) break;
			const place = 4 * (y * width + x);
			const level = grey(place, (x + (y % period)) % period < broad);
			data[place] = data[place + 1] = data[place + 2] = level;
			data[place + 3] = alpha;
		}
	}
}

/** alpha * colour + (1 - alpha) * picture for all pairs (picture, colour), as Python's PIL rounds it. */
function mixtures(alpha) {
	const weight = round32(alpha);
	const mixed = new Uint8Array(256 * 256);
	for (let below = 0; below < 256; below++) {
		for (let colour = 0; colour < 256; colour++) {
			mixed[(below << 8) | colour] = round32(below + round32(weight * (colour - below)));
		}
	}
	return mixed;
}

/** What the model never saw, where no picture is below it: grey. */
export function hideUnseen(image, map, alpha) {
	paintUnseen(image, map, (_, striped) => (striped ? 118 : 138), alpha);
}

/** What the model never saw, of the picture (of the same size): without colour. */
export function dimUnseen(image, map, { data: picture }) {
	paintUnseen(image, map, (at, striped) => {
		const grey = picture[at] * 19595 + picture[at + 1] * 38470 + picture[at + 2] * 7471;
		return (striped ? LIT : DIM)[(grey + 32768) >> 16];
	});
}

/**
 * Paint the map over the picture: alpha * colours + (1 - alpha) * picture. `map` are levels of a
 * rectangle (left, top, width, height), `table` is 256 colours of three bytes; pixels are `opaque`.
 */
export function paintSeen({ data, width }, { data: picture }, map, table, alpha, opaque = 255) {
	const mixed = memo.get("mixed", [alpha], () => mixtures(alpha));
	for (let row = 0, read = 0; row < map.height; row++) {
		let place = 4 * ((map.top + row) * width + map.left);
		for (let column = 0; column < map.width; column++, read++, place += 4) {
			const colour = 3 * map.levels[read];
			data[place] = mixed[(picture[place] << 8) | table[colour]];
			data[place + 1] = mixed[(picture[place + 1] << 8) | table[colour + 1]];
			data[place + 2] = mixed[(picture[place + 2] << 8) | table[colour + 2]];
			data[place + 3] = opaque;
		}
	}
}
