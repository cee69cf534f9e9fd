// One picture at work: its classes, its map, the controls, blocks and heads, what is known of it.

import { methodControl, viewControls } from "./controls.js";
import { html, Memo } from "./dom.js";
import { aboutCard, Legend, links } from "./about.js";
import { PartsPanel } from "./parts.js";
import { Stage } from "./stage.js";
import { TargetList } from "./targets.js";
import { captionOf, describe, methodText } from "./words.js";

export class Detail {
	/** `cards` is how many there are to go through; `overview` whether there is one to go back to. */
	constructor(store, colours, cards, overview) {
		Object.assign(this, { store, colours, cards, controls: [], memo: new Memo() });
		this.stage = new Stage(store, colours);
		this.parts = new PartsPanel(store, colours);
		this.legend = new Legend(colours);
		this.heading = html`<h2 tabindex="-1"></h2>`;
		this.problem = html`<p class="agcam-problem" role="alert" hidden></p>`;
		this.caption = html`<p class="agcam-caption" role="status"></p>`;
		this.files = html`<p class="agcam-links"></p>`;
		this.panel = html`<div class="agcam-panel"></div>`;
		this.about = html`<div class="agcam-about"></div>`;
		this.figure = html`<figure class="agcam-figure">
			${this.stage.node}<figcaption>${this.caption}${this.legend.node}</figcaption>
		</figure>`;
		this.node = html`<article class="agcam-detail">
			<div class="agcam-top">${this.heading}${overview && this.ways()}</div>
			${this.problem}
			<div class="agcam-columns">${this.figure}${this.panel}</div>
			${this.files}${this.parts.node}${this.about}
		</article>`;
		if (overview) this.node.addEventListener("keydown", (event) => this.press(event));
	}

	/** Buttons to the overview and to the other pictures. */
	ways() {
		const way = (text, label, act) =>
			html`<button type="button" aria-label=${label} @click=${act}>${text}</button>`;
		const back = way("All", "Back to the overview", () => this.store.set({ gallery: true }));
		this.steps = [
			way("‹", "The picture before", () => this.go(-1)),
			way("›", "The next picture", () => this.go(1)),
		];
		return html`<nav aria-label="Pictures">${back}${this.cards > 1 && this.steps}</nav>`;
	}

	go(step) {
		const card = this.store.state.card + step;
		if (card >= 0 && card < this.cards) this.store.set({ card, part: null });
	}

	press(event) {
		if (event.target.matches("input, select, [role=application]")) return;
		if (event.key === "Escape") this.store.set({ gallery: true });
		else if (event.key === "ArrowLeft") this.go(-1);
		else if (event.key === "ArrowRight") this.go(1);
	}

	/** Show what the state says of this card. */
	update(card, state) {
		if (card !== this.card) this.open(card, state);
		if (!card.drawn) return;
		this.controls.forEach((control) => control.show(state));
		const map = card.map(state.method, state.target);
		if (map) this.shown = map;
		else this.fetch(state);
		this.draw();
	}

	/** Show another card: its controls are made, its picture is loaded. */
	open(card, state) {
		Object.assign(this, { card, shown: null, ready: false });
		Object.assign(this.heading, { textContent: card.name, title: card.title });
		this.report(card.data.error ?? "");
		if (this.steps) {
			this.steps[0].disabled = state.card === 0;
			this.steps[1].disabled = state.card === this.cards - 1;
		}
		this.about.replaceChildren(...aboutCard(card));
		[this.figure, this.panel, this.parts.node].forEach((node) => (node.hidden = !card.drawn));
		if (!card.drawn) return;
		this.controls = [
			new TargetList(card, this.targetOptions()),
			methodControl(this.store, card.methods),
			viewControls(this.store, this.colours, Boolean(card.data.boxes?.length), card.other() !== null),
		];
		this.panel.replaceChildren(...this.controls.map((one) => one.node));
		this.load(card);
	}

