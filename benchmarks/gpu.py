"""What explanations and evaluations take on a GPU: unattended, in under ten minutes.

    python benchmarks/gpu.py [--minutes N] [--out FILE] [--device cuda] [--only TABLE] [--dry-run]

Needs `pip install -e ".[benchmarks]"`, and `nvidia-ml-py` for the GPU's busy share. Every row is
printed and written to FILE as soon as it is measured; when time is over, the rest is skipped, and
named. Times are medians of pairs, plain inference and contestant in turn, the device waited for;
memory is the peak of torch's allocator during a pass, weights included. --dry-run does all of it
with a small model and few pairs, on the CPU where there is no GPU: the figures mean nothing.
"""

import argparse
import statistics
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from contestants import Stage, contestants, ours
from evaluation import lay_out

from agcam.engines import Resources
from agcam.evaluation import Configuration, plan, run_plan

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
METHODS = ("agcam", "agcam_spread", "agcam_focus", "rollout", "legrad", "gae")
ONE_BY_ONE = ("attn_lrp",)  # a tape for each picture: seconds where the others take milliseconds
PEERS = ("grad-cam: GradCAM", "grad-cam: LayerCAM", "rollout by hooks")
KERNELS = {"flash": ("flash",), "cudnn": ("cudnn",), "efficient": ("efficient", "fmha_cutlass")}


@dataclass(frozen=True)
class Scale:
    """How large everything is."""

    model: str = "vit_base_patch16_224"
    batches: tuple = (1, 8, 64)
    pairs: int = 10
    long_side: int = 1024  # 4,096 patches of 16 pixels
    classes: tuple = (1, 20, 1000)
    class_batch: int = 8
    pictures: int = 512
    evaluation_batch: int = 64


DRY = Scale("test_vit", (1,), 2, 320, (1, 3, 5), 2, 4, 2)  # 400 patches


