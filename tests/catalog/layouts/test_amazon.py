"""Amazon's flat files, with the old (until 2024) and the new field names."""

import pytest

from moemoe.catalog.layouts import amazon
from tests.support.excel_files import write_excel
from tests.support.seller_files import images_of, read, write
from tests.support.shop_samples import AMAZON, AMAZON_NEW, AMAZON_NEW_ROW, AMAZON_RED, US, write_flat_file

PARENT = ["shirt", "P1", "Shirt", "Update", "Parent", "", "<p>Soft.</p>", "Warm", "Light"] + [""] * 9
GONE = ["shirt", "C2", "Blue shirt", "Delete"] + [""] * 14


def test_the_template_until_2024(tmp_path):
    path = write_flat_file(tmp_path / "clothing.txt", AMAZON, PARENT, AMAZON_RED, GONE, [""])
    found = read(path)
    assert found.products == [
        {
            "product_id": "C1",
            "marketplace": None,
            "product_type": "shirt",
            "title": "Red shirt",
            "bullet_points": ["Warm", "Light"],  # of its parent, as it has none
            "description": "Soft.",
            "image": "https://img.test/1.jpg",
            "attributes": {"color_name": "Red", "material_type": "Cotton, Linen", "item_length": "12.6 IN"},
        }
    ]
    assert found.aside == []
    assert found.how.layout == "amazon"
    assert found.how.counts == {
        "rows of parents left out: their children are the products": 1,
        "rows of deleted products left out": 1,
    }
    assert found.how.columns["standard_price"] == found.how.columns["quantity"] == "unused"
    assert found.how.columns["item_length_unit_of_measure"] == "unit of item_length"
    assert images_of(path) == [["https://img.test/1.jpg", "https://img.test/2.jpg"]]


def test_the_template_since(tmp_path):
    path = write_flat_file(tmp_path / "SHIRT.txt", AMAZON_NEW, ["ABC123", "", "example"], AMAZON_NEW_ROW)
    found = read(path)
    assert found.products == [
        {
            "product_id": "S1",
            "marketplace": "US",
            "product_type": "SHIRT",
            "title": "Red shirt",
            "bullet_points": ["Warm", "Light"],
            "description": None,
            "image": "https://img.test/1.jpg",
            "attributes": {
                "color": "Red",
                "material": "Cotton, Linen",
                "item_length_width.length": "12.6 Inches",
            },
        }
    ]
    spanish = f"item_name{US}[language_tag=es_US]#1.value"
    assert found.how.columns[spanish] == "unused: another language than en_US"
    assert images_of(path) == [["https://img.test/1.jpg", "https://img.test/2.jpg"]]


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("bullet_point3", "bullet_point"),
        ("material_type", "material_type"),
        (
            "other_product_image_locator_1[marketplace_id=X]#1.media_location",
            "other_product_image_locator.media_location",
        ),
        ("size[marketplace_id=X][language_tag=de_DE]#2.value", "size"),
    ],
)
def test_numbered_fields_have_one_key(column, key):
    assert amazon.field_key(column)[0] == key


def test_a_workbook_whose_template_is_not_its_first_sheet(tmp_path):
    """As Amazon hands it out: the products are on a sheet behind instructions and examples."""
    notes = [["Fill in the template"], ["Step", "What to do"], ["1", "Read this"]]
    found = read(write_excel(tmp_path / "clothing.xlsx", notes, [*AMAZON, AMAZON_RED], [["Valid values"], ["Red"]]))
    assert [product["product_id"] for product in found.products] == ["C1"]
    assert (found.how.layout, found.how.format) == ("amazon", "Excel (sheet 's2')")


@pytest.mark.parametrize("example", [True, False])
def test_a_workbook_of_the_template_since_with_and_without_its_example(tmp_path, example):
    """The settings say in which row the products begin; somebody may have cleared the example above them."""
    settings = "settings=attributeRow=2&contentLanguageTag=en_US&dataRow=4&labelRow=1"
    fields = ["contribution_sku#1.value", "product_type#1.value", "item_name[language_tag=en_US]#1.value"]
    rows = [["ABC123", "SHIRT", "An example"] if example else [], ["S0", "SHIRT", "Shirt"], ["S1", "SHIRT", "Shirt"]]
    found = read(write_excel(tmp_path / "a.xlsx", [[settings, None, None], fields, *rows]))
    assert [product["product_id"] for product in found.products] == ["S0", "S1"]


