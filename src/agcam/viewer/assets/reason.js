// The parts of a reason: crops of where it lies, its usual place, and its numbers.

import { button, drawing, element, linked } from "./dom.js";

const SERIOUS = 0.5; // a score from which a reason is marked

/** How suspicious, from 0 to 1. */
export function score(value) {
	const kind = value >= SERIOUS ? "agcam-score agcam-serious" : "agcam-score";
	return element("span", kind, `suspicious ${value.toFixed(2)}`);
}

/** Names and numbers; a number may be a link. */
export function facts(rows) {
	const pairs = rows.map(([name, value]) =>
		element("div", {}, element("dt", {}, name), element("dd", {}, linked(value))),
	);
	return element("dl", "agcam-facts", ...pairs);
}

/** What a reason looks like in its best pictures, cut out; pressed, the picture is opened. */
export function crops(reason, cards, open, most = 8) {
	const items = reason.crops.slice(0, most).map(({ card: place, cut }) => {
		const card = cards[place];
		const cropped = element("span", "agcam-crop");
		show(cropped, card.data.picture, cut);
		const label = `${reason.title} in ${card.name}`;
		return element("li", {}, button(() => open(place), { "aria-label": label }, cropped));
	});
	return element("ul", "agcam-crops", ...items);
}

/** A part of a picture (shares of its sides) as the ground of an element. */
function show(node, picture, [left, top, width, height]) {
	const along = (start, size) => (size >= 1 ? 0 : (100 * start) / (1 - size));
	node.style.setProperty("background-image", `url(${JSON.stringify(picture.src)})`);
	node.style.setProperty("background-size", `${100 / width}% ${100 / height}%`);
	node.style.setProperty("background-position", `${along(left, width)}% ${along(top, height)}%`);
}

/** Where in the pictures a reason lies: a patch is the darker the more of it lies there. */
export function placeMap({ places, title }) {
	const [rows, columns] = [places.length, places[0].length];
	const squares = places.flatMap((row, y) =>
		row.map((value, x) =>
			value > 0
				? drawing("rect", { x, y, width: 1, height: 1, "fill-opacity": value.toFixed(2) })
				: null,
		),
	);
	const label = `Where ${title} lies in the pictures`;
	const box = { viewBox: `0 0 ${columns} ${rows}`, role: "img", "aria-label": label };
	const map = drawing("svg", box, ...squares.filter(Boolean));
	return element("figure", "agcam-placemap", map, element("figcaption", {}, "where it lies"));
}
