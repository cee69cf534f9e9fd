"""Small models trained where the answer is known: handwritten digits on photographs.

A digit (scikit-learn's, 8 pixels a side, enlarged) stands somewhere on a crop of a photograph and
decides the class. Beside it, or in the other frames of a clip, stands a decoy: another digit whose
quarters are turned and exchanged, in a colour of the same kind, which decides nothing. Digits and
photographs are halved: what is judged was never trained on.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

DIGITS = (0, 1, 4, 7)
SIDE, OBJECT = 48, 16  # pixels of a picture and of the digit on it
CLIP_SIDE, FRAMES, SHOWN = 32, 8, 4  # pixels; frames of a clip; frames in which the digit is there
PHOTOGRAPHS = "caltech101"
EASIER = 0.5  # of the training, until the task is the whole one
LARGER = 72  # pixels of the shorter side of a photograph that crops are taken of


@dataclass(frozen=True, eq=False)
class Sources:
    """Digits (digit, side, side) within 0 ... 1, their labels, and photographs to crop."""

    digits: torch.Tensor
    labels: torch.Tensor
    photographs: list[torch.Tensor]


def sources(root, half):
    """The half (0 or 1) of the digits and the photographs."""
    found = load_digits()
    some = [n for n in np.flatnonzero(np.isin(found.target, DIGITS)) if n % 2 == half]
    shades = torch.tensor(found.images[some], dtype=torch.float32)[:, None] / 16
    labels = torch.tensor([DIGITS.index(digit) for digit in found.target[some]])
    digits = nn.functional.interpolate(shades, (OBJECT, OBJECT), mode="bicubic")[:, 0].clamp(0, 1)
    files = sorted((Path(root) / PHOTOGRAPHS).glob("*/*"))[half::2]
    return Sources(digits, labels, [_photograph(f) for f in files])


def _photograph(file):
    picture = Image.open(file).convert("RGB")
    share = LARGER / min(picture.size)
    small = picture.resize([round(side * share) for side in picture.size])
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255


class Scenes:
    """Pictures and clips drawn from sources, each with its class and where its digit is.

    `hardness` is the contrast of the photograph, and how often there is a decoy.
    """

    def __init__(self, some, seed, hardness=1.0):
        self.sources, self.random = some, np.random.default_rng(seed)
        self.hardness = hardness

    def pictures(self, count):
        """Pixels (picture, 3, SIDE, SIDE), labels, True on the strokes of digit and decoy."""
        return self._stacked(count, self._picture)

    def clips(self, count):
        """Pixels (clip, FRAMES, 3, side, side), labels, True on the strokes in each frame."""
        return self._stacked(count, self._clip)

    def _stacked(self, count, one):
        made = [one() for _ in range(count)]
        return tuple(torch.stack(some) for some in zip(*made, strict=True))

    def _picture(self):
        scene = self._background(SIDE)
        digit, label = self._digit()
        places = self._apart()
        decoy = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        if self.random.random() < self.hardness:
            decoy = self._put(scene, self._decoy(), places[1], self._colour())
        mask = self._put(scene, digit, places[0], self._colour())
        return _normal(scene), label, mask, decoy

    def _clip(self):
        """The digit moves through SHOWN frames that follow one another, a decoy through the others.

        Both begin with a time step of the model, which holds two frames.
        """
        scene = self._background(CLIP_SIDE).expand(FRAMES, -1, -1, -1).clone()
        digit, label = self._digit()
        begin = 2 * self.random.integers((FRAMES - SHOWN) // 2 + 1)
        masks = torch.zeros(2, FRAMES, CLIP_SIDE, CLIP_SIDE, dtype=torch.bool)
        inside = range(begin, begin + SHOWN)
        others = set(range(FRAMES)) - set(inside) if self.random.random() < self.hardness else ()
        for shape, frames in ((self._decoy(), others), (digit, inside)):
            colour, place = self._colour(), self._inside(CLIP_SIDE)
            speed = self.random.choice([-2, -1, 1, 2], 2)
            for frame in range(FRAMES):
                if frame in frames:
                    mask = self._put(scene[frame], shape, place, colour)
                    masks[int(shape is not digit), frame] = mask
                place = np.clip(place + speed, 0, CLIP_SIDE - OBJECT)
        return _normal(scene), label, *masks

    def _background(self, side):
        photograph = self.sources.photographs[self.random.integers(len(self.sources.photographs))]
        top, left = (self.random.integers(edge - side + 1) for edge in photograph.shape[1:])
        return photograph[:, top : top + side, left : left + side] * self.hardness

    def _digit(self):
        number = self.random.integers(len(self.sources.digits))
        return self.sources.digits[number], self.sources.labels[number]

    def _decoy(self):
        """A digit whose quarters are turned by half and stand in other corners."""
        digit, _ = self._digit()
        half = OBJECT // 2
        quarters = [digit[y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
        a, b, c, d = (quarters[n].rot90(2) for n in self.random.permutation([3, 2, 1, 0]))
        return torch.cat([torch.cat([a, b], 1), torch.cat([c, d], 1)])

    def _colour(self):
        """A bright colour: one channel full, one low."""
        values = [1.0, float(self.random.uniform(0.3, 1)), float(self.random.uniform(0, 0.4))]
        return torch.tensor(self.random.permutation(values), dtype=torch.float32)[:, None, None]

    def _inside(self, side):
        return self.random.integers(0, side - OBJECT + 1, 2)

    def _apart(self):
        """Two places that do not touch."""
        while True:
            first, second = self._inside(SIDE), self._inside(SIDE)
            if np.abs(first - second).max() >= OBJECT:
                return first, second

    @staticmethod
    def _put(scene, shape, place, colour):
        """Draw a shape on a scene (3, side, side); gives True on its strokes."""
        top, left = place
        part = scene[:, top : top + OBJECT, left : left + OBJECT]
        part.copy_(part * 0.6 * (1 - shape) + colour * shape)
        mask = torch.zeros(scene.shape[1:], dtype=torch.bool)
        mask[top : top + OBJECT, left : left + OBJECT] = shape > 0.3
        return mask


def _normal(scene):
    return (scene - 0.5) / 0.5


def swin():
    """A Swin of two stages on 12 x 12 patches of 4 pixels, windows of 3 x 3."""
    from timm.models.swin_transformer import SwinTransformer

    return SwinTransformer(
        img_size=SIDE,
        patch_size=4,
        window_size=3,
        embed_dim=32,
        depths=(2, 4),
        num_heads=(2, 4),
        num_classes=len(DIGITS),
        drop_path_rate=0.0,
    )


def vit_mean(pooled="avg"):
    """A ViT of four blocks on 6 x 6 patches of 8 pixels, read by the mean of its patches."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=SIDE,
        patch_size=8,
        embed_dim=64,
        depth=4,
        num_heads=4,
        mlp_ratio=2,
        num_classes=len(DIGITS),
        global_pool=pooled,
        class_token=pooled == "token",
    )


