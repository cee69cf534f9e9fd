"""What newcomers give to a model of clips or sound: taken as it is meant, or refused with a way."""

import struct
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_clips import classifier, moving_disk, timesformer, videomae, vivit
from test_sounds import ast, tone

import agcam
from agcam.errors import ModelError, PictureError
from agcam.images import prepare_inputs
from agcam.images.clip_lists import as_frames, list_clips
from agcam.images.videos import open_clip

ARRAY = np.stack([np.asarray(frame) for frame in moving_disk()])


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (videomae, (1, 3, 4, 16, 16), r"axes look exchanged: pixels\.transpose\(1, 2\)"),
        (videomae, (1, 3, 5, 16, 16), r"axes look exchanged: pixels\.transpose\(1, 2\)"),
        (videomae, (1, 4, 16, 16, 3), r"channels are last: pixels\.permute\(0, 1, 4, 2, 3\)"),
        (
            videomae,
            (1, 2, 3, 16, 16),
            "takes clips of 4 frames, and this one has 2: give the video",
        ),
        (vivit, (1, 4, 3, 16, 16), "takes clips of 6 frames, and this one has 4"),
        (
            lambda: timesformer("divided_space_time"),
            (1, 5, 3, 16, 16),
            "takes clips of 3 frames, and this one has 5",
        ),
    ],
)
def test_a_prepared_clip_that_does_not_run_names_the_mistake(make, shape, words):
    with pytest.raises(ModelError, match=words):
        agcam.explain(make(), torch.randn(shape), 1)


def test_a_frame_too_many_is_noted_and_the_map_is_where_the_model_reads():
    found = agcam.explain(videomae(), torch.randn(1, 5, 3, 16, 16), 1, "agcam")
    assert "clip: 5 frames, and the model's configuration states 4" in found.notes
    assert found.grid.extent[0] == pytest.approx((0, 4 / 5))


FORMS = {
    "array": ARRAY,
    "array, channels first": ARRAY.transpose(0, 3, 1, 2),
    "tensor, channels last": torch.from_numpy(ARRAY),
    "tensor, channels second": torch.from_numpy(ARRAY).permute(0, 3, 1, 2),
    "tensor, channels first": torch.from_numpy(ARRAY).permute(3, 0, 1, 2),
    "tensor with a batch": torch.from_numpy(ARRAY)[None],
    "tensors": list(torch.from_numpy(ARRAY).permute(0, 3, 1, 2)),
    "floats": ARRAY.astype(np.float32) / 255,
}


@pytest.mark.parametrize("form", FORMS)
def test_frames_of_bytes_are_a_clip_wherever_their_channels_are(form):
    model = classifier()
    expected = prepare_inputs(model, moving_disk())
    made = prepare_inputs(model, FORMS[form])
    assert len(made.clips) == 1
    torch.testing.assert_close(made.pixels, expected.pixels)


@given(st.integers(2, 5), st.sampled_from([1, 3, 4]))
def test_frames_of_an_array_keep_rows_above_columns(frames, channels):
    clip = np.arange(frames * 6 * 7 * channels).reshape(frames, 6, 7, channels).astype(np.uint8)
    for order in ((0, 1, 2, 3), (0, 3, 1, 2), (3, 0, 1, 2)):
        given_array = clip.transpose(order)
        if order != (0, 1, 2, 3) and given_array.shape[-1] in {1, 3, 4}:
            continue
        if order == (3, 0, 1, 2) and frames in {1, 3, 4}:
            continue  # either axis could be the channels: frames come first
        np.testing.assert_array_equal(np.stack(list(as_frames(given_array))), clip)


def test_a_picture_is_no_clip_whatever_holds_it(tmp_path):
    one = moving_disk(1)[0]
    (tmp_path / "folder").mkdir()
    for name in ("one.jpg", "one.gif", "one.tif", "folder/1.png"):
        one.save(tmp_path / name)
    for name in ("one.jpg", "one.gif", "one.tif", "folder"):
        with pytest.raises(PictureError, match=rf"{name} is one picture.*\[picture\] \* 4"):
            open_clip(tmp_path / name, 4)
    assert open_clip([one] * 4, 4).total == 4


