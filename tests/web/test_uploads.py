"""The uploads, its cache and its gate: no page, no protocol."""

import gc
import threading
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from web_models import NAMES, models, named, select, words
from web_pictures import picture, png

import agcam
from agcam.errors import PictureError, TargetError, UnknownNameError
from agcam.web import Limits
from agcam.web.cache import UploadCache
from agcam.web.offered import OFFERED
from agcam.web.uploads import Uploads

LIMITS = Limits(upload_bytes=100_000, pixels=50_000, kept_pictures=3, kept_seconds=60)


@pytest.fixture
def uploads():
    return Uploads(models(), LIMITS)


def uploaded(uploads, seed=0, visitor="me"):
    return visitor, uploads.add(visitor, png(seed), "cat.png")


@pytest.mark.parametrize("method", OFFERED)
def test_uploads_are_explained_as_by_explain(uploads, method):
    key = uploaded(uploads)
    model = uploads.models["tiny"]
    for target in (3, 0, 3):
        whole = uploads.explain_original(key, select("tiny", method, target))
        expected = agcam.explain(model, [picture(0)], [[target]], method)
        torch.testing.assert_close(whole.grid_map, expected.grid_map)
        torch.testing.assert_close(whole.logits, expected.logits)
        assert whole.frames == expected.frames
        assert whole.manifest() == {**expected.manifest(), "source": "cat.png"}
        assert whole.overlay().tobytes() == expected.overlay().tobytes()


def test_sharper_uploads_are_explained_as_by_explain(uploads):
    """The heads are those of the picture itself, whatever the views; the price is that of all."""
    key, model = uploaded(uploads), uploads.models["tiny"]
    plain, sharp = (select("tiny", "agcam", 3, (), views > 1, views) for views in (1, 2))
    assert uploads.cost(sharp) >= 2 * uploads.cost(plain)
    for selection in (plain, sharp, plain):
        made = uploads.explain_original(key, selection)
        options = {"refine": selection.refine, "views": selection.views}
        expected = agcam.explain(model, [picture(0)], 3, "agcam", **options)
        torch.testing.assert_close(made.grid_map, expected.grid_map)
        np.testing.assert_allclose(made.pixel_map[0], expected.pixel_map[0], atol=1e-6)
        assert made.manifest() == {**expected.manifest(), "source": "cat.png"}
    heads = [uploads.heads(key, selection)[1] for selection in (plain, sharp)]
    np.testing.assert_allclose(*heads, atol=1e-6)
    with pytest.raises(PictureError, match="views is 1, 2, 4, 5, 8 or 9"):
        uploads.cost(select("tiny", views=3))


def test_one_recording_serves_every_class(uploads):
    passes = []
    module = uploads.models["tiny"].module
    handle = module.register_forward_hook(lambda *_: passes.append(1))
    key = uploaded(uploads)
    uploads.explain(key, select("tiny", "agcam"))
    first = len(passes)
    for target in range(10):
        uploads.explain(key, select("tiny", "agcam", target))
        uploads.heads(key, select("tiny", "agcam", target))
    handle.remove()
    assert first > 0
    assert len(passes) == first  # not one more pass, not even of the class token alone


def test_one_recording_serves_every_light_method(uploads):
    passes = []
    handle = uploads.models["tiny"].module.register_forward_hook(lambda *_: passes.append(1))
    key = uploaded(uploads)
    uploads.explain(key, select("tiny", "agcam"))
    known = len(passes)
    light = [name for name, row in OFFERED.items() if row.needs.light]
    assert {"agcam", "agcam_spread", "rollout"} <= set(light)
    for method in light:
        uploads.explain(key, select("tiny", method, 1))
    handle.remove()
    assert len(passes) == known


