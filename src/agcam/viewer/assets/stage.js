// The picture with its map: canvas, boxes, contour, zoom, and the value under the pointer.

import { drawing, element, newId, short } from "./dom.js";
import { patchAt, sizeFor } from "./pixels.js";
import { boxesOf, contourOf } from "./regions.js";
import { Painter } from "./render.js";

const CLOSEST = 8; // times
const HINT =
  "Arrow keys move from patch to patch and read their values; plus and minus zoom, 0 shows all, " +
  "Shift with an arrow key moves what is shown.";

/** One canvas with drawings over it. */
class Pane {
  constructor() {
    this.canvas = element("canvas");
    this.painter = new Painter(this.canvas);
    this.drawing = drawing("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.node = element("div", { class: "agcam-pane" }, this.canvas, this.drawing);
  }

  resize(frame) {
    const [width, height] = sizeFor(frame);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
  }
}

export class Stage {
  /**
   * @param {import("./state.js").Store} store
   * @param {import("./colours.js").Colours} colours
   */
  constructor(store, colours) {
    this.store = store;
    this.colours = colours;
    this.look = { x: 0, y: 0, zoom: 1 };
    this.cursor = null;
    this.panes = [new Pane(), new Pane()];
    this.hint = newId("hint");
    this.readout = element("output", { class: "agcam-readout" });
    this.divider = element("input", {
      type: "range", class: "agcam-divider", min: 0, max: 1, step: 0.005, "aria-label": "Divider between picture and map",
      on: { input: () => this.store.set({ split: Number(this.divider.value) }) },
    });
    this.panel = element(
      "div",
      { class: "agcam-panes", tabIndex: 0, role: "application", "aria-describedby": this.hint },
      ...this.panes.map((pane) => pane.node),
    );
    this.node = element(
      "div",
      { class: "agcam-stage" },
      this.panel,
      this.divider,
      element("p", { id: this.hint, class: "agcam-hidden" }, HINT),
      this.readout,
    );
    this.listen();
  }

