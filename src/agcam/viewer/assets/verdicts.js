// What a reader makes of each reason: kept in the browser, and exported and imported as JSON.

import { button, element } from "./dom.js";

const CHOICES = {
	"": "no verdict",
	fine: "fine: it is the object",
	background: "background",
	artefact: "artefact (text, logo, border, ...)",
	label: "wrong labels",
};

export class Verdicts {
	constructor({ key, reasons }) {
		this.key = `agcam-audit-${key}`;
		this.about = { audit: key };
		this.reasons = reasons;
		this.kept = this.read();
	}

	/** What was kept; nothing where the browser keeps nothing for files. */
	read() {
		try {
			return JSON.parse(window.localStorage.getItem(this.key) ?? "{}");
		} catch {
			return {};
		}
	}

	/** The verdict on a reason; what the audit was given counts until it is changed here. */
	of(reason) {
		return this.kept[reason.id] ?? reason.verdict ?? {};
	}

	set(reason, some) {
		const { name, number, examples } = reason;
		const before = { class: name, reason: number, verdict: "", note: "", ...this.of(reason) };
		this.kept[reason.id] = { ...before, examples, ...some };
		try {
			window.localStorage.setItem(this.key, JSON.stringify(this.kept));
		} catch {
			// private windows keep nothing: the export has it all the same
		}
	}

	/** Choose a verdict for a reason, and note something. */
	control(reason) {
		const kept = this.of(reason);
		const options = Object.entries(CHOICES).map(([value, text]) =>
			element("option", { value, selected: (kept.verdict ?? "") === value }, text),
		);
		const select = element(
			"select",
			{
				"aria-label": `Verdict on ${reason.title}`,
				on: { change: () => this.set(reason, { verdict: select.value }) },
			},
			...options,
		);
		const note = element("input", {
			type: "search",
			value: kept.note ?? "",
			placeholder: "Note",
			"aria-label": `Note on ${reason.title}`,
			on: { change: () => this.set(reason, { note: note.value }) },
		});
		return element("div", "agcam-verdict", select, note);
	}

	/** Buttons that export and import all verdicts. */
	files(shown) {
		const file = element("input", {
			type: "file",
			accept: ".json,application/json",
			hidden: true,
			on: { change: () => this.import(file.files[0], shown) },
		});
		this.problem = element("p", { class: "agcam-problem", role: "alert", hidden: true });
		const text =
			"Verdicts and notes are kept in this browser. Export them, and give the file to " +
			"agcam audit --verdicts, so that what is fine is no longer counted as suspicious.";
		return element(
			"section",
			"agcam-stack",
			element("h2", {}, "Verdicts"),
			element("p", "agcam-small", text),
			element(
				"div",
				"agcam-links",
				button(() => this.export(), {}, "Export verdicts"),
				button(() => file.click(), {}, "Import verdicts"),
				file,
			),
			this.problem,
		);
	}

	export() {
		const verdicts = Object.values(this.kept).filter(({ verdict, note }) => verdict || note);
		const text = JSON.stringify({ ...this.about, verdicts }, null, 1);
		const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
		element("a", { href, download: "verdicts.json" }).click();
		setTimeout(() => URL.revokeObjectURL(href));
	}

	async import(file, shown) {
		try {
			const { verdicts } = JSON.parse(await file.text());
			for (const one of verdicts) {
				const same = ({ name, number }) => name === one.class && number === one.reason;
				const reason = Object.values(this.reasons).find(same);
				if (reason) this.set(reason, { verdict: one.verdict ?? "", note: one.note ?? "" });
			}
			shown();
		} catch {
			this.problem.textContent = "This file holds no verdicts of an audit.";
			this.problem.hidden = false;
		}
	}
}
