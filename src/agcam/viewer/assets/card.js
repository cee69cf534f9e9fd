// One picture with what is known of it; numbers are decoded when they are first drawn.

import { Memo } from "./dom.js";
import { decodeFloats, rangeOnPixels } from "./pixels.js";
import { squareOf } from "./regions.js";

/** A card, as agcam's viewer/data.py describes it. @typedef {Record<string, any>} CardData */

export class Card {
	/** `hooks` as in viewer.js: they fetch what the card lacks. @param {CardData} data */
	constructor(data, hooks = {}) {
		Object.assign(this, { data, hooks, coming: new Map(), memo: new Memo() });
		this.title = data.title;
		this.name = data.title; // as short as tells it apart
		this.targets = data.targets ?? [];
		this.methods = data.methods ?? [];
		this.maps = [];
		this.places = new Map();
		(data.maps ?? []).forEach((map) => this.add({ ...map, target: map.target ?? null }));
		this.parts = [...(data.parts ?? [])];
		const { width = 1, height = 1 } = data.picture ?? {};
		this.frame = { width, height, window: data.window ?? [0, 0, width, height] };
	}

	/** What is known of a method. */
	method(name) {
		return this.methods.find((method) => method.name === name);
	}

	/** Keep a map. */
	add(map) {
		this.maps.push(map);
		this.places.set(`${map.target} ${map.method}`, map);
	}

	/** The map of a method for a target; a method that knows no classes has one for all. */
	map(method, target) {
		return this.places.get(`${target} ${method}`) ?? this.places.get(`null ${method}`);
	}

	/** The name of another method than this one, those in plain words first; null if there is none. */
	other(name = this.methods[0]?.name) {
		const others = this.methods.filter((method) => method.name !== name && !method.refusal);
		return (others.find((method) => method.label) ?? others[0])?.name ?? null;
	}

	/** Blocks and heads of a map. */
	partsOf(method, target) {
		return this.parts.find((parts) => parts.method === method && parts.target === target);
	}

	/** Get a map that is not there yet; rejects with a sentence for the reader. */
	fetchMap(method, target) {
		return this.once(`map ${method} ${target}`, async () => {
			const known = this.targets[target];
			const { target: fuller, ...made } = await this.hooks.fetchMap(this.data, method, known);
			if (fuller) Object.assign(known, { judged: fuller.score }, fuller);
			this.add({ ...made, method, target: fuller === null ? null : target });
		});
	}

	/** Blocks and heads of a map, or undefined where there are none. */
	async fetchParts(method, target) {
		if (!this.partsOf(method, target) && this.hooks.fetchParts) {
			await this.once(`parts ${method} ${target}`, async () => {
				const made = await this.hooks.fetchParts(this.data, method, this.targets[target]);
				this.parts.push({ ...made, method, target });
			});
		}
		return this.partsOf(method, target);
	}

	/** One promise for all requests of the same key while it is pending. */
	once(key, make) {
		const clear = () => this.coming.delete(key);
		if (!this.coming.has(key)) this.coming.set(key, make().finally(clear));
		return this.coming.get(key);
	}

	/** Whether there is anything to draw. */
	get drawn() {
		return this.data.picture !== null && this.data.picture !== undefined;
	}

	/** The first map of the first method that has one, if any. */
	first() {
		const named = this.methods.find(({ name }) => this.maps.some((map) => map.method === name));
		return this.maps.find((map) => map.method === named?.name);
	}

	/** A map's numbers, its range over what the picture shows of it, and the protocol's square. */
	grid(map) {
		return this.memo.get(map, [], () => {
			const grid = { values: decodeFloats(map.values), shape: map.shape };
			return { ...grid, range: map.range ?? rangeOnPixels(grid, this.frame), square: null };
		});
	}

	/** The map within [0, 1] on the protocol's square, for boxes and contours. */
	square(map) {
		const grid = this.grid(map);
		grid.square ??= squareOf(grid);
		return grid.square;
	}

	/** One block (all its heads) or one head as a map of its own; colours from 0 to the highest. */
	partMap(parts, block, head = null) {
		const [, heads, rows, columns] = parts.shape;
		const all = this.partNumbers(parts);
		const size = rows * columns;
		const values = new Float32Array(size);
		const some = head === null ? [...Array(heads).keys()] : [head];
		for (const one of some) {
			const start = (block * heads + one) * size;
			for (let place = 0; place < size; place++) values[place] += all[start + place] || 0;
		}
		return { values, shape: [rows, columns] };
	}

	/** Whether a block has this head: numbers of one that it lacks are none. */
	hasHead(parts, block, head) {
		const [, heads, rows, columns] = parts.shape;
		return !Number.isNaN(this.partNumbers(parts)[(block * heads + head) * rows * columns]);
	}

	partNumbers(parts) {
		parts.numbers ??= decodeFloats(parts.values);
		return parts.numbers;
	}
}
