// Which part of a picture is shown, and how large.

const CLOSEST = 8; // times
const within = (place, low, high) => Math.min(Math.max(place, low), high);

/** `x` and `y` are the middle of what is shown, in shares of the picture; `zoom` how many times. */
export class Look {
	constructor() {
		this.show(0.5, 0.5, 1);
	}

	/** Show a place in the middle, or as near to it as the picture's edges allow. */
	show(x, y, zoom = this.zoom) {
		const half = 0.5 / zoom;
		Object.assign(this, { zoom, x: within(x, half, 1 - half), y: within(y, half, 1 - half) });
	}

	/** A place, in shares of what is shown, in shares of the picture. */
	place(across, down) {
		return { x: this.x + (across - 0.5) / this.zoom, y: this.y + (down - 0.5) / this.zoom };
	}

	/** Zoom by a factor, 0 for all of the picture, so that a place stays where it is: by default the middle. */
	enlarge(times, { x, y } = this) {
		const zoom = within(this.zoom * times, 1, CLOSEST);
		const share = this.zoom / zoom;
		this.show(x + (this.x - x) * share, y + (this.y - y) * share, zoom);
	}

	/** Move by shares of what is shown. */
	shift(across, down) {
		const { x, y } = this.place(0.5 + across, 0.5 + down);
		this.show(x, y);
	}

	/** The rectangle that is shown, in the picture's pixels. */
	part({ width, height }) {
		const { x, y } = this.place(0, 0);
		return { x: x * width, y: y * height, width: width / this.zoom, height: height / this.zoom };
	}
}
