// What stands beside a map: the scale of its colours, files to take away, how it was made.

import { html, linked } from "./dom.js";
import { ends } from "./words.js";

/** The scale of the colours with the numbers at its ends. */
export function legend(colours, grid, { colormap, mode }) {
	if (!grid || mode === "original") return null;
	const [low, high] = mode === "methods" ? ["lowest", "highest"] : ends(grid.range);
	const label = `Colours from relevance ${low} to ${high}`;
	return html`<div class="agcam-legend" role="img" aria-label=${label}>
		<span>${low}</span><i .style=${`background: ${colours.gradient(colormap)}`}></i><span>${high}</span>
	</div>`;
}

/** Links to files of the shown map, and a button that keeps what is drawn. */
export function links({ card, shown, stage }) {
	const given = shown
		? (card.hooks.downloads?.(card.data, shown.method, card.targets[shown.target ?? 0]) ?? [])
		: [];
	return html`<p class="agcam-links">
		${given.map(({ text, href, name }) => html`<a href=${href} download=${name ?? ""}>${text}</a>`)}
		<button type="button" @click=${() => save(stage, card.name)}>Save this view (PNG)</button>
	</p>`;
}

function save(stage, title) {
	const name = `${title.replace(/[^\p{L}\p{N}.-]+/gu, "-").slice(-80)}.png`;
	try {
		stage.copy().toBlob((blob) => download(blob, name));
	} catch {
		print(); // the browser keeps files of a disk from scripts
	}
}

/** Let the browser keep a file. */
export function download(blob, name) {
	const href = URL.createObjectURL(blob);
	Object.assign(document.createElement("a"), { href, download: name }).click();
	setTimeout(() => URL.revokeObjectURL(href), 1000);
}

/** Facts and notes of a card. */
export function aboutCard({ methods, data: { facts = [], notes = [] } }) {
	const rows = [
		...facts,
		...methods.filter((one) => one.cite && !one.refusal).map((one) => [`Source of ${one.name}`, one.cite]),
		...methods.filter((one) => one.refusal).map((one) => [`${one.name} refused`, one.refusal]),
		...notes.map((note) => ["Note", note]),
	];
	return rows.length > 0 && html`<details class="agcam-details agcam-about">
		<summary>How this map was made${notes.length > 0 && ` (notes: ${notes.length})`}</summary>
		${terms(rows)}
	</details>`;
}

/** Terms and what they mean; that may be a link. */
export function terms(rows, style = "agcam-terms") {
	const pair = ([term, text]) => html`<div><dt>${term}</dt><dd>${linked(text)}</dd></div>`;
	return html`<dl class=${style}>${rows.map(pair)}</dl>`;
}
