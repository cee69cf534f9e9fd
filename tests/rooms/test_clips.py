"""Clips: what a video model saw, on which frames; maps that equal the definition's."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image, ImageDraw
from torch import nn

import agcam
from agcam.errors import ModelError, PictureError
from agcam.explainer import Views
from agcam.images.videos import open_clip, sampled
from agcam.maps import PatchMaps, PixelMap
from agcam.maps.clips import contact_sheet, step_of, tiles, video
from agcam.values import Grid
from reference.definition import attentions, of_keys, of_tokens

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "num_labels": 4,
    "initializer_range": 0.3,
}


def videomae(frames=4, size=(16, 16), patch=(8, 8), **more):
    config = transformers.VideoMAEConfig(
        num_frames=frames, tubelet_size=2, image_size=size, patch_size=patch, **SMALL, **more
    )
    return transformers.VideoMAEForVideoClassification(config).eval()


def vivit(frames=6, tubelet=(3, 8, 8), size=16):
    config = transformers.VivitConfig(
        num_frames=frames, tubelet_size=list(tubelet), image_size=size, **SMALL
    )
    model = transformers.VivitForVideoClassification(config)
    nn.init.normal_(model.vivit.embeddings.position_embeddings)
    return model.eval()


def timesformer(kind="joint_space_time", frames=3, size=16):
    config = transformers.TimesformerConfig(
        num_frames=frames, image_size=size, patch_size=8, attention_type=kind, **SMALL
    )
    return transformers.TimesformerForVideoClassification(config).eval()


CASES = {
    "videomae": (lambda: videomae(6, (16, 32)), (6, 16, 32), 0, "t r c"),
    "videomae, first token": (lambda: videomae(use_mean_pooling=False), (4, 16, 16), 0, "t r c"),
    "vivit": (vivit, (6, 16, 16), 1, "t r c"),
    "timesformer, joint": (timesformer, (3, 16, 16), 1, "r c t"),
}
SHAPES = {
    "videomae": (3, 2, 4),
    "videomae, first token": (2, 2, 2),
    "vivit": (2, 2, 2),
    "timesformer, joint": (3, 2, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_a_map_is_the_definition_on_frames_rows_and_columns(name):
    make, (frames, height, width), first, order = CASES[name]
    model, shape = make().double(), SHAPES[name]
    clips = torch.randn(2, frames, 3, height, width, dtype=torch.float64)
    found = agcam.explain(model, clips, [[1, 3], [0, 1]], "agcam")
    assert found.grid_map.shape == (2, 2, *shape)
    assert found.tracer == "replay"
    for clip, targets, maps in zip(clips, ([1, 3], [0, 1]), found.grid_map, strict=True):
        for target, one in zip(targets, maps, strict=True):
            tokens = of_tokens(model, clip[None], target)[first:]
            steps, rows, columns = shape
            if order == "t r c":
                expected = tokens.reshape(shape)
            else:
                expected = tokens.reshape(rows, columns, steps).movedim(-1, 0)
            assert (one - expected).abs().max() <= 1e-9 * expected.abs().max()


def divided_by_definition(model, clip, target):
    """(time, row, column) of a TimeSformer: in time within each patch, in space within a frame."""
    steps, side = model.config.num_frames, model.config.image_size // model.config.patch_size
    total = torch.zeros(steps, side * side, dtype=clip.dtype)
    for scores, alpha in attentions(model, clip, torch.tensor([target])):
        relevance = of_keys(scores, alpha)  # window key
        in_time = relevance.shape == (side * side, steps)
        total += relevance.T if in_time else relevance[:, 1:]  # the class token has no place
    return total.reshape(steps, side, side)


def test_divided_attention_in_time_and_space_is_the_definition():
    model = timesformer("divided_space_time", frames=4, size=24).double()
    clips = torch.randn(2, 4, 3, 24, 24, dtype=torch.float64)
    found = agcam.explain(model, clips, [[1, 3]] * 2, "agcam")
    assert found.grid_map.shape == (2, 2, 4, 3, 3)
    for clip, maps in zip(clips, found.grid_map, strict=True):
        for target, one in zip((1, 3), maps, strict=True):
            expected = divided_by_definition(model, clip[None], target)
            assert (one - expected).abs().max() <= 1e-9 * expected.max()


def test_attention_in_single_frames_alone_is_explained_with_the_mean_of_their_logits():
    """What the refusal states to type is explained, and equals the definition in every frame."""
    model, clips = timesformer("space_only").double(), torch.randn(2, 3, 3, 16, 16).double()
    with pytest.raises(ModelError, match="gives 3 rows of logits for 1 clip") as caught:
        agcam.explain(model, clips)
    assert "logits=lambda y: y.logits.unflatten(0, (-1, 3)).mean(1))." in str(caught.value)

    def mean(y):
        return y.logits.unflatten(0, (-1, 3)).mean(1)

    found = agcam.explain(agcam.load(model, logits=mean), clips, 1, "agcam").grid_map
    for clip, one in zip(clips, found[:, 0], strict=True):
        total = torch.zeros(3, 4, dtype=torch.float64)
        run = attentions(lambda pixels: mean(model(pixels)), clip[None], torch.tensor([1]))
        for scores, alpha in run:  # frame head row key
            total += of_keys(scores, alpha)[:, 1:]
        assert (one - total.view(3, 2, 2)).abs().max() <= 1e-9 * total.max()


def test_a_batch_is_its_clips_one_by_one_and_targets_are_targets_one_by_one():
    model, clips = videomae().double(), torch.randn(3, 4, 3, 16, 16, dtype=torch.float64)
    together = agcam.explain(model, clips, [[0, 2]] * 3, "agcam").grid_map
    for number, clip in enumerate(clips):
        for place, target in enumerate((0, 2)):
            one = agcam.explain(model, clip[None], target, "agcam").grid_map[0, 0]
            torch.testing.assert_close(one, together[number, place], rtol=1e-9, atol=0)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_class_that_lies_in_one_frame_and_corner_lights_it(step, corner):
    """A planted truth: attention finds bright patches, and the head reads what they are."""
    model = videomae(6)
    row, column = corner
    clip = torch.zeros(1, 6, 3, 16, 16)
    clip[0, 2 * step : 2 * step + 2, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.zero_()
            if "norm" in name and name.endswith("weight"):
                parameter.fill_(1)
        videomae_module = model.videomae
        videomae_module.embeddings.position_embeddings.zero_()
        projection = videomae_module.embeddings.patch_embeddings.projection
        projection.weight[0] = 1 / projection.weight[0].numel()
        projection.bias[1] = 0.1  # a norm of nothing would be nothing
        for layer in videomae_module.encoder.layer:
            for part in (layer.attention.attention.value, layer.attention.output.dense):
                part.weight.copy_(torch.eye(16))
        model.classifier.weight[1, 0] = 1
    one = agcam.explain(model, clip, 1, "agcam").grid_map[0, 0]
    assert int(one.argmax()) == (step * 2 + row) * 2 + column
    assert one.flatten().sort(descending=True).values[0] > 2 * one.flatten().sort().values[-2]


class ChannelsFirst(nn.Module):
    """A clip model of one's own: (batch, channel, frame, height, width), class token in the end."""

    def __init__(self, wrong=False):
        super().__init__()
        self.stem = nn.Conv3d(3, 16, (2, 4, 4), (2, 4, 4))
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)
        self.wrong = wrong

    def forward(self, clip):
        tokens = self.stem(clip).flatten(2).mT
        if self.wrong:
            tokens = tokens[:, torch.randperm(tokens.shape[1], generator=torch.Generator())]
        token = self.token.expand(len(clip), -1, -1)
        return self.head(self.blocks(torch.cat([tokens, token], 1))[:, -1])


