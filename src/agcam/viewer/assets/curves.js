// Lines over a common axis, drawn as SVG.

import { drawing, html, short } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [460, 260, 72, 40, 12];
const COLOURS = "#3b78c2 #d9822b #3a9a63 #8a5fc0 #b0852c #2b9c9c #c2568f #6f7f36".split(" ");
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** How a line is drawn: ours strong, random baselines faint. */
function look(mark, place) {
	if (mark === "ours") return { stroke: "#c0392b", "stroke-width": 2.6 };
	if (mark === "baseline") {
		return { stroke: "#888", "stroke-width": 1.3, "stroke-dasharray": place % 2 ? "2 3" : "7 3" };
	}
	const dash = DASHES[Math.floor(place / COLOURS.length) % DASHES.length];
	return { stroke: COLOURS[place % COLOURS.length], "stroke-width": 1.6, "stroke-dasharray": dash };
}

/** Curves as viewer/report.py of agcam describes them; a value of null is a gap. */
export function curves({ title, note, across, up, points, lines }) {
	const scales = scalesOf(points, lines);
	return html`<figure class="agcam-curves">
		<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`${title}: ${up} over ${across}`}>
			${axes(scales, across, up)}
			${lines.map((line, place) => path(line, place, points, scales))}
		</svg>
		<ul>${lines.map(legend)}</ul>
		<figcaption><strong>${title}</strong> ${note}</figcaption>
	</figure>`;
}

/** Where points and values lie on the drawing. */
function scalesOf(points, lines) {
	const all = lines.flatMap((line) => line.values.filter((value) => value !== null));
	const values = [Math.min(0, ...all), Math.max(...all, 1e-9)];
	const ends = [points[0], points[points.length - 1]];
	const share = (value, [low, high]) => (value - low) / (high - low || 1);
	const x = (point) => LEFT + share(point, ends) * (WIDTH - LEFT - EDGE);
	const y = (value) => HEIGHT - BOTTOM - share(value, values) * (HEIGHT - BOTTOM - EDGE);
	return { x, y, values, ends };
}

/** Lines at three values, the ends of the points, and what both are. */
function axes({ x, y, values: [low, high], ends }, across, up) {
	const text = (words, given) => drawing("text", given, words);
	const ticks = [low, (low + high) / 2, high].flatMap((value) => {
		const line = { x1: LEFT, x2: WIDTH - EDGE, y1: y(value), y2: y(value) };
		return [
			drawing("line", { ...line, class: "agcam-gridline" }),
			text(short(value), { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }),
		];
	});
	const below = ends.map((point, place) => {
		const anchor = place ? "end" : "start";
		return text(short(point), { x: x(point), y: HEIGHT - BOTTOM + 16, "text-anchor": anchor });
	});
	const middle = { "text-anchor": "middle" };
	return [
		...ticks,
		...below,
		text(across, { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, ...middle }),
		text(up, { x: -(HEIGHT - BOTTOM) / 2, y: 12, transform: "rotate(-90)", ...middle }),
	];
}

function path(line, place, points, { x, y }) {
	let pen = "M";
	const parts = line.values.map((value, point) => {
		if (value === null) {
			pen = "M";
			return "";
		}
		const part = `${pen}${x(points[point]).toFixed(1)} ${y(value).toFixed(1)}`;
		pen = "L";
		return part;
	});
	const name = drawing("title", {}, line.name);
	return drawing("path", { d: parts.join(""), fill: "none", ...look(line.mark, place) }, name);
}

function legend(line, place) {
	const sample = drawing("line", { x1: 0, x2: 24, y1: 4, y2: 4, ...look(line.mark, place) });
	return html`<li><svg viewBox="0 0 24 8" aria-hidden="true">${sample}</svg>${line.name}</li>`;
}
