"""Small models for the page and the API, and a server of them in a process of its own.

python tests/web/web_models.py            prints the port that it serves on
"""

import sys
import zlib
from dataclasses import replace
from pathlib import Path

import timm
import torch

from agcam.families.prompts import contrastive
from agcam.values import Classifier, Preparation
from agcam.web import Limits, application, listen, warm
from agcam.web.schemas import Selection
from agcam.web.server import serve

PREPARATION = Preparation(size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, resize=32)
GUESSED = replace(PREPARATION, guess=True, source="somebody's usual one")
NAMES = ("tabby, tabby cat", "tiger", "${1+1} {{ x }}", "<b>bold</b>", "crane", "crane", "cup")
NAMES += ("lynx", "zebra", "ox")
LIMITS = Limits(upload_bytes=2_000_000, pixels=4_000_000, kept_pictures=3)


def vit(seed, classes):
    torch.manual_seed(seed)
    return timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=classes
    ).eval()


def named(name, seed, names, preparation=PREPARATION):
    module = vit(seed, len(names))
    return Classifier(module, module, name, "timm", preparation, names)


def words():
    """A model that compares pictures with words, as CLIP does; its text tower is a hash."""
    module = vit(2, 16)
    bare = Classifier(module, module, "words", "open_clip", PREPARATION)

    def encode_text(prompts, _):
        seeds = [zlib.crc32(prompt.encode()) for prompt in prompts]
        return torch.stack(
            [torch.randn(16, generator=torch.Generator().manual_seed(s)) for s in seeds]
        )

    return contrastive(bare, module, encode_text, lambda: (torch.tensor(1.0), None))


def models():
    return {
        "tiny": named("tiny", 0, NAMES),
        "other": named("other", 1, ("one", "two", "three"), GUESSED),
        "words": words(),
    }


def select(model, method="agcam", target=None, prompts=(), refine=False, views=1):
    return Selection(
        model=model, method=method, target=target, prompts=prompts, refine=refine, views=views
    )


def report_calls(event, arguments):
    """An audit hook: leave a file behind if this process calls any other machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not host.startswith(("127.", "::1", "localhost")):
            Path("called-out").write_text(host)
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost"):
        Path("called-out").write_text(str(arguments[0]))


def main():
    sys.addaudithook(report_calls)
    torch.set_num_threads(1)
    made = models()
    listener = listen("127.0.0.1", 0)
    app = application(made, LIMITS)
    warm(made)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    serve(app, listener)


if __name__ == "__main__":
    sys.exit(main())
