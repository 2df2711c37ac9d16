"""The form of flows: short steps, short stages, no Metaflow in a stage."""

import ast
from pathlib import Path

import pytest

FLOWS = Path(__file__).parents[2] / "flows"
STEP_LINES, STAGE_LINES = 10, 40


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of the body, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*_flow.py")), ids=lambda path: path.stem)
def test_a_step_is_short_and_imports_nothing(path):
    for tree in ast.parse(path.read_text()).body:
        if not isinstance(tree, ast.ClassDef):
            continue
        for method in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            assert body_lines(method) <= STEP_LINES, f"{path.name}: {method.name}"
            assert not [n for n in ast.walk(method) if isinstance(n, ast.Import | ast.ImportFrom)], method.name


@pytest.mark.parametrize("path", sorted(FLOWS.glob("stages/*.py")), ids=lambda path: path.stem)
def test_a_stage_is_short_and_knows_no_metaflow(path):
    for function in functions(path):
        assert function.end_lineno - function.lineno + 1 <= STAGE_LINES, f"{path.name}: {function.name}"
    imported = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in imported}
    assert not [name for name in names if name.split(".")[0] == "metaflow"]