@dataclass
class Report:
    """Rows on the screen and in the file as they come, until time is over."""

    path: Path
    end: float
    skipped: list = field(default_factory=list)

    def line(self, text=""):
        print(text, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def header(self, title, *columns):
        self.line(f"\n## {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")

    def row(self, label, measure):
        """The cells that `measure` gives; a contestant that fails is reported in its row."""
        if time.monotonic() > self.end:
            self.skipped.append(label)
            return
        try:
            cells = measure()
        except Exception as error:
            cells = [f"{type(error).__name__}: {str(error).splitlines()[0]}"]
        self.line(f"| {label} | {' | '.join(map(str, cells))} |")


@dataclass(frozen=True)
class Device:
    """The device, waited for before the clock is read."""

    name: str

    @property
    def is_gpu(self):
        return self.name.startswith("cuda")

    def wait(self):
        if self.is_gpu:
            torch.cuda.synchronize()

    def seconds(self, run):
        self.wait()
        start = time.perf_counter()
        run()
        self.wait()
        return time.perf_counter() - start

    def peak(self, run):
        """Megabytes; only a GPU's allocator counts them."""
        if not self.is_gpu:
            return "-"
        torch.cuda.reset_peak_memory_stats()
        run()
        self.wait()
        return f"{torch.cuda.max_memory_allocated() / 2**20:.0f}"

    def paired(self, run, plain, pairs):
        """Ratio, its least and greatest; milliseconds of both; megabytes of both."""
        plain()
        run()
        times = [(self.seconds(plain), self.seconds(run)) for _ in range(pairs)]
        ratios = [slow / fast for fast, slow in times]
        least, most = min(ratios), max(ratios)
        own, other = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
        return (
            f"{statistics.median(ratios):.2f} ({least:.2f} to {most:.2f})",
            f"{other:.1f}",
            f"{own:.1f}",
            self.peak(run),
            self.peak(plain),
        )


PAIRED = "ratio (least to most)", "ms", "plain ms", "MB", "plain MB"


def costs(report, device, scale):
    """Every method and peer, by precision and batch."""

    def cost(contestant, stage, plain):  # made here, so that one that is not installed has a row
        return device.paired(contestant(stage), plain, scale.pairs)

    made = contestants(scale.model)
    report.header("What an explanation costs", "contestant, precision, batch", *PAIRED)
    for batch in scale.batches:
        methods = METHODS if batch > 1 else METHODS + ONE_BY_ONE
        for precision, dtype in DTYPES.items():
            stage = Stage.set(scale.model, batch, None, device=device.name, dtype=dtype)
            plain = made["plain"](stage)
            for name in (*methods, *PEERS):
                report.row(f"{name}, {precision}, {batch}", partial(cost, made[name], stage, plain))


def kernels(report, device, scale):
    """Which kernels compute attention in an explained pass: the fused ones that inference has."""
    kinds = (*KERNELS, "explicit softmax")
    report.header("Attention kernels of one AGCAM pass", "precision", *kinds)
    for precision, dtype in DTYPES.items():
        stage = Stage.set(scale.model, 2, None, device=device.name, dtype=dtype)
        run = ours("agcam")(stage)
        run()
        report.row(precision, lambda run=run: list(counted(run).values()))


def counted(run):
    """How often a pass calls torch's attention, by the kind of kernel; and softmax."""
    with torch.profiler.profile() as profile:
        run()
    found = dict.fromkeys((*KERNELS, "explicit softmax"), 0)
    for event in profile.key_averages():
        name = event.key.lower()
        if name == "aten::_softmax":
            found["explicit softmax"] += event.count
        elif name.startswith("aten::_scaled_dot_product") and "backward" not in name:
            kind = next((k for k, parts in KERNELS.items() if any(p in name for p in parts)), None)
            if kind:
                found[kind] += event.count
    return found


def many_tokens(report, device, scale):
    """One long input: memory must not grow with tokens squared."""
    side = scale.long_side
    stage = Stage.set(scale.model, 1, side, device=device.name, dtype=torch.bfloat16)
    plain = contestants(scale.model)["plain"](stage)
    title = f"{side} x {side} pixels, batch 1, bfloat16"
    report.header(title, "method", *PAIRED)
    for name in ("agcam", "agcam_spread", "agcam_focus"):
        report.row(name, partial(device.paired, ours(name)(stage), plain, scale.pairs))


def many_classes(report, device, scale):
    stage = Stage.set(scale.model, scale.class_batch, None, device=device.name)
    plain = contestants(scale.model)["plain"](stage)
    report.header(f"Many classes, float32, batch {scale.class_batch}", "method, classes", *PAIRED)
    for name in ("agcam", "agcam_spread"):
        for count in scale.classes:
            run = ours(name, count)(stage)
            report.row(f"{name}, {count:,}", partial(device.paired, run, plain, scale.pairs))


class BusyShare:
    """The mean of the GPU's busy share while a block runs, sampled ten times a second."""

    def __init__(self, device):
        self._samples, self._over = [], threading.Event()
        self._gpu = device.is_gpu

    def _sample(self):
        while not self._over.wait(0.1):
            try:
                self._samples.append(torch.cuda.utilization())
            except Exception:  # without nvidia-ml-py there is nothing to read
                return

    def __enter__(self):
        if self._gpu:
            threading.Thread(target=self._sample, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._over.set()

    def __str__(self):
        return f"{statistics.mean(self._samples):.0f} %" if self._samples else "not measured"


def evaluation(report, device, scale):
    """Pictures a second of the perturbation test, from their files to the rows in a store."""
    columns = "pictures per second", "passes per second", "GPU busy", "MB"
    report.header("agcam evaluate: agcam and rollout, ABPC", "perturbed pictures", *columns)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lay_out(folder, scale.pictures, scale.model)
        for precision in ("as-is", "bfloat16"):
            report.row(precision, partial(evaluated, folder, precision, device, scale))


def evaluated(folder, precision, device, scale):
    made = plan(
        Configuration(
            dataset="folder",
            root=str(folder / "pictures"),
            model=str(folder / "weights.pt"),
            arch=f"timm:{scale.model}",
            class_names=tuple(f"class {i}" for i in range(4)),
            methods=("agcam", "rollout"),
            metrics=("abpc",),
            device=device.name,
            batch_size=scale.evaluation_batch,
            precision=precision,
        )
    )
    rows, seconds, busy = [], [], BusyShare(device)

    def run():
        store = folder / f"{precision}.sqlite"
        with busy:
            seconds.append(
                device.seconds(lambda: run_plan(made, store, "local", Resources(), rows.append))
            )

    memory = device.peak(run)
    if not seconds:  # no GPU, no peak
        run()
    forwards = sum(one.forwards for one in rows)
    return f"{scale.pictures / seconds[0]:.1f}", f"{forwards / seconds[0]:.0f}", busy, memory


SECTIONS = kernels, evaluation, many_classes, many_tokens, costs


def parse(given):
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--out", type=Path, default=Path("gpu.md"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", choices=[one.__name__ for one in SECTIONS])
    parser.add_argument("--dry-run", action="store_true")
    return parser.parse_args(given)


def main(given=None):
    arguments = parse(given)
    warnings.simplefilter("ignore")
    there = torch.cuda.is_available()
    if not there and not arguments.dry_run:
        raise SystemExit("no GPU was found; --dry-run tries everything on the CPU")
    device = Device(arguments.device if there else "cpu")
    scale = DRY if arguments.dry_run else Scale()
    arguments.out.unlink(missing_ok=True)
    report = Report(arguments.out, time.monotonic() + 60 * arguments.minutes)
    where = torch.cuda.get_device_name() if there else "CPU"
    report.line(f"# {scale.model} on {where}, torch {torch.__version__}")
    if arguments.dry_run:
        report.line("\nA dry run: the figures mean nothing.")
    for section in SECTIONS:
        if arguments.only in (None, section.__name__):
            section(report, device, scale)
    if report.skipped:
        report.line(f"\nSkipped, time was over: {'; '.join(report.skipped)}.")


if __name__ == "__main__":
    main()
