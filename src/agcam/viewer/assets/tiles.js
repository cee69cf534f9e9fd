// Small maps that are drawn when they come into view.

import { element } from "./dom.js";
import { Painter, sizeFor } from "./render.js";

const SIDE = 300; // pixels of a small map's longer side

/** Draws small maps as they are scrolled to. */
export class Tiles {
  constructor(store, colours) {
    this.store = store;
    this.colours = colours;
    this.waiting = new Map();
    this.drawn = new Set();
    this.seen = new IntersectionObserver((entries) => this.meet(entries), { rootMargin: "300px" });
  }

  /** A small map of a card; `choose()` gives the map to draw, or undefined for the picture alone. */
  make(card, choose, label) {
    const [width, height] = sizeFor(card.frame, SIDE);
    const canvas = element("canvas", { width, height, role: "img", "aria-label": label });
    this.waiting.set(canvas, { card, choose, painter: null, image: null });
    this.seen.observe(canvas);
    return canvas;
  }

  async meet(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.seen.unobserve(target);
      const tile = this.waiting.get(target);
      tile.image = new Image();
      tile.image.src = tile.card.data.picture.src;
      tile.image.decode().then(
        () => {
          tile.painter = new Painter(target);
          this.drawn.add(tile);
          this.draw(tile);
        },
        () => target.classList.add("agcam-missing"),
      );
    }
  }

  draw({ card, choose, painter, image }) {
    const { state } = this.store;
    const map = choose();
    painter.draw({
      image,
      frame: card.frame,
      grid: map ? card.grid(map) : null,
      table: this.colours.table(state.colormap),
      opacity: state.opacity,
      mode: state.mode === "map" || state.mode === "original" ? state.mode : "overlay",
    });
  }

  /** Draw those in sight with the state as it is now; others when they are scrolled to. */
  update(changed) {
    const drawn = ["colormap", "opacity", "mode"];
    if (!drawn.some((name) => changed.has(name))) return;
    this.drawn.forEach((tile) => this.draw(tile));
  }
}
