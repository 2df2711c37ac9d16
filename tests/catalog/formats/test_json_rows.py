"""JSON arrays, which may be larger than memory, and JSON lines, well-formed and malformed."""

import json

import pytest

from moemoe.errors import CatalogError
from tests.support.catalog_files import REQUIRED, read_as, rows_of, write_lines
from tests.support.shop_api_samples import AMAZON_SHIRT

GOOD = {**REQUIRED, "attributes": {"Fit": "Slim"}}


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array(tmp_path, indent):
    path = tmp_path / "a.json"
    rows = [{**GOOD, "product_id": f"p{i}", "title": "]}, {" * (i % 7)} for i in range(1000)]
    path.write_text(f"\ufeff\n {json.dumps(rows, indent=indent)}\n")
    assert [row["product_id"] for row in rows_of(path)] == [f"p{i}" for i in range(1000)]
    assert read_as(path).format == "JSON array"


def test_numbers_stay_as_they_are_written(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"product_id": 123456789012345678901, "product_type": "K", "title": 1.50, "attributes": {}}]')
    (row,) = rows_of(path)
    assert (row["product_id"], row["title"]) == ("123456789012345678901", "1.50")


def test_an_item_that_is_no_object_costs_itself(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD, 3, [1], GOOD]))
    problems = []
    rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert [row["product_id"] for row in rows] == ["p1", None, None, "p1"]
    assert problems[0] == (1, "row", "row is not readable", "item 2: '3' is not a JSON object")


@pytest.mark.parametrize(
    ("cut", "problem"), [(-1, "it does not end in ]"), (-20, "item 300: "), (-2, "item 300: Expecting")]
)
def test_cut_short(tmp_path, cut, problem):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD] * 300)[:cut])
    with pytest.raises(CatalogError, match=rf"a\.json is cut short or is not a JSON array: {problem}"):
        rows_of(path)


def test_lines_in_a_file_of_either_name(tmp_path):
    path = tmp_path / "part-00000.json"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD) + "\n")
    assert len(rows_of(path)) == 2
    assert read_as(path).format == "JSON lines"


def test_commas_between_lines(tmp_path):
    """An array whose brackets somebody took away; a line that is cut costs itself."""
    path = tmp_path / "a.jsonl"
    cut = json.dumps(GOOD)[:30] + ","
    path.write_text(",\n".join(json.dumps({**GOOD, "product_id": f"p{i}"}) for i in range(3)) + f"\n{cut}\n")
    problems = []
    rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert [row["product_id"] for row in rows] == ["p0", "p1", "p2", None]
    assert [problem[:3] for problem in problems] == [(3, "row", "row is not readable")]
    assert read_as(path).counts == {"lines with a comma behind the object": 2}


PAGE = {"total": 2, "skip": 0, "limit": 30, "took": 0.1}
TWO = [{**GOOD, "product_id": name} for name in ("p0", "p1")]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"products": TWO, "count": 2}, "JSON (list 'products')"),
        ({**PAGE, "items": TWO}, "JSON (list 'items')"),
        ({row["product_id"]: row for row in TWO}, "JSON (object of rows)"),
        # What pandas writes with orient="index", "columns", "split" and "table".
        (dict(zip("01", TWO, strict=True)), "JSON (object of rows)"),
        ({name: {str(i): row[name] for i, row in enumerate(TWO)} for name in GOOD}, "JSON (object of columns)"),
        ({name: {str(7 * i): row[name] for i, row in enumerate(TWO)} for name in GOOD}, "JSON (object of columns)"),
        ({name: [row[name] for row in TWO] for name in GOOD}, "JSON (object of columns)"),
        (
            {"columns": [*GOOD], "index": [0, 1], "data": [[*row.values()] for row in TWO]},
            "JSON (table of columns and data)",
        ),
        ({"schema": {"fields": []}, "data": TWO}, "JSON (list 'data')"),
    ],
)
def test_an_object_that_holds_the_rows(tmp_path, content, kind, indent):
    path = tmp_path / "products.json"
    path.write_text(json.dumps(content, indent=indent))
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1"]
    assert read_as(path).format == kind


