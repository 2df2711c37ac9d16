"""Tables in parts: read back as written; a part that was changed or replaced is refused."""

import os

import pyarrow as pa
import pytest

from moemoe.errors import StorageError
from moemoe.schemas import RARE_VALUES
from moemoe.storage import write_table
from moemoe.table_parts import LIST, ListedParts


def table(count: int, word: str = "Mauve") -> pa.Table:
    rows = [{"attribute": "color", "value": f"{word} {i}", "labels": i} for i in range(count)]
    return pa.Table.from_pylist(rows, RARE_VALUES)


@pytest.fixture
def parts(tmp_path) -> ListedParts:
    return written(tmp_path / "table")


def written(folder, *tables: pa.Table) -> ListedParts:
    found = ListedParts(str(folder), RARE_VALUES)
    with found.writing() as writer:
        writer.write_all(tables or (table(3), table(0), table(2, "Teal")))
    return found


def test_parts_are_read_one_by_one_and_together(parts):
    assert [len(part) for part in parts] == [3, 2]
    assert len(parts) == 2
    assert parts.read() == pa.concat_tables([table(3), table(2, "Teal")])
    assert parts.part(1, ["value"]).column_names == ["value"]
    assert written(parts.uri, table(1)).read() == table(1)
    assert sorted(os.listdir(parts.uri)) == ["00000.parquet", LIST]


def test_a_copy_takes_the_place_of_an_earlier_table(parts, tmp_path):
    earlier = written(tmp_path / "copy", table(1), table(1), table(1))
    assert len(earlier) == 3
    parts.copy(earlier)
    assert earlier.read() == parts.read()
    assert sorted(os.listdir(earlier.uri)) == ["00000.parquet", "00001.parquet", LIST]


def test_what_is_not_finished_does_not_exist(tmp_path):
    found = ListedParts(str(tmp_path / "table"), RARE_VALUES)
    with pytest.raises(ValueError, match="holds"):
        write_one_part_and_no_other(found)
    assert not found.exists()
    with pytest.raises(StorageError, match=r"parts\.json"):
        found.read()


def write_one_part_and_no_other(found: ListedParts) -> None:
    with found.writing() as writer:
        writer.write(table(3))
        assert writer.part(0) == table(3)
        writer.write(table(3).drop_columns("labels"))


def test_an_earlier_version_s_single_file_is_one_part(tmp_path):
    write_table(table(3), str(tmp_path / "table.parquet"))
    found = ListedParts(str(tmp_path / "table"), RARE_VALUES)
    assert found.exists()
    assert [part == table(3) for part in found] == [True]
    assert written(tmp_path / "table", table(1)).read() == table(1)
    assert not (tmp_path / "table.parquet").exists()


def test_a_part_cut_short_missing_or_of_another_run_is_refused(parts, tmp_path):
    path = tmp_path / "table" / "00001.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(
        StorageError, match=rf"00001\.parquet: {len(whole) - 7} bytes; .*parts\.json says {len(whole)};"
    ):
        parts.read()
    path.unlink()
    with pytest.raises(StorageError, match=r"00001\.parquet: No such file .* but .*parts\.json names it; run the step"):
        parts.read()
    written(tmp_path / "other", table(3), table(2, "Pink"))
    path.write_bytes((tmp_path / "other" / "00001.parquet").read_bytes())
    assert path.stat().st_size == len(whole)
    with pytest.raises(
        StorageError, match=r"00001\.parquet is not the part that .*parts\.json names, but one of anoth"
    ):
        parts.read()
    assert parts.part(0) == table(3)


def test_a_list_or_a_part_of_another_kind_is_refused(tmp_path):
    other = ListedParts(str(tmp_path / "n"), pa.schema([("n", pa.int64())]))
    with other.writing() as writer:
        writer.write(pa.table({"n": [1]}))
    with pytest.raises(StorageError, match=r"it has columns \['n'\]; this code reads \['attribute'"):
        ListedParts(other.uri, RARE_VALUES).read()
    (tmp_path / "n" / LIST).write_text("no list")
    with pytest.raises(StorageError, match="not a list of parts"):
        ListedParts(other.uri, RARE_VALUES).read()
