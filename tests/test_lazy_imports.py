import subprocess
import sys

import pytest

from moemoe.lazy_imports import imported_on_use
from tests.support.mlflow_database import database


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A module ``rarely``, a package ``often`` with another one, and a library that imports both."""
    (tmp_path / "rarely.py").write_text("answer = 42")
    (tmp_path / "often").mkdir()
    (tmp_path / "often" / "__init__.py").touch()
    (tmp_path / "often" / "rarely.py").write_text("answer = 43")
    text = "import rarely as short\nfrom often import rarely\n\ndef ask(): return short.answer, rarely.answer\n"
    (tmp_path / "asking_library.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("rarely", "often", "often.rarely", "asking_library"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_when_it_is_used(modules):
    with imported_on_use("rarely", "often.rarely"):
        import asking_library
    assert not {"rarely", "often.rarely"} & set(sys.modules)
    assert asking_library.ask() == (42, 43)
    assert {"rarely", "often.rarely"} <= set(sys.modules)


def test_others_import_the_module_itself(modules):
    with imported_on_use("rarely"):
        import rarely as within
    import rarely

    assert rarely.__file__
    assert rarely is not within
    assert within.answer == rarely.answer


def test_what_is_there_already_stays(modules):
    import rarely

    with imported_on_use("rarely"):
        import rarely as again
    assert again is rarely
    assert sys.modules["rarely"] is rarely


def test_a_name_that_the_module_lacks_is_an_error(modules):
    with imported_on_use("rarely"):
        import rarely
    with pytest.raises(AttributeError, match="no attribute 'question'"):
        _ = rarely.question


@pytest.mark.parametrize(
    ("library", "used"),
    [
        (
            "great_expectations",
            "import data_contracts, sys; from moemoe.schemas import DRIFT; "
            "data_contracts.check_drift(DRIFT.empty_table(), data_contracts.load('30pt'), sys.argv[1])",
        ),
        ("mlflow", "import sys; from moemoe.registry import tracking; tracking.check_tracking(sys.argv[2])"),
    ],
)
def test_what_a_library_brings_along(library, used, tmp_path):
    """Steps that use these two alone load none of the others: seconds of their start."""
    heavy = {"torch", "transformers", "timm", "mlflow", "great_expectations", "altair", "sklearn", "matplotlib"}
    code = f"{used}; print(sorted({heavy!r} & set(sys.modules)))"
    command = [sys.executable, "-c", code, str(tmp_path / "docs"), database(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"{[library]}\n", done.stderr
