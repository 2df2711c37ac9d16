"""A run of TrainFlow in few words: its parameters in MLflow, and its last words."""

import json
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moemoe.registry.code_version import git_commit
from moemoe.reporting.identity import Identity

#: Where the flows are, as one writes it in the folder that a run was started in.
FLOWS = os.path.relpath(Path(__file__).parent)
EXAMPLE = (
    'import mlflow, pandas; model = mlflow.pyfunc.load_model("{model}"); '
    "print(model.predict(pandas.DataFrame([{row}])).to_string())"
)


def parameters(flow: Any, recipe: Any, settings: str) -> dict[str, Any]:
    """What MLflow shows as a run's parameters: whatever recipes and runs differ by, but no layer's dimensions."""
    training, model = recipe.training, dict(recipe.model)
    sizes = {group: model.pop(group, {}) for group in ("text", "image")}
    experts = model.pop("experts", {})
    return {
        "dataset": flow.dataset,
        "catalog": flow.catalog or "sample catalog",
        "model": recipe.name,
        "size": recipe.size,
        "weights": sizes["text"].get("pretrained") or "scratch",
        "settings": settings or "none",
        "phases": " + ".join(recipe.phases),
        "limits": recipe.limits,
        "decoding": flow.decoding,
        "withheld": flow.withhold or "nothing",
        "unseen": flow.unseen or "nothing",
        "epochs": 1 if recipe.fitted else " + ".join(str(training.epochs_of(phase)) for phase in recipe.phases),
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "load_balancing_weight": recipe.load_balancing_weight,
        "max_products": flow.max_products or "all",
        "processes": flow.processes,
        "seed": flow.seed,
        "image": sizes["image"].get("name", "none"),
        **{name: value for name, value in model.items() if not name.endswith("_length")},
        "experts": experts.get("number", 0),
        **{f"experts.{name}": value for name, value in experts.items() if name != "number"},
    }


def identity(flow: Any, products: int) -> Identity:
    """What a run's report is of, as far as it is known before the model is registered."""
    return Identity(
        flow.recipe["name"],
        flow.recipe["size"],
        flow.dataset,
        flow.catalog,
        flow.is_sample,
        flow.system.settings if hasattr(flow, "system") else flow.settings,  # one of a comparison, or the only one
        products,
        datetime.now(UTC).date().isoformat(),
        git_commit(),
        flow.mlflow_run_id,
    )


def where_everything_is(flow: Any) -> str:
    """The last words of a run."""
    metrics = flow.metrics
    if flow.no_means:
        figures = f"no mean Recall@90P: {flow.no_means}"
    else:
        figures = (
            f"mean Recall@90P {metrics['recall_at_90p/mean']:.3f}, accuracy {metrics['accuracy/mean']:.3f} "
            f"(majority value: {metrics['baseline/majority_accuracy']:.3f})"
        )
    lines = [
        figures + (", on the sample catalog" if flow.is_sample else ""),
        f"report            {flow.report_uri}",
        f"data docs         {flow.data_docs_uri}/index.html",
        f"registered model  {flow.model_uri} ({flow.decision})",
        f"MLflow run        {flow.mlflow_run_id} (compare_flow.py run --runs takes ids)",
        *mlflow_ui(flow),
        "",
        *next_commands(flow),
    ]
    return "\n".join(lines)


def mlflow_ui(flow: Any) -> list[str]:
    """How to look at the runs in MLflow's UI: of a server at its address, of a database by a command."""
    if flow.tracking_uri.startswith("http"):
        return [f"MLflow UI         {flow.tracking_uri}/{flow.ui_address}"]
    return [
        f"MLflow UI         {shlex.join(['mlflow', 'ui', '--backend-store-uri', flow.tracking_uri])}",
        f"                  http://127.0.0.1:5000/{flow.ui_address}",
    ]


def next_commands(flow: Any) -> list[str]:
    """What one does next with the model of this run, each a command that works as it stands here."""
    uri = f"MLFLOW_TRACKING_URI={shlex.quote(flow.tracking_uri)}"
    backfill = ["run", "--catalog", flow.catalog or flow.partitions[0], "--model", flow.model_uri]
    example = EXAMPLE.format(
        model=flow.model_uri, row=json.dumps({"product_type": flow.asked_type, "title": "Blue cotton"})
    )
    serve = ["mlflow", "models", "serve", "-m", flow.model_uri, "--env-manager", "local", "-p", "5001"]
    return [
        "ask it            " + f"{uri} {shlex.join(['python', '-c', example])}",
        "serve it          " + f"{uri} {shlex.join(serve)}",
        "fill a catalog    " + shlex.join(["python", f"{FLOWS}/backfill_flow.py", *backfill, "--output", "filled"]),
    ]