  listen() {
    this.panel.addEventListener("keydown", (event) => this.press(event));
    this.panel.addEventListener("pointermove", (event) => this.move(event));
    this.panel.addEventListener("pointerleave", () => this.point(null));
    this.panel.addEventListener("pointerdown", (event) => this.grab(event));
    this.panel.addEventListener("dblclick", (event) => this.zoomAt(this.look.zoom > 1 ? 1 : 3, event));
    this.panel.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
        event.preventDefault();
        this.zoomAt(this.look.zoom * 2 ** (-event.deltaY / 100), event);
      },
      { passive: false },
    );
  }

  /** Show another card. */
  setCard(card, image) {
    this.card = card;
    this.image = image;
    this.look = { x: 0, y: 0, zoom: 1 };
    this.cursor = null;
    this.panes.forEach((pane) => pane.resize(card.frame));
    const { width, height } = card.frame;
    this.node.style.setProperty("--ratio", String(width / height));
    this.readout.value = "";
  }

  /**
   * Draw a map of the card.
   * @param {{grid: any, square: Float32Array | null, text: string}} shown
   */
  draw(shown) {
    this.shown = shown;
    const state = this.store.state;
    const beside = state.mode === "side";
    this.node.classList.toggle("agcam-beside", beside);
    this.panes[1].node.hidden = !beside;
    this.divider.hidden = state.mode !== "slider";
    this.divider.value = String(state.split);
    this.panel.setAttribute("aria-label", shown.text);
    const over = state.mode === "map" || state.mode === "original" ? state.mode : "overlay";
    this.paint(this.panes[0], beside ? "original" : over);
    if (beside) this.paint(this.panes[1], "overlay");
  }

  paint(pane, mode) {
    const { state } = this.store;
    pane.painter.draw({
      image: this.image,
      frame: this.card.frame,
      grid: this.shown.grid,
      table: this.colours.table(state.colormap),
      opacity: state.opacity,
      mode,
      from: state.mode === "slider" ? state.split : 0,
      look: this.look,
    });
    this.annotate(pane.drawing);
  }

  /** Boxes, contour, true boxes and the patch that is read, over the canvas. */
  annotate(node) {
    const { state } = this.store;
    const { width, height, window } = this.card.frame;
    const { x, y, zoom } = this.look;
    node.setAttribute("viewBox", `${x} ${y} ${width / zoom} ${height / zoom}`);
    node.replaceChildren();
    const [left, top, right, bottom] = window;
    const [across, down] = [right - left, bottom - top];
    if (state.truth) (this.card.data.boxes ?? []).forEach((box) => this.box(node, box, "truth"));
    if (this.shown.square && state.boxes) {
      for (const box of boxesOf(this.shown.square, state.threshold)) {
        const placed = [left + box[0] * across, top + box[1] * down, left + box[2] * across, top + box[3] * down];
        this.box(node, placed, "found");
      }
    }
    if (this.shown.square && state.contour) {
      const d = contourOf(this.shown.square, state.threshold);
      const placed = `translate(${left} ${top}) scale(${across} ${down})`;
      const line = (kind) => drawing("path", { d, transform: placed, class: `agcam-line ${kind}` });
      node.append(line("agcam-under"), line("agcam-found"));
    }
    if (this.cursor && this.shown.grid) this.box(node, this.patchBox(this.cursor), "patch");
  }

  box(node, box, kind) {
    const { width, height } = this.card.frame;
    const [left, top, right, bottom] = box.map((side, place) =>
      Math.min(Math.max(side, 0), place % 2 ? height : width),
    );
    const sides = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
    node.append(
      drawing("rect", { ...sides, class: "agcam-line agcam-under" }),
      drawing("rect", { ...sides, class: `agcam-line agcam-${kind}` }),
    );
  }

  patchBox({ row, column }) {
    const [left, top, right, bottom] = this.card.frame.window;
    const [rows, columns] = this.shown.grid.shape;
    const [across, down] = [(right - left) / columns, (bottom - top) / rows];
    return [left + column * across, top + row * down, left + (column + 1) * across, top + (row + 1) * down];
  }

  /** A place of the screen in the picture's pixels. */
  placeOf(event) {
    const pane = this.panes.find((one) => one.node.contains(event.target)) ?? this.panes[0];
    const area = pane.canvas.getBoundingClientRect();
    const { width, height } = this.card.frame;
    return {
      x: this.look.x + (((event.clientX - area.left) / area.width) * width) / this.look.zoom,
      y: this.look.y + (((event.clientY - area.top) / area.height) * height) / this.look.zoom,
    };
  }

  move(event) {
    if (this.held) {
      const area = this.panes[0].canvas.getBoundingClientRect();
      const share = this.card.frame.width / area.width / this.look.zoom;
      this.shift(-event.movementX * share, -event.movementY * share);
    } else if (this.card && event.pointerType !== "touch") {
      const { x, y } = this.placeOf(event);
      this.point(this.shown?.grid ? patchAt(this.shown.grid, this.card.frame.window, x, y) : null);
    }
  }

  grab(event) {
    if (event.pointerType === "touch" || this.look.zoom === 1) {
      if (event.pointerType === "touch") {
        const { x, y } = this.placeOf(event);
        this.point(this.shown?.grid ? patchAt(this.shown.grid, this.card.frame.window, x, y) : null);
      }
      if (this.look.zoom === 1) return;
    }
    this.held = true;
    this.panel.setPointerCapture(event.pointerId);
    const release = () => (this.held = false);
    this.panel.addEventListener("pointerup", release, { once: true });
    this.panel.addEventListener("pointercancel", release, { once: true });
  }

  /** Read a patch: its place and value. */
  point(patch) {
    const same = patch?.row === this.cursor?.row && patch?.column === this.cursor?.column;
    if (same || !this.card) return;
    this.cursor = patch;
    this.readout.value = patch ? this.read(patch) : "";
    this.panes.forEach((pane) => pane.node.hidden || this.annotate(pane.drawing));
  }

  read({ row, column }) {
    const { values, shape, range } = this.shown.grid;
    const value = values[row * shape[1] + column];
    const share = range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : 0;
    const percent = Math.round(100 * Math.min(Math.max(share, 0), 1));
    return `row ${row + 1}, column ${column + 1}: ${short(value)}, ${percent} % of the scale`;
  }

  press(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && event.shiftKey) {
      const { width, height } = this.card.frame;
      this.shift((step[1] * width) / this.look.zoom / 10, (step[0] * height) / this.look.zoom / 10);
    } else if (step) this.step(step);
    else if (event.key === "+" || event.key === "=") this.zoom(this.look.zoom * 1.5);
    else if (event.key === "-") this.zoom(this.look.zoom / 1.5);
    else if (event.key === "0") this.zoom(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([down, across]) {
    if (!this.shown?.grid) return;
    const [rows, columns] = this.shown.grid.shape;
    const from = this.cursor ?? { row: (rows >> 1) - down, column: (columns >> 1) - across };
    const row = Math.min(Math.max(from.row + down, 0), rows - 1);
    this.point({ row, column: Math.min(Math.max(from.column + across, 0), columns - 1) });
  }

  zoomAt(zoom, event) {
    const { x, y } = this.placeOf(event);
    this.zoom(zoom, x, y);
  }

  /** Zoom so that one place of the picture stays where it is. */
  zoom(wanted, x = null, y = null) {
    const { width, height } = this.card.frame;
    const before = this.look;
    const zoom = Math.min(Math.max(wanted, 1), CLOSEST);
    const place = { x: x ?? before.x + width / before.zoom / 2, y: y ?? before.y + height / before.zoom / 2 };
    const share = before.zoom / zoom;
    this.look = { zoom, x: place.x - (place.x - before.x) * share, y: place.y - (place.y - before.y) * share };
    this.shift(0, 0);
  }

  shift(across, down) {
    const { width, height } = this.card.frame;
    const { x, y, zoom } = this.look;
    const inside = (place, size) => Math.min(Math.max(place, 0), size - size / zoom);
    this.look = { zoom, x: inside(x + across, width), y: inside(y + down, height) };
    this.panel.classList.toggle("agcam-zoomed", zoom > 1);
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = undefined;
      this.draw(this.shown);
    });
  }
}
