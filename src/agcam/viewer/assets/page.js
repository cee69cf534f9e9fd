// The script of a page that holds its data: read it, and show it.

import { mount } from "./viewer.js";

/** The JSON in all elements of a class. */
function read(kind) {
	return [...document.querySelectorAll(`script[data-agcam="${kind}"]`)].map((script) =>
		JSON.parse(script.textContent ?? ""),
	);
}

const shown = { ...read("document")[0], ...read("end")[0], cards: read("card") };
mount(document.querySelector("[data-agcam-viewer]"), shown);
