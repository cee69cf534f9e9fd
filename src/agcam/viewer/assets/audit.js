// An audit: what needs attention first, each class, each reason, and the pictures behind every number.

import { terms } from "./about.js";
import { html } from "./dom.js";
import { render } from "./lit.js";
import { line, Overview } from "./overview.js";
import { crops, others, placeMap, score } from "./reason.js";
import { Verdicts } from "./verdicts.js";
import { OVERVIEWS } from "./viewer.js";
import { unbroken } from "./words.js";

/** The address behind # chooses what is shown, so that every number can be a link. */
class Audit extends Overview {
	constructor(store, colours, cards, blocks) {
		super(store, colours, cards, []);
		Object.assign(this, { given: blocks[0], blocks: blocks.slice(1) });
		this.verdicts = new Verdicts(this.given);
		this.opened = (card) => this.open(card, this.cards[card].first());
		this.node.classList.add("agcam-audit");
		window.addEventListener("hashchange", () => this.go());
		this.show();
	}

	/** Another address: leave the picture that is open, and show it from its top. */
	go() {
		this.store.set({ gallery: true });
		this.show();
		this.store.flush();
		this.node.querySelector("h2")?.scrollIntoView();
	}

	show() {
		const id = window.location.hash.slice(1);
		const { reasons, classes, lists } = this.given;
		const one = classes.find((some) => some.id === id);
		const list = id.startsWith("list-") && lists[id.slice(5)];
		const chosen = one
			? this.classView(one)
			: reasons[id]
				? this.reasonView(reasons[id])
				: list && [this.list(list)];
		const back = html`<p class="agcam-links"><a href="#">Back to the overview</a></p>`;
		render(null, this.node); // inputs are made anew, without what a reader wrote into others
		render(html`${chosen ? [back, ...chosen] : this.overview()}`, this.node);
	}

	overview() {
		const { first, reasons, classes, doubts } = this.given;
		const panels = first.map((id) => this.panel(reasons[id]));
		const none = html`<p>No reason is suspicious enough to be shown first.</p>`;
		return [
			...doubts.map((doubt) => html`<p class="agcam-problem">${unbroken(doubt)}</p>`),
			this.section("Needs attention", panels.length ? panels : none),
			this.section("Classes", classes.map((one) => this.classLine(one))),
			...this.blocks.map((block) => this.block(block)),
			this.verdicts.files(() => this.show()),
		];
	}

	section(title, nodes) {
		return html`<section class="agcam-stack"><h2>${title}</h2>${nodes}</section>`;
	}

	/** `whole` pictures first, then at most so many crops. */
	crops(reason, whole = 2, most = 4) {
		return crops(reason, this.cards, this.opened, whole, most);
	}

	head({ id, score: value }, title) {
		return html`<div class="agcam-reasonhead"><h3><a href=${`#${id}`}>${title}</a></h3>${score(value)}</div>`;
	}

	/** A reason at first sight. */
	panel(reason) {
		return html`<article class="agcam-reason">
			${this.head(reason, reason.title)}
			<div class="agcam-evidence">
				${this.crops(reason)}${others(reason, this.cards, this.opened)}${placeMap(reason)}
			</div>
			${reason.tests.map((test) => html`<p>${unbroken(test)}</p>`)}
			<p>${unbroken(reason.sentence)}</p>
			${terms(reason.facts, "agcam-facts")}
			${this.verdicts.control(reason)}
		</article>`;
	}

	classLine(one) {
		const top = one.reasons.slice(0, 3).map((id) => this.given.reasons[id]);
		const short = (reason) => html`<div class="agcam-short">
			<a href=${`#${reason.id}`}>${reason.number}. ${reason.facts[0][1].text}</a>
			${this.crops(reason, 0, 5)}
		</div>`;
		return html`<article class="agcam-reason agcam-classline">
			${this.head(one, one.name)}${terms(one.facts, "agcam-facts")}${top.map(short)}
		</article>`;
	}

	classView({ name, facts: rows, reasons, blocks = [] }) {
		const panels = reasons.map((id) => this.panel(this.given.reasons[id]));
		const none = html`<p>No picture is predicted as this class, so it has no reasons.</p>`;
		const shown = panels.length ? panels : [none];
		const head = this.section(name, terms(rows, "agcam-facts"));
		return [head, ...shown, ...blocks.map((block) => this.block(block))];
	}

	reasonView(reason) {
		const number = reason.list.split("-")[1];
		return [
			this.section(reason.title, this.panel(reason)),
			...(reason.blocks ?? []).map((block) => this.block(block)),
			...(number === undefined ? [] : [this.list(this.given.lists[number])]),
		];
	}

	list({ title, note, items, pairs }) {
		const named = items.map((item) => {
			const { name, data } = this.cards[item.card];
			return { ...item, caption: item.caption || data.caption, lines: [name] };
		});
		const style = pairs ? "agcam-pairs" : "agcam-few";
		return this.section(title, [this.tools, this.gallery({ items: named, style }), line(note)]);
	}
}

OVERVIEWS.audit = Audit;
