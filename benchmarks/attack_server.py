"""Hostile visitors of a server of our own, on loopback: inputs that were tried, and faults.

    python benchmarks/attack_server.py [--model NAME] [--arch NAME] [--rounds N]

Starts `agcam serve` in a process of its own and attacks it: silence, bodies that stop, bytes that
are no HTTP, damaged pictures, other names and origins, small requests for large work, visitors who
leave, requests that the page never sends. A fault is an answer that is not as promised in
docs/under-fault.md, a traceback in the server's log, or an honest visitor who is kept too long. All
counts, connections and times are bounded; nothing but 127.0.0.0/8 is called.
"""

import argparse
import io
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

SLICES = 3  # of the longest that can be asked for: what an honest visitor may wait
SHORT = 5.0  # seconds that are never too long
HONEST = "127.0.0.77"  # another address than the attackers'


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="demo")
    parser.add_argument("--arch")
    parser.add_argument("--rounds", type=int, default=200)
    return parser.parse_args()


def picture(side=160, kind="JPEG", plain=False):
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    image = Image.new("RGB", (side, side), "teal") if plain else Image.fromarray(noise)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def form(data, fields=(), **headers):
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode()
        for n, v in fields
    )
    body += b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
    body += data + b"\r\n--b--\r\n"
    headers = {
        "Host": "localhost",
        "Connection": "close",
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": len(body),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /explain HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def get(path="/health", **headers):
    headers = {"Host": "localhost", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


class Server:
    """`agcam serve`, its log, its memory, and an honest visitor beside every attack."""

    def __init__(self, arguments, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "agcam", "serve", "--model", arguments.model]
        command += ["--arch", arguments.arch] if arguments.arch else []
        self.log = Path(folder, "log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=log
            )
        self.process.stdout.readline()  # it says where it is once it is ready

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), 600, (source, 0))

    def send(self, data, source="127.0.0.1"):
        """(status, JSON or bytes); status 0 is a connection that was closed without an answer."""
        with self.connect(source) as place:
            with suppress(OSError):  # it was refused before all was sent
                place.sendall(data)
            return received(place)

    def memory(self):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / 1000

    def honest(self):
        """Seconds that an honest visitor waits; infinite where there is no right answer."""
        start = time.monotonic()
        status, answered = self.send(form(picture()), HONEST)
        right = status == 200 and len(answered["maps"]) == 1
        return time.monotonic() - start if right else float("inf")


def received(place):
    data = b""
    try:
        while part := place.recv(1 << 16):
            data += part
    except OSError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head.startswith(b"HTTP/") else 0
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body


def refuses(answer, *statuses):
    """Whether an answer is a refusal in words."""
    status, answered = answer
    return status in statuses and isinstance(answered, dict) and list(answered) == ["error"]


def longest(server):
    """Seconds that the longest slice takes: one class by the slowest method."""
    start = time.monotonic()
    server.send(form(picture(), [("method", "lrp"), ("classes", "1")]))
    return time.monotonic() - start


def silence(server, rounds):
    """Connections that say nothing, half a head, half a body; all from as few as four addresses."""
    whole = form(picture())
    sent = [b"", b"GET /hea", whole[:60], whole[:-30]]
    places = [server.connect(f"127.0.0.{1 + n % 4}") for n in range(min(2 * rounds, 400))]
    for number, place in enumerate(places):
        with suppress(OSError):  # closed for others already
            place.sendall(sent[number % len(sent)])
    waits = [server.honest() for _ in range(3)]
    for place in places:
        place.close()
    return len(places), 0, max(waits)


def noise(server, rounds):
    """Bytes that are no HTTP, and HTTP that is nearly right."""
    generator, faults = random.Random(0), 0
    whole = form(picture(64))
    for _ in range(rounds):
        data = bytearray(whole if generator.random() < 0.8 else generator.randbytes(300))
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(min(len(data), 300))] = generator.randrange(256)
        with server.connect() as place:
            place.sendall(data)
            place.shutdown(socket.SHUT_WR)
            status, answered = received(place)
        if status not in (0, 200) and not refuses((status, answered), status):
            faults += 1
        faults += status >= 500 and status != 503
    return rounds, faults, server.honest()


