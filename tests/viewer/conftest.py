"""A browser, and the viewer's modules in it."""

import shutil

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "these tests drive a real browser and found none: run `sudo apt-get install chromium`"


@pytest.fixture(scope="module")  # playwright's loop runs in this thread until it is closed
def chromium():
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield browser
        browser.close()


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
