"""The page: Gradio's blocks, wired to the desk. What a map is, it leaves to the desk and panels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from ..errors import AgcamError
from ..explanation import Explanation
from . import panels
from .desk import Desk
from .examples import examples
from .gate import Gate, Slices, nothing
from .guard import visitor_of
from .layout import TITLE, Parts, lay_out
from .offered import OFFERED
from .reading import Question
from .shown import Outputs, Shown
from .state import State, restored
from .turns import Turns


def build(desk: Desk, gate: Gate) -> gr.Blocks:
    """The page over a desk."""
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        parts = lay_out(desk)
        _Wires(desk, gate, parts).connect(page)
    return page


class _Wires:
    """Which event does what."""

    def __init__(self, desk: Desk, gate: Gate, parts: Parts) -> None:
        self.desk, self.gate, self.parts = desk, gate, parts
        self.shown = Shown(desk, parts)
        self.turns = Turns()

    def connect(self, page: gr.Blocks) -> None:
        """Tie events to handlers; none of them is an endpoint of Gradio's API."""
        parts = self.parts
        # the gate is the queue: Gradio's own loses answers of events that follow each other fast
        # (its stream closes after one while the browser still counts on it for the next), and so
        # does its rule that the last event waits; here each is asked, and the last one is shown
        direct: dict[str, Any] = {
            "api_visibility": "private",
            "trigger_mode": "multiple",
            "queue": False,
        }
        quiet: dict[str, Any] = {**direct, "show_progress": "hidden"}
        picture: dict[str, Any] = {**quiet, "inputs": parts.asked, "outputs": parts.shown}
        parts.drop.picked(self.picked, **picture)
        parts.said.asked(self.pressed, **picture)
        for chosen in (parts.chosen, parts.method, parts.boxes):
            chosen.input(self.asked, **picture)
        for slow in (parts.threshold, parts.opacity):
            slow.change(self.asked, **picture)
        parts.model.input(self.other_model, **picture)
        parts.prompts.submit(self.other_words, **picture)
        parts.ask.click(self.other_words, **picture)
        page.load(
            self.load,
            [parts.address],
            parts.shown,
            js="() => [window.location.search]",
            **quiet,
        ).then(None, js="() => window.agcam.start()", **quiet)
        for event, is_open in (
            (parts.heads_panel.expand, True),
            (parts.heads_panel.collapse, False),
        ):
            event(lambda now=is_open: now, None, parts.heads_open, **quiet).then(
                self.asked, **picture
            )
        several = [*parts.asked, parts.several]
        parts.compare.click(self.compare, several, [parts.compared, parts.told], **direct)

    async def load(self, address: str, request: gr.Request) -> Outputs:
        """Bring back what a link holds."""
        start = State(next(iter(self.desk.models)))
        state = restored(str(address or ""), start, self.desk.models, examples())
        outputs = self.shown.controls(state)
        if state.example:
            outputs |= await self._lay_example(state, request)
        return outputs

    async def picked(
        self, event: gr.EventData, request: gr.Request, key: str, example: str, *fields: Any
    ) -> Outputs:
        """A new picture: ask about the predicted class."""
        data = event._data if isinstance(event._data, dict) else {}
        state = State.of("", *fields)
        if key:  # a class that came with a link is meant for the first picture
            state = replace(state, target=None)
        if data.get("error"):
            return {self.parts.told: panels.told(str(data["error"])[:500])}
        if data.get("example") in examples():
            return await self._lay_example(replace(state, example=data["example"]), request)
        return await self._show(str(data.get("picture", "")), state, request)

    async def pressed(
        self, event: gr.EventData, request: gr.Request, key: str, *fields: Any
    ) -> Outputs:
        """A class was pressed."""
        index = event._data.get("index") if isinstance(event._data, dict) else None
        state = State.of(*fields)
        target = index if isinstance(index, int) else state.target
        return await self._show(key, replace(state, target=target), request)

    async def asked(self, request: gr.Request, key: str, *fields: Any) -> Outputs:
        """Something about the same picture was changed."""
        return await self._show(key, State.of(*fields), request)

    async def other_model(self, request: gr.Request, key: str, *fields: Any) -> Outputs:
        """Another model knows other classes: ask about what it predicts."""
        state = replace(State.of(*fields), target=None)
        return {**self.shown.controls(state), **await self._show(key, state, request)}

    async def other_words(self, request: gr.Request, key: str, *fields: Any) -> Outputs:
        """Other descriptions: ask about the one that fits best."""
        return await self._show(key, replace(State.of(*fields), target=None), request)

    async def compare(self, request: gr.Request, key: str, *fields: Any) -> Outputs:
        """The same class by several methods, side by side."""
        *known, several = fields
        state = State.of(*known)
        names = [name for name in dict.fromkeys(several or []) if name in OFFERED]
        if not names:
            return {self.parts.compared: panels.told("Tick the methods to compare.")}

        def work() -> Slices[str]:
            place, made = (self._visitor(request), key), []
            for name in names:
                made.append(self._by(place, replace(state, method=name)))
                yield nothing
            return panels.compared(made, state.look)

        passes = sum(self.desk.cost(self._question(replace(state, method=n))) for n in names)
        try:
            self.gate.admit(passes, "tick fewer methods")
            return {self.parts.compared: await self.gate.run(work, passes)}
        except AgcamError as error:
            return {self.parts.compared: panels.told(str(error))}

    def _by(self, place: tuple[str, str], state: State) -> Explanation | tuple[str, str]:
        self.desk.sitting(place)  # a picture that is gone is told once, not for each method
        try:
            return self.desk.explain(place, self._question(state))
        except AgcamError as error:
            return state.method, str(error)

    async def _lay_example(self, state: State, request: gr.Request) -> Outputs:
        example, visitor = examples()[state.example], self._visitor(request)
        try:
            key = await self.gate.call(lambda: self.desk.lay(visitor, example.data, example.name))
        except AgcamError as error:
            return {self.parts.told: panels.told(str(error))}
        return await self._show(key, state, request)

    async def _show(self, key: str, state: State, request: gr.Request) -> Outputs:
        """Ask the desk, and show the answer or what went wrong in words."""
        if not key:
            return {self.parts.told: ""}  # nothing to show yet
        place = (self._visitor(request), key)
        page = request.session_hash or ""
        turn = self.turns.take(page)
        overtaken: Outputs = {self.parts.told: gr.skip()}

        def work() -> Outputs:
            return (
                overtaken if self.turns.overtaken(page, turn) else self.shown.answer(place, state)
            )

        try:
            answer = await self.gate.call(work, self.desk.cost(self._question(state)))
        except AgcamError as error:
            answer = {self.parts.told: panels.told(str(error))}
        return overtaken if self.turns.overtaken(page, turn) else answer

    def _question(self, state: State) -> Question:
        return state.question(self.desk.models[state.model])

    def _visitor(self, request: gr.Request) -> str:
        return visitor_of(request.headers.get("cookie", "")) or ""
