"""The maps of clips, frame by frame: overlays, videos, and the moments that count."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from ..maps import PixelMap, overlay, step_of, video, write_atomically
from ..values import Moment
from .shown import ShownMaps

SLOWEST, USUAL, FASTEST = 1.0, 4.0, 12.0  # frames a second of videos that are written
VIDEO_SIDE: Final = 480  # pixels of a longer side


class MovingMaps(ShownMaps):
    """What maps of clips and sounds show in time."""

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

    def video(
        self,
        path: str | Path,
        picture: int = 0,
        target: int = 0,
        *,
        alpha: float = 0.5,
        colormap: str = "turbo",
        side: int = VIDEO_SIDE,
    ) -> Path:
        """Write the overlays of a clip as a video, GIF or MP4 by the name's end.

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
        write_atomically(path, self.video_file(kind, picture, target, side=side, **style))
        return path

    def video_file(
        self, kind: str, picture: int = 0, target: int = 0, *, side: int = VIDEO_SIDE, **style: Any
    ) -> bytes:
        """The content of the file that `video` writes, "gif" or "mp4"."""
        drawn = self.overlays(picture, target, side=side, **style)
        return video(drawn, self._rate(picture), kind)

    def moments(self, picture: int = 0, target: int = 0, count: int = 3) -> tuple[Moment, ...]:
        """The time steps of a clip or a sound with the most relevance, the most relevant first.

        A step's share is its positive relevance over that of all steps.

        Args:
            picture: Which clip, counted from 0.
            target: Which of its targets, counted from 0.
            count: How many moments.

        Raises:
            PictureError: It is neither a clip nor a sound.
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
        return Moment(*span, clip.in_seconds, inside, share)

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
        span = clip.time(len(clip) - 1) - clip.time(0)
        if not clip.in_seconds or span <= 0:
            return USUAL
        return min(max((len(clip) - 1) / span, SLOWEST), FASTEST)
