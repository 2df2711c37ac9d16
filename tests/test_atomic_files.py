"""Errors of writing; killed writers are tested with the modules that write."""

import os
from pathlib import Path

import pytest

from moemoe.atomic_files import replace_by, replacing


def test_the_error_names_the_file_and_not_a_temporary_one(tmp_path):
    (tmp_path / "file").write_text("in the place of a folder")
    target = tmp_path / "file" / "target.parquet"
    with pytest.raises(OSError, match="Not a directory") as error, replacing(target):
        pass
    assert error.value.filename == str(target)
    with replacing(tmp_path / "new" / "target") as temporary, open(temporary, "w") as file:
        file.write("whole")
    assert (tmp_path / "new" / "target").read_text() == "whole"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_others_may_read_a_file_as_the_umask_allows(tmp_path, umask, mode):
    """A report is read by other people than the one whose run wrote it."""
    before = os.umask(umask)
    try:
        replace_by(tmp_path / "report.html", memoryview(b"report"), lasting=True)
        with replacing(tmp_path / "values.parquet") as temporary:
            Path(temporary).write_bytes(b"values")
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "report.html": mode, "values.parquet": mode
    }  # fmt: skip
