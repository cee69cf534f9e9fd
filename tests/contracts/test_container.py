"""The Dockerfile, as far as it can be tried without Docker: what it installs, what it serves."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from zipfile import ZipFile

import timm
import torch
import yaml
from safetensors.torch import save_file

from places import ROOT
from processes import SOON, free_port, running

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", TEXT).splitlines()
STEPS = [line.split(" ", 1) for line in LINES if line and not line.startswith("#")]
PORT = 7860


def steps(name):
    return [argument for step, argument in STEPS if step == name]


def test_it_runs_without_rights_on_the_port_of_a_space():
    order = [step for step, _ in STEPS]
    (user,), (port,) = steps("USER"), steps("EXPOSE")
    assert (user, port) == ("1000", str(PORT))
    assert order.index("USER") < order.index("COPY")
    assert "--uid 1000" in steps("RUN")[0]
    page = (ROOT / "docs" / "how-to" / "space.md").read_text(encoding="utf-8")
    front = yaml.safe_load(re.search(r"```yaml\n---\n(.*?)---\n```", page, re.DOTALL)[1])
    assert (front["sdk"], front["app_port"]) == ("docker", PORT)


def test_what_it_copies_is_there_and_is_enough_to_install(tmp_path):
    """The files that it copies, and no others, make a wheel; the extras that it names exist."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for argument in steps("COPY"):
        *sources, target = [part for part in shlex.split(argument) if not part.startswith("--")]
        for source in sources:
            assert source not in ignored
            place = tmp_path / target / (source if target == "./" else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(ROOT / source)
    install = shlex.split(steps("RUN")[1])
    assert install[:2] == ["pip", "install"]
    (package,) = [part for part in install if part.startswith(".")]
    extras = re.search(r"\[(.*)\]", package)[1].split(",")
    program = "import hatchling.build as b, sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "made")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wheel = tmp_path / "made" / done.stdout.split()[-1]
    with ZipFile(wheel) as file:
        names = file.namelist()
        (metadata,) = [name for name in names if name.endswith("METADATA")]
        text = file.read(metadata).decode()
    assert "agcam/web/static/index.html" in names
    assert "agcam/viewer/assets/viewer.css" in names
    assert all(f"Provides-Extra: {extra}\n" in text for extra in extras)


def test_its_command_serves(tmp_path):
    """With two small models in the place of the two that are named, on a free port of loopback."""
    (command,) = map(json.loads, steps("CMD"))
    assert command[:2] == ["agcam", "serve"]
    models = [command[n + 1] for n, part in enumerate(command) if part == "--model"]
    assert len(models) == 2
    assert all(":" in name for name in models)
    torch.manual_seed(0)
    for number in range(2):
        module = timm.create_model("test_vit", num_classes=3)
        save_file(module.state_dict(), tmp_path / f"{number}.safetensors")
    at = {"0.0.0.0": "127.0.0.1", str(PORT): str(free_port())}
    at |= {name: f"{number}.safetensors" for number, name in enumerate(models)}
    given = [at.get(part, part) for part in command[1:]]
    program = [sys.executable, "-m", "agcam", *given, "--arch", "timm:test_vit"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with running(program, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as run:
        line = run.stdout.readline()
        address = re.search(r"http://\S+", line)[0]
        with urllib.request.urlopen(f"{address}/", timeout=SOON) as answer:
            assert b"What did the model look at?" in answer.read()
            assert "https://huggingface.co" in answer.headers["content-security-policy"]
        with urllib.request.urlopen(f"{address}/models", timeout=SOON) as answer:
            assert len(json.load(answer)) == 2
