"""Parts of an audit on values made by hand: interventions, mistakes, verdicts, exports."""

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from agcam import SaveError
from agcam.auditing import mistakes
from agcam.auditing.editing import (
    elsewhere,
    erased,
    on_pixels,
    pasted,
    patch_set,
    same_everywhere,
    touching,
)
from agcam.auditing.exclusive import Exclusive
from agcam.auditing.exports import TABLES, coco
from agcam.auditing.findings import Findings
from agcam.auditing.interventions import passes, prove
from agcam.auditing.mark import Mark, spread
from agcam.auditing.mistakes import label_suspects, outliers, pairs
from agcam.auditing.result import Audit
from agcam.auditing.shards import _room
from agcam.auditing.summary import intervention_text, summary
from agcam.auditing.suspicion import _weighed
from agcam.auditing.trial import Trial
from agcam.auditing.truth import groups
from agcam.auditing.values import CAST, TOGETHER, Patches, Pictures, Reason, Suspicion
from agcam.auditing.verdicts import Verdict, matched, read_verdicts
from agcam.errors import RunError
from agcam.evaluation import Configuration
from agcam.values import Classifier, DataSet, Frame, Grid, Preparation, Sample, Truth

SIDE, CELLS = 32, 8
CORNER = (CELLS - 1) * CELLS  # the patch at the lower left
NAMES = ("ketch", "ferry")


def pictures_of(label, predicted, probability=None, maps=None, truth=None):
    count = len(label)
    maps = np.zeros((count, CELLS, CELLS), np.float32) if maps is None else maps
    shape = (count, CELLS, CELLS)
    return Pictures(
        number=np.arange(count, dtype=np.int32),
        label=np.array(label, np.int32),
        predicted=np.array(predicted, np.int32),
        probability=np.array(
            [[0.9, 0.9 if a == b else 0.1] for a, b in zip(label, predicted, strict=True)]
            if probability is None
            else probability,
            np.float32,
        ),
        predicted_map=maps,
        label_map=maps,
        truth=np.full(shape, np.nan, np.float32) if truth is None else truth,
        frame=np.array([[SIDE, SIDE, 0, 0, SIDE, SIDE]] * count, np.float32),
        tone=np.zeros((count, 6), np.float32),
    )


def patches_of(picture, target, place, features=None):
    count = len(picture)
    return Patches(
        picture=np.array(picture, np.int32),
        target=np.array(target, np.int32),
        place=np.array(place, np.int32),
        relevance=np.full(count, 0.5, np.float32),
        features=np.ones((count, 4), np.float16) if features is None else features,
        colours=np.zeros((count, 48), np.uint8),
    )


@pytest.fixture
def found():
    """Eight ketches, each with a bright corner, and eight ferries without; the corner decides."""

    def opened(sample):
        pixels = torch.zeros(3, SIDE, SIDE)
        if sample.label == 0:
            pixels[:, -4:, :4] = 1
        return pixels, Frame.whole(SIDE, SIDE)

    def predict(pixels):
        corner = pixels[:, :, -4:, :4].mean((1, 2, 3))
        return torch.stack([corner, 1 - corner], 1) * 8

    label = [0] * 8 + [1] * 8
    samples = tuple(Sample(f"{n:02}.png", "", one) for n, one in enumerate(label))
    preparation = Preparation((SIDE, SIDE), (0.0,) * 3, (1.0,) * 3)
    module = nn.Linear(1, 1)
    dataset = DataSet(
        "made", tuple((n,) for n in NAMES), samples, lambda _: Truth(np.zeros((0, 4)))
    )
    setup = SimpleNamespace(
        classifier=Classifier(module, predict, "made", "made", preparation, NAMES),
        configuration=Configuration("made", "", "made", ("agcam_focus",), (), batch_size=4),
        dataset=dataset,
        classes=(0, 1),
        open=opened,
        methods=(SimpleNamespace(name="agcam_focus"),),
    )
    places = np.zeros((CELLS, CELLS), np.float32)
    places[-1, 0] = 1
    reason = Reason(0, 0, 0.8, 1.0, np.arange(8), places, {1: 0.0})
    return Findings(
        setup,
        pictures_of(label, label),
        patches_of(range(8), [0] * 8, [CORNER] * 8),
        {0: (reason,), 1: ()},
        {(0, 0): Suspicion(0.9, "It is always in the same corner.")},
        (),
    )


