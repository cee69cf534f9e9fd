// Blocks and heads: what each added to a map.

import { button, element, Memo, newId } from "./dom.js";
import { levelsOf } from "./pixels.js";
import { paintSeen } from "./paint.js";

/** A probability-like share as text. */
function percent(share) {
	return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

const total = (values) => values.reduce((sum, value) => sum + (value || 0), 0);

export class PartsPanel {
	constructor(store, colours) {
		this.store = store;
		this.colours = colours;
		this.memo = new Memo();
		this.content = element("div", {
			class: "agcam-scroll",
			tabIndex: 0,
			role: "region",
			"aria-label": "Maps of blocks and heads",
		});
		this.message = element("p", "agcam-small");
		this.node = element(
			"details",
			{ class: "agcam-details", on: { toggle: () => this.store.set({ parts: this.node.open }) } },
			element("summary", {}, "Blocks and heads"),
			this.message,
			this.content,
		);
	}

	/** The grid of the chosen part of a map, or null where the whole map is wanted. */
	gridOf(card, map, part) {
		const parts = part && card.partsOf(map.method, map.target);
		if (!parts) return null;
		return this.memo.get("grid", [parts, ...part], () => {
			const grid = card.partMap(parts, ...part);
			return { ...grid, range: [0, Math.max(...grid.values, 1e-12)] };
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
		const whole = Math.max(total(card.partNumbers(parts)), 1e-12);
		const rows = [...Array(blocks).keys()].map((block) => ({
			all: card.partMap(parts, block),
			heads: [...Array(heads).keys()]
				.filter((head) => card.hasHead(parts, block, head))
				.map((head) => card.partMap(parts, block, head)),
		}));
		const highest = (maps) => Math.max(1e-12, ...maps.map((map) => Math.max(...map.values)));
		const scales = {
			all: highest(rows.map((row) => row.all)),
			head: highest(rows.flatMap((row) => row.heads)),
		};
		const numbers = [...Array(heads).keys()].map((head) => String(head + 1));
		const named = ["block", "all heads", ...numbers];
		const title = element("tr", {}, ...named.map((name) => element("th", { scope: "col" }, name)));
		const lines = rows.map((row, block) => this.line(row, block, whole, scales));
		const table = element(
			"table",
			{ class: "agcam-parts", id: newId("parts") },
			element("thead", {}, title),
			element("tbody", {}, ...lines),
		);
		this.content.replaceChildren(table);
	}

	line({ all, heads }, block, whole, scales) {
		const share = (map) => percent(total(map.values) / whole);
		const label = (text, map) => `block ${block + 1}, ${text}: ${share(map)} of the map`;
		const number = element("span", "agcam-small", ` ${share(all)}`);
		const cells = heads.map((map, head) =>
			this.cell(map, [block, head], scales.head, label(`head ${head + 1}`, map)),
		);
		return element(
			"tr",
			{},
			element("th", { scope: "row" }, String(block + 1), number),
			this.cell(all, [block, null], scales.all, label("all heads", all)),
			...cells,
		);
	}

	cell(map, part, highest, label) {
		const [rows, columns] = map.shape;
		const canvas = element("canvas", { width: columns, height: rows });
		const context = canvas.getContext("2d");
		const image = context.createImageData(columns, rows);
		const levels = levelsOf(map.values, [0, highest]);
		const table = this.colours.table(this.store.state.colormap);
		const whole = { left: 0, top: 0, width: columns, height: rows, levels };
		paintSeen(image, image, whole, table, 1);
		context.putImageData(image, 0, 0);
		const press = () => {
			const same = String(this.store.state.part) === String(part);
			this.store.set({ part: same ? null : part });
		};
		const given = { "aria-label": label, title: label, "data-part": String(part) };
		return element("td", {}, button(press, given, canvas));
	}
}
