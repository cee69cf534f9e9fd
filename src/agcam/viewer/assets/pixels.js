// From relevance per patch to levels per pixel: the twin of agcam's maps/pixels.py and of the first
// half of maps/render.py, in float32 as there, so that a browser draws what Python draws.

/**
 * @typedef {[number, number, number, number]} Window left, top, right, bottom, in pixels
 * @typedef {{width: number, height: number, window: Window}} Frame what a model saw of a picture
 * @typedef {{values: Float32Array, shape: [number, number]}} Grid relevance, row by row
 * @typedef {{left: number, top: number, width: number, height: number, values: Float32Array}} PixelMap
 *   relevance of the pixels that the model saw: a rectangle of the picture
 */

const round32 = Math.fround;
const EVEN = 2 ** 52 + 2 ** 51; // adding it leaves no bits for a fraction

/** Round to the nearest whole number, halves to the even one, as Python and NumPy do. */
export function roundEven(number) {
	return number + EVEN - EVEN;
}

/** The numbers of a map: base64 of little-endian float32, or nested lists. */
export function decodeFloats(values) {
	if (typeof values !== "string") return Float32Array.from(values.flat(Infinity));
	return new Float32Array(decodeBytes(values).buffer);
}

export function decodeBytes(text) {
	return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Which pixels of one side are seen, and between which two cells each of them lies. */
function weigh(pixels, start, stop, cells) {
	const first = Math.max(0, Math.ceil(start - 0.5));
	const end = Math.max(first, Math.min(pixels - 1, Math.floor(stop - 0.5)) + 1);
	const size = end - first;
	const [part, rest] = [new Float32Array(size), new Float32Array(size)];
	const side = { cells, first, below: new Int32Array(size), part, rest };
	for (let pixel = first; pixel < end; pixel++) {
		const raw = ((pixel + 0.5 - start) / (stop - start)) * cells - 0.5;
		const place = Math.min(Math.max(raw, 0), cells - 1);
		const below = Math.min(Math.floor(place), Math.max(cells - 2, 0));
		side.below[pixel - first] = below;
		side.part[pixel - first] = place - below;
		side.rest[pixel - first] = 1 - (place - below);
	}
	return side;
}

/** Spread relevance over pixels, bilinearly between the patches' centres, constant beyond them. */
export function toPixels(grid, frame) {
	const { across, down } = sidesOf(grid, frame);
	const [width, height] = [across.below.length, down.below.length];
	return { left: across.first, top: down.first, width, height, values: spread(grid, across, down) };
}

/** Lowest and highest relevance of the pixels: between two centres it is highest at an end. */
export function rangeOnPixels(grid, frame) {
	const { across, down } = sidesOf(grid, frame);
	return rangeOf(spread(grid, endsOf(across), endsOf(down)));
}

function sidesOf({ shape: [rows, columns] }, { width, height, window: [left, top, right, bottom] }) {
	return { across: weigh(width, left, right, columns), down: weigh(height, top, bottom, rows) };
}

/** Of the pixels between two centres the first and the last. */
function endsOf({ cells, below, part, rest }) {
	const ends = (_, place) =>
		below[place] !== below[place - 1] || below[place] !== below[place + 1];
	return { cells, below: below.filter(ends), part: part.filter(ends), rest: rest.filter(ends) };
}

/** Rows to the width of the pixels, then columns to their height. */
function spread({ values, shape: [rows] }, across, down) {
	return stretch(stretch(values, rows, across), across.below.length, down);
}

/** Stretch each of `count` lines of cells; what is made is turned, a line for each pixel. */
function stretch(values, count, { cells, below, part, rest }) {
	const made = new Float32Array(below.length * count);
	for (let pixel = 0, place = 0; pixel < below.length; pixel++) {
		const step = Math.min(below[pixel] + 1, cells - 1) - below[pixel];
		for (let line = 0, from = below[pixel]; line < count; line++, place++, from += cells) {
			made[place] = round32(rest[pixel] * values[from]) + part[pixel] * values[from + step];
		}
	}
	return made;
}

/** Lowest and highest number. */
export function rangeOf(values) {
	let low = Infinity;
	let high = -Infinity;
	for (let place = 0; place < values.length; place++) {
		const value = values[place];
		if (value < low) low = value;
		if (value > high) high = value;
	}
	return low > high ? [0, 0] : [low, high];
}

/** Colour levels 0 ... 255 of relevance between `low` and `high`; 0 where all relevance is the same. */
export function levelsOf(values, [low, high]) {
	const levels = new Uint8Array(values.length);
	const spread = round32(round32(high) - round32(low));
	if (!(spread > 0)) return levels;
	for (let place = 0; place < values.length; place++) {
		const share = round32(round32(values[place] - low) / spread);
		const level = round32(share * 255) + EVEN - EVEN;
		levels[place] = level < 0 ? 0 : level > 255 ? 255 : level;
	}
	return levels;
}

/**
 * The same window where `width` x `height` pixels show a part of the picture.
 * @param {{x: number, y: number, width: number, height: number}} part in the picture's pixels
 */
export function frameOf(frame, width, height, part) {
	const [left, top, right, bottom] = frame.window;
	const [across, down] = [width / part.width, height / part.height];
	return {
		width,
		height,
		window: [
			(left - part.x) * across,
			(top - part.y) * down,
			(right - part.x) * across,
			(bottom - part.y) * down,
		],
	};
}

/** The size of a canvas for a picture: its own, unless its longer side is above `longest`. */
export function sizeFor(frame, longest) {
	const share = Math.min(1, longest / Math.max(frame.width, frame.height));
	const side = (pixels) => Math.max(1, Math.round(pixels * share));
	return [side(frame.width), side(frame.height)];
}

/** The patch [row, column] at a place (in shares of the picture), or null where the model saw nothing. */
export function patchAt({ shape }, { width, height, window: [left, top, right, bottom] }, { x, y }) {
	const row = Math.floor(((y * height - top) / (bottom - top)) * shape[0]);
	const column = Math.floor(((x * width - left) / (right - left)) * shape[1]);
	const inside = row >= 0 && column >= 0 && row < shape[0] && column < shape[1];
	return inside ? [row, column] : null;
}
