"""The perturbation test end to end, beside the authors' scheme, on one CPU in one run.

    python benchmarks/evaluation.py [--model NAME] [--rounds N] [--pictures N] [--threads N]

Authors' scheme, as in their ABPC script: a picture and method at a time, batch 1, 22 forward passes
with autograd on, torch.topk over the pixels. Their maps are made by our program, which flatters
them: their own takes about three forward passes a map. Ours: one shard of an evaluator, float32 and
with bfloat16 for the perturbed pictures. Rounds alternate; the median of the ratios counts.
Wall-clock and CPU seconds are given: on a shared machine the latter vary less.
"""

import argparse
import copy
import statistics
import time

import torch

SHARES = [step / 10 for step in range(11)]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="vit_base_patch16_224")
    parser.add_argument("--methods", default="agcam,rollout,raw_attention")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def removed(pixels, relevance, share, sign):
    """The authors' way: the first pixels by topk are set to 0."""
    flat = sign * (relevance.flatten() + 1)
    keep = torch.ones_like(flat)
    keep[torch.topk(flat, int(flat.numel() * share)).indices] = 0
    return pixels * keep.reshape(relevance.shape)


def authors(model, pictures, labels, methods):
    """Areas (picture, method) of LeRF - MoRF."""
    import agcam
    from agcam.evaluation.probing import relevance_on_input

    areas = []
    for pixels, label in zip(pictures, labels, strict=True):
        for method in methods:
            explained = agcam.explain(model, pixels[None], int(label), method)
            relevance = relevance_on_input(explained.grid_map[0].numpy(), pixels.shape[-2:])[0] - 1
            total = 0.0
            for share in SHARES:
                for sign in (1, -1):
                    picture = removed(pixels, torch.from_numpy(relevance), share, sign)
                    total -= sign * model(picture[None]).softmax(-1)[0, label].item()
            areas.append(total / len(SHARES))
    return torch.tensor(areas)


def evaluator(model, pictures, labels, methods, precision):
    """One shard of all pictures; no chance rows, so that both sides do the same."""
    from agcam.evaluation import Evaluator, Subject
    from agcam.evaluation.measures import chosen
    from agcam.families import load
    from agcam.methods import METHODS
    from agcam.values import DataSet, Frame, Sample

    samples = tuple(Sample(str(i), str(i), int(label)) for i, label in enumerate(labels))
    height, width = pictures.shape[-2:]
    classes = int(max(labels)) + 1
    return Evaluator(
        Subject(
            classifier=load(model),
            dataset=DataSet("noise", tuple((str(i),) for i in range(classes)), samples, None),
            classes=tuple(range(classes)),
            methods=tuple(METHODS[name] for name in methods),
            measures=chosen(["abpc"]),
            open=lambda sample: (pictures[int(sample.name)], Frame.whole(width, height)),
            copy=lambda: load(copy.deepcopy(model)),
            batch_size=len(samples),
            precision=precision,
        )
    )


def timed(call):
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - processor


def areas_of(rows, methods):
    ordered = sorted(rows.records, key=lambda row: (row.sample, methods.index(row.method)))
    return torch.tensor([row.value for row in ordered])


def main():
    import timm

    arguments = parse()
    methods = arguments.methods.split(",")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = timm.create_model(arguments.model).eval()
    size = model.patch_embed.img_size
    pictures = torch.randn(arguments.pictures, 3, *size)
    labels = torch.randint(0, model.num_classes, (arguments.pictures,))
    sides = {
        "float32": evaluator(model, pictures, labels, methods, None),
        "bfloat16": evaluator(model, pictures, labels, methods, torch.bfloat16),
    }
    authors(model, pictures[:1], labels[:1], methods[:1])  # the survey and kernels, once
    wall = {name: [] for name in sides}
    processor = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        theirs, their_wall, their_cpu = timed(lambda: authors(model, pictures, labels, methods))
        for name, side in sides.items():
            rows, our_wall, our_cpu = timed(lambda side=side: side(0))
            wall[name].append(their_wall / our_wall)
            processor[name].append(their_cpu / our_cpu)
            apart = (areas_of(rows, methods) - theirs).abs().max()
            print(f"authors {their_wall:.0f} s, ours {name} {our_wall:.0f} s, apart {apart:.1e}")
    works = arguments.pictures * len(methods)
    print(
        f"\n{arguments.model}, {arguments.threads} threads, {arguments.pictures} pictures, "
        f"{', '.join(methods)}; authors {22 * works} passes, ours {18 * works} and "
        f"{arguments.pictures} recordings; torch {torch.__version__}\n"
    )
    print(
        "| ours | times faster, wall clock: median (least to most) | CPU seconds |\n|---|---|---|"
    )
    for name in sides:
        cells = [
            f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
            for found in (wall[name], processor[name])
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
