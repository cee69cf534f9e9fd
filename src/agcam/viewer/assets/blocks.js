// What a page shows beside pictures: tables, curves, texts.

import { curves } from "./curves.js";
import { html } from "./dom.js";
import { dataTable } from "./table.js";

const MAKERS = { table: dataTable, curves, text: textBlock };

/** The element for a block of a document. @returns {HTMLElement} */
export function blockNode(block) {
	return MAKERS[block.kind](block);
}

/** A heading over paragraphs, or over lines that are shown as they are, closed at first. */
function textBlock({ title, paragraphs = [], lines = [] }) {
	const texts = paragraphs.map((text) => html`<p>${text}</p>`);
	if (!lines.length) return html`<section><h2>${title}</h2>${texts}</section>`;
	return html`<details class="agcam-details">
		<summary>${title}</summary>${texts}<pre tabindex="0">${lines.join("\n")}</pre>
	</details>`;
}
