"""The run folder's names, its tables with their schemas, and the page that lists them."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from moemoe import schemas
from moemoe.errors import StorageError
from moemoe.run_folder import RunFolder
from moemoe.schemas import PREDICTIONS, RARE_VALUES, SPLIT_KEYS
from moemoe.storage import write_table

PAGE = Path(__file__).parents[1] / "docs" / "run-folder.md"


def test_the_page_lists_every_file_with_its_schema():
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    listed = {name: (path.rstrip("/"), what.strip()) for name, path, what in rows}
    files = RunFolder.named()
    assert listed.keys() == files.keys()
    for name, file in files.items():
        path, what = listed[name]
        assert path == file.path, name
        word = what.split(",")[0]
        if file.schema is not None:
            assert getattr(schemas, word).equals(file.schema), name
        else:
            assert not hasattr(schemas, word), name


def test_a_table_keeps_its_schema(tmp_path):
    folder = RunFolder.of_run(str(tmp_path), "17")
    assert not folder.rare_values.exists()
    table = pa.Table.from_pylist([{"attribute": "color", "value": "Mauve", "labels": 2}], RARE_VALUES)
    folder.rare_values.write(table)
    assert (tmp_path / "runs" / "17" / "rare-values.parquet").is_file()
    assert folder.rare_values.read().equals(table)
    with pytest.raises(ValueError, match=r"rare-values\.parquet holds \['attribute', 'value', 'labels'\]"):
        folder.rare_values.write(table.drop_columns("labels"))
    write_table(table.rename_columns(["attribute", "value", "n"]), folder.rare_values.uri)
    with pytest.raises(StorageError, match=r"this code reads \['attribute', 'value', 'labels'\]"):
        folder.rare_values.read()


def test_predictions_of_an_earlier_release_have_no_tolerances(tmp_path):
    predictions = RunFolder.of_run(str(tmp_path), "17").predictions
    earlier = pa.table({f.name: pa.nulls(2, f.type) for f in PREDICTIONS if f.name != "tolerance"})
    write_table(earlier, f"{predictions.uri}.parquet")
    found = predictions.read()
    assert found.schema.equals(PREDICTIONS)
    assert found["tolerance"].null_count == 2


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(StorageError, match=r"splits\.parquet"):
        RunFolder(str(tmp_path)).splits.read()
    assert RunFolder.splits.schema.equals(SPLIT_KEYS)


def test_parts_are_named_by_the_tasks_that_collected_them():
    class Counted(RunFolder):
        def _counts(self):
            return [2, 0, 1]

    folder = Counted("s3://bucket/store", "runs/17")
    products = [uri.removeprefix("s3://bucket/store/runs/17/") for uri in folder.products()]
    assert products == [
        "collected/000/products/00000.parquet",
        "collected/000/products/00001.parquet",
        "collected/002/products/00000.parquet",
    ]
    assert [uri.rsplit("/", 2)[1:] for uri in folder.part_uris(folder.labels)] == [
        ["labels", f"0000{index}.parquet"] for index in range(3)
    ]
    assert folder.labelled_parts(1) == []
    assert folder.labelled_parts(2) == [folder.labelled_parts()[2]]


def test_part_counts_are_read_as_they_were_written(tmp_path):
    folder = RunFolder(str(tmp_path))
    folder.write_part_counts([1, 1])
    assert [Path(uri).parts[-3] for uri in folder.products()] == ["000", "001"]


def test_systems_and_members_have_folders_of_their_own():
    folder = RunFolder.of_run("root", "17")
    own = folder.system("qga, experts=4", "fold 1 of 2")
    assert own.model.uri == "root/runs/17/systems/qga-experts=4/fold-1-of-2/model"
    assert own.root == "root"
    assert RunFolder("output").member("knn").events.uri == "output/members/knn/events.jsonl"
