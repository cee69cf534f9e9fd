// The controls: each shows the state, and changes it.

import { element, newId } from "./dom.js";
import { MODES } from "./state.js";

/** A control: its node, and how it shows a state. @typedef {{node: any, show: (state: any) => void}} Control */

/** One of several, as buttons beside each other. */
function choice(store, name, label, options) {
	const group = newId(name);
	const inputs = options.map(({ value, text }) =>
		element("input", {
			type: "radio",
			name: group,
			value,
			on: { change: () => store.set({ [name]: value }) },
			"aria-label": text,
		}),
	);
	const labels = options.map(({ text }, place) =>
		element("label", {}, inputs[place], element("span", {}, text)),
	);
	const node = element("fieldset", "agcam-choice", element("legend", {}, label), ...labels);
	return {
		node,
		show: (state) => inputs.forEach((input) => (input.checked = input.value === state[name])),
	};
}

/** One of many, as a list that opens. */
function list(store, name, label, options) {
	const select = element(
		"select",
		{ id: newId(name), on: { change: () => store.set({ [name]: select.value }) } },
		...options.map(({ value, text, disabled }) =>
			element("option", { value, disabled: Boolean(disabled) }, text),
		),
	);
	const node = element("div", "agcam-field", element("label", { for: select.id }, label), select);
	const show = (state) => {
		select.value = state[name];
		if (select.selectedIndex < 0) select.selectedIndex = 0;
	};
	return { node, show };
}

/** A number within [0, 1]. */
function slider(store, name, label) {
	const output = element("output");
	const input = element("input", {
		id: newId(name),
		type: "range",
		min: 0,
		max: 1,
		step: 0.01,
		on: { input: () => store.set({ [name]: Number(input.value) }) },
	});
	const head = element("label", { for: input.id }, label, " ", output);
	const show = (state) => {
		input.value = String(state[name]);
		output.value = `${Math.round(100 * state[name])} %`;
	};
	return { node: element("div", "agcam-field", head, input), show };
}

/** Yes or no. */
function tick(store, name, label) {
	const input = element("input", {
		type: "checkbox",
		on: { change: () => store.set({ [name]: input.checked }) },
	});
	const node = element("label", "agcam-tick", input, " ", label);
	return { node, show: (state) => (input.checked = state[name]) };
}

/**
 * The choice of a method. Those that are explained in plain words have buttons, as few have; others
 * are in a list. Refused ones cannot be chosen.
 */
export function methodControl(store, methods) {
	const option = (method) => ({
		value: method.name,
		text: method.label ? `${method.name} – ${method.label}` : method.name,
		disabled: method.refusal,
	});
	const few = methods.length <= 3 && !methods.some((method) => method.refusal);
	const pressed = methods.filter((method) => few || (method.label && !method.refusal));
	const others = methods.filter((method) => !pressed.includes(method)).map(option);
	const none = { value: "", text: "choose one", disabled: true };
	const listed = pressed.length && others.length ? [none, ...others] : others;
	if (methods.length < 2) return { node: null, show: () => undefined };
	return together("agcam-methods", [
		...(pressed.length ? [choice(store, "method", "Method", pressed.map(option))] : []),
		...(listed.length
			? [list(store, "method", pressed.length ? "Another method" : "Method", listed)]
			: []),
	]);
}

/** Several controls as one. */
function together(name, controls) {
	const node = element("div", { class: name }, ...controls.map((control) => control.node));
	return { node, show: (state) => controls.forEach((control) => control.show(state)) };
}

function colourList(store, { names }) {
	return list(store, "colormap", "Colours", names.map((name) => ({ value: name, text: name })));
}

/** How all small maps of an overview are drawn. */
export function overviewControls(store, colours) {
	return together("agcam-toolbar", [
		choice(store, "mode", "View", MODES.slice(0, 3)),
		slider(store, "opacity", "Opacity of the map"),
		colourList(store, colours),
	]);
}

/**
 * Everything about how a map is drawn; `truth` where there are true boxes, `two` where there are
 * two methods.
 */
export function viewControls(store, colours, truth, two) {
	const ticks = [
		tick(store, "boxes", "Boxes above the threshold"),
		tick(store, "contour", "Contour at the threshold"),
		...(truth ? [tick(store, "truth", "True boxes")] : []),
	];
	return together("agcam-controls", [
		choice(store, "mode", "View", MODES.slice(0, two ? 6 : 5)),
		slider(store, "opacity", "Opacity of the map"),
		colourList(store, colours),
		slider(store, "threshold", "Threshold"),
		together("agcam-ticks", ticks),
	]);
}