	targetOptions() {
		const { fetchMap, findTargets } = this.card.hooks;
		const press = (target) => this.store.set({ target, part: null });
		const choose = (target) => {
			const place = this.card.targets.push(target) - 1; // what was searched is listed
			this.listTargets();
			press(place);
		};
		return { press, choose, canFetch: Boolean(fetchMap), find: findTargets };
	}

	/** Make the list of classes anew: there are more of them, or their scores are known now. */
	listTargets() {
		const list = new TargetList(this.card, this.targetOptions());
		this.controls[0].node.replaceWith(list.node);
		this.controls[0] = list;
		list.show(this.store.state);
	}

	async load(card) {
		const image = new Image();
		image.src = card.data.picture.src;
		try {
			await image.decode();
		} catch {
			if (card === this.card)
				this.report("The picture cannot be shown: its file is missing or damaged.");
			return;
		}
		if (card !== this.card) return;
		this.stage.setCard(card, image);
		this.ready = true;
		this.draw();
	}

	/** Get a map that is not there; what is drawn stays until it comes. */
	async fetch({ method, target }) {
		const { card } = this;
		if (!card.hooks.fetchMap) return this.without(method);
		this.figure.setAttribute("aria-busy", "true");
		const current = () => {
			const { state } = this.store;
			return card === this.card && state.method === method && state.target === target;
		};
		try {
			await card.fetchMap(method, target);
			if (!current()) return;
			this.report("");
			this.listTargets();
			this.update(card, this.store.state);
		} catch (error) {
			if (!current()) return;
			this.report(error.message);
			if (this.shown)
				this.store.set({ method: this.shown.method, target: this.shown.target ?? target });
		}
		this.figure.removeAttribute("aria-busy");
	}

	/** Nobody can make this map: show one of the same method, or say why there is none. */
	without(method) {
		const other = this.card.maps.find((map) => map.method === method) ?? this.card.first();
		this.shown = other ?? null;
		if (other) this.store.set({ method: other.method, target: other.target ?? 0 });
	}

	report(text) {
		this.problem.textContent = text;
		this.problem.hidden = !text;
	}

	/** Draw what is shown, once the picture is there. */
	draw() {
		const { card, shown, store } = this;
		if (!this.ready) return;
		const { part, colormap, mode, opacity } = store.state;
		const grid = shown && this.parts.gridOf(card, shown, part);
		const own = grid ?? (shown && card.grid(shown));
		const square = shown && !grid ? card.square(shown) : null;
		const name = shown && methodText(card, shown.method);
		this.stage.draw({ grid: own, square, name, beside: this.beside() });
		this.memo.get("texts", [card, shown, own, mode, card.hooks.downloads && opacity], () => {
			this.stage.name(shown ? describe(card, shown, own) : card.title);
			this.caption.textContent = this.captionText(shown);
			this.files.replaceChildren(...links(this));
		});
		this.memo.get("legend", [own, colormap, mode], () => this.legend.show(own, colormap, mode));
		this.parts.update(this, store.state);
	}

	/** The map of another method beside the shown one, for the view of two methods. */
	beside() {
		const { card, shown, store } = this;
		const other = store.state.mode === "methods" && shown && card.other(shown.method);
		if (!other) return null;
		const { target } = store.state;
		const map = card.map(other, target);
		if (map) return { grid: card.grid(map), square: card.square(map), name: methodText(card, other) };
		const draw = () => card === this.card && this.draw();
		const refuse = (error) => this.report(error.message);
		if (card.hooks.fetchMap) card.fetchMap(other, target).then(draw, refuse);
		return null;
	}

	captionText(map) {
		if (!map) return "";
		const { part } = this.store.state;
		const [block, head] = part ?? [];
		const whose = head === null ? "all its heads" : `head ${head + 1}`;
		const named = part ? `block ${block + 1}, ${whose}: ` : "";
		const method =
			this.store.state.mode === "methods" || this.card.method(map.method)?.class_specific === false
				? ""
				: `, by ${methodText(this.card, map.method)}`;
		return `${named}${captionOf(this.card, map)}${method}`;
	}
}
