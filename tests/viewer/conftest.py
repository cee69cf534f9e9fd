"""A browser, and the viewer's modules in it."""

import pytest


@pytest.fixture
def visit(chromium, tmp_path):
    """Open an exported page: visit(text, width=1280); nothing is loaded and nothing goes wrong."""
    contexts, problems = [], []

    def open_page(text, width=1280, height=900, name="page.html", **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda request: loaded(request.url, path))
        page.goto(path.as_uri())
        return page

    def loaded(address, path):
        inside = path.parent.as_uri()
        if not address.startswith((inside, "data:", "blob:")):
            problems.append(f"loaded {address}")

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
