"""The table of guarantees in docs/what-it-survives.md names tests that exist."""

import ast
import re

import pytest

from tests.support.planned_faults import HERE

SECTION = (HERE / "docs" / "what-it-survives.md").read_text().split("\n## Failure handling\n")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in SECTION.splitlines() if line.startswith("|")
]


def names_in(path) -> set[str]:
    """Tests as pytest names them after the file, without their parameters."""
    tree, found = ast.parse(path.read_text()), set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{own.name}" for own in node.body if isinstance(own, ast.FunctionDef)}
    return found


def test_the_table_is_there():
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS[2:], ids=lambda row: row[0][:40])
def test_each_promise_names_its_test(row):
    what, promise, tests = row
    assert what
    assert promise
    if tests == "the same":
        return
    file = None
    for name in re.findall(r"`([^`]+)`", tests):
        path, _, test = name.partition("::")
        file = HERE / "tests" / path if path else file
        assert file.is_file(), name
        assert not test or test in names_in(file), name
    assert file is not None
