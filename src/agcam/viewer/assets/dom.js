// Templates, and what their makers share. Text in a template is always text, never markup.

import { html as markup, nothing, render, svg as drawing } from "./lit.js";

/** Values as a template takes them: null and false are nothing, also in lists. */
function filled(value) {
	if (Array.isArray(value)) return value.map(filled);
	return value === null || value === undefined || value === false ? nothing : value;
}

export const html = (strings, ...values) => markup(strings, ...values.map(filled));
export const svg = (strings, ...values) => drawing(strings, ...values.map(filled));

/** The element of a template that is rendered once. */
export function element(template) {
	const place = document.createElement("div");
	render(template, place);
	return place.firstElementChild;
}

/** An image whose pixels are there, or null where they are missing or damaged. */
export async function loaded(src) {
	const image = Object.assign(new Image(), { src });
	return image.decode().then(() => image, () => null);
}

/** A text, or a link where it has an address. */
export function linked(value) {
	return value.href ? html`<a href=${value.href}>${value.text}</a>` : textOf(value);
}

export function textOf(value) {
	return typeof value === "string" ? value : value.text;
}

/** Values by name; one is rebuilt only where what it is made of has changed. */
export class Memo {
	constructor() {
		this.kept = new Map();
	}

	/** What was made for the same key, or else what `make` makes. */
	get(name, key, make) {
		const kept = this.kept.get(name);
		if (kept && key.every((one, place) => one === kept.key[place])) return kept.value;
		const value = make();
		this.kept.set(name, { key, value });
		return value;
	}
}

/** A number as a reader wants it. */
export function short(number) {
	if (!Number.isFinite(number)) return "-";
	const small = number !== 0 && Math.abs(number) < 0.001;
	return small ? number.toExponential(2) : String(Number(number.toPrecision(3)));
}