@pytest.mark.parametrize("cleared", ["", "\t\t", "ABC123\tSHIRT\tAn example"])
def test_a_text_file_of_the_template_since(tmp_path, cleared):
    settings = "settings=attributeRow=2&contentLanguageTag=en_US&dataRow=4&labelRow=1\t\t"
    fields = "contribution_sku#1.value\tproduct_type#1.value\titem_name[language_tag=en_US]#1.value"
    found = read(write(tmp_path / "a.txt", settings, fields, cleared, "S0\tSHIRT\tShirt", "S1\tSHIRT\tShirt"))
    assert [product["product_id"] for product in found.products] == ["S0", "S1"]
    left_out = {"rows between the field names and the first product, left out as the settings say": 1}
    assert found.how.counts == (left_out if cleared.strip() else {})


def test_parts_of_a_field_have_numbers_too():
    assert amazon.field_key("color[language_tag=en_US]#1.standardized_values#2")[0] == "color.standardized_values"


def test_a_column_without_a_name_is_no_unit(tmp_path):
    found = read(
        write(tmp_path / "a.tsv", "\titem_sku\tfeed_product_type\titem_name\tcolor_name", "0\tS\tshirt\tA\tRed")
    )
    assert found.first["attributes"]["color_name"] == "Red"


@pytest.mark.parametrize("begin", ["", "sep=,\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_template_as_a_spreadsheet_saves_it(tmp_path, begin, quote):
    settings = f"{quote}settings=attributeRow=3&dataRow=4&labelRow=2{quote},,"
    labels, fields = "SKU,Product Type,Item Name", "contribution_sku#1.value,product_type#1.value,item_name#1.value"
    path = write(tmp_path / "a.csv", begin + settings, labels, fields, "S0,SHIRT,Shirt")
    assert [product["product_id"] for product in read(path).products] == ["S0"]


CASES = {"lower": str.lower, "upper": str.upper, "title": str.title}


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("template", "rows"), [(AMAZON, [AMAZON_RED]), (AMAZON_NEW, [["ABC123", "", "example"], AMAZON_NEW_ROW])]
)
def test_field_names_in_another_case(tmp_path, template, rows, case, above):
    """Those of since 2024 have the language and the market within; settings may have been changed with them."""
    first = read(write_flat_file(tmp_path / "a.txt", template, *rows))
    changed = [[CASES[case](cell) for cell in row] for row in template]
    again = read(write_flat_file(tmp_path / "b.txt", [*(changed if above else template)[:-1], changed[-1]], *rows))
    assert again.products == first.products
    assert again.how.counts == first.how.counts
    became = [[told.casefold() for told in each.how.columns.values()] for each in (first, again)]
    assert became[0] == became[1]


@pytest.mark.parametrize("names", [["", "1", "2"], ["", "", ""], ["", "0", "1"]])
def test_an_index_in_front(tmp_path, names):
    """A template that pandas has read and saved: its first row was the header."""
    lines = ["\t".join([number, *row]) for number, row in zip([*names, "3"], [*AMAZON, AMAZON_RED], strict=True)]
    width = lines[-1].count("\t")
    found = read(write(tmp_path / "a.txt", *(line + "\t" * (width - line.count("\t")) for line in lines)))
    assert found.first == read(write_flat_file(tmp_path / "b.txt", AMAZON, AMAZON_RED)).first
    assert found.how.columns[names[-1]] == "unused"


def test_an_index_that_has_a_name(tmp_path):
    path = write(tmp_path / "a.csv", ",".join(["Unnamed: 0", *AMAZON[-1]]), ",".join(["0", *AMAZON_RED]))
    found = read(path)
    assert found.first["attributes"]["color_name"] == "Red"
    assert found.how.columns["Unnamed: 0"] == "unused"
    assert "0" not in found.first["attributes"].values()


@pytest.mark.parametrize("kind", ["txt", "xlsx"])
def test_labels_above_the_field_names_without_settings(tmp_path, kind):
    """People clear the first row, and Amazon's labels are in the language of the market."""
    labels = ["Verkäufer-SKU", "Produktname", "Produkttyp", "Farbe", "Gewicht", "Maßeinheit"]
    names = ["item_sku", "item_name", "feed_product_type", "color_name", "item_weight", "item_weight_unit_of_measure"]
    rows = [["Pflicht"] * 6, labels, names, ["1", "Stuhl", "CHAIR", "Rot", "3,5", "KG"]]
    path = tmp_path / f"a.{kind}"
    if kind == "xlsx":
        write_excel(path, rows)
    else:
        write(path, *map("\t".join, rows))
    found = read(path)
    assert [(one["product_id"], one["title"], one["attributes"]) for one in found.products] == [
        ("1", "Stuhl", {"color_name": "Rot", "item_weight": "3,5 KG"})
    ]
    assert found.how.counts == {"rows above the header, left out": 2}


def test_a_template_in_another_language(tmp_path):
    """Field names are English in all, what people choose is translated: a parent has a level and no parent itself."""
    fields = ["contribution_sku#1.value", "product_type#1.value", "item_name#1.value", "::record_action"]
    fields += ["parentage_level#1.value", "child_parent_sku_relationship#1.parent_sku", "color#1.value"]
    settings = ["settings=attributeRow=2&contentLanguageTag=de_DE&dataRow=3&x=1"]
    rows = [
        ["P", "SHIRT", "Hemd", "Erstellen oder ersetzen", "Übergeordnet"],
        ["C", "SHIRT", "", "Erstellen oder ersetzen", "Untergeordnet", "P", "Rot"],
        ["D", "SHIRT", "Hut", "Löschen"],
        ["S", "HAT", "Hut", "Bearbeiten"],
        ["K", "HAT", "Hut", "Bearbeiten", "child"],
    ]
    found = read(write_flat_file(tmp_path / "a.txt", [settings, fields], *rows))
    assert [(product["product_id"], product["title"]) for product in found.products] == [
        ("C", "Hemd"), ("S", "Hut"), ("K", "Hut"),
    ]  # fmt: skip
    assert found.how.counts == {
        "rows of parents left out: their children are the products": 1,
        "rows of deleted products left out": 1,
    }


@pytest.mark.parametrize("value", ["value", "decimal_value", "string_value", "integer_value"])
def test_measures_of_the_template_since(tmp_path, value):
    """The number has the unit beside it, whatever kind of number the field is."""
    fields = ["contribution_sku#1.value", "product_type#1.value", "item_name#1.value"]
    fields += [f"heel{US}#1.height#1.{value}", f"heel{US}#1.height#1.unit", f"item_width{US}#1.{value}"]
    fields += [f"item_width{US}#1.unit"]
    path = write_flat_file(tmp_path / "a.txt", [fields], ["S1", "SHOES", "Shoe", "3", "Inches", "9.5", "Centimeters"])
    (product,) = read(path).products
    assert product["attributes"] == {"heel.height": "3 Inches", "item_width": "9.5 Centimeters"}


def test_the_template_is_a_workbook_with_macros(tmp_path):
    rows = [*AMAZON, AMAZON_RED]
    path = write_excel(tmp_path / "a.xlsm", [["Instructions"]], rows, [["Valid Values"], ["x"]])
    assert [product["product_id"] for product in read(path).products] == ["C1"]


def test_the_market_is_the_last_of_the_settings(tmp_path):
    """Nothing of the field names that follow is taken for a part of it."""
    blank = [""] * (len(AMAZON[-1]) - 2)  # no cell follows the settings
    settings = ["TemplateType=fptcustom", *blank, "settings=primaryMarketplaceId=amzn1.mp.o.A1PA6795UKMFR9"]
    header = [settings, *AMAZON[1:]]
    assert read(write_flat_file(tmp_path / "clothing.txt", header, AMAZON_RED)).first["marketplace"] == "DE"
