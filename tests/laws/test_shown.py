"""Any name that a file system or an annotation file may hold can be shown."""

import os

from hypothesis import given
from hypothesis import strategies as st

from agcam.values import shown


@given(st.text(st.characters(codec=None)) | st.binary().map(os.fsdecode))
def test_what_is_shown_is_printable_and_encodes(name):
    seen = shown(name)
    assert seen.isprintable()
    assert seen.encode("utf-8").decode("utf-8") == seen
    assert seen == name or not name.isprintable()


def test_bytes_that_are_no_text_and_terminal_escapes_are_named():
    assert shown(os.fsdecode(b"caf\xe9.png")) == r"caf\xe9.png"
    assert shown("a\x1b[31mb\n") == r"a\x1b[31mb\x0a"
    assert shown("gnp.\u202ecod") == r"gnp.\u202ecod"
    assert shown("Zürich 猫.png") == "Zürich 猫.png"
