"""Any table whose further columns are the attributes."""

import datetime
import json

import pyarrow as pa
import pytest

from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError, ContractError
from tests.support.catalog_files import REQUIRED, read_as, rows_of, write_lines, write_parquet

LINES = ["SKU;Product_Type;Title;Description;Farbe;Passform;Preis", "p1;Kurtas;Red kurta;d;Rot;Slim;3,50", "p2;K;t;;;;"]
NAMES = {"product_id": "SKU"}


def test_further_columns_are_attributes(tmp_path):
    path = write_lines(tmp_path / "a.csv", *LINES)
    first, second = rows_of(path, NAMES)
    assert (first["product_id"], first["product_type"], first["description"]) == ("p1", "Kurtas", "d")
    assert first["attributes"] == [("Farbe", "Rot"), ("Passform", "Slim"), ("Preis", "3,50")]
    assert second["attributes"] == []
    assert read_as(path, NAMES).columns == {
        "SKU": "product_id",
        "Product_Type": "product_type",
        "Title": "title",
        "Description": "description",
        "Farbe": "attribute",
        "Passform": "attribute",
        "Preis": "attribute",
    }


@pytest.mark.parametrize(
    "columns",
    [
        ("attribute_name_1", "attribute_value_1", "attribute_name_2", "attribute_value_2", "attribute_unit_2"),
        ("Spec 1 Key", "Spec 1 Value", "Spec 2 Key", "Spec 2 Value", "Spec 2 Unit"),
        ("Option1Name", "Option1Value(s)", "Option2Name", "Option2Value(s)", "Option2Unit"),
    ],
)
def test_numbered_names_and_values(tmp_path, columns):
    """The name of an attribute is a cell; a column of values without one of names is an attribute itself."""
    lines = [f"product_id;product_type;title;Fit;Attribute value 9;{';'.join(columns)}"]
    lines += ["p1;K;t;Slim;x;Color;Red;Width;32;cm", "p2;K;t;;;;Blue;Width;;", "p3;K;t;;;;;Size;M;cm"]
    path = write_lines(tmp_path / "a.csv", *lines)
    assert [row["attributes"] for row in rows_of(path)] == [
        [("Fit", "Slim"), ("Attribute value 9", "x"), ("Color", "Red"), ("Width", "32 cm")], [], [("Size", "M")]
    ]  # fmt: skip
    found = read_as(path)
    assert found.columns[columns[0]] == "attribute (its name)"
    assert found.columns[columns[-1]] == "attribute (its unit)"
    assert found.counts == {"attribute values without a name, left out": 1}
    listed = rows_of(path, {"attributes": (columns[0], "Fit")})[0]["attributes"]
    assert listed == [(columns[0], "Color"), ("Fit", "Slim")]


@pytest.mark.parametrize(
    "names",
    [
        ("attribute name", "attribute value", "attribute unit") * 2,
        ("spec name", "spec value", "spec unit", "spec name.1", "spec value.1", "spec unit.1"),
        ("Название_Характеристики", "Значение_Характеристики", "Измерение_Характеристики") * 2,
    ],
)
def test_columns_of_names_and_values_that_repeat(tmp_path, names):
    lines = [f"product_id,product_type,title,{','.join(names)}", "p1,K,t,Fit,Slim,,Width,3,cm"]
    path = write_lines(tmp_path / "a.csv", *lines)
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim"), ("Width", "3 cm")]
    assert read_as(path).layout == "flat"


def test_a_list_in_the_contract(tmp_path):
    path = write_lines(tmp_path / "a.csv", *LINES)
    names = {**NAMES, "attributes": ("farbe", "Passform")}
    assert rows_of(path, names)[0]["attributes"] == [("Farbe", "Rot"), ("Passform", "Slim")]
    assert read_as(path, names).columns["Preis"] == "unused"
    with pytest.raises(CatalogError, match=r"column 'Schnitt', which the contract lists .* is missing; the file has"):
        rows_of(path, {**NAMES, "attributes": ("Farbe", "Schnitt")}, layout="flat")