def test_a_model_of_ones_own_with_channels_first():
    model = ChannelsFirst().double().eval()
    clip = torch.randn(1, 3, 4, 8, 12, dtype=torch.float64)
    found = agcam.explain(model, clip, 2, "agcam")
    expected = of_tokens(model, clip, 2)[:-1].reshape(2, 2, 3)
    assert (found.grid_map[0, 0] - expected).abs().max() <= 1e-9 * expected.max()
    assert len(found.clips[0]) == 4
    assert found.grid == Grid(2, 3, prefix=0, suffix=1, frames=2)


def test_tokens_in_no_order_are_refused():
    with pytest.raises(ModelError, match="do not lie on the input as rows and columns do"):
        agcam.explain(ChannelsFirst(wrong=True).eval(), torch.randn(1, 3, 4, 8, 12))


def test_a_clip_for_a_model_of_pictures_is_refused(tiny):
    with pytest.raises(ModelError, match=r"does not run on a clip.*give single frames"):
        agcam.explain(tiny, torch.randn(1, 4, 3, 32, 32))


# Videos, folders, lists


def moving_disk(count=8, size=(40, 30)):
    frames = []
    for number in range(count):
        frame = Image.new("RGB", size, (30, 40, 60))
        ImageDraw.Draw(frame).ellipse((number * 3, 10, number * 3 + 9, 19), fill=(240, 200, 40))
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """The same eight frames as mp4, gif and a folder."""
    place, frames = tmp_path_factory.mktemp("videos"), moving_disk()
    (place / "disk.mp4").write_bytes(video(frames, 10, "mp4"))
    frames[0].save(place / "disk.gif", save_all=True, append_images=frames[1:], duration=100)
    (place / "frames").mkdir()
    for number, frame in enumerate(frames):
        frame.save(place / "frames" / f"{number}.png")
    return place


