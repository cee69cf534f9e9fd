// Making elements: text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";
const ATTRIBUTE = /\s([\w@.-]+)=$/;
const templates = new WeakMap();

/**
 * One element, written as HTML. `${...}` between tags is text, a node, or a list of them, with
 * nothing for null and false; `name=${...}` an attribute; `@event=${...}` a listener; and
 * `.style=${...}` properties by name, which a page's policy does not allow in an attribute.
 */
export function html(strings, ...values) {
	const made = document.importNode(templateOf(strings), true);
	const walker = document.createTreeWalker(made, NodeFilter.SHOW_ELEMENT);
	const nodes = [made];
	while (walker.nextNode()) nodes.push(walker.currentNode);
	for (const node of nodes) {
		const place = node.getAttribute("data-hole");
		if (place === null) [...node.attributes].forEach((one) => fill(node, one, values));
		else node.replaceWith(...listed(values[place]));
	}
	return made;
}

/** The element with holes where values go; it is parsed once for each place of the program. */
function templateOf(strings) {
	if (!templates.has(strings)) {
		const text = strings.reduce((before, part, place) => {
			const hole = place - 1;
			return ATTRIBUTE.test(before)
				? before.replace(ATTRIBUTE, ` data-fill-${hole}="$1"`) + part
				: `${before}<template data-hole="${hole}"></template>${part}`;
		});
		const parsed = document.createElement("template");
		parsed.innerHTML = text.trim();
		templates.set(strings, parsed.content.firstElementChild);
	}
	return templates.get(strings);
}

const listed = (value) => [value].flat(Infinity).filter((one) => one || one === 0);

/** Give an element what its attribute data-fill-<place> names. */
function fill(node, { name: hole, value: name }, values) {
	if (!hole.startsWith("data-fill-")) return;
	const given = values[hole.slice("data-fill-".length)];
	node.removeAttribute(hole);
	if (name.startsWith("@")) node.addEventListener(name.slice(1), given);
	else if (name === ".style") {
		for (const [property, text] of Object.entries(given)) node.style.setProperty(property, text);
	} else if (given === true) node.setAttribute(name, "");
	else if (given !== false && given !== null && given !== undefined) node.setAttribute(name, given);
}

/** An element of a drawing. */
export function drawing(tag, attributes = {}, ...children) {
	const made = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
	made.append(...children);
	return made;
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
