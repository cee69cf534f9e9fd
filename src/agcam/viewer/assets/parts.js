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
		this.content = html`<div class="agcam-scroll" tabindex="0" role="region"
			aria-label="Maps of blocks and heads"></div>`;
		this.message = html`<p class="agcam-small"></p>`;
		const open = () => this.store.set({ parts: this.node.open });
		this.node = html`<details class="agcam-details" @toggle=${open}>
			<summary>Blocks and heads</summary>${this.message}${this.content}
		</details>`;
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

	/** Show the parts of the detail's map, if somebody looks at them. */
	async update({ card, shown }, state) {
		const possible = shown && (card.partsOf(shown.method, shown.target) || card.hooks.fetchParts);
		this.node.hidden = !possible || card.method(shown.method)?.parts === false;
		this.node.open = state.parts;
		if (this.node.hidden || !state.parts) return;
		const key = [shown, state.colormap];
		if (this.key?.every((one, place) => one === key[place])) return this.mark(state.part);
		this.key = key;
		try {
			const parts = await card.fetchParts(shown.method, shown.target);
			if (this.key === key) this.fill(card, parts, card.targets[shown.target]);
			this.mark(this.store.state.part);
		} catch (error) {
			this.message.textContent = error.message;
			this.content.replaceChildren();
		}
	}

	mark(part) {
		for (const button of this.content.querySelectorAll("button")) {
			button.setAttribute("aria-pressed", String(button.dataset.part === String(part)));
		}
	}

	fill(card, parts, target) {
		const [blocks, heads] = parts.shape;
		this.message.textContent =
			`What each block (row) and head (column) added to the map of ${target.name}; press one to ` +
			"see it. Colours share one scale; the number is the block's share of the whole map.";
		const rows = upTo(blocks).map((block) => ({
			all: card.partMap(parts, block),
			heads: upTo(heads)
				.filter((head) => card.hasHead(parts, block, head))
				.map((head) => card.partMap(parts, block, head)),
		}));
		const scales = {
			whole: Math.max(total(card.partNumbers(parts)), 1e-12),
			all: highest(rows.map((row) => row.all)),
			head: highest(rows.flatMap((row) => row.heads)),
		};
		const named = ["block", "all heads", ...upTo(heads).map((head) => head + 1)];
		this.content.replaceChildren(html`<table class="agcam-parts">
			<thead><tr>${named.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
			<tbody>${rows.map((row, block) => this.line(row, block, scales))}</tbody>
		</table>`);
	}

	line({ all, heads }, block, { whole, ...highest }) {
		const share = (map) => percent(total(map.values) / whole);
		const label = (text, map) => `block ${block + 1}, ${text}: ${share(map)} of the map`;
		return html`<tr>
			<th scope="row">${block + 1} <span class="agcam-small">${share(all)}</span></th>
			${this.cell(all, [block, null], highest.all, label("all heads", all))}
			${heads.map((map, head) =>
				this.cell(map, [block, head], highest.head, label(`head ${head + 1}`, map)),
			)}
		</tr>`;
	}

	cell(map, part, highest, label) {
		const [height, width] = map.shape;
		const canvas = html`<canvas width=${width} height=${height}></canvas>`;
		const context = canvas.getContext("2d");
		const image = context.createImageData(width, height);
		const table = this.colours.table(this.store.state.colormap);
		const levels = levelsOf(map.values, [0, highest]);
		paintSeen(image, image, { left: 0, top: 0, width, height, levels }, table, 1);
		context.putImageData(image, 0, 0);
		const press = () => {
			const same = String(this.store.state.part) === String(part);
			this.store.set({ part: same ? null : part });
		};
		return html`<td>
			<button type="button" aria-label=${label} title=${label} data-part=${String(part)} @click=${press}>
				${canvas}
			</button>
		</td>`;
	}
}
