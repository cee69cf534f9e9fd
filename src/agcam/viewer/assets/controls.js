// The controls: inputs that are named after a part of the state, which they show and change.

import { html, newId } from "./dom.js";
import { MODES } from "./state.js";

/** One of several, as buttons beside each other. */
function choice(name, label, options) {
	const group = newId(name);
	const buttons = options.map(
		({ value, text }) => html`<label>
			<input type="radio" name=${group} value=${value} data-state=${name} aria-label=${text}>
			<span>${text}</span>
		</label>`,
	);
	return html`<fieldset class="agcam-choice"><legend>${label}</legend>${buttons}</fieldset>`;
}

/** One of many, as a list that opens. */
function list(name, label, options) {
	const lines = options.map(
		({ value, text, disabled }) => html`<option value=${value} disabled=${disabled}>${text}</option>`,
	);
	return html`<div class="agcam-field">
		<span>${label}</span>
		<select data-state=${name} aria-label=${label}>${lines}</select>
	</div>`;
}

/** A number within [0, 1]. */
function slider(name, label) {
	return html`<div class="agcam-field">
		<span>${label} <output></output></span>
		<input type="range" min="0" max="1" step="0.01" data-state=${name} aria-label=${label}>
	</div>`;
}

/** Yes or no. */
function tick(name, label) {
	return html`<label class="agcam-tick"><input type="checkbox" data-state=${name}> ${label}</label>`;
}

/** Controls within an element. */
export class Controls {
	constructor(store, kind, nodes) {
		this.node = html`<div class=${kind}>${nodes}</div>`;
		this.inputs = [...this.node.querySelectorAll("[data-state]")];
		const set = ({ target }) => store.set({ [target.dataset.state]: valueOf(target) });
		this.node.addEventListener("input", set, { capture: true });
	}

	show(state) {
		this.inputs.forEach((input) => show(input, state[input.dataset.state]));
	}
}

function valueOf({ type, value, checked }) {
	if (type === "checkbox") return checked;
	return type === "range" ? Number(value) : value;
}

function show(input, value) {
	if (input.type === "checkbox") input.checked = value;
	else if (input.type === "radio") input.checked = input.value === value;
	else input.value = String(value);
	if (input.selectedIndex < 0) input.selectedIndex = 0;
	if (input.type === "range") {
		input.parentElement.querySelector("output").value = `${Math.round(100 * value)} %`;
	}
}

/**
 * The choice of a method. Those that are explained in plain words have buttons, as few have; others
 * are in a list. Refused ones cannot be chosen.
 */
export function methodControl(store, methods) {
	const option = ({ name, label, refusal }) => ({
		value: name,
		text: label ? `${name} – ${label}` : name,
		disabled: Boolean(refusal),
	});
	const few = methods.length <= 3 && !methods.some((method) => method.refusal);
	const pressed = methods.filter((method) => few || (method.label && !method.refusal));
	const others = methods.filter((method) => !pressed.includes(method)).map(option);
	const none = { value: "", text: "choose one", disabled: true };
	const label = pressed.length ? "Another method" : "Method";
	return new Controls(store, "agcam-methods", methods.length > 1 && [
		pressed.length > 0 && choice("method", "Method", pressed.map(option)),
		others.length > 0 && list("method", label, pressed.length ? [none, ...others] : others),
	]);
}

/** How maps are drawn: the first `modes` of all ways to look at them, opacity, colours, others. */
function viewNodes(modes, { names }, ...others) {
	return [
		choice("mode", "View", MODES.slice(0, modes)),
		slider("opacity", "Opacity of the map"),
		list("colormap", "Colours", names.map((name) => ({ value: name, text: name }))),
		...others,
	];
}

/** How all small maps of an overview are drawn. */
export function overviewControls(store, colours) {
	return new Controls(store, "agcam-toolbar", viewNodes(3, colours));
}

/** How one map is drawn; `truth` where there are true boxes, `two` where there are two methods. */
export function viewControls(store, colours, truth, two) {
	const ticks = html`<div class="agcam-ticks">
		${tick("boxes", "Boxes above the threshold")}
		${tick("contour", "Contour at the threshold")}
		${truth && tick("truth", "True boxes")}
	</div>`;
	const nodes = viewNodes(two ? 6 : 5, colours, slider("threshold", "Threshold"), ticks);
	return new Controls(store, "agcam-controls", nodes);
}
