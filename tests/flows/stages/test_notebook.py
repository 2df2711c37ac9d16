"""examples/explore_predictions.ipynb, cell by cell, on the run of the stages."""

import json
import math
from pathlib import Path

NOTEBOOK = Path(__file__).parents[3] / "examples" / "explore_predictions.ipynb"


def test_the_notebook_reads_a_run_and_its_figures_are_the_evaluation_s(space, evaluated, monkeypatch):
    notebook = json.loads(NOTEBOOK.read_text())
    monkeypatch.setenv("MOEMOE_ROOT", space.folder.root)
    monkeypatch.setenv("MOEMOE_RUN", "17")
    monkeypatch.setenv("MPLBACKEND", "agg")
    found: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "outputs show a catalog, and are stale the day after"
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}: {cell['id']}", "exec"), found)
    assert set(found["coverage"].index) == {"color", "fit type"}
    for row in space.folder.evaluation.read().to_pylist():
        own = found["test"][found["test"]["attribute"] == row["attribute"]]
        assert len(own) == row["support"]
        assert math.isclose(own["correct"].mean(), row["accuracy"])
        accepted = own[own["accepted"]]["correct"]
        assert math.isclose(accepted.mean(), row["precision_at_threshold"]) or accepted.empty
    assert found["figure"].axes[1].get_title().endswith(f"test: {len(found['own'])} products")
