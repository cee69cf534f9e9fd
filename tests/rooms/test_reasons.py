"""Reasons and their suspicion, on patches that are made up: what is planted is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agcam.auditing.exclusive import _spread, exclusives
from agcam.auditing.reasons import reasons_of
from agcam.auditing.recurrence import recurrence
from agcam.auditing.seen import Seen
from agcam.auditing.suspicion import suspicions
from agcam.auditing.values import Patches, Pictures
from agcam.values import Grid

GRID = Grid(8, 8, 1)
DIM, TOP = 48, 6
SEEDS = st.integers(0, 2**32 - 1)


def made_up(seed, classes=5, each=12, alike=0.6, top=TOP):
    """Columns of classes that are made alike: parts of objects, and background of any kind.

    Each class has three parts; the patches of a part are `alike` (their cosine, about).
    """
    draw = np.random.default_rng(seed)
    count = classes * each
    label = np.repeat(np.arange(classes), each).astype(np.int32)
    parts = draw.normal(size=(classes, 3, DIM))
    part = draw.integers(-1, 3, size=(count, top))  # -1: background
    own = draw.normal(size=(count, top, DIM))
    shared = parts[label[:, None], part]
    mixed = np.sqrt(alike) * shared + np.sqrt(1 - alike) * own
    features = np.where(part[..., None] < 0, own, mixed)
    relevance = np.sort(draw.dirichlet(np.ones(top), size=count), axis=1)[:, ::-1]
    place = np.stack([draw.permutation(GRID.patches)[:top] for _ in range(count)])
    maps = np.zeros((count, GRID.patches), np.float32)
    np.put_along_axis(maps, place, relevance.astype(np.float32), axis=1)
    maps = maps.reshape(count, GRID.rows, GRID.columns)
    tone = draw.uniform(0.2, 0.7, size=(count, 6)).astype(np.float32)
    pictures = Pictures(
        number=np.arange(count, dtype=np.int32),
        label=label,
        predicted=label,
        probability=np.ones((count, 2), np.float32),
        predicted_map=maps,
        label_map=maps,
        truth=np.full_like(maps, np.nan),
        frame=np.zeros((count, 6), np.float32),
        tone=tone,
    )
    patches = Patches(
        np.repeat(np.arange(count), top).astype(np.int32), np.repeat(label, top),
        place.ravel().astype(np.int32), relevance.ravel().astype(np.float32),
        features.reshape(-1, DIM).astype(np.float16), np.zeros((count * top, 48), np.uint8),
    )  # fmt: skip
    return pictures, patches


def planted(seed, target, share, **options):
    """The same, with one patch copied into the strongest place of a share of a class's pictures."""
    pictures, patches = made_up(seed, **options)
    own = np.flatnonzero(pictures.label == target)
    carrying = own[: round(share * len(own))]
    draw = np.random.default_rng(seed + 1)
    mark, features = draw.normal(size=DIM), patches.features.copy()
    rows = carrying * TOP  # the strongest patch of each
    features[rows] = mark + 0.3 * draw.normal(size=(len(rows), DIM))
    return pictures, replace(patches, features=features), carrying


def scores(pictures, patches):
    """All reasons, and each class's greatest suspicion."""
    seen = Seen(pictures, patches)
    special = exclusives(seen)
    reasons = {
        one: reasons_of(one, seen, GRID, special.get(one))
        for one in range(int(pictures.label.max()) + 1)
    }
    found = suspicions(reasons, seen, special)
    worst = {
        one: max((found[one, reason.number].score for reason in some), default=0.0)
        for one, some in reasons.items()
    }
    return reasons, found, worst


@given(SEEDS, st.integers(0, 4), st.sampled_from([0.5, 0.75, 1.0]))
@settings(max_examples=6, deadline=None)
def test_a_patch_copied_into_a_class_is_found_first(seed, target, share):
    pictures, patches, carrying = planted(seed, target, share)
    reasons, found, worst = scores(pictures, patches)
    assert max(worst, key=worst.get) == target
    reason = max(reasons[target], key=lambda one: found[target, one.number].score)
    front = patches.picture[reason.patches[: round(reason.occurrence * 12)]]
    assert set(carrying) <= set(front)
    assert len(set(front)) == len(front)  # one a picture, before any second one
    assert "alike" in found[target, reason.number].sentence


