"""Annotation files of every layout, bent at random, read in a process of bounded memory and time.

    python benchmarks/annotation_fuzz.py FOLDER SEED INPUTS

Prints JSON: inputs tried, and faults: an exception that is no AgcamError, a hang, lack of memory.
`benchmarks/faults.py` runs it.
"""

import json
import os
import random
import resource
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "rooms"))

from layouts import WRITERS

from agcam import AgcamError
from agcam.datasets import DATASETS

GIGABYTE = 2**30
SECONDS = 20
PICTURES = (".jpg", ".jpeg", ".png", ".mat")
TOKENS = (
    *(
        "nan",
        "inf",
        "-1",
        "1e309",
        "1e9",
        "9" * 30,
        "0x1",
        "true",
        "null",
        '""',
        '"',
        "'",
        ",",
        ",,",
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        "\0",
        "\t",
        "\r",
        "\n",
        "\n\n",
        "\u2028",
        "\ud800",
        "\udcff",
        "\x1b[31m",
        "٣",
    ),
    *("=1+1", "&x;", "<a>", "</object>", "*a", "&a ", "<<: *a", "!!python/object:os.system", "../"),
    *("01", "1.0", "-0", " ", "#", "::", "zip://", "memory://x", "/dev/zero"),
)


def bent(content, generator):
    """The bytes with a few of them changed: flipped, cut, doubled, or a token put in."""
    content = bytearray(content)
    for _ in range(generator.choice([1, 1, 1, 2, 5])):
        at, kind = generator.randrange(len(content) + 1), generator.randrange(6)
        token = generator.choice(TOKENS).encode("utf-8", "surrogatepass")
        if kind == 0 and content:
            content[at - 1] = generator.randrange(256)
        elif kind == 1:
            del content[at : at + generator.choice([1, 3, 20])]
        elif kind == 2:
            content[at:at] = token
        elif kind == 3:  # a word is another
            end = at
            while end < len(content) and chr(content[end]) not in ' ,\t\n"<>[]{}:':
                end += 1
            content[at:end] = token
        elif kind == 4:
            lines = content.split(b"\n")
            lines.insert(generator.randrange(len(lines) + 1), generator.choice(lines))
            content = bytearray(b"\n".join(lines))
        elif generator.random() < 0.2:
            del content[at:]
    return bytes(content)


def read_all(name, root):
    """Names of the samples that have a truth."""
    data = DATASETS[name].read(root)
    sound = []
    for sample in data.samples:
        try:
            data.truth(sample)
            sound.append(sample.name)
        except AgcamError as error:
            if len(str(error).splitlines()) > 1:
                raise ValueError(f"more than one line: {error!s}") from error
    return sound


def hangs(*_):
    raise TimeoutError(f"more than {SECONDS} seconds")


def main(folder, seed, inputs):
    """Try so many inputs, the layouts in turn."""
    whole, roots = {}, {}
    for name in DATASETS:
        roots[name] = WRITERS[name](folder / name).root
        whole[name] = read_all(name, roots[name])
    signal.signal(signal.SIGALRM, hangs)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + GIGABYTE, held + GIGABYTE))
    generator, faults = random.Random(seed), []
    for number in range(inputs):
        name = list(DATASETS)[number % len(DATASETS)]
        found = [p for p in sorted((folder / name).rglob("*")) if p.is_file()]
        texts = [p for p in found if not p.name.lower().endswith(PICTURES)] or found
        path = generator.choice(texts)
        before = path.read_bytes()
        path.write_bytes(bent(before, generator))
        signal.alarm(SECONDS)
        try:
            read_all(name, roots[name])
        except AgcamError:
            pass
        except BaseException as error:
            kept = folder / f"fault{len(faults)}"
            shutil.copyfile(path, kept)
            faults.append(f"{name}, {path.name}: {type(error).__name__}: {error}"[:300])
        finally:
            signal.alarm(0)
            path.write_bytes(before)
        if read_all(name, roots[name]) != whole[name]:
            faults.append(f"{name}: the layout was not put back")
    sys.stdout.write(json.dumps({"tried": inputs, "faults": faults}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
