"""MLflow's UI without any configuration: a real server, a real browser."""

import shutil
import subprocess
import sys

import pytest

from moemoe.evaluation.evaluate import Evaluation
from moemoe.registry import tracking
from moemoe.registry.run_results import log_evaluation
from moemoe.registry.tracked_run import TrackedRun, run_name
from moemoe.storage import write_table
from tests.infra.conftest import HERE
from tests.support.small_registry import evaluation_table

pytestmark = pytest.mark.browser
RECALL = {"moemoe": 0.8123, "qga": 0.7345, "tf-idf": 0.6567}
EXPERIMENT = "moemoe-30pt-sample"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Page -> its text, of three finished runs of a training."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.fail("chromium or chromedriver is not installed (Debian: apt-get install chromium chromium-driver)")
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    tracking.client(uri).create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
    table = write_table(evaluation_table(), str(folder / "evaluation.parquet"))
    for model, recall in RECALL.items():
        params = {"model": model, "size": "tiny", "settings": "none", "epochs": 3}
        tags = {"dataset": "30pt", "recipe": model}
        run = TrackedRun.start(uri, EXPERIMENT, run_name(model, "tiny"), params, tags)
        evaluation = Evaluation(evaluation_table(), {"recall_at_90p/mean": recall, "accuracy/mean": recall + 0.1})
        log_evaluation(run, evaluation, [table], {})
        run.log_text("<h1>Recall at 90 % precision</h1>", "report.html")
        run.end()
    command = [sys.executable, "infra/screenshots.py", "--tracking-uri", uri, "--experiment", EXPERIMENT]
    command += ["--output", str(folder / "images")]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.with_suffix(".png").stat().st_size > 10_000 for path in (folder / "images").glob("*.txt"))
    return {path.stem: path.read_text() for path in (folder / "images").glob("*.txt")}


def test_the_runs_table_shows_who_is_best_and_no_run_per_product_type(pages):
    shown = pages["runs"]
    places = [shown.index(str(recall)) for recall in RECALL.values()]
    assert places == sorted(places)  # the best comes first
    for column in ("recall_at_90p/mean", "accuracy/mean", "model", "size", "epochs"):
        assert column in shown
    assert all(f"{model}-tiny-" in shown for model in RECALL)
    assert "kurta" not in shown


def test_the_compare_page_puts_parameters_and_figures_side_by_side(pages):
    for text in (*RECALL, "model", "epochs", "recall_at_90p/mean", "accuracy/mean"):
        assert text in pages["compare"]


def test_the_artifacts_are_there_to_look_at(pages):
    assert "report.html" in pages["report"]
    for text in ("product_type", "attribute", "shirt", "kurta", "material"):
        assert text in pages["cells"]
