"""The maps of an explanation on its pictures' pixels, drawings of them, and their objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import PictureError, TargetError
from ..maps import (
    Edges,
    Instance,
    Mask,
    PatchMaps,
    PixelMap,
    Windows,
    instances,
    mask_rule,
    overlay,
    union,
    with_axes,
)
from ..values import Answer, Clip, Frame, Grid, Sound, whole
from .pixels import PixelMaps
from .renamed import renamed


class ShownMaps:
    """Maps of patches on their pictures: every map on pixels comes from `on_pixels`."""

    grid_map: Tensor
    grid: Grid
    frames: tuple[Frame, ...]
    clips: tuple[Clip, ...]
    sounds: tuple[Sound, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    class_specific: bool
    refine: bool
    answers: tuple[tuple[Answer, ...], ...]
    view_maps: Tensor | None
    windows: Windows

    def on_pixels(
        self, picture: int, targets: slice = slice(None), image: Image.Image | None = None
    ) -> PixelMap:
        """Maps of some targets (target, height, width), raw, on the picture or a smaller `image`.

        What the model never saw is NaN.
        """
        image = self.pictures[picture] if image is None else image
        frame = self.frames[picture].scaled(*image.size)
        return self.at_patches(picture, targets).on_pixels(frame, image)

    def at_patches(self, picture: int, targets: slice = slice(None)) -> PatchMaps:
        """The maps of some targets as they come onto pixels."""
        every = self.grid_map[:, :, None] if self.view_maps is None else self.view_maps
        return PatchMaps(
            every[picture, targets].numpy(),
            self.windows,
            self.refine,
            self.grid.extent,
            frames=len(self.clips[picture]) if self.clips else 0,
        )

    def only(self, picture: object, target: object) -> slice:
        """One of the targets of a picture, counted from 0, or from the end where it is below.

        Raises:
            TargetError: There is none; a name of a class is what `explain` takes.
            PictureError: There is no such picture.
        """
        if (of := _place(picture, len(self.pictures))) is None:
            raise PictureError(_no_place("picture", picture, self.sources))
        there = [answer.name for answer in self.answers[of]]
        if (at := _place(target, len(there))) is None:
            raise TargetError(_no_place("target", target, there))
        return slice(at, at + 1)

    def on_frames(self, picture: int = 0, target: int = 0, side: int = 0) -> PixelMap:
        """One map on the pixels of every frame of a clip: (frame, height, width), raw.

        Args:
            picture: Which clip, counted from 0.
            target: Which of its targets, counted from 0.
            side: The most pixels of a longer side; 0 for the frames' own.

        Raises:
            PictureError: It is not a clip.
        """
        clip, frame = self._clip(picture), self.frames[picture]
        if 0 < side < max(frame.width, frame.height):
            share = side / max(frame.width, frame.height)
            frame = frame.scaled(round(frame.width * share), round(frame.height * share))
        maps = self.at_patches(picture, self.only(picture, target))
        size = frame.width, frame.height
        every = [
            maps.of_frame(number).on_pixels(frame, shown.convert("RGB").resize(size))[0]
            for number, shown in enumerate(clip.pictures)
        ]
        return np.stack([np.asarray(one) for one in every]).view(PixelMap)

    @cached_property
    def pixel_map(self) -> PixelMaps:
        """For each picture raw relevance (target, height, width) on the original's pixels.

        What the model never saw is NaN.
        """
        return PixelMaps(self.on_pixels(picture) for picture in range(len(self.pictures)))

    def normalized(self, picture: int = 0, target: int = 0) -> PixelMap:
        """One map (height, width) within [0, 1]; no other map is brought to pixels."""
        values: PixelMap = self.on_pixels(picture, self.only(picture, target)).normalized()[0]
        return values

    @renamed(asked="target")
    def overlay(
        self, picture: int = 0, target: int = 0, *, alpha: float = 0.5, colormap: str = "turbo"
    ) -> Image.Image:
        """The heat map over the original picture.

        Args:
            picture: Which picture, counted from 0.
            target: Which of its targets, counted from 0.
            alpha: Weight of the map, from 0 (the picture alone) to 1.
            colormap: A name of matplotlib's.

        Raises:
            UnknownNameError: There is no such colour map.
            RenderError: `alpha` is out of range.
        """
        values = self.normalized(picture, target)
        return overlay(self.pictures[picture], values, alpha=alpha, colormap=colormap)

    def figure(
        self, picture: int = 0, target: int = 0, *, alpha: float = 0.5, colormap: str = "turbo"
    ) -> Image.Image:
        """The overlay, with seconds and Hz beside it where it is of a sound; as `overlay` else."""
        drawn = self.overlay(picture, target, alpha=alpha, colormap=colormap)
        return with_axes(drawn, self.sounds[picture]) if self.sounds else drawn

    @property
    def shown(self) -> range:
        """The targets whose maps differ: only the first if the method is class-agnostic."""
        return range(self.grid_map.shape[1] if self.class_specific else 1)

    def edges(self, picture: int = 0) -> Edges | None:
        """What lays a mask of one picture on its edges; None if maps are not refined."""
        if not self.refine:
            return None
        maps, frame = self.at_patches(picture), self.frames[picture]
        shown = self.clips[picture].pictures if self.clips else [self.pictures[picture]]

        def on_edges(mask: NDArray[np.float32]) -> PixelMap:
            every = mask.reshape(-1, 1, *mask.shape[-2:]).view(PixelMap)
            size = frame.width, frame.height
            parts = [
                maps.on_edges(one, frame, by.convert("RGB").resize(size))
                for one, by in zip(every, shown, strict=True)
            ]
            return np.concatenate(parts).reshape(mask.shape).view(PixelMap)

        return on_edges

    def boxes(
        self, picture: int = 0, target: int = 0, *, threshold: float | None = None
    ) -> list[Instance]:
        """The objects that a map shows, each with box, mask and score; the highest score first.

        One rule for all methods, found on tuning pictures (decision 87); instances that touch in
        the map are one object. Of refined maps, masks are laid on the picture's edges, too. A
        constant map shows none. In a clip an object goes on from frame to frame, and `by_frame`
        has its boxes; of a sound pixels are those of its spectrogram's picture, and `Sound.region`
        gives seconds and Hz.

        Args:
            picture: Which picture, counted from 0.
            target: Which of its targets, counted from 0.
            threshold: Another share of the map's range, at least 0 and below 1, whatever the
                probability of the class.

        Raises:
            RenderError: `threshold` is out of range.
            TargetError: There is no such target.
            PictureError: There is no such picture.
        """
        rule = mask_rule(threshold)
        if self.clips:
            relevance = self.on_frames(picture, target)
        else:
            relevance = self.on_pixels(picture, self.only(picture, target))[0]
        answer = self.answers[picture][target]
        return instances(relevance, rule, answer.probability, self.edges(picture))

    def masks(self, picture: int = 0, target: int = 0, *, threshold: float | None = None) -> Mask:
        """True on the objects of `boxes`: (height, width) of the original picture.

        What the model never saw is False. Of a clip (frame, height, width).

        Args:
            picture: As in `boxes`.
            target: As in `boxes`.
            threshold: As in `boxes`.

        Raises:
            RenderError: `threshold` is out of range.
        """
        found = self.boxes(picture, target, threshold=threshold)
        frame = self.frames[picture]
        frames = (len(self.clips[picture]),) if self.clips else ()
        return union(found, (*frames, frame.height, frame.width))

    def _clip(self, picture: int) -> Clip:
        if not self.clips:
            raise PictureError(
                f"{self.sources[picture]} is not a clip, which frames, videos and moments are of."
            )
        return self.clips[picture]


def _place(given: object, count: int) -> int | None:
    """A place among so many, counted from 0, or from the end where it is below; None for none."""
    at = whole(given)
    return at % count if at is not None and -count <= at < count else None


def _no_place(kind: str, given: object, there: Sequence[str]) -> str:
    some = f"{', '.join(there[:3])}{', ...' * (len(there) > 3)}"
    return (
        f"{kind} is the place of one of the {kind}s that were explained, 0 to {len(there) - 1} "
        f"({some}), not {given!r}."
    )
