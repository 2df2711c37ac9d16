"""Drift between two runs' labels: detected for real changes, not for random ones."""

import subprocess
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from moemoe.cli import main
from moemoe.labels.drift import LEAST_VALUES, SMOOTHING, as_text
from moemoe.labels.drift import label_drift as label_drift_of
from moemoe.schemas import DRIFT, LABELS
from tests.support.warm_python import warm_python
from tests.support.whole_labels import label_drift


def make_labels(values: list[list[str]], attribute: str = "color", product_type: str = "shirt") -> pa.Table:
    rows = [
        {"product_id": f"p{i}", "product_type": product_type, "attribute": attribute, "values": v}
        for i, v in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, LABELS)


def colors(**number: int) -> pa.Table:
    return make_labels([[name] for name, n in number.items() for _ in range(n)])


def only(drift: pa.Table) -> dict:
    [row] = drift.to_pylist()
    return row


def test_two_random_halves_do_not_drift():
    draw = np.random.default_rng(0)
    values = draw.choice(["Red", "Blue", "Green", "Grey"], 8000, p=[0.6, 0.25, 0.1, 0.05])
    labels = make_labels([[value] for value in values]).take(pa.array(draw.permutation(8000)))
    row = only(label_drift(labels.slice(0, 4000), labels.slice(4000)))
    assert row["psi"] < 0.01
    assert row["p_value"] > 0.01
    assert row["new_values"] == row["vanished_values"] == []


def test_a_share_that_moves_is_drift():
    row = only(label_drift(colors(Red=700, Blue=200, Green=100), colors(Red=450, Blue=450, Green=100)))
    assert row["psi"] > 0.25
    assert row["p_value"] < 1e-6
    assert (row["moved_value"], row["share_before"], row["share_after"]) == ("Blue", 0.2, 0.45)
    assert (row["before"], row["after"]) == (1000, 1000)


def test_the_figures_by_hand():
    row = only(label_drift(colors(Red=150, Blue=50), colors(Red=240, Blue=159, Green=1)))
    p = np.array([150, 50, 0]) + SMOOTHING
    q = np.array([240, 159, 1]) + SMOOTHING
    p, q = p / p.sum(), q / q.sum()
    assert row["psi"] == pytest.approx(((q - p) * np.log(q / p)).sum())
    # one Green alone is too few for a bin, and so it is the rest's only value
    table = [[150, 50, 0], [240, 159, 1]]
    assert row["p_value"] == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_scarce_values_share_a_bin():
    scarce = {f"c{i}": 4 for i in range(10)}
    before, after = colors(Red=100, Blue=60, **scarce), colors(Red=90, Blue=75)
    pooled = [[100, 60, 40], [90, 75, 0]]
    assert only(label_drift(before, after))["p_value"] == pytest.approx(chi2_contingency(pooled).pvalue)


class TestMeasures:
    """Hardly two products have the same weight: as names of their own all would be new, and nothing would be seen."""

    @staticmethod
    def weights(seed: int, times: float = 1) -> pa.Table:
        grams = np.random.default_rng(seed).lognormal(5, 0.4, 2000) * times
        return make_labels([[f"{round(g, 2):g} gram"] for g in grams], "weight")

    def test_two_draws_of_one_distribution_do_not_drift(self):
        row = only(label_drift(self.weights(1), self.weights(2)))
        assert row["psi"] < 0.02
        assert row["p_value"] > 0.01
        assert row["new_values"] == row["vanished_values"] == []

    def test_a_shift_is_drift(self):
        row = only(label_drift(self.weights(1), self.weights(2, times=1.5)))
        assert row["psi"] > 0.5
        assert row["p_value"] < 1e-6
        assert row["moved_value"].startswith("over ")
        assert row["share_before"] == pytest.approx(0.1, abs=0.01)  # a decile
        assert row["share_after"] > 0.3

    def test_few_numbers_and_names_stay_as_they_are(self):
        few = make_labels([[f"{i % 5} cm"] for i in range(200)], "heel")
        mixed = make_labels([[f"{i % 50} cm" if i % 2 else f"{i % 50} inch"] for i in range(200)], "length")
        for labels in (few, mixed):
            row = only(label_drift(labels, labels.slice(0, 100)))
            assert row["moved_value"] in {value for [value] in labels["values"].to_pylist()}


def test_product_types_and_attributes_are_kept_apart():
    cells = [("shirt", "color"), ("kurta", "theme"), ("shirt", "theme"), ("dress", "theme")]
    before = pa.concat_tables([make_labels([["Red"]] * 200, attribute, name) for name, attribute in cells])
    after = pa.concat_tables([before, make_labels([["Blue"]] * 300, "color", "shirt")])
    drift = label_drift(before, after).to_pylist()
    found = [(row["product_type"], row["attribute"], row["before"], row["after"]) for row in drift]
    assert found == [
        ("shirt", "color", 200, 500), ("dress", "theme", 200, 200),
        ("kurta", "theme", 200, 200), ("shirt", "theme", 200, 200),
    ]  # fmt: skip
    assert [row["psi"] > 0 for row in drift] == [True, False, False, False]


def test_new_and_vanished_values():
    row = only(label_drift(colors(Red=200, Blue=5, Grey=3), colors(Red=200, Rust=9)))
    assert row["new_values"] == ["Rust"]
    assert row["vanished_values"] == ["Blue", "Grey"]


