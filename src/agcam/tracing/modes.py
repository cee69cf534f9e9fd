"""Torch's modes, which see every operation of a thread, closed whatever happens."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from ..undo import Undo

Mode = TorchFunctionMode | TorchDispatchMode


def open_mode(undo: Undo, mode: Mode) -> None:
    """Enter a mode until `undo` is closed."""
    undo.add(partial(_close, mode))
    mode.__enter__()  # type: ignore[no-untyped-call]


def _close(mode: Mode) -> None:
    functions: Any = _get_current_function_mode_stack
    while mode in (*functions(), *_get_current_dispatch_mode_stack()):
        with suppress(IndexError):  # an interrupted exit has given up what it remembered
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]
