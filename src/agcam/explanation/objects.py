"""The objects that the maps of an explanation show."""

from __future__ import annotations

from torch import Tensor

from ..maps import Instance, Mask, instances, mask_rule, to_pixels, union
from ..values import Frame


class ShownObjects:
    """What maps of patches and the frames of their pictures show."""

    grid_map: Tensor
    frames: tuple[Frame, ...]

    def boxes(
        self, picture: int = 0, target: int = 0, *, threshold: float | None = None
    ) -> list[Instance]:
        """The objects that a map shows, each with box, mask and score; the highest score first.

        One rule for all methods, found on tuning pictures (decision 18); instances that touch in
        the map are one object. A constant map shows none.

        Args:
            picture: Which picture, counted from 0.
            target: Which of its targets, counted from 0.
            threshold: Another share of the map's range, at least 0 and below 1.

        Raises:
            RenderError: `threshold` is out of range.
        """
        grid_map = self.grid_map[picture, target : target + 1].numpy()
        return instances(to_pixels(grid_map, self.frames[picture])[0], mask_rule(threshold))

    def masks(self, picture: int = 0, target: int = 0, *, threshold: float | None = None) -> Mask:
        """True on the objects of `boxes`: (height, width) of the original picture.

        What the model never saw is False.

        Args:
            picture: As in `boxes`.
            target: As in `boxes`.
            threshold: As in `boxes`.

        Raises:
            RenderError: `threshold` is out of range.
        """
        frame = self.frames[picture]
        found = self.boxes(picture, target, threshold=threshold)
        return union(found, (frame.height, frame.width))
