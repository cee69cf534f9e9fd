// The controls: inputs that show a part of the state, and change it.

import { html } from "./dom.js";
import { MODES } from "./state.js";

/** One of several, as buttons beside each other. */
function choice(store, name, label, options) {
	const set = ({ target }) => store.set({ [name]: target.value });
	const buttons = options.map(
		({ value, text }) => html`<label>
			<input type="radio" name=${`${name}-${store.id}`} value=${value} aria-label=${text}
				.checked=${store.state[name] === value} @input=${set}>
			<span>${text}</span>
		</label>`,
	);
	return html`<fieldset class="agcam-choice"><legend>${label}</legend>${buttons}</fieldset>`;
}

/** One of many, as a list that opens; the first where the state has none of them. */
function list(store, name, label, options) {
	const chosen = options.find(({ value }) => value === store.state[name]) ?? options[0];
	const lines = options.map(
		(one) => html`<option value=${one.value} ?disabled=${one.disabled} .selected=${one === chosen}>
			${one.text}
		</option>`,
	);
	const set = ({ target }) => store.set({ [name]: target.value });
	return html`<div class="agcam-field">
		<span>${label}</span><select aria-label=${label} @input=${set}>${lines}</select>
	</div>`;
}

/** A number within [0, 1]. */
function slider(store, name, label) {
	const value = store.state[name];
	return html`<div class="agcam-field">
		<span>${label} <output>${Math.round(100 * value)} %</output></span>
		<input type="range" min="0" max="1" step="0.01" aria-label=${label} .value=${String(value)}
			@input=${({ target }) => store.set({ [name]: Number(target.value) })}>
	</div>`;
}

/** Yes or no. */
function tick(store, name, label) {
	return html`<label class="agcam-tick">
		<input type="checkbox" .checked=${store.state[name]}
			@input=${({ target }) => store.set({ [name]: target.checked })}> ${label}
	</label>`;
}

/**
 * The choice of a method. Those that are explained in plain words have buttons, as few have; others
 * are in a list. Refused ones cannot be chosen.
 */
export function methodControl(store, methods) {
	if (methods.length < 2) return null;
	const option = ({ name, label, refusal }) => ({
		value: name,
		text: label ? `${name} – ${label}` : name,
		disabled: Boolean(refusal),
	});
	const few = methods.length <= 3 && !methods.some((method) => method.refusal);
	const pressed = methods.filter((method) => few || (method.label && !method.refusal));
	const others = methods.filter((method) => !pressed.includes(method)).map(option);
	if (pressed.length) others.unshift({ value: "", text: "choose one", disabled: true });
	const label = pressed.length ? "Another method" : "Method";
	return html`<div class="agcam-methods">
		${pressed.length > 0 && choice(store, "method", "Method", pressed.map(option))}
		${pressed.length < methods.length && list(store, "method", label, others)}
	</div>`;
}

/** How maps are drawn: the first `modes` of all ways to look at them, opacity, colours, others. */
export function viewControls(store, { names }, kind, modes, others = null) {
	const colours = names.map((name) => ({ value: name, text: name }));
	return html`<div class=${kind}>
		${choice(store, "mode", "View", MODES.slice(0, modes))}
		${slider(store, "opacity", "Opacity of the map")}
		${list(store, "colormap", "Colours", colours)} ${others}
	</div>`;
}

/** What is marked in one map; `truth` where there are true boxes. */
export function markControls(store, truth) {
	return html`${slider(store, "threshold", "Threshold")}
		<div class="agcam-ticks">
			${tick(store, "boxes", "Boxes above the threshold")}
			${tick(store, "contour", "Contour at the threshold")}
			${truth && tick(store, "truth", "True boxes")}
		</div>`;
}