def damaged(server, rounds):
    """Pictures with bytes changed or cut off: a map or a sentence."""
    generator, faults = random.Random(1), 0
    for number in range(rounds):
        data = bytearray(picture(96, ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")[number % 6]))
        for _ in range(generator.randint(1, 30)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        if generator.random() < 0.3:
            data = data[: generator.randrange(len(data))]
        answer = server.send(form(bytes(data)))
        faults += not (answer[0] == 200 or refuses(answer, 422))
    return rounds, faults, server.honest()


def elsewhere(server, _):
    """Other names for this machine, pages of other sites, headers of proxies, methods."""
    data, tried, faults = picture(64), 0, 0
    for host in (
        "evil.example",
        "10.0.0.1",
        "a b",
        "",
        "localhost.evil.example",
        "[::ffff:8.8.8.8]",
    ):
        tried, faults = tried + 1, faults + (not refuses(server.send(get(Host=host)), 400, 403))
    origins = (
        "http://evil.example",
        "null",
        f"http://localhost:{server.port + 1}",
        "x",
        "http://[",
    )
    requests = [{"Origin": origin} for origin in origins]
    requests += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "nonsense")]
    for headers in requests:
        tried, faults = tried + 1, faults + (not refuses(server.send(form(data, **headers)), 403))
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW", "get"):
        for path in ("/explain", "/models", "/health", "/uploads", "/nothing", "/"):
            request = get(path).replace(b"GET", method.encode())
            tried, faults = tried + 1, faults + (not refuses(server.send(request), 400, 404, 405))
    for path in ("/", "/settings", "/models", "/nothing", "/openapi.json"):
        lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        tried, faults = tried + 1, faults + ("evil.example" in str(server.send(get(path, **lies))))
    return tried, faults, server.honest()


def large_work(server, rounds):
    """Small requests for as much work as they can ask for, as many at once as will be taken."""
    plain = picture(2000, "PNG", plain=True)
    classes = [("classes", "1")] * 32
    requests = [
        form(plain, [*classes, ("draw", "overlay")]),
        form(plain, [*classes, ("method", "lrp")]),
        form(plain, [*classes[:9], ("method", "lrp")]),
        form(picture(7000, "PNG", plain=True), [*classes, ("draw", "overlay")]),
    ]
    waits, over = [], threading.Event()

    def wait():
        while not over.is_set():
            waits.append(server.honest())

    visitor = threading.Thread(target=wait)
    visitor.start()
    count = min(rounds, 16)
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda n: server.send(requests[n % len(requests)]), range(count)))
    over.set()
    visitor.join()
    faults = sum(not (each[0] == 200 or refuses(each, 422, 429, 503)) for each in answers)
    return count, faults, max(waits)


def leaving(server, rounds):
    """Visitors who ask for much and leave: what they asked for is not done."""
    data = form(picture(), [("method", "lrp")] + [("classes", "1")] * 9)
    count = min(rounds, 60)
    for _ in range(count):
        place = server.connect()
        place.sendall(data)
        place.close()
    return count, 0, server.honest()


def page_requests(server, rounds):
    """Requests as the page sends them, but not of the page: other uploads, kinds and sizes."""
    values = ["x", 1, None, ["agcam"] * 5000, True, -1, {"path": "/etc/passwd"}, 1e400]
    fields, faults = ("model", "method", "target", "prompts"), 0
    for number in range(rounds):
        body = {field: values[(number + k) % 8] for k, field in enumerate(fields[: number % 5])}
        sent = json.dumps(body).encode()
        view = ("card", "map", "parts", "x")[number % 4]
        head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        head = f"POST /uploads/key/{view} HTTP/1.1\r\n{head}Content-Length: {len(sent)}\r\n\r\n"
        faults += not refuses(server.send(head.encode() + sent), 413, 422)
    return rounds, faults, server.honest()


def ending(server):
    """SIGTERM in the middle of work: within five seconds, and one line."""
    place = server.connect()
    place.sendall(form(picture(), [("method", "lrp")] + [("classes", "1")] * 9))
    time.sleep(0.3)
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    place.close()
    return time.monotonic() - start


ATTACKS = (silence, noise, damaged, elsewhere, large_work, leaving, page_requests)


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(arguments, folder)
        usual, before, most = server.honest(), server.memory(), max(SHORT, SLICES * longest(server))
        print(
            f"an honest visitor waits {usual:.2f} s, and may {most:.1f} s; memory {before:.0f} MB"
        )
        print(f"{'attack':<14}{'tried':>7}{'faults':>8}{'honest visitor waits at most':>32}")
        late = 0
        for attack in ATTACKS:
            tried, faults, wait = attack(server, arguments.rounds)
            late += wait > most
            print(f"{attack.__name__:<14}{tried:>7}{faults:>8}{wait:>30.2f} s", flush=True)
        print(f"memory at most {server.memory():.0f} MB; honest visitors kept too long: {late}")
        print(f"SIGTERM during work: ended after {ending(server):.1f} s")
        log = server.log.read_text()
        print(f"tracebacks in the log: {log.count('Traceback')}, of {log.count(chr(10))} lines")


if __name__ == "__main__":
    main()
