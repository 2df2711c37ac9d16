"""The benchmark of a GPU: all its parts on a CPU with a bare box's packages, and what fails or takes too long."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks.gpu.__main__ import PARTS, exit_code, main
from tests.benchmarks.gpu.goals import GOALS, MET, NOT_MEASURED, NOT_MET, judged
from tests.support import gpu_watch
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


@dataclass
class Trial:
    """What a command has left."""

    code: int
    results: dict
    page: str


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """On a bare box without a GPU: all parts, and two with damaged shards; what was said on stderr."""
    root = tmp_path_factory.mktemp("gpu")
    manifest = small_shards(root / "shards")
    shard = next((root / "shards" / "payload").iterdir())
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    options = {"all": [], "damaged": ["--only", "training,experts", "--shards", manifest]}
    lines = [["--device", "cpu", "--output", str(root / name), *own] for name, own in options.items()]
    command = [sys.executable, "-m", "tests.support.gpu_trials", json.dumps(lines)]
    environment = {**bare_environment(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {}
    for name, code in zip(options, json.loads(done.stdout.splitlines()[-1]), strict=True):
        files = [root / name / f"results.{kind}" for kind in ("json", "html")]
        assert all(file.is_file() for file in files), done.stderr
        found[name] = Trial(code, json.loads(files[0].read_text()), files[1].read_text())
    return found, done.stderr


@pytest.fixture(scope="module")
def results(trials):
    assert trials[0]["all"].code == 0
    return trials[0]["all"].results


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


def test_a_trial_on_a_cpu_measures_no_goal(results, trials):
    assert [goal["judgement"] for goal in results["goals"]] == [NOT_MEASURED] * len(GOALS)
    page = trials[0]["all"].page
    assert "say nothing about any GPU" in page
    assert all(f">{name}</h2>" in page for name in PARTS)


def test_the_bare_box_is_bare():
    """Else the test above proves nothing."""
    code = (
        "import importlib, socket, PIL, yaml\n"
        "for name in ('simplejpeg', 'mlflow', 'metaflow', 're2', 'duckdb'):\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        print(error.name)\n"
        "socket.create_connection(('127.0.0.1', 9))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=bare_environment(), capture_output=True, text=True)
    assert done.stdout.split() == ["simplejpeg", "mlflow", "metaflow", "re2", "duckdb"]
    assert "no network" in done.stderr


def test_a_part_that_fails_leaves_the_others(trials):
    found = trials[0]["damaged"]
    assert found.code == 0
    assert found.results["parts"]["training"]["status"] == FAILED
    assert "checksum" in found.results["parts"]["training"]["error"]
    assert found.results["parts"]["experts"]["status"] == DONE
    assert exit_code({"parts": {"training": found.results["parts"]["training"]}}) == 1


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


def test_importing_the_parts_asks_for_no_gpu(trials):
    """The fork server imports them: where CUDA has begun before a fork, the fork cannot use it."""
    _, said = trials
    assert said.count(gpu_watch.WATCHING) == 1
    assert gpu_watch.ASKED not in said, said


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
