// Lines over a common axis, drawn as SVG.

import { html, short, svg } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [460, 260, 72, 40, 12];
const COLOURS = "#3b78c2 #d9822b #3a9a63 #8a5fc0 #b0852c #2b9c9c #c2568f #6f7f36".split(" ");
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** How a line is drawn (colour, width, dashes): ours strong, random baselines faint. */
function look(mark, place) {
	if (mark === "ours") return ["#c0392b", 2.6, ""];
	if (mark === "baseline") return ["#888", 1.3, place % 2 ? "2 3" : "7 3"];
	const dash = DASHES[Math.floor(place / COLOURS.length) % DASHES.length];
	return [COLOURS[place % COLOURS.length], 1.6, dash];
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
	const text = (x, y, anchor, words) => svg`<text x=${x} y=${y} text-anchor=${anchor}>${words}</text>`;
	const tick = (value) => svg`
		<line class="agcam-gridline" x1=${LEFT} x2=${WIDTH - EDGE} y1=${y(value)} y2=${y(value)}/>
		${text(LEFT - 6, y(value) + 4, "end", short(value))}`;
	const below = HEIGHT - BOTTOM + 16;
	const middle = -(HEIGHT - BOTTOM) / 2;
	return svg`
		${[low, (low + high) / 2, high].map(tick)}
		${text(x(ends[0]), below, "start", short(ends[0]))}
		${text(x(ends[1]), below, "end", short(ends[1]))}
		${text((LEFT + WIDTH) / 2, HEIGHT - 6, "middle", across)}
		<g transform="rotate(-90)">${text(middle, 12, "middle", up)}</g>`;
}

function path({ name, mark, values }, place, points, { x, y }) {
	const known = (point) => values[point] !== null && values[point] !== undefined;
	const steps = points.map((at, point) =>
		known(point) ? `${known(point - 1) ? "L" : "M"}${x(at).toFixed(1)} ${y(values[point]).toFixed(1)}` : "",
	);
	const [stroke, width, dash] = look(mark, place);
	return svg`<path d=${steps.join("")} fill="none" stroke=${stroke} stroke-width=${width}
		stroke-dasharray=${dash}><title>${name}</title></path>`;
}

function legend({ name, mark }, place) {
	const [stroke, width, dash] = look(mark, place);
	return html`<li>
		<svg viewBox="0 0 24 8" aria-hidden="true"><line x1="0" x2="24" y1="4" y2="4" stroke=${stroke}
			stroke-width=${width} stroke-dasharray=${dash}/></svg>${name}
	</li>`;
}
