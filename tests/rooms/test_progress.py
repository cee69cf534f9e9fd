"""Progress: the pace is that of a clock which the test moves, and a log has few lines."""

from hypothesis import given
from hypothesis import strategies as st

from agcam.cli.progress import EVERY, Pace, duration, log_lines


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@given(st.integers(1, 50), st.integers(0, 1000), st.integers(1, 40), st.floats(0.01, 1e4))
def test_the_time_left_is_exact_at_an_even_pace(step, before, updates, seconds):
    clock, done = Clock(), before
    pace, total = Pace(clock, before), before + step * updates + 7 * step
    for _ in range(updates):
        clock.now, done = clock.now + seconds, done + step
        text = pace.left(done, total)
    assert text == f"about {duration((total - done) * seconds / step)} left"


def test_skipped_pictures_are_forgotten():
    clock = Clock()
    pace = Pace(clock)
    for done in range(1, 501):
        pace.left(done, 1000)  # at no time: they were done before
    for done in range(501, 501 + Pace.WINDOW):
        clock.now += 2
        text = pace.left(done, 1000)
    assert text == f"about {duration(2 * (1000 - done))} left"


def test_a_count_that_begins_anew():
    clock = Clock()
    pace = Pace(clock)
    clock.now += 10
    assert pace.left(8, 8) == "about 0 s left"
    clock.now += 1000  # between two batches
    assert pace.left(1, 5) == ""
    clock.now += 3
    assert pace.left(2, 5) == "about 9 s left"


def test_a_log_has_a_line_every_half_minute_and_none_of_what_is_short(capsys):
    clock = Clock()
    bar = log_lines("annotating", clock=clock)
    for done in range(1, 1201):
        clock.now += 0.5
        bar(done, 1200)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1200 * 0.5 / EVERY - 1  # the end has its own line
    assert lines[0] == "annotating: 60 of 1,200 pictures, about 10 min left"
    assert lines[-1] == "annotating: 1,140 of 1,200 pictures, about 30 s left"


def test_a_detail_stands_before_the_time(capsys):
    clock = Clock()
    bar = log_lines("evaluating", "passes", before=20, clock=clock)
    clock.now += EVERY
    bar(40, 100, "2.0 passes per second")
    assert capsys.readouterr().err == (
        "evaluating: 40 of 100 passes, 2.0 passes per second, about 90 s left\n"
    )


def test_durations_as_people_say_them():
    assert [duration(s) for s in (0.4, 119, 120, 7199, 7200)] == [
        "0 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
    ]
