"""The maps of clips, frame by frame: overlays, films, and the moments that count."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from ..errors import PictureError
from ..maps import PixelMap, film, overlay, step_of, write_atomically
from ..values import Clip, Moment
from .shown import ShownMaps

SLOWEST, USUAL, FASTEST = 1.0, 4.0, 12.0  # frames a second of films that are written
FILM_SIDE: Final = 480  # pixels of a longer side


class MovingMaps(ShownMaps):
    """What maps of clips and sounds show in time."""

    sources: tuple[str, ...]

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
        maps, size = (
            self.at_patches(picture, slice(target, target + 1)),
            (frame.width, frame.height),
        )
        every = [
            maps.of_frame(number).on_pixels(frame, shown.convert("RGB").resize(size))[0]
            for number, shown in enumerate(clip.pictures)
        ]
        return np.stack([np.asarray(one) for one in every]).view(PixelMap)

    def overlays(
        self,
        picture: int = 0,
        target: int = 0,
        *,
        alpha: float = 0.5,
        colormap: str = "turbo",
        side: int = 0,
    ) -> tuple[Image.Image, ...]:
        """The heat map over every frame of a clip; one colour scale for all of them.

        Args:
            picture: Which clip, counted from 0.
            target: Which of its targets, counted from 0.
            alpha: Weight of the map, from 0 (the frame alone) to 1.
            colormap: A name of matplotlib's.
            side: The most pixels of a longer side; 0 for the frames' own.

        Raises:
            PictureError: It is not a clip.
            UnknownNameError: There is no such colour map.
            RenderError: `alpha` is out of range.
        """
        maps = self.on_frames(picture, target, side)
        values = np.asarray(maps.reshape(1, -1, maps.shape[-1]).view(PixelMap).normalized())
        size = maps.shape[2], maps.shape[1]
        return tuple(
            overlay(shown.convert("RGB").resize(size), one, alpha=alpha, colormap=colormap)
            for shown, one in zip(
                self.clips[picture].pictures, values.reshape(maps.shape), strict=True
            )
        )

    def film(
        self,
        path: str | Path,
        picture: int = 0,
        target: int = 0,
        *,
        alpha: float = 0.5,
        colormap: str = "turbo",
        side: int = FILM_SIDE,
    ) -> Path:
        """Write the overlays of a clip as a film, GIF or MP4 by the name's end.

        Args:
            path: The file, `.gif` or `.mp4` (which needs the extra `video`).
            picture: As in `overlays`.
            target: As in `overlays`.
            alpha: As in `overlays`.
            colormap: As in `overlays`.
            side: As in `overlays`.

        Raises:
            PictureError: It is not a clip.
            SaveError: The file could not be written.
        """
        path, style = Path(path), {"alpha": alpha, "colormap": colormap}
        kind = path.suffix.lower().removeprefix(".")
        write_atomically(path, self.film_file(kind, picture, target, side=side, **style))
        return path

    def film_file(
        self, kind: str, picture: int = 0, target: int = 0, *, side: int = FILM_SIDE, **style: Any
    ) -> bytes:
        """The content of the file that `film` writes, "gif" or "mp4"."""
        drawn = self.overlays(picture, target, side=side, **style)
        return film(drawn, self._rate(picture), kind)

    def moments(self, picture: int = 0, target: int = 0, count: int = 3) -> tuple[Moment, ...]:
        """The time steps of a clip or a sound with the most relevance, the most relevant first.

        A step's share is its positive relevance over that of all steps.

        Args:
            picture: Which clip, counted from 0.
            target: Which of its targets, counted from 0.
            count: How many moments.

        Raises:
            PictureError: It is not a clip.
        """
        relevance = self.grid_map[picture, target].clamp(min=0).double()
        if self.sounds:
            totals = relevance.sum(0)  # of columns
        else:
            self._clip(picture)
            totals = relevance.flatten(1).sum(1)
        shares = (totals / totals.sum().clamp(min=1e-300)).tolist()
        best = sorted(range(len(shares)), key=lambda step: -shares[step])
        make = self._of_sound if self.sounds else self._of_clip
        found = (make(picture, step, shares[step]) for step in best)
        return tuple(islice((moment for moment in found if moment is not None), count))

    def _of_clip(self, picture: int, step: int, share: float) -> Moment | None:
        """A time step of a clip; None where it holds no frame."""
        clip = self.clips[picture]
        frames = range(len(clip))
        inside = tuple(n for n in frames if step_of(n, len(clip), self.grid) == step)
        if not inside:
            return None
        span = clip.time(inside[0]), clip.time(inside[-1] + 1)
        return Moment(*span, clip.rate is not None, inside, share)

    def _of_sound(self, picture: int, step: int, share: float) -> Moment:
        """A column of a sound's patches."""
        sound, columns = self.sounds[picture], self.grid.columns
        start, stop = self.grid.extent[1] if self.grid.extent else (0.0, 1.0)
        ends = (start + (stop - start) * place / columns for place in (step, step + 1))
        begin, end = map(sound.time, ends)
        return Moment(begin, end, sound.step is not None, (), share)

    def _rate(self, picture: int) -> float:
        """Frames a second that show a clip at its own pace, within what eyes follow."""
        clip = self.clips[picture]
        if clip.rate is None or len(clip) < 2 or clip.numbers[-1] == clip.numbers[0]:
            return USUAL
        rate = clip.rate * (len(clip) - 1) / (clip.numbers[-1] - clip.numbers[0])
        return min(max(rate, SLOWEST), FASTEST)

    def _clip(self, picture: int) -> Clip:
        if not self.clips:
            raise PictureError(
                f"{self.sources[picture]} is not a clip, which frames, films and moments are of."
            )
        return self.clips[picture]
