// What is written about a map.

import { short } from "./dom.js";

/** What a map shows, as one line. */
export function captionOf(card, map) {
	if (map.caption) return map.caption;
	const method = card.method(map.method);
	if (method?.class_specific === false || map.target === null) {
		return `${map.method} does not know classes: one map for all of them`;
	}
	const target = card.targets[map.target];
	const judged = target.judged || target.score;
	return `what speaks for ${target.name}${judged ? ` (${judged})` : ""}`;
}

/** The method, and in plain words what it shows. */
export function methodText(card, name) {
	const label = card.method(name)?.label;
	return label ? `${name} – ${label}` : name;
}

/** Where a map is highest, for those who do not see it. */
export function placeOfHighest(grid, frame) {
	const best = grid.values.indexOf(Math.max(...grid.values));
	const [rows, columns] = grid.shape;
	const [left, top, right, bottom] = frame.window;
	const x = left + ((right - left) * ((best % columns) + 0.5)) / columns;
	const y = top + ((bottom - top) * (Math.floor(best / columns) + 0.5)) / rows;
	const third = (share) => Math.min(2, Math.max(0, Math.floor(3 * share)));
	const vertical = ["upper", "middle", "lower"][third(y / frame.height)];
	const horizontal = ["left", "centre", "right"][third(x / frame.width)];
	return `highest in the ${vertical} ${horizontal} of the picture`;
}

/** A text in place of the drawing. */
export function describe(card, map, grid) {
	return `Heat map by ${map.method}, ${captionOf(card, map)}: ${placeOfHighest(grid, card.frame)}`;
}

/** A text whose numbers keep their unit on the line. */
export const unbroken = (text) => text.replaceAll(" %", "\u00a0%");

/** The numbers at the ends of the colours. */
export const ends = (range) => range.map(short);

/** Call each card by the last part of its path, where no other has the same. */
export function nameCards(cards) {
	const last = (card) => card.title.split("/").at(-1) || card.title;
	const counts = new Map();
	cards.forEach((card) => counts.set(last(card), (counts.get(last(card)) ?? 0) + 1));
	for (const card of cards) card.name = counts.get(last(card)) > 1 ? card.title : last(card);
}
