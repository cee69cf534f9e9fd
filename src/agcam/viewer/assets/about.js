// What stands beside a map: the scale of its colours, files to take away, how it was made.

import { button, element } from "./dom.js";
import { ends } from "./words.js";

/** The scale of the colours with the numbers at its ends. */
export class Legend {
	constructor(colours) {
		this.colours = colours;
		this.low = element("span");
		this.high = element("span");
		this.scale = element("i");
		this.node = element(
			"div",
			{ class: "agcam-legend", role: "img" },
			this.low,
			this.scale,
			this.high,
		);
	}

	show(grid, colormap, mode) {
		this.node.hidden = !grid || mode === "original";
		if (!grid) return;
		const [low, high] = mode === "methods" ? ["lowest", "highest"] : ends(grid.range);
		this.low.textContent = low;
		this.high.textContent = high;
		this.scale.style.background = this.colours.gradient(colormap);
		this.node.setAttribute("aria-label", `Colours from relevance ${low} to ${high}`);
	}
}

/** Links to files of the shown map, and a button that keeps what is drawn. */
export function links({ card, shown, stage }) {
	const given = shown
		? (card.hooks.downloads?.(card.data, shown.method, card.targets[shown.target ?? 0]) ?? [])
		: [];
	const made = given.map(({ text, href, name }) =>
		element("a", { href, download: name ?? "" }, text),
	);
	const keep = button(() => save(stage, card.name), {}, "Save this view (PNG)");
	return [...made, keep];
}

function save(stage, title) {
	const canvas = stage.panes[stage.panes[1].node.hidden ? 0 : 1].copy();
	const take = (address) => {
		const name = `${title.replace(/[^\p{L}\p{N}.-]+/gu, "-").slice(-80)}.png`;
		element("a", { href: address, download: name }).click();
	};
	try {
		canvas.toBlob((blob) => {
			const address = URL.createObjectURL(blob);
			take(address);
			setTimeout(() => URL.revokeObjectURL(address), 1000);
		});
	} catch {
		print(); // the browser keeps files of a disk from scripts
	}
}

/** Facts and notes of a card. */
export function aboutCard(card) {
	const cited = card.methods.filter((method) => method.cite && !method.refusal);
	const facts = [
		...(card.data.facts ?? []),
		...cited.map(({ name, cite }) => [`Source of ${name}`, cite]),
	];
	const notes = card.data.notes ?? [];
	const refused = card.methods.filter((method) => method.refusal);
	const rows = [
		...facts,
		...refused.map((method) => [`${method.name} refused`, method.refusal]),
		...notes.map((note) => ["Note", note]),
	];
	if (!rows.length) return [];
	const terms = rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]);
	return [
		element(
			"details",
			"agcam-details",
			element("summary", {}, `How this map was made${notes.length ? ` (notes: ${notes.length})` : ""}`),
			element("dl", {}, ...terms),
		),
	];
}
