"""What the page shows: an answer of the desk, or a state, as values of the page's components."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import gradio as gr

from ..errors import AgcamError
from ..explanation import Explanation
from ..values import Classifier
from . import panels
from .desk import Desk
from .layout import Parts, choices_of
from .reading import Question
from .state import State, needs_words

Outputs = dict[Any, Any]


class Shown:
    """Fills the components of a page; when that happens is not its affair."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk, self.parts = desk, parts

    def answer(self, place: tuple[str, str], state: State) -> Outputs:
        """Ask the desk, and show what it answers everywhere on the page; raises AgcamError."""
        parts, classifier = self.parts, self.desk.models[state.model]
        start = time.perf_counter()
        question = state.question(classifier)
        explanation = self.desk.explain(place, question)
        index = int(explanation.target[0, 0])
        state = replace(state, target=index)
        query = {
            "model": state.model,
            "method": state.method,
            "target": index,
            "prompts": "\n".join(question.prompts),
            "alpha": f"{state.opacity:g}",
        }
        view = panels.view(explanation, state.look)
        spent = 1000 * (time.perf_counter() - start)
        address = f"pictures/{place[1]}"
        return {
            parts.key: place[1],
            parts.example: state.example,
            parts.told: "",
            parts.said: panels.said(explanation),
            parts.view: view,
            parts.chosen: self._chosen(classifier, explanation, index),
            parts.downloads: panels.downloads(explanation, address, query, state.link(classifier)),
            parts.compared: "",
            parts.heads: self._heads(place, question) if state.heads else "",
            parts.how: panels.how(explanation, spent),
        }

    def _heads(self, place: tuple[str, str], question: Question) -> str:
        """Maps of blocks and heads, if somebody looks at them."""
        try:
            maps, name = self.desk.heads(place, question)
        except AgcamError as error:
            return panels.told(str(error))
        return panels.heads(name, maps.numpy())

    def _chosen(self, classifier: Classifier, explanation: Explanation, index: int) -> Any:
        if needs_words(classifier):
            return gr.skip()
        if classifier.class_names:
            return index
        numbers = range(explanation.logits.shape[1])  # how many there are is known only now
        return gr.update(choices=[(f"class {n}", n) for n in numbers], value=index)

    def controls(self, state: State) -> Outputs:
        """The controls as the state says."""
        parts, classifier = self.parts, self.desk.models[state.model]
        words = needs_words(classifier)
        return {
            parts.model: state.model,
            parts.method: state.method,
            parts.chosen: gr.update(
                choices=choices_of(classifier), value=state.target, visible=not words
            ),
            parts.prompts: gr.update(value="\n".join(state.prompts), visible=words),
            parts.ask: gr.update(visible=words),
            parts.threshold: state.threshold,
            parts.opacity: state.opacity,
            parts.boxes: state.boxes,
            parts.heads_open: state.heads,
            parts.heads_panel: gr.update(open=state.heads),
        }
