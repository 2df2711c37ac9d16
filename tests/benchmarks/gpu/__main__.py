"""What a GPU does with this project: parity, speed, utilisation, loader, answers. Needs no network.

    python -m tests.benchmarks.gpu --output FOLDER [--shards MANIFEST] [--only PART,...]

Needs torch, transformers, timm, pyarrow, numpy, Pillow, safetensors and PyYAML alone, and takes less than nine minutes.
Each part has a process and a limit of its own: one that fails or takes too long leaves the others. FOLDER/results.json
is written after every part, FOLDER/results.html is for people. --shards takes a manifest (or its folder) for the parts
loader and training; without it they read synthetic products. --device cpu tries every part at small sizes.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from moemoe.atomic_files import replacing
from moemoe.errors import MoEMoEError
from tests.support.part_runner import FAILED, Figures, measure, run_part, start_server

#: Part -> its module and the seconds that it may take.
PARTS = {
    "parity": ("tests.benchmarks.gpu.parity", 40),
    "utilisation": ("tests.benchmarks.gpu.utilisation", 110),
    "experts": ("tests.benchmarks.gpu.experts", 40),
    "loader": ("tests.benchmarks.gpu.loader", 60),
    "generation": ("tests.benchmarks.gpu.generation", 80),
    "compile": ("tests.benchmarks.gpu.compiled", 70),
    "training": ("tests.benchmarks.gpu.training", 95),
}
#: Seconds for all of them: what is left of nine minutes after starting and writing.
ALL_SECONDS = 500


def main(arguments: list[str] | None = None) -> int:
    """0 if a part came to an end, 1 if all failed, 2 for a command that cannot be followed."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--shards")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}")
    chosen = parser.parse_args(arguments)
    names = list(PARTS) if chosen.only is None else chosen.only.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"--only {','.join(unknown)}: parts are {', '.join(PARTS)}")
    if chosen.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = (
        "1"  # asking for a GPU leaves the fork server's children able to use it
    )
    start_server([PARTS[name][0] for name in names])

    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU is there; --device cpu tries every part at small sizes")
    try:
        shards = chosen.shards and checked_manifest(chosen.shards)
    except MoEMoEError as error:
        parser.error(f"--shards: {error}")
    chosen.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moemoe-gpu-") as scratch:
        results = measure_all(names, chosen.device, shards or None, chosen.output, Path(scratch))
    for goal in results["goals"]:
        measured = "" if goal["value"] is None else f" ({goal['value']})"
        print(f"{goal['judgement']}: {goal['goal']}{measured}")
    print(f"results  {chosen.output / 'results.html'}")
    return exit_code(results)


def exit_code(results: Figures) -> int:
    """1 if every part failed, else 0."""
    return int(all(part["status"] == FAILED for part in results["parts"].values()))


def checked_manifest(shards: str) -> str:
    """The URI of a manifest given by itself or by its folder. Raises StorageError where there is none."""
    from moemoe.shards.manifest import Manifest
    from moemoe.storage import absolute, join

    uri = absolute(shards)
    uri = uri if uri.endswith(".json") else join(uri, "manifest.json")
    Manifest.read(uri)
    return uri


def measure_all(names: list[str], device: str, shards: str | None, output: Path, scratch: Path) -> Figures:
    """Runs the parts one after the other; the results so far are in ``output`` after each."""
    from tests.benchmarks.gpu.box import Box, environment

    start = time.monotonic()
    results: Figures = {"environment": environment(device), "shards": shards, "parts": {}}
    for number, name in enumerate(names, start=1):
        module, limit = PARTS[name]
        left = ALL_SECONDS - (time.monotonic() - start)
        print(f"{number} of {len(names)}: {name}, at most {min(limit, left):.0f} s", flush=True)
        found = run_part(
            partial(measure, module), Box(device, scratch, shards), min(limit, left), scratch / f"{name}.json"
        )
        results["parts"][name] = found
        print(f"  {found['status']} after {found['seconds']} s {found.get('error', found.get('note', ''))}", flush=True)
        write(results, output)
    return results


def write(results: Figures, output: Path) -> None:
    """``results.json`` and ``results.html``."""
    from moemoe.reporting.html import page
    from tests.benchmarks.gpu.goals import document, judged

    results["goals"] = judged(results)
    _replace(output / "results.json", json.dumps(results, indent=2) + "\n")
    _replace(output / "results.html", page(document(results)))


def _replace(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