def test_erasing_and_pasting_show_what_the_model_uses(found, tmp_path):
    (erase, paste) = prove(found, 3, tmp_path, lambda done, total: None)[0, 0]
    for one, shares in ((erase, (1, 0, 1)), (paste, (0, 1, 0))):
        outcomes = (one.before, one.after, one.random)
        assert tuple(outcome.share.mean for outcome in outcomes) == shares
        assert all(outcome.share.number == 8 for outcome in outcomes)
    assert paste.after.called == {0: 8}
    assert erase.after.called == {1: 8}


def test_a_reason_that_changes_nothing_is_cleared(found, tmp_path):
    proved = prove(found, 3, tmp_path, lambda done, total: None)
    assert found.with_tests(proved).suspicion[0, 0].score == 0.9
    never = replace(found.setup.classifier, predict=lambda pixels: torch.eye(2)[[0] * len(pixels)])
    idle = replace(found, setup=SimpleNamespace(**{**vars(found.setup), "classifier": never}))
    cleared = idle.with_tests(prove(idle, 3, tmp_path / "idle", lambda done, total: None))
    assert cleared.suspicion[0, 0].score < 0.5
    assert cleared.suspicion[0, 0].sentence.endswith("changes 0 % of predictions.")


def test_two_marks_that_stand_for_each_other_are_erased_together(found, tmp_path):
    """A model that one of two corners is enough for: each by itself changes nothing."""

    def opened(sample):
        pixels = torch.zeros(3, SIDE, SIDE)
        if sample.label == 0:
            pixels[:, -4:, :4] = pixels[:, :4, -4:] = 1
        return pixels, Frame.whole(SIDE, SIDE)

    def predict(pixels):
        corners = pixels[:, :, -4:, :4].mean((1, 2, 3)), pixels[:, :, :4, -4:].mean((1, 2, 3))
        either = torch.stack(corners).max(0).values
        return torch.stack([either, 1 - either], 1) * 8

    first = found.reasons[0][0]
    second = replace(first, number=1, patches=np.arange(16, 24), places=first.places[::-1, ::-1])
    both = replace(
        found,
        setup=SimpleNamespace(
            **{**vars(found.setup), "open": opened},
        ),
        patches=patches_of(
            [*range(16), *range(8)], [0] * 8 + [1] * 8 + [0] * 8, [CORNER] * 16 + [CELLS - 1] * 8
        ),
        reasons={0: (first, second), 1: ()},
        suspicion={(0, n): Suspicion(0.9, "It is in a corner.") for n in range(2)},
    )
    both.setup.classifier = replace(both.setup.classifier, predict=predict)
    proved = prove(both, 2, tmp_path, lambda done, total: None)
    for number in range(2):
        tests = {one.kind: one for one in proved[0, number]}
        assert tests["erase"].after.share.mean == 1
        assert "By itself it changes nothing." in intervention_text("ketch", tests["erase"])
        assert tests[TOGETHER].after.share.mean == 0
        assert "with its other suspicious reasons" in intervention_text("ketch", tests[TOGETHER])
    assert [one.kind for one in prove(found, 1, tmp_path, lambda *_: None)[0, 0]] == [
        "erase",
        "paste",
    ]


@pytest.mark.parametrize("known", [True, False])
def test_a_cast_is_taken_off_the_whole_picture(found, tmp_path, known):
    """Where colours are known; without a preparation its strongest patches are erased."""

    def opened(sample):
        pixels = torch.linspace(0, 1, SIDE).repeat(3, SIDE, 1)
        if sample.label == 0:
            pixels[2] *= 0.7
        return pixels, Frame.whole(SIDE, SIDE)

    def predict(pixels):
        tint = (pixels[:, 0] - pixels[:, 2]).mean((1, 2)) * 100
        return torch.stack([tint, 5 - tint], 1)

    reason = replace(found.reasons[0][0], gains=(1.0, 1.0, 0.8))
    classifier = replace(found.setup.classifier, predict=predict)
    if not known:
        classifier = replace(classifier, preparation=None)
    setup = SimpleNamespace(**{**vars(found.setup), "open": opened, "classifier": classifier})
    tinted = replace(found, setup=setup, reasons={0: (reason,), 1: ()})
    erase, paste = prove(tinted, 1, tmp_path, lambda done, total: None)[0, 0]
    assert (erase.fill, paste.fill) == ((CAST, CAST) if known else ("surroundings", ""))
    if known:
        assert (erase.before.share.mean, erase.after.share.mean) == (1, 0)
        assert (paste.before.share.mean, paste.after.share.mean) == (0, 1)


