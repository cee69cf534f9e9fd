"""A server of its own on loopback, and visitors who keep to no rules: real sockets, real time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file
from web_pictures import png

from agcam.errors import LoadError
from agcam.web import listen
from processes import SOON, running

PROGRAM = Path(__file__).with_name("web_attacked.py")
FORM_HEAD = (
    "POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
)
HEAD = "POST /explain HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A server whose limits are small, so that the tests are short; its log is read at the end."""
    home = tmp_path_factory.mktemp("attacked")
    with (home / "log").open("w") as log, started(log) as process:
        yield Attacked(int(process.stdout.readline()), process, home / "log")
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        process.wait(30)
        assert time.monotonic() - start < SOON
    assert "Traceback" not in (home / "log").read_text()


def started(log):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", PROGRAM]
    return running(command, stdout=subprocess.PIPE, stderr=log, env=environment)


class Attacked:
    def __init__(self, port, process, log):
        self.port, self.process, self.log = port, process, log

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), 30, (source, 0))

    def send(self, data, source="127.0.0.1"):
        """What comes back until the server closes: (status, words or JSON, headers)."""
        with closing(self.connect(source)) as place:
            place.sendall(data.encode("latin-1") if isinstance(data, str) else data)
            return received(place)

    def get(self, path="/health", source="127.0.0.1", **headers):
        lines = {"Host": "localhost", "Connection": "close", **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        return self.send(f"GET {path} HTTP/1.1\r\n{head}\r\n", source)

    def explain(self, source="127.0.0.1", **headers):
        return self.send(form(**headers), source)


def form(picture=None, fields=(), **headers):
    """A whole request to /explain."""
    parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields]
    body = "".join(parts).encode()
    body += b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
    body += (picture or png(0)) + b"\r\n--b--\r\n"
    lines = {
        "Host": "localhost",
        "Connection": "close",
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": len(body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /explain HTTP/1.1\r\n{head}\r\n".encode() + body


def received(place):
    data = b""
    try:
        while part := place.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    status = int(first.split()[1]) if first else 0
    if "application/json" in headers.get("content-type", ""):
        return status, json.loads(body), headers
    return status, body, headers


def refused(answer, status, words=""):
    assert answer[0] == status
    assert list(answer[1]) == ["error"]
    assert words in answer[1]["error"]


# Silence


def test_silent_connections_shut_nobody_out(attacked):
    """Many more than there may be from one address, and from all; the silent ones go first."""
    silent = [attacked.connect(f"127.0.0.{1 + number % 4}") for number in range(120)]
    for source in ("127.0.0.1", "127.0.0.9"):
        start = time.monotonic()
        assert attacked.get(source=source)[0] == 200
        assert attacked.explain(source=source)[0] == 200
        assert time.monotonic() - start < SOON
    for each in silent:
        each.close()


@pytest.mark.parametrize("sent", ["", "GET /hea", HEAD, HEAD + "Content-Type: multipart/fo"])
def test_a_head_that_does_not_come_is_told_so_and_closed(attacked, sent):
    start = time.monotonic()
    refused(attacked.send(sent), 408, "did not arrive within 1 second")
    assert 0.8 < time.monotonic() - start < SOON


def test_a_head_byte_by_byte_does_not_wait_longer(attacked):
    with closing(attacked.connect()) as place:
        start = time.monotonic()
        try:
            for letter in HEAD + "X-Long: " + "a" * 300:
                place.sendall(letter.encode())
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - start < SOON
    with closing(attacked.connect()) as place:  # a second request on a connection that was good
        place.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea")
        start = time.monotonic()
        data = b""
        while part := place.recv(65536):
            data += part
        assert b"200 OK" in data
        assert time.monotonic() - start < SOON


def test_bodies_that_stop_hold_no_place(attacked):
    """As many as there are places in the queue, half sent; others are answered at once."""
    body = form()
    stopped = [attacked.connect() for _ in range(12)]
    for each in stopped:
        each.sendall(body[:-20])
    start = time.monotonic()
    assert attacked.explain()[0] == 200
    assert time.monotonic() - start < SOON
    for each in stopped:
        refused(received(each), 408, "did not arrive")
        each.close()


def test_a_request_of_the_page_that_stops_is_refused(attacked):
    head = "POST /uploads/x/card HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    start = time.monotonic()
    refused(attacked.send(head + '{"model":'), 408, "the request did not arrive")
    assert time.monotonic() - start < SOON


def test_a_body_byte_by_byte_does_not_wait_longer(attacked):
    with closing(attacked.connect()) as place:
        place.sendall(form()[:-200])
        start = time.monotonic()
        try:
            for _ in range(100):
                place.sendall(b"a")
                time.sleep(0.1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert 2.5 < time.monotonic() - start < 2.5 + SOON


def test_answers_that_nobody_reads_are_given_up(attacked):
    request = form(
        fields=[("draw", "overlay")] + [("classes", "1")] * 8, picture=png(1, (700, 700))
    )
    with closing(socket.socket()) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        place.connect(("127.0.0.1", attacked.port))
        place.sendall(request.replace(b"Connection: close", b"Connection: keep-alive"))
        time.sleep(4)
        place.settimeout(5)
        with pytest.raises(json.JSONDecodeError):  # it is cut off
            received(place)


# Refusals


def test_reading_stops_after_a_refusal(attacked):
    head = (
        HEAD + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000000\r\n\r\n"
    )
    with closing(attacked.connect()) as place:
        place.sendall(head.encode())
        sent = 0
        try:
            while sent < 50_000_000:
                sent += place.send(bytes(100_000))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 20_000_000  # what fits into the system's buffers
        refused(received(place), 413, "larger than 2 MB")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 900_000 + "\r\n\r\n", 400),
        (FORM_HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 50 + "\r\n\r\n", 400),  # TLS
        ("DELETE /explain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
        ("BREW /models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
        ("PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("GET http://evil.example/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
    ],
    ids=range(13),
)
def test_whatever_is_no_request_of_ours_is_refused_in_json(attacked, sent, status):
    refused(attacked.send(sent), status)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "169.254.0.1", "a b", ""])
