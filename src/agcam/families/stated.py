"""A classifier as its user states it: preparation, logits, scores, class names, device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, get_args

from ..errors import LoadError, ModelError
from ..transforms import transform_of
from ..values import Changes, Classifier, Preparation, Scores, Transform
from .classifier import NAMES_NOTE, ONE_LOGIT
from .heads import class_count
from .libraries import channels_of
from .outputs import NoClassifier, Predict
from .wrappers import unwrapped

NAME_FORMS: Final = (
    'class names are a list in the order of the outputs, id2label ({0: "cat", ...}), label2id '
    '({"cat": 0, ...}), or a data set\'s ClassLabel'
)


def with_preparation(
    classifier: Classifier,
    given: Preparation | Transform | Changes | Mapping[str, Any] | Callable[..., Any],
) -> Classifier:
    """The same classifier with another preparation, also after it was given prompts.

    Args:
        classifier: What is prepared for.
        given: A Preparation; what a user states of one (Changes, or a mapping of their names); a
            configuration by timm.data.resolve_data_config; or a program that runs as it is: a
            torchvision, timm or albumentations transform, an image processor, a function of a PIL
            picture.

    Raises:
        ModelError, PictureError: `given` is none of these, or does not work.

    """
    if isinstance(given, Mapping):
        given = _timm_transform(given) if "input_size" in given else Changes.of(given)
    if isinstance(given, Changes):
        known = classifier.preparation
        if isinstance(known, Transform):
            raise ModelError(f"{classifier.name} is prepared by a program; change the program.")
        preparation: Preparation | Transform = given.applied_to(
            known, channels_of(classifier.module)
        )
    elif isinstance(given, Preparation):
        preparation = given if given.source else replace(given, source="given by the user")
    else:
        preparation = given if isinstance(given, Transform) else transform_of(given)
    prompted = classifier.with_prompts
    return replace(
        classifier,
        preparation=preparation,
        with_prompts=prompted
        and (lambda prompts: with_preparation(prompted(prompts), preparation)),
    )


def _timm_transform(config: Mapping[str, Any]) -> Callable[..., Any]:
    """The transform of a configuration by timm.data.resolve_data_config, as timm makes it."""
    from timm.data import create_transform

    known = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    transform: Callable[..., Any] = create_transform(
        **{name: config[name] for name in known if name in config}
    )
    return transform


def with_logits(classifier: Classifier, where: Callable[[Any], Any]) -> Classifier:
    """The same classifier with its logits, (batch, class), where the user's function finds them."""
    if classifier.output is None:
        raise ModelError(f"{classifier.name} has no output in which logits could be named.")
    predict = Predict(classifier.output, classifier.name, where)
    headless = isinstance(classifier.predict, NoClassifier)
    return replace(classifier, predict=predict, scores="softmax" if headless else classifier.scores)


def with_scores(classifier: Classifier, name: str) -> Classifier:
    """The same classifier, its logits read as probabilities by `name`; raises LoadError."""
    known: tuple[Scores, ...] = get_args(Scores)
    scores = next((one for one in known if one == name), None)
    if scores is None:
        raise LoadError(f"scores is one of {', '.join(known)}, not {name!r}.")
    notes = tuple(note for note in classifier.notes if note != ONE_LOGIT)  # no longer so
    return replace(classifier, scores=scores, notes=notes)


def with_names(classifier: Classifier, classes: Any) -> Classifier:
    """The same classifier with class names in any form, or with prompts where it takes them.

    Raises:
        LoadError: `classes` are not class names.
        ModelError: They are not as many as the model has classes.

    """
    names = class_names(classes)
    if classifier.with_prompts is not None:
        return replace(classifier.with_prompts(list(names)), scores=classifier.scores)
    count = class_count(unwrapped(classifier.module)) if classifier.family != "module" else None
    if count is not None and isinstance(classifier.predict, Predict) and count != len(names):
        raise ModelError(
            f"{classifier.name} has {count} classes, but {len(names)} class names were given."
        )
    notes = tuple(note for note in classifier.notes if not note.startswith(NAMES_NOTE))
    return replace(classifier, class_names=names, notes=notes)


def class_names(classes: Any) -> tuple[str, ...]:
    """Names in the order of the outputs, from a list, id2label, label2id or a ClassLabel.

    Raises LoadError for other things, and for numbers that are not 0 to n - 1.
    """
    if isinstance(classes, Mapping):
        labels = [value for value in classes.values() if hasattr(value, "names")]
        if len(labels) == 1:  # the features of a Hugging Face data set
            return class_names(labels[0])
        return _numbered(classes)
    names = getattr(classes, "names", classes)
    if not isinstance(names, Sequence) or isinstance(names, str | bytes) or not names:
        raise LoadError(f"{NAME_FORMS}, not {classes!r:.80}.")
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise LoadError(f"a class name is a string, not {odd[0]!r:.80}; {NAME_FORMS}.")
    return tuple(names)


def on_device(classifier: Classifier, device: str | None) -> Classifier:
    """The classifier with its module moved to a device by torch's name; None: where it is.

    Raises:
        LoadError: There is no such device here.

    """
    if device is not None:
        try:
            classifier.module.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise LoadError(f"cannot use device {device!r}: {reason}") from error
    return classifier


def _numbered(classes: Mapping[Any, Any]) -> tuple[str, ...]:
    """A dictionary from number to name, or from name to number."""
    by_name = all(type(value) is int for value in classes.values())
    pairs = [(n, name) for name, n in classes.items()] if by_name else list(classes.items())
    try:
        table = {int(number): name for number, name in pairs}
    except (TypeError, ValueError):
        raise LoadError(f"{NAME_FORMS}, not {dict(classes)!r:.80}.") from None
    absent = [number for number in range(len(pairs)) if number not in table]
    if absent or not pairs:
        raise LoadError(
            f"{len(pairs)} class names have the numbers 0 to {len(pairs) - 1}, each once; "
            f"{absent[0] if absent else 'all'} has none."
        )
    return class_names([table[number] for number in range(len(table))])
