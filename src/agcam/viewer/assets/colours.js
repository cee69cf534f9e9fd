// Colour maps as tables of 256 colours.

import { decodeBytes } from "./pixels.js";

export class Colours {
	/** @param {Record<string, string>} encoded base64 of 256 x (red, green, blue) */
	constructor(encoded) {
		Object.assign(this, { encoded, names: Object.keys(encoded), tables: {} });
	}

	table(name) {
		const known = name in this.encoded ? name : this.names[0];
		return (this.tables[known] ??= decodeBytes(this.encoded[known]));
	}

	/** The colours from left to right, for CSS. */
	gradient(name) {
		const table = this.table(name);
		const stop = (_, place) => `rgb(${table.subarray(45 * place, 45 * place + 3).join(" ")})`;
		return `linear-gradient(90deg, ${Array.from({ length: 18 }, stop).join(", ")})`;
	}
}