def test_the_contract_says_so(tmp_path):
    given = "dataset: a\nproduct_types: {kurta: []}\nattributes: {color: {values: {Red: []}}}\n"
    path = tmp_path / "contract.yaml"
    for columns, expected in (('"*"', "*"), ("[a, b]", ("a", "b")), ("labels", "labels")):
        path.write_text(f"{given}columns: {{attributes: {columns}, title: Name}}\n")
        assert load_contract(path).columns == {"attributes": expected, "title": "Name"}
    path.write_text(f"{given}columns: {{attributes: [a, Name], title: Name}}\n")
    with pytest.raises(ContractError, match=r"contract\.yaml:4: column 'Name' is mapped to two catalog columns"):
        load_contract(path)
    path.write_text(f"{given}columns: {{title: [a, b]}}\n")
    with pytest.raises(ContractError, match=r"contract\.yaml:4: "):
        load_contract(path)


def test_parquet_of_any_types(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet",
        product_id=[8900123450001, 2],
        product_type=["Kurtas", "Shirts"],
        title=["Red kurta", "t"],
        image=pa.array([b"raw", None]),
        year=[2012.0, None],
        listed=[datetime.date(2026, 1, 2), None],
        tags=[["a", "b"], []],
        size=[{"unit": "cm"}, None],
        __index_level_0__=[0, 1],
    )
    first, second = rows_of(path)
    assert (first["product_id"], first["image"]) == ("8900123450001", {"bytes": b"raw", "path": None})
    assert first["attributes"] == [("year", "2012"), ("listed", "2026-01-02"), ("tags", "a, b")]
    assert [key for key, value in second["attributes"] if value] == []
    told = read_as(path)
    assert told.columns["__index_level_0__"] == "unused"
    assert told.counts == {"objects and bytes that are not labels, left out of column 'size'": 1}


PAIRS = [("Fabric", "Cotton"), ("Fit", "Slim")]


@pytest.mark.parametrize("column", ["specifications", "Product Details", "additionalProperty", "features"])
@pytest.mark.parametrize(
    "cell",
    [
        dict(PAIRS),
        [{"@type": "PropertyValue", "name": key, "value": label} for key, label in PAIRS],
        json.dumps(dict(PAIRS)),
        "Fabric: Cotton; Fit: Slim",
        ["Fabric: Cotton", "Fit: Slim"],
    ],
)
def test_a_column_that_names_attributes(tmp_path, column, cell):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Neck": "V", column: cell})
    assert rows_of(path)[0]["attributes"] == [("Neck", "V"), *PAIRS]
    assert not read_as(path).counts


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("Soft; warm", "Soft; warm"),
        ("Note: wash cold", "Note: wash cold"),
        (["Soft", "warm"], "Soft, warm"),
        ({"value": 3, "unit": "cm"}, "3 cm"),
    ],
)
def test_a_column_that_may_name_attributes_and_names_none(tmp_path, cell, label):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "details": cell})
    assert rows_of(path)[0]["attributes"] == [("details", label)]


def test_columns_of_attributes_in_json_and_parquet(tmp_path):
    """As ``pandas.json_normalize`` writes a map of them."""
    columns = {**REQUIRED, "attributes.Fit": "Slim", "attributes.neck type": "V"}
    lines = write_lines(tmp_path / "a.jsonl", columns)
    table = write_parquet(tmp_path / "a.parquet", **{name: [value] for name, value in columns.items()})
    for path in (lines, table):
        assert rows_of(path)[0]["attributes"] == [("Fit", "Slim"), ("neck type", "V")]


def test_no_further_column(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title", "p1,Kurtas,t")
    with pytest.raises(CatalogError, match=r"column 'attributes' is missing.*does not fit the layouts flat, long"):
        rows_of(path)
    with pytest.raises(CatalogError, match=r"a\.csv has no attribute column"):
        rows_of(path, layout="flat")


def test_columns_without_a_name_are_no_attributes(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Fit,,", "p1,Kurtas,t,Slim,x,y")
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]


@pytest.mark.parametrize("index", ["Unnamed: 0.1", "Unnamed: 12", "level_0", "__index_level_1__", "index", ""])
def test_indexes_of_pandas_are_no_attributes(tmp_path, index):
    path = write_lines(tmp_path / "a.csv", f"{index},product_id,product_type,title,Fit", "0,p1,Kurtas,t,Slim")
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]
    assert read_as(path).columns[index] == "unused"


@pytest.mark.parametrize(
    "header",
    ["Product ID,Product-Type,TITLE", "productId,ProductType,Title", "\xa0product_id,product_type\u200b,title "],
)
def test_names_in_other_spellings(tmp_path, header):
    path = write_lines(tmp_path / "a.csv", f"{header},Bullet Points,Fit", "p1,Kurtas,t,soft,Slim")
    (row,) = rows_of(path)
    assert (row["product_id"], row["product_type"], row["title"], row["bullet_points"]) == (
        "p1",
        "Kurtas",
        "t",
        ["soft"],
    )
    assert row["attributes"] == [("Fit", "Slim")]


