"""Registers a trained model as a version, with the alias ``challenger``, and ``champion`` if it passes the gate."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from moemoe.contract.contract import CRITICAL
from moemoe.evaluation.parts import Predictions
from moemoe.inference.attribute_model import CONTRACT
from moemoe.inference.preprocessing import save_preprocessing
from moemoe.inference.thresholds import Thresholds
from moemoe.registry.code_version import git_commit
from moemoe.registry.gate import GateDecision, Rules, decide, without_champion
from moemoe.registry.promote import make_challenger, replace_champion
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.versions import CHALLENGER, CHAMPION, Version, add_version, alias_of, fetch_version, version_of_run
from moemoe.reporting.model_card import Card, TrainingData

DECISIONS = "gate_decisions"
ATTEMPTS = 10


@dataclass(frozen=True)
class RunOutputs:
    """The outputs of a run that are needed to register its model.

    Args:
        model_dir: the trained model's folder (config, weights, tokenizer).
        evaluation, metrics: results of ``evaluate``.
        predictions: PREDICTIONS that include the test split with unchanged inputs.
        recipe: ``Recipe.to_dict``.
        no_means: why nothing could be measured (``Evaluation.no_means``); empty if something was.
    """

    model_dir: str | Path
    contract_path: str | Path
    data: TrainingData
    recipe: Mapping[str, Any]
    evaluation: pa.Table
    metrics: Mapping[str, float]
    predictions: Predictions
    report_product_types: tuple[str, ...]
    no_means: str = ""


@dataclass(frozen=True)
class Registration:
    """A registered version, its aliases, and the gate's decision.

    Args:
        aliases: those given to the version; ``challenger`` is not, if a later version has it.
    """

    model_uri: str
    version: str
    aliases: tuple[str, ...]
    decision: GateDecision

    @property
    def reason(self) -> str:
        """The decision in one line."""
        return self.decision.text


def register(
    run: TrackedRun,
    name: str,
    trained: RunOutputs,
    rules: Rules,
    champion_predictions: Callable[[Path], Predictions],
) -> Registration:
    """Logs the whole model under its run, registers it and lets the gate decide.

    A resumed run reuses the version that it registered before. If several runs register at once, each promoted one has
    been compared with the champion that it replaces: only one process at a time moves aliases, and a decision against a
    former champion is repeated.

    Args:
        champion_predictions: a champion's model folder -> its PREDICTIONS of the **same** test rows.
    """
    uri, version = run.address, version_of_run(run, name)
    if version is None:
        with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
            version = add_version(run, name, _whole_model(trained, name, Path(scratch) / "model"))
    challenges = make_challenger(uri, version)
    for _ in range(ATTEMPTS):
        champion = alias_of(uri, name, CHAMPION)
        if champion is not None and champion.version == version.version:
            decision = GateDecision(
                True, ("an earlier attempt of this run was promoted",), champion.tags.get("previous_champion")
            )
            break
        decision = _decide(uri, champion, trained, rules, champion_predictions)
        if not decision.promoted or replace_champion(uri, version, champion):
            break
    else:
        decision = GateDecision(False, (f"the champion changed {ATTEMPTS} times while this version was judged",))
    _keep(run, version, trained, decision)
    aliases = {CHALLENGER: challenges, CHAMPION: decision.promoted}
    return Registration(version.uri, version.version, tuple(name for name, has in aliases.items() if has), decision)


def _whole_model(trained: RunOutputs, name: str, folder: Path) -> Path:
    """The model's folder with everything that serving and backfill need, and its card."""
    shutil.copytree(trained.model_dir, folder)
    shutil.copyfile(trained.contract_path, folder / CONTRACT)
    thresholds = Thresholds.of(trained.evaluation)
    thresholds.save(folder)
    save_preprocessing(folder)
    _card(name, trained).save(folder, thresholds)
    return folder


def _card(name: str, trained: RunOutputs) -> Card:
    return Card.of(
        name, trained.data, trained.recipe, trained.metrics, trained.evaluation, git_commit(), trained.no_means
    )


def _decide(
    uri: str,
    champion: Version | None,
    trained: RunOutputs,
    rules: Rules,
    champion_predictions: Callable[[Path], Predictions],
) -> GateDecision:
    critical = [words for words in trained.data.broken if words.startswith(CRITICAL)]
    if champion is None:
        return without_champion(rules, critical, trained.no_means)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        try:
            theirs = champion_predictions(fetch_version(uri, champion, scratch))
        except Exception as error:  # a champion that cannot be evaluated, for any reason, is not replaced
            reason = f"champion version {champion.version} could not be evaluated ({error})"
            return GateDecision(False, (reason,), champion.version)
    return decide(
        trained.predictions,
        theirs,
        champion.version,
        trained.report_product_types,
        rules,
        critical,
        trained.no_means,
    )


def _keep(run: TrackedRun, version: Version, trained: RunOutputs, decision: GateDecision) -> None:
    """Stores the decision as tags and as an artifact of the run, with the number of decisions on gate rows so far."""
    mlflow = run.mlflow
    run.log_dict(decision.to_dict(), "gate/decision.json")
    card = _card(version.name, trained).markdown(Thresholds.of(trained.evaluation))
    mlflow.update_model_version(version.name, version.version, card)
    tags = {
        "decision": decision.text,
        "promoted": str(decision.promoted).lower(),
        "contract_hash": trained.data.contract_hash,
        "data_hash": trained.data.data_hash,
        "git_commit": git_commit(),
        **({"judged_on_gate_rows": "true"} if decision.halves else {}),
    }
    for key, value in tags.items():
        mlflow.set_model_version_tag(version.name, version.version, key, value[:5000])
    judged = mlflow.search_model_versions(
        f"name = '{version.name}' and tags.judged_on_gate_rows = 'true'", max_results=1000
    )
    mlflow.set_registered_model_tag(version.name, DECISIONS, str(len(judged)))