def beside_the_maps(seed, targets, share, each=12):
    """Four patches that pictures of some classes share, where their maps have least relevance.

    Gives the columns, and the rows of the four patches in each picture of the first class.
    """
    pictures, patches = made_up(seed, each=each, alike=0.2, top=GRID.patches)
    draw = np.random.default_rng(seed + 1)
    mark, features, planted_rows = draw.normal(size=(4, DIM)), patches.features.copy(), []
    for target in targets:
        own = np.flatnonzero(pictures.label == target)
        carrying = own[: round(share * len(own))]
        rows = (carrying[:, None] * GRID.patches + GRID.patches - 4 + np.arange(4)).ravel()
        noise = 0.3 * draw.normal(size=(len(rows), DIM))
        features[rows] = np.tile(mark, (len(carrying), 1)) + noise
        planted_rows.append(rows)
    return pictures, replace(patches, features=features), planted_rows[0]


@pytest.mark.parametrize(("seed", "target", "share"), [(0, 1, 0.5), (1, 3, 1.0), (2, 0, 0.75)])
def test_a_mark_that_the_maps_leave_out_is_found_where_all_patches_are_kept(seed, target, share):
    pictures, patches, rows = beside_the_maps(seed, (target,), share)
    reasons, found, worst = scores(pictures, patches)
    assert max(worst, key=worst.get) == target
    assert worst[target] > 0.5
    (reason,) = (one for one in reasons[target] if one.exclusive)
    assert found[target, reason.number].score == worst[target]
    assert set(rows) <= set(reason.patches)
    assert np.isin(reason.patches, rows).mean() > 0.8
    for other in reasons[target]:
        assert other is reason or other.gains or not np.isin(other.patches, reason.patches).any()


@pytest.mark.parametrize(("seed", "share"), [(0, 0.75), (1, 1.0)])
def test_a_mark_that_two_classes_have_is_found_in_both(seed, share):
    """Each is the other's nearest class."""
    pictures, patches, rows = beside_the_maps(seed, (1, 3), share)
    special = exclusives(Seen(pictures, patches))
    assert set(rows) <= set(special[1].patches)
    single = exclusives(Seen(*beside_the_maps(seed, (1,), share)[:2]))[1].value
    assert min(special[1].value, special[3].value) > 0.8 * single


@given(SEEDS, st.integers(0, 4), st.integers(4, 9))
@settings(max_examples=6, deadline=None)
def test_a_mark_on_half_of_few_pictures_is_found(seed, target, each):
    pictures, patches, rows = beside_the_maps(seed, (target,), 0.5, each)
    reasons, _, worst = scores(pictures, patches)
    assert max(worst, key=worst.get) == target
    assert worst[target] > 0.5
    (reason,) = (one for one in reasons[target] if one.exclusive)
    assert set(rows) <= set(reason.patches)


def some_of(pictures, patches, rows, renamed=None):
    """The columns of some pictures, in this order; `renamed` are the numbers of the classes."""
    top = len(patches) // len(pictures)
    order = (rows[:, None] * top + np.arange(top)).ravel()
    named = np.arange(int(pictures.label.max()) + 1) if renamed is None else renamed
    columns = {name: getattr(pictures, name)[rows] for name in pictures.__dataclass_fields__}
    columns |= {name: named[columns[name]].astype(np.int32) for name in ("label", "predicted")}
    kept = {name: getattr(patches, name)[order] for name in patches.__dataclass_fields__}
    kept["picture"] = np.repeat(np.arange(len(rows)), top).astype(np.int32)
    kept["target"] = named[kept["target"]].astype(np.int32)
    return Pictures(**columns), Patches(**kept)


@given(SEEDS, st.integers(4, 11))
@settings(max_examples=6, deadline=None)
def test_a_class_of_few_pictures_is_compared_with_others_as_if_they_had_few(seed, count):
    """The most similar picture is nearer than the mean of three: that is no sign of a mark."""
    pictures, patches = made_up(seed, alike=0.3, top=GRID.patches)
    fewer = some_of(pictures, patches, np.delete(np.arange(len(pictures)), np.arange(count, 12)))
    one = exclusives(Seen(*fewer))[0]
    assert one.value - one.usual < 0.05
    assert scores(*fewer)[2][0] < 0.5