@pytest.mark.parametrize(("name", "column"), [("metadata.csv", "image"), ("other.csv", "images")])
def test_an_image_folder_of_hugging_face(tmp_path, name, column):
    path = write_lines(tmp_path / name, "file_name,product_id,product_type,title,Fit", "a/1.jpg,p1,Kurtas,t,Slim")
    assert rows_of(path)[0]["image"] == {"bytes": None, "path": "a/1.jpg"}
    assert read_as(path).columns["file_name"] == column


@pytest.mark.parametrize("name", ["product_description", "Long Description", "body_html", "short_description"])
def test_a_description_by_another_name(tmp_path, name):
    path = write_lines(
        tmp_path / "a.csv", f"product_id,product_type,title,{name},Fit", "p1,Kurtas,t,Soft and warm,Slim"
    )
    (row,) = rows_of(path)
    assert (row["description"], row["attributes"]) == ("Soft and warm", [("Fit", "Slim")])
    both = write_lines(tmp_path / "b.csv", f"product_id,product_type,title,{name},description", "p1,K,t,x,own")
    assert (rows_of(both)[0]["description"], rows_of(both)[0]["attributes"]) == ("own", [(name, "x")])


def test_the_longest_of_several_descriptions(tmp_path):
    row = {**REQUIRED, "Fit": "Slim", "short_description": "a", "long_description": "b"}
    (found,) = rows_of(write_lines(tmp_path / "a.jsonl", row))
    assert (found["description"], found["attributes"]) == ("b", [("Fit", "Slim"), ("short_description", "a")])


def test_kinds_of_products_are_no_product_types(tmp_path):
    lines = [
        "product_id,Product Type,title,category",
        "p1,simple,t,Shirts",
        "p2,variable,t,Hats",
        'p3,"simple, virtual",t,x',
    ]
    path = write_lines(tmp_path / "a.csv", *lines)
    told = r"column 'Product Type' has a shop's internal kinds \('simple', 'variable', .*--column product_type="
    with pytest.raises(CatalogError, match=told):
        rows_of(path)
    assert rows_of(path, {"product_type": "category"})[0]["product_type"] == "Shirts"
    assert rows_of(path, {"product_type": "Product Type"})[0]["product_type"] == "simple"
    write_lines(tmp_path / "b.csv", "product_id,product_type,title,Fit", "p1,Digital,t,x")  # watches
    assert rows_of(tmp_path / "b.csv")[0]["product_type"] == "Digital"
    write_lines(path, *lines, "p4,Shirts,t,x")
    assert rows_of(path)[0]["product_type"] == "simple"


@pytest.mark.parametrize(
    "unit", ["weight_unit", "Weight Unit", "weight-uom", "Weight unit of measure", "Weight - Unit"]
)
@pytest.mark.parametrize("number", ["weight", "Weight value", "Weight - Measure", "weight (amount)", "weight.value"])
def test_a_number_has_the_unit_of_the_column_that_is_called_so(tmp_path, number, unit):
    header = f"product_id,product_type,title,{unit},{number},Unit,color unit"
    path = write_lines(
        tmp_path / "a.csv", header, "p1,K,t,kg,3,pc,x", "p2,K,t,,3,pc,", "p3,K,t,kg,light,pc,", "p4,K,t,kg,,pc,"
    )
    units = [("Unit", "pc"), ("color unit", "x")]
    assert [row["attributes"] for row in rows_of(path)] == [
        [(number, "3 kg"), *units], [(number, "3"), units[0]], [(number, "light"), units[0]], [units[0]],
    ]  # fmt: skip
    assert read_as(path).columns[unit] == "attribute (the unit of a number)"


def test_several_images_of_an_image_folder(tmp_path):
    row = {"file_names": ["1.jpg", "2.jpg"], "product_id": "p1", "product_type": "K", "title": "t", "Fit": "Slim"}
    path = write_lines(tmp_path / "metadata.jsonl", row)
    (found,) = rows_of(path, images=2)
    assert [found["image"]["path"], found["images"][0]["path"]] == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize(("header", "layout"), [("Color,Color", "flat"), ("attributes.Color,attributes.Color", "own")])