def vit_class():
    """The same, read by a class token."""
    return vit_mean("token")


def _hugging_face(kind, **options):
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        image_size=CLIP_SIDE,
        num_frames=FRAMES,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        num_labels=len(DIGITS),
        **options,
    )
    return getattr(transformers, f"{kind}ForVideoClassification")(config)


def videomae():
    """A VideoMAE of three blocks, tokens of 2 frames x 8 x 8 pixels, read by their mean."""
    return _hugging_face("VideoMAE", patch_size=8, tubelet_size=2)


def timesformer():
    """A TimeSformer of three blocks, attention divided into time and space."""
    return _hugging_face(
        "Timesformer",
        patch_size=8,
        attention_type="divided_space_time",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


MODELS = {
    "swin": swin,
    "videomae": videomae,
    "timesformer": timesformer,
    "vit_mean": vit_mean,
    "vit_class": vit_class,
}
CLIPS = ("videomae", "timesformer")


def drawn(name, scenes, count):
    """Pixels, labels and masks of what a model takes."""
    return scenes.clips(count) if name in CLIPS else scenes.pictures(count)


def train(name, some, seconds, hardness=1.0, batch=32, seed=0):
    """A model trained for so many seconds of a processor, and its line of progress."""
    torch.manual_seed(seed)
    model, scenes = MODELS[name]().train(), Scenes(some, seed)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.02)
    start, step, mean = time.process_time(), 0, math.log(len(DIGITS))
    while (spent := (time.process_time() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            warm = min(1, (step + 1) / 200)
            group["lr"] = 1e-3 * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * spent)) / 2)
        scenes.hardness = hardness * min(
            1.0, spent / EASIER
        )  # from digits on black to the whole task
        pixels, labels, *_ = drawn(name, scenes, batch)
        loss = nn.functional.cross_entropy(logits(model(pixels)), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, mean = step + 1, 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"{name}: step {step}, {100 * spent:.0f} %, loss {mean:.3f}", flush=True)
    return model.eval()


def logits(output):
    """Of timm or Hugging Face."""
    return getattr(output, "logits", output)
