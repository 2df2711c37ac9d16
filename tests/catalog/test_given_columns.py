"""Columns given on the command line: one that no file has is refused before the work."""

import pytest

from moemoe.catalog.read import check_columns
from moemoe.cli import main
from moemoe.errors import ConfigError
from tests.support.catalog_files import REQUIRED, write_lines
from tests.support.excel_files import write_excel

ROW = {**REQUIRED, "Fit": "Slim"}


@pytest.fixture
def catalog(tmp_path):
    return write_lines(tmp_path / "a.csv", ",".join(ROW), ",".join(ROW.values()))


@pytest.mark.parametrize("command", ["convert", "profile"])
def test_a_column_that_no_file_has_is_refused(tmp_path, catalog, command):
    """The file's own column ``title`` was read instead, in silence."""
    output = tmp_path / ("new.parquet" if command == "convert" else "new.yaml")
    with pytest.raises(SystemExit) as refused:
        main([command, str(catalog), "--output", str(output), "--column", "title=Titel"])
    assert str(refused.value).endswith(
        "--column 'title=Titel': no file has a column 'Titel'; did you mean 'title'? known are product_id, "
        "product_type, title, Fit"
    )
    assert not output.exists()


def test_one_file_that_has_it_is_enough(tmp_path, catalog):
    other = write_lines(tmp_path / "b.jsonl", {**ROW, "Name": "x"})
    check_columns([str(catalog), str(other)], {"title": "name", "product_type": "Product-Type", "attributes": "*"})
    with pytest.raises(ConfigError, match=r"known are product_id, product_type, title, Fit, Name$"):
        check_columns([str(catalog), str(other)], {"title": "xyz"})


def test_files_behind_the_last_column_are_not_opened(catalog):
    check_columns([str(catalog), "no such file.csv"], {"title": "Fit"})
    check_columns(["no such file.csv"], {"attributes": "*"})


def test_columns_of_a_prefix_and_of_other_sheets(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,labels.Fit", "1,S,T,Slim")
    check_columns([str(path)], {"attributes": "labels"})
    book = write_excel(tmp_path / "a.xlsx", [["a", "b"], ["1", "2"], ["3", "4"]], [["c", "Name"], ["1", "2"]])
    check_columns([str(book)], {"title": "Name"})