def test_columns_of_one_name_are_one_attribute(tmp_path, header, layout):
    path = write_lines(tmp_path / "a.csv", f"product_id,product_type,title,{header}", "1,Chairs,t,red,blue")
    assert rows_of(path)[0]["attributes"] == [("Color", "red"), ("Color", "blue")]
    assert read_as(path).layout == layout


def test_numbers_behind_attribute_and_value(tmp_path):
    header = "product_id,product_type,title,Attribute 1,Value 1,Attribute 2,Value 2,Feature 3"
    rows = rows_of(write_lines(tmp_path / "a.csv", header, "1,S,T,Fit,Slim,Neck,,x", "2,S,U,Neck,V,,,"))
    assert [row["attributes"] for row in rows] == [[("Feature 3", "x"), ("Fit", "Slim")], [("Neck", "V")]]


@pytest.mark.parametrize("attributes", ["attributes", "Fit"])
def test_a_list_of_images_beside_a_column_of_one(tmp_path, attributes):
    """It was unused."""
    header = f"product_id,product_type,title,{attributes},image_url,image_urls"
    urls = [f"https://a.test/{i}.jpg" for i in (1, 2)]
    (row,) = rows_of(
        write_lines(tmp_path / "a.csv", header, f"1,S,T,Fit: Slim,{urls[0]},{urls[0]}|{urls[1]}"), images=2
    )
    assert [row["image"]["path"], *(one["path"] for one in row["images"])] == urls


def test_pairs_of_one_number_by_several_words(tmp_path):
    """As Wix has them: the second one's name was a label under its column."""
    header = "product_id,product_type,title,productOptionName1,productOptionDescription1"
    header += ",additionalInfoTitle1,additionalInfoDescription1"
    (row,) = rows_of(write_lines(tmp_path / "a.csv", header, "1,S,T,Color,Red,Care,Wash cold"))
    assert row["attributes"] == [("Color", "Red"), ("Care", "Wash cold")]


@pytest.mark.parametrize(
    "columns",
    [
        "商品属性（項目）1,商品属性（値）1,商品属性（単位）1,商品属性（項目）2,商品属性（値）2,商品属性（単位）2",
        "属性名１,属性値１,属性単位１,属性名２,属性値２,属性単位２",
        "属性名称1,属性值1,属性单位1,属性名称2,属性值2,属性单位2",
        "Attributname 1,Attributwert 1,Einheit 1,Attributname 2,Attributwert 2,Einheit 2",
        "Merkmal 1 Bezeichnung,Merkmal 1 Wert,Merkmal 1 Einheit,Merkmal2Name,Merkmal2Wert,Merkmal2Einheit",
        "Eigenschaft 1,Wert 1,Einheit 1,Eigenschaft 2,Wert 2,Einheit 2",
        "Attribute 1,Value 1,Unit 1,Attribute 2,Value 2,Unit 2",
    ],
)
def test_numbered_names_and_values_in_other_languages(tmp_path, columns):
    """Of Rakuten and others; widths of characters do not matter. They were attributes of their own."""
    lines = [f"product_id,product_type,title,{columns},色", "1,S,T,素材,綿,,幅,32,cm,赤", "2,S,U,,,,,,,"]
    path = write_lines(tmp_path / "a.csv", *lines)
    assert [row["attributes"] for row in rows_of(path)] == [[("色", "赤"), ("素材", "綿"), ("幅", "32 cm")], []]


def test_numbered_units_of_no_attribute_stay_labels(tmp_path):
    path = write_lines(
        tmp_path / "a.csv", "product_id,product_type,title,Attribute 1,Value 1,Unit 2", "1,S,T,Fit,Slim,x"
    )
    assert rows_of(path)[0]["attributes"] == [("Unit 2", "x"), ("Fit", "Slim")]


def test_columns_of_rakuten(tmp_path):
    """Their names are given; images are recognised by their cells."""
    header = "商品管理番号（商品URL）,商品名,ジャンルID,商品画像パス1,商品画像パス2,商品属性（項目）1,商品属性（値）1"
    path = write_lines(tmp_path / "a.csv", header, "p1,シャツ,100,/thum/1.jpg,/thum/2.jpg,素材,綿")
    names = {"product_id": "商品管理番号（商品URL）", "product_type": "ジャンルID", "title": "商品名"}
    (row,) = rows_of(path, names, images=9)
    assert [image["path"] for image in (row["image"], *row["images"])] == ["/thum/1.jpg", "/thum/2.jpg"]
    assert (row["title"], row["attributes"]) == ("シャツ", [("素材", "綿")])
