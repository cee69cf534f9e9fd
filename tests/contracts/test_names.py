"""Public names, their docstrings, and what an import costs."""

import ast
import importlib.util
import inspect
from pathlib import Path

import pytest
from PIL import Image

import agcam
from agcam.datasets import DATASETS
from agcam.families import FAMILIES
from agcam.methods import METHODS
from agcam.metrics import METRICS
from agcam.registry import Table

SOURCE = Path(agcam.__file__).parent


@pytest.mark.parametrize("name", agcam.__all__)
def test_public_name_is_there_and_documented(name):
    value = getattr(agcam, name)
    assert name in dir(agcam)
    assert isinstance(value, str) or inspect.getdoc(value)


@pytest.mark.parametrize("table", [METHODS, METRICS, DATASETS, FAMILIES])
def test_a_table_shows_itself_in_two_lines(table):
    assert len(repr(table)) < 200
    assert repr(table).startswith(f"{len(table)} {table.plural}: {next(iter(table))}, ")


def test_the_public_call_is_stable():
    parameters = list(inspect.signature(agcam.explain).parameters)
    assert parameters[:4] == ["model", "pictures", "target", "method"]


@pytest.mark.parametrize("table", [METHODS, METRICS, FAMILIES, DATASETS])
def test_rows_are_called_what_their_table_calls_them(table):
    for name, row in table.items():
        assert row.name == name
        assert row.cite


@pytest.mark.parametrize("name", METHODS)
def test_method_states_its_formula(name):
    assert inspect.getdoc(METHODS[name].function)


def test_near_misses_are_suggested():
    with pytest.raises(agcam.UnknownNameError, match="did you mean rollout"):
        METHODS["rolout"]
    with pytest.raises(agcam.UnknownNameError, match="known: one, two"):
        Table("object", {"one": 1, "two": 2})["completely different"]


@pytest.mark.parametrize(
    ("word", "homes"),
    [
        ("scaled_dot_product_attention", {"tracing/attention.py"}),
        ("interpolate", {"explainer/views.py"}),  # of crops; maps/pixels.py resizes maps by itself
        ("backward", set()),  # it would fill .grad; autograd.grad does not
        ("environ", set()),
        ("print", set()),
    ],
)
def test_names_that_belong_to_one_room(word, homes):
    """In code: comments and docstrings may speak of it."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if word in (named if word != "print" else called):
            found.add(path.relative_to(SOURCE).as_posix())
    assert found == homes


@pytest.fixture(scope="module")
def methods_pages():
    root = Path(__file__).parent.parent.parent
    spec = importlib.util.spec_from_file_location("page", root / "scripts/write_methods_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_methods_pages_are_the_table(methods_pages):
    """They are written by scripts/write_methods_page.py: run it after a change."""
    expected = methods_pages.pages()
    assert {*methods_pages.FOLDER.glob("*"), methods_pages.PAGE} == set(expected)
    for path, text in expected.items():
        assert path.read_text(encoding="utf-8") == text, path


def test_every_method_has_a_picture(methods_pages):
    """They are drawn by scripts/draw_methods.py: run it after a new row."""
    pictures = list(methods_pages.PICTURES.glob("*"))
    assert {picture.name for picture in pictures} == {f"{name}.jpg" for name in METHODS}
    assert sum(picture.stat().st_size for picture in pictures) < 1_500_000
    for picture in pictures:
        with Image.open(picture) as opened:
            opened.load()
            assert opened.format == "JPEG"
