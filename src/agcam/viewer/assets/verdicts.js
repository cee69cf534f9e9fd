// What a reader makes of each reason: kept in the browser, and exported and imported as JSON.

import { download } from "./about.js";
import { html } from "./dom.js";

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
		const option = ([value, text]) =>
			html`<option value=${value} ?selected=${(kept.verdict ?? "") === value}>${text}</option>`;
		const choose = ({ target }) => this.set(reason, { verdict: target.value });
		const write = ({ target }) => this.set(reason, { note: target.value });
		return html`<div class="agcam-verdict">
			<select aria-label=${`Verdict on ${reason.title}`} @change=${choose}>
				${Object.entries(CHOICES).map(option)}
			</select>
			<input type="search" value=${kept.note ?? ""} placeholder="Note" aria-label=${`Note on ${reason.title}`}
				@change=${write}>
		</div>`;
	}

	/** Buttons that export and import all verdicts; then `shown` shows them. */
	files(shown) {
		const read = ({ target }) => this.import(target.files[0]).then(shown);
		const choose = ({ target }) => target.nextElementSibling.click();
		return html`<section class="agcam-stack">
			<h2>Verdicts</h2>
			<p class="agcam-small">
				Verdicts and notes are kept in this browser. Export them, and give the file to
				agcam audit --verdicts, so that what is fine is no longer counted as suspicious.
			</p>
			<div class="agcam-links">
				<button type="button" @click=${() => this.export()}>Export verdicts</button>
				<button type="button" @click=${choose}>Import verdicts</button>
				<input type="file" accept=".json" hidden @change=${read}>
			</div>
			${this.problem && html`<p class="agcam-problem" role="alert">${this.problem}</p>`}
		</section>`;
	}

	export() {
		const verdicts = Object.values(this.kept).filter(({ verdict, note }) => verdict || note);
		const text = JSON.stringify({ ...this.about, verdicts }, null, 1);
		download(new Blob([text], { type: "application/json" }), "verdicts.json");
	}

	async import(file) {
		this.problem = "";
		try {
			const { verdicts } = JSON.parse(await file.text());
			for (const one of verdicts) {
				const same = ({ name, number }) => name === one.class && number === one.reason;
				const reason = Object.values(this.reasons).find(same);
				if (reason) this.set(reason, { verdict: one.verdict ?? "", note: one.note ?? "" });
			}
		} catch {
			this.problem = "This file holds no verdicts of an audit.";
		}
	}
}
