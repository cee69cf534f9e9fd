"""What a user states of a preparation; the rest stays as the model has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ..errors import ModelError, PictureError
from .preparation import Fit, Interpolation, Preparation


@dataclass(frozen=True)
class Changes:
    """What a user states of a preparation, each as in `Preparation`; empty is not stated.

    One number for `mean` or `std` is that of every channel. Another `size` scales `resize` along,
    another `fit` resizes to the size itself, unless `resize` is stated too.
    """

    size: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fit: Fit | Literal[""] = ""
    resize: tuple[int, ...] = ()
    interpolation: Interpolation | Literal[""] = ""
    value_range: tuple[float, ...] = ()

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Changes:
        """From names and values, one number standing for several; ModelError for other names."""
        known = [field.name for field in fields(cls)]
        unknown = [str(name) for name in stated if name not in known]
        if unknown:
            raise ModelError(
                f"a preparation has no {', '.join(unknown)}; it has {', '.join(known)}."
            )
        listed = {
            name: tuple(value) if isinstance(value, list | tuple) else (value,)
            for name, value in stated.items()
            if not isinstance(value, str)
        }
        return cls(**{**stated, **listed})

    @property
    def stated(self) -> tuple[str, ...]:
        """The names of what is stated."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def applied_to(self, base: Preparation | None, channels: int | None = None) -> Preparation:
        """The base with the changes; a model (of `channels`) without one needs size, mean and std.

        Raises:
            PictureError: These are missing, or do not fit together.

        """
        if base is None:
            lacking = [name for name in ("size", "mean", "std") if not getattr(self, name)]
            if lacking:
                raise PictureError(
                    "this model's preparation of pictures is not known: state "
                    f"{' and '.join(lacking)} too (--size --mean --std)"
                )
            taken = channels or max(len(self.mean), len(self.std))
            mean, std = _each(self.mean, taken), _each(self.std, taken)
            base = Preparation(_pair(self.size), mean, std)
        size = _pair(self.size) if self.size else base.size
        stated = max(len(self.mean), len(self.std), 1)
        channels = base.channels if stated == 1 else stated
        return replace(
            base,
            size=size,
            mean=_each(self.mean, channels) or base.mean,
            std=_each(self.std, channels) or base.std,
            fit=self.fit or base.fit,
            resize=self._resize(base, size),
            interpolation=self.interpolation or base.interpolation,
            value_range=self._value_range() or base.value_range,
            source=f"{', '.join(self.stated)} given by the user, the rest: {base.source}"
            if len(self.stated) < len(fields(self)) and base.source
            else "given by the user",
            guess=base.guess and not (self.size and self.mean and self.std),
        )

    def _value_range(self) -> tuple[float, float] | None:
        if not self.value_range:
            return None
        if len(self.value_range) != 2 or not self.value_range[0] < self.value_range[1]:
            raise PictureError(
                f"a range is two numbers, the darkest and the brightest, not {self.value_range}"
            )
        return self.value_range[0], self.value_range[1]

    def _resize(self, base: Preparation, size: tuple[int, int]) -> int | tuple[int, int] | None:
        if self.resize:
            return self.resize[0] if len(self.resize) == 1 else _pair(self.resize)
        if base.resize is None or (self.fit and self.fit != base.fit):
            return None
        return scaled_resize(base, size)


def scaled_resize(base: Preparation, size: tuple[int, int]) -> int | tuple[int, int] | None:
    """The `resize` of a preparation whose input has another size: it grows or shrinks along."""
    if base.resize is None or size == base.size:
        return base.resize
    if isinstance(base.resize, int) and (size[0] == size[1] or base.size[0] != base.size[1]):
        return max(1, round(base.resize * min(size) / min(base.size)))
    sides = (base.resize, base.resize) if isinstance(base.resize, int) else base.resize
    scaled = (
        max(1, round(side * new / old))
        for side, new, old in zip(sides, size, base.size, strict=True)
    )
    rows, columns = scaled
    return rows, columns


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    if len(values) not in {1, 2} or min(values) < 1:
        raise PictureError(
            f"a size is one or two whole numbers of pixels, height and width, not {values}"
        )
    return values[0], values[-1]


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values
