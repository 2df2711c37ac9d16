"""The cost of writing Data Docs."""

from data_contracts import check_drift
from moemoe.schemas import LABELS
from tests.support.whole_labels import label_drift


def test_pages_are_compiled_once_in_a_process(contract, tmp_path, monkeypatch):
    """Great Expectations leaves out a page that it cannot write."""
    none = label_drift(LABELS.empty_table(), LABELS.empty_table())
    check_drift(none, contract, tmp_path / "first")
    monkeypatch.delattr("jinja2.Environment.compile")
    check_drift(none, contract, tmp_path / "second")
    first, second = (list((tmp_path / name).glob("*/**/*.html")) for name in ("first", "second"))
    assert len(second) == len(first) > 0
