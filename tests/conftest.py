"""What many tests share: small models, pictures, seeds."""

import random
import signal
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import HealthCheck, settings

import shapes
from browser import launched

shapes.check()  # before a test imports agcam

# The gate draws the same examples at every run: it fails for a change, never by luck. New ones are
# drawn by `pytest --hypothesis-profile=explore`. Neither has a limit of time: machines differ.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("gate", **UNTIMED, derandomize=True, database=None)
settings.register_profile("explore", **UNTIMED, print_blob=True)
settings.load_profile("gate")
torch.set_num_threads(1)  # the models are small: more threads only wait for each other

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a job in a shell's background: its
    signal.signal(signal.SIGINT, signal.default_int_handler)  # processes would ignore Ctrl+C too


def _seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


_seed()  # what is drawn while tests are collected


def pytest_runtest_setup():
    _seed()


@pytest.fixture
def tiny():
    """A ViT of two blocks over 4 x 4 patches, float32, in training mode as a user may have it."""
    torch.manual_seed(0)
    return timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=10
    )


@pytest.fixture
def pixels():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def photograph():
    """A picture wider than high, with structure."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 255, (60, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def authors():
    """Numbers that the authors' programs gave for a small seeded ViT."""
    with np.load(Path(__file__).parent / "reference" / "agcam_authors_small_vit.npz") as stored:
        return {key: stored[key] for key in stored.files}


@pytest.fixture(scope="session")
def authors_model(authors):
    weights = {k[8:]: torch.from_numpy(v) for k, v in authors.items() if k.startswith("weights/")}
    blocks = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
    model = timm.models.VisionTransformer(
        img_size=224, patch_size=16, embed_dim=48, depth=blocks, num_heads=3, num_classes=10
    )
    model.load_state_dict(weights)
    return model.double().eval()


@pytest.fixture(scope="module")  # playwright's loop runs in this thread until it is closed
def chromium():
    with launched() as browser:
        yield browser
