// One picture at work: its classes, its map, the controls, blocks and heads, what is known of it.

import { aboutCard, legend, links } from "./about.js";
import { markControls, methodControl, viewControls } from "./controls.js";
import { html, loaded, Memo } from "./dom.js";
import { PartsPanel } from "./parts.js";
import { Stage } from "./stage.js";
import { TargetList } from "./targets.js";
import { captionOf, describe, methodText } from "./words.js";

export class Detail {
	/** `count` is how many cards there are; `overview` whether there is one to go back to. */
	constructor(store, colours, count, overview) {
		Object.assign(this, { store, colours, count, overview, memo: new Memo() });
		this.stage = new Stage(store, colours);
		this.parts = new PartsPanel(store, colours);
	}

	/** Find what the state wants of this card; what is drawn stays until it comes. */
	update(card, state) {
		if (card !== this.card) this.open(card);
		const map = card.map(state.method, state.target);
		if (map) Object.assign(this, { shown: map, wanted: null });
		else if (card.hooks.fetchMap) this.fetch(state);
		else if (card.drawn) this.without(state.method);
	}

	/** Another card: its picture is loaded. */
	async open(card) {
		const problem = card.data.error ?? "";
		Object.assign(this, { card, problem, shown: null, wanted: null, beside: null });
		this.targets = new TargetList(this.store, card);
		this.stage.setCard(card);
		if (!card.drawn) return;
		const image = await loaded(card.data.picture.src);
		if (card !== this.card) return;
		this.stage.image = image;
		if (!image) this.problem = "The picture cannot be shown: its file is missing or damaged.";
		this.store.set();
	}

	/** Get a map that is not there. */
	async fetch({ method, target }) {
		const { card } = this;
		const wanted = `${method} ${target}`;
		if (this.wanted === wanted) return;
		this.wanted = wanted;
		const problem = await card.fetchMap(method, target).then(() => "", ({ message }) => message);
		if (card !== this.card || this.wanted !== wanted) return;
		this.problem = problem;
		if (problem && this.shown)
			this.store.set({ method: this.shown.method, target: this.shown.target ?? target });
		this.store.set();
	}

	/** Nobody can make this map: show one of the same method, or say why there is none. */
	without(method) {
		const other = this.card.maps.find((map) => map.method === method) ?? this.card.first();
		this.shown = other ?? null;
		if (other) this.store.set({ method: other.method, target: other.target ?? 0 });
	}

	/** The map as it is drawn: its numbers, its square, its name, and what it is as text. */
	drawing({ part, mode, target }) {
		const { card, shown } = this;
		if (!shown) return { grid: null, square: null, text: card.title, beside: null };
		const grid = this.parts.gridOf(card, shown, part);
		const own = grid ?? card.grid(shown);
		return {
			grid: own,
			square: grid ? null : card.square(shown),
			name: methodText(card, shown.method),
			text: this.memo.get("text", [card, shown, own], () => describe(card, shown, own)),
			beside: mode === "methods" ? this.other(target) : null,
		};
	}

	/** The map of another method beside the shown one. */
	other(target) {
		const { card, shown } = this;
		const method = card.other(shown.method);
		const map = method && card.map(method, target);
		if (map) return { grid: card.grid(map), square: card.square(map), name: methodText(card, method) };
		const wanted = `${method} ${target}`;
		if (method && card.hooks.fetchMap && this.beside !== wanted) {
			this.beside = wanted;
			const report = ({ message }) => (this.problem = message);
			card.fetchMap(method, target).catch(report).then(() => this.store.set());
		}
		return null;
	}

	view(state) {
		const { card, problem } = this;
		const press = this.overview ? (event) => this.press(event) : null;
		return html`<article class="agcam-detail" @keydown=${press}>
			<div class="agcam-top">
				<h2 tabindex="-1" title=${card.title}>${card.name}</h2>${this.overview && this.ways(state)}
			</div>
			<p class="agcam-problem" role="alert" ?hidden=${!problem}>${problem}</p>
			${card.drawn && this.picture(state)} ${aboutCard(card)}
		</article>`;
	}

	/** The picture, and what is chosen of it. */
	picture(state) {
		const { card, store, colours, shown } = this;
		this.drawn = this.drawing(state);
		const marks = markControls(store, card.data.boxes?.length > 0);
		const modes = card.other() === null ? 5 : 6;
		return html`<div class="agcam-columns">
				<figure class="agcam-figure" aria-busy=${Boolean(this.wanted)}>
					${this.stage.view(state)}
					<figcaption>
						<p class="agcam-caption" role="status">${shown && this.caption(state)}</p>
						${this.stage.image && legend(colours, this.drawn.grid, state)}
					</figcaption>
				</figure>
				<div class="agcam-panel">
					${this.targets.view(state)} ${methodControl(store, card.methods)}
					${viewControls(store, colours, "agcam-controls", modes, marks)}
				</div>
			</div>
			${links(this)} ${this.parts.view(this, state)}`;
	}

	/** Draw on the canvases, which are on the page by now. */
	draw() {
		if (this.stage.image && this.card.drawn) this.stage.draw(this.drawn);
	}

	caption({ part, mode }) {
		const { card, shown } = this;
		const [block, head] = part ?? [];
		const whose = head === null ? "all its heads" : `head ${head + 1}`;
		const named = part ? `block ${block + 1}, ${whose}: ` : "";
		const known = mode !== "methods" && card.method(shown.method)?.class_specific !== false;
		return `${named}${captionOf(card, shown)}${known ? `, by ${methodText(card, shown.method)}` : ""}`;
	}

	/** Buttons to the overview and to the other pictures. */
	ways({ card }) {
		const way = (text, label, act, disabled = false) => html`<button type="button" aria-label=${label}
			?disabled=${disabled} @click=${act}>${text}</button>`;
		const steps = this.count > 1 && [
			way("‹", "The picture before", () => this.go(-1), card === 0),
			way("›", "The next picture", () => this.go(1), card === this.count - 1),
		];
		const back = () => this.store.set({ gallery: true });
		return html`<nav aria-label="Pictures">${way("All", "Back to the overview", back)}${steps}</nav>`;
	}

	go(step) {
		const card = this.store.state.card + step;
		if (card >= 0 && card < this.count) this.store.set({ card, part: null });
	}

	press(event) {
		if (event.target.matches("input, select, [role=application]")) return;
		if (event.key === "Escape") this.store.set({ gallery: true });
		else if (event.key === "ArrowLeft") this.go(-1);
		else if (event.key === "ArrowRight") this.go(1);
	}
}
