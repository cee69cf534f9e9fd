// Tables; pressing a column's head sorts them, which sortable.js does.

import { terms } from "./about.js";
import { html, linked, textOf } from "./dom.js";

/** A table as `table_block` of agcam's viewer/data.py describes it; `terms` explain columns. */
export function dataTable({ title, note, head, rows, marks = [], terms: explained = [] }) {
	const named = (cell) => html`<th scope="col">
		<button type="button">${textOf(cell)}</button>${notesOf(cell)}
	</th>`;
	const line = ([first, ...others], place) => html`<tr class=${marks[place] ?? ""}>
		<th scope="row" data-sort=${sortKey(first)}>${content(first)}</th>
		${others.map((cell) => html`<td data-sort=${sortKey(cell)}>${content(cell)}</td>`)}
	</tr>`;
	return html`<section>
		${title && html`<h2>${title}</h2>`}
		${note && html`<p class="agcam-small">${note}</p>`}
		${explained.length > 0 && terms(explained)}
		<div class="agcam-scroll" tabindex="0" role="region" aria-label=${title || "Table"}>
			<table class="agcam-table sortable n-last">
				<thead><tr>${head.map(named)}</tr></thead><tbody>${rows.map(line)}</tbody>
			</table>
		</div>
	</section>`;
}

/** A cell's number, or else its text; nothing for what is sorted last. */
function sortKey(cell) {
	if (cell.sort !== undefined) return cell.sort ?? "";
	const number = Number.parseFloat(textOf(cell));
	return Number.isNaN(number) ? textOf(cell) : number;
}

/** A cell's text, strong where it is the best, with small notes below it. */
function content(cell) {
	return [cell.best ? html`<b>${linked(cell)}</b>` : linked(cell), notesOf(cell)];
}

function notesOf({ notes = [] }) {
	return notes.map(({ text, kind = "" }) => html`<small class=${kind}>${text}</small>`);
}