@pytest.mark.parametrize(("score", "tests"), [(0.3, 1), (0.05, 0)])
def test_what_is_nearly_suspicious_is_tested_too(found, tmp_path, score, tests):
    nearly = replace(found, suspicion={(0, 0): Suspicion(score, "It is nearly always there.")})
    assert len(prove(nearly, 3, tmp_path, lambda done, total: None)) == tests


def test_tests_take_no_more_passes_than_stated(found, tmp_path):
    counts, predict = [], found.setup.classifier.predict

    def counted(pixels):
        counts.append(len(pixels))
        return predict(pixels)

    found.setup.classifier = replace(found.setup.classifier, predict=counted)
    prove(found, 1, tmp_path, lambda done, total: None)
    assert 0 < sum(counts) <= passes(1, len(found.pictures))


def test_a_test_is_made_once(found, tmp_path, monkeypatch):
    first = prove(found, 3, tmp_path, lambda done, total: None)
    monkeypatch.setattr(Trial, "erase", None)
    assert prove(found, 3, tmp_path, lambda done, total: None) == first


def test_nothing_is_pasted_where_every_picture_has_the_reason(found):
    only = {name: column[:8] for name, column in vars(found.pictures).items()}
    few = Findings(**{**vars(found), "pictures": Pictures(**only)})
    assert Trial(few, few.reasons[0][0]).paste() is None


def test_the_edge_of_a_mark_is_erased_and_nothing_beside_it(found):
    """Where all patches of a picture were compared; else all that touch the mark are erased."""
    pictures = np.arange(4, dtype=np.int32)
    beside = np.repeat(pictures, 3), [CORNER + 1, CORNER - CELLS, CELLS - 1] * 4  # the last is far
    more = patches_of([*range(8), *beside[0]], [0] * 20, [CORNER] * 8 + beside[1])
    exclusive = Exclusive(0.2, pictures, np.arange(4), np.arange(8, 20))
    reason = replace(found.ranked[0], exclusive=0.2)
    made = replace(found, patches=more, reasons={0: (reason,), 1: ()}, exclusive={0: exclusive})
    mark = Mark(made, reason)
    compared, other = (np.flatnonzero(mark.patches(row)) for row in (0, 7))
    assert set(compared) == {CORNER, CORNER + 1, CORNER - CELLS}
    assert set(other) == {*compared, CORNER - CELLS + 1}
    lacking = mark.lacking(2)
    assert len(lacking) == 3  # the other pictures of the class that were compared
    assert all((there == mark.patches(0)).all() for _, there in lacking)
    assert Mark(made, replace(reason, exclusive=0.0)).lacking(2) == []


@given(st.integers(1, 16), st.integers(1, 40))
def test_pictures_that_are_compared_are_of_all_classes(classes, each):
    rows = np.arange(classes * each)
    some = spread(rows, 16)
    assert len(some) == min(16, len(rows))
    assert set(some // each) == set(range(classes))


@given(st.lists(st.integers(1, 14), min_size=2, max_size=6))
def test_classes_of_few_pictures_are_a_doubt(counts):
    """Each class is in one sentence at most, by how few pictures it has."""
    label = np.repeat(np.arange(len(counts)), counts).tolist()
    names = [f"class{number}" for number in range(len(counts))]
    module = nn.Linear(1, 1)
    setup = SimpleNamespace(
        classifier=Classifier(module, module, "made", "made", None, tuple(names)),
        dataset=SimpleNamespace(samples=[SimpleNamespace(each=(one,)) for one in label]),
        class_of=lambda one: one,
    )
    found = Findings(setup, pictures_of(label, label), patches_of([], [], []), {}, {}, ())
    for least, most, start in ((1, 2, "too few to see"), (3, 9, "a mark on a few of them may not")):
        some = [name for name, count in zip(names, counts, strict=True) if least <= count <= most]
        stated = [one for one in found.doubts if start in one]
        assert len(stated) == bool(some)
        assert all(one.startswith(f"{len(some)} class") for one in stated)
        assert all(name in one for one in stated for name in some[:3])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, CELLS - 1), st.booleans())