def test_a_cell_that_a_run_lacks_is_listed_unmeasured():
    kurta = make_labels([["Silk"]] * 300, "material", "kurta")
    drift = label_drift(pa.concat_tables([colors(Red=200), kurta]), colors(Red=200))
    shirt, lost = drift.to_pylist()
    assert (shirt["product_type"], shirt["psi"], shirt["p_value"]) == ("shirt", 0.0, 1.0)
    assert (lost["product_type"], lost["attribute"], lost["before"], lost["after"]) == ("kurta", "material", 300, 0)
    assert lost["vanished_values"] == ["Silk"]
    measures = ("psi", "p_value", "moved_value", "share_before", "share_after")
    assert all(lost[name] is None for name in measures)
    assert label_drift(colors(Red=200), kurta)["psi"].null_count == 2


def test_cells_with_few_values_are_not_measured():
    enough, few = colors(Red=LEAST_VALUES), colors(Blue=LEAST_VALUES - 1)
    assert only(label_drift(enough, few))["psi"] is None
    assert only(label_drift(few, enough))["psi"] is None
    assert only(label_drift(enough, colors(Blue=LEAST_VALUES)))["psi"] > 1
    assert only(label_drift(enough, few, least_values=99))["psi"] > 1
    assert only(label_drift(enough, LABELS.empty_table(), least_values=0))["psi"] is None


def test_no_labels_at_all():
    drift = label_drift(LABELS.empty_table(), LABELS.empty_table())
    assert drift.equals(DRIFT.empty_table())
    assert as_text(drift).startswith("product type")


ATTRIBUTES = st.sampled_from(["color", "material"])
TYPES = st.sampled_from(["shirt", "kurta"])
VALUES = st.lists(st.sampled_from("abcde"), max_size=3, unique=True)
TABLES = st.lists(st.tuples(TYPES, ATTRIBUTES, VALUES), max_size=60).map(
    lambda rows: pa.Table.from_pylist([dict(zip(("product_type", "attribute", "values"), r)) for r in rows], LABELS)  # noqa: B905
)


@given(TABLES, TABLES)
def test_never_negative_and_the_same_both_ways(before, after):
    there, back = label_drift(before, after, 1), label_drift(after, before, 1)
    assert there.schema == DRIFT
    cells = {(row["product_type"], row["attribute"]): row for row in back.to_pylist()}
    assert len(cells) == there.num_rows
    for row in there.to_pylist():
        other = cells[row["product_type"], row["attribute"]]
        assert (row["before"], row["new_values"]) == (other["after"], other["vanished_values"])
        assert (row["psi"] is None) == (min(row["before"], row["after"]) == 0)
        if row["psi"] is not None:
            assert row["psi"] >= 0
            assert 0 <= row["p_value"] <= 1
            assert row["psi"] == pytest.approx(other["psi"], abs=1e-12)
            assert row["p_value"] == pytest.approx(other["p_value"])


@given(TABLES)
def test_a_run_does_not_drift_from_itself(labels):
    drift = label_drift(labels, labels, 1)
    assert set(drift["psi"].to_pylist()) <= {0.0}
    assert set(drift["p_value"].to_pylist()) <= {1.0}


@given(TABLES, st.integers(1, 20))
def test_counting_does_not_depend_on_the_batches(labels, rows):
    before = labels.to_batches(rows)
    drift = {(r["product_type"], r["attribute"]): r["before"] for r in label_drift_of(before, []).to_pylist()}
    assert drift == Counter((r["product_type"], r["attribute"]) for r in labels.to_pylist() for _ in r["values"])


class TestCommand:
    def test_prints_the_table(self, tmp_path):
        pq.write_table(colors(Red=700, Blue=200, Green=100), tmp_path / "before.parquet")
        pq.write_table(colors(Red=450, Blue=450, Rust=100), tmp_path / "after.parquet")
        command = [warm_python(), "-m", "moemoe.labels.drift", "before.parquet", "after.parquet"]
        asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert asked.returncode == 0, asked.stderr
        head, columns, row = asked.stdout.splitlines()
        assert head == "measured: 1 of 1 cell, those with 100 values in both runs"
        assert columns.split()[:5] == ["product", "type", "attribute", "before", "after"]
        assert row.startswith("shirt")
        assert row.endswith("Green 10.0% -> 0.0%  Rust  Green")

    def test_a_file_that_is_no_table_of_labels(self, tmp_path):
        good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
        labels = colors(Red=1)
        pq.write_table(labels, good)
        unreadable = "cannot be read as a Parquet file of labels"
        for write, message in (
            (lambda: None, "no such file"),
            (lambda: bad.write_bytes(b"PAR1"), unreadable),
            (lambda: bad.write_bytes(good.read_bytes()[:-9]), unreadable),
            (lambda: pq.write_table(labels.drop("values"), bad), "it lacks the columns values"),
            (lambda: pq.write_table(labels.set_column(5, "values", pa.array([1])), bad), unreadable),
        ):
            write()
            with pytest.raises(SystemExit, match=message) as stopped:
                main(["drift", str(good), str(bad)])
            assert "bad.parquet" in str(stopped.value)
