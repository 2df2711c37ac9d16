"""Logs the results of a training or a comparison to its MLflow run: data, curves, evaluation, tables."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moemoe.evaluation.comparison import Comparison
from moemoe.evaluation.evaluate import Evaluation
from moemoe.names import escaped
from moemoe.registry.tracked_run import PARENT, TrackedRun
from moemoe.reporting.comparison_table import Table
from moemoe.reporting.document import SYNTHETIC_NOTICE, Plot
from moemoe.reporting.formats import plain
from moemoe.shards.manifest import Manifest
from moemoe.storage import is_s3

METRICS_PER_CALL = 1000
MATRIX = "evaluation/product_type_x_attribute.json"
STEP_METRICS = ("loss", "cross_entropy", "question_context", "question_image", "load_balancing", "learning_rate",
                "examples_per_second")  # fmt: skip


def log_dataset(run: TrackedRun, manifest: Manifest, manifest_uri: str, contract_path: str | Path) -> None:
    """Logs the shards as the run's dataset, with one digest of data, labels and contract, and each hash in the profile.

    The contract is logged as ``contract.yaml``, and a tag holds the manifest's URI.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {
        "products": manifest.rows,
        "labels": manifest.sidecar.rows,
        "contract_hash": manifest.contract_hash,
        "data_hash": manifest.data_hash,
        "labels_hash": manifest.sidecar.sha256,
    }
    dataset = Dataset(
        name=manifest.dataset + ("-sample" if manifest.sample_catalog else ""),
        digest=hashlib.sha256(json.dumps(profile).encode()).hexdigest()[:12],
        source_type="s3" if is_s3(manifest_uri) else "local",
        source=json.dumps({"uri": manifest_uri}),
        profile=json.dumps(profile),
    )
    tags = [InputTag("mlflow.data.context", "training and evaluation")]
    run.mlflow.log_inputs(run.run_id, [DatasetInput(dataset, tags)])
    for name in ("contract_hash", "data_hash"):
        run.mlflow.set_tag(run.run_id, name, profile[name])
    run.record_manifest(manifest_uri)
    run.log_files(contract_path)


def log_training_events(run: TrackedRun, events: Sequence[Mapping[str, Any]]) -> None:
    """Logs loss curves, examples per second and validation losses, by training step."""
    from mlflow.entities import Metric

    found = []
    for event in events:
        names = STEP_METRICS if event["event"] == "step" else ("validation_cross_entropy",)
        found += [
            Metric(f"train/{name}", float(event[name]), 0, event["total_step"]) for name in names if name in event
        ]
    for start in range(0, len(found), METRICS_PER_CALL):
        run.mlflow.log_batch(run.run_id, metrics=found[start : start + METRICS_PER_CALL])


def log_evaluation(run: TrackedRun, evaluation: Evaluation, files: Sequence[str | Path], plots: Sequence[Plot]) -> None:
    """Logs the headline, the whole product type x attribute matrix as a table, and one child run per product type.

    Only the means' interval bounds are logged; all others are in the report.

    Hundreds of metrics on one run freeze MLflow's UI, hence the child runs. ``files`` (predictions, evaluation) go
    under ``evaluation/``, ``plots`` under ``plots/``. A repeated evaluation (after a resume) replaces the child runs.
    """
    bounds = {name for name in evaluation.metrics if name.endswith(("/low", "/high")) and "/mean/" not in name}
    run.log_metrics({name: value for name, value in evaluation.metrics.items() if name not in bounds})
    for file in files:
        run.log_files(file, f"evaluation/{Path(file).name}" if Path(file).is_dir() else "evaluation")
    run.log_plots(plots)
    _log_matrix(run, evaluation)
    _log_product_types(run, evaluation.table.to_pylist())


def _log_matrix(run: TrackedRun, evaluation: Evaluation) -> None:
    mlflow, table = run.mlflow, evaluation.table
    if MATRIX in {artifact.path for artifact in mlflow.list_artifacts(run.run_id, "evaluation")}:
        rows = [list(row.values()) for row in table.to_pylist()]
        run.log_dict({"columns": table.column_names, "data": rows}, MATRIX)  # log_table would append
    else:
        mlflow.log_table(run.run_id, {name: table[name].to_pylist() for name in table.column_names}, MATRIX)


def _log_product_types(run: TrackedRun, rows: Sequence[Mapping[str, Any]]) -> None:
    """A child run per product type, with the metrics of its attributes."""
    mlflow, own = run.mlflow, run.mlflow.get_run(run.run_id)
    children = mlflow.search_runs([own.info.experiment_id], f"tags.`{PARENT}` = '{run.run_id}'", max_results=5000)
    known = {child.data.tags.get("product_type"): child.info.run_id for child in children}
    dataset = own.data.tags.get("dataset", "")
    of_type = defaultdict(list)
    for row in rows:
        of_type[row["product_type"]].append(row)
    for product_type, mine in sorted(of_type.items()):
        names = ("support", "accuracy", "recall_at_90p")
        metrics = {f"{escaped(row['attribute'])}/{name}": row[name] for row in mine for name in names}
        if product_type in known:
            child = TrackedRun(run.address, known[product_type])
            child.log_metrics(metrics)
            child.end()
        else:
            tags = {"product_type": product_type, "dataset": dataset}
            run.add_child(own.info.experiment_id, product_type, {"product_type": product_type}, tags, metrics)


def log_comparison(
    run: TrackedRun,
    comparison: Comparison,
    tables: Sequence[Table],
    folder: str | Path,
    plots: Sequence[Plot],
) -> None:
    """Logs tables as Markdown and as CSV (which the UI shows as tables), plots, and the overview as description."""
    run.log_files(folder, "tables")
    run.log_plots(plots)
    figures_of = (f"{r.name} {100 * r.evaluation.metrics['recall_at_90p/mean']:.1f}" for r in comparison.results)
    failed = (f"{name} failed" for name in comparison.failures)
    where = f" ({plain(SYNTHETIC_NOTICE)})" if comparison.sample_catalog else ""
    run.describe(f"Recall@90P in %: {', '.join([*figures_of, *failed])}{where}\n\n{tables[0].markdown()}")
