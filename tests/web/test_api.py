"""The HTTP API, and what the server refuses, in this process."""

import asyncio
import base64
import io
import json
import re
import threading
import time
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import schemathesis
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.testclient import TestClient
from web_models import LIMITS, NAMES, models
from web_pictures import black, picture, png

import agcam
from agcam.errors import LoadError
from agcam.web import Limits, application
from agcam.web.context import MemoryBudget, RequestContext
from agcam.web.offered import OFFERED
from processes import SOON, until


def requested(api, seed=0, **fields):
    return api.post("/explain", files={"picture": png(seed)}, data=fields)


def refused(answer, status, words):
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]
    assert "Traceback" not in answer.text


# What it answers


@pytest.mark.parametrize("method", OFFERED)
def test_a_form_is_answered_as_by_explain(api, method):
    answer = requested(api, classes=["tiger", "0"], method=method, draw=["grid", "overlay"])
    assert answer.status_code == 200
    ours = agcam.explain(api.models["tiny"], [picture(0)], [["tiger", 0]], method)
    found = answer.json()
    assert [row["name"] for row in found["maps"]] == ["tiger", "tabby"]
    grids = torch.tensor([row["grid"] for row in found["maps"]])
    torch.testing.assert_close(grids, ours.grid_map[0])
    for number, row in enumerate(found["maps"]):
        drawn = Image.open(io.BytesIO(base64.b64decode(row["overlay"])))
        assert np.array_equal(np.asarray(drawn), np.asarray(ours.overlay(0, number)))
    assert found["manifest"] == json.loads(json.dumps(ours.manifest()))
    predicted = [(row["name"], row["probability"]) for row in found["predictions"]]
    assert predicted == [(name, pytest.approx(value)) for name, value in ours.predictions()]
    assert found["said"] == found["predictions"]  # its name before


def test_sharper_maps_are_answered_as_by_explain(api):
    wanted = {
        "classes": ["tiger", "0"],
        "draw": ["grid", "overlay"],
        "refine": "true",
        "views": "2",
    }
    answer = requested(api, **wanted).json()
    options = {"refine": True, "views": 2}
    ours = agcam.explain(api.models["tiny"], [picture(0)], [["tiger", 0]], "agcam", **options)
    grids = torch.tensor([row["grid"] for row in answer["maps"]])
    torch.testing.assert_close(grids, ours.grid_map[0])
    for number, row in enumerate(answer["maps"]):
        drawn = Image.open(io.BytesIO(base64.b64decode(row["overlay"])))
        assert np.array_equal(np.asarray(drawn), np.asarray(ours.overlay(0, number)))
    assert answer["manifest"] == json.loads(json.dumps(ours.manifest()))
    refused(requested(api, views="3"), 422, "views is 1, 2, 4, 5, 8 or 9, not 3")


def test_json_and_form_say_the_same(api):
    form = requested(api, seed=1, classes=["zebra"], model="tiny")
    body = {"picture": base64.b64encode(png(1)).decode(), "classes": ["zebra"], "model": "tiny"}
    assert api.post("/explain", json=body).json() == form.json()


def test_by_default_the_predicted_class_of_the_first_model(api):
    found = requested(api).json()
    assert found["manifest"]["model"] == "tiny"
    assert found["manifest"]["method"] == "agcam"
    assert found["maps"][0]["name"] == found["predictions"][0]["name"]
    assert found["maps"][0]["overlay"] is None


def test_prompts(api):
    found = requested(api, model="words", prompts=["a cup", "a lynx"], classes=["a lynx"]).json()
    assert {row["name"] for row in found["predictions"]} == {"a cup", "a lynx"}
    assert [row["name"] for row in found["maps"]] == ["a lynx"]
    refused(requested(api, model="words"), 422, "describe what to look for")


def test_models_methods_health(api):
    models = api.get("/models").json()
    assert [(row["name"], row["classes"], row["prompts"]) for row in models] == [
        ("tiny", len(NAMES), False),
        ("other", 3, False),
        ("words", None, True),
    ]
    methods = api.get("/methods").json()
    assert [row["name"] for row in methods] == list(OFFERED)
    assert all(row["cite"] == OFFERED[row["name"]].cite for row in methods)
    assert api.get("/health").json()["status"] == "ok"


