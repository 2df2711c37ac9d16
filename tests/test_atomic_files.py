"""Errors of writing; what killed writers leave is tested with those that write."""

import pytest

from moemoe.atomic_files import replacing


def test_the_error_names_the_file_and_not_a_temporary_one(tmp_path):
    (tmp_path / "file").write_text("in the place of a folder")
    target = tmp_path / "file" / "target.parquet"
    with pytest.raises(OSError, match="Not a directory") as error, replacing(target):
        pass
    assert error.value.filename == str(target)
    with replacing(tmp_path / "new" / "target") as temporary, open(temporary, "w") as file:
        file.write("whole")
    assert (tmp_path / "new" / "target").read_text() == "whole"
