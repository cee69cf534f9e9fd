"""The API in this process, the page in a process of its own, and a browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from processes import running

sys.path.insert(0, str(Path(__file__).parent))  # for web_models and web_pictures


@pytest.fixture(scope="session")
def api():
    """The application, asked in this process."""
    from starlette.testclient import TestClient
    from web_models import LIMITS, models

    from agcam.web import application

    made = models()
    app = application(made, LIMITS)
    with TestClient(app) as client:
        client.models = made
        client.uploads = app.state.uploads
        yield client


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of a server of its own, which has a home and temporary folder of its own."""
    home = tmp_path_factory.mktemp("server")
    environment = {**os.environ, "TMPDIR": str(home), "HOME": str(home), "OMP_NUM_THREADS": "1"}
    program = Path(__file__).with_name("web_models.py")
    with running(
        [sys.executable, "-B", program],
        stdout=subprocess.PIPE,
        cwd=home,
        env=environment,
        text=True,
    ) as process:
        port = process.stdout.readline().strip()
        assert port, "the server did not start"
        server = Server(f"http://127.0.0.1:{port}", home, process.pid)
        yield server
        process.terminate()
        process.wait(30)


class Server:
    def __init__(self, address, home, pid):
        self.address, self.home, self.pid = address, home, pid

    def files(self):
        """Every file of the server's home, temporary and working folder, with its size."""
        return {path: path.stat().st_size for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture
def visit(chromium, server):
    """Open a new visitor's page: visit(query="", width=1280).

    At the end: no error in any page, nothing that its policy refused, no call to another host.
    """
    contexts, requested, problems = [], [], []

    def open_page(query="", width=1280, height=900):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: requested.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: _keep_errors(message, problems))
        page.goto(server.address + "/" + query)
        page.wait_for_selector("#examples button")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    elsewhere = [url for url in requested if not url.startswith((server.address, "data:", "blob:"))]
    assert elsewhere == []


def _keep_errors(message, problems):
    """Errors and refusals of the page's policy; that an answer was no 200 is none of them."""
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        problems.append(message.text)
