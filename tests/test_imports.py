"""The house's rules on who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
GROUND = {"errors", "names", "schemas", "storage", "__init__"}
ALLOWED = {
    "catalog": set(),
    "model": set(),
    "baselines": {"model"},
    "recipes": {"model", "baselines"},
    "shards": {"catalog"},
    "training": {"shards", "model", "baselines", "recipes"},
    "inference": {"shards", "model", "baselines", "catalog"},
    "evaluation": set(),
    "registry": {"evaluation", "inference", "baselines", "catalog", "shards"},
}
NOT_IN_THE_LIBRARY = {"metaflow", "great_expectations", "data_contracts", "flows"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_one_way(room):
    for path in (HERE / "moemoe" / room).glob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] not in NOT_IN_THE_LIBRARY, f"{path.name} imports {name}"
            assert parts[0] != "mlflow" or room == "registry", f"{path.name} imports {name}"
            if parts[0] == "moemoe" and len(parts) > 1:
                assert parts[1] in ALLOWED[room] | GROUND | {room}, f"{path.name} imports {name}"


def test_a_gpu_box_needs_none_of_the_pipeline():
    """Model, shards, training, inference and evaluation import where the pipeline's packages are absent."""
    absent = ("metaflow", "mlflow", "great_expectations", "boto3", "re2", "matplotlib", "sklearn")
    code = (
        f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
        "import moemoe.model.moemoe, moemoe.shards.write, moemoe.training.trainer, moemoe.training.launch\n"
        "import moemoe.inference.predictions, moemoe.evaluation.evaluate, moemoe.recipes\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)