def test_columns_by_the_ids_of_their_rows(tmp_path):
    """As pandas writes a table with the ids as its index."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({name: {row["product_id"]: row[name] for row in TWO} for name in [*GOOD][1:]}))
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1"]
    assert read_as(path).format == "JSON (object of columns)"


def test_columns_that_differ_in_length(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"product_id": ["p0", "p1"], "product_type": ["K", "K"], "title": ["t"], "Fit": ["S"]}))
    with pytest.raises(CatalogError, match=r"a\.json is an object of columns that differ in length: product_id has 2"):
        rows_of(path)


def test_a_list_in_an_object_with_a_row_a_line(tmp_path):
    rows = ",\n".join(json.dumps(row) for row in TWO)
    path = tmp_path / "a.json"
    path.write_text('{"products": [\n' + rows + ', 7\n], "next": null}\n')
    told = []
    found = rows_of(path, quarantine=lambda *problem: told.append(problem))
    assert [row["product_id"] for row in found] == ["p0", "p1", None]
    assert [problem[:3] for problem in told] == [(2, "row", "row is not readable")]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_objects_on_several_lines(tmp_path, end):
    """As ``jq`` prints them; a single one with a list of its own is a product."""
    path = tmp_path / "a.json"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in TWO) + end)
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1"]
    path.write_text(json.dumps({**GOOD, "variants": [{"size": "S"}]}, indent=2) + end)
    assert [row["product_id"] for row in rows_of(path)] == [GOOD["product_id"]]
    path.write_text(json.dumps(GOOD, indent=2)[:-3] + end)
    with pytest.raises(CatalogError, match=r"a\.json is cut short or is not JSON: item 1"):
        rows_of(path)


@pytest.mark.parametrize("parts", ["variants", "parts"])
def test_a_product_of_few_keys_is_no_answer_with_a_list(tmp_path, parts):
    """It has an id; the list was taken for the products."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"sku": "p1", "title": "t", parts: [{"size": "S"}]}))
    assert read_as(path, {"product_id": "sku", "product_type": "title"}).columns["sku"] == "product_id"


@pytest.mark.parametrize("between", ["", "\n", "\n\n"])
def test_arrays_one_behind_the_other(tmp_path, between):
    path = tmp_path / "a.json"
    path.write_text(between.join(json.dumps([row]) for row in TWO) + between)
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1"]
    path.write_text(json.dumps(TWO) + between + json.dumps(GOOD))
    with pytest.raises(CatalogError, match=r"a\.json is .*not a JSON array: item 3: something stands behind the array"):
        rows_of(path)


@pytest.mark.parametrize("own", [True, False])
def test_columns_that_later_rows_alone_have(tmp_path, own):
    """A dump sorted by category, with optional columns left out."""
    shirt = {**GOOD, "attributes": {"Fit": "Slim"}} if own else {**REQUIRED, "Fit": "Slim"}
    boot = {**REQUIRED, "description": "warm", "image": "1.jpg"}
    boot |= {"attributes": {"Heel": "Flat"}} if own else {"Heel": "Flat"}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [shirt] * 300 + [boot] * 3))
    *_, last = rows_of(path)
    assert (last["description"], last["image"]["path"], last["attributes"]) == ("warm", "1.jpg", [("Heel", "Flat")])
    assert read_as(path).columns["image"] == "image"
    assert own or read_as(path).columns["Heel"] == "attribute"


@pytest.mark.parametrize("own", [True, False])
def test_a_later_row_that_spells_a_column_otherwise_ends_nothing(tmp_path, own):
    first = {"product_id": "p1", "product_type": "K", "Title": "t"} | ({"attributes": {}} if own else {"Fit": "Slim"})
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [first] * 300 + [{**first, "TITLE": "other"}]))
    assert {row["title"] for row in rows_of(path)} == {"t"}


@pytest.mark.parametrize(
    "attributes",
    [
        [{"name": "Fit", "value": "Slim"}],
        [{"Name": "Fit", "Value": "Slim", "unit": None}],
        [{"attribute": "Fit", "value": "Slim"}],
        [{"name": "Fit", "values": ["Slim"]}],
        [{"type": "Fit", "value": "Slim"}],
        [{"attrName": "Fit", "attrValue": "Slim"}],
        [{"attributeName": "Fit", "attributeValue": "Slim"}],
        [{"Fit": "Slim"}],
        [{"name": "Fit", "value": "Slim"}, {"id": 3, "name": "Neck", "unit": None}],
        [["Fit", "Slim"]],
        '[{"name": "Fit", "value": "Slim"}]',
        "[['Fit', 'Slim']]",
    ],
)
def test_lists_of_attributes(tmp_path, attributes):
    path = tmp_path / "a.jsonl"
    rows = [{**REQUIRED, "attributes": attributes}, {**REQUIRED, "attributes": [{"fit": "Slim", "cut": "A"}]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = []
    labels = rows_of(path, quarantine=lambda *problem: problems.append(problem))[0]["attributes"]
    assert [pair for pair in labels if pair != ("Neck", None)] == [("Fit", "Slim")]
    assert (
        problems[0][3]
        == "{'fit': 'Slim', 'cut': 'A'} is not a pair; allowed are [key, value] and {key: ..., value: ...}"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "General": [{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "Round"}],
            "Size": [{"name": "Width", "value": "3 cm"}],
        },
        {"General": {"Fit": "Slim", "Neck": "Round"}, "Size": {"Width": {"value": 3, "unit": "cm"}}},
        {"General": [{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "Round"}], "Size": {"Width": "3 cm"}},
        [
            {"group": "General", "items": [{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "Round"}]},
            {"group": "Size", "items": [{"key": "Width", "value": 3, "unitCode": "CMT"}]},
        ],
        [{"General": {"Fit": "Slim", "Neck": "Round"}}, {"Size": {"Width": "3 cm"}}],
        [
            {"id": "FIT", "name": "Fit", "value_id": "1", "value_name": "Slim"},
            {"attribute_name": "Neck", "value_id": None, "value_name": "Round"},
            {"name": "Width", "value": 3, "unitText": "cm"},
        ],
    ],
)
@pytest.mark.parametrize("name", ["attributes", "specifications"])
def test_groups_of_attributes(tmp_path, name, attributes):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, name: attributes})
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim"), ("Neck", "Round"), ("Width", "3 cm")]
    assert read_as(path).counts == {}


