// The page: a picture in, what the model sees in it out; the viewer draws.

import { mount } from "./viewer/viewer.js";
import { element } from "./viewer/dom.js";
import { compareMethods, fillMethods } from "./compare.js";
import { listenForPictures } from "./give.js";
import * as link from "./link.js";
import * as server from "./server.js";

const ADDRESS_DELAY = 200; // milliseconds: browsers bound how often an address may change
const SEARCHED = 20; // classes that a search lists

const PROOF = [
  ["Proof", "The model's output was computed a second time along the way that the map takes, and was the same; otherwise there would be no map."],
  ["What it shows", "What the model used, not whether it is right, and not why."],
];

const at = (id) => document.getElementById(id);

class Page {
  constructor(settings) {
    this.settings = settings;
    const { view, ...selected } = link.read(location.search, settings);
    Object.assign(this, { selected, view, key: null, viewer: null, card: null, given: 0, latest: 0, names: null });
    this.fill();
  }

  /** Make the controls that the settings and the link ask for. */
  fill() {
    const { models, megabytes, minutes, prompts } = this.settings;
    at("limits").textContent =
      `At most ${megabytes} MB. Pictures stay in this server's memory, never on its disk, ` +
      `until ${minutes} minutes after their last use.`;
    at("models").hidden = models.length < 2;
    at("model").append(...models.map(({ name }) => element("option", { value: name }, name)));
    at("model").addEventListener("change", () => this.setModel(at("model").value));
    at("refine").checked = this.selected.refine;
    at("views").append(...this.settings.views.map((count) => element("option", { value: count }, `${count}`)));
    at("views").value = this.selected.views;
    for (const name of ["refine", "views"])
      at(name).addEventListener("change", () => this.show({ refine: at("refine").checked, views: Number(at("views").value) }));
    at("prompts").value = (this.selected.prompts.length ? this.selected.prompts : prompts).join("\n");
    at("descriptions").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show({ target: null });
    });
    fillMethods(at("compare"), this.settings.methods);
    at("compare").addEventListener("submit", (event) => this.compare(event));
    at("examples").append(...this.settings.examples.map((name) => this.exampleButton(name)));
    this.setModel(this.selected.model, this.selected.target);
    if (this.selected.example) this.giveExample(this.selected.example);
  }

  exampleButton(name) {
    const image = element("img", { src: `examples/${encodeURIComponent(name)}`, alt: `example: ${name}` });
    return element("button", { type: "button", title: name, on: { click: () => this.giveExample(name) } }, image);
  }

  /** Another model knows other classes: show what it predicts. */
  setModel(name, target = null) {
    this.model = this.settings.models.find((one) => one.name === name);
    at("model").value = name;
    at("descriptions").hidden = !this.usesWords;
    this.show({ target });
  }

  /** Whether the model has no classes, only descriptions that somebody gives. */
  get usesWords() {
    return this.model.prompts && this.model.classes === null;
  }

  giveFile(file) {
    return this.give(() => server.upload(file), null);
  }

  giveExample(name) {
    return this.give(() => server.uploadExample(name), name);
  }

  /** Take a new picture; until it is shown, everything stays as it was. */
  async give(upload, example) {
    const target = this.key === null ? this.selected.target : null; // a link's is for the first one
    const mine = ++this.given;
    at("status").textContent = "Sending the picture ...";
    try {
      const key = await upload();
      if (mine === this.given) await this.show({ target, example }, key);
    } catch (error) {
      if (mine === this.given) report(error.message);
    }
  }

  /** Show what the server answers about the picture; an answer that was overtaken is dropped. */
  async show(change, key = this.key) {
    const selected = { ...this.selected, ...change, model: this.model.name, prompts: this.prompts };
    if (key === null) {
      this.selected = selected;
      return;
    }
    const mine = ++this.latest;
    this.pending?.abort();
    this.pending = new AbortController();
    report("", "The model looks at the picture ...");
    try {
      const card = await server.view(key, "card", this.fields(selected), this.pending.signal);
      if (mine === this.latest) this.open(card, selected, key);
    } catch (error) {
      if (mine === this.latest) report(error.message);
    }
  }

  get prompts() {
    if (!this.usesWords) return [];
    return at("prompts").value.split("\n").map((text) => text.trim()).filter(Boolean);
  }

  /** What the server must be given beside the upload. */
  fields({ model, method, target, prompts, refine, views }) {
    return { model, method, target, prompts, refine, views };
  }

  /** Show a card in place of the one before; how maps are drawn stays. */
  open(card, selected, key) {
    at("status").textContent = "";
    if (selected.model !== this.selected.model) this.names = null;
    this.selected = selected;
    this.key = key;
    this.card = { ...card, methods: this.settings.methods, facts: [...card.facts, ...PROOF] };
    const target = card.maps[0].target ?? null;
    if (target !== null) this.selected.target = card.targets[target].index;
    const view = { ...this.drawing(), method: selected.method, target: target ?? 0 };
    const shown = { colormaps: this.settings.colormaps, view, cards: [this.card] };
    if (this.viewer) this.viewer.show(shown);
    else this.viewer = mount(at("viewer"), shown, this.hooks());
    document.body.classList.add("given");
    at("compare").hidden = at("share").hidden = at("sharper").hidden = false;
    at("compared").replaceChildren();
  }

  /** How maps are drawn. */
  drawing() {
    if (!this.viewer) return this.view;
    const { mode, opacity, threshold, colormap, boxes, contour, parts } = this.viewer.state();
    return { mode, opacity, threshold, colormap, boxes, contour, parts };
  }

  hooks() {
    const get = (view) => (card, method, target) =>
      server.view(this.key, view, this.fields({ ...this.selected, method, target: target.index }));
    return {
      fetchMap: get("map"),
      fetchParts: get("parts"),
      findTargets: (text) => this.find(text),
      downloads: (card, method, target) => this.downloads(method, target),
      onState: (state) => this.keep(state),
    };
  }

  downloads(method, target) {
    const selected = { ...this.selected, method, target: target.index };
    const opacity = this.viewer?.state().opacity ?? 0.5;
    return Object.entries(this.settings.files).map(([name, text]) => ({
      text,
      href: server.fileAddress(this.key, name, selected, opacity),
    }));
  }

  /** Classes whose names hold a text; those that begin with it come first. */
  async find(text) {
    const words = text.trim().toLowerCase();
    if (this.usesWords || !words) return [];
    this.names ??= await server.classNames(this.selected.model);
    const target = (name, index) => ({ index, name, value: 0, probability: null, score: "" });
    if (/^\d{1,9}$/.test(words)) return [target(this.names[words] ?? `class ${words}`, Number(words))];
    const found = this.names.map(target).filter((one) => one.name.toLowerCase().includes(words));
    found.sort((a, b) => a.name.toLowerCase().indexOf(words) - b.name.toLowerCase().indexOf(words));
    return found.slice(0, SEARCHED);
  }

  /** Keep what is shown in the address of the page. */
  keep(state) {
    const target = this.card.targets[state.target];
    Object.assign(this.selected, { method: state.method, target: target?.index ?? null });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const address = link.write(this.selected, state);
      history.replaceState(null, "", address);
      const [anchor, note] = at("share").children;
      anchor.href = address;
      note.textContent = this.selected.example
        ? ""
        : "It holds everything but your picture: who opens it gives a picture of their own.";
    }, ADDRESS_DELAY);
  }

  async compare(event) {
    event.preventDefault();
    const names = new FormData(event.target).getAll("method");
    const place = this.viewer.state().target;
    const selected = { ...this.selected, target: this.card.targets[place].index };
    const map = (method) => server.view(this.key, "map", this.fields({ ...selected, method }));
    const { card, settings } = this;
    at("compared").setAttribute("aria-busy", "true");
    const compared = await compareMethods({ ...card, targets: [card.targets[place]] }, names, map);
    at("compared").removeAttribute("aria-busy");
    if (card !== this.card) return;
    mount(at("compared"), { ...compared, colormaps: settings.colormaps, view: this.drawing() });
  }
}

/** Show a problem as a sentence, or none and what happens meanwhile. */
function report(problem, status = "") {
  at("status").textContent = status;
  at("problem").textContent = problem;
  at("problem").hidden = !problem;
}

const started = server.settings().then((settings) => new Page(settings));
started.catch((error) => report(error.message));
listenForPictures({
  give: (file) => started.then((page) => page.giveFile(file)),
  refuse: report,
});