def test_every_refusal_is_described(api):
    described = api.get("/openapi.json").json()
    responses = described["paths"]["/explain"]["post"]["responses"]
    assert set(responses) == {"200", "408", "413", "415", "422", "429", "503"}
    for status in set(responses) - {"200"}:
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
    bodies = described["paths"]["/explain"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "multipart/form-data"}
    assert bodies["application/json"]["schema"]["example"]


# What it refuses, in words


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"no picture", 422, "not a picture of a known format"),
        (png(0)[:-2000], 422, "truncated"),
        (b"", 422, "empty"),
        (black(2100, 2100), 422, "2100 x 2100 pixels"),
        (bytes(2_200_000), 413, "larger than 2 MB"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "not a picture"),
    ],
)
def test_bad_pictures(api, data, status, words):
    refused(api.post("/explain", files={"picture": data}), status, words)
    refused(api.post("/uploads", content=data), status, words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes": ["tigr"]}, "did you mean tiger"),
        ({"classes": ["10"]}, "out of range"),
        ({"classes": ["crane"]}, "names several classes"),
        ({"classes": ["0"] * 33}, "at most 32"),
        ({"model": "timm:vit_base_patch16_224"}, "this server has no model"),
        ({"model": "/etc/passwd"}, "this server has no model"),
        ({"model": "hf:evil/weights"}, "this server has no model"),
        ({"method": "agcan"}, "did you mean agcam"),
        ({"draw": ["svg"]}, "draw"),
        ({"unknown": "1"}, "unknown"),
    ],
)
def test_bad_questions(api, fields, words):
    refused(requested(api, **fields), 422, words)


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/cat.png", "C:\\cat.png"]
)
def test_a_path_or_an_address_is_refused(api, place):
    refused(api.post("/explain", json={"picture": place}), 422, "address or a path is not taken")
    refused(api.post("/explain", data={"picture": place}, files={"x": b""}), 422, "not taken")
    refused(api.post("/uploads", content=place.encode()), 422, "not a picture")


def test_other_bodies(api):
    refused(api.post("/explain", content=b"x", headers={"content-type": "text/plain"}), 415, "form")
    json_ = {"content-type": "application/json"}
    refused(api.post("/explain", content=b"{", headers=json_), 422, "JSON")
    refused(api.post("/explain", content=b"[" * 100_000, headers=json_), 422, "")
    form = {"content-type": "multipart/form-data"}
    refused(api.post("/explain", content=b"x", headers=form), 422, "form")
    form = {"content-type": "multipart/form-data; boundary=b"}
    refused(api.post("/explain", content=b"--c\r\nx", headers=form), 422, "form")


def read(receive):
    """Read the body of an upload that has no length; what was held."""
    scope = {"type": "http", "path": "/uploads", "headers": [(b"transfer-encoding", b"chunked")]}
    budget = MemoryBudget(10_000_000)
    context = RequestContext(scope, receive, Limits(upload_bytes=2_000_000), budget)
    request = Request({**scope, "method": "POST"}, context.receive)
    return asyncio.run(request.body()), budget.held


def test_a_body_without_a_length_is_bounded_too():
    sent = []

    async def endless():
        sent.append(1)
        return {"type": "http.request", "body": bytes(100_000), "more_body": True}

    with pytest.raises(HTTPException, match="larger than 2 MB"):
        read(endless)
    assert len(sent) == 21


def test_what_has_arrived_counts_as_held():
    parts = [{"type": "http.request", "body": b"a" * n, "more_body": n < 3} for n in (3, 2, 1)]

    async def given():
        return parts.pop()

    parts[0]["more_body"] = False
    assert read(given) == (b"a" * 6, 6)


# The page's own addresses


