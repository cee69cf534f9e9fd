"""What mkdocs.yml needs beside mkdocs: pages that lie outside docs/, under the links they have;
notebooks as pages.

Every link in a Markdown file is right where the file lies, so that it works in the repository. For
the site, links are rewritten to where their pages are published.
"""

import json
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
OUTSIDE = ["benchmarks", "src/agcam/families", "."]
LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)\s#]+)")


def outside() -> list[str]:
    """Published files outside docs/, as the repository names them."""
    found = [path for folder in OUTSIDE for path in sorted((ROOT / folder).glob("*.*"))]
    names = [path.relative_to(ROOT).as_posix() for path in found]
    return [name for name in names if name.endswith((".md", ".html")) and name != "README.md"]


def on_files(files, config):
    """Add the pages outside docs/, and a page for each notebook."""
    for name in outside():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        page = f"notebooks/{path.stem}.md"
        files.append(File.generated(config, page, content=_notebook_page(path)))
    return files


def _notebook_page(path: Path) -> str:
    """A notebook to read: its texts and programs, and the file itself to download."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title, *rest = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    parts = [title[1], f"[Download this notebook]({path.name})"]
    parts += [f"```python\n{text}\n```" if kind == "code" else text for kind, text in rest]
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown, page, **_):
    """Rewrite links from places in the repository to places on the site."""
    return "\n".join(_rewritten(markdown.split("\n"), page.file.src_uri))


def _rewritten(lines, page):
    code = False
    for line in lines:
        code ^= line.lstrip().startswith("```")
        yield line if code else LINK.sub(lambda found: found[1] + _published(found[2], page), line)


def _published(target: str, page: str) -> str:
    place = page if page in outside() else f"docs/{page}"
    found = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
    site = found.removeprefix("docs/")
    return posixpath.relpath(site, posixpath.dirname(page) or ".")
