// Which part of a picture is shown, and how large.

const CLOSEST = 8; // times

export class Look {
	/** @param {number} width of the picture @param {number} height */
	constructor(width = 1, height = 1) {
		Object.assign(this, { width, height, x: 0, y: 0, zoom: 1 });
	}

	/** The rectangle that is shown, in the picture's pixels. */
	get part() {
		const { x, y, zoom } = this;
		return { x, y, width: this.width / zoom, height: this.height / zoom };
	}

	/** A place, in shares of what is shown, in the picture's pixels. */
	place(across, down) {
		const { x, y, width, height } = this.part;
		return { x: x + across * width, y: y + down * height };
	}

	/** Zoom so that one place of the picture stays where it is: by default the middle. */
	zoomTo(wanted, place = this.place(0.5, 0.5)) {
		const zoom = Math.min(Math.max(wanted, 1), CLOSEST);
		const share = this.zoom / zoom;
		this.zoom = zoom;
		this.moveTo({
			x: place.x - (place.x - this.x) * share,
			y: place.y - (place.y - this.y) * share,
		});
	}

	/** Show one of `count` tiles that lie row by row on a square sheet, or from it all of the sheet. */
	centreOnTile(tile, count, closer) {
		const across = Math.ceil(Math.sqrt(count));
		const down = Math.ceil(count / across);
		this.zoomTo(closer ? Math.min(across, down) : 0);
		const { width, height } = this.part;
		const x = (((tile % across) + 0.5) * this.width) / across;
		const y = ((Math.floor(tile / across) + 0.5) * this.height) / down;
		this.moveTo({ x: x - width / 2, y: y - height / 2 });
	}

	/** Move by shares of what is shown. */
	shift(across, down) {
		this.moveTo(this.place(across, down));
	}

	moveTo({ x, y }) {
		const inside = (place, size) => Math.min(Math.max(place, 0), size - size / this.zoom);
		this.x = inside(x, this.width);
		this.y = inside(y, this.height);
	}
}
