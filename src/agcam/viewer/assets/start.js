// A page that holds its data: read it, and show it.

import { mount } from "./viewer.js";

/** The JSON in all elements of a class. */
function read(kind) {
	return [...document.querySelectorAll(`script[data-agcam="${kind}"]`)].map((script) =>
		JSON.parse(script.textContent ?? ""),
	);
}

const place = document.querySelector("[data-agcam-viewer]");
if (place instanceof HTMLElement) {
	const [given] = read("document");
	mount(place, { ...given, ...read("end")[0], cards: read("card") });
}
