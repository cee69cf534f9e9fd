// Tables that are sorted by pressing a column's head.

import { terms } from "./about.js";
import { html, linked, textOf } from "./dom.js";

/** A table as `table_block` of agcam's viewer/data.py describes it; `terms` explain columns. */
export function dataTable({ title, note, head, rows, marks = [], terms: explained = [] }) {
	const lines = rows.map((row, place) => ({ row, place, node: line(row, marks[place]) }));
	const body = html`<tbody>${lines.map((one) => one.node)}</tbody>`;
	const heads = head.map((cell, column) => sortHead(cell, column, lines, body));
	return html`<section class="agcam-tablebox">
		${title && html`<h2>${title}</h2>`}
		${note && html`<p class="agcam-small">${note}</p>`}
		${explained.length > 0 && terms(explained, "agcam-terms")}
		<div class="agcam-scroll" tabindex="0" role="region" aria-label=${title || "Table"}>
			<table class="agcam-table"><thead><tr>${heads}</tr></thead>${body}</table>
		</div>
	</section>`;
}

function sortKey(cell) {
	if (typeof cell !== "string" && cell.sort !== undefined) return cell.sort;
	const number = Number.parseFloat(textOf(cell));
	return Number.isNaN(number) ? null : number;
}

function line([first, ...others], mark) {
	const cells = others.map((cell) => html`<td>${content(cell)}</td>`);
	return html`<tr class=${mark}><th scope="row">${content(first)}</th>${cells}</tr>`;
}

/** A cell's text, strong where it is the best, with small notes below it. */
function content(cell) {
	return [cell.best ? html`<b>${linked(cell)}</b>` : linked(cell), notesOf(cell)];
}

function notesOf({ notes = [] }) {
	return notes.map(({ text, kind }) => html`<small class=${kind}>${text}</small>`);
}

/** A column's head: press it to sort, again for the other way. */
function sortHead(cell, column, lines, body) {
	const sort = () => {
		const up = head.getAttribute("aria-sort") === "descending";
		for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
		head.setAttribute("aria-sort", up ? "ascending" : "descending");
		const ordered = [...lines].sort(
			(a, b) => compare(a.row[column], b.row[column], up) || a.place - b.place,
		);
		body.replaceChildren(...ordered.map((one) => one.node));
	};
	const head = html`<th scope="col">
		<button type="button" @click=${sort}>${textOf(cell)}</button>${notesOf(cell)}
	</th>`;
	return head;
}

/** Numbers before texts, cells without a number last. */
function compare(a, b, up) {
	const [first, second] = [sortKey(a), sortKey(b)];
	if (first === null && second === null) return textOf(a).localeCompare(textOf(b)) * (up ? 1 : -1);
	if (first === null || second === null) return first === null ? 1 : -1;
	return up ? first - second : second - first;
}
