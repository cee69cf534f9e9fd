"""Sound: spectrograms whose patches overlap, frequency by time; files of any rate."""

import json

import numpy as np
import pytest
import torch
import transformers
from scipy.io import wavfile

import agcam
from agcam.errors import ModelError, PictureError
from agcam.families.hf_vit import classifier_of
from agcam.images import prepare_inputs
from reference.definition import of_tokens

RATE = 16_000


def ast(time=96, bins=32, patch=8, strides=(6, 5)):
    config = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        initializer_range=0.3,
        patch_size=patch,
        max_length=time,
        num_mel_bins=bins,
        frequency_stride=strides[0],
        time_stride=strides[1],
    )
    return transformers.ASTForAudioClassification(config).eval()


def tone(seconds=0.9, pitch=1000.0, rate=RATE, start=0.3, stop=0.6):
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * pitch * time) * ((time > start) & (time < stop))


@pytest.fixture
def wav(tmp_path):
    wavfile.write(tmp_path / "tone.wav", RATE, np.int16(tone() * 32767))
    return tmp_path / "tone.wav"


@pytest.mark.parametrize("strides", [(8, 8), (6, 5), (4, 7)])
def test_a_map_is_the_definition_on_frequencies_and_time(strides):
    model = ast(strides=strides).double()
    values = torch.randn(2, 96, 32, dtype=torch.float64)
    found = agcam.explain(model, values, [[0, 2]] * 2, "agcam")
    rows, columns = (32 - 8) // strides[0] + 1, (96 - 8) // strides[1] + 1
    assert found.grid_map.shape == (2, 2, rows, columns)
    assert found.tracer == "replay"
    for one, maps in zip(values, found.grid_map, strict=True):
        for target, place in ((0, 0), (2, 1)):
            tokens = of_tokens(model, one[None], target)[2:].reshape(rows, columns)
            expected = tokens.flip(0)  # the highest frequency first
            assert (maps[place] - expected).abs().max() <= 1e-9 * expected.abs().max()


def test_the_patches_lie_where_the_convolution_reads():
    """18 columns, 5 apart: the middle of the first patch is at 4 of 96, that of the last at 89."""
    grid = agcam.explain(ast(), torch.randn(1, 96, 32)).grid
    (low, high), (start, stop) = grid.extent
    assert (start * 96, stop * 96) == pytest.approx((4 - 2.5, 89 + 2.5))
    assert (low * 32, high * 32) == pytest.approx((32 - 28 - 3, 32 - 4 + 3))  # from above


def test_a_file_is_what_the_extractor_makes_of_its_samples(wav):
    extractor = transformers.ASTFeatureExtractor(max_length=96, num_mel_bins=32)
    classifier = classifier_of(ast(), "ast", extractor, None)
    made = prepare_inputs(classifier, wav)
    samples = np.int16(tone() * 32767) / 32768
    theirs = extractor(samples, sampling_rate=RATE, return_tensors="pt")["input_values"]
    torch.testing.assert_close(made.pixels, theirs)
    assert made.sources == (str(wav),)
    for given in ((samples, RATE), {"array": samples, "sampling_rate": RATE}):
        torch.testing.assert_close(prepare_inputs(classifier, given).pixels, theirs)


@pytest.mark.parametrize("pitch", [300, 1000, 4000])
def test_rows_have_the_frequencies_that_they_are_labelled_with(pitch):
    classifier = agcam.load(ast())
    values = classifier.sound.run(tone(pitch=pitch, start=0, stop=1).astype(np.float32))
    loudest = int(values[:80].mean(0).argmax())
    middles = classifier.sound.frequencies
    nearest = min(range(len(middles)), key=lambda row: abs(middles[row] - pitch))
    assert abs(loudest - nearest) <= 1


