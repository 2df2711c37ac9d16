"""From a catalog to shards: collect, validate, normalize, filter, split, shard."""

import pytest
import stages
from stages.options import Options
from stages.workspace import Workspace

from moemoe.catalog.reading import from_json
from moemoe.contract.decimal_signs import signs_found
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError, ConfigError
from moemoe.labels.parts import Parts
from moemoe.reporting import catalog_documents
from moemoe.run_folder import RunFolder
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest
from moemoe.storage import read_table
from tests.flows.stages.conftest import ROWS
from tests.support.document_text import document_text


def test_the_run_keeps_the_contract_that_it_began_with(space, catalog, place):
    assert space.given_contract.dataset == "small"
    assert (place / "root/runs/17/contract-given.yaml").read_text() == (place / "contract.yaml").read_text()
    assert [uri.rsplit("/", 1)[1] for uri in catalog.partitions] == ["part-0.parquet", "part-1.parquet"]
    assert catalog.groups == [[0, 1]]  # small files are one task's


def test_each_task_reads_its_files(collected):
    assert [sum(part.rows for part in parts) for parts in collected] == [ROWS // 2] * 2
    assert [sum(part.accepted for part in parts) for parts in collected] == [ROWS // 2 - 1, ROWS // 2]


def test_validate_puts_the_tasks_together_and_says_what_is_broken(space, validated):
    assert (validated.collection.rows, validated.collection.accepted) == (ROWS, ROWS - 1)
    assert validated.quarantine["product_id"].to_pylist() == ["p11"]
    assert space.folder.quarantine.read().equals(validated.quarantine)
    assert [failure.severity for failure in validated.report.failures] == ["warning"]  # fit type is not always there
    assert len(space.folder.products()) == 2
    assert "expectations pass" in (space.local(space.folder.data_docs) / "index.html").read_text()


def test_the_run_says_how_its_files_were_read(space, validated):
    [reading] = from_json(space.folder.reading.read_text())
    assert [reading] == validated.collection.readings
    assert (reading.layout, reading.format, reading.files, reading.example) == ("own", "Parquet", 2, "part-0.parquet")
    assert reading.columns["attributes"] == "attributes"
    what = (validated.report, validated.collection, validated.quarantine, validated.signs, False)
    said = document_text(catalog_documents.raw_catalog(*what))
    assert "Decimal signs" not in said  # nothing is measured
    assert "2 files such as part-0.parquet: Parquet, layout **own**." in said


def test_a_run_finds_the_decimal_sign_of_its_catalog_keeps_it_and_says_so(tmp_path):
    """Shown by the last rows alone: what the first ones mean is known before any label is read."""
    widths = ["1.200 mm", "1.350 mm", "950 mm", "99,5 cm", "101,5 cm", "120,25 cm"]
    rows = [f"p{i},Tshirts,a shirt {i},{width!r}" for i, width in enumerate(widths)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,Width", *rows, ""]).replace("'", '"'))
    measured = "{unit: mm, units: {cm: []}, decimals: 1, at_least: 0, at_most: 9000, tolerance: 1}"
    (tmp_path / "contract.yaml").write_text(
        f"dataset: small\nproduct_types: {{shirt: [Tshirts]}}\nattributes: {{width: {{measurement: {measured}}}}}\n"
    )
    space = Workspace(RunFolder.of_run(str(tmp_path / "root"), "1"), str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    options = Options(dataset="small", catalog=str(tmp_path / "a.csv"), root=str(tmp_path / "root"))
    found = stages.collect.find_catalog(space, options, load_contract(tmp_path / "contract.yaml"))
    validated = stages.validate.validate_catalog(
        space, [stages.collect.collect_group(space, found.partitions, [0], 0, options)]
    )
    assert validated.signs == {"width": ","}
    assert signs_found(space.given_contract, space.contract) == {"width": ","}
    what = (validated.report, validated.collection, validated.quarantine, validated.signs, False)
    said = document_text(catalog_documents.raw_catalog(*what))
    assert '| width | comma | 1200 | 1.2 | decimal_sign: "," |' in said
    stages.normalize.normalize_labels(space)
    values = [
        row["values"] for part in Parts(space.folder.part_uris(space.folder.all_labels)) for row in part.to_pylist()
    ]
    assert values == [["1200 mm"], ["1350 mm"], ["950 mm"], ["995 mm"], ["1015 mm"], ["1202.5 mm"]]


@pytest.mark.parametrize(
    ("layout", "error", "said"),
    [
        ("flatt", ConfigError, "--layout 'flatt' is unknown; did you mean 'flat'"),
        ("auto", CatalogError, r"b\.csv: column 'product_id' is missing.*it does not fit the layouts flat, long"),
    ],
)
def test_a_layout_that_is_not_known_is_found_at_the_start(space, catalog, place, tmp_path, layout, error, said):
    (tmp_path / "b.csv").write_text("name,price\nshirt,3\n")
    options = Options(catalog=str(tmp_path), layout=layout)
    with pytest.raises(error, match=said):
        stages.collect.find_catalog(space, options, load_contract(place / "contract.yaml"))


def test_a_catalog_of_bad_rows_stops_the_run(space, collected):
    parts = [[part.__class__(**{**vars(part), "rows": 1}) for part in parts] for parts in collected]
    with pytest.raises(
        CatalogError, match=r"would be quarantined, \d of them only for their image; contract small allows 50\.0%"
    ):
        stages.validate.validate_catalog(space, [parts[0][:1]])


def test_normalize_writes_values_and_what_no_attribute_reads(space, normalized):
    assert space.folder.label_statistics.read()["attribute"].to_pylist() == ["color", "fit type"]
    assert space.folder.unread_keys.read()["key"].to_pylist() == ["Shop"]
    assert space.folder.part_uris(space.folder.all_labels) == normalized.labels.labels


def test_filter_removes_the_rare_value(space, frequent):
    assert space.folder.rare_values.read()["value"].to_pylist() == ["Mauve"]
    assert space.folder.part_uris(space.folder.frequent_labels) == frequent.labels


def test_split_writes_labels_with_their_split(space, split):
    assert split.drift is None  # a first run
    assert (split.reports, split.drifts) == ([split.labels], "")
    assert space.folder.part_uris(space.folder.labels) == split.assigned.labels
    found = {name for uri in split.assigned.labels for name in read_table(uri)["split"].to_pylist()}
    assert found == {"train", "validation", "test"}


def test_a_second_run_measures_drift(space, written):
    again = stages.split.split_labels(space, "small", False)
    assert again.drift is not None
    assert space.folder.drift.read()["attribute"].to_pylist() == ["color", "fit type"]
    assert len(again.reports) == 2


def test_the_manifest_joins_what_all_tasks_have_written(space, written):
    assert written.manifest == Manifest.read(written.uri)
    assert written.manifest.rows == ROWS - 1  # all but p11, which has no title
    assert not written.report.failures
    assert (space.folder.root, written.manifest.dataset) == (written.uri.rsplit("/", 3)[0], "small")


def test_each_product_is_tested_in_one_fold(space, written):
    uris = stages.shard.write_folds(space, written.uri, 2)
    tested = []
    for uri in uris:
        dataset = ShardedDataset(uri, space.scratch)
        tested += [dataset.product_id(row) for row in dataset.rows("test").tolist()]
    assert len(tested) == len(set(tested)) == written.manifest.rows
    assert stages.shard.write_folds(space, written.uri, 0) == []
