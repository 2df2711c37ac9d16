"""Training without the pipeline: shards, a recipe by name, settings, one command."""

import json
import subprocess
from pathlib import Path

import pytest

from moemoe.cli import main
from moemoe.model.moemoe import MoEMoE
from moemoe.training.job import TrainingJob
from tests.support.small_shards import small_shards
from tests.support.warm_python import warm, warm_python


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("root"))


def test_the_command_trains_a_model(manifest, tmp_path, capsys):
    given = ["--model", "moemoe", "--epochs", "1", "--batch-size", "6", "--scratch", str(tmp_path / "scratch")]
    with warm():
        main(["train", str(Path(manifest).parent), *given, "--output", str(tmp_path / "trained")])
    said = capsys.readouterr().out
    assert "dense phase, step 6: validation cross entropy" in said
    assert "experts phase, step " in said
    assert f"model  {tmp_path}/trained/model" in said
    assert MoEMoE.from_pretrained(tmp_path / "trained" / "model").config.sources == ("image", "text")


def test_a_job_is_written_for_torchrun(manifest, tmp_path, capsys):
    path = tmp_path / "JOB.json"
    given = ["--model", "knn", "--seed", "3", "--processes", "1", "--scratch", str(tmp_path / "scratch")]
    main(["train", manifest, *given, "--output", str(tmp_path / "trained"), "--job-only", str(path)])
    assert f"-m moemoe.training.run {path}" in capsys.readouterr().out
    job = TrainingJob.load(path)
    assert (job.manifest_uri, job.recipe["name"], job.seed) == (manifest, "knn", 3)
    done = subprocess.run([warm_python(), "-m", "moemoe.training.run", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "trained" / "model" / "config.json").is_file()


def test_trainings_of_two_folders_share_no_scratch(manifest, tmp_path, capsys):
    """Each writes its job, its events and its model there: one that starts beside another would train the other's."""

    def scratch(output: str) -> str:
        path = tmp_path / "JOB.json"
        given = ["--model", "knn", "--processes", "1", "--output", str(tmp_path / output), "--job-only", str(path)]
        main(["train", manifest, *given])
        return TrainingJob.load(path).scratch

    assert scratch("one") == scratch("one") != scratch("two")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--model", "moemo"], "unknown model 'moemo'"),
        (["--size", "huge"], "unknown size 'huge'"),
        (["--set", "experts.nummer=3"], r"experts\.nummer"),
        (["--seed", "-1"], "--seed is -1"),
        (["--batch-size", "-1"], "batch size is -1"),
        (["--set", "training.learning_rate=-1"], "learning_rate is -1.0; allowed is more than 0"),
        (["--set", "training.max_grad_norm=0"], "max_grad_norm is 0"),
        (["--set", "training.warmup_steps=-5"], "warmup_steps is -5; allowed is 0 or more"),
        (["--set", "text.d_model=-3"], r"text\.d_model is -3; allowed is a whole number from 1"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(manifest, tmp_path, given, message):
    with pytest.raises(SystemExit, match=message):
        main(["train", manifest, "--output", str(tmp_path / "trained"), *given])
    assert not (tmp_path / "trained").exists()


def test_an_output_that_cannot_be_written_is_said_before_anything_is_trained(manifest, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("moemoe.training.__main__.train", lambda *_: pytest.fail("it has trained"))
    with pytest.raises(SystemExit, match=f"^moemoe: .*{tmp_path}/file"):
        main(["train", manifest, "--output", str(tmp_path / "file")])


def test_shards_that_are_not_there(tmp_path):
    with pytest.raises(SystemExit, match=r"manifest\.json"):
        main(["train", str(tmp_path), "--output", str(tmp_path / "trained")])


@pytest.mark.parametrize("module", ["moemoe.training", "moemoe.training.run"])
def test_help(module):
    done = subprocess.run([warm_python(), "-m", module, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "JOB.json" in done.stdout


@pytest.mark.parametrize("content", [None, "{", json.dumps({"recipe": "moemoe"})])
def test_a_file_that_is_no_job(tmp_path, content):
    path = tmp_path / "JOB.json"
    if content is not None:
        path.write_text(content)
    done = subprocess.run([warm_python(), "-m", "moemoe.training.run", str(path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"moemoe: {path} does not hold a training job (")
    assert "Traceback" not in done.stderr
