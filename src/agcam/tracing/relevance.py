"""What rules carry back along a tape, from the target logit to every attention and token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from ..values import Account, Classifier, GraphBlock, GraphTrace, Recording, precise
from ..values.needs import RELEVANCE
from ..values.needs import Tape as TapeNeeds
from .grid_tape import GridTape
from .picture_tape import PictureTape
from .prove import prove_logits
from .residual import rules_of
from .rules import GRADIENT
from .walk import Rules, Walk


class Tapes:
    """What the model computes from the tokens on, on a tape for each picture.

    Rules take totals over a picture, and no layout of a batch is known inside a model: so each
    picture has a tape of its own. Memory grows with tokens squared.
    """

    name: Final = "tape"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.classifier, self.recording = classifier, recording
        kind = GridTape if recording.layout.places else PictureTape
        self.tapes = [kind(classifier, recording.layout, one[None]) for one in recording.pixels]
        prove_logits(classifier.name, recording, torch.cat([one.logits for one in self.tapes]))

    def by_rules(self, needs: TapeNeeds, target: Tensor) -> GraphTrace:
        """Trace one target class per picture, `target` (batch,), by the rules that are needed."""
        rules = rules_of(needs)
        if rules.residual:
            for one in self.tapes:
                one.find_residual_sums()
        if needs.rules in RELEVANCE:
            walks = self._walks(rules, target, lambda one: [*one.attention, one.tokens[0]])
            relevance = self._side_by_side([each.signals[:-1] for each in walks])
            trace = self._trace(GRADIENT, target, tuple(relevance))
            shares = trace.reads.new_ones(len(walks), dtype=torch.float64)
            return replace(trace, account=_account(walks, shares))
        return self._trace(rules, target, ())

    def _trace(self, rules: Rules, target: Tensor, relevance: tuple[Tensor, ...]) -> GraphTrace:
        first, recording = self.tapes[0], self.recording
        walks = self._walks(rules, target, lambda one: [*one.attention, *one.tokens])
        found = [[one.tape.values[n] for n in (*one.attention, *one.tokens)] for one in self.tapes]
        values, signals = (
            self._side_by_side(each) for each in (found, [each.signals for each in walks])
        )
        count = len(first.attention)
        blocks = tuple(
            GraphBlock(
                values[index],
                signals[index],
                *(side[count + inside] for side in (values, signals)),
            )
            for index, inside in enumerate(first.inside)
        )
        account = _account(walks, self._logits(target))
        places = recording.layout.places
        return GraphTrace(blocks, recording.reads(), recording.grid, relevance, account, places)

    def _walks(
        self, rules: Rules, target: Tensor, wanted: Callable[[PictureTape], list[int]]
    ) -> list[Walk]:
        pairs = zip(self.tapes, target, strict=True)
        return [one.walk(rules, chosen, wanted(one)) for one, chosen in pairs]

    def _logits(self, target: Tensor) -> Tensor:
        logits = self.recording.logits
        return precise(logits.gather(1, target.to(logits.device)[:, None])[:, 0])

    def _side_by_side(self, pictures: Sequence[Sequence[Tensor]]) -> list[Any]:
        """Tensors of each picture as batches: of every attention, then, if there, of the tokens."""
        count, places = len(self.tapes[0].attention), self.recording.layout.places
        found: list[Any] = []
        for number, parts in enumerate(zip(*pictures, strict=True)):
            if number >= count:
                pairs = zip(self.tapes, parts, strict=True)
                found.append(torch.cat([one.as_tokens(part) for one, part in pairs]))
            else:
                together = torch.cat(parts)
                found.append(places[number].as_batch(together) if places else together)
        return found


def _account(walks: Sequence[Walk], logit: Tensor) -> Account:
    """Where the logit went; of rules of relevance, which carry shares of it, `logit` is 1."""
    return Account(
        logit,
        logit.new_tensor([each.biases for each in walks]),
        logit.new_tensor([sum(each.errors.values()) for each in walks]),
        tuple(
            max(each.errors, key=lambda name: abs(each.errors[name]), default="") for each in walks
        ),
    )
