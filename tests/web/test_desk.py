"""The desk, its store and its gate: no page, no protocol."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from web_models import NAMES, models, named, words
from web_pictures import picture, png

import agcam
from agcam.errors import PictureError, TargetError, UnknownNameError
from agcam.values import AttentionTrace, GridTrace, ReadTrace
from agcam.web import Limits
from agcam.web.desk import Desk
from agcam.web.offered import OFFERED
from agcam.web.panels import boxes_of
from agcam.web.reading import Question
from agcam.web.store import Store
from agcam.web.turns import Turns

LIMITS = Limits(upload_bytes=100_000, pixels=50_000, kept_pictures=3, kept_seconds=60)


@pytest.fixture
def desk():
    return Desk(models(), LIMITS)


def laid(desk, seed=0, visitor="me"):
    return visitor, desk.lay(visitor, png(seed), "cat.png")


@pytest.mark.parametrize("method", OFFERED)
def test_the_desk_answers_what_explain_does(desk, method):
    key = laid(desk)
    model = desk.models["tiny"]
    for target in (3, 0, 3):
        whole = desk.explain_whole(key, Question("tiny", method, target))
        asked = agcam.explain(model, [picture(0)], [[target]], method)
        torch.testing.assert_close(whole.grid_map, asked.grid_map)
        torch.testing.assert_close(whole.logits, asked.logits)
        assert whole.frames == asked.frames
        assert whole.manifest() == {**asked.manifest(), "source": "cat.png"}
        assert whole.overlay().tobytes() == asked.overlay().tobytes()


def test_one_recording_serves_every_class(desk):
    passes = []
    module = desk.models["tiny"].module
    handle = module.register_forward_hook(lambda *_: passes.append(1))
    key = laid(desk)
    desk.explain(key, Question("tiny", "agcam"))
    first = len(passes)
    for target in range(10):
        desk.explain(key, Question("tiny", "agcam", target))
        desk.heads(key, Question("tiny", "agcam", target))
    handle.remove()
    assert first > 0
    assert len(passes) == first  # not one more pass, not even of the class token alone


def test_a_method_that_needs_more_records_more_once(desk):
    passes = []
    handle = desk.models["tiny"].module.register_forward_hook(lambda *_: passes.append(1))
    key = laid(desk)
    desk.explain(key, Question("tiny", "agcam"))
    whole = [name for name, row in OFFERED.items() if row.needs is AttentionTrace]
    light = [name for name, row in OFFERED.items() if row.needs in (ReadTrace, GridTrace)]
    desk.explain(key, Question("tiny", whole[0]))
    known = len(passes)
    for method in (*light, *whole, *light):
        desk.explain(key, Question("tiny", method, 1))
    handle.remove()
    # agcam's replay of the new recording, and never again
    assert len(passes) - known <= 1


@pytest.mark.parametrize("method", OFFERED)
def test_graphs_of_whole_passes_are_not_kept(desk, method):
    key = laid(desk)
    desk.explain(key, Question("tiny", method))
    kept = desk.store.get(key)
    assert kept.reading.kept is not None  # a class token alone: a few rows
    whole = {kind.__name__ for kind in kept.reading.kept._asked}
    assert whole <= {"ReadTrace"}
    assert kept.nbytes >= kept.reading.recording.pixels.nbytes + len(kept.data)


@pytest.mark.parametrize("room", [1_000_000, 100_000])
def test_a_large_graph_is_weighed_and_kept_only_where_there_is_room(room):
    """Where every token is read, the replay is as large as a pass."""
    torch.manual_seed(0)
    module = timm.models.VisionTransformer(
        img_size=32,
        patch_size=8,
        embed_dim=24,
        depth=2,
        num_heads=3,
        num_classes=10,
        class_token=False,
        global_pool="avg",
    ).eval()
    pooled = replace(named("pooled", 0, NAMES), module=module, predict=module)
    desk = Desk({"pooled": pooled}, replace(LIMITS, kept_bytes=room))
    key = laid(desk)
    maps = [desk.explain_whole(key, Question("pooled", "agcam", t)).grid_map for t in (2, 3)]
    reading = desk.store.get(key).reading
    assert (reading.kept is not None) == (room == 1_000_000)
    if reading.kept is not None:
        assert reading.nbytes > 20 * 16 * 24 * 4  # at least twenty token streams
    asked = agcam.explain(pooled, [picture(0)], [[2, 3]])
    torch.testing.assert_close(torch.cat(maps, 1), asked.grid_map)


def test_heads_add_up_to_the_map(desk):
    key = laid(desk)
    maps, name = desk.heads(key, Question("tiny", list(OFFERED)[-1], 1))
    whole = desk.explain(key, Question("tiny", "agcam", 1))
    assert maps.shape == (2, 3, 4, 4)
    assert name == "tiger"
    torch.testing.assert_close(maps.sum((0, 1)), whole.grid_map[0, 0])


def test_prompts_take_the_place_of_classes(desk):
    key = laid(desk)
    prompts = ("a lynx", "a cup")
    said = desk.explain(key, Question("words", "agcam", 1, prompts))
    asked = agcam.explain(words(), [picture(0)], [list(prompts)])
    torch.testing.assert_close(said.logits, asked.logits)
    torch.testing.assert_close(said.grid_map[0, 0], asked.grid_map[0, 1])
    other = desk.explain(key, Question("words", "agcam", 0, ("an ox", "a cup")))
    assert other.class_names == ("an ox", "a cup")
    for bad in ((), ("  ",), tuple(map(str, range(65))), ("x" * 301,)):
        with pytest.raises(TargetError):
            desk.explain(key, Question("words", "agcam", None, bad))


def test_only_what_is_allowed(desk):
    key = laid(desk)
    with pytest.raises(UnknownNameError, match="did you mean tiny"):
        desk.explain(key, Question("timy", "agcam"))
    with pytest.raises(UnknownNameError):
        desk.explain(key, Question("timm:vit_tiny_patch16_224", "agcam"))
    with pytest.raises(TargetError, match="out of range"):
        desk.explain(key, Question("tiny", "agcam", 10))
    with pytest.raises(PictureError, match="MB"):
        desk.lay("me", bytes(100_001), "x")
    with pytest.raises(PictureError, match="400 x 200 pixels"):
        desk.lay("me", png(0, (200, 400))[:90_000], "x")
    with pytest.raises(PictureError, match="empty"):
        desk.lay("me", b"", "x")


def test_a_picture_is_its_visitors_own(desk):
    me, key = laid(desk)
    desk.explain((me, key), Question("tiny", "agcam"))
    for stranger in ((me, "other"), ("you", key), ("", key), (me, "")):
        with pytest.raises(PictureError, match="no longer in memory"):
            desk.explain(stranger, Question("tiny", "agcam"))


def test_many_threads_get_their_own_answers(desk):
    keys = [laid(desk, seed, f"visitor {seed}") for seed in range(6)]
    answers = {}

    def ask(seed):
        for target in range(4):
            made = desk.explain_whole(keys[seed], Question("tiny", "agcam", target))
            answers[seed, target] = made.grid_map

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (seed, target), made in answers.items():
        alone = agcam.explain(desk.models["tiny"], [picture(seed)], [[target]])
        torch.testing.assert_close(made, alone.grid_map)
    assert len(answers) == 24


def test_the_demo_on_a_photograph():
    from agcam.web.examples import examples

    try:
        model = agcam.load("demo")
    except agcam.LoadError as error:
        pytest.skip(f"the demo's weights are not at hand: {error}")
    desk = Desk({"demo": model})
    example = examples()["coffee"]
    key = "me", desk.lay("me", example.data, example.name)
    names = model.class_names
    for name in ("cup", "espresso"):
        made = desk.explain(key, Question("demo", "agcam", names.index(name)))
        assert made.predictions()[0][0] in {"cup", "espresso"}
        values = np.asarray(made.pixel_map[0][0])
        height, width = values.shape
        cup = values[int(0.05 * height) : int(0.6 * height), int(0.3 * width) : int(0.72 * width)]
        assert cup.mean() > np.nanmean(values)


class Thing:
    def __init__(self, nbytes):
        self.nbytes = nbytes


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "wait"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from("12345"),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_store_stays_within_its_bounds(steps):
    now = [0.0]
    limits = Limits(kept_bytes=100, kept_pictures=2, kept_seconds=50)
    store = Store(limits, clock=lambda: now[0])
    used = {}
    for what, visitor, name, amount in steps:
        key = visitor, name
        if what == "put":
            thing = Thing(amount)
            store.put(key, thing)
            used[key] = now[0], thing
            assert store.get(key) is thing  # what was just put is never the one to go
        elif what == "get":
            found = store.get(key)
            if found is not None:
                assert found is used[key][1]
                assert now[0] - used[key][0] <= 50
                used[key] = now[0], found
        else:
            now[0] += amount
            store.sweep()
        assert store.nbytes <= 100
        kept = [key for key in used if key in store._kept]
        assert all(sum(key[0] == each for key in kept) <= 2 for each in "abc")
        assert all(now[0] - used[key][0] <= 50 for key in kept)


def test_the_least_recently_used_goes_first():
    store = Store(Limits(kept_bytes=30, kept_pictures=9))
    for name in "123":
        store.put(("a", name), Thing(10))
    assert store.get(("a", "1"))
    store.put(("a", "4"), Thing(10))
    assert store.get(("a", "2")) is None
    assert store.get(("a", "1"))
    store.replace(("a", "2"), Thing(10))  # it was dropped: a late answer does not bring it back
    assert store.get(("a", "2")) is None


def test_what_was_dropped_meanwhile_is_never_brought_back():
    """Whenever the lock is free somebody else may come; here somebody does, and drops it."""
    store = Store(Limits())
    key = ("a", "1")
    store.put(key, Thing(1))
    real = store._lock

    class Crowded:
        def __enter__(self):
            real.acquire()

        def __exit__(self, *_):
            store._kept.pop(key, None)
            real.release()

    store._lock = Crowded()
    store.replace(key, Thing(2))
    assert key not in store._kept


def test_an_older_question_is_overtaken_and_old_pages_are_forgotten():
    turns = Turns(pages=2)
    first = turns.take("a")
    assert not turns.overtaken("a", first)
    second = turns.take("a")
    assert turns.overtaken("a", first)
    assert not turns.overtaken("a", second)
    other = turns.take("b")
    turns.take("c")  # "a" is forgotten: its answers are shown
    assert not turns.overtaken("a", first)
    assert not turns.overtaken("b", other)


def test_boxes_are_the_protocols_on_what_the_model_saw(desk):
    """A map that is high in the upper left quarter alone: the box is found at 224 x 224."""
    explanation = desk.explain(laid(desk), Question("tiny", "agcam"))
    quarter = torch.zeros(1, 1, 4, 4)
    quarter[..., :2, :2] = 1.0
    left, top, right, bottom = explanation.frames[0].window
    assert left > 0  # the sides were cropped
    ((x0, y0, x1, y1),) = boxes_of(replace(explanation, grid_map=quarter), 0.5)
    assert (x0, y0) == (left, top)
    assert (x1 - left) / (right - left) == pytest.approx(112 / 224)
    assert (y1 - top) / (bottom - top) == pytest.approx(112 / 224)
