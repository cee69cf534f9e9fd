"""Evaluation on clips and sounds: the curves are what the model gives for frames with holes."""

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from test_clips import classifier, moving_disk
from test_sounds import RATE, ast, tone

import agcam
from agcam.datasets import DATASETS
from agcam.errors import DataSetError, ModelError
from agcam.evaluation.fills import FILLS
from agcam.evaluation.imputation import imputed
from agcam.evaluation.probing import patch_ranks
from agcam.images import prepare_inputs
from agcam.maps import video
from agcam.values import Grid


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Class folders with a video, a GIF, two folders of frames, and a picture that is no clip."""
    root, frames = tmp_path_factory.mktemp("clips"), moving_disk()
    (root / "left").mkdir()
    (root / "left" / "a.mp4").write_bytes(video(frames, 10, "mp4"))
    frames[0].save(root / "left" / "b.gif", save_all=True, append_images=frames[1:], duration=50)
    frames[0].save(root / "left" / "still.png")
    for name, some in (("one", frames), ("two", frames[::-1])):
        (root / "right" / name).mkdir(parents=True)
        for number, frame in enumerate(some):
            frame.save(root / "right" / name / f"{number}.png")
    return root


def test_a_folder_of_clips_is_its_videos_and_folders_of_frames(clips):
    data = DATASETS["clips"].read(str(clips))
    assert data.medium == "clip"
    assert data.classes == (("left",), ("right",))
    assert [(one.name, one.label) for one in data.samples] == [
        ("left/a.mp4", 0),
        ("left/b.gif", 0),
        ("left/still.png", 0),
        ("right/one", 1),
        ("right/two", 1),
    ]
    with pytest.raises(DataSetError, match="a sound in a class folder is missing"):
        DATASETS["sounds"].read(str(clips))


def model():
    made = classifier()
    made.module.config.id2label = {0: "left", 1: "right", 2: "up", 3: "down"}
    named = agcam.load(made.module, preparation=None)
    from dataclasses import replace

    return replace(named, preparation=made.preparation)


def curve(made, pixels, relevance, label, order, share):
    """The probability while a share of all pixels of all frames is 0, the last of equals first."""
    places = np.lexsort((-np.arange(relevance.size), -relevance.ravel() * order))
    gone = np.zeros(relevance.size, dtype=bool)
    gone[places[: int(share * relevance.size + 1e-6)]] = True
    holes = torch.from_numpy(gone.reshape(relevance.shape))[:, None]  # frame 1 row column
    with torch.no_grad():
        logits = made.module(torch.where(holes, torch.zeros(()), pixels[0])[None]).logits
    return float(logits.softmax(-1)[0, label])


def test_perturbation_of_a_clip_removes_pixels_of_its_frames(clips, tmp_path):
    made = model()
    done = agcam.evaluate(
        "clips",
        clips,
        model=made,
        methods=("agcam",),
        metrics=("morf", "lerf", "srg"),
        store=tmp_path / "s.sqlite",
        batch_size=2,
    )
    results = done.results
    failures = [one.message for one in results.failures]
    assert len(failures) == 1
    assert "still.png is one picture" in failures[0]
    method = list(results.methods).index("agcam")
    names = [one.name for one in results.samples]
    for name, label in (("left/a.mp4", 0), ("right/two", 1)):
        pixels = prepare_inputs(made, clips / name).pixels
        found = agcam.explain(made.module, pixels, label, "agcam")
        maps = np.asarray(found.on_frames(0), dtype=np.float64)
        low, high = maps.min(), maps.max()
        relevance = ((maps - low) / (high - low)).astype(np.float32) + np.float32(1)
        for metric, order in (("morf", 1), ("lerf", -1)):
            inner = [
                curve(made, pixels, relevance, label, order, share / 10) for share in range(11)
            ]
            value = results.values[metric][names.index(name), method]
            assert value == pytest.approx(np.mean(inner), abs=2e-3)


def test_the_page_of_a_run_shows_clips_on_contact_sheets(clips, tmp_path):
    model().module.save_pretrained(tmp_path / "model")
    done = agcam.evaluate(
        "clips",
        clips,
        model=f"hf:{tmp_path / 'model'}",
        methods=("agcam",),
        metrics=("abpc",),
        store=tmp_path / "s.sqlite",
    )
    page = done.report(tmp_path / "out").read_text()
    assert "left/a.mp4" in page
    assert '"frames":4' in page


def test_sounds_are_evaluated_too(tmp_path):
    for number, name in enumerate(("low", "high")):
        (tmp_path / "data" / name).mkdir(parents=True)
        samples = np.int16(tone(pitch=500 * 4**number) * 32767)
        wavfile.write(tmp_path / "data" / name / "1.wav", RATE, samples)
    module = ast()
    module.config.id2label = {0: "low", 1: "high", 2: "none"}
    done = agcam.evaluate(
        "sounds",
        tmp_path / "data",
        model=module,
        methods=("agcam",),
        metrics=("abpc", "srg", "saco"),
        store=tmp_path / "s.sqlite",
    )
    assert not done.results.failures
    assert all(np.isfinite(values).all() for values in done.results.values.values())


def test_a_model_and_a_data_set_of_another_medium_are_refused(clips, tmp_path):
    (tmp_path / "cat").mkdir()
    moving_disk(1)[0].save(tmp_path / "cat" / "1.png")
    with pytest.raises(ModelError, match="takes a clip, and the layout folder is of pictures; a"):
        agcam.evaluate("folder", tmp_path, model=model(), store=tmp_path / "s", metrics=("morf",))
    options = {"model": model(), "store": tmp_path / "s", "metrics": ("morf",)}
    with pytest.raises(ModelError, match="refines maps of still pictures alone"):
        agcam.evaluate("clips", clips, refine=True, **options)
    with pytest.raises(ModelError, match="an audit compares patches of still pictures"):
        agcam.audit(tmp_path, model=model(), out=tmp_path.parent / "audit")


@pytest.mark.parametrize("name", FILLS)
def test_a_clip_of_one_frame_is_filled_as_its_picture(name):
    made, generator = model(), torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, 12, 16, generator=generator)
    gone = torch.rand(2, 12, 16, generator=generator) < 0.4
    fill = FILLS[name]
    filling = fill.function(pictures, made)
    expected = fill.replace(pictures, filling, gone)
    of_clip = fill.function(pictures[:, :, None], made)
    torch.testing.assert_close(of_clip[:, :, 0], filling)
    replaced = fill.replace(pictures[:, :, None], of_clip, gone[:, None])
    torch.testing.assert_close(replaced[:, :, 0], expected)


def test_frames_are_imputed_one_by_one():
    clip = torch.randn(1, 3, 2, 8, 8)
    gone = torch.rand(1, 2, 8, 8) < 0.5
    together = imputed(clip, clip, gone)
    for frame in range(2):
        single = imputed(clip[:, :, frame], clip[:, :, frame], gone[:, frame])
        torch.testing.assert_close(together[:, :, frame], single)


def test_pixels_have_the_rank_of_the_patch_that_holds_them():
    grid = Grid(2, 2, prefix=0, frames=2)
    values = torch.randperm(8).reshape(1, 2, 2, 2).numpy().astype(np.float32)
    rank = patch_ranks(values, "morf", grid, (4, 6, 6))
    assert rank.shape == (1, 4, 6, 6)
    for step, row, column in np.ndindex(2, 2, 2):
        cell = rank[0, 2 * step : 2 * step + 2, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        assert (cell == 7 - values[0, step, row, column]).all()
    wide = Grid(1, 2, prefix=0, extent=((0, 1), (0, 4 / 5)))  # the fifth column is in no patch
    assert patch_ranks(np.array([[[2.0, 1.0]]]), "morf", wide, (1, 5))[0, 0].tolist() == [
        *(0, 0, 1, 1, 1),
    ]
