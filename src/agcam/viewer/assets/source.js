// Where maps come from: the card has them, or a hook fetches them, once.

export class Source {
	/** `card` is a Card, `hooks` as in viewer.js. */
	constructor(card, hooks) {
		this.card = card;
		this.hooks = hooks;
		this.coming = new Map();
	}

	get fetches() {
		return Boolean(this.hooks.fetchMap);
	}

	/** A map that is there. */
	known(method, target) {
		return this.card.map(method, target);
	}

	/** A map that is not there yet; rejects with a sentence for the reader. */
	map(method, target) {
		return this.once(`map ${method} ${target}`, async () => {
			const known = this.card.targets[target];
			const { target: fuller, ...made } = await this.hooks.fetchMap(this.card.data, method, known);
			if (fuller) Object.assign(known, { judged: fuller.score }, fuller);
			this.card.add({ ...made, method, target: fuller === null ? null : target });
		});
	}

	/** Blocks and heads of a map, or undefined where there are none. */
	async parts(method, target) {
		const found = this.card.partsOf(method, target);
		if (found || !this.hooks.fetchParts) return found;
		await this.once(`parts ${method} ${target}`, async () => {
			const made = await this.hooks.fetchParts(this.card.data, method, this.card.targets[target]);
			this.card.parts.push({ ...made, method, target });
		});
		return this.card.partsOf(method, target);
	}

	/** One promise for all requests of the same key while it is pending. */
	once(key, make) {
		if (!this.coming.has(key)) {
			this.coming.set(
				key,
				make().finally(() => this.coming.delete(key)),
			);
		}
		return this.coming.get(key);
	}
}
