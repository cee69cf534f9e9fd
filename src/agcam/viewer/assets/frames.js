// The frames of a clip lie side by side on its contact sheet; a slider looks at one at a time.

import { html } from "./dom.js";

export class FrameSlider {
	/** `look` is called with the frame's middle and how much closer it is, 0 for all of the sheet. */
	constructor(look) {
		this.look = look;
		this.output = html`<output></output>`;
		this.input = html`<input type="range" min="0" step="1" aria-label="Frame" @input=${() => this.show()}>`;
		this.node = html`<div class="agcam-field"><span>Frame ${this.output}</span>${this.input}</div>`;
	}

	/** The slider of another card; none where it is not a clip. */
	setCard({ data, frame }) {
		Object.assign(this, { frame, count: data.frames ?? 0 });
		this.node.hidden = this.count < 2;
		Object.assign(this.input, { max: this.count, value: 0 });
		this.output.value = "all";
	}

	show() {
		const { count, frame } = this;
		const number = Number(this.input.value);
		this.output.value = number ? `${number} of ${count}` : "all";
		const across = Math.ceil(Math.sqrt(count));
		const down = Math.ceil(count / across);
		const place = Math.max(number - 1, 0);
		const x = (((place % across) + 0.5) * frame.width) / across;
		const y = ((Math.floor(place / across) + 0.5) * frame.height) / down;
		this.look({ x, y }, number && Math.min(across, down));
	}
}