def test_another_name_for_this_machine_is_refused(attacked, host):
    """A name that somebody lets point to 127.0.0.1, so that a page of theirs may ask us."""
    answer = attacked.get(Host=host)
    refused(answer, 400 if host in ("a b", "") else 403)
    assert "evil" not in str(answer)


@pytest.mark.parametrize(
    "host", ["localhost:7860", "127.0.0.1", "[::1]:99", "x.localhost", "Here.Example"]
)
def test_names_of_this_machine_and_those_it_was_started_with_are_answered(attacked, host):
    assert attacked.get(Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},  # another server on this machine
        {"Origin": "http://["},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},  # a form
    ],
)
def test_a_page_of_another_site_is_refused(attacked, headers):
    answer = attacked.explain(**headers)
    refused(answer, 403, "another site")
    assert "access-control-allow-origin" not in answer[2]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "https://here.example"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_our_own_page_and_programs_are_answered(attacked, headers):
    answer = attacked.explain(**headers)
    assert answer[0] == 200
    assert "access-control-allow-origin" not in answer[2]


def test_another_site_may_link_to_the_page_alone(attacked):
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert attacked.get("/", **headers)[0] == 200
    refused(attacked.get("/models", **headers), 403)
    headers["Sec_Fetch_Mode"] = "no-cors"
    refused(attacked.get("/", **headers), 403)


def test_forwarded_headers_are_not_believed_nor_shown(attacked):
    lies = {
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_For": "6.6.6.6",
        "Forwarded": "host=evil.example",
    }
    for path in ("/", "/settings", "/openapi.json", "/nothing", "/models"):
        answer = attacked.get(path, **lies)
        assert "evil.example" not in str(answer)


@pytest.mark.parametrize("view", ["card", "map", "parts", "overlay.png", "x"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[" * 30_000,
        "[]",
        '{"model": "tiny"}',
        '{"model": "tiny", "target": {"path": "/etc/passwd"}}',
        '{"model": "tiny", "target": -1}',
        '{"model": "tiny", "target": 1e400}',
        '{"model": "tiny", "prompts": ["x"], "method": "lrp", "url": "http://127.0.0.1:1/"}',
        '{"model": "tiny", "prompts": ' + json.dumps(["x"] * 9000) + "}",
    ],
    ids=range(10),
)
def test_requests_that_the_page_never_sends_are_refused_in_json(attacked, view, body):
    """The log is read when the server has stopped."""
    head = f"POST /uploads/key/{view} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = attacked.send(head + kind + body)
    refused(answer, answer[0])
    assert answer[0] in (405, 413, 422)


# Work that nobody waits for


def test_work_is_given_up_when_the_visitor_leaves(attacked):
    fields = [("method", "lrp")] + [("classes", "1")] * 9
    leaving = [attacked.connect() for _ in range(4)]
    for each in leaving:
        each.sendall(form(fields=fields))
    time.sleep(0.05)
    for each in leaving:
        each.close()
    start = time.monotonic()
    assert attacked.explain()[0] == 200
    assert time.monotonic() - start < SOON


def test_more_than_one_request_may_cost_is_refused_before_it_is_done(attacked):
    fields = [("method", "lrp")] + [("classes", "1")] * 32
    start = time.monotonic()
    refused(attacked.send(form(fields=fields)), 422, "ask for 9 classes at a time")
    assert time.monotonic() - start < 5


# The end


def test_a_host_that_is_none_is_named():
    with pytest.raises(LoadError, match=r"knows no address 'nowhere\.invalid'; try --host"):
        listen("nowhere.invalid", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_comes_soon_and_is_reported(tmp_path, number):
    weights = timm.create_model("test_vit", num_classes=10).state_dict()
    save_file(weights, tmp_path / "w.safetensors")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    model = ["--model", tmp_path / "w.safetensors", "--arch", "timm:test_vit"]
    command = [sys.executable, "-m", "agcam", "serve", *model, "--port", str(port)]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"agcam serves")
        server = Attacked(port, process, None)
        fields = [("method", "lrp")] + [("classes", "1")] * 3
        assert server.get()[0] == 200  # it reads now
        places = [server.connect() for _ in range(10)]
        for place in places:
            place.sendall(form(fields=fields))
        silent = [server.connect() for _ in range(10)]
        assert server.get()[0] == 200  # and has read all that came before
        time.sleep(0.2)
        process.send_signal(number)
        start = time.monotonic()
        answers = [received(place) for place in places]
        process.wait(30)
        assert time.monotonic() - start < SOON
        for place in (*places, *silent):
            place.close()
        shown = process.stderr.read().decode().splitlines()
    assert len(shown) == 1
    assert shown[0].startswith("agcam: stopped; uploaded pictures are forgotten")
    assert process.returncode == 128 + number
    refusals = [answer for answer in answers if answer[0] != 200]
    assert len(refusals) >= 5
    for answer in refusals:
        refused(answer, 503, "stopping")