def test_nothing_is_left_of_a_mark_at_one_place(found, data, line, moving):
    """What each picture lacks of a band, most others have; a mark that moves has no such place."""
    starts = data.draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    bands = [[*range(start, CELLS)] for start in starts]
    lines = [(line + n * moving) % CELLS for n in range(6)]
    picture = [n for n, band in enumerate(bands) for _ in band]
    place = [lines[n] * CELLS + column for n, band in enumerate(bands) for column in band]
    reason = replace(found.ranked[0], exclusive=0.2, patches=np.arange(len(place)))
    compared = Exclusive(0.2, np.arange(6, dtype=np.int32), reason.patches, reason.patches[:0])
    made = replace(
        found,
        patches=patches_of(picture, [0] * len(place), place),
        reasons={0: (reason,), 1: ()},
        exclusive={0: compared},
    )
    usual = {n for n in range(CELLS) if np.mean([n in band for band in bands]) >= 0.5}
    for row, band in enumerate(bands):
        erased_there = set(np.flatnonzero(Mark(made, reason).patches(row)))
        expected = set(band) if moving else usual | set(band)
        assert erased_there == {lines[row] * CELLS + n for n in expected}
    assert not Mark(made, reason).patches(7).any()


@given(st.floats(0.0, 0.2))
def test_what_recurs_is_less_suspicious_where_a_class_alone_shows_less(usual):
    """Copies of one scan are alike; what other classes have as well is no mark."""
    nothing = np.arange(0)
    names = ("alike", "elsewhere", "share", "occurrence", "one place")
    parts = {**dict.fromkeys(names, 0.5), "strength": 0.99}
    scores = []
    for own in (usual, usual - 0.01, usual - 0.05):
        shown = {0: Exclusive(own, nothing, nothing, nothing, usual=usual)}
        scores.append(_weighed(parts, 0, {0: 0.99, 1: 0.8, 2: 0.8}, shown).score)
    assert scores[0] > 0.7
    assert scores == sorted(scores, reverse=True)
    assert scores[2] < 0.1


@given(
    st.lists(st.integers(0, 63), min_size=1, max_size=12, unique=True), st.integers(0, 2**32 - 1)
)
def test_random_patches_are_as_many(places, seed):
    some = patch_set(np.array(places), Grid(8, 8, 0))
    moved = elsewhere(some, np.random.default_rng(seed))
    assert moved.sum() == some.sum()
    if some.sum() <= 12:
        assert (moved & some).sum() <= some.sum() / 2


def test_only_the_patches_change():
    patches = np.zeros((4, 4), bool)
    patches[1, 2] = True
    pixels, source = torch.rand(3, 16, 16), torch.rand(3, 16, 16)
    there = torch.from_numpy(on_pixels(patches, (16, 16)))
    assert there.sum() == 16
    for made in (erased(pixels, patches), pasted(pixels, source, patches)):
        assert torch.equal(made[:, ~there], pixels[:, ~there])
    assert torch.equal(pasted(pixels, source, patches)[:, there], source[:, there])


def test_what_all_pictures_share_at_one_place_is_found():
    draw = torch.Generator().manual_seed(0)
    own, others = (torch.rand(6, 3, 32, 32, generator=draw) for _ in range(2))
    own[:, :, :8] = 0.3  # a stripe
    there = same_everywhere(own, others, Grid(8, 8, 0))
    assert there[:2].all()
    assert not there[2:].any()
    some = np.zeros((8, 8), bool)
    some[1, 3] = some[6, 6] = True
    assert touching(there, some).sum() == 16


def test_erased_patches_look_like_what_surrounds_them():
    pixels = torch.full((3, 32, 32), 0.25)
    pixels[:, 8:16, 8:16] = 1
    patches = np.zeros((4, 4), bool)
    patches[1, 1] = True
    assert torch.allclose(erased(pixels, patches), torch.full((3, 32, 32), 0.25))


