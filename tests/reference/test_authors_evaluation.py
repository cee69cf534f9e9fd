"""The authors' numbers, end to end: data set, recording, maps, boxes, perturbed pictures, store."""

import numpy as np
import pytest
import torch

from agcam.evaluation import Configuration, Setup, plan_setup, run_plan
from agcam.families import load
from agcam.methods import METHODS
from agcam.metrics import PAPER_LOCALIZATION, choose
from agcam.records import Store, read_results
from agcam.values import DataSet, Frame, Sample, Truth

SIDE = 224


def setup_of(authors, model, label, metrics):
    """The authors' pictures, which are prepared already, under the labels of `label`."""
    truths = [boxes[boxes[:, 0] >= 0] for boxes in authors["truth_boxes"]]
    samples = tuple(Sample(str(i), str(i), int(c)) for i, c in enumerate(authors[label]))

    def opened(sample):
        pixels = torch.from_numpy(authors["images"][int(sample.name)])
        return pixels.double(), Frame.whole(SIDE, SIDE), None

    return Setup(
        configuration=Configuration("authors", "", "small", (), tuple(metrics), batch_size=4),
        classifier=load(model),
        dataset=DataSet(
            name="authors",
            classes=tuple((str(c),) for c in range(10)),
            samples=samples,
            truth=lambda sample: Truth(truths[int(sample.name)]),
        ),
        classes=tuple(range(10)),
        methods=(METHODS["agcam"], METHODS["random"]),
        metrics=choose(metrics),
        open=opened,
        copy=lambda: load(model),
        portable=False,
    )


def results(path, authors, model, label, metrics):
    run_plan(plan_setup(setup_of(authors, model, label, metrics)), path)
    with Store(path) as store:
        return read_results(store)


@pytest.fixture
def prediction(authors):
    return {**authors, "prediction": authors["logits"].argmax(1)}


def test_localization_is_the_authors(tmp_path, prediction, authors_model):
    found = results(tmp_path / "store", prediction, authors_model, "prediction", PAPER_LOCALIZATION)
    ours = np.stack([found.values[name][:, 0] for name in PAPER_LOCALIZATION], axis=1)
    assert ours.shape == (6, 5)
    assert np.abs(ours - prediction["localization"]).max() < 1e-7


def test_wrongly_predicted_pictures_are_left_out_of_the_papers_localization(
    tmp_path, authors, authors_model
):
    """The labels are classes that the model did not say."""
    metrics = (*PAPER_LOCALIZATION, "iou", "pointing_game")
    found = results(tmp_path / "store", authors, authors_model, "target", metrics)
    assert len(found.samples) == 6
    assert not found.failures
    assert all(np.isnan(found.values[name]).all() for name in (*PAPER_LOCALIZATION, "iou"))
    assert np.isfinite(found.values["pointing_game"]).all()


def test_perturbation_is_the_authors(tmp_path, authors, authors_model):
    found = results(tmp_path / "store", authors, authors_model, "target", ["morf", "lerf", "abpc"])
    ours = {name: values[:, 0] for name, values in found.values.items()}
    assert np.abs(ours["morf"] - authors["morf"].mean(1)).max() < 1e-3
    assert np.abs(ours["lerf"] - authors["lerf"].mean(1)).max() < 1e-3
    assert np.abs(ours["abpc"] - authors["abpc"]).max() < 1e-4
    for name in ("morf", "lerf"):
        assert np.abs(found.curves[name][0] - authors[name].mean(0)).max() < 1e-3
    # 6 recordings, and 18 passes per picture and method: both ends cost nothing more
    assert found.run.cost["forwards"] == 6 * (1 + 18 * 2)
