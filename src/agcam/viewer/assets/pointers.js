// Mouse and fingers on a picture: one reads or moves it, two pinch it.

/**
 * Call read(point) and leave(), move(across, down) in pixels of the screen where zoomed() says that
 * there is more to see, and pinch(times, middle).
 */
export function listenToPointers(node, { read, leave, zoomed, move, pinch }) {
	const held = new Map(); // where pointers that are pressed were last, by their numbers

	const press = (event) => {
		if (event.pointerType === "touch") read(event);
		held.set(event.pointerId, event);
		if (held.size > 1 || zoomed()) node.setPointerCapture(event.pointerId);
	};
	const drag = (event) => {
		if (!held.has(event.pointerId)) return read(event);
		const before = middleOf(held);
		const now = middleOf(held.set(event.pointerId, event));
		if (held.size > 1) pinch(now.apart / before.apart, now);
		if (held.size > 1 || zoomed()) move(now.clientX - before.clientX, now.clientY - before.clientY);
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

/** The middle of all pointers, and how far the first one is from it. */
function middleOf(held) {
	const points = [...held.values()];
	const mean = (name) => points.reduce((sum, point) => sum + point[name], 0) / points.length;
	const [clientX, clientY] = [mean("clientX"), mean("clientY")];
	const apart = Math.hypot(points[0].clientX - clientX, points[0].clientY - clientY);
	return { clientX, clientY, apart: Math.max(apart, 1) };
}
