"""The benchmark of a GPU: all its parts on a CPU with a bare box's packages, and what fails or takes too long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.gpu.__main__ import PARTS, exit_code, main
from tests.benchmarks.gpu.goals import GOALS, MET, NOT_MEASURED, NOT_MET, judged
from tests.support.bare import bare_environment
from tests.support.part_runner import CUT, DONE, FAILED
from tests.support.small_shards import small_shards

PROJECT = Path(__file__).parents[2]
#: Figures that each part has, by their names.
FIGURES = {
    "parity": {"tolerances", "losses", "fp32", "bf16"},
    "utilisation": {"peak_tflops", "small, dense", "small, experts", "paper, dense", "paper, experts"},
    "experts": {"k", "shapes", "time_vs_dense", "milliseconds"},
    "loader": {"jpeg_decoder", "share_waited", "batch_of_32", "batch_of_128"},
    "generation": {"tiny"},
    "compile": {"backend", "batch_products", "context_encoder"},
    "training": {
        *("size", "batch_products", "shards", "seconds", "steps", "loss_first", "loss_last", "loss_falls"),
        *("validation_cross_entropy", "examples_per_second"),
    },
}


def benchmark(output: Path, *options: str) -> tuple[int, dict]:
    """Its exit code and results, on a bare box without a GPU."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--device", "cpu", "--output", str(output), *options]
    environment = {**bare_environment(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    path = output / "results.json"
    assert path.is_file(), done.stderr
    return done.returncode, json.loads(path.read_text())


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("gpu")


@pytest.fixture(scope="module")
def results(output):
    code, found = benchmark(output)
    assert code == 0
    return found


def test_every_part_comes_to_an_end_with_its_figures(results):
    assert {name: (part["status"], part.get("error")) for name, part in results["parts"].items()} == {
        name: (DONE, None) for name in PARTS
    }
    assert {name: set(part["figures"]) for name, part in results["parts"].items()} == FIGURES


def test_figures_are_of_what_they_say(results):
    figures = {name: part["figures"] for name, part in results["parts"].items()}
    assert figures["parity"]["fp32"]["within"]
    assert figures["loader"]["jpeg_decoder"] == "Pillow"  # simplejpeg is no package of a bare box
    assert figures["training"]["loss_falls"]
    assert set(figures["experts"]["time_vs_dense"]["small, trained"]) == {"4", "8"}
    step = figures["utilisation"]["paper, experts"]
    assert step["tokens_per_second"] > 0
    assert step["model_flop_utilisation"] > 0


def test_a_trial_on_a_cpu_measures_no_goal(results, output):
    assert [goal["judgement"] for goal in results["goals"]] == [NOT_MEASURED] * len(GOALS)
    page = (output / "results.html").read_text()
    assert "say nothing about any GPU" in page
    assert all(f">{name}</h2>" in page for name in PARTS)


def test_the_bare_box_is_bare():
    """Else the test above proves nothing."""
    code = "import PIL, yaml\ntry:\n    import {0}\nexcept ModuleNotFoundError:\n    print('absent')"
    for name in ("simplejpeg", "mlflow", "metaflow", "re2", "duckdb"):
        done = subprocess.run([sys.executable, "-c", code.format(name)], env=bare_environment(), capture_output=True)
        assert done.stdout == b"absent\n", name
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", code], env=bare_environment(), capture_output=True, text=True)
    assert "no network" in done.stderr


def test_a_part_that_fails_leaves_the_others(tmp_path):
    manifest = small_shards(tmp_path / "root")
    shard = next((tmp_path / "root" / "payload").iterdir())
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    code, found = benchmark(tmp_path / "out", "--only", "training,experts", "--shards", manifest)
    assert code == 0
    assert found["parts"]["training"]["status"] == FAILED
    assert "checksum" in found["parts"]["training"]["error"]
    assert found["parts"]["experts"]["status"] == DONE
    assert exit_code({"parts": {"training": found["parts"]["training"]}}) == 1


@pytest.fixture(scope="module")
def ended():
    """What the runner says of parts that come to no good end."""
    command = [sys.executable, "-m", "tests.support.failing_parts"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_part_is_cut_short_after_its_time(ended):
    assert ended["endless"]["status"] == CUT
    assert ended["endless"]["note"] == "ended after its 0 s"
    assert ended["endless"]["figures"] == {"first": 1}


def test_a_part_that_does_not_come_back_is_killed(ended):
    assert ended["hangs"]["status"] == CUT
    assert ended["hangs"]["note"] == "ended after its 0 s and 0 s more"


@pytest.mark.parametrize(
    ("part", "error"), [("dies", "its process ended with exit code 3"), ("raises", "ValueError: no such thing")]
)
def test_a_part_that_fails_keeps_what_it_has_measured(part, error, ended):
    assert ended[part]["status"] == FAILED
    assert ended[part]["error"].startswith(error)
    assert ended[part]["figures"] == {"first": 1}


def test_importing_the_parts_asks_for_no_gpu():
    """The fork server imports them: where CUDA has begun before a fork, the fork cannot use it."""
    code = (
        "import torch, traceback\n"
        "for name in ('is_available', 'device_count', 'current_device', '_lazy_init'):\n"
        "    setattr(torch.cuda, name, lambda *_, **__: traceback.print_stack() or 0)\n"
        f"import {', '.join(module for module, _ in PARTS.values())}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "in <lambda>" not in done.stderr, done.stderr


def test_goals_are_judged_by_what_was_measured():
    parts = {
        "utilisation": {"figures": {"paper, dense": {"model_flop_utilisation": 0.4}}},
        "experts": {"figures": {"time_vs_dense": {"small, trained": {"4": 1.2, "8": 1.31}, "small, bf16": {"4": 9.0}}}},
        "loader": {"figures": {"share_waited": {"32": None}}},
        "generation": {"figures": {"tiny": {"fp32": {"products_per_second": 2500.0}}}},
    }
    found = judged({"environment": {"device": "cuda"}, "parts": parts})
    assert [goal["judgement"] for goal in found] == [MET, NOT_MEASURED, NOT_MET, NOT_MEASURED, MET]
    assert found[2]["value"] == 1.31


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "parity,speed"), "--only speed: parts are parity, "),
        (("--device", "cpu", "--shards", "/nowhere"), "--shards: cannot read /nowhere/manifest.json"),
    ],
)
def test_a_command_that_cannot_be_followed_ends_at_once(options, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--output", str(tmp_path / "out"), *options])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
