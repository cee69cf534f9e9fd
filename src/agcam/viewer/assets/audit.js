// An audit: what needs attention first, each class, each reason, and the pictures behind every number.

import { blockNode } from "./blocks.js";
import { element } from "./dom.js";
import { line, Overview } from "./overview.js";
import { crops, facts, placeMap, score } from "./reason.js";
import { Verdicts } from "./verdicts.js";
import { captionOf } from "./words.js";

/** The address behind # chooses what is shown, so that every number can be a link. */
export class Audit extends Overview {
	constructor(store, colours, cards, blocks, tools) {
		super(store, colours, cards, [], tools);
		Object.assign(this, { tools, given: blocks[0], blocks: blocks.slice(1) });
		this.verdicts = new Verdicts(this.given);
		this.node = element("div", "agcam-report agcam-audit");
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
		const [kind, ...numbers] = window.location.hash.slice(1).split("-");
		const id = [kind, ...numbers].join("-");
		const { reasons, classes, lists } = this.given;
		const one = classes.find((some) => some.id === id);
		if (one) this.fill(this.back(), ...this.classView(one));
		else if (reasons[id]) this.fill(this.back(), ...this.reasonView(reasons[id]));
		else if (kind === "list" && lists[numbers[0]])
			this.fill(this.back(), this.list(lists[numbers[0]]));
		else this.fill(...this.overview());
	}

	fill(...nodes) {
		this.node.replaceChildren(...nodes.filter(Boolean));
	}

	back() {
		return element("p", "agcam-links", element("a", { href: "#" }, "Back to the overview"));
	}

	overview() {
		const { first, reasons, classes, doubts } = this.given;
		const panels = first.map((id) => this.panel(reasons[id]));
		const none = element("p", {}, "No reason is suspicious enough to be shown first.");
		return [
			...doubts.map((doubt) => element("p", "agcam-problem", doubt)),
			this.section("Needs attention", ...(panels.length ? panels : [none])),
			this.section("Classes", ...classes.map((one) => this.classLine(one))),
			...this.blocks.map((block) => blockNode(block)),
			this.verdicts.files(() => this.show()),
		];
	}

	section(title, ...nodes) {
		return element("section", "agcam-stack", element("h2", {}, title), ...nodes);
	}

	/** A reason at first sight. */
	panel(reason) {
		const head = element(
			"div",
			"agcam-reasonhead",
			element("h3", {}, element("a", { href: `#${reason.id}` }, reason.title)),
			score(reason.score),
		);
		return element(
			"article",
			"agcam-reason",
			head,
			element("p", {}, reason.sentence),
			...reason.tests.map((test) => element("p", {}, test)),
			element(
				"div",
				"agcam-evidence",
				crops(reason, this.cards, (card) => this.open(card)),
				placeMap(reason),
			),
			facts(reason.facts),
			this.verdicts.control(reason),
		);
	}

	classLine(one) {
		const top = one.reasons.slice(0, 3).map((id) => this.given.reasons[id]);
		return element(
			"article",
			"agcam-reason agcam-classline",
			element(
				"div",
				"agcam-reasonhead",
				element("h3", {}, element("a", { href: `#${one.id}` }, one.name)),
				score(one.score),
			),
			facts(one.facts),
			...top.map((reason) =>
				element(
					"div",
					"agcam-short",
					element("a", { href: `#${reason.id}` }, `${reason.number}. ${reason.facts[0][1].text}`),
					crops(reason, this.cards, (card) => this.open(card), 5),
				),
			),
		);
	}

	classView(one) {
		const panels = one.reasons.map((id) => this.panel(this.given.reasons[id]));
		const none = element("p", {}, "No picture is predicted as this class, so it has no reasons.");
		return [
			this.section(one.name, facts(one.facts)),
			...(panels.length ? panels : [none]),
			...(one.blocks ?? []).map((block) => blockNode(block)),
		];
	}

	reasonView(reason) {
		const number = reason.list.split("-")[1];
		return [
			this.section(reason.title, this.panel(reason)),
			...(reason.blocks ?? []).map((block) => blockNode(block)),
			number === undefined ? null : this.list(this.given.lists[number]),
		];
	}

	list({ title, note, items, pairs }) {
		const tiles = items.map(({ card: place, caption, method }) => {
			const card = this.cards[place];
			const map = card.maps.find((one) => one.method === method) ?? card.first();
			const label = `${card.title}: ${map ? captionOf(card, map) : "no map"}`;
			const name = line(caption || card.data.caption, "agcam-name");
			return this.item(card, place, map, label, name, line(card.name), line(card.data.error));
		});
		return element(
			"section",
			"agcam-stack",
			element("h2", {}, title),
			this.tools,
			element("ul", `agcam-gallery ${pairs ? "agcam-pairs" : "agcam-few"}`, ...tiles),
			line(note),
		);
	}

	open(card) {
		const map = this.cards[card].first();
		const chosen = map ? { method: map.method, target: map.target ?? 0 } : {};
		this.store.set({ card, gallery: false, part: null, ...chosen });
	}
}
