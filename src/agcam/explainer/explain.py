"""Explain pictures at once, from a recording made before, or slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..binding import BATCH_SIZE, BoundTarget, bind, class_names, to_model
from ..explanation import Explanation
from ..families import load
from ..images import Prepared, prepare_inputs
from ..methods import named
from ..targets import parse
from ..tracing import Session, Tracer, evaluation_mode, restoring, trace
from ..values import Classifier, Method, split
from .assembly import assemble
from .blocks import check_blocks
from .passes import Maps, PassCounter, Progress, Run, found_by, join, maps_of
from .views import ONE, Views, check_medium, checked_batch, checked_switches, views_of


@restoring
def explain(
    model: object,
    pictures: Any,
    target: Any = None,
    method: str | Sequence[str] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    tracer: Tracer | None = None,
    progress: Progress | None = None,
    preparation: Any = None,
    inputs: Any = None,
    options: Mapping[str, Any] | None = None,
    refine: bool = False,
    views: int = 1,
    blocks: bool = False,
) -> Explanation:
    """Explain what an image classifier saw, for any class; the model is left as it was.

    Args:
        model: A module, a Hugging Face pipeline, a name ("timm:vit_base_patch16_224") or what
            `agcam.load` gave.
        pictures: A path, a PIL image, an array (height, width, 3), a list of these, or a prepared
            tensor (batch, channel, height, width), which is used as it is.
        target: What is explained. None is the prediction; else a class number, a name, "not NAME"
            (the other side of a class), `Top(k)`, a text prompt for CLIP-like models, a list (one
            target a picture) or a list of lists (several per picture). A function of the model's
            output for one picture (its logits, or all that it gives if it has none) is a target
            too: a callable, `Target` to name it, `Against` (a class against another) or
            `Similarity` (to another picture); a list of those is several targets per picture.
        method: A name in `METHODS`, or several, whose maps come from one recording. The explanation
            is the first one's; the others, or what refused them, are in its `beside` and `refused`.
            None is `agcam`, and beside it `agcam_spread` of classifiers that read a class token,
            `agcam_evidence` of those that read their patches, or windows.
        batch_size: The most pictures that the model is given at once, also by methods that run it
            on many variants of a picture.
        tracer: The way to the gradients: "full" is full autograd instead of the replay, "replay"
            refuses models that need the former; other methods have one way each. None chooses.
        progress: Called as `progress(done, total)`, in pictures that the model has run on, after
            each pass of a method that needs many.
        preparation: How pictures are prepared, as in `agcam.load`.
        inputs: What the model's `forward` takes beside the picture, a dict by name or a tuple by
            position. Tensors with one row per picture go with their pictures, all else is given
            whole.
        options: Other values of the method's options, such as {"masks": 4000} for RISE; they are
            in `METHODS[method].options`. Of several methods: {"rise": {"masks": 4000}}.
        refine: Lay maps on pixels on the picture's own edges (guided filter); `grid_map` stays raw.
        views: Average the maps of so many views of each picture, shifted by parts of a patch (2,
            4, 9), cropped (5) or both (8); 1 is the picture as it is. The model runs on all of
            them, and once more on one picture.
        blocks: Keep what each block and head added to the maps of `agcam`, in `block_maps`.

    Returns:
        The explanation of all pictures. Its maps are proved.

    Raises:
        AgcamError: Nothing can be explained, or proved; the message names the fix.
    """
    rows = named(method, options)
    refine, views = checked_switches(refine, views, inputs)
    check_blocks(blocks, rows, views)
    loaded = load(model, preparation=preparation)
    prepared = prepare_inputs(loaded, pictures)
    return explain_prepared(
        loaded,
        prepared,
        target,
        rows,
        batch_size=batch_size,
        tracer=tracer,
        progress=progress,
        inputs=inputs,
        refine=refine,
        views=views,
        blocks=blocks,
    )


@restoring
def explain_prepared(
    classifier: Classifier,
    prepared: Prepared,
    target: Any,
    methods: tuple[Method, ...],
    *,
    batch_size: int = BATCH_SIZE,
    tracer: Tracer | None = None,
    progress: Progress | None = None,
    inputs: Any = None,
    refine: bool = False,
    views: int = 1,
    blocks: bool = False,
) -> Explanation:
    """What `explain` does once everything is loaded and the pictures are prepared."""
    batch_size = checked_batch(batch_size)
    classifier = replace(classifier, medium=prepared.medium)
    check_medium(prepared.medium, refine, views)
    bound = bind(classifier, prepared.pixels, target, inputs, batch_size)
    counter = PassCounter(progress)
    run = Run(bound, prepared.pixels, methods, tracer, batch_size, counter, views, blocks)
    return assemble(bound.described(), methods, prepared, run.maps(), refine)


def explain_recording(
    classifier: Classifier,
    session: Session,
    prepared: Prepared,
    target: Any,
    methods: tuple[Method, ...],
    *,
    refine: bool = False,
    views: Views = ONE,
) -> Explanation:
    """Explain pictures from a recording made before; call inside `evaluation_mode`.

    `session` is of all views of all of `prepared`; `target` is as in `explain`, but no function.
    For those who keep a recording because more targets will be requested.
    """
    logits, _ = split(classifier, session.recording.logits[: len(prepared.pixels)])
    names = class_names(classifier, logits.shape[-1])
    columns = parse(target, len(logits)).columns(logits, names).to(logits.device)
    found = found_by(
        methods,
        session,
        lambda session, method: maps_of(classifier, session, columns, method, views),
    )
    return assemble(classifier, methods, prepared, found, refine)


def explain_in_slices(
    bound: BoundTarget,
    prepared: Prepared,
    method: Method,
    targets_each: int,
    *,
    refine: bool = False,
    views: int = 1,
) -> Generator[Callable[[], None], None, Explanation]:
    """Explain prepared pictures as `explain` does, some targets at a time.

    Each step gives, between two slices of the work, a function that frees the session, so that
    others may use the model meanwhile; a new one is made when it is needed. Returns the
    Explanation.
    """
    classifier, held, done = bound.classifier(), list[Session](), list[Maps]()
    slices: tuple[torch.Tensor, ...] | None = None
    while slices is None or len(done) < len(slices):
        with evaluation_mode(classifier.module):
            if not held:
                ready = to_model(classifier, prepared.pixels)
                every = views_of(views, classifier, ready)
                held.append(trace(classifier, every.of_pictures(ready), [method]))
            if slices is None:
                logits, _ = split(classifier, held[0].recording.logits[: len(ready)])
                slices = torch.split(bound.columns(logits), targets_each, dim=1)
            done.append(maps_of(classifier, held[0], slices[len(done)], method, every))
        yield held.clear
    return assemble(classifier, (method,), prepared, {method.name: join(done, dim=1)}, refine)
