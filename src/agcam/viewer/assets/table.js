// Tables that are sorted by pressing a column's head.

import { terms } from "./about.js";
import { html, linked, textOf } from "./dom.js";
import { render } from "./lit.js";

/** A table as `table_block` of agcam's viewer/data.py describes it; `terms` explain columns. */
export function dataTable({ title, note, head, rows, marks = [], terms: explained = [] }) {
	const lines = rows.map((row, place) => ({ row, mark: marks[place] ?? "" }));
	const sorted = { column: null, up: true };
	const table = document.createElement("table");
	table.className = "agcam-table";
	const sort = (column) => {
		Object.assign(sorted, { up: sorted.column === column && !sorted.up, column });
		show(lines.toSorted((a, b) => compare(a.row[column], b.row[column], sorted.up)));
	};
	const show = (some) => {
		const heads = head.map((cell, column) => headOf(cell, column, sorted, sort));
		render(html`<thead><tr>${heads}</tr></thead><tbody>${some.map(line)}</tbody>`, table);
	};
	show(lines);
	return html`<section>
		${title && html`<h2>${title}</h2>`}
		${note && html`<p class="agcam-small">${note}</p>`}
		${explained.length > 0 && terms(explained)}
		<div class="agcam-scroll" tabindex="0" role="region" aria-label=${title || "Table"}>${table}</div>
	</section>`;
}

function sortKey(cell) {
	if (typeof cell !== "string" && cell.sort !== undefined) return cell.sort;
	const number = Number.parseFloat(textOf(cell));
	return Number.isNaN(number) ? null : number;
}

function line({ row: [first, ...others], mark }) {
	const cells = others.map((cell) => html`<td>${content(cell)}</td>`);
	return html`<tr class=${mark}><th scope="row">${content(first)}</th>${cells}</tr>`;
}

/** A cell's text, strong where it is the best, with small notes below it. */
function content(cell) {
	return [cell.best ? html`<b>${linked(cell)}</b>` : linked(cell), notesOf(cell)];
}

function notesOf({ notes = [] }) {
	return notes.map(({ text, kind = "" }) => html`<small class=${kind}>${text}</small>`);
}

/** A column's head: press it to sort, again for the other way. */
function headOf(cell, column, sorted, sort) {
	const order = sorted.column === column && (sorted.up ? "ascending" : "descending");
	return html`<th scope="col" aria-sort=${order}>
		<button type="button" @click=${() => sort(column)}>${textOf(cell)}</button>${notesOf(cell)}
	</th>`;
}

/** Numbers before texts, cells without a number last. */
function compare(a, b, up) {
	const [first, second] = [sortKey(a), sortKey(b)];
	if (first === null && second === null) return textOf(a).localeCompare(textOf(b)) * (up ? 1 : -1);
	if (first === null || second === null) return first === null ? 1 : -1;
	return up ? first - second : second - first;
}
