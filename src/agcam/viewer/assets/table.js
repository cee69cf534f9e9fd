// Tables that are sorted by pressing a column's head.

import { button, element, linked, textOf } from "./dom.js";

/** A table as `table_block` of agcam's viewer/data.py describes it; `terms` explain columns. */
export function dataTable({ title, note, head, rows, marks = [], terms = [] }) {
	const lines = rows.map((row, place) => ({ row, place, node: line(row, marks[place]) }));
	const body = element("tbody", {}, ...lines.map((one) => one.node));
	const heads = head.map((cell, column) => sortHead(cell, column, lines, body));
	const table = element(
		"table",
		"agcam-table",
		element("thead", {}, element("tr", {}, ...heads)),
		body,
	);
	return element(
		"section",
		"agcam-tablebox",
		title ? element("h2", {}, title) : null,
		note ? element("p", "agcam-small", note) : null,
		terms.length ? element("dl", "agcam-terms", ...terms.flatMap(term)) : null,
		element(
			"div",
			{ class: "agcam-scroll", tabIndex: 0, role: "region", "aria-label": title ?? "Table" },
			table,
		),
	);
}

function term([name, text]) {
	return [element("dt", {}, name), element("dd", {}, text)];
}

function sortKey(cell) {
	if (typeof cell !== "string" && cell.sort !== undefined) return cell.sort;
	const number = Number.parseFloat(textOf(cell));
	return Number.isNaN(number) ? null : number;
}

function line(row, mark = "") {
	const cells = row.map((cell, column) => {
		const tag = column ? "td" : "th";
		const { notes = [], best = false } = typeof cell === "string" ? {} : cell;
		const text = best ? element("b", {}, linked(cell)) : linked(cell);
		const given = column ? {} : { scope: "row" };
		return element(
			tag,
			given,
			text,
			...notes.map(({ text: words, kind = "" }) => element("small", { class: kind }, words)),
		);
	});
	return element("tr", { class: mark }, ...cells);
}

/** A column's head: press it to sort, again for the other way. */
function sortHead(cell, column, lines, body) {
	const { notes = [] } = typeof cell === "string" ? {} : cell;
	const head = element("th", { scope: "col" });
	const sort = () => {
		const up = head.getAttribute("aria-sort") === "descending";
		for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
		head.setAttribute("aria-sort", up ? "ascending" : "descending");
		const ordered = [...lines].sort(
			(a, b) => compare(a.row[column], b.row[column], up) || a.place - b.place,
		);
		body.replaceChildren(...ordered.map((one) => one.node));
	};
	head.append(
		button(sort, {}, textOf(cell)),
		...notes.map(({ text }) => element("small", {}, text)),
	);
	return head;
}

/** Numbers before texts, cells without a number last. */
function compare(a, b, up) {
	const [first, second] = [sortKey(a), sortKey(b)];
	if (first === null && second === null) return textOf(a).localeCompare(textOf(b)) * (up ? 1 : -1);
	if (first === null || second === null) return first === null ? 1 : -1;
	return up ? first - second : second - first;
}
