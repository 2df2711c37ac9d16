"""A training small enough to repeat often, in processes started like torchrun's."""

import contextlib
import json
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from moemoe.recipes import Recipe, Training
from moemoe.training import launch
from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.run import main as train_here
from tests.support.small_model import TINY_SWIN
from tests.support.warm_python import warm, warm_python


def small_recipe(**changes) -> Recipe:
    model = {
        "context_length": 24, "answer_length": 8, "question_in": "decoder",
        "text": {"vocab_size": 320, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_heads": 4, "context_layers": 1,
                 "question_layers": 1, "decoder_layers": 2, "ngrams": {"orders": [2, 3], "buckets": 64}},
        "image": {"size": 32, "options": TINY_SWIN},
        "experts": {"num_experts": 4, "top_k": 2, "noise": False},
    }  # fmt: skip
    values = {
        "name": "small", "size": "tiny", "description": "", "model": model, "phases": ("dense", "experts"),
        "load_balancing_weight": 0.1, "tokenizer": "catalog",
        "training": Training(epochs=2, batch_size=6, learning_rate=3e-3, warmup_steps=2, max_grad_norm=1.0),
    }  # fmt: skip
    return Recipe(**{**values, **changes})


def run(
    manifest: str,
    folder: Path,
    processes: int = 1,
    recipe: Recipe | None = None,
    on_events=lambda events: None,
    every: float = 60,
    restarts: int = 0,
    is_plain: bool = False,
):
    """Trains a small model; its weights and events.

    Args:
        is_plain: in Python processes that this one starts, for a training that is killed or has this one's limits.
    """
    recipe = recipe or small_recipe()
    job = TrainingJob(
        manifest, str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), 1, checkpoint_seconds=every
    )
    with contextlib.nullcontext() if is_plain else warm():
        launch.train(job, processes, on_events, poll_seconds=0.05, restarts=restarts)
    return load_file(folder / "run" / "model" / "model.safetensors"), read_events(folder / "run" / "events.jsonl")


def run_here(manifest: str, folder: Path, recipe: Recipe, warm_start: str | None = None):
    """What ``run`` gives, of a training in this process: for what does not depend on how processes are started."""
    job = TrainingJob(
        manifest, str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), 1, warm_start=warm_start
    )
    Path(job.scratch).mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    assert train_here(str(folder / "job.json")) == 0
    return load_file(folder / "run" / "model" / "model.safetensors"), read_events(folder / "run" / "events.jsonl")


def losses(events):
    return [(e["total_step"], e["loss"]) for e in events if e["event"] == "step"]


def assert_same(result, other) -> None:
    """Two results of ``run`` are of the same steps, to the bit."""
    assert losses(result[1]) == losses(other[1])
    for name, weight in other[0].items():
        assert torch.equal(result[0][name], weight), name


def in_float64(
    manifest: str,
    folder: Path,
    processes: int,
    phases=("dense", "experts"),
    accumulation: int = 1,
    of: Recipe | None = None,
):
    """Trains in double precision, where rounding is far below what Adam's epsilon lets through."""
    of = of or small_recipe()
    recipe = replace(of, phases=phases, training=replace(of.training, accumulation=accumulation)).to_dict()
    recipe["model"]["image"]["options"] = {**TINY_SWIN, "drop_path_rate": 0.0}  # what is random is drawn per rank
    job = TrainingJob(manifest, str(folder / "run"), str(folder / "scratch"), recipe, 1)
    Path(job.scratch).mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    torchrun = ["-m", "moemoe.training.torchrun", "--standalone", f"--nproc-per-node={processes}"]
    by = torchrun if processes > 1 else []  # a single process needs nobody who starts it
    command = [warm_python(), *by, "-m", "tests.support.in_float64", str(folder / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    return load_file(folder / "run" / "model" / "model.safetensors"), read_events(folder / "run" / "events.jsonl")


def workers_of(parent: int) -> list[int]:
    """The training processes below torchrun, grandchildren of ``parent``."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
    return [worker for child in children.get(parent, []) for worker in children.get(child, [])]
