"""eBay's listing templates and reports."""

import pytest

from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.excel_files import write_excel
from tests.support.shop_samples import EBAY, EBAY_ROWS


def test_listings_and_their_variations(tmp_path):
    path = write_lines(tmp_path / "a.csv", EBAY, EBAY_ROWS[1], *EBAY_ROWS)
    told = []
    lost, shirt, hat = rows_of(path, images=9, quarantine=lambda *problem: told.append(problem))
    assert lost["product_id"] is None
    assert told == [(0, "row", "row belongs to no product", "variation 'SH-1-R': no listing is above it")]
    assert (shirt["product_id"], shirt["product_type"], shirt["title"]) == ("SH-1", "Shirts", "Red & Blue")
    assert (shirt["description"], shirt["bullet_points"]) == ("Soft", ["Warm"])
    assert dict(shirt["attributes"]) == {"Brand": "Acme", "Color": "Red, Blue, Green", "Size": "S, M"}
    assert (hat["product_type"], dict(hat["attributes"])["Color"]) == ("52365", "Black, White")
    images = [[image["path"][-5:] for image in (row["image"], *row["images"])] for row in (shirt, hat)]
    assert images == [["1.jpg", "2.jpg"], ["3.jpg", "4.jpg"]]
    assert read_as(path).counts == {"rows of variations joined": 2, "rows of compatibility, left out": 1}


@pytest.mark.parametrize(
    "above",
    [
        [["Info", "Version=1.0.0", "Template=fx_category_template_EBAY_US"]],
        [["#INFO", "Version=0.0.2", "Template= eBay-draft-listings-template_US", ""], ["#INFO Set Action to Draft"]],
        [["#INFO", "Created=1", "", "", " Indicates missing fields", "", " Indicates others"], ["#INFO"]],
    ],
)
def test_what_stands_above_the_header(tmp_path, above):
    header = [
        "Action(SiteID=UK|Country=GB|Currency=GBP|Version=1193)",
        "CustomLabel",
        "*Category",
        "*Title",
        "*C:Brand",
    ]
    rows = [*above, header, ["Add", "C-1", "261328", "Card", "Topps"]]
    path = write_lines(tmp_path / "a.csv", *map(",".join, rows))
    for file in (path, write_excel(tmp_path / "a.xlsx", rows)):
        (row,) = rows_of(file)
        assert (row["product_id"], row["product_type"], row["attributes"]) == ("C-1", "261328", [("Brand", "Topps")])
        assert read_as(file).counts == {"rows above the header, left out": len(above)}