@pytest.mark.parametrize(
    "path",
    [
        "/redoc",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/viewer/../page.js/../../app.py",
        "/static/",
        "/static",
        "/uploads/x/../../etc/passwd",
        "/uploads/x/y/z",
        "/examples/../../etc/passwd",
        "/gradio_api/file=/etc/passwd",
    ],
)
def test_there_is_nothing_elsewhere(api, path):
    answer = api.get(path)
    assert answer.status_code in (404, 405, 422)
    assert list(answer.json()) == ["error"]
    assert "root:" not in answer.text


def test_static_files_are_served_and_nothing_is_kept(api):
    page = api.get("/").text
    addresses = re.findall(r'(?:href|src)="(static/[^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        answer = api.get(f"/{address}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert api.get("/health").headers["cache-control"] == "no-store"
    assert api.head("/").status_code == 200


def test_the_page_calls_nobody_and_sets_a_cookie(api):
    api.cookies.clear()
    answer = api.get("/")
    policy = answer.headers["content-security-policy"]
    own = r"'self' 'sha256-[\w+/]+='"  # files of the server, and the script and style of /docs
    wanted = f"default-src 'none'; script-src {own}; style-src {own}; connect-src 'self';"
    assert re.match(wanted, policy)
    assert "unsafe" not in policy
    assert "http" not in policy + answer.text.replace("http-equiv", "")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "set-cookie" not in api.get("/").headers  # known from now on
    forged = {"cookie": "agcam_visitor=short; x=y"}
    api.cookies.clear()
    assert "set-cookie" in api.get("/", headers=forged).headers


# Many at once


def test_a_page_of_another_site_may_show_this_one_if_it_is_named(api):
    origin = "https://huggingface.co"
    app = application(api.models, LIMITS, frames=[origin])
    cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    with TestClient(app) as client:
        answer = client.get("/", headers=cross)
        assert answer.headers["content-security-policy"].endswith(
            f"frame-ancestors 'self' {origin}"
        )
        assert answer.headers["set-cookie"].endswith("SameSite=None; Secure; Partitioned")
        assert client.post("/explain", headers={"origin": origin}).status_code == 403
    for wrong in ("huggingface.co", "http://x.org", "https://a.org; script-src *", "*"):
        with pytest.raises(LoadError, match="is not an origin"):
            application(api.models, LIMITS, frames=[wrong])


def test_uploads_never_touch_the_disk(api, monkeypatch):
    import tempfile

    def none(*_, **__):
        raise AssertionError("a temporary file was made")

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp", "_TemporaryFileWrapper"):
        monkeypatch.setattr(tempfile, name, none)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", none)
    large = png(0, (700, 700))  # 1.4 MB: above what forms keep in memory by themselves
    assert len(large) > 1_100_000
    assert api.post("/explain", files={"picture": large}).status_code == 200
    assert api.post("/uploads", content=large).status_code == 200


def test_many_pictures_at_once_are_all_answered_and_right(api):
    """benchmarks/serve_load.py is the same with real pictures, times and memory."""
    seeds = range(24)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda seed: requested(api, seed, classes=["cup"]), seeds))
    for seed, answer in zip(seeds, answers, strict=True):
        assert answer.status_code == 200
        single = agcam.explain(api.models["tiny"], [picture(seed)], "cup")
        grid = torch.tensor(answer.json()["maps"][0]["grid"])
        torch.testing.assert_close(grid, single.grid_map[0, 0])


def test_memory_is_bounded_by_pictures_a_visitor(api):
    before = api.get("/health").json()["pictures"]
    api.get("/")
    for seed in range(8):
        assert api.post("/uploads", content=png(seed)).status_code == 200
    assert api.get("/health").json()["pictures"] <= before + LIMITS.kept_pictures


def test_pictures_are_forgotten_also_when_nobody_asks():
    app = application(models(), Limits(kept_seconds=0.3))
    with TestClient(app) as client:
        key = client.post("/uploads", content=png(0)).json()["upload"]
        visitor = client.cookies["agcam_visitor"]
        kept = weakref.ref(app.state.uploads.get((visitor, key)))
        until(lambda: kept() is None, "the picture is kept")
        assert client.get("/health").json() == {"status": "ok", "pictures": 0, "bytes": 0}


