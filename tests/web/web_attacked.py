"""The small models behind small limits, for `test_connections.py`; prints the port it serves on."""

import sys
from dataclasses import replace

import torch
from web_models import LIMITS, models

from agcam.web import application, listen, warm
from agcam.web.server import serve

SMALL = replace(
    LIMITS,
    working=1,
    waiting=12,
    connections=60,
    address_connections=20,
    head_seconds=1,
    upload_seconds=3,
    silent_seconds=1,
    unread_seconds=1,
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    made = models()
    place = listen("127.0.0.1", 0)
    app = application(made, SMALL, ["here.example"])
    warm(made)
    sys.stdout.write(f"{place.getsockname()[1]}\n")
    sys.stdout.flush()
    serve(app, place)