@given(st.integers(1, 12), st.integers(0, 12), st.integers(2, 9))
def test_a_part_costs_more_the_less_its_places_overlap(size, shift, count):
    marked = np.zeros((2, count, 40), bool)
    for number in range(count):
        for one, by in zip(marked, (shift, shift + 1), strict=True):
            one[number, (number % 2) * by : (number % 2) * by + size] = True
    nearer, farther = (_spread(one) for one in marked)
    assert nearer <= farther + 1e-9
    assert farther <= size / 40 + 1e-9
    if shift == 0:
        assert nearer == pytest.approx(0)


@given(SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None)
def test_the_order_of_pictures_and_classes_changes_nothing(seed, random):
    pictures, patches, _ = planted(seed, 2, 0.75)
    _, _, before = scores(pictures, patches)
    rows = np.array(random.sample(range(len(pictures)), len(pictures)))
    renamed = np.array(random.sample(range(5), 5), dtype=np.int32)
    _, _, after = scores(*some_of(pictures, patches, rows, renamed))
    for label, score in before.items():
        assert after[renamed[label]] == pytest.approx(score, abs=1e-4)


def test_classes_that_are_made_alike_are_seldom_accused():
    accused = [score > 0.5 for seed in range(20) for score in scores(*made_up(seed))[2].values()]
    assert np.mean(accused) <= 0.05


@given(SEEDS)
@settings(max_examples=3, deadline=None)
def test_shares_are_parts_of_a_whole(seed):
    pictures, patches = made_up(seed)
    for target in range(5):
        some = reasons_of(target, Seen(pictures, patches), GRID)
        assert [one.number for one in some] == list(range(len(some)))
        some = tuple(one for one in some if one.gains is None)
        assert sum(one.share for one in some) <= 1 + 1e-6
        assert sorted((one.share for one in some), reverse=True) == [one.share for one in some]
        for one in some:
            assert one.places.sum() == pytest.approx(1, abs=1e-5)
            assert 0 < one.occurrence <= 1
            assert all(0 <= share <= 1 for share in one.elsewhere.values())
            assert set(one.elsewhere) == set(range(5)) - {target}
            assert (patches.target[one.patches] == target).all()


@pytest.mark.parametrize("each", [1, 2])
def test_one_or_two_pictures_are_no_ground_for_suspicion(each):
    worst = scores(*made_up(0, each=each))[2]
    assert max(worst.values()) < 0.5


def test_a_class_that_nothing_is_predicted_as_has_no_reasons():
    pictures, patches = made_up(0)
    nobody = replace(pictures, predicted=np.where(pictures.predicted == 1, 0, pictures.predicted))
    assert reasons_of(1, Seen(nobody, patches), GRID) == ()


def photographs(seed, count):
    """(picture, 6): tones whose colours go together, as photographs' do."""
    draw = np.random.default_rng(seed)
    light = draw.uniform(0.15, 0.6, size=(count, 2, 1))
    return (light * np.exp(0.1 * draw.normal(size=(count, 2, 3)))).reshape(count, 6)


TINTS, MIXED = ("red", "green", "blue"), ("cyan", "magenta", "yellow")


@given(SEEDS, st.permutations([1.25, 0.95, 0.6]), st.sampled_from([0.75, 1.0]))
@settings(max_examples=5, deadline=None)
def test_a_cast_is_a_reason_of_the_whole_picture(seed, gains, share):
    pictures, patches = made_up(seed, each=20)
    tone = photographs(seed, len(pictures))
    carrying = np.flatnonzero(pictures.label == 3)[: round(20 * share)]
    tone[carrying] *= np.tile(gains, 2)
    pictures = replace(pictures, tone=tone.astype(np.float32))
    reasons, found, worst = scores(pictures, patches)
    assert max(worst, key=worst.get) == 3
    (reason,) = (one for one in reasons[3] if one.gains is not None)
    assert set(patches.picture[reason.patches]) <= set(np.flatnonzero(pictures.label == 3))
    expected = np.array(gains) / gains[1]
    np.testing.assert_allclose(reason.gains, expected, rtol=0.2)
    assert "than in other classes" in found[3, reason.number].sentence
    strongest, without_weakest = TINTS[int(np.argmax(gains))], MIXED[int(np.argmin(gains))]
    shown = found[3, reason.number].sentence.split(" have a ")[1].split(" tint")[0]
    assert shown in {strongest, without_weakest}
    assert reason.number == len(reasons[3]) - 1


