"""Where everything is on the page, and nothing of what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from ..values import Classifier
from . import panels
from .desk import Desk
from .examples import examples
from .offered import OFFERED
from .state import PROMPTS, needs_words

TITLE: Final = "What did the model look at?"
LEAD: Final = "Give a picture: see what a Vision Transformer predicts, and what speaks for it."
DROP_JS: Final = "window.agcam.setUp(element, (data) => trigger('picked', data));"
SAID_JS: Final = "window.agcam.classes(element, (_, data) => trigger('asked', data), watch);"
LINK_JS: Final = "window.agcam.link(element, watch);"
NOTHING: Final = '<p class="ag-none">The picture and its heat map will be here.</p>'
FIRST: Final = 3  # methods that are ticked for a comparison at the start


@dataclass(frozen=True)
class Parts:
    """The page's components, as far as handlers read or write them."""

    key: gr.State
    example: gr.State
    heads_open: gr.State
    address: gr.Textbox
    told: gr.HTML
    drop: gr.HTML
    view: gr.HTML
    said: gr.HTML
    chosen: gr.Dropdown
    prompts: gr.Textbox
    ask: gr.Button
    model: gr.Dropdown
    method: gr.Dropdown
    threshold: gr.Slider
    opacity: gr.Slider
    boxes: gr.Checkbox
    downloads: gr.HTML
    several: gr.CheckboxGroup
    compare: gr.Button
    compared: gr.HTML
    heads_panel: gr.Accordion
    heads: gr.HTML
    how: gr.HTML

    @property
    def asked(self) -> list[Any]:
        """What every handler is told of the page."""
        return [
            self.key,
            self.example,
            self.model,
            self.method,
            self.chosen,
            self.prompts,
            self.threshold,
            self.opacity,
            self.boxes,
            self.heads_open,
        ]

    @property
    def shown(self) -> list[Any]:
        """What an answer changes."""
        return [
            *self.asked,
            self.ask,
            self.told,
            self.said,
            self.view,
            self.downloads,
            self.compared,
            self.heads_panel,
            self.heads,
            self.how,
        ]


def lay_out(desk: Desk) -> Parts:
    """Put every component in its place; call inside a Blocks context."""
    first = next(iter(desk.models))
    found: dict[str, Any] = {
        "key": gr.State(""),
        "example": gr.State(""),
        "heads_open": gr.State(False),
        "address": gr.Textbox(visible=False),
    }
    gr.HTML(f"<h1>{TITLE}</h1><p>{LEAD}</p>")
    found["drop"] = gr.HTML(
        panels.drop(list(examples().values()), desk.limits.upload_bytes), js_on_load=DROP_JS
    )
    found["told"] = gr.HTML("")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            found["view"] = gr.HTML(NOTHING, elem_id="view")
            found["downloads"] = gr.HTML("", js_on_load=LINK_JS, elem_id="downloads")
        with gr.Column(scale=2, min_width=320):
            found |= _controls(desk, first)
    found |= _below()
    return Parts(**found)


def _controls(desk: Desk, first: str) -> dict[str, Any]:
    classifier = desk.models[first]
    words = needs_words(classifier)
    return {
        "said": gr.HTML("", js_on_load=SAID_JS, elem_id="said"),
        "chosen": gr.Dropdown(
            choices_of(classifier),
            value=None,
            label="Another class",
            info="Type to search.",
            visible=not words,
            elem_id="chosen",
        ),
        "prompts": gr.Textbox(
            "\n".join(PROMPTS),
            label="Descriptions to compare, one a line",
            lines=len(PROMPTS),
            visible=words,
            elem_id="prompts",
        ),
        "ask": gr.Button("Ask with these words", visible=words, elem_id="ask"),
        "opacity": gr.Slider(0, 1, 0.5, step=0.05, label="Strength of the colours"),
        "boxes": gr.Checkbox(False, label="Boxes around what is above the threshold"),
        "threshold": gr.Slider(
            0, 1, 0.5, step=0.05, label="Threshold", info="The paper's protocol takes 0.5."
        ),
        "model": gr.Dropdown(
            list(desk.models), value=first, label="Model", visible=len(desk.models) > 1
        ),
        "method": gr.Dropdown(list(OFFERED), value="agcam", label="Method", elem_id="method"),
    }


def _below() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with gr.Accordion("Compare methods", open=False):
        names = list(OFFERED)
        found["several"] = gr.CheckboxGroup(names, value=names[:FIRST], label="Methods")
        found["compare"] = gr.Button("Compare", elem_id="compare")
        found["compared"] = gr.HTML("", elem_id="compared")
    with gr.Accordion("Blocks and heads", open=False) as found["heads_panel"]:
        found["heads"] = gr.HTML("", elem_id="heads")
    with gr.Accordion("How this map was made", open=False):
        found["how"] = gr.HTML("", elem_id="how")
    return found


def choices_of(classifier: Classifier) -> list[tuple[str, int]]:
    """Class names for the list, each with its number; equal names are told apart by it."""
    names = [name.split(",")[0] for name in classifier.class_names]
    several = {name for name in names if names.count(name) > 1} if len(names) < 5000 else set()
    return [
        (f"{name} ({index})" if name in several else name, index)
        for index, name in enumerate(names)
    ]
