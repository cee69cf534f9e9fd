// From levels to colours, alone or over the picture: the twin of agcam's maps/render.py.

import { roundEven } from "./pixels.js";

/**
 * @typedef {import("./pixels.js").PixelMap} PixelMap
 * @typedef {{left: number, top: number, width: number, height: number, levels: Uint8Array}} Levels
 *   colour levels of the pixels that the model saw
 */

const round32 = Math.fround;
const DIM = Uint8Array.from({ length: 256 }, (_, level) => roundEven(40 + 0.38 * level));
const LIT = Uint8Array.from({ length: 256 }, (_, level) => roundEven(64 + 0.38 * level));

/** Whether a pixel lies on one of the diagonal stripes over what the model never saw. */
function stripes(width, height) {
	const period = Math.max(4, Math.floor(Math.max(width, height) / 40));
	const broad = Math.max(1, Math.floor(period / 4));
	return (x, y) => (x + (y % period)) % period < broad;
}

function setGrey(data, place, level) {
	data[place] = level;
	data[place + 1] = level;
	data[place + 2] = level;
	data[place + 3] = 255;
}

/** Call `draw(x, y, place)` for each pixel outside the seen rectangle. */
function eachUnseen(image, seen, draw) {
	const { width, height } = image;
	const bottom = seen.top + seen.height;
	const right = seen.left + seen.width;
	for (let y = 0; y < height; y++) {
		const inside = y >= seen.top && y < bottom && seen.width > 0;
		for (let x = 0; x < width; x++) {
			if (inside && x === seen.left) x = right;
			if (x < width) draw(x, y, 4 * (y * width + x));
		}
	}
}

/**
 * Paint the map's colours alone; grey with stripes where the model saw nothing.
 * @param {ImageData} image
 * @param {Levels} map
 * @param {Uint8Array} table 256 colours of three bytes
 */
export function paintMap(image, map, table) {
	const { data, width } = image;
	for (let row = 0, from = 0; row < map.height; row++) {
		let place = 4 * ((map.top + row) * width + map.left);
		for (let column = 0; column < map.width; column++, from++, place += 4) {
			const colour = 3 * map.levels[from];
			data[place] = table[colour];
			data[place + 1] = table[colour + 1];
			data[place + 2] = table[colour + 2];
			data[place + 3] = 255;
		}
	}
	const striped = stripes(image.width, image.height);
	eachUnseen(image, map, (x, y, place) => {
		setGrey(data, place, striped(x, y) ? 118 : 138);
	});
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

/**
 * Paint the map over the picture: alpha * colours + (1 - alpha) * picture.
 * @param {ImageData} image
 * @param {Uint8ClampedArray} picture of the same size
 * @param {Levels} map
 * @param {Uint8Array} table
 * @param {number} alpha the map's weight
 * @param {number} from the first column that shows the map; those before show the picture
 */
export function paintOverlay(image, picture, map, table, alpha, from = 0) {
	const { data, width } = image;
	const mixed = mixtures(alpha);
	for (let row = 0, read = 0; row < map.height; row++) {
		let place = 4 * ((map.top + row) * width + map.left);
		for (let column = 0; column < map.width; column++, read++, place += 4) {
			const colour = 3 * map.levels[read];
			data[place] = mixed[(picture[place] << 8) | table[colour]];
			data[place + 1] = mixed[(picture[place + 1] << 8) | table[colour + 1]];
			data[place + 2] = mixed[(picture[place + 2] << 8) | table[colour + 2]];
			data[place + 3] = 255;
		}
	}
	paintUnseen(image, picture, map);
	if (from > 0) paintPicture(image, picture, from);
}

/** What the model never saw: the picture without colour, dimmed, with stripes. */
function paintUnseen(image, picture, map) {
	const { data } = image;
	const striped = stripes(image.width, image.height);
	eachUnseen(image, map, (x, y, place) => {
		const grey =
			(picture[place] * 19595 + picture[place + 1] * 38470 + picture[place + 2] * 7471 + 32768) >>
			16;
		setGrey(data, place, striped(x, y) ? LIT[grey] : DIM[grey]);
	});
}

/** The picture itself in the columns before `until`. */
function paintPicture(image, picture, until) {
	const { data, width, height } = image;
	for (let y = 0; y < height; y++) {
		const start = 4 * y * width;
		data.set(picture.subarray(start, start + 4 * Math.min(until, width)), start);
	}
}
