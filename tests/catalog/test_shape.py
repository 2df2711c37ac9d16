"""The catalog's functions stay readable: none nests deeply, and opening JSON is a list of steps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import moemoe.catalog

DEEPEST, MOST_BRANCHES = 4, 8
_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.BoolOp, ast.ExceptHandler, ast.comprehension)


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(Path(moemoe.catalog.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node


def depth(node: ast.AST) -> int:
    """How many blocks stand within each other; ``elif`` is no further one."""
    found = [0]
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        if not isinstance(child, ast.FunctionDef):
            found.append(depth(child) + (isinstance(child, _BLOCKS) and not is_elif))
    return max(found)


def test_no_function_nests_deeply():
    assert {name: depth(node) for name, node in functions() if depth(node) > DEEPEST} == {}


def test_a_new_form_of_json_is_a_step_and_no_branch():
    (opening,) = [node for name, node in functions() if name == "json_rows.open_json"]
    assert sum(isinstance(node, _BRANCHES) for node in ast.walk(opening)) <= MOST_BRANCHES
