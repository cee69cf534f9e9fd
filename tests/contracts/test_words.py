"""The words that docs/glossary.md retires stay out of names, messages, docstrings and pages."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TABLE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").partition("## Retired words")[2]
RETIRED = [line.split("|")[1] for line in TABLE.splitlines() if line.startswith("|")][2:]
NAMES = {name for cell in RETIRED for name in re.findall(r"`(\w+)`", cell)}
PHRASES = [phrase for cell in RETIRED for phrase in re.findall(r'"([^"]+)"', cell)]
ALLOWED = {
    ("explanation/predictions.py", "said"),  # users have typed them: `predictions`, `target=`
    ("explanation/predictions.py", "asked"),
    ("explanation/shown.py", "asked"),
    ("web/schemas.py", "said"),  # a field of the API
    ("web/api.py", "said"),
    ("images/open.py", "tell"),  # of Python's files
    ("images/videos.py", "tell"),  # of PIL's animations
}

SOURCE = ROOT / "src/agcam"
CODE = sorted(SOURCE.rglob("*.py"))
ASSETS = sorted(path for kind in ("*.js", "*.css", "*.html") for path in SOURCE.rglob(kind))
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "glossary.md"),
    *(path for folder in ("methods", "how-to") for path in (ROOT / "docs" / folder).glob("*.md")),
    ROOT / "CHANGELOG.md",
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ORDINARY = {"lay_out", "laid_out", "swap", "tell", "said", "asked"}  # of files and texts; old names


def parts(name):
    """`madeAgain_by` -> made, again, by."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def named(path, root=SOURCE, ordinary=()):
    """The retired words in a file's identifiers, with their lines."""
    text = path.read_text(encoding="utf-8")
    home = path.relative_to(root).as_posix()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        allowed = token.string in ordinary or (home, token.string) in ALLOWED
        if token.type == tokenize.NAME and not allowed:
            for word in parts(token.string) & NAMES:
                yield f"{home}:{token.start[0]}: {token.string} ({word})"


def phrased(path):
    """The retired phrases in a file's text, wherever its lines break."""
    text = re.sub(r'["\s#]+', " ", path.read_text(encoding="utf-8")).lower()
    for phrase in PHRASES:
        for found in re.finditer(rf"\b{re.escape(phrase)}", text):
            yield f"{path.relative_to(ROOT)}: ...{text[found.start() - 30 : found.end() + 30]}..."


def test_the_table_is_read():
    assert {"said", "asked", "quiet"} <= NAMES
    assert "chance row" in PHRASES


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_retired_word_in_the_code(path):
    assert [*named(path), *phrased(path)] == []


def test_no_retired_word_in_the_tests():
    """But for what a test's own name says, which is a sentence."""
    found = [line for path in TESTS for line in named(path, ROOT, ORDINARY)]
    assert [line for line in found if ": test_" not in line] == []


@pytest.mark.parametrize(
    "path", [*ASSETS, *PAGES], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_retired_phrase_on_a_page(path):
    assert list(phrased(path)) == []
