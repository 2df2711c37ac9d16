"""Registering, promoting and rolling back against a real MLflow: a SQLite store in a folder of the test."""

import json
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import moemoe.registry.promote as promote
from moemoe.cli import main
from moemoe.errors import ConfigError, MoEMoEError, StorageError
from moemoe.inference.thresholds import Thresholds
from moemoe.registry import thresholds
from moemoe.registry.gate import Rules
from moemoe.registry.register import register
from moemoe.registry.rollback import roll_back
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import client
from moemoe.registry.versions import CHALLENGER, CHAMPION, Version, add_version, alias_of, fetch_version, find_version
from tests.support.small_registry import new_run, new_store, predictions, registered, tiny_model, trained
from tests.support.warm_python import warm_python

WORSE, GOOD, BETTER = predictions(0.5), predictions(0.7), predictions(0.95)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def name(request) -> str:
    """A registered model of the test's own in the module's store."""
    return re.sub(r"\W+", "-", request.node.name)


def champion(uri: str, name: str) -> str | None:
    found = alias_of(uri, name, CHAMPION)
    return found and found.version


def files_of(uri: str, version: Version) -> Path:
    """The folder with all that MLflow keeps of a version."""
    source = client(uri).get_model_version(version.name, version.version).source
    place = client(uri).get_logged_model(source.removeprefix("models:/")).artifact_location
    return Path(place.removeprefix("file://"))


@pytest.fixture(scope="module")
def first(uri, model_dir) -> tuple[str, TrackedRun]:
    """A registered model with one version, which is champion; and the run that registered it."""
    run = new_run(uri)
    register(run, "first", trained(model_dir, GOOD), Rules(), lambda folder: GOOD)
    return "first", run


def test_the_first_model_becomes_champion_and_is_whole(uri, name, model_dir, tmp_path):
    first = registered(uri, name, model_dir, GOOD)
    assert first.aliases == ("challenger", "champion")
    assert first.reason == "champion: there was no champion before it"
    version = find_version(uri, f"models:/{name}@champion")
    assert version.version == first.version
    assert version.tags["data_hash"] == "data-hash"
    assert version.tags["contract_hash"] == "contract-hash"
    assert version.tags["git_commit"]
    folder = fetch_version(uri, version, tmp_path)
    names = {path.name for path in folder.iterdir()}
    whole = {"model.safetensors", "config.json", "tokenizer.json", "contract.yaml", "thresholds.json"}
    assert whole | {"preprocessing.json", "MODEL_CARD.md"} <= names
    assert not list(tmp_path.rglob("served_model.py"))  # its code stays where it is
    registered_files = list(files_of(uri, version).rglob("*"))
    assert {"MLmodel", "served_model.py", "model.safetensors"} <= {path.name for path in registered_files}
    assert not [path for path in registered_files if path.suffix in (".pkl", ".pickle", ".pt", ".bin")]
    card = (folder / "MODEL_CARD.md").read_text()
    for said in (
        "sample catalog",
        "contract-hash",
        "data-hash",
        "## Intended use",
        "## Limits",
        "50.0 [40.0, 60.0]",
    ):
        assert said in card
    assert client(uri).get_model_version(name, first.version).description == card
    thresholds = json.loads((folder / "thresholds.json").read_text())
    assert thresholds["shirt"] == {
        "color": {"plain": 0.0, "guarded": 0.5, "validation_products": {"plain": 12}},
        "material": {"plain": None, "guarded": None},
    }


