// Blocks and heads: what each added to a map.

import { html, Memo } from "./dom.js";
import { paintSeen } from "./paint.js";
import { levelsOf } from "./pixels.js";

/** A probability-like share as text. */
function percent(share) {
	return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

const total = (values) => values.reduce((sum, value) => sum + (value || 0), 0);
const highest = (maps) => Math.max(1e-12, ...maps.map((map) => Math.max(...map.values)));
const upTo = (count) => [...Array(count).keys()];

export class PartsPanel {
	constructor(store, colours) {
		Object.assign(this, { store, colours, memo: new Memo() });
	}

	/** The grid of the chosen part of a map, or null where the whole map is wanted. */
	gridOf(card, map, part) {
		const parts = part && card.partsOf(map.method, map.target);
		if (!parts) return null;
		return this.memo.get("grid", [parts, ...part], () => {
			const grid = card.partMap(parts, ...part);
			return { ...grid, range: [0, highest([grid])] };
		});
	}

	/** The parts of the detail's map, if somebody looks at them. */
	view({ card, shown }, state) {
		const parts = shown && card.partsOf(shown.method, shown.target);
		const possible = parts || (shown && card.hooks.fetchParts);
		if (!possible || card.method(shown.method)?.parts === false) return null;
		if (state.parts && !parts) this.fetch(card, shown);
		const open = ({ target }) => this.store.set({ parts: target.open });
		const problem = this.refused?.shown === shown && this.refused.message;
		return html`<details class="agcam-details" .open=${state.parts} @toggle=${open}>
			<summary>Blocks and heads</summary>
			${state.parts && parts && this.table(card, parts, shown.target, state)}
			${problem && html`<p class="agcam-small">${problem}</p>`}
		</details>`;
	}

	/** Get parts that are not there, once for each map. */
	async fetch(card, shown) {
		if (this.wanted === shown) return;
		this.wanted = shown;
		const refuse = ({ message }) => (this.refused = { shown, message });
		await card.fetchParts(shown.method, shown.target).catch(refuse);
		this.store.set();
	}

	table(card, parts, target, { colormap, part }) {
		const [blocks, heads] = parts.shape;
		const rows = this.memo.get("rows", [parts, colormap], () => this.rows(card, parts));
		const names = ["block", "all heads", ...upTo(heads).map((head) => head + 1)];
		const line = ({ share, cells }, block) => html`<tr>
			<th scope="row">${block + 1} <span class="agcam-small">${share}</span></th>
			${cells.map((cell) => this.cell(cell, String(cell.part) === String(part)))}
		</tr>`;
		return html`<p class="agcam-small">
				What each block (row) and head (column) added to the map of ${card.targets[target].name};
				press one to see it. Colours share one scale; the number is the block's share of the whole map.
			</p>
			<div class="agcam-scroll" tabindex="0" role="region" aria-label="Maps of blocks and heads">
				<table class="agcam-parts">
					<thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
					<tbody>${upTo(blocks).map((block) => line(rows[block], block))}</tbody>
				</table>
			</div>`;
	}

	cell({ part, label, canvas }, pressed) {
		const press = () => this.store.set({ part: pressed ? null : part });
		return html`<td>
			<button type="button" aria-label=${label} title=${label} aria-pressed=${pressed} @click=${press}>
				${canvas}
			</button>
		</td>`;
	}

	/** For each block its share, and a drawing of all its heads and of each. */
	rows(card, parts) {
		const [blocks, heads] = parts.shape;
		const whole = Math.max(total(card.partNumbers(parts)), 1e-12);
		const share = (map) => percent(total(map.values) / whole);
		const maps = upTo(blocks).map((block) => [
			card.partMap(parts, block),
			...upTo(heads)
				.filter((head) => card.hasHead(parts, block, head))
				.map((head) => card.partMap(parts, block, head)),
		]);
		const scales = [highest(maps.map(([all]) => all)), highest(maps.flatMap((row) => row.slice(1)))];
		return maps.map((row, block) => ({
			share: share(row[0]),
			cells: row.map((map, place) => ({
				part: [block, place ? place - 1 : null],
				label: `block ${block + 1}, ${place ? `head ${place}` : "all heads"}: ${share(map)} of the map`,
				canvas: this.drawn(map, scales[place ? 1 : 0]),
			})),
		}));
	}

	drawn(map, highest) {
		const [height, width] = map.shape;
		const canvas = Object.assign(document.createElement("canvas"), { width, height });
		const context = canvas.getContext("2d");
		const image = context.createImageData(width, height);
		const table = this.colours.table(this.store.state.colormap);
		const levels = levelsOf(map.values, [0, highest]);
		paintSeen(image, image, { left: 0, top: 0, width, height, levels }, table, 1);
		context.putImageData(image, 0, 0);
		return canvas;
	}
}