def test_after_the_first_answer_a_recording_is_small_and_serves_on(uploads):
    """Whole attentions go: another class by agcam needs no pass, by agcam_spread a recording."""
    key, selection = uploaded(uploads), select("tiny", "agcam")
    first = uploads.explain(key, selection, 3, uploads.shown_first("agcam"))
    kept = uploads.cache.get(key).recording
    assert kept.recording.calls == ()
    passes = []
    handle = uploads.models["tiny"].module.register_forward_hook(lambda *_: passes.append(1))
    ordinary = uploads.explain(key, select("tiny", "agcam", 7))
    assert passes == []
    spread = uploads.explain(key, select("tiny", "agcam_spread", 7))
    assert passes
    known = len(passes)
    uploads.explain(key, select("tiny", "agcam_spread", 8))
    handle.remove()
    assert len(passes) == known
    assert uploads.cache.get(key).recording.nbytes > kept.nbytes
    expected = agcam.explain(uploads.models["tiny"], [picture(0)], [[7]])
    for made in (ordinary, spread):
        torch.testing.assert_close(made.grid_map, expected.by(made.method).grid_map)
    assert [one.method for one in first.beside] == ["agcam_spread"]


def storages():
    """Bytes of every tensor that Python can reach, by its memory."""
    plain = (each for each in gc.get_objects() if type(each) is torch.Tensor)
    tensors = [each for each in plain if each.layout is torch.strided]  # other tests' sparse ones
    return {(one := each.untyped_storage()).data_ptr(): one.nbytes() for each in tensors}


@pytest.mark.parametrize("shared", [False, True])
def test_a_recording_weighs_what_it_keeps_alive(uploads, shared):
    """The cache bounds memory only if nothing is held that is not counted."""
    key, selection = uploaded(uploads), select("tiny", "agcam")
    other = uploaded(uploads, 1)
    uploads.explain(other, selection)  # surveys the model, whose layout stays
    gc.collect()
    before = storages()
    methods = uploads.shown_first("agcam") if shared else ()
    uploads.explain(key, selection, 2, methods)
    gc.collect()
    kept = sum(size for place, size in storages().items() if place not in before)
    counted = uploads.cache.get(key).recording.nbytes
    assert kept <= counted <= 1.5 * kept + 10_000  # autograd holds some that Python cannot reach


@pytest.mark.parametrize("method", OFFERED)
def test_graphs_of_whole_passes_are_not_entries(uploads, method):
    key = uploaded(uploads)
    uploads.explain(key, select("tiny", method))
    kept = uploads.cache.get(key)
    assert kept.recording.replay is not None  # a class token alone: a few rows
    assert {*kept.recording.session(OFFERED["agcam"])._sources} == {"replay"}
    assert kept.nbytes >= kept.recording.recording.pixels.nbytes + len(kept.data)


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
    uploads = Uploads({"pooled": pooled}, replace(LIMITS, kept_bytes=room))
    key = uploaded(uploads)
    maps = [uploads.explain_original(key, select("pooled", "agcam", t)).grid_map for t in (2, 3)]
    recorded = uploads.cache.get(key).recording
    assert (recorded.replay is not None) == (room == 1_000_000)
    if recorded.replay is not None:
        assert recorded.nbytes > 20 * 16 * 24 * 4  # at least twenty token streams
    expected = agcam.explain(pooled, [picture(0)], [[2, 3]])
    torch.testing.assert_close(torch.cat(maps, 1), expected.grid_map)


def test_heads_add_up_to_the_map(uploads):
    key = uploaded(uploads)
    target, maps = uploads.heads(key, select("tiny", list(OFFERED)[-1], 1))
    whole = uploads.explain(key, select("tiny", "agcam", 1))
    assert maps.shape == (2, 3, 4, 4)
    assert target == 1
    torch.testing.assert_close(torch.from_numpy(maps.sum((0, 1))), whole.grid_map[0, 0])


def test_prompts_take_the_place_of_classes(uploads):
    key = uploaded(uploads)
    prompts = ("a lynx", "a cup")
    found = uploads.explain(key, select("words", "agcam", 1, prompts))
    expected = agcam.explain(words(), [picture(0)], [list(prompts)])
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.grid_map[0, 0], expected.grid_map[0, 1])
    other = uploads.explain(key, select("words", "agcam", 0, ("an ox", "a cup")))
    assert other.class_names == ("an ox", "a cup")
    with pytest.raises(TargetError):
        uploads.explain(key, select("words", "agcam"))
    for bad in (("  ",), tuple(map(str, range(65))), ("x" * 301,)):
        with pytest.raises(ValidationError):
            select("words", "agcam", None, bad)