def test_busy_is_said_politely():
    app = application(models(), Limits(working=1, waiting=1))
    gate_hold, entered = threading.Event(), threading.Event()
    with TestClient(app) as client:
        made = app.state.uploads.models["tiny"].module

        def slow(*_):
            entered.set()
            gate_hold.wait(30)

        handle = made.register_forward_pre_hook(slow)
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(requested, client, seed) for seed in range(2)]
            assert entered.wait(30)
            while len(app.state.queue._fair.jobs) < 2:  # the second has its place
                pass
            answer = requested(client, 2)
            refused(answer, 503, "try again")
            assert answer.headers["retry-after"] == "5"
            assert client.get("/health").json()["status"] == "ok"
            gate_hold.set()
            assert [each.result().status_code for each in running] == [200, 200]
        handle.remove()


# Small requests, large work


def peak(function):
    """What a function gives, and the most megabytes of arrays and bytes that it held at once."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_drawing_many_classes_takes_the_memory_of_one(api):
    """The maps of 32 classes on 4 megapixels are 512 MB, and were normalized for each other."""
    data = black(2000, 2000)
    fields = {"classes": ["1"] * 32, "draw": ["overlay"]}
    answer, most = peak(lambda: api.post("/explain", files={"picture": data}, data=fields))
    assert answer.status_code == 200
    drawn = [row["overlay"] for row in answer.json()["maps"]]
    assert len(drawn) == 32
    assert Image.open(io.BytesIO(base64.b64decode(drawn[0]))).size == (800, 800)
    assert most < 40 + 4 * sum(map(len, drawn)) / 1e6


def test_one_overlay_of_many_classes_takes_the_memory_of_one(api):
    explanation = agcam.explain(
        api.models["tiny"], [picture(0, (1000, 1000))], [list(range(10)) * 3]
    )
    one, most = peak(lambda: explanation.overlay(0, 7))
    assert one.size == (1000, 1000)
    assert most < 5 * 4  # a few arrays of a million numbers; the maps of all would be 120 MB


def test_methods_say_what_they_cost_and_too_much_is_refused_at_once(api):
    for row in api.get("/methods").json():
        fit = (LIMITS.request_passes - row["picture_passes"]) // max(row["class_passes"], 1e-9)
        if fit >= 32:
            continue
        start = time.monotonic()
        fields = {"method": row["name"], "classes": ["1"] * (int(fit) + 1)}
        words = f"by {row['name']}, ask for {int(fit)} classes at a time"
        refused(api.post("/explain", files={"picture": black(9, 9)}, data=fields), 422, words)
        assert time.monotonic() - start < SOON


def test_bodies_under_way_hold_bounded_memory():
    app = application(models(), Limits(held_bytes=100_000))
    with TestClient(app) as client:
        small, large = png(0), png(0, (300, 300))
        assert len(large) > 200_000
        refused(
            client.post("/explain", files={"picture": large}), 503, "as many pictures as it can"
        )
        for _ in range(20):  # what was held is given back
            assert client.post("/explain", files={"picture": small}).status_code == 200
        fields = {"draw": ["overlay"]}
        refused(client.post("/explain", files={"picture": small}, data=fields), 503, "as many")


# Whatever anybody sends


@pytest.fixture(scope="session")
def described():
    return schemathesis.openapi.from_asgi("/openapi.json", application(models(), LIMITS))


@pytest.mark.parametrize(
    ("path", "verb", "examples"),
    [
        ("/explain", "POST", 60),
        ("/models", "GET", 3),
        ("/methods", "GET", 3),
        ("/health", "GET", 3),
    ],
)
def test_the_api_is_as_described(described, path, verb, examples):
    """Schemathesis: every answer to whatever the description allows is one that it tells of.

    But for one check: no schema says which bytes are a picture, or what a model's classes are.
    """
    operation = described[path][verb]

    @settings(max_examples=examples, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(), st.booleans())
    def holds(case, whole):
        if whole and isinstance(case.body, dict):  # else hardly one has a picture that opens
            form = case.media_type == "multipart/form-data"
            case.body["picture"] = png(0) if form else base64.b64encode(png(0)).decode()
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    holds()
