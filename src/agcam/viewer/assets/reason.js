// The parts of a reason: crops of where it lies, its usual place, and its numbers.

import { html, svg } from "./dom.js";

const SERIOUS = 0.5; // a score from which a reason is marked

/** How suspicious, from 0 to 1. */
export function score(value) {
	const kind = value >= SERIOUS ? "agcam-score agcam-serious" : "agcam-score";
	return html`<span class=${kind}>suspicious ${value.toFixed(2)}</span>`;
}

/** Whether a reason is all of its pictures, as a colour cast is; not if none of them can be shown. */
const isEverywhere = ({ crops: every }) =>
	every.length > 0 && every.every(({ cut: [, , wide, high] }) => wide >= 1 && high >= 1);

/** A reason in its best pictures: whole with its place outlined, then cut out; pressed, they open. */
export function crops(reason, cards, open, whole, most) {
	const [first, cuts] = whole && isEverywhere(reason) ? [whole + most, 0] : [whole, most];
	const item = ({ card: place, cut }, shape) => {
		const { name, data } = cards[place];
		const label = `${reason.title} in ${name}`;
		return html`<li><button type="button" aria-label=${label} @click=${() => open(place)}>
			${shape(data.picture, cut)}
		</button></li>`;
	};
	return html`<ul class="agcam-crops">
		${reason.crops.slice(0, first).map((one) => item(one, outlined))}
		${reason.crops.slice(0, cuts).map((one) => item(one, partOf))}
	</ul>`;
}

/** Whole pictures of other classes, to compare with. */
export function others(reason, cards, open) {
	const item = ({ card: place, name }) => html`<li>
		<button type="button" aria-label=${`${name}, to compare with`} title=${name} @click=${() => open(place)}>
			${outlined(cards[place].data.picture, [0, 0, 1, 1])}
		</button>
	</li>`;
	return reason.others?.length > 0 && html`<figure class="agcam-others">
		<ul class="agcam-crops">${reason.others.map(item)}</ul>
		<figcaption>other classes</figcaption>
	</figure>`;
}

/** A part of a picture (shares of its sides), filling a square. */
function partOf({ src }, [left, top, width, height]) {
	const along = (start, size) => (size >= 1 ? 0 : (100 * start) / (1 - size));
	const [x, y] = [along(left, width), along(top, height)];
	const size = `${100 / width}% ${100 / height}%`;
	const ground = `background: url(${JSON.stringify(src)}) ${x}% ${y}% / ${size}`;
	return html`<span class="agcam-crop" .style=${ground}></span>`;
}

/** A whole picture with a part of it (shares of its sides) in a box; a box of all of it is none. */
function outlined({ src, width, height }, [x, y, wide, high]) {
	const ground = `background: url(${JSON.stringify(src)}) 0 0 / 100% 100%; aspect-ratio: ${width} / ${height}`;
	const at = `left: ${100 * x}%; top: ${100 * y}%; width: ${100 * wide}%; height: ${100 * high}%`;
	return html`<span class="agcam-crop agcam-whole" .style=${ground}>
		${wide < 1 && html`<span class="agcam-outline" .style=${at}></span>`}
	</span>`;
}

/** Where in the pictures a reason lies: a patch is the darker the more of it lies there. */
export function placeMap(reason) {
	if (isEverywhere(reason)) return null;
	const { places, title } = reason;
	const square = (value, x, y) =>
		value > 0 && svg`<rect x=${x} y=${y} width="1" height="1" fill-opacity=${value.toFixed(2)}/>`;
	const squares = places.map((row, y) => row.map((value, x) => square(value, x, y)));
	const box = `0 0 ${places[0].length} ${places.length}`;
	return html`<figure class="agcam-placemap">
		<svg viewBox=${box} role="img" aria-label=${`Where ${title} lies in the pictures`}>${squares}</svg>
		<figcaption>where it lies</figcaption>
	</figure>`;
}
