// What a page shows before a picture is opened: small maps to press, tables, curves and texts.

import { viewControls } from "./controls.js";
import { element, html } from "./dom.js";
import { render } from "./lit.js";
import { curves } from "./curves.js";
import { dataTable } from "./table.js";
import { Tiles } from "./tiles.js";
import { captionOf, ends } from "./words.js";

const FEW = 24; // pictures, which may be larger

/** A block with the first map of every picture. */
export function everyPicture(cards) {
	const items = cards.map((card, place) => {
		const [best] = card.targets;
		return { card: place, lines: [best && `${best.name} ${best.score}`, card.data.caption] };
	});
	return { kind: "gallery", items, style: cards.length <= FEW ? "agcam-few" : "" };
}

export class Overview {
	/** The controls of all small maps stand before the first ones. */
	constructor(store, colours, cards, blocks) {
		Object.assign(this, { store, colours, cards, tiles: new Tiles(store, colours) });
		this.tools = document.createElement("div");
		const nodes = blocks.map((block) => this.block(block));
		const first = blocks.findIndex((block) => block.kind === "gallery");
		if (first >= 0) nodes.splice(first, 0, this.tools);
		this.node = element(html`<div class="agcam-report">${nodes}</div>`);
	}

	/** One block of a document, as viewer/data.py and report.py of agcam describe them. */
	block(block) {
		const makers = { table: dataTable, curves, text: textBlock };
		return block.kind === "gallery" ? this.gallery(block) : makers[block.kind](block);
	}

	/** Small maps: {card, method, target, caption, lines, scale} each, or {caption, refusal}. */
	gallery({ title, items, style = "" }) {
		return html`<section>
			${title && html`<h2>${title}</h2>`}
			<ul class=${`agcam-gallery ${style}`} aria-label=${title ?? "Pictures"}>
				${items.map((item) => this.tile(item))}
			</ul>
		</section>`;
	}

	/** A small map with lines below it; pressed, it is opened. */
	tile({ card: place = 0, method, target = 0, caption, lines = [], scale, refusal }) {
		const card = this.cards[place];
		const name = line(caption || card.name, "agcam-name");
		const problem = line(refusal ?? card.data.error, "agcam-problem");
		if (refusal) return html`<li><div class="agcam-refused">${name}${problem}</div></li>`;
		const made = method ? card.map(method, target) : card.first();
		const map = method && made ? { ...made, target } : made;
		const shown = map ? captionOf(card, map) : "no map";
		const label = `${card.title}${caption ? `, ${caption}` : ""}: ${shown}`;
		const texts = [...lines, scale && map && ends(card.grid(map).range).join(" to ")];
		return html`<li>
			<button type="button" title=${card.title} @click=${() => this.open(place, map)}>
				${card.drawn && this.tiles.make(card, map, label)}
				${name}${texts.map((text) => line(text))}${problem}
			</button>
		</li>`;
	}

	/** Open a picture with one of its maps. */
	open(card, map) {
		const chosen = map ? { method: map.method, target: map.target ?? 0 } : {};
		this.store.set({ card, gallery: false, part: null, ...chosen });
	}

	update() {
		render(viewControls(this.store, this.colours, "agcam-toolbar", 3), this.tools);
		this.tiles.update();
	}
}

/** A line below a small map. */
export function line(text, kind = "agcam-small") {
	return text ? html`<span class=${kind}>${text}</span>` : null;
}

/** A heading over paragraphs, or over lines that are shown as they are, closed at first. */
function textBlock({ title, paragraphs = [], lines = [] }) {
	const texts = paragraphs.map((text) => html`<p>${text}</p>`);
	if (!lines.length) return html`<section><h2>${title}</h2>${texts}</section>`;
	return html`<details class="agcam-details">
		<summary>${title}</summary>${texts}<pre tabindex="0">${lines.join("\n")}</pre>
	</details>`;
}
