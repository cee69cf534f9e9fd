"""A real browser, which no package index has."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe

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


def processor_ms(act):
    """Milliseconds of processor time that pages of this process's browsers spend during `act`.

    Of their main threads, where scripts run: what else the machine does hardly changes it.
    """
    before = _main_threads()
    act()
    return sum(spent - before.get(page, 0) for page, spent in _main_threads().items()) / 1e6


def _main_threads():
    pages = [
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "--type=renderer" in child.cmdline()
    ]
    return {
        page: int(Path(f"/proc/{page}/task/{page}/schedstat").read_text().split()[0])
        for page in pages
    }


def serious(page):
    """What axe-core finds on a page that keeps somebody from using it."""
    found = Axe().run(page).response
    assert len(found["passes"]) > 10  # it has looked
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@contextmanager
def launched():
    """The browser, driven by playwright; without one the tests fail, and say what to install."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield browser
        browser.close()
