// What a page shows beside pictures: tables, curves, texts.

import { curves } from "./curves.js";
import { element } from "./dom.js";
import { dataTable } from "./table.js";

const MAKERS = { table: dataTable, curves, text: textBlock };

/** The element for a block of a document. @returns {HTMLElement} */
export function blockNode(block) {
	return MAKERS[block.kind](block);
}

/** A heading over paragraphs, or over lines that are shown as they are, closed at first. */
function textBlock({ title, paragraphs = [], lines = [] }) {
	const texts = paragraphs.map((text) => element("p", {}, text));
	if (!lines.length) return element("section", {}, element("h2", {}, title), ...texts);
	const whole = element("pre", { tabIndex: 0 }, lines.join("\n"));
	return element("details", "agcam-details", element("summary", {}, title), ...texts, whole);
}