def test_other_rates_and_channels_are_brought_to_the_models():
    classifier = agcam.load(ast())
    usual = prepare_inputs(classifier, (tone(), RATE))
    stereo = np.stack([tone(rate=44_100)] * 2, 1)
    other = prepare_inputs(classifier, (stereo, 44_100))
    assert (usual.pixels - other.pixels).abs()[:, 35:55].mean() < 0.05
    assert "sound: resampled from 44100 to 16000 a second" in other.notes
    assert "sound: the mean of 2 channels" in other.notes


def test_length_is_noted():
    classifier = agcam.load(ast())
    assert not any(
        n.startswith("sound") for n in prepare_inputs(classifier, (tone(0.97), RATE)).notes
    )
    short = prepare_inputs(classifier, (tone(0.5), RATE)).notes
    assert "sound: 0.50 s, filled up to 0.96 s" in short
    long = prepare_inputs(classifier, (tone(2.0), RATE)).notes
    assert "sound: the model is given the first 0.96 of 2.00 s" in long


def test_moments_of_a_sound_are_columns_in_seconds():
    found = agcam.explain(ast(), (tone(), RATE), 1, "agcam")
    best = found.moments()[0]
    column = int(found.grid_map[0, 0].sum(0).argmax())
    assert (best.start, best.end) == pytest.approx((0.015 + 0.05 * column, 0.065 + 0.05 * column))
    assert best.seconds
    assert found.pictures[0].width == 96
    assert found.figure().width > found.overlay().width


def test_files_of_a_sound(wav, tmp_path):
    found = agcam.explain(ast(), wav, 1, "agcam")
    names = {path.name for path in found.save(tmp_path / "out")}
    assert names == {
        "tone.json",
        "tone.npy",
        "tone.1-class-1.overlay.png",
        "tone.1-class-1.map.png",
    }
    manifest = json.loads((tmp_path / "out" / "tone.json").read_text())
    assert manifest["sound"] == {"seconds": 0.9, "step": 0.01}
    assert len(manifest["targets"][0]["moments"]) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.wav", r"nowhere\.wav does not exist"),
        (np.zeros(100), "give them with their rate"),
        (torch.zeros(96, 32), r"add the batch: values\[None\]"),
        (torch.zeros(1, 1, 96, 32), r"a spectrogram \(batch, time, frequency\), not"),
        ((np.full(100, np.nan), RATE), "NaN or infinite"),
        ((np.zeros((2, 2, 2)), RATE), r"samples are \(time,\) or \(time, channel\)"),
    ],
)
def test_what_is_no_sound_is_refused(given, words):
    with pytest.raises(PictureError, match=words):
        agcam.explain(ast(), given)


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    (tmp_path / "bad.flac").write_bytes(b"nothing")
    for name in ("bad.wav", "bad.flac"):
        with pytest.raises(PictureError, match="cannot be read as a sound"):
            agcam.explain(ast(), tmp_path / name)


def test_what_is_for_still_pictures_alone_is_refused():
    values = torch.randn(1, 96, 32)
    with pytest.raises(PictureError, match="a spectrogram shifted in frequency"):
        agcam.explain(ast(), values, refine=True)
    with pytest.raises(PictureError, match="is not a clip, which frames, videos and moments"):
        agcam.explain(ast(), values).overlays()


def test_methods_are_compared_on_a_sound(tmp_path):
    values = torch.randn(1, 96, 32)
    model = ast()
    done = agcam.compare(model, values, 1, ("agcam", "saliency"))
    for column in done.columns:
        found = agcam.explain(model, values, 1, column.method.name).grid_map[0]
        torch.testing.assert_close(column.grid_map, found, rtol=1e-4, atol=1e-6)
    assert done.report(tmp_path)[1].exists()


def test_sound_that_is_no_spectrogram_of_patches_is_refused_by_name():
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Wav2Vec2Config(**small, intermediate_size=16, conv_dim=[8] * 7)
    model = transformers.Wav2Vec2ForSequenceClassification(config)
    with pytest.raises(ModelError, match="takes sound as a sequence in time"):
        agcam.explain(model, torch.randn(1, 16_000))
