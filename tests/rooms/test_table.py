"""Tables of the command line: parts of a cell stay whole, whatever the terminal's width."""

import os
from contextlib import redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agcam.cli.table import print_entries, print_table

WORDS = st.text("abcdefghij0123456789", min_size=1, max_size=30)
CELLS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


def printed(width, *table):
    with patch.dict(os.environ, COLUMNS=str(width)), redirect_stdout(StringIO()) as out:
        print_table(*table)
    return out.getvalue()


@given(st.data(), st.integers(1, 7), st.integers(1, 4))
def test_no_word_is_broken_and_no_line_is_too_long_at_80_columns(data, columns, count):
    row = st.lists(CELLS, min_size=columns, max_size=columns)
    headers, rows = data.draw(row), data.draw(st.lists(row, min_size=count, max_size=count))
    out = printed(80, headers, rows)
    assert max(map(len, out.splitlines())) <= 80
    shown = out.replace(":", " ").split()
    for row in rows:
        for word in " ".join(row).split():
            assert word in shown


def test_a_run_is_an_entry_whose_key_is_whole(capsys):
    print_entries([(("2f5162b3bb12", "a\nb"), ("x" * 70,)), (("c", "d"), ())])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2f5162b3bb12  a\\nb"
    assert lines[2] == "c             d"


@pytest.mark.parametrize(("width", "lines"), [(40, 2), (120, 1)])
def test_parts_stand_beside_each_other_where_they_fit(monkeypatch, capsys, width, lines):
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(
        ("picture", "predicted"), [("a photograph of a cat.jpg", ["tabby 97.0 %", "lynx < 0.1 %"])]
    )
    out = capsys.readouterr().out.splitlines()
    assert max(map(len, out)) <= width
    shown = [line for line in out if "%" in line]
    assert len(shown) == lines
    assert all(any(part in line for line in shown) for part in ("tabby 97.0 %", "lynx < 0.1 %"))


def test_what_would_end_the_line_is_written_out(capsys):
    print_table(("name",), [(["a\nb", "c"],)])
    assert "a\\nb, c" in capsys.readouterr().out
    print_table(("name",), [])
