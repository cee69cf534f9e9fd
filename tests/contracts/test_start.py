"""Nothing heavy is loaded before a wrong name is refused."""

import json
import subprocess
import sys

import pytest
from PIL import Image

HEAVY = ("timm", "torchvision", "transformers", "open_clip", "ray", "scipy.ndimage")
"""Of models, engines and metrics. torch has to be there: methods are functions of its tensors."""

REFUSED = {
    "explain cat/1.png --method xyzzy": "no method is called 'xyzzy'",
    "explain cat/1.png --option xyzzy=1": "agcam has no option 'xyzzy'",
    "explain cat/1.png --colormap xyzzy": "no colormap is called 'xyzzy'",
    "explain cat/1.png --format xyzzy": "no format is called 'xyzzy'",
    "explain cat/1.png --model xyzzy:vit": "no family is called 'xyzzy'",
    "compare cat/1.png --methods agcam,xyzzy": "no method is called 'xyzzy'",
    "compare cat/1.png --option agcam.xyzzy=1": "agcam has no option 'xyzzy'",
    "serve --model xyzzy:vit": "no family is called 'xyzzy'",
}
EVALUATIONS_REFUSED = {
    "annotate . --to xyzzy": "no format is called 'xyzzy'",
    "annotate . --method xyzzy": "no method is called 'xyzzy'",
    "evaluate xyzzy .": "no dataset is called 'xyzzy'",
    "evaluate folder . --methods xyzzy": "no method is called 'xyzzy'",
    "evaluate folder . --metrics xyzzy": "no metric is called 'xyzzy'",
    "evaluate folder . --metrics paper": "the data set folder has no boxes",
    "evaluate folder . --engine xyzzy": "no engine is called 'xyzzy'",
    "evaluate folder . --precision xyzzy": "the precision is one of",
    "evaluate folder . --option agcam.xyzzy=1": "agcam has no option 'xyzzy'",
}
PROGRAM = f"""
import contextlib, io, json, sys
from agcam.cli import main

found = []
for command in json.loads(sys.argv[1]):
    sys.argv, errors, status = ["agcam", *command.split()], io.StringIO(), 0
    with contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            status = end.code
    loaded = [name for name in {HEAVY} if name in sys.modules]
    found.append((status, errors.getvalue(), loaded))
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("refused", "allowed"),
    [(REFUSED, []), (EVALUATIONS_REFUSED, ["scipy.ndimage"])],  # metrics judge with scipy
    ids=["commands", "evaluate"],
)
def test_wrong_names_are_refused_before_anything_heavy_is_loaded(refused, allowed, tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (40, 30), "white").save(tmp_path / "cat" / "1.png")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(refused))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    for (command, message), (status, errors, loaded) in zip(refused.items(), found, strict=True):
        assert (status, message in errors) == (1, True), (command, errors)
        assert loaded in ([], allowed), command
