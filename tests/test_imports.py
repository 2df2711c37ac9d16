"""Who may import whom, and that no two modules import each other.

Imports within functions count too: a circle that one of them hides is a circle. A room is a package of the library, the
doctor, or a top-level folder; of ``catalog`` formats, layouts and apis are rooms of their own. A module in no room
stands on the ground, below all of them.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
#: Room -> the rooms that it may import, besides itself and the ground.
ALLOWED: dict[str, set[str]] = {
    "contract": set(),
    "catalog.formats": {"contract"},
    "catalog.layouts": {"contract", "catalog.formats"},
    "catalog.apis": {"contract", "catalog.formats", "catalog.layouts"},
    "catalog": {"contract", "catalog.formats", "catalog.layouts", "catalog.apis"},
    "labels": {"contract"},
    "sample_catalog": set(),
    "shards": {"contract", "catalog", "labels"},
    "batches": set(),
    "vision": set(),
    "model": {"batches", "vision"},
    "baselines": {"batches", "vision", "model"},
    "systems": {"batches", "vision", "model", "baselines"},
    "recipes": {"batches", "model", "systems"},
    "training": {"shards", "batches", "model", "systems", "recipes"},
    "inference": {
        "contract",
        "catalog",
        "catalog.formats",
        "catalog.layouts",
        "labels",
        "shards",
        "batches",
        "model",
        "systems",
    },
    "evaluation": set(),
    "reporting": {"evaluation", "inference"},
    "registry": {"contract", "evaluation", "inference", "reporting", "shards", "systems"},
    "doctor": {"vision", "registry"},
    "data_contracts": {"contract", "labels", "reporting", "shards"},
    "flows": {
        "data_contracts",
        *("contract", "catalog", "labels", "sample_catalog", "shards"),
        *("recipes", "training", "inference", "evaluation", "reporting", "registry"),
    },
}
#: Rooms within another one.
INNER = {room for room in ALLOWED if "." in room}
#: Modules of the library that lie in no room -> those of them that they may import.
GROUND: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli"},
    "cli": {"", "errors", "names", "redaction"},
    "configs": {"errors"},
    "correctness": set(),
    "counts": set(),
    "errors": set(),
    "language_tags": set(),
    "lazy_imports": set(),
    "names": set(),
    "notifications": {"redaction"},
    "redaction": set(),
    "schemas": set(),
    "threads": set(),
    "sources": {"errors"},
    "atomic_files": set(),
    "s3": {"errors"},
    "storage": {"", "atomic_files", "errors", "s3"},
    "table_parts": {"errors", "storage"},
    "run_folder": {"errors", "schemas", "storage", "table_parts"},
    "torchvision_compat": set(),
    "compiled_templates": set(),
    "words": set(),
}
#: Packages that one of ours alone may import.
RESERVED = {"mlflow": {"registry"}, "metaflow": {"flows"}, "great_expectations": {"data_contracts"}}


def module_files() -> dict[str, Path]:
    """Every module's dotted name; flows are scripts beside each other, so ``flows/cards`` is also ``cards``."""
    found = {}
    for top in ("moemoe", "data_contracts", "flows"):
        for path in (HERE / top).rglob("*.py"):
            found[".".join(path.relative_to(HERE).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


MODULES = module_files()


def imports(path: Path) -> set[str]:
    """The dotted names that a file imports anywhere, of ``from a import b`` both ``a`` and ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} has a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def modules_imported(module: str) -> set[str]:
    """Those of the project's own modules that ``module`` imports."""
    names = imports(MODULES[module])
    if module.startswith("flows."):
        names |= {f"flows.{name}" for name in names}
    return (names & MODULES.keys()) - {module}


def room_of(module: str) -> str | None:
    """The room that a module lies in, None on the ground."""
    top, _, rest = module.partition(".")
    room = rest.partition(".")[0] if top == "moemoe" else top
    room = next((inner for inner in INNER if f"{rest}.".startswith(f"{inner}.")), room)
    return None if top == "moemoe" and room in GROUND else room


def test_every_room_is_known():
    assert {room for room in map(room_of, MODULES) if room} == set(ALLOWED)


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_one_way(room):
    for module in (name for name in MODULES if room_of(name) == room):
        for imported in modules_imported(module):
            assert room_of(imported) in {None, room, *ALLOWED[room]}, f"{module} imports {imported}"
        for package in {name.partition(".")[0] for name in imports(MODULES[module])}:
            assert room in RESERVED.get(package, {room}), f"{module} imports {package}"


def test_the_ground_stands_on_itself():
    for module in (name for name in MODULES if room_of(name) is None):
        own = module.removeprefix("moemoe").removeprefix(".")
        allowed = {f"moemoe.{name}".removesuffix(".") for name in GROUND[own]}
        assert modules_imported(module) <= allowed, f"{module} imports {modules_imported(module) - allowed}"
        assert not imports(MODULES[module]) & RESERVED.keys(), module


def test_no_room_has_more_than_a_tenth_of_the_lines():
    lines = Counter[str | None]()
    for module, path in MODULES.items():
        lines[room_of(module)] += len(path.read_text().splitlines())
    room, most = max(((room, count) for room, count in lines.items() if room), key=lambda found: found[1])
    assert most <= lines.total() / 10, f"{room} has {most} of {lines.total()} lines"


def test_no_two_modules_import_each_other():
    try:
        TopologicalSorter({module: modules_imported(module) for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " <- ".join(error.args[1]))


def test_a_gpu_box_needs_none_of_the_pipeline():
    """Model, shards, training, inference and evaluation import where the pipeline's packages are absent."""
    absent = ("metaflow", "mlflow", "great_expectations", "boto3", "re2", "pint", "matplotlib", "sklearn", "simplejpeg")
    code = (
        f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
        "import moemoe.model.moemoe, moemoe.shards.write, moemoe.training.trainer, moemoe.training.launch\n"
        "import moemoe.inference.write_predictions, moemoe.evaluation.evaluate, moemoe.recipes\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)


def test_a_baseline_without_a_network_waits_for_none():
    """torchvision, timm and T5 take as long to import as a small TF-IDF takes to fit."""
    code = (
        "import sys\nfor name in ('torchvision', 'timm', 'transformers.models.t5'): sys.modules[name] = None\n"
        "import moemoe.baselines.tf_idf, moemoe.inference.answers, moemoe.inference.attribute_model\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)


def test_a_backfill_s_first_and_last_step_wait_for_no_network():
    """They find catalog and model, and count what the others have filled in."""
    code = (
        "import sys\nfor name in ('torch', 'transformers', 'timm'): sys.modules[name] = None\n"
        "sys.path.insert(0, 'flows')\nimport stages.backfill\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)


def test_a_flow_s_command_line_waits_for_metaflow_alone():
    """What a flow's file imports, every step, every card and --help wait for."""
    absent = ("torch", "mlflow", "great_expectations", "pyarrow", "numpy", "pandas", "re2", "jinja2", "PIL")
    code = (
        f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
        "sys.path.insert(0, 'flows')\nimport train_flow, compare_flow, backfill_flow\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)


def test_no_test_module_imports_another():
    """What several need lies in tests/support/."""
    for path in (HERE / "tests").rglob("*.py"):
        shared = [name for name in imports(path) if re.search(r"^tests\..*\btest_", name)]
        assert shared == [], path


def test_reporting_reads_results_without_what_made_them():
    absent = ("torch", "transformers", "metaflow", "mlflow", "great_expectations", "boto3")
    modules = ", ".join(module for module in MODULES if room_of(module) == "reporting")
    code = f"import sys\nfor name in {absent!r}: sys.modules[name] = None\nimport {modules}\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)


def test_torchvision_is_mended_before_what_imports_it():
    """Whichever module of ours is the first: a comparison may begin with any system."""
    folders = set()
    for path in sorted((HERE / "moemoe").rglob("*.py")):
        names = {name.split(".")[0] for name in _top_level_imports(ast.parse(path.read_text()))}
        if names & {"timm", "transformers"}:
            folders.add(path.parent)
    assert folders
    unmended = [folder.name for folder in folders if "torchvision_compat" not in (folder / "__init__.py").read_text()]
    assert unmended == []


def _top_level_imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
