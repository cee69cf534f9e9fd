"""What an explanation is: logits, targets, maps, and all that says how they were made."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from .errors import SaveError
from .maps import PixelMap, heat_map, npy_bytes, overlay, png_bytes, to_pixels, write_atomically
from .values import Frame, Grid, Preparation, Transform, manifest_of

SCHEMA_VERSION: Final = 1
NOTEBOOK_SIDE: Final = 320
LONGEST: Final = 100  # bytes of each of two parts of a file's name, which has at most 255
TOP: Final = 5  # classes of which a manifest tells the probability


class PixelMaps(tuple[PixelMap, ...]):
    """One PixelMap (K, H, W) a picture; `normalized()` gives min-max of each map."""

    __slots__ = ()

    def normalized(self) -> PixelMaps:
        """Every map brought to [0, 1]; what the model never saw stays NaN."""
        return PixelMaps(pixel_map.normalized() for pixel_map in self)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the model said, and where each answer came from; immutable.

    `grid_map` is raw relevance per patch (float64 for a float64 model, else float32);
    `pixel_map` the same on the original picture's pixels, NaN where the model never saw it.
    Tensors are on the CPU.
    """

    logits: Float[Tensor, "batch class"]
    probabilities: Float[Tensor, "batch class"]
    prediction: Int[Tensor, " batch"]
    target: Int[Tensor, "batch asked"]
    grid_map: Float[Tensor, "batch asked rows columns"]
    class_names: tuple[str, ...]
    model: str
    family: str
    weights_hash: str
    method: str
    tracer: str
    grid: Grid
    versions: Mapping[str, str]
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    preparation: Preparation | Transform | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "versions": dict(self.versions)}  # a proxy cannot be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, versions=MappingProxyType(state["versions"]))

    @cached_property
    def pixel_map(self) -> PixelMaps:
        """One array (K, H, W) a picture, raw, on the original picture's pixels."""
        pairs = zip(self.grid_map.numpy(), self.frames, strict=True)
        return PixelMaps(to_pixels(grid_map, frame) for grid_map, frame in pairs)

    def name_of(self, index: int) -> str:
        """A class in words: its first name, or its number."""
        return self.class_names[index].split(",")[0] if self.class_names else f"class {index}"

    def said(self, picture: int = 0, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The most probable classes of a picture, with their probabilities."""
        top = self.probabilities[picture].topk(min(count, self.probabilities.shape[1]))
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return tuple((self.name_of(index), value) for index, value in pairs)

    def overlay(
        self, picture: int = 0, asked: int = 0, *, alpha: float = 0.5, colormap: str = "turbo"
    ) -> Image.Image:
        """The heat map over the original picture; `alpha` is the weight of the map."""
        values = self._normalized(picture, asked)
        return overlay(self.pictures[picture], values, alpha=alpha, colormap=colormap)

    def _normalized(self, picture: int, asked: int) -> PixelMap:
        """One map (H, W) within [0, 1]; the other targets' maps are not spread over pixels."""
        grid_map = self.grid_map[picture, asked : asked + 1].numpy()
        values: PixelMap = to_pixels(grid_map, self.frames[picture]).normalized()[0]
        return values

    def shrunk(self, side: int) -> Explanation:
        """The same maps on smaller pictures, for drawing: no side of one is above `side` pixels."""
        pictures = []
        for picture in self.pictures:
            small = picture.copy()
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            pictures.append(small)
        sizes = zip(self.frames, pictures, strict=True)
        frames = tuple(frame.scaled(small.width, small.height) for frame, small in sizes)
        return replace(self, pictures=tuple(pictures), frames=frames)

    def manifest(self, picture: int = 0) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON."""
        frame = self.frames[picture]
        return {
            "schema_version": SCHEMA_VERSION,
            "source": self.sources[picture],
            "size": [frame.width, frame.height],
            "window": list(frame.window),
            "preparation": manifest_of(self.preparation),
            "model": self.model,
            "family": self.family,
            "weights_sha256": self.weights_hash,
            "method": self.method,
            "tracer": self.tracer,
            "grid": [self.grid.rows, self.grid.columns],
            "versions": dict(self.versions),
            "notes": list(self.notes),
            "prediction": self._class(picture, int(self.prediction[picture])),
            "top": [self._class(picture, index) for index in self._most_probable(picture)],
            "targets": [self._asked(picture, asked) for asked in range(self.target.shape[1])],
        }

    def _most_probable(self, picture: int) -> list[int]:
        logits = self.logits[picture]
        best: list[int] = logits.topk(min(TOP, len(logits))).indices.tolist()
        return best

    def _class(self, picture: int, index: int) -> dict[str, Any]:
        return {
            "class": index,
            "name": self.name_of(index),
            "logit": float(self.logits[picture, index]),
            "probability": float(self.probabilities[picture, index]),
        }

    def _asked(self, picture: int, asked: int) -> dict[str, Any]:
        grid_map = self.grid_map[picture, asked]
        return {
            **self._class(picture, int(self.target[picture, asked])),
            "relevance": {"lowest": float(grid_map.min()), "highest": float(grid_map.max())},
        }

    def save(
        self,
        folder: str | Path,
        *,
        names: Sequence[str] | None = None,
        alpha: float = 0.5,
        colormap: str = "turbo",
    ) -> list[Path]:
        """Write overlay PNG, map PNG, `.npy` (K, H, W float32) and a JSON manifest a picture.

        `names` are the files' first parts, by default those of the pictures. Returns the files.
        Raises SaveError; what was written of the picture that failed is removed again.
        """
        stems = list(names or file_names(self.sources))
        if len(stems) != len(self):
            raise SaveError(f"{len(stems)} names for {len(self)} pictures: give one a picture.")
        written: list[Path] = []
        for picture, stem in enumerate(stems):
            written += self.save_one(folder, picture, stem, alpha=alpha, colormap=colormap)
        return written

    def save_one(
        self,
        folder: str | Path,
        picture: int,
        stem: str,
        *,
        alpha: float = 0.5,
        colormap: str = "turbo",
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[Path]:
        """Write one picture's files as `save` does, the manifest last; `stem` begins their names.

        `more` is put into the manifest. A picture whose manifest is there is there whole.
        """
        return _write_all(Path(folder), self._files(picture, stem, alpha, colormap, more))

    def file_stems(self, picture: int, stem: str) -> list[str]:
        """How the names of each target's files begin, where the picture's begin with `stem`."""
        indices = self.target[picture].tolist()
        return [f"{stem}.{index}-{_slug(self.name_of(index))}" for index in indices]

    def _files(
        self, picture: int, stem: str, alpha: float, colormap: str, more: Mapping[str, Any]
    ) -> Iterator[tuple[str, bytes]]:
        manifest = self.manifest(picture)
        raw = to_pixels(self.grid_map[picture].numpy(), self.frames[picture])
        yield f"{stem}.npy", npy_bytes(np.asarray(raw, dtype=np.float32))
        del raw
        names = self.file_stems(picture, stem)
        for asked, (entry, name) in enumerate(zip(manifest["targets"], names, strict=True)):
            values = self._normalized(picture, asked)
            over = overlay(self.pictures[picture], values, alpha=alpha, colormap=colormap)
            entry["files"] = {"overlay": f"{name}.overlay.png", "map": f"{name}.map.png"}
            yield f"{name}.overlay.png", png_bytes(over)
            yield f"{name}.map.png", png_bytes(heat_map(values, colormap))
        manifest |= {"map_file": f"{stem}.npy", **more}
        yield (
            f"{stem}.json",
            (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(
                "utf-8",
                "backslashreplace",  # a byte that is no text becomes JSON's escape of it
            ),
        )

    def _repr_html_(self) -> str:
        """Notebooks show the overlays, with what was said."""
        return "".join(
            self._figure(picture, asked)
            for picture in range(len(self))
            for asked in range(self.target.shape[1])
        )

    def _figure(self, picture: int, asked: int) -> str:
        image = self.overlay(picture, asked)
        image.thumbnail((NOTEBOOK_SIDE, NOTEBOOK_SIDE))
        data = base64.b64encode(png_bytes(image)).decode()
        index = int(self.target[picture, asked])
        text = f"{self.name_of(index)} {float(self.probabilities[picture, index]):.1%}"
        caption = html.escape(f"{text} ({self.method})")
        return (
            '<figure style="display:inline-block;margin:4px">'
            f'<img alt="{caption}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def __repr__(self) -> str:
        pictures = f"{len(self)} picture{'s' if len(self) != 1 else ''}"
        names = ", ".join(self.name_of(int(index)) for index in self.prediction[:3])
        return f"Explanation({pictures} by {self.method} of {self.model}; said: {names})"


def _write_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    written: list[Path] = []
    try:
        for name, data in files:
            write_atomically(folder / name, data)
            written.append(folder / name)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def file_names(sources: Sequence[str]) -> list[str]:
    """A file name for each source; equal names (in any case, as some disks see it) are numbered."""
    stems: dict[str, str] = {}  # without case -> as it is
    for number, source in enumerate(sources, 1):
        first = _slug(Path(source).stem, keep_case=True) or f"picture-{number}"
        tries = chain([first], (f"{first}-{more}" for more in count(number)))
        stem = next(name for name in tries if name.casefold() not in stems)
        stems[stem.casefold()] = stem
    return list(stems.values())


def _slug(text: str, *, keep_case: bool = False) -> str:
    slug = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80]
    short = slug.encode()[:LONGEST].decode(errors="ignore")  # file systems count bytes, not letters
    return short if keep_case else short.lower()
