// The search of a class that is not listed.

import { element, newId } from "./dom.js";

const OFFERED = 50;

/**
 * A field that finds other classes by their names; one is taken by its whole name, or by Enter.
 * find(text) gives targets, or a promise of them; choose(target) takes one.
 */
export function searchField(find, choose) {
	const found = element("datalist", { id: newId("found") });
	const input = element("input", { type: "search", id: newId("search"), autocomplete: "off" });
	input.setAttribute("list", found.id);

	const look = async (first) => {
		const words = input.value.trim();
		const targets = words ? await find(words) : [];
		if (words !== input.value.trim()) return; // more was typed meanwhile
		const named = targets.find((one) => one.name.toLowerCase() === words.toLowerCase());
		const target = named ?? (first ? targets[0] : undefined);
		const options = targets.slice(0, OFFERED).map(({ name }) => element("option", { value: name }));
		found.replaceChildren(...options);
		if (!target) return;
		input.value = "";
		choose(target);
	};
	input.addEventListener("input", () => look(false));
	input.addEventListener("keydown", (event) => {
		if (event.key !== "Enter") return;
		event.preventDefault();
		look(true);
	});
	const label = element("label", { for: input.id }, "Another class");
	return element("div", "agcam-field", label, input, found);
}
