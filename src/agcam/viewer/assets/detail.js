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
		const { method, target } = state;
		const map = card.map(method, target);
		this.busy = !map && Boolean(card.hooks.fetchMap);
		if (map) this.shown = map;
		else if (this.busy) this.fetch(method, target);
		else if (card.drawn) this.show(card.maps.find((one) => one.method === method) ?? card.first());
		this.views = this.viewsOf(state);
	}

	/** Another card: its picture is loaded. */
	async open(card) {
		Object.assign(this, { card, problem: card.data.error ?? "", shown: null });
		this.targets = new TargetList(this.store, card);
		this.stage.setCard(card);
		if (!card.drawn) return;
		const image = await loaded(card.data.picture.src);
		if (card !== this.card) return;
		this.stage.image = image;
		if (!image) this.problem = "The picture cannot be shown: its file is missing or damaged.";
		this.store.set();
	}

	/** Get a map that is not there; where it is refused, the one before stays, and it may be tried again. */
	fetch(method, target) {
		this.problem = this.card.want("fetchMap", method, target);
		this.busy = !this.problem;
		if (this.busy || !this.shown) return;
		this.card.wanted.clear();
		this.show(this.shown);
	}

	/** Show a map that is there. */
	show(map = null) {
		this.shown = map;
		const { target } = this.store.state;
		if (map) this.store.set({ method: map.method, target: map.target ?? target });
	}

	/** What is drawn: one view of the picture, or two beside each other. */
	viewsOf({ mode, target, part, split }) {
		const { card, shown } = this;
		if (!shown) return [{ grid: null, mode }];
		const chosen = this.parts.gridOf(card, shown, part);
		const first = { ...(chosen ? { grid: chosen } : card.drawing(shown)), mode };
		if (mode === "slider") return [{ ...first, from: split }];
		if (mode === "side") return [{ ...first, mode: "original" }, first];
		const other = mode === "methods" && this.other(target);
		if (!other) return [first];
		const named = ({ method }, view) => ({ ...view, mode, name: methodText(card, method) });
		return [named(shown, first), named(other, card.drawing(other))];
	}

	/** The map of another method beside the shown one. */
	other(target) {
		const { card, shown } = this;
		const method = card.other(shown.method);
		const map = method && card.map(method, target);
		if (!map && method && card.hooks.fetchMap)
			this.problem = card.want("fetchMap", method, target) || this.problem;
		return map;
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
		const { card, store, colours, shown, views } = this;
		const marks = markControls(store, card.data.boxes?.length > 0);
		const modes = card.other() === null ? 5 : 6;
		return html`<div class="agcam-columns">
				<figure class="agcam-figure" aria-busy=${this.busy}>
					${this.stage.view(state, views)}
					<figcaption>
						<p class="agcam-caption" role="status">${shown && this.caption(state)}</p>
						${this.stage.image && legend(colours, views[0].grid, state)}
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
		const { card, shown, stage, views } = this;
		if (!stage.image || !card.drawn) return;
		const describeShown = () => (shown ? describe(card, shown, views[0].grid) : card.title);
		stage.draw(this.memo.get("text", [card, shown, views[0].grid], describeShown));
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
