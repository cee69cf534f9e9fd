"""Tables of the command line: parts of a cell stay whole, whatever the terminal's width."""

import pytest

from agcam.cli.table import print_table


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