def classifier():
    made = agcam.load(videomae())
    return replace(made, preparation=replace(made.preparation, size=(16, 16), resize=16))


def test_frames_are_sampled_evenly_from_the_first():
    assert sampled(20, 6) == [0, 3, 6, 10, 13, 16]  # as transformers' arange(0, 20, 20 / 6).int()
    assert sampled(4, 4) == [0, 1, 2, 3]
    assert sampled(2, 4) == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", ["disk.mp4", "disk.gif", "frames", "list", "array"])
def test_a_video_a_folder_and_a_list_of_frames_are_one_clip(videos, kind):
    given = {"list": moving_disk(), "array": np.stack([np.asarray(f) for f in moving_disk()])}
    model = classifier()
    found = agcam.explain(model, given.get(kind, videos / kind), 1)
    assert len(found) == 1
    clip = found.clips[0]
    assert clip.numbers == (0, 2, 4, 6)
    assert clip.total == 8
    assert clip.rate == (10 if kind.startswith("disk") else None)
    assert any(clip.text in note for note in found.notes)
    assert clip.pictures[0].size == (40, 30)
    for one, other in zip(clip.pictures, moving_disk()[::2], strict=True):
        lost = np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean()
        assert lost <= {"disk.mp4": 6, "disk.gif": 0.5}.get(kind, 0)
    if not kind.startswith("disk"):
        whole = agcam.explain(model, moving_disk(), 1).grid_map
        torch.testing.assert_close(found.grid_map, whole)


def test_several_clips(videos):
    assert len(agcam.explain(classifier(), [videos / "disk.mp4", videos / "frames"])) == 2
    batches = list(agcam.explain_each(classifier(), videos, batch_size=1))  # those in a folder
    assert [batch.pictures[0].name for batch in batches] == ["disk.gif", "disk.mp4", "frames"]
    bad = [videos / "disk.gif", videos / "none.mp4"]
    assert [batch.error is None for batch in agcam.explain_each(classifier(), bad)] == [True, False]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Image.new("RGB", (8, 8)), "is one picture, and the model takes clips of 4 frames"),
        ("nowhere.mp4", "nowhere.mp4 does not exist"),
        (np.zeros((8, 8, 3), np.uint8), r"an array of a clip is \(frame, height, width, 3\)"),
        (np.zeros((4, 3, 8, 8)), r"channels elsewhere.*array\.transpose\(0, 2, 3, 1\)"),
        ([Image.new("RGB", (8, 8))], r"is one picture.*\[picture\] \* 4"),
        ([Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8))], "have one size, not 8 x 8 and"),
        (torch.zeros(4, 3, 16, 16), r"add the batch: pixels\[None\]"),
        (torch.zeros(1, 4, 3, 16, 16, dtype=torch.long), "floating and normalized"),
        ([], "no clip was given"),
    ],
)
def test_what_is_no_clip_is_refused(given, words):
    with pytest.raises(PictureError, match=words):
        agcam.explain(classifier(), given)


