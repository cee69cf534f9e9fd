// Making elements: text is always text, never markup.

/**
 * An element. `given` is a class, or properties and attributes: `class`, `on` ({event: listener}),
 * `style` ({property: value}), ARIA, data. Children that are null or false are left out.
 */
export function element(tag, given = {}, ...children) {
	const made = document.createElement(tag);
	const properties = typeof given === "string" ? { class: given } : given;
	for (const [name, value] of Object.entries(properties)) {
		if (value === undefined || value === null) continue;
		if (name === "on") listen(made, value);
		else if (name === "style") setStyle(made, value);
		else if (name === "class") made.className = value;
		else if (name.includes("-") || name === "role" || name === "for")
			made.setAttribute(name, value);
		else made[name] = value;
	}
	made.append(...children.filter((child) => child || child === 0));
	return made;
}

/** A button that does something. */
export function button(act, given, ...children) {
	return element("button", { type: "button", on: { click: act }, ...given }, ...children);
}

function listen(made, listeners) {
	for (const [event, listener] of Object.entries(listeners)) made.addEventListener(event, listener);
}

function setStyle(made, style) {
	for (const [property, value] of Object.entries(style)) made.style.setProperty(property, value);
}

/** An element of a drawing. */
export function drawing(tag, attributes = {}, ...children) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
	made.append(...children);
	return made;
}

/** A text, or a link where it has an address. */
export function linked(value) {
	if (typeof value === "string" || !value.href) return textOf(value);
	return element("a", { href: value.href }, value.text);
}

export function textOf(value) {
	return typeof value === "string" ? value : value.text;
}

/** Values by name; one is made anew only where what it is made of has changed. */
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

let names = 0;

/** A name for `id` that no other element has. */
export function newId(word) {
	names += 1;
	return `agcam-${word}-${names}`;
}

/** A number as a reader wants it. */
export function short(number) {
	if (!Number.isFinite(number)) return "-";
	const small = number !== 0 && Math.abs(number) < 0.001;
	return small ? number.toExponential(2) : String(Number(number.toPrecision(3)));
}
