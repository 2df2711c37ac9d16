"""Normalization, filter and split in parts give the same results as for the whole catalog, every time."""

from pathlib import Path

import pyarrow as pa
import pytest

import data_contracts
from moemoe.errors import CatalogError
from moemoe.labels.label_parts import filter_parts, labelled_parts, normalize_parts, split_parts
from moemoe.labels.parts import Parts
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import CONTRADICTIONS, PRODUCTS
from moemoe.storage import read_table, write_table
from tests.support.whole_labels import collect, in_parts


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    path = write_sample_catalog(tmp_path_factory.mktemp("sample") / "sample.parquet", 500)
    contract = data_contracts.load("30pt")
    return collect([str(path)], contract).products, contract


def through(folder: Path, catalog, parts: int):
    """All stages; labels, contradictions, removed values, splits and counts."""
    products, contract = catalog
    uris = [write_table(part, f"{folder}/products/{i}.parquet") for i, part in enumerate(in_parts(products, parts))]
    normalized = normalize_parts(Parts(uris), contract, f"{folder}/all", f"{folder}/contradictions.parquet")
    frequent = filter_parts(normalized.labels, contract, f"{folder}/frequent")
    assigned = split_parts(uris, frequent.labels, contract, (), f"{folder}/labels", f"{folder}/splits.parquet")
    labels = pa.concat_tables(Parts(assigned.labels))
    assert frequent.number == len(labels)
    pairs = list(labelled_parts(zip(uris, assigned.labels, strict=True), ["product_id"]))
    ids = [product_id for products, _ in pairs for product_id in products["product_id"].to_pylist()]
    assert set(ids) == set(labels["product_id"].to_pylist())
    assert len(ids) == len(set(ids)) == sum(assigned.products["products"].to_pylist())
    counts = assigned.products.sort_by([("product_type", "ascending"), ("split", "ascending")])
    contradictions = read_table(f"{folder}/contradictions.parquet")
    assert contradictions.schema == CONTRADICTIONS
    return (
        labels,
        normalized.statistics,
        contradictions,
        frequent.removed,
        read_table(f"{folder}/splits.parquet"),
        counts,
    )


def test_parts_make_what_the_whole_makes(tmp_path, catalog):
    whole, cut = through(tmp_path / "whole", catalog, 1), through(tmp_path / "cut", catalog, 7)
    for one, other in zip(whole[:2] + whole[3:], cut[:2] + cut[3:], strict=True):
        assert one == other
    order = [("product_id", "ascending"), ("rule", "ascending"), ("attribute", "ascending")]
    assert len(whole[2])
    assert whole[2].sort_by(order) == cut[2].sort_by(order)  # in a part they are in the order of the rules


def test_a_second_time_changes_no_file(tmp_path, catalog):
    through(tmp_path, catalog, 3)
    content = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    through(tmp_path, catalog, 3)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == content


def test_nothing_is_left_half_written_where_no_label_results(tmp_path, catalog):
    _, contract = catalog
    with pytest.raises(CatalogError, match="no label of contract '30pt'"):
        normalize_parts([PRODUCTS.empty_table()], contract, f"{tmp_path}/all", f"{tmp_path}/contradictions.parquet")
    assert not (tmp_path / "contradictions.parquet").exists()