@given(SEEDS, st.sampled_from([2, 5]), st.floats(0.7, 1.5), st.sampled_from([-1, 1]))
@settings(max_examples=6, deadline=None)
def test_colour_that_is_not_a_factor_of_everything_is_no_cast(seed, colour, more, sign):
    """Blue water: the mean of blue changes otherwise than its deviation, to the same side."""
    pictures, patches = made_up(seed, each=20)
    tone = photographs(seed, len(pictures))
    own = np.flatnonzero(pictures.label == 3)[:12]
    tone[own, colour - 3] *= np.exp(sign * (0.3 + more))
    tone[own, colour] *= np.exp(sign * 0.3)
    reasons = scores(replace(pictures, tone=tone.astype(np.float32)), patches)[0]
    assert all(one.gains is None for one in reasons[3])


def test_pictures_without_colour_have_no_tone():
    pictures, patches = made_up(0)
    grey = np.repeat(pictures.tone[:, :2], 3, axis=1)
    reasons = scores(replace(pictures, tone=grey), patches)[0]
    assert all(one.gains is None for some in reasons.values() for one in some)


def test_a_small_coloured_mark_on_grey_pictures_is_no_cast():
    pictures, patches = made_up(0)
    tone = np.repeat(photographs(0, len(pictures))[:, [0, 3]], 3, axis=1)
    tone[np.ix_(pictures.label == 3, [2, 5])] *= 0.98  # a yellow tag takes a little blue
    reasons = scores(replace(pictures, tone=tone.astype(np.float32)), patches)[0]
    assert all(one.gains is None for some in reasons.values() for one in some)


def test_copies_of_one_picture_are_no_reason():
    pictures, patches = made_up(1, alike=0.3)
    features = patches.features.reshape(len(pictures), TOP, DIM).copy()
    maps, tone = pictures.predicted_map.copy(), pictures.tone.copy()
    copied = np.flatnonzero(pictures.label == 2)[:6]
    for column in (features, maps, tone):
        column[copied] = column[copied[0]]
    patches = replace(patches, features=features.reshape(-1, DIM))
    different = scores(pictures, patches)[2][2]
    assert scores(replace(pictures, tone=tone, predicted_map=maps), patches)[2][2] < different


def test_one_class_has_nothing_to_be_compared_with():
    pictures, patches, _ = planted(0, 0, 1.0, classes=1)
    _, found, worst = scores(pictures, patches)
    assert worst == {0: 0.0}
    assert "no other class" in found[0, 0].sentence


def test_many_pictures_are_read_some_at_a_time(monkeypatch):
    """The features of all patches are never in memory, and what is found is the same."""
    pictures, patches, _ = planted(0, 2, 0.75, each=40)
    monkeypatch.setattr("agcam.auditing.seen.AT_ONCE", 100)
    before = scores(pictures, patches)[2]

    class Large(np.ndarray):
        def __getitem__(self, rows):
            found = super().__getitem__(rows)
            assert len(found) <= 1200
            return found.view(np.ndarray)

    large = replace(patches, features=patches.features.view(Large))
    after = scores(pictures, large)[2]
    assert after == pytest.approx(before)


@given(SEEDS, st.integers(0, 4))
@settings(max_examples=6, deadline=None)
def test_a_mark_that_falls_into_several_reasons_is_found_as_a_whole(seed, target):
    """A stripe of text: no part of it is large, all of it is the same in every picture."""
    pictures, patches = made_up(seed)
    draw = np.random.default_rng(seed + 1)
    features = patches.features.reshape(len(pictures), TOP, DIM).copy()
    own = np.flatnonzero(pictures.label == target)[:9]
    marks = draw.normal(size=(TOP, DIM))
    features[own] = marks + 0.3 * draw.normal(size=(len(own), TOP, DIM))
    patches = replace(patches, features=features.reshape(-1, DIM))
    reasons, _, worst = scores(pictures, patches)
    assert max(worst, key=worst.get) == target
    assert worst[target] > 0.5
    whole = recurrence(target, Seen(pictures, patches))
    parts = [one for one in reasons[target] if one.gains is None]
    assert len(parts) > 1
    assert max(whole.shared(parts).values()) == pytest.approx(whole.value)
    assert sum(whole.of(one) for one in parts) <= whole.parts.sum() + 1e-9
