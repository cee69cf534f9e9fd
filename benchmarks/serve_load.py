"""The server under load: many pictures at once, and one more class on a recording that is there.

    python benchmarks/serve_load.py [--model NAME] [--pictures N] [--clients N] [--clicks N]

Starts `agcam serve` in a process of its own. Load: every client sends its pictures to `/explain`
all at once; every answer is compared with `agcam.explain` of the same picture here; the server's
memory is read every 50 ms. Then the same pictures are uploaded as the page does it, and recordings
are kept. Clicks: one upload in this process, the map of another class each time, from the recording
to the page's JSON.
"""

import argparse
import io
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="demo")
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=100)
    return parser.parse_args()


def pictures(count):
    """Different crops of scikit-image's and scikit-learn's photographs, as JPEG files."""
    import numpy as np
    from PIL import Image

    from agcam.web.examples import examples

    whole = [Image.open(io.BytesIO(example)) for example in examples().values()]
    generator = np.random.default_rng(0)
    made = []
    for number in range(count):
        image = whole[number % len(whole)]
        left, top = (int(generator.integers(0, side // 4)) for side in image.size)
        crop = image.crop((left, top, *image.size))
        buffer = io.BytesIO()
        crop.save(buffer, "JPEG", quality=95)
        made.append(buffer.getvalue())
    return made


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as place:
        return place.getsockname()[1]


class Memory(threading.Thread):
    """Resident megabytes of a process: as they are, and the most there were."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.most, self.over = Path(f"/proc/{pid}/status"), 0.0, False

    def now(self):
        line = next(x for x in self.path.read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1000

    def run(self):
        while not self.over:
            self.most = max(self.most, self.now())
            time.sleep(0.05)


def load(arguments, sent):
    import requests
    import torch

    import agcam

    port = free_port()
    command = [sys.executable, "-m", "agcam", "serve", "--model", arguments.model]
    with subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE) as server:
        server.stdout.readline()  # it says where it is once it is ready
        address = f"http://127.0.0.1:{port}"
        clients = [requests.Session() for _ in range(arguments.clients)]
        files = {"picture": sent[0]}
        clients[0].post(f"{address}/explain", files=files, timeout=300).raise_for_status()
        memory = Memory(server.pid)
        idle = memory.now()
        memory.start()

        def request(number):
            start = time.perf_counter()
            client = clients[number % len(clients)]
            files = {"picture": sent[number]}
            answer = client.post(f"{address}/explain", files=files, timeout=300)
            return answer.status_code, answer.json(), time.perf_counter() - start

        def visit(place):
            """Upload a visitor's pictures one after another: the server keeps four of them."""
            client = clients[place]
            client.get(address)  # for the cookie
            for data in sent[place :: len(clients)]:
                made = client.post(f"{address}/uploads", data=data, timeout=300)
                made.raise_for_status()
                card = f"{address}/uploads/{made.json()['upload']}/card"
                client.post(card, json={"model": arguments.model}, timeout=300).raise_for_status()

        try:
            start = time.perf_counter()
            with ThreadPoolExecutor(len(sent)) as pool:
                answers = list(pool.map(request, range(len(sent))))
                wall, most = time.perf_counter() - start, memory.most
                list(pool.map(visit, range(len(clients))))
            health = clients[0].get(f"{address}/health").json()
        finally:
            memory.over = True
            server.terminate()
    model, right = agcam.load(arguments.model), 0
    for data, (status, reported, _) in zip(sent, answers, strict=True):
        single = agcam.explain(model, [data])
        if status == 200:
            grid = torch.tensor(reported["maps"][0]["grid"])
            right += torch.allclose(grid, single.grid_map[0, 0], rtol=1e-3, atol=1e-4)
    return answers, wall, (idle, most, memory.most, health), right


def clicks(arguments, sent):
    import agcam
    from agcam.explanation import card_of
    from agcam.viewer import Picture, card_json
    from agcam.web import warm
    from agcam.web.schemas import Selection
    from agcam.web.uploads import Uploads

    model = agcam.load(arguments.model)
    warm({"m": model})
    uploads = Uploads({"m": model})
    key = "visitor", uploads.add("visitor", sent[0], "picture")
    times, busy, first = [], [], None
    for number in range(arguments.clicks + 1):
        start, began = time.perf_counter(), time.process_time()
        selection = Selection(model="m", target=number or None)
        beside = () if number else (uploads.first_classes(selection), uploads.shown_first("agcam"))
        explanation = uploads.explain(key, selection, *beside)
        json.dumps(
            card_json(card_of(explanation, shown=Picture("", *explanation.pictures[0].size)))
        )
        spent = 1000 * (time.perf_counter() - start)
        first = spent if first is None else first
        if number:
            times.append(spent)
            busy.append(1000 * (time.process_time() - began))
    return first, sorted(times), sorted(busy), uploads.cache.nbytes


def main():
    arguments = parse()
    sent = pictures(arguments.pictures)
    first, times, busy, kept = clicks(arguments, sent)
    print(f"{arguments.model}; first answer {first:.0f} ms; another class, {len(times)} times:")
    low, high = times[0], times[-1]
    print(f"  median {statistics.median(times):.0f} ms, {low:.0f} to {high:.0f} ms")
    print(f"  of the processor: median {statistics.median(busy):.0f} ms, at most {busy[-1]:.0f} ms")
    print(f"  {kept / 1e6:.1f} MB kept for this picture and its recording")
    answers, wall, (idle, most, visited, health), right = load(arguments, sent)
    waits = sorted(seconds for _, _, seconds in answers)
    answered = sum(status == 200 for status, _, _ in answers)
    print(f"{len(sent)} pictures at once from {arguments.clients} clients:")
    print(f"  {answered} answered, {right} equal to agcam.explain, {wall:.1f} s in all")
    print(f"  an answer took {statistics.median(waits):.1f} s (median), {waits[-1]:.1f} s at most")
    print(f"  memory {idle:.0f} MB before, {most:.0f} MB at most")
    kept = f"{health['pictures']} kept, {health['bytes'] / 1e6:.0f} MB"
    print(f"the same uploaded by {arguments.clients} visitors: {kept}; {visited:.0f} MB at most")


if __name__ == "__main__":
    main()
