// Lines over a common axis: an SVG that is stretched to the page, with its numbers around it.

import { html, short, svg } from "./dom.js";

const COLOURS = "#3b78c2 #d9822b #3a9a63 #8a5fc0 #b0852c #2b9c9c #c2568f #6f7f36".split(" ");
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

/** How a line is drawn: ours strong, random baselines faint. */
function look(mark, place) {
	const style = (colour, width, dash) =>
		`stroke: ${colour}; stroke-width: ${width}; stroke-dasharray: ${dash || "none"}`;
	if (mark === "ours") return style("#c0392b", 2.6);
	if (mark === "baseline") return style("#888", 1.3, place % 2 ? "2 3" : "7 3");
	const dash = DASHES[Math.floor(place / COLOURS.length) % DASHES.length];
	return style(COLOURS[place % COLOURS.length], 1.6, dash);
}

/** Curves as viewer/report.py of agcam describes them; a value of null is a gap. */
export function curves({ title, note, across, up, points, lines }) {
	const every = lines.flatMap(({ values }) => values.filter((value) => value !== null));
	const [low, high] = [Math.min(0, ...every), Math.max(...every, 1e-9)];
	const [first, last] = [points[0], points.at(-1)];
	const known = (value) => value !== null && value !== undefined;
	const step = (values) => (value, place) => {
		const [x, y] = [(points[place] - first) / (last - first || 1), (high - value) / (high - low)];
		return known(value) ? `${known(values[place - 1]) ? "L" : "M"}${x.toFixed(4)} ${y.toFixed(4)}` : "";
	};
	const path = ({ name, mark, values }, place) => svg`<path d=${values.map(step(values)).join("")}
		.style=${look(mark, place)}><title>${name}</title></path>`;
	const named = ({ name, mark }, place) => html`<li>
		<svg viewBox="0 0 24 8" aria-hidden="true"><path d="M0 4H24" .style=${look(mark, place)}/></svg>${name}
	</li>`;
	const scale = (texts) => html`<p>${texts.map((text) => html`<span>${text}</span>`)}</p>`;
	const label = `${title}: ${up} over ${across}`;
	return html`<figure class="agcam-curves">
		<div class="agcam-plot">
			${scale([up])} ${scale([high, (low + high) / 2, low].map(short))}
			<svg viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label=${label}>
				<path class="agcam-gridline" d="M0 0H1M0 .5H1M0 1H1"/>${lines.map(path)}
			</svg>
			${scale([short(first), across, short(last)])}
		</div>
		<ul>${lines.map(named)}</ul>
		<figcaption><strong>${title}</strong> ${note}</figcaption>
	</figure>`;
}