def test_only_what_is_allowed(uploads):
    key = uploaded(uploads)
    with pytest.raises(UnknownNameError, match="did you mean tiny"):
        uploads.explain(key, select("timy", "agcam"))
    with pytest.raises(UnknownNameError):
        uploads.explain(key, select("timm:vit_tiny_patch16_224", "agcam"))
    for number in (10, 10**30):
        with pytest.raises(TargetError, match="out of range"):
            uploads.explain(key, select("tiny", "agcam", number))
        with pytest.raises(TargetError, match="out of range"):
            uploads.heads(key, select("tiny", "agcam", number))
    with pytest.raises(PictureError, match="MB"):
        uploads.add("me", bytes(100_001), "x")
    with pytest.raises(PictureError, match="400 x 200 pixels"):
        uploads.add("me", png(0, (200, 400))[:90_000], "x")
    with pytest.raises(PictureError, match="empty"):
        uploads.add("me", b"", "x")


def test_a_picture_is_its_visitors_own(uploads):
    me, key = uploaded(uploads)
    uploads.explain((me, key), select("tiny", "agcam"))
    for stranger in ((me, "other"), ("you", key), ("", key), (me, "")):
        with pytest.raises(PictureError, match="no longer in memory"):
            uploads.explain(stranger, select("tiny", "agcam"))


def test_many_threads_get_their_own_answers(uploads):
    keys = [uploaded(uploads, seed, f"visitor {seed}") for seed in range(6)]
    answers = {}

    def request(seed):
        for target in range(4):
            made = uploads.explain_original(keys[seed], select("tiny", "agcam", target))
            answers[seed, target] = made.grid_map

    threads = [threading.Thread(target=request, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (seed, target), made in answers.items():
        single = agcam.explain(uploads.models["tiny"], [picture(seed)], [[target]])
        torch.testing.assert_close(made, single.grid_map)
    assert len(answers) == 24


def test_the_demo_on_a_photograph():
    from agcam.web.examples import examples

    try:
        model = agcam.load("demo")
    except agcam.LoadError as error:
        pytest.skip(f"the demo's weights are not at hand: {error}")
    uploads = Uploads({"demo": model})
    example = examples()["coffee"]
    key = "me", uploads.add("me", example, "coffee")
    names = model.class_names
    for name in ("cup", "espresso"):
        made = uploads.explain(key, select("demo", "agcam", names.index(name)))
        assert made.predictions()[0][0] in {"cup", "espresso"}
        values = np.asarray(made.pixel_map[0][0])
        height, width = values.shape
        cup = values[int(0.05 * height) : int(0.6 * height), int(0.3 * width) : int(0.72 * width)]
        assert cup.mean() > np.nanmean(values)


class Value:
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
    cache = UploadCache(limits, clock=lambda: now[0])
    used = {}
    for what, visitor, name, amount in steps:
        key = visitor, name
        if what == "put":
            value = Value(amount)
            cache.put(key, value)
            used[key] = now[0], value
            assert cache.get(key) is value  # what was just put is never the one to go
        elif what == "get":
            found = cache.get(key)
            if found is not None:
                assert found is used[key][1]
                assert now[0] - used[key][0] <= 50
                used[key] = now[0], found
        else:
            now[0] += amount
            cache.sweep()
        assert cache.nbytes <= 100
        kept = [key for key in used if key in cache._entries]
        assert all(sum(key[0] == each for key in kept) <= 2 for each in "abc")
        assert all(now[0] - used[key][0] <= 50 for key in kept)


def test_the_least_recently_used_goes_first():
    cache = UploadCache(Limits(kept_bytes=30, kept_pictures=9))
    for name in "123":
        cache.put(("a", name), Value(10))
    assert cache.get(("a", "1"))
    cache.put(("a", "4"), Value(10))
    assert cache.get(("a", "2")) is None
    assert cache.get(("a", "1"))
    cache.put(("a", "2"), Value(10), only_in_place=True)  # a late answer brings nothing back
    assert cache.get(("a", "2")) is None


def test_what_was_dropped_meanwhile_is_never_brought_back():
    """Whenever the lock is free somebody else may come; here somebody does, and drops it."""
    cache = UploadCache(Limits())
    key = ("a", "1")
    cache.put(key, Value(1))
    real = cache._lock

    class Crowded:
        def __enter__(self):
            real.acquire()

        def __exit__(self, *_):
            cache._entries.pop(key, None)
            real.release()

    cache._lock = Crowded()
    cache.put(key, Value(2), only_in_place=True)
    assert key not in cache._entries
