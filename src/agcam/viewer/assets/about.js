// What stands beside a map: the scale of its colours, files to take away, how it was made.

import { html } from "./dom.js";
import { ends } from "./words.js";

/** The scale of the colours with the numbers at its ends. */
export class Legend {
	constructor(colours) {
		this.colours = colours;
		this.node = html`<div class="agcam-legend" role="img"><span></span><i></i><span></span></div>`;
	}

	show(grid, colormap, mode) {
		this.node.hidden = !grid || mode === "original";
		if (!grid) return;
		const [low, high] = mode === "methods" ? ["lowest", "highest"] : ends(grid.range);
		const [left, scale, right] = this.node.children;
		left.textContent = low;
		right.textContent = high;
		scale.style.background = this.colours.gradient(colormap);
		this.node.setAttribute("aria-label", `Colours from relevance ${low} to ${high}`);
	}
}

/** Links to files of the shown map, and a button that keeps what is drawn. */
export function links({ card, shown, stage }) {
	const given = shown
		? (card.hooks.downloads?.(card.data, shown.method, card.targets[shown.target ?? 0]) ?? [])
		: [];
	return [
		...given.map(({ text, href, name }) => html`<a href=${href} download=${name ?? ""}>${text}</a>`),
		html`<button type="button" @click=${() => save(stage, card.name)}>Save this view (PNG)</button>`,
	];
}

function save(stage, title) {
	const canvas = stage.panes[stage.panes[1].node.hidden ? 0 : 1].copy();
	const name = `${title.replace(/[^\p{L}\p{N}.-]+/gu, "-").slice(-80)}.png`;
	try {
		canvas.toBlob((blob) => download(blob, name));
	} catch {
		print(); // the browser keeps files of a disk from scripts
	}
}

/** Let the browser keep a file. */
export function download(blob, name) {
	const href = URL.createObjectURL(blob);
	html`<a href=${href} download=${name}></a>`.click();
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
	if (!rows.length) return [];
	return [
		html`<details class="agcam-details">
			<summary>How this map was made${notes.length > 0 && ` (notes: ${notes.length})`}</summary>
			${terms(rows)}
		</details>`,
	];
}

/** Terms and what they mean. */
export function terms(rows, kind = null) {
	const lines = rows.map(([term, text]) => [html`<dt>${term}</dt>`, html`<dd>${text}</dd>`]);
	return html`<dl class=${kind}>${lines}</dl>`;
}
