// Mouse and fingers on a picture: one reads or moves it, two pinch it.

/**
 * Call read(point) and leave(), move(across, down) in pixels of the screen where zoomed() says that
 * there is more to see, and pinch(times, middle).
 */
export function listenToPointers(node, { read, leave, zoomed, move, pinch }) {
	const held = new Map(); // pointers that are pressed, by their numbers
	const pointOf = ({ clientX, clientY, target }) => ({ clientX, clientY, target });

	const press = (event) => {
		if (event.pointerType === "touch") read(event);
		held.set(event.pointerId, pointOf(event));
		if (held.size > 1 || zoomed()) node.setPointerCapture(event.pointerId);
	};
	const drag = (event) => {
		const before = held.get(event.pointerId);
		if (!before) {
			if (event.pointerType !== "touch") read(event);
			return;
		}
		const now = { ...pointOf(event), target: before.target };
		held.set(event.pointerId, now);
		const across = (now.clientX - before.clientX) / held.size;
		const down = (now.clientY - before.clientY) / held.size;
		if (held.size === 2) {
			const other = [...held].find(([name]) => name !== event.pointerId)[1];
			pinch(apart(now, other) / Math.max(apart(before, other), 1), middle(now, other));
		}
		if (held.size === 2 || zoomed()) move(across, down);
		else if (event.pointerType !== "touch") read(event);
	};
	const release = (event) => held.delete(event.pointerId);

	node.addEventListener("pointerdown", press);
	node.addEventListener("pointermove", drag);
	for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, release);
	node.addEventListener("pointerleave", leave);
	// two fingers are for the picture, not for the page
	const keep = (event) => event.touches.length > 1 && event.preventDefault();
	node.addEventListener("touchstart", keep, { passive: false });
}

function apart(one, other) {
	return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

function middle(one, other) {
	return {
		clientX: (one.clientX + other.clientX) / 2,
		clientY: (one.clientY + other.clientY) / 2,
		target: one.target,
	};
}
