// Which part of a picture is shown, and how large.

const CLOSEST = 8; // times

export class Look {
	/** @param {number} width of the picture @param {number} height */
	constructor(width = 1, height = 1) {
		Object.assign(this, { width, height, x: 0, y: 0, zoom: 1 });
	}

	/** Zoom so that one place of the picture stays where it is: by default the middle. */
	zoomTo(wanted, place = this.middle()) {
		const zoom = Math.min(Math.max(wanted, 1), CLOSEST);
		const share = this.zoom / zoom;
		this.zoom = zoom;
		this.moveTo(place.x - (place.x - this.x) * share, place.y - (place.y - this.y) * share);
	}

	middle() {
		return { x: this.x + this.width / this.zoom / 2, y: this.y + this.height / this.zoom / 2 };
	}

	/** Move by shares of what is shown. */
	shift(across, down) {
		this.moveTo(
			this.x + (across * this.width) / this.zoom,
			this.y + (down * this.height) / this.zoom,
		);
	}

	moveTo(x, y) {
		const inside = (place, size) => Math.min(Math.max(place, 0), size - size / this.zoom);
		this.x = inside(x, this.width);
		this.y = inside(y, this.height);
	}

	/** A place, in shares of what is shown, in the picture's pixels. */
	place(across, down) {
		return {
			x: this.x + (across * this.width) / this.zoom,
			y: this.y + (down * this.height) / this.zoom,
		};
	}
}