def test_the_gate_decides_and_one_command_rolls_back(uri, name, model_dir, monkeypatch):
    first = registered(uri, name, model_dir, GOOD)
    seen = []

    def champion_predictions(folder: Path):
        seen.append({path.name for path in folder.iterdir()})
        return GOOD

    run = new_run(uri)
    equal = register(run, name, trained(model_dir, GOOD), Rules(), champion_predictions)
    assert equal.aliases == ("challenger",)
    assert "model.safetensors" in seen[0]
    assert champion(uri, name) == first.version
    assert alias_of(uri, name, CHALLENGER).version == equal.version
    assert "the gain's 95 % interval is not above 0" in find_version(uri, equal.model_uri).tags["decision"]
    decision = json.loads(Path(client(uri).download_artifacts(run.run_id, "gate/decision.json")).read_text())
    assert decision["promoted"] is False
    assert decision["halves"]["report"]["products"] > 0
    assert client(uri).get_registered_model(name).tags["gate_decisions"] == "1"

    better = registered(uri, name, model_dir, BETTER, GOOD)
    assert better.aliases == ("challenger", "champion")
    assert champion(uri, name) == better.version
    assert client(uri).get_registered_model(name).tags["gate_decisions"] == "2"

    place = files_of(uri, find_version(uri, first.model_uri))
    moved = place.rename(place.with_name("moved"))
    with pytest.raises(StorageError, match=f"the files of models:/{name}/{first.version} are not at {place}"):
        roll_back(uri, name)
    assert champion(uri, name) == better.version
    moved.rename(place)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    command = [warm_python(), "-m", "moemoe.registry.rollback", name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = f"champion of {name} is version {first.version} again; it was version {better.version}"
    assert said in done.stdout
    assert champion(uri, name) == first.version
    assert "rolled_back" in find_version(uri, better.model_uri).tags
    with pytest.raises(ConfigError, match=f"version {first.version} of {name} is its first champion"):
        roll_back(uri, name)
    with pytest.raises(ConfigError, match=r"no model 'no-such-model' is registered in .*; nothing can be rolled back"):
        roll_back(uri, "no-such-model")


def test_a_champion_that_cannot_be_judged_is_not_replaced(uri, first, model_dir):
    def broken(folder):
        raise OSError("disk gone")

    kept = register(new_run(uri), first[0], trained(model_dir, BETTER), Rules(), broken)
    assert "could not be evaluated (disk gone)" in kept.reason
    assert champion(uri, first[0]) == "1"


def test_a_resumed_run_registers_once(uri, first, model_dir):
    again = register(first[1], first[0], trained(model_dir, GOOD), Rules(), lambda folder: GOOD)
    assert again.version == "1"
    assert again.aliases[-1] == "champion"


def test_the_challenger_stays_with_a_later_version(uri, name, model_dir, tmp_path):
    """A run that is resumed has registered its version before."""
    first, late = registered(uri, name, model_dir, GOOD), new_run(uri)
    add_version(late, name, fetch_version(uri, find_version(uri, first.model_uri), tmp_path))
    newest = registered(uri, name, model_dir, GOOD, GOOD)
    kept = register(late, name, trained(model_dir, GOOD), Rules(), lambda folder: GOOD)
    assert (kept.aliases, alias_of(uri, name, CHALLENGER).version) == ((), newest.version)


def test_two_runs_that_register_at_once_are_judged_one_after_the_other(uri, name, model_dir, tmp_path):
    """Both start from the same champion; whoever comes second is judged against the first, so the best one stays."""
    registered(uri, name, model_dir, WORSE)
    both_compared = threading.Barrier(2, timeout=120)

    def run(label, mine, tracked):
        seen = []

        def champion_predictions(folder):
            seen.append(folder)
            if len(seen) == 1:
                both_compared.wait()  # now both have been judged against the old champion
                return WORSE
            return {"good": BETTER, "better": GOOD}[label]  # the other one

        return register(tracked, name, trained(model_dir, mine), Rules(), champion_predictions)

    runs = {"good": (GOOD, new_run(uri)), "better": (BETTER, new_run(uri))}
    for _, tracked in runs.values():  # models are logged before; MLflow's logging knows one run per process
        add_version(tracked, name, fetch_version(uri, find_version(uri, f"models:/{name}/1"), tmp_path))
    with ThreadPoolExecutor(2) as pool:
        running = {label: pool.submit(run, label, *given) for label, given in runs.items()}
    answers = {label: future.result() for label, future in running.items()}
    assert champion(uri, name) == answers["better"].version
    assert alias_of(uri, name, CHALLENGER).version == max(a.version for a in answers.values())
    assert not [m.name for m in client(uri).search_registered_models() if m.name.endswith(".lock")]


def test_a_dead_process_does_not_hold_the_aliases_for_ever(uri, name, monkeypatch):
    client(uri).create_registered_model(f"{name}.lock")
    monkeypatch.setattr(promote, "STALE_SECONDS", 1.0)
    monkeypatch.setattr(promote, "WAIT_SECONDS", 0.0)
    with pytest.raises(MoEMoEError, match=rf"delete model {name}\.lock"), promote.alias_lock(uri, name):
        pass
    monkeypatch.setattr(promote, "WAIT_SECONDS", 60.0)
    with promote.alias_lock(uri, name):
        pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("moemoe-test", r"names no registered model; allowed are models:/NAME@ALIAS"),
        ("models:/other@champion", "no model 'other' is registered in .* known are .*first"),
        ("models:/frist@champion", "did you mean 'first'"),
        ("models:/it's@champion", 'no model "it\'s" is registered'),
        ("models:/{name}/9", "its versions are 1.*, its aliases champion, challenger$"),
        ("models:/{name}@chamption", "its versions are 1.*, its aliases champion, challenger$"),
    ],
)
def test_a_model_that_is_not_there_is_named(uri, first, model, message):
    with pytest.raises(ConfigError, match=message):
        find_version(uri, model.format(name=first[0]))