def test_folders_of_frames_are_clips_of_their_own_in_natural_order(tmp_path):
    for folder, count in (("a", 12), ("b/deep", 3)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            shade = Image.new("RGB", (8, 8), (number, 0, 0))
            shade.save(tmp_path / folder / f"frame{number}.png")
    (tmp_path / ".hidden").mkdir()
    assert list_clips(tmp_path) == [tmp_path / "a", tmp_path / "b" / "deep"]
    clip = open_clip(tmp_path / "a", 12)
    assert [picture.getpixel((0, 0))[0] for picture in clip.pictures] == list(range(12))
    with pytest.raises(PictureError, match="no video and no picture was found"):
        list_clips(tmp_path / ".hidden")


def test_transparent_pixels_of_an_animation_are_white_as_those_of_a_picture(tmp_path):
    frames = [frame.convert("RGBA") for frame in moving_disk(4)]
    for frame in frames:
        frame.paste((0, 0, 0, 0), (0, 0, 10, 10))
    options = {"save_all": True, "append_images": frames[1:], "duration": 100}
    for name, more in (("a.gif", {"disposal": 2}), ("a.webp", {"lossless": True}), ("a.png", {})):
        frames[0].save(tmp_path / name, **options, **more)
        for picture in open_clip(tmp_path / name, 4).pictures:
            assert picture.mode == "RGB"
            assert picture.getpixel((4, 4)) == (255, 255, 255), name


TURNED = {  # the matrix of a track (a b c d), and what a player shows of a frame
    "mirrored": ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda frame: frame[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda frame: frame[::-1, ::-1]),
    "clockwise": ((0, 1, -1, 0), lambda frame: np.rot90(frame, -1)),
    "anticlockwise": ((0, -1, 1, 0), np.rot90),
    "transposed": ((0, 1, 1, 0), lambda frame: frame.swapaxes(0, 1)),
}


@pytest.mark.parametrize("how", TURNED)
def test_frames_of_a_video_are_turned_and_mirrored_as_its_track_states(tmp_path, how):
    numbers, shown = TURNED[how]
    unsteady(tmp_path / "plain.mp4")
    data = (tmp_path / "plain.mp4").read_bytes()
    header = data.index(b"tkhd") + 4
    matrix = header + 40  # version 0: flags, times, track, duration, layer, group, volume
    a, b, c, d = (number << 16 for number in numbers)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    assert data[matrix : matrix + 4] == struct.pack(">i", 1 << 16)
    (tmp_path / "turned.mp4").write_bytes(data[:matrix] + turned + data[matrix + 36 :])
    plain, found = (open_clip(tmp_path / f"{name}.mp4", 4) for name in ("plain", "turned"))
    for before, after in zip(plain.pictures, found.pictures, strict=True):
        np.testing.assert_array_equal(np.asarray(after), shown(np.asarray(before)))


def test_transparent_pixels_of_a_video_are_white(tmp_path):
    import av

    array = np.full((30, 40, 4), (255, 0, 0, 255), np.uint8)
    array[:10, :10, 3] = 0
    with av.open(str(tmp_path / "a.mov"), "w") as file:
        stream = file.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 40, 30, "rgba"
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgba")))
        file.mux(stream.encode())
    for picture in open_clip(tmp_path / "a.mov", 2).pictures:
        assert picture.getpixel((4, 4)) == (255, 255, 255)
        assert picture.getpixel((20, 20)) == (255, 0, 0)


STARTS = [0, 100, 200, 1200, 1250, 1300, 1400, 2000]  # milliseconds


def unsteady(path):
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 40, 30, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for array, start in zip(ARRAY, STARTS, strict=True):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = start, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def test_seconds_of_a_video_without_a_steady_rate_are_those_of_its_file(tmp_path):
    unsteady(tmp_path / "v.mp4")
    lengths = [*np.diff(STARTS).tolist(), 300]
    first, *others = moving_disk()
    first.save(tmp_path / "v.gif", save_all=True, append_images=others, duration=lengths)
    for name, end in (("v.mp4", 2.0 + 2.0 / 7), ("v.gif", 2.3)):
        clip = open_clip(tmp_path / name, 4)
        assert clip.numbers == (0, 2, 4, 6)
        assert clip.times == pytest.approx((0, 0.2, 1.25, 1.4, end))
        assert clip.rate is None
        assert "at no steady rate" in clip.text
    found = agcam.explain(classifier(), tmp_path / "v.mp4", 1, "agcam")
    first, second = sorted(found.moments(), key=lambda moment: moment.start)
    assert (first.start, first.end, first.seconds) == (0, pytest.approx(1.25), True)
    assert (second.start, second.end) == pytest.approx((1.25, 16 / 7))
    assert found.manifest()["clip"]["times"] == list(found.clips[0].times)


# Sound


def test_samples_in_any_order_and_rate_are_one_sound():
    model, samples = agcam.load(ast()), tone().astype(np.float32)
    stereo = np.stack([samples, samples], 1)
    expected = prepare_inputs(model, (samples, 16_000)).pixels
    for sound in (
        (stereo, 16_000),
        (stereo.T, 16_000.0),
        (np.int64(16_000), samples),
        (torch.from_numpy(samples)[None], 16_000),
        {"array": stereo.T, "sampling_rate": 16_000},
    ):
        torch.testing.assert_close(prepare_inputs(model, sound).pixels, expected)


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (tone(), "samples alone do not state how many there are per second"),
        (torch.zeros(1, 16_000), "samples alone do not state how many there are per second"),
        ([0.1] * 100, "samples alone do not state how many there are per second"),
        ((tone() * 32767, 16_000), r"floats up to .* divide them by .* \(32768 of 16 bits\)"),
        ((np.zeros(3), 16_000), "3 samples.* gives no spectrogram.*give a longer one"),
        ((np.zeros((20, 30)), 16_000), r"samples are \(time,\) or \(time, channel\)"),
        ("talk.mp4", "talk.mp4 is a video, .*ffmpeg -i talk.mp4 sound.wav"),
    ],
)
def test_what_is_no_sound_is_refused(sound, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.mp4").touch()
    with pytest.raises(PictureError, match=words):
        agcam.explain(ast(), sound)


def test_a_spectrogram_with_its_axes_exchanged_is_named():
    with pytest.raises(ModelError, match=r"axes are exchanged: values\.transpose\(1, 2\)"):
        agcam.explain(ast(), torch.randn(1, 32, 96))
    with pytest.raises(ModelError, match="takes 96 columns in time of 32 frequencies: give the"):
        agcam.explain(ast(), torch.randn(1, 90, 32))


def test_a_box_of_a_spectrogram_is_seconds_and_hertz():
    found = agcam.explain(ast(), (tone(), 16_000), 1, "agcam")
    size, sound = found.pictures[0].size, found.sounds[0]
    start, end, low, high = sound.region((0, 0, *size), size)
    assert (start, end) == (0, pytest.approx(0.96))
    assert (low, high) == (sound.frequencies[0], sound.frequencies[-1])
    for one in found.boxes():
        start, end, low, high = sound.region(one.box, size)
        assert 0 <= start < end <= 0.96
        assert sound.frequencies[0] <= low <= high <= sound.frequencies[-1]
