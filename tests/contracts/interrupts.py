"""Raise an exception at a line of a run, as Ctrl-C may between any two."""

import sys
from collections import Counter


class Interrupt(BaseException):
    """Nobody catches it."""


def lines_of(run, files):
    """Every (file, line) that a run comes by, and how often."""
    seen = Counter()

    def inside(frame, event, _):
        if event == "line":
            seen[frame.f_code.co_filename, frame.f_lineno] += 1
        return inside

    wanted = {}

    def enter(frame, *_):
        code = frame.f_code
        if code not in wanted:
            wanted[code] = any(part in code.co_filename for part in files)
        return inside if wanted[code] else None

    _traced(run, enter)
    return seen


def interrupted(run, place, occurrence):
    """Run until the n-th time that a line is about to run; whether it was reached."""
    file, line = place
    count = 0

    def inside(frame, event, _):
        nonlocal count
        if event == "line" and frame.f_lineno == line:
            count += 1
            if count == occurrence:
                sys.settrace(None)
                raise Interrupt
        return inside

    def enter(frame, *_):
        return inside if frame.f_code.co_filename == file else None

    try:
        _traced(run, enter)
    except Interrupt:
        return True
    return False


def _traced(run, enter):
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(before)