def test_thresholds_are_changed_as_a_new_version_that_rolls_back(uri, name, model_dir, monkeypatch, tmp_path, capsys):
    first = registered(uri, name, model_dir, GOOD)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    main(["thresholds", name])
    shown = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    shown = [[word.strip() for word in line if word.strip()] for line in shown]
    assert ["shirt", "color", "0.0000", "12 (few)", "0.5000", "unknown"] in shown
    assert ["shirt", "material", "abstains", "-", "abstains", "-"] in shown
    assert shown[-1] == ["1 of 3 plain thresholds accept fewer than 30 validation products"]
    assert alias_of(uri, name, CHAMPION).version == first.version
    main(["thresholds", name, "--switch-off", "shirt/color", "--reason", "a complaint"])
    assert "champion of" in capsys.readouterr().out
    second = alias_of(uri, name, CHAMPION)
    assert second.version != first.version
    folder = fetch_version(uri, second, tmp_path)
    card = (folder / "MODEL_CARD.md").read_text()
    change = f"of version {first.version} (a complaint): shirt/color: plain 0.0000 to off, guarded 0.5000 to off"
    assert f"## Thresholds changed\n\n- {change}" in card
    assert "| shirt | color | 40 | 50.0 | 50.0 | - | - | - |" in card
    assert "2 of 3 cells the model always abstains" in card
    assert client(uri).get_model_version(name, second.version).description == card
    report = Path(client(uri).download_artifacts(second.run_id, "report.html")).read_text()
    assert report.count(">accepted (validation)<") == 2
    assert ">plain threshold<" in report
    assert change in report
    assert ">abstains<" in report
    assert second.tags["decision"] == "champion: a complaint"
    assert second.tags["data_hash"] == "data-hash"
    found = Thresholds.load(fetch_version(uri, second, tmp_path))
    assert found.threshold("shirt", "color") is None
    with pytest.raises(ConfigError, match="shirt/color always abstains"):  # nothing is left to switch off
        thresholds.change_thresholds(uri, second, {("shirt", "color"): None}, "again")
    with pytest.raises(ConfigError, match="is no longer its champion"):
        thresholds.change_thresholds(uri, find_version(uri, first.model_uri), {("shirt", "color"): None}, "late")
    assert roll_back(uri, name)[1].version == first.version


def test_files_that_were_moved_are_named(uri, first, tmp_path):
    version = find_version(uri, f"models:/{first[0]}/1")
    place = files_of(uri, version)
    moved = place.rename(place.with_name("moved"))
    try:
        with pytest.raises(StorageError, match=f"the files of models:/first/1 are not at {place}, where they were"):
            fetch_version(uri, version, tmp_path)
    finally:
        moved.rename(place)
    assert (fetch_version(uri, version, tmp_path) / "MODEL_CARD.md").is_file()


def test_a_threshold_is_not_raised_to_less(uri, first, monkeypatch):
    """An identical version is neither registered nor crowned."""

    def versions():
        return sorted(found.version for found in client(uri).search_model_versions(f"name = '{first[0]}'"))

    before = versions()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for option, message in (
        ("kurta/color=0.1", r"kurta/color has thresholds as high as 0\.1 already \(plain 1\.1000, guarded 1\.1000\)"),
        ("shirt/material=0.5", "shirt/material always abstains"),
        ("shirt/colour=0.5", "does not answer shirt/colour; did you mean 'shirt/color'"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(["thresholds", first[0], "--raise", option])
    assert champion(uri, first[0]) == "1"
    assert versions() == before


def test_a_model_that_could_not_be_measured_is_not_crowned_unless_asked(uri, name, model_dir):
    reason = "no product type and attribute has 30 test products with a label; the most are the 12 of shirt/color"
    unmeasured = replace(trained(model_dir, GOOD), no_means=reason)

    def run(rules):
        return register(new_run(uri), name, unmeasured, rules, lambda folder: GOOD)

    first = run(Rules())
    assert first.aliases == ("challenger",)
    assert first.reason == f"challenger: it could not be measured: {reason} (--promote-if unmeasured promotes it)"
    assert reason in client(uri).get_model_version(name, first.version).description
    asked = run(Rules("unmeasured"))
    assert asked.aliases == ("challenger", "champion")
    assert reason in asked.reason


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--raise", "shirt/color=2"], "between 0 and 1"),
        (["--raise", "color"], "cannot parse --raise 'color'"),
        (["--switch-off", "color"], "write them like 'shirt/color'"),
    ],
)
def test_an_impossible_change_is_refused(option, message):
    with pytest.raises(SystemExit, match=message):
        main(["thresholds", "moemoe-30pt", *option])


def test_a_cell_is_changed_once_a_call(uri, first, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for other in (["--switch-off", "shirt/color"], ["--raise", "shirt / color=0.98"]):
        with pytest.raises(SystemExit, match="is named twice by --raise or --switch-off"):
            main(["thresholds", first[0], "--raise", "shirt/color=0.97", *other])
    assert champion(uri, first[0]) == "1"
