// The parts of a reason: crops of where it lies, its usual place, and its numbers.

import { html, svg } from "./dom.js";

const SERIOUS = 0.5; // a score from which a reason is marked

/** How suspicious, from 0 to 1. */
export function score(value) {
	const kind = value >= SERIOUS ? "agcam-score agcam-serious" : "agcam-score";
	return html`<span class=${kind}>suspicious ${value.toFixed(2)}</span>`;
}

/** What a reason looks like in its best pictures, cut out; pressed, the picture is opened. */
export function crops(reason, cards, open, most = 8) {
	const items = reason.crops.slice(0, most).map(({ card: place, cut }) => {
		const { name, data } = cards[place];
		const label = `${reason.title} in ${name}`;
		return html`<li><button type="button" aria-label=${label} @click=${() => open(place)}>
			<span class="agcam-crop" .style=${partOf(data.picture, cut)}></span>
		</button></li>`;
	});
	return html`<ul class="agcam-crops">${items}</ul>`;
}

/** A part of a picture (shares of its sides) as the ground of an element. */
function partOf({ src }, [left, top, width, height]) {
	const along = (start, size) => (size >= 1 ? 0 : (100 * start) / (1 - size));
	const [x, y] = [along(left, width), along(top, height)];
	const size = `${100 / width}% ${100 / height}%`;
	return `background: url(${JSON.stringify(src)}) ${x}% ${y}% / ${size}`;
}

/** Where in the pictures a reason lies: a patch is the darker the more of it lies there. */
export function placeMap({ places, title }) {
	const square = (value, x, y) =>
		value > 0 && svg`<rect x=${x} y=${y} width="1" height="1" fill-opacity=${value.toFixed(2)}/>`;
	const squares = places.map((row, y) => row.map((value, x) => square(value, x, y)));
	const box = `0 0 ${places[0].length} ${places.length}`;
	return html`<figure class="agcam-placemap">
		<svg viewBox=${box} role="img" aria-label=${`Where ${title} lies in the pictures`}>${squares}</svg>
		<figcaption>where it lies</figcaption>
	</figure>`;
}