@given(
    st.lists(st.integers(0, 63), min_size=1, max_size=50, unique=True), st.integers(0, 2**32 - 1)
)
def test_erased_patches_come_from_elsewhere_in_the_picture(places, seed):
    patches = np.zeros(64, bool)
    patches[places] = True
    patches = patches.reshape(8, 8)
    pixels = torch.from_numpy(np.random.default_rng(seed).permutation(256)).float()
    pixels = pixels.reshape(1, 16, 16)
    gone = on_pixels(patches, (16, 16))
    made = erased(pixels, patches)
    assert torch.equal(made[:, ~gone], pixels[:, ~gone])
    assert set(made[:, gone].tolist()[0]) <= set(pixels[:, ~gone].tolist()[0])


def test_a_mark_on_a_pattern_is_erased_without_a_trace():
    y, x = np.indices((64, 64))
    pattern = torch.from_numpy(((y % 8 < 4) ^ (x % 8 < 4)).astype(np.float32))[None]
    patches = np.zeros((8, 8), bool)
    patches[2:4, 1:6] = True
    marked = pattern.clone()
    marked[:, 16:32, 8:48] = 0.5
    assert torch.equal(erased(marked, patches), pattern)


@given(st.integers(0, 2**32 - 1))
def test_what_was_below_a_mark_comes_from_a_picture_that_lacks_it_there(seed):
    """Of another picture that is the same around the mark, unless it has the mark there too."""
    pixels = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed))
    patches = np.zeros((8, 8), bool)
    patches[2:4, 3:6] = True
    gone = torch.from_numpy(on_pixels(patches, (32, 32)))
    marked = torch.where(gone, 0.5, pixels)
    free, other = np.zeros_like(patches), torch.rand(3, 32, 32)
    assert torch.equal(erased(marked, patches, [(other, free), (pixels, free)]), pixels)
    has_it = np.zeros_like(patches)
    has_it[3, 5] = True
    assert not torch.equal(erased(marked, patches, [(pixels, has_it)]), pixels)


def test_confused_pairs_are_grouped_by_where_the_wrong_class_speaks():
    maps = np.zeros((9, CELLS, CELLS), np.float32)
    maps[:5, 0, 0] = 1
    maps[5:8, 7, 7] = 1
    label = [0] * 8 + [1]
    made = pictures_of(label, [1] * 9, maps=maps)
    made = Pictures(**{**vars(made), "label_map": np.zeros_like(maps)})
    (pair,) = pairs(made)
    assert (pair.label, pair.predicted, len(pair.rows)) == (0, 1, 8)
    assert sorted(np.bincount(pair.group).tolist()) == [3, 5]
    assert pair.difference[0].argmax() == 0


def test_a_wrong_label_is_suspected_and_an_unsure_mistake_is_not():
    label = [1, 1, 1, 1, 0, 0, 0]
    predicted = [1, 1, 1, 0, 0, 0, 1]
    sure = [0.9] * 3 + [0.97] + [0.9] * 2 + [0.55]
    probability = [
        [p, p if a == b else 1 - p] for p, a, b in zip(sure, label, predicted, strict=True)
    ]
    suspects = label_suspects(pictures_of(label, predicted, probability))
    assert [one.row for one in suspects] == [3]


def test_the_picture_unlike_its_class_is_first(monkeypatch):
    features = np.tile(np.array([1, 0, 0, 0], np.float16), (6, 1))
    features[4] = [0, 1, 0, 0]
    features += np.random.default_rng(0).normal(0, 0.05, features.shape).astype(np.float16)
    pictures, patches = (
        pictures_of([0] * 6, [0] * 6),
        patches_of(range(6), [0] * 6, [0] * 6, features),
    )
    made = outliers(pictures, patches)
    assert made[0].row == 4
    monkeypatch.setattr(mistakes, "AT_ONCE", 4)  # features in memory
    assert outliers(pictures, patches) == made


