// Blocks and heads: what each added to a map.

import { html, Memo } from "./dom.js";
import { paintSeen } from "./paint.js";
import { decodeFloats, levelsOf } from "./pixels.js";

/** A probability-like share as text. */
function percent(share) {
	return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);
const highest = (maps) => Math.max(1e-12, ...maps.map((map) => Math.max(...map.values)));
const upTo = (count) => [...Array(count).keys()];

export class PartsPanel {
	constructor(store, colours) {
		Object.assign(this, { store, colours, memo: new Memo() });
	}

	/** The map of the chosen part of a map, or null where the whole map is wanted. */
	gridOf(card, map, part) {
		const parts = part && card.partsOf(map.method, map.target);
		const chosen = ({ part: own }) => String(own) === String(part);
		return parts ? this.blocks(parts).flat().find(chosen) : null;
	}

	/** For each block its map, the sum of its heads, then that of each head that it has. */
	blocks(parts) {
		const [blocks, heads, rows, columns] = parts.shape;
		return this.memo.get("blocks", [parts], () => {
			const size = rows * columns;
			const all = decodeFloats(parts.values);
			const shape = [rows, columns];
			const map = (part, values) => ({ part, values, shape, range: [0, highest([{ values }])] });
			return upTo(blocks).map((block) => {
				const own = upTo(heads)
					.map((head) => [head, (block * heads + head) * size])
					.map(([head, start]) => map([block, head], all.subarray(start, start + size)))
					.filter(({ values }) => !values.some(Number.isNaN)); // a head that this block lacks
				const sum = new Float32Array(size).map((_, place) => total(own.map((one) => one.values[place])));
				return [map([block, null], sum), ...own];
			});
		});
	}

	/** The parts of the detail's map, if somebody looks at them. */
	view({ card, shown }, state) {
		const parts = shown && card.partsOf(shown.method, shown.target);
		const possible = parts || (shown && card.hooks.fetchParts);
		if (!possible || card.method(shown.method)?.parts === false) return null;
		const refusal = state.parts && !parts && card.want("fetchParts", shown.method, shown.target);
		const open = ({ target }) => this.store.set({ parts: target.open });
		return html`<details class="agcam-details" .open=${state.parts} @toggle=${open}>
			<summary>Blocks and heads</summary>
			${state.parts && parts && this.table(parts, card.targets[shown.target].name, state)}
			${refusal && html`<p class="agcam-small">${refusal}</p>`}
		</details>`;
	}

	table(parts, name, { colormap, part }) {
		const rows = this.memo.get("rows", [parts, colormap], () => this.rows(parts));
		const names = ["block", "all heads", ...upTo(parts.shape[1]).map((head) => head + 1)];
		const line = ({ share, cells }, block) => html`<tr>
			<th scope="row">${block + 1} <span class="agcam-small">${share}</span></th>
			${cells.map((cell) => this.cell(cell, String(cell.part) === String(part)))}
		</tr>`;
		return html`<p class="agcam-small">
				What each block (row) and head (column) added to the map of ${name};
				press one to see it. Colours share one scale; the number is the block's share of the whole map.
			</p>
			<div class="agcam-scroll" tabindex="0" role="region" aria-label="Maps of blocks and heads">
				<table class="agcam-parts">
					<thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
					<tbody>${rows.map(line)}</tbody>
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
	rows(parts) {
		const maps = this.blocks(parts);
		const whole = Math.max(total(maps.map(([all]) => total(all.values))), 1e-12);
		const share = ({ values }) => percent(total(values) / whole);
		const scales = [highest(maps.map(([all]) => all)), highest(maps.flatMap((row) => row.slice(1)))];
		return maps.map((row) => ({
			share: share(row[0]),
			cells: row.map((map) => {
				const [block, head] = map.part;
				const name = head === null ? "all heads" : `head ${head + 1}`;
				const label = `block ${block + 1}, ${name}: ${share(map)} of the map`;
				return { part: map.part, label, canvas: this.drawn(map, scales[head === null ? 0 : 1]) };
			}),
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
