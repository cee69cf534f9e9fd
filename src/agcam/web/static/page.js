// The page: a picture in, what the model sees in it out; the viewer draws.

import { html } from "./viewer/dom.js";
import { render } from "./viewer/lit.js";
import { mount } from "./viewer/viewer.js";
import { listenForPictures } from "./give.js";
import * as link from "./link.js";
import * as server from "./server.js";

const ADDRESS_DELAY = 200; // milliseconds: browsers bound how often an address may change
const COMPARED = 3; // methods that are ticked at first

const PROOF = [
  ["Proof", "The model's output was computed a second time along the way that the map takes, and was the same; otherwise there would be no map."],
  ["What it shows", "What the model used, not whether it is right, and not why."],
];

const at = (id) => document.getElementById(id);

class Page {
  /** `selected` is what the server is given beside an upload: Selection of web/schemas.py. */
  constructor(settings) {
    const { view, example, ...selected } = link.read(location.search, settings);
    Object.assign(this, { settings, view, selected, key: null, given: 0, names: {} });
    this.fill();
    this.setModel(selected.model, selected.target);
    if (example) this.giveExample(example);
  }

  /** Make the controls that the settings and the link ask for. */
  fill() {
    const { models, views, methods, examples, prompts, megabytes, minutes } = this.settings;
    at("limits").textContent =
      `At most ${megabytes} MB. Pictures stay in this server's memory, never on its disk, ` +
      `until ${minutes} minutes after their last use.`;
    at("models").hidden = models.length < 2;
    at("model").append(...models.map(({ name }) => new Option(name)));
    at("views").append(...views.map((count) => new Option(count)));
    render(methods.map(({ name }, place) => html`<label>
      <input type="checkbox" name="method" value=${name} ?checked=${place < COMPARED} aria-label=${name}>
      <span>${name}</span>
    </label>`), at("methods"));
    render(examples.map((name) => html`<button type="button" title=${name}
      @click=${() => this.giveExample(name)}>
      <img src=${`examples/${encodeURIComponent(name)}`} alt=${`example: ${name}`}>
    </button>`), at("examples"));
    at("refine").checked = this.selected.refine;
    at("views").value = this.selected.views;
    at("prompts").value = (this.selected.prompts.length ? this.selected.prompts : prompts).join("\n");
    at("model").onchange = () => this.setModel(at("model").value);
    at("sharper").onchange = () =>
      this.show({ refine: at("refine").checked, views: Number(at("views").value) });
    at("descriptions").onsubmit = () => this.show({ target: null });
    at("comparison").onsubmit = ({ target }) => this.compare(new FormData(target).getAll("method"));
    document.addEventListener("submit", (event) => event.preventDefault());
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

  giveExample(name) {
    return this.give(name, async () => server.upload(await server.example(name), name), name);
  }

  /** Take a new picture, called `name`; until it is shown, everything stays as it was. */
  async give(name, upload, example = null) {
    const target = this.key === null ? this.selected.target : null; // a link's is for the first one
    const mine = ++this.given;
    at("status").textContent = "Sending the picture ...";
    try {
      const key = await upload();
      if (mine === this.given) await this.show({ target }, { key, example, name });
    } catch (error) {
      if (mine === this.given) this.refuse(error.message, name);
    }
  }

  /** Show what the server answers about the picture; an answer that was overtaken is dropped. */
  async show(change, { key, example, name } = this) {
    const lines = this.usesWords ? at("prompts").value.split("\n") : [];
    const prompts = lines.map((text) => text.trim()).filter(Boolean);
    const selected = { ...this.selected, ...change, model: this.model.name, prompts };
    if (key === null) {
      this.selected = selected;
      return;
    }
    this.pending?.abort();
    this.pending = new AbortController();
    const { signal } = this.pending;
    this.refused = null;
    report("", "The model looks at the picture ...");
    try {
      const card = await server.view(key, "card", selected, signal);
      const { model } = selected;
      this.names[model] ??= await server.classNames(model);
      if (!signal.aborted) this.open(card, selected, key, example);
    } catch (error) {
      if (!signal.aborted) this.refuse(error.message, name);
    }
  }

  /** State what went wrong with the picture called `name` or with the one that is shown. */
  refuse(message, name) {
    this.refused = { message, name };
    this.stateRefusal();
  }

  /** Name the refused picture, and the one that is still shown: it is not the answer. */
  stateRefusal() {
    if (!this.refused) return;
    const { message, name } = this.refused;
    const before = name ? `the picture before it, ${this.card?.title}` : "what was shown before";
    report(html`${name ? html`<strong>${name}</strong>: ` : ""}${message}${
      this.card ? html`<br>Below is still ${before}.` : ""}`);
  }

  /** Show a card in place of the one before; how maps are drawn stays. */
  open(card, selected, key, example) {
    at("status").textContent = "";
    const known = new Set(card.targets.map(({ index }) => index));
    const further = this.names[selected.model]
      .map((name, index) => ({ name, index, score: "", further: true }))
      .filter(({ index }) => !known.has(index));
    const targets = [...card.targets, ...further];
    this.card = { ...card, targets, methods: this.settings.methods, facts: [...card.facts, ...PROOF] };
    const target = card.maps[0].target ?? null;
    if (target !== null) selected.target = card.targets[target].index;
    const view = { ...this.drawing(), method: selected.method, target: target ?? 0 };
    Object.assign(this, { selected, key, example });
    this.stateRefusal();
    const shown = { colormaps: this.settings.colormaps, view, cards: [this.card] };
    if (this.viewer) this.viewer.show(shown);
    else this.viewer = mount(at("viewer"), shown, this.hooks());
    document.body.classList.add("given");
    at("compared").replaceChildren();
  }

  /** How maps are drawn. */
  drawing() {
    const state = this.viewer?.store.state;
    return state ? Object.fromEntries(link.VIEW.map((name) => [name, state[name]])) : this.view;
  }

  /** What the viewer needs of the server. */
  hooks() {
    const of = (method, target) => ({ ...this.selected, method, target: target.index });
    const get = (view) => (_, method, target) => server.view(this.key, view, of(method, target));
    const address = (file, selected) =>
      server.fileAddress(this.key, file, selected, this.viewer?.store.state.opacity ?? 0.5);
    return {
      fetchMap: get("map"),
      fetchParts: get("parts"),
      downloads: (_, method, target) => Object.entries(this.settings.files).map(
        ([file, text]) => ({ text, href: address(file, of(method, target)) }),
      ),
      onState: (state) => this.keep(state),
    };
  }

  /** Keep what is shown in the address of the page. */
  keep(state) {
    const target = this.card.targets[state.target]?.index ?? null;
    Object.assign(this.selected, { method: state.method, target });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const address = link.write(this.selected, this.example, state);
      history.replaceState(null, "", address);
      const [anchor, note] = at("share").children;
      anchor.href = address;
      note.hidden = Boolean(this.example);
    }, ADDRESS_DELAY);
  }

  /** Show several methods for one class side by side; one that refuses says why. */
  async compare(names) {
    const { card, selected, key } = this;
    const target = card.targets[this.viewer.store.state.target];
    const wanted = names.map((method) => ({ ...selected, method, target: target.index }));
    at("compared").setAttribute("aria-busy", "true");
    const made = await Promise.allSettled(wanted.map((each) => server.view(key, "map", each)));
    at("compared").removeAttribute("aria-busy");
    if (card !== this.card) return;
    const maps = made.flatMap(({ value }) => (value ? [{ ...value, target: value.target && 0 }] : []));
    const items = made.map(({ reason }, place) => (
      { method: names[place], caption: names[place], scale: true, refusal: reason?.message }
    ));
    const methods = card.methods.map((method) => ({ ...method, parts: false }));
    const cards = [{ ...card, targets: [target], maps, methods }];
    const blocks = [{ kind: "gallery", items }];
    mount(at("compared"), { cards, blocks, colormaps: this.settings.colormaps, view: this.drawing() });
  }
}

/** Show a problem, or none and what happens meanwhile. */
function report(problem, status = "") {
  at("status").textContent = status;
  render(problem, at("problem"));
  at("problem").hidden = !problem;
}

const started = server.settings().then((settings) => new Page(settings));
started.catch((error) => report(error.message));
const upload = (file) =>
  started.then((page) => page.give(file.name || "the picture", () => server.upload(file)));
const refuse = (text, name) => started.then((page) => page.refuse(text, name));
listenForPictures(upload, refuse);
