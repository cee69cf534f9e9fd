"""From a target to a classifier that gives it: prompts encoded, functions as further columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from jaxtyping import Float, Int
from torch import Tensor

from ..errors import TargetError
from ..families import Inputs, NoClassifier, NoLogitsError, inspect_output, with_output
from ..targets import Function, Item, Targets, parse
from ..tracing import evaluation_mode
from ..values import Classifier
from .columns import function_of, of_embeddings, with_columns
from .run import class_names, to_model

BATCH_SIZE: Final = 8  # pictures in one pass


@dataclass(frozen=True)
class BoundTarget:
    """A target bound to a classifier and its pictures.

    `base` is the classifier without the target. The `items` that are not classes are computed by
    `functions`. They are functions of all that the module returns if `of_output` is set: it has no
    logits, or they are not what is explained.
    """

    base: Classifier
    targets: Targets
    items: tuple[Item, ...] = ()
    functions: tuple[Function, ...] = ()
    of_output: bool = False
    inputs: Inputs | None = None

    def classifier(self, picture: int = 0) -> Classifier:
        """The classifier for the pictures from this one on; with inputs, only for this one."""
        one = self.base if self.inputs is None else self.inputs.bind(self.base, picture)
        return with_columns(one, self.functions, self.of_output) if self.functions else one

    def described(self) -> Classifier:
        """The base with the names of the functions, for whoever names the answers."""
        names = () if self.of_output else self.base.class_names
        scalars = tuple(one.scalar for one in self.functions)
        return replace(self.base, scalars=scalars, class_names=names)

    def columns(
        self, logits: Float[Tensor, "batch class"], first: int = 0
    ) -> Int[Tensor, "batch target"]:
        """The columns of the targets of the pictures from `first` on. Raises TargetError."""
        some = self.targets.part(slice(first, first + len(logits)))
        names = () if self.of_output else class_names(self.base, logits.shape[-1])
        return some.columns(logits, names, self.items).to(logits.device)

    @cached_property
    def apart(self) -> tuple[BoundTarget, ...]:
        """One bound target for each function of the whole output: each may read other tokens."""
        return tuple(
            replace(
                self,
                base=replace(self.base, variant=object()),
                targets=replace(self.targets, rows=((item,),) * len(self.targets.rows)),
                items=(item,),
                functions=(function,),
            )
            for item, function in zip(self.items, self.functions, strict=True)
        )


def bind(
    classifier: Classifier,
    pixels: Float[Tensor, "batch axis *axes"],
    target: Any,
    inputs: Any = None,
    batch_size: int = BATCH_SIZE,
) -> BoundTarget:
    """Bind a target, as `explain` takes it, to a classifier and its prepared pictures.

    A CLIP-like classifier without classes takes them from the prompts in the target. Functions and
    similarities become columns behind the logits; they are the only columns if the model gives no
    logits, or if a CLIP-like one is explained by its image embedding.

    Raises:
        TargetError: The target does not fit the model or the pictures.
        ModelError: The output holds no logits, or `inputs` do not fit.
    """
    targets = parse(target, len(pixels))
    if classifier.with_prompts and not classifier.class_names and not targets.without_classes:
        named = classifier.with_prompts(targets.prompts)
        classifier = replace(named, scores=classifier.scores)
    try:
        classifier, further = find_logits(classifier, pixels, inputs, batch_size)
    except NoLogitsError:
        if not targets.without_classes or classifier.output is None:
            raise
        headless = replace(classifier, predict=NoClassifier(classifier.name, "it gives no logits"))
        classifier, further = find_logits(headless, pixels, inputs, batch_size)
    items = targets.functions(classifier.class_names)
    if not items:
        return BoundTarget(classifier, targets, inputs=further)
    of_output = isinstance(classifier.predict, NoClassifier) or of_embeddings(classifier, items)
    if of_output and not targets.without_classes:
        raise TargetError(
            f"this target of {classifier.name} is a function of its output, which has no classes: "
            "explain classes in another call."
        )
    functions = tuple(function_of(classifier, one, of_output) for one in items)
    return BoundTarget(classifier, targets, items, functions, of_output, further)


def find_logits(
    classifier: Classifier, pixels: Tensor, inputs: Any = None, batch_size: int = BATCH_SIZE
) -> tuple[Classifier, Inputs | None]:
    """The classifier as its first output shows it to be, and what goes with each picture.

    Raises:
        ModelError: The output holds no logits, or `inputs` do not fit the pictures.
    """
    further = Inputs.of(classifier, inputs, len(pixels))
    with evaluation_mode(classifier.module):
        if further is None:
            return inspect_output(classifier, to_model(classifier, pixels[:1])), None
        first = to_model(classifier, pixels[:batch_size])
        found = inspect_output(further.bind(classifier, 0), first)
        assert classifier.output is not None, "else the inputs had been refused"
        found = with_output(found, classifier.output)
        further.prove(found, first)
    return replace(found, notes=(*found.notes, further.note())), further
