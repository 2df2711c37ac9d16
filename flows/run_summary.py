"""A run of TrainFlow in few words: its parameters in MLflow, and its last words."""

from typing import Any


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


def where_everything_is(flow: Any) -> str:
    """The last words of a run."""
    metrics = flow.metrics
    lines = [
        f"mean Recall@90P {metrics['recall_at_90p/mean']:.3f}, accuracy {metrics['accuracy/mean']:.3f} "
        f"(majority value: {metrics['baseline/majority_accuracy']:.3f})"
        + (", on the sample catalog" if flow.is_sample else ""),
        f"report            {flow.report_uri}",
        f"data docs         {flow.data_docs_uri}/index.html",
        f"registered model  {flow.model_uri} ({flow.decision})",
        f"MLflow UI         mlflow ui --backend-store-uri {flow.tracking_uri}",
        f"                  http://127.0.0.1:5000/{flow.ui_address}",
    ]
    return "\n".join(lines)
