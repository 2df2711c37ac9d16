"""The expectation on how far labels have drifted since the run before."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_contracts import check_drift
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError, ContractError
from moemoe.schemas import LABELS
from tests.support.small_catalog import CONTRACT, broken
from tests.support.whole_labels import label_drift


def counted_labels(*cells: tuple[str, str, dict[str, int]]) -> pa.Table:
    """Labels of product type and attribute with so many of each value."""
    rows = [
        {"product_id": f"p{i}", "product_type": product_type, "attribute": attribute, "values": [value]}
        for product_type, attribute, number in cells
        for value, n in number.items()
        for i in range(n)
    ]
    return pa.Table.from_pylist(rows, LABELS)


class TestDrift:
    BEFORE = counted_labels(
        ("kurta", "color", {"Red": 200, "Blue": 50}),
        ("shirt", "color", {"Red": 150, "Blue": 150}),
        ("shirt", "fit type", {"Slim": 120}),
        ("kurta", "fit type", {"Slim": 20}),
    )

    def test_runs_that_are_alike(self, contract, tmp_path):
        report = check_drift(label_drift(self.BEFORE, self.BEFORE), contract, tmp_path)
        assert broken(report) == []
        assert [finding.observed for finding in report.findings] == [
            "3 of 4",
            "none has",
            "highest 0.00, product types compared: 2",
            "highest 0.00, product types compared: 1",
        ]

    def test_the_cells_that_drifted_are_named(self, contract, tmp_path):
        after = counted_labels(
            ("kurta", "color", {"Red": 50, "Blue": 200}),
            ("shirt", "color", {"Red": 30, "Blue": 270}),
            ("shirt", "fit type", {"Slim": 100}),
        )
        report = check_drift(label_drift(self.BEFORE, after), contract, tmp_path / "docs")
        [finding] = report.failures
        assert (finding.severity, finding.words) == (
            "warning",
            "values of color drift by a PSI of at most 0.25 in every product type",
        )
        assert finding.observed == "kurta 1.65 (Blue 20.0% -> 80.0%), shirt 0.87 (Red 50.0% -> 10.0%)"
        assert report.success
        assert "color drift by a PSI of at most 0.25: kurta 1.65" in report.message().replace(
            " in every product type", ""
        )
        assert "kurta 1.65 (Blue 20.0% -&gt; 80.0%)" in Path(report.docs_index).read_text()

    def test_chance_is_no_drift(self, contract, tmp_path):
        """Many values in few labels: the index is high, the chi-square test is not impressed."""
        before = counted_labels(("shirt", "color", {f"c{i}": 1 + i % 4 for i in range(50)}))
        after = counted_labels(("shirt", "color", {f"c{i}": 1 + (i + 1) % 4 for i in range(50)}))
        drift = label_drift(before, after)
        assert drift["psi"][0].as_py() > 0.25
        assert broken(check_drift(drift, contract, tmp_path)) == []

    def test_a_cell_that_is_lost(self, contract, tmp_path):
        after = self.BEFORE.filter(pc.not_equal(self.BEFORE["attribute"], "fit type"))
        report = check_drift(label_drift(self.BEFORE, after), contract, tmp_path)
        [finding] = report.failures
        assert finding.words == "no product type and attribute with 100 values before has none now"
        assert finding.observed == "shirt / fit type had 120"  # kurta had too few to miss

    def test_nothing_to_compare(self, contract, tmp_path):
        report = check_drift(label_drift(self.BEFORE.slice(0, 90), self.BEFORE), contract, tmp_path)
        assert broken(report) == [
            ("warning", "there are product types and attributes with 100 values in both runs", ())
        ]

    def test_a_critical_bound_stops(self, tmp_path):
        strict = CONTRACT.replace(
            "label_drift: {severity: warning, at_most: 0.25}", "label_drift: {severity: critical, at_most: 2}"
        )
        (tmp_path / "contract.yaml").write_text(strict)
        contract = load_contract(tmp_path / "contract.yaml")
        after = counted_labels(("kurta", "color", {"Blue": 250}))
        with pytest.raises(
            CatalogError, match=r"fails \(critical\): values of color .* at most 2 .*: kurta 6.05 .Red 80"
        ):
            check_drift(label_drift(self.BEFORE, after), contract, tmp_path / "docs").raise_if_critical()

    def test_a_contract_without_a_bound(self, tmp_path):
        (tmp_path / "contract.yaml").write_text(CONTRACT.partition("expectations:")[0])
        contract = load_contract(tmp_path / "contract.yaml")
        report = check_drift(label_drift(self.BEFORE, self.BEFORE), contract, tmp_path / "docs")
        assert [finding.observed for finding in report.findings] == ["3 of 4"]

    @pytest.mark.parametrize(
        "fields", ["severity: warning", "severity: warning, at_least: 0.1", "severity: warning, at_most: -1"]
    )
    def test_a_faulty_bound_is_named_with_its_line(self, tmp_path, fields):
        text = CONTRACT.replace("severity: warning, at_most: 0.25", fields)
        (tmp_path / "contract.yaml").write_text(text)
        line = text.splitlines().index(f"  label_drift: {{{fields}}}") + 1
        with pytest.raises(ContractError, match=f"contract.yaml:{line}: "):
            load_contract(tmp_path / "contract.yaml")