def test_a_file_that_is_no_video_is_refused(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"not a video")
    with pytest.raises(PictureError, match=r"bad\.mp4 cannot be read as a video"):
        open_clip(tmp_path / "bad.mp4", 4)


def test_a_clip_shorter_than_the_model_takes_repeats_frames_and_notes_it():
    found = agcam.explain(classifier(), moving_disk(3))
    assert found.clips[0].numbers == (0, 0, 1, 2)
    assert "clip: 3 frames, and the model takes 4: frames are repeated" in found.notes


@pytest.mark.parametrize("name", ["VideoMAE", "Vivit", "Timesformer"])
def test_frames_are_prepared_as_the_processor_prepares_them(name):
    sides = {"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 16}}
    processor = getattr(transformers, f"{name}VideoProcessor")(**sides)
    model = {"VideoMAE": videomae, "Vivit": vivit, "Timesformer": timesformer}[name]()
    from agcam.families.hf_vit import classifier_of
    from agcam.images import prepare_inputs

    made = prepare_inputs(classifier_of(model, "", processor, None), moving_disk())
    clip = np.stack([np.asarray(frame) for frame in made.clips[0].pictures])
    theirs = processor([clip], return_tensors="pt")["pixel_values"]
    assert made.pixels.shape == theirs.shape
    assert (made.pixels - theirs).abs().max() < 0.05  # they resize tensors, antialiased
    assert (made.pixels - theirs).abs().mean() < 0.005


# What is shown and written


def test_frames_lie_side_by_side_on_a_sheet_and_maps_with_them():
    frames = moving_disk(5)
    sheet = contact_sheet(frames)
    assert sheet.size == (120, 60)
    assert tiles(5, sheet.size)[4] == (40, 30, 80, 60)
    assert sheet.crop((40, 30, 80, 60)).tobytes() == frames[4].tobytes()
    found = agcam.explain(classifier(), moving_disk(), 1, "agcam")
    maps, own = found.on_pixels(0)[0], found.on_frames(0, 0)
    for place, (left, top, right, bottom) in enumerate(tiles(4, found.pictures[0].size)):
        np.testing.assert_array_equal(np.asarray(maps[top:bottom, left:right]), own[place])
    assert np.isnan(own).any()  # beside the crop
    np.testing.assert_array_equal(own[0], own[1])  # one tubelet
    assert not np.array_equal(own[1], own[2])


def test_the_time_step_of_a_frame():
    assert [step_of(n, 6, Grid(1, 1, 0, frames=3)) for n in range(6)] == [0, 0, 1, 1, 2, 2]
    dropped = Grid(1, 1, 0, frames=2, extent=((0, 4 / 5), (0, 1), (0, 1)))  # the fifth is unused
    assert [step_of(n, 5, dropped) for n in range(5)] == [0, 0, 1, 1, 1]


def test_moments_are_the_time_steps_with_most_relevance(videos):
    found = agcam.explain(classifier(), videos / "disk.mp4", 1, "agcam")
    first, second = found.moments()
    totals = found.grid_map[0, 0].sum((1, 2))
    assert first.share == pytest.approx(float(totals.max() / totals.sum()))
    assert first.share + second.share == pytest.approx(1)
    by_time = sorted((first, second), key=lambda moment: moment.start)
    assert [(m.start, m.end, m.frames) for m in by_time] == [(0, 0.4, (0, 1)), (0.4, 0.8, (2, 3))]
    assert str(by_time[0]).startswith("0.00 to 0.40 s: ")
    listed = agcam.explain(classifier(), moving_disk(), 1, "agcam")
    assert str(sorted(listed.moments(), key=lambda m: m.start)[0]).startswith("frames 0 to 4: ")


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_video_of_the_overlays(tmp_path, kind):
    found = agcam.explain(classifier(), moving_disk(), 1, "agcam")
    overlays = found.overlays()
    assert [one.size for one in overlays] == [(40, 30)] * 4
    path = found.video(tmp_path / f"made.{kind}")
    frames = open_clip(path, 4)
    assert frames.total == 4
    for one, other in zip(frames.pictures, overlays, strict=True):
        assert np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean() < 12


def test_files_of_a_clip(tmp_path):
    found = agcam.explain(classifier(), moving_disk(), [[1, 2]], "agcam")
    names = {path.name for path in found.save(tmp_path)}
    assert {"clip-1.json", "clip-1.npy", "clip-1.1-class-1.gif"} <= names
    manifest = json.loads((tmp_path / "clip-1.json").read_text())
    assert manifest["clip"] == {"frames": [0, 2, 4, 6], "rate": None, "total": 8}
    assert manifest["grid"] == [2, 2, 2]
    assert len(manifest["targets"][0]["moments"]) == 2
    np.testing.assert_array_equal(np.load(tmp_path / "clip-1.npy"), found.grid_map[0])


def test_what_is_for_still_pictures_alone_is_refused(tiny, pixels, tmp_path):
    model = classifier()
    with pytest.raises(PictureError, match="is not a clip, which frames, videos and moments"):
        agcam.explain(tiny, pixels[:1]).moments()
    with pytest.raises(
        ModelError, match=r"takes a clip, and the formats of annotate.*clip\.mp4.*masks\(\)"
    ):
        agcam.annotate(model, ".", out=tmp_path / "out")


def test_boxes_and_masks_of_a_clip_are_those_of_its_frames():
    found = agcam.explain(classifier(), moving_disk(), 1, "agcam")
    values = np.zeros(found.grid_map.shape, np.float32)
    values[0, 0, 0, 0, 0] = values[0, 0, 1, 1, 1] = 1  # first step above left, second below right
    found = replace(found, grid_map=torch.from_numpy(values))
    objects, mask = found.boxes(), found.masks()
    assert mask.shape == (4, 30, 40)
    np.testing.assert_array_equal(mask, sum(one.mask.astype(int) for one in objects) > 0)
    by_frame = {frame: box for one in objects for frame, box in one.by_frame.items()}
    assert set(by_frame) == {0, 1, 2, 3}
    assert by_frame[0] == by_frame[1]  # one time step
    for frame, box in by_frame.items():
        left, top, right, bottom = box
        inside = mask[frame].nonzero()
        assert (inside[0].min(), inside[0].max() + 1) == (top, bottom)
        assert (inside[1].min(), inside[1].max() + 1) == (left, right)
    assert by_frame[0][0] < by_frame[2][0]
    assert by_frame[0][1] < by_frame[2][1]


def test_methods_are_compared_on_a_clip(tmp_path):
    model, clip = classifier(), moving_disk()
    methods = ("agcam", "raw_attention", "occlusion", "random")
    done = agcam.compare(model, clip, [[1, 2]], methods)
    assert [column.method.name for column in done.columns] == [*methods]
    for column in done.columns:
        found = agcam.explain(model, clip, [[1, 2]], column.method.name)
        torch.testing.assert_close(column.grid_map, found.grid_map[0], rtol=1e-4, atol=1e-6)
        sheet = column.maps.on_pixels(done.frame, done.picture)
        assert done.picture.size == found.pictures[0].size
        shown = len(sheet)  # a map without classes is drawn for each target all the same
        np.testing.assert_allclose(sheet, found.on_pixels(0)[:shown], rtol=1e-3, atol=1e-5)
    sheet, page = done.report(tmp_path)
    assert sheet.stat().st_size > 1000
    assert "raw_attention" in page.read_text()
    with pytest.raises(PictureError, match="one clip is compared at a time, not 2"):
        agcam.compare(model, [clip, clip])


def test_each_frame_is_refined_by_its_own_edges():
    model, clip = classifier(), moving_disk()
    plain, refined = (agcam.explain(model, clip, 1, refine=fine) for fine in (False, True))
    assert torch.equal(plain.grid_map, refined.grid_map)
    frames = refined.on_frames()
    assert not np.allclose(frames, plain.on_frames(), equal_nan=True)
    mask = np.where(np.isnan(frames), np.nan, frames > np.nanmedian(frames)).astype(np.float32)
    on_edges = refined.edges()(mask)
    for number, picture in enumerate(refined.clips[0].pictures):
        step = step_of(number, len(refined.clips[0]), refined.grid)
        still = PatchMaps(refined.grid_map[0, :1, step][:, None].numpy(), refined=True)
        expected = still.on_pixels(refined.frames[0], picture.convert("RGB"))[0]
        np.testing.assert_allclose(frames[number], expected, rtol=1e-5, atol=1e-7)
        only = mask[number][None].view(PixelMap)
        expected = still.on_edges(only, refined.frames[0], picture.convert("RGB"))[0]
        np.testing.assert_array_equal(on_edges[number], expected)
    assert refined.masks().shape == frames.shape


@pytest.mark.parametrize("count", [2, 5])
def test_views_of_a_clip_are_those_of_its_frames(count):
    clips = torch.randn(2, 4, 3, 16, 24)
    views = Views.of(count, (16, 24), Grid(2, 3, 0, frames=2))
    of_clip = views.of_pictures(clips).unflatten(0, (count, 2))
    for frame in range(4):
        of_frame = views.of_pictures(clips[:, frame]).unflatten(0, (count, 2))
        torch.testing.assert_close(of_clip[:, :, frame], of_frame)
    model, clip = classifier(), moving_disk()
    found = agcam.explain(model, clip, [[1, 2]], views=count)
    assert found.grid_map.shape == agcam.explain(model, clip, [[1, 2]]).grid_map.shape
    assert found.view_maps.shape[2] == count
    assert np.isfinite(found.on_frames()).any()


METHODS = ("agcam_spread", "agcam_focus", "raw_attention", "rollout", "gae", "lrp", "grad_cam")


@pytest.mark.parametrize("method", [*METHODS, "random", "gaussian", "bicam", "recipro_cam"])
@pytest.mark.parametrize("make", [videomae, timesformer])
def test_methods_that_read_attention_work_on_clips(make, method):
    model = make()
    clip = torch.randn(1, model.config.num_frames, 3, 16, 16)
    found = agcam.explain(model, clip, 1, method).grid_map
    assert found.shape[2:] == ((2, 2, 2) if make is videomae else (3, 2, 2))
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_that_torch_does_not_compute_stays_the_models_own(attention):
    """VideoPrism caps its scores; its logits have an axis of one row."""
    sizes = {**SMALL, "num_spatial_layers": 1, "num_temporal_layers": 1, "num_auxiliary_layers": 1}
    config = transformers.VideoPrismVisionConfig(
        **sizes, image_size=16, num_frames=3, tubelet_size=[1, 8, 8]
    )
    model = transformers.VideoPrismForVideoClassification(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    model.eval().config._attn_implementation_internal = attention
    clip = torch.randn(1, 3, 3, 16, 16)
    found = agcam.explain(model, clip, 2, "agcam")
    assert model.config._attn_implementation == attention
    model.config._attn_implementation_internal = "eager"
    torch.testing.assert_close(found.logits, model(clip).logits[:, 0], rtol=1e-4, atol=1e-5)
    assert found.grid_map.shape == (1, 1, 3, 2, 2)
