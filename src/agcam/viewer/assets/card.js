// One picture with what is known of it; numbers are decoded when they are first drawn.

import { Memo } from "./dom.js";
import { decodeFloats, rangeOnPixels } from "./pixels.js";
import { squareOf } from "./regions.js";

/** A card, as agcam's viewer/data.py describes it. */
export class Card {
	/** `hooks` as in viewer.js fetch what the card lacks; then `changed` is called. */
	constructor(data, hooks, changed) {
		Object.assign(this, { data, hooks, changed, wanted: new Map(), memo: new Memo() });
		this.title = data.title;
		this.name = data.title; // as short as tells it apart
		this.drawn = Boolean(data.picture); // whether there is anything to draw
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

	/** Get what is not there yet ("fetchMap" or "fetchParts"), once; a sentence if it was refused. */
	want(kind, method, target) {
		const key = [kind, method, target].join(" ");
		if (!this.wanted.has(key)) {
			this.wanted.set(key, "");
			const refuse = ({ message }) => this.wanted.set(key, message);
			this[kind](method, target).catch(refuse).then(this.changed);
		}
		return this.wanted.get(key);
	}

	async fetchMap(method, target) {
		const known = this.targets[target];
		const { target: fuller, ...made } = await this.hooks.fetchMap(this.data, method, known);
		if (fuller) Object.assign(known, { judged: fuller.score }, fuller);
		this.add({ ...made, method, target: fuller === null ? null : target });
	}

	async fetchParts(method, target) {
		const made = await this.hooks.fetchParts(this.data, method, this.targets[target]);
		this.parts.push({ ...made, method, target });
	}

	/** The first map of the first method that has one, if any. */
	first() {
		const named = this.methods.find(({ name }) => this.maps.some((map) => map.method === name));
		return this.maps.find((map) => map.method === named?.name);
	}

	/** A map's numbers, and their range over what the picture shows of it. */
	grid(map) {
		return this.memo.get(map, [], () => {
			const grid = { values: decodeFloats(map.values), shape: map.shape };
			return { ...grid, range: map.range ?? rangeOnPixels(grid, this.frame) };
		});
	}

	/** The same with the map within [0, 1] on the protocol's square, for boxes and contours. */
	drawing(map) {
		const grid = this.grid(map);
		return { grid, square: this.memo.get(grid, [], () => squareOf(grid)) };
	}
}
