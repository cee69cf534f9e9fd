"""The documentation: it builds strictly without network, links lead somewhere, its code runs."""

import ast
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
import timm
import typer
import yaml
from nbclient import NotebookClient
from PIL import Image

import agcam
from agcam.binding import BATCH_SIZE
from agcam.cli import app
from places import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "how-to").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = ["../index", "compare", "lightning", "many-pictures", "masks", "notebook", "sharper"]
RUN += ["targets", "timm", "training", "transform"]  # the others need a network or another library


class Links(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.links, self.of_text, self.loaded, self.anchors = [], [], [], set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.add(found.get("id"))
        self.inside |= tag == "article"
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
            self.of_text += [found["href"]] * self.inside
        if tag in {"script", "img", "iframe"} and found.get("src"):
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") != "canonical":
            self.loaded.append(found["href"])

    def handle_endtag(self, tag):
        self.inside &= tag != "article"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the site by its path, built as `mkdocs build` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    offline = {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | offline, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = [path for path in folder.rglob("*.html") if path.name != "404.html"]
    return {path: Links(path.read_text(encoding="utf-8")) for path in pages}


def test_every_link_of_the_site_leads_somewhere(site):
    for page, found in site.items():
        if "report-" in page.name:  # a report, which has a viewer of its own
            continue
        for link in {*found.links, *found.loaded}:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page.name}: {link}"
            if parts.fragment and target in site and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in site[target].anchors, f"{page.name}: {link}"


def test_the_site_loads_nothing_from_another_host(site):
    for page, found in site.items():
        assert not [url for url in found.loaded if urlsplit(url).netloc], page.name


def test_every_public_name_is_in_the_reference(site):
    anchors = next(found.anchors for path, found in site.items() if path.name == "api.html")
    tables = {name for name in agcam.__all__ if name.isupper()}
    for name in set(agcam.__all__) - tables - {"__version__"}:
        assert {f"agcam.{name}", f"agcam.errors.{name}"} & anchors, name
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert all(f"`agcam.{name}`" in text for name in tables)
    assert f"`BATCH_SIZE` is {BATCH_SIZE}" in text  # signatures name it


TASKS = {
    "timm": "my own fine-tuned model",
    "hugging-face": "of Hugging Face",
    "lightning": "of Lightning",
    "transform": "my own transform",
    "clip": "prompts",
    "masks": "masks and pseudo-labels",
    "audit": "audit",
    "evaluation": "evaluate",
    "training": "in a training loop",
    "cluster": "on a cluster",
    "web": "a server",
    "notebook": "in a notebook",
}


def test_every_how_to_is_two_clicks_from_the_front_page(site):
    """By links in the text of the pages: their navigation has all of them, too."""
    root = next(iter(site)).parents[0]
    while not (root / "index.html").is_file():
        root = root.parent
    front = root / "index.html"
    first = clicks(site, front)
    reached = first.union(*(clicks(site, page) for page in first if page in site))
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    sections = {title: pages for section in nav for title, pages in section.items()}
    how_to = [next(iter(p.values())) for p in sections["How to"] if isinstance(p, dict)]
    for page in how_to:
        assert root / page.replace(".md", ".html") in reached, page
    for name, task in TASKS.items():
        assert any(Path(page).stem == name for page in how_to), task


def clicks(site, page):
    """The pages that the text of a page leads to."""
    links = (urlsplit(link) for link in site[page].of_text)
    return {(page.parent / unquote(link.path)).resolve() for link in links if not link.scheme}


def test_the_notebook_runs():
    """Every cell, as a reader runs them, with the demo model and a photograph of scikit-image."""
    notebooks = list((DOCS / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        notebook = nbformat.read(path, 4)
        assert not [cell for cell in notebook.cells if cell.get("outputs")], "stored as it is run"
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        shown = [output.get("data", {}) for cell in code for output in cell.outputs]
        assert sum("<iframe" in one.get("text/html", "") for one in shown) == 2  # the viewer


def test_the_site_is_published_as_it_is_built_here():
    path = ROOT / ".github" / "workflows" / "site.yml"
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["publish"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs == ['pip install ".[docs]"', "mkdocs build --strict"]
    folder = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["site_dir"]
    assert folder in [
        step["with"]["path"] for step in job["steps"] if "path" in step.get("with", {})
    ]


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_list_of_decisions_is_complete():
    text = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    records = sorted((DOCS / "decisions").glob("0*.md"))
    assert len(records) > 70
    for record in records:
        title = record.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in text


def test_a_superseded_decision_names_the_one_that_took_its_place():
    folder = DOCS / "decisions"
    index = (folder / "index.md").read_text(encoding="utf-8")
    found = re.findall(r"\]\((0\S+)\) \(superseded by (\[\d+\]\(0[^)]+\))", index)
    assert len(found) == index.count("superseded by") > 0
    for record, successor in found:
        first = (folder / record).read_text(encoding="utf-8").splitlines()[2]
        assert first.startswith(f"Superseded by {successor}"), record


def test_pages_have_commands():
    assert sum(len(commands(page)) for page in PAGES) > 50


def commands(page):
    """Every command line of `agcam` on a page, as words: in blocks and within sentences."""
    text = page.read_text(encoding="utf-8")
    block = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    lines = [
        line for part in block.findall(text) for line in part.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(r"`([^`]+)`", " ".join(block.sub("", text).split()))
    each = (part for line in lines for part in line.split("; "))
    return [shlex.split(part, comments=True)[1:] for part in each if part.startswith("agcam ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.stem)
def test_commands_and_their_options_exist(page):
    for words in commands(page):
        command, rest = typer.main.get_command(app), list(words)
        while isinstance(command, typer.core.TyperGroup) and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= known | {"--help"}, words


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.stem)
def test_code_compiles_and_names_what_exists(page):
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "agcam" or hasattr(agcam, node.attr), node.attr


@pytest.mark.parametrize("name", RUN)
def test_code_of_a_how_to_runs(name, tiny, tmp_path, monkeypatch):
    """All blocks of a page one after another, on a small random ViT in place of the named one."""
    tiny.head = type(tiny.head)(24, 3)
    tiny.default_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "input_size": (3, 32, 32)}
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: tiny)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    for path in ("cat.jpg", "dog.jpg", "photos/one.jpg"):
        Image.fromarray(noise).save(tmp_path / path)
    code = "\n".join(blocks(DOCS / "how-to" / f"{name}.md"))
    code = code.replace("Resize(256)", "Resize(36)").replace("224", "32")
    exec(compile(code, f"{name}.md", "exec"), {})
