"""Encode-once against the paper's own way of computing the model: generation and training, time and memory.

``python -m tests.benchmarks.model [--repeats 3] [--json]``. The naive path (tests/support/naive_model.py) encodes one
(question, context, image) triple per item, pads questions to k, forms e for each item and generates with
transformers; both have the same weights and give the same tokens and losses, which is checked first. Paths take turns
in one process; medians. Peak memory is that of a process of its own per path. Ours encodes the questions of a catalog
once, before: that time is reported apart (``questions_ms``).

On a GPU everything runs in bf16. Tokens per second and model FLOP utilisation are ``tests.benchmarks.gpu``'s.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from moemoe.model.config import ModelConfig, TextConfig
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.vision.config import ImageConfig
from tests.benchmarks.full_batch import ANSWER_TOKENS, make_batch, with_answers
from tests.support.naive_model import Naive

#: Attributes per product, and products in a batch: about 32 examples, the paper's batch.
PRODUCTS = {8: 4, 15: 2, 38: 1}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

#: On a CPU every width is half that of size small; lengths and numbers of layers are its own.
SCALE = 1 if DEVICE == "cuda" else 2
SWIN = {"embed_dim": 96 // SCALE, "num_heads": (3, 6, 12, 24)}


def config(question_in: str) -> ModelConfig:
    text = TextConfig(
        d_model=512 // SCALE, d_kv=64, d_ff=1024 // SCALE, num_heads=8 // SCALE, context_layers=6, question_layers=6,
        decoder_layers=6, vocab_size=32000 // SCALE,
    )  # fmt: skip
    image = ImageConfig(size=256, options=SWIN)
    return ModelConfig(
        text, image, context_length=512, answer_length=ANSWER_TOKENS, question_in=question_in
    )  # fmt: skip


def paths(question_in: str, attributes: int) -> tuple[dict[str, dict[str, Callable[[], object]]], float]:
    """For generation and training, both paths as functions; milliseconds that the questions took to encode."""
    torch.manual_seed(0)
    model = MoEMoE.create(config(question_in)).eval().to(DEVICE)
    torch.nn.init.normal_(model.attention.fc.weight, std=0.02)
    naive = Naive(model)
    asked = make_batch(model.config, PRODUCTS[attributes], attributes).to(torch.device(DEVICE))
    training = with_answers(asked)
    start = time.perf_counter()
    with torch.inference_mode():
        states, _ = model.encode_questions(asked.question_ids, asked.question_mask)
    questions_ms = 1000 * (time.perf_counter() - start)
    known = replace(asked, question_UJD=states)

    def train_ours() -> torch.Tensor:
        losses = model(training)
        return losses.cross_entropy + losses.question_context + losses.question_image

    def train_naive() -> torch.Tensor:
        return sum(naive.losses(training).values())

    def backward(loss: Callable[[], torch.Tensor]) -> Callable[[], float]:
        def run() -> float:
            model.zero_grad()
            with precision():
                value = loss()
            value.backward()
            return value.item()

        return run

    def no_end(run: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
        def generated() -> torch.Tensor:
            with precision():
                return run()

        return generated

    return {
        "generate": {
            "ours": no_end(lambda: generate(model, known).tokens_NA),
            "naive": no_end(lambda: naive.generate(asked)),
        },
        "train": {"ours": backward(train_ours), "naive": backward(train_naive)},
    }, questions_ms


def precision():
    return torch.autocast("cuda", dtype=torch.bfloat16) if DEVICE == "cuda" else nullcontext()


def seconds(run: Callable[[], object]) -> float:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def flops(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def measure(question_in: str, attributes: int, repeats: int) -> dict:
    """Speed-ups of generation and training, and what of the FLOP ideal they reach."""
    found, questions_ms = paths(question_in, attributes)
    tokens = [found["generate"][name]() for name in ("ours", "naive")]
    losses = [found["train"][name]() for name in ("ours", "naive")]
    same = {
        "same_tokens": round((tokens[0] == tokens[1]).float().mean().item(), 4),
        "loss_difference": abs(losses[0] - losses[1]) / abs(losses[1]),
    }
    if DEVICE == "cpu" and (same["same_tokens"] < 1 or same["loss_difference"] > 1e-4):
        raise SystemExit(f"the paths differ: {same}")
    figures: dict = {"questions_ms": round(questions_ms, 1), **same}
    for name, both in found.items():
        times: dict[str, list[float]] = {"ours": [], "naive": []}
        for _ in range(repeats):
            for path, run in both.items():
                times[path].append(seconds(run))
        ours, naive = (statistics.median(times[path]) for path in ("ours", "naive"))
        ideal = flops(both["naive"]) / flops(both["ours"])
        figures[name] = {
            "speedup": round(naive / ours, 2),
            "flop_ideal": round(ideal, 2),
            "share_of_ideal": round(naive / ours / ideal, 2),
            "ours_ms": round(1000 * ours, 1),
            "naive_ms": round(1000 * naive, 1),
        }
    return figures


def peak_memory(path: str, attributes: int) -> float:
    """Peak memory of one training step in MiB above what the model itself takes (in this process)."""
    found, _ = paths("decoder", attributes)
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        found["train"][path]()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = _status("VmRSS")
    found["train"][path]()
    return (_status("VmHWM") - before) / 2**10


def _status(name: str) -> int:
    """A figure of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def peak_memory_ratio(attributes: int) -> float:
    """Naive over ours, each in a process of its own."""
    peaks = {}
    for path in ("ours", "naive"):
        command = [sys.executable, "-m", "tests.benchmarks.model", "--peak", path, "--attributes", str(attributes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[path] = float(done.stdout.split()[-1])
    return round(peaks["naive"] / max(peaks["ours"], 1.0), 2)


def main() -> None:
    """Prints the figures, as one JSON object on the last line with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak", choices=("ours", "naive"), help=argparse.SUPPRESS)
    parser.add_argument("--attributes", type=int, default=38, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(peak_memory(arguments.peak, arguments.attributes))
        return
    figures: dict = {"generate_speedup": {}, "train_speedup": {}, "peak_memory_ratio": {}, "details": {}}
    figures |= {"device": DEVICE, "threads": torch.get_num_threads(), "products": PRODUCTS}
    figures["config"] = config("decoder").to_dict()
    for question_in in ("decoder", "context"):
        for attributes in PRODUCTS:
            found = measure(question_in, attributes, arguments.repeats)
            figures["details"][f"{question_in}, {attributes} attributes"] = found
            if question_in == "decoder":
                for name in ("generate", "train"):
                    figures[f"{name}_speedup"][str(attributes)] = found[name]["speedup"]
                figures["peak_memory_ratio"][str(attributes)] = peak_memory_ratio(attributes)
            print(question_in, attributes, "attributes:", found, flush=True)
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