def test_groups_of_right_and_wrong_inside_and_outside():
    maps = np.zeros((4, CELLS, CELLS), np.float32)
    maps[[0, 1], 0, 0] = 1
    maps[[2, 3], 7, 7] = 1
    truth = np.zeros_like(maps)
    truth[:, :2, :2] = 1
    truth[3] = np.nan
    made = groups(pictures_of([0, 0, 0, 0], [0, 1, 0, 0], maps=maps, truth=truth), np.arange(4))
    sides = {key: rows.tolist() for key, rows in made.rows.items()}
    assert sides == {(True, True): [0], (False, True): [1], (True, False): [2], (False, False): []}
    assert made.inside.mean == pytest.approx(2 / 3)
    assert made.random.mean == pytest.approx(4 / 64)


def test_what_a_reader_found_fine_is_no_longer_suspicious(found, tmp_path):
    path = tmp_path / "verdicts.json"
    one = {
        "class": "ketch",
        "reason": 7,
        "verdict": "fine",
        "note": "a flag",
        "examples": ["00.png"],
    }
    path.write_text(json.dumps({"verdicts": [one]}))
    assert summary(found)["suspicious"] == 0.9
    judged = found.with_verdicts(read_verdicts(path))
    assert summary(judged)["suspicious"] == 0
    assert prove(judged, 3, tmp_path, lambda done, total: None) == {}
    assert next(TABLES["reasons"].rows(judged))[-2:] == ("fine", "a flag")


@pytest.mark.parametrize("text", ["", "[]", '{"verdicts": [{}]}', '{"verdicts": 3}', "nothing"])
def test_a_file_without_verdicts_is_refused(tmp_path, text):
    path = tmp_path / "verdicts.json"
    path.write_text(text)
    with pytest.raises(RunError, match="holds no verdicts"):
        read_verdicts(path)


def test_a_verdict_of_other_pictures_fits_no_reason(found):
    examples = {found.reasons[0][0]: ("a", "b")}
    other = Verdict("ketch", "fine", examples=("c", "d", "a", "e", "f"))
    assert matched((other,), examples, {0: "ketch"}) == {}


class Values(dict):
    """A class of FiftyOne; its own take the same names."""

    def __init__(self, **given):
        super().__init__(given)


class Collected:
    def __init__(self, name):
        self.name, self.samples = name, []

    def add_samples(self, samples):
        self.samples += samples


def test_fiftyone_has_labels_predictions_maps_and_boxes(found, monkeypatch):
    names = ("Sample", "Classification", "Heatmap", "Detection", "Detections")
    library = SimpleNamespace(**dict.fromkeys(names, Values), Dataset=Collected)
    monkeypatch.setitem(sys.modules, "fiftyone", library)
    dataset = Audit(Path(), found, "").to_fiftyone("mine")
    assert (dataset.name, len(dataset.samples)) == ("mine", 16)
    first, last = dataset.samples[0], dataset.samples[-1]
    (box,) = first["reasons"]["detections"]
    assert box["bounding_box"] == [0, 1 - 1 / CELLS, 1 / CELLS, 1 / CELLS]
    assert (box["label"], box["confidence"]) == ("ketch: reason 1", 0.5)
    assert last["reasons"]["detections"] == []
    assert (last["label"]["label"], last["prediction"]["label"]) == ("ferry", "ferry")
    assert first["map"]["map"].shape == (CELLS, CELLS)


def test_coco_has_a_box_where_each_reason_lies(found):
    made = json.loads("".join(coco(found)))
    assert len(made["annotations"]) == len(made["images"]) == 8
    assert made["annotations"][0]["bbox"] == [0, SIDE - 4, 4, 4]
    assert made["categories"][0]["name"] == "ketch: reason 1"


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="files of holes are not filled here")
def test_a_columns_file_has_its_room_before_it_is_written_to(tmp_path, monkeypatch):
    """On a disk that becomes full, writing to the map of a file of holes would kill the process."""
    made = _room(tmp_path / "column.npy", np.zeros((1, 300), np.float32), 2000)
    status = (tmp_path / "column.npy").stat()
    assert made.shape == (2000, 300)
    assert status.st_blocks * 512 >= status.st_size > made.nbytes

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SaveError, match=r"column\.npy could not be written: the disk is full"):
        _room(tmp_path / "column.npy", np.zeros((1, 300), np.float32), 2000)
