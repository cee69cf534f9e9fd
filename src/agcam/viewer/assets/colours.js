// Colour maps as tables of 256 colours.

import { decodeBytes } from "./pixels.js";

/** Tables by name; each is decoded when it is first used. */
export class Colours {
	/** @param {Record<string, string>} encoded base64 of 256 x (red, green, blue) */
	constructor(encoded) {
		this.encoded = encoded;
		this.tables = new Map();
	}

	get names() {
		return Object.keys(this.encoded);
	}

	table(name) {
		const known = name in this.encoded ? name : this.names[0];
		if (!this.tables.has(known)) this.tables.set(known, decodeBytes(this.encoded[known]));
		return this.tables.get(known);
	}

	/** The colours from left to right, for CSS. */
	gradient(name) {
		const table = this.table(name);
		const stops = Array.from({ length: 18 }, (_, stop) => {
			const colour = table.subarray(45 * stop, 45 * stop + 3);
			return `rgb(${colour.join(" ")})`;
		});
		return `linear-gradient(90deg, ${stops.join(", ")})`;
	}
}