def test_objects_beside_labels_are_no_groups(tmp_path):
    own = {"Fit": "Slim", "price": {"amount": 3, "currency": "EUR"}}
    path = write_lines(
        tmp_path / "a.jsonl", *({**REQUIRED, "attributes": a} for a in (own, {"parts": [{"a": 1, "b": 2}]}))
    )
    assert [row["attributes"] for row in rows_of(path)] == [[("Fit", "Slim")], []]
    assert sum(read_as(path).counts.values()) == 2
    sides = {"Color": {"front": "red", "back": "blue"}, "Cut": {"front": "slim", "back": "wide"}}
    colors = {"Color": [{"name": "red", "id": 1}, {"name": "blue", "id": 2}], "Cut": [{"name": "slim", "id": 3}]}
    write_lines(path, *({**REQUIRED, "attributes": one} for one in ({"Color": {"front": "red"}}, sides, colors)))
    assert [row["attributes"] for row in rows_of(path)] == [[], [], [("Color", "red, blue"), ("Cut", "slim")]]
    assert sum(read_as(path).counts.values()) == 3


@pytest.mark.parametrize("nothing", ["N/A", "None", "nan", "[]", "{}", "null", " ", [], {"Fit": {}}])
def test_no_attributes(tmp_path, nothing):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": nothing})
    assert [label for _, label in rows_of(path)[0]["attributes"] if label] == []


@pytest.mark.parametrize(
    ("begin", "between", "end"),
    [
        ('{"products":[', ",\n", '],"next":null}'),
        ('{"total_rows":3,"offset":0,"rows":[\n', ",\n", "\n]}"),
        ('{"count": 3, "next": "a\\"]", "results": [\n', ",\n", "]}"),
        ('{"shop":"a",\n "products":[', ", ", "]}"),
    ],
)
def test_an_object_that_begins_on_the_first_line(tmp_path, begin, between, end):
    """As CouchDB and others write a row a line."""
    path = tmp_path / "a.json"
    path.write_text(begin + between.join(json.dumps({**REQUIRED, "product_id": i, "Fit": "Slim"}) for i in "abc") + end)
    assert [row["product_id"] for row in rows_of(path)] == ["a", "b", "c"]
    assert read_as(path).counts == {}


def test_a_first_line_that_was_cut_costs_itself(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", '{"product_id": "1", "title": "a, [', {**REQUIRED, "Fit": "Slim"})
    bad: list = []
    assert rows_of(path, quarantine=lambda *one: bad.append(one))[1]["product_id"] == REQUIRED["product_id"]
    assert len(bad) == 1


@pytest.mark.parametrize("kind", ["lines", "array"])
@pytest.mark.parametrize(("begin", "end"), [('{"value":', "}"), ("[", "]")])
@pytest.mark.parametrize("layout", ["own", "flat", "amazon-api"])
def test_a_row_of_many_levels_costs_itself(tmp_path, kind, begin, end, layout):
    """Its labels are read level by level, which ended the run at 900 of them."""
    good = {**REQUIRED, "Fit": "Slim"} if layout == "flat" else AMAZON_SHIRT if layout == "amazon-api" else GOOD
    key = "Fit" if layout == "flat" else "attributes"
    odd = json.dumps({**good, key: {"Fit": 0}})
    lines = [json.dumps(good), *(odd.replace('"Fit": 0', f'"Fit": {begin * n}"[x"{end * n}') for n in (150, 900))]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n" if kind == "lines" else f"[{', '.join(lines)}]")
    bad: list = []
    assert len(rows_of(path, quarantine=lambda *one: bad.append(one))) == 3
    assert [(row, reason) for row, _, reason, _ in bad] == [(2, "row is not readable")]
    assert "more than 200 deep within each other" in bad[0][3]


def test_a_cell_of_many_levels_is_a_text(tmp_path):
    deep = '{""value"":' * 900 + "1" + "}" * 900
    path = write_lines(tmp_path / "a.csv", ",".join([*REQUIRED, "specifications"]), f'p1,K,t,"{deep}"')
    assert rows_of(path)[0]["attributes"] == [("specifications", deep.replace('""', '"'))]
