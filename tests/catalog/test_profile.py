"""A first contract for a new catalog."""

from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.profile import Key, Profile, as_contract, suggest_aliases
from moemoe.cli import main
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import CATALOG
from tests.support.whole_labels import collect, normalize

LABELS = {"Color": ("Red", "Blue"), "Fit": ("Slim", "Loose")}


def test_spellings_of_one_name_are_aliases_of_the_most_frequent():
    names = Counter({"T-Shirts": 5, "tshirt": 2, "T Shirts": 1, "Dress": 3, "dresses": 1, "3/4": 2, "34": 1})
    suggested = suggest_aliases(names)
    assert suggested["T-Shirts"] == (8, ["tshirt"])  # "T Shirts" folds to the same as "T-Shirts"
    assert suggested["3/4"] == (2, [])
    assert "34" in suggested


def test_the_suggested_contract_of_the_sample_catalog_loads_and_normalizes(tmp_path, capsys):
    catalog = write_sample_catalog(tmp_path / "catalog.parquet", 600)
    main(["profile", str(catalog), "--dataset", "new", "--output", str(tmp_path / "contract.yaml")])
    assert "in 600 rows" in capsys.readouterr().out
    contract = load_contract(tmp_path / "contract.yaml")
    assert contract.dataset == "new"
    products = collect([str(catalog)], contract).products
    normalized = normalize(products, contract)
    assert normalized.labels.num_rows > 2000
    statistics = {row["attribute"]: row for row in normalized.statistics.to_pylist()}
    color = next(row for name, row in statistics.items() if "colo" in name)
    assert color["canonical_values"] >= 8


def test_a_catalog_in_another_layout(tmp_path, capsys):
    rows = [f"p{i},Shirts,t,{key},{values[i % 2]}" for i in range(9) for key, values in LABELS.items()]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,attribute,value", *rows, ""]))
    for layout in ("auto", "long"):
        output = tmp_path / f"{layout}.yaml"
        main(["profile", str(tmp_path / "a.csv"), "--layout", layout, "--output", str(output)])
        assert set(load_contract(output).attributes) == {"color", "fit"}
    assert f"--catalog {tmp_path}/a.csv --layout long" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--layout 'lang' is unknown; did you mean 'long'"):
        main(["profile", str(tmp_path / "a.csv"), "--layout", "lang", "--output", str(tmp_path / "c.yaml")])


def test_a_seller_with_other_names_of_columns(tmp_path, capsys):
    rows = [f"p{i};Shirt;t{i};{('Red', 'Blue')[i % 2]}" for i in range(9)]
    catalog = tmp_path / "a.csv"
    catalog.write_text("\n".join(["Nummer;Kategorie;Bezeichnung;Farbe", *rows, ""]))
    command = ["profile", str(catalog), "--output", str(tmp_path / "c.yaml")]
    with pytest.raises(
        SystemExit, match=r"columns: \{product_id: THEIR COLUMN, product_type: THEIR COLUMN, title: THEIR"
    ):
        main(command)
    given = [f"--column={pair}" for pair in ("product_id=Nummer", "product_type=Kategorie", "title=Bezeichnung")]
    main([*command, *given])
    contract = load_contract(tmp_path / "c.yaml")
    assert contract.columns == {"product_id": "Nummer", "product_type": "Kategorie", "title": "Bezeichnung"}
    assert normalize(collect([str(catalog)], contract).products, contract).labels.num_rows == 9
    main(["convert", str(catalog), "--output", str(tmp_path / "a.parquet"), *given])
    assert "a.parquet: 9 products" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"--column 'titel=.*': a catalog has no column 'titel'; did you mean 'title'"):
        main([*command[:-1], str(tmp_path / "d.yaml"), "--column", "titel=Bezeichnung"])


def test_keys_with_numbers_and_units_are_measurements(tmp_path):
    """A value a product: as a list of values they would be left out."""
    heels = [f"{5 + i / 20:.2f} cm" if i % 3 else f"{(5 + i / 20) / 2.54:.1f} inches" for i in range(100)]
    boxes = ["1.150 mm", "approximately 950,5 mm", "½ m", "1.020,5 mm"] * 25
    rows = [
        f'p{i},Shoes,t,{heel},"{1000 + i} g","{("Cotton", "Wool")[i % 2]}, 1% Silk","{box}"'
        for i, (heel, box) in enumerate(zip(heels, boxes, strict=True))
    ]
    header = "product_id,product_type,title,Heel Height,Weight,Fabric,Box"
    (tmp_path / "a.csv").write_text("\n".join([header, *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--dataset", "shoes", "--output", str(tmp_path / "contract.yaml")])
    contract = load_contract(tmp_path / "contract.yaml")
    assert set(contract.measurements()) == {"heel height", "weight", "box"}
    box = contract.attributes["box"].measurement
    assert ([unit.name for unit in box.units], box.decimal_sign, box.at_most) == (["mm", "m"], ",", 1200)
    heel, fabric = contract.attributes["heel height"].measurement, contract.attributes["fabric"]
    assert [unit.name for unit in heel.units] == ["cm", "inch"]
    assert heel.in_range(Decimal("9.9"))
    assert set(fabric.values) == {"Cotton", "Wool", "Silk"}
    found = normalize(collect([str(tmp_path / "a.csv")], contract).products, contract)
    assert not any(row["unmapped"] for row in found.statistics.to_pylist() if row["attribute"] != "fabric")


def test_a_key_of_several_dimensions_says_where_to_list_it(tmp_path):
    rows = [f"p{i},Desk,t,{80 + i} x {40 + i} cm,{('oak', 'pine')[i % 2]}" for i in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,Size (W x H),Wood", *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--dataset", "desks", "--output", str(tmp_path / "contract.yaml")])
    text = (tmp_path / "contract.yaml").read_text()
    assert "free text or ids; list it under keys of measurements named width, height" in text


def test_numbers_without_a_unit_are_no_measurement_until_a_person_says_the_unit(tmp_path):
    """As weight and dimensions come from shops; the suggested line reads them once the unit is written."""
    rows = [f"p{i},Desk,t,{80 + i}.5,{('oak', 'pine')[i % 2]},{5 if i else 'x'}" for i in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,Width,Wood,Five", *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--dataset", "desks", "--output", str(tmp_path / "contract.yaml")])
    text = (tmp_path / "contract.yaml").read_text()
    told, line = text[text.index("numbers without a unit") :].splitlines()[:2]
    assert told == "numbers without a unit, 80.5 to 159.5; if they have one, write it for UNIT:"
    assert text.count("measurement:") == 1  # of a number that is always the same none
    assert set(load_contract(tmp_path / "contract.yaml").attributes) == {"wood"}
    measured = "attributes:\n  width: {" + line.strip("# ").replace("UNIT", "cm") + "}\n"
    (tmp_path / "own.yaml").write_text(text.replace("attributes:\n", measured))
    contract = load_contract(tmp_path / "own.yaml")
    found = normalize(collect([str(tmp_path / "a.csv")], contract).products, contract)
    assert next(row for row in found.statistics.to_pylist() if row["attribute"] == "width")["labels"] == 80


def test_numbers_with_decimal_commas_are_not_told_to_be_one_value(tmp_path):
    """Cut at its comma, "3,5" is two values, of which 5 is all labels'."""
    rows = [f"p{i};Desk;t;{3 + i},5;{('oak', 'pine')[i % 2]}" for i in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id;product_type;title;Weight;Wood", *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--dataset", "desks", "--output", str(tmp_path / "contract.yaml")])
    [told] = [line for line in (tmp_path / "contract.yaml").read_text().splitlines() if line.startswith("#   weight")]
    assert told.startswith("#   weight: 100.0% of the products, numbers without a unit, 3.5 to 62.5;")


def test_a_key_that_ends_with_the_unit_of_its_numbers_is_a_measurement(tmp_path):
    header = "product_id,product_type,title,Width (cm),weight_kg,Made in,Sold in"
    rows = [f"p{i},Desk,t,{80 + i},{i + 1}.5,{'China' if i % 2 else 'Spain'},{2019 + i % 3}" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join([header, *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--output", str(tmp_path / "contract.yaml")])
    contract = load_contract(tmp_path / "contract.yaml")
    defaults = {name: contract.attributes[name].measurement.default_unit for name in contract.measurements()}
    assert defaults == {"width (cm)": "cm", "weight kg": "kg"}
    assert set(contract.attributes["made in"].values) == {"China", "Spain"}
    found = normalize(collect([str(tmp_path / "a.csv")], contract).products, contract)
    assert [row["labels"] for row in found.statistics.to_pylist()] == [30, 30, 30, 30]
    assert "109 cm" in {value for values in found.labels["values"].to_pylist() for value in values}


def test_a_decimal_sign_that_no_label_shows_is_asked_for(tmp_path):
    rows = [f'p{i},Shelf,t,"{1 + i % 3},{100 + i} g","{1 + i % 3},{100 + i},500 g"' for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,Weight,Load", *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--output", str(tmp_path / "contract.yaml")])
    [line] = [line for line in (tmp_path / "contract.yaml").read_text().splitlines() if "decimal_sign: ','" in line]
    assert line.startswith("    # '1,100' may be 1.1 or 1100, and no other labels show which; write decimal_sign: ','")
    signs = {
        name: a.measurement.decimal_sign for name, a in load_contract(tmp_path / "contract.yaml").attributes.items()
    }
    assert signs == {"weight": None, "load": "."}


def test_a_key_keeps_its_letters(tmp_path):
    rows = [f"p{i},Elbise,t,{'az' if i % 2 else 'çok'},{'S' if i % 2 else 'M'}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["product_id,product_type,title,Ağırlık,GRÖSSE-Größe", *rows, ""]))
    main(["profile", str(tmp_path / "a.csv"), "--output", str(tmp_path / "contract.yaml")])
    contract = load_contract(tmp_path / "contract.yaml")
    assert set(contract.attributes) == {"ağırlık", "grösse größe"}
    found = normalize(collect([str(tmp_path / "a.csv")], contract).products, contract)
    assert [row["labels"] for row in found.statistics.to_pylist()] == [20, 20]


def test_separators_of_japanese_are_suggested_where_values_have_them(tmp_path):
    for name, cell in (("ja", "綿、麻"), ("en", "綿;麻")):
        rows = [f"p{i},シャツ,t,{cell if i % 2 else '綿'}" for i in range(12)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["product_id,product_type,title,素材", *rows, ""]))
        output = tmp_path / f"{name}.yaml"
        main(["profile", str(tmp_path / f"{name}.csv"), "--output", str(output)])
        contract = load_contract(output)
        assert (set(contract.attributes["素材"].values), contract.separators) == (
            {"綿", "麻"},
            {"ja": "[,;|、]", "en": "[,;|]"}[name],
        )


def test_names_that_differ_in_more_are_not_merged():
    apart = ["2.5", "25", "10%", "10", "काला", "कली", "काली", "+", "-1"]
    assert all(not aliases for _, aliases in suggest_aliases(Counter(apart)).values())


def test_any_raw_value_makes_a_contract_that_loads(tmp_path):
    odd = [
        "a # b",
        "a: b",
        "[x",
        "- y",
        "0x10",
        "=",
        "<<",
        "\x07 bell",
        "y\u2028z",
        "कुर्ता",
        "'\"",
        "Yes",
        "null",
        "1 " * 900,
    ]
    rows = [("two\nlines", "50% Wool, 50% Nylon", "Wool"), *((value, "Wool", "Nylon") for value in odd)] * 3
    entries = [[("odd: #", a), ("k" * 2000, "x"), ("Cloth", b), ("Cloth #2", c)] for a, b, c in rows]
    columns = {"product_id": [f"p{i}" for i in range(len(rows))], "product_type": [a for a, _, _ in rows]}
    columns |= {"title": columns["product_id"], "attributes": pa.array(entries, CATALOG.field("attributes").type)}
    pq.write_table(pa.table(columns), tmp_path / "catalog.parquet")
    main(["profile", str(tmp_path / "catalog.parquet"), "--output", str(tmp_path / "contract.yaml")])
    contract = load_contract(tmp_path / "contract.yaml")
    assert {"two lines", "कुर्ता", "- y"} <= set(contract.product_types)
    assert {"two lines", "कुर्ता", "Yes", "<<"} <= set(contract.attributes["odd: #"].values)
    assert set(contract.attributes["cloth"].values) == {"Wool", "Nylon"}  # the shares are no part of the value
    assert "  cloth: # 100.0% of the products" in (tmp_path / "contract.yaml").read_text(encoding="utf-8")


def test_ids_and_rare_keys_are_left_out_with_the_reason():
    found = Profile(1000, 0, Counter({"Shirt": 1000}))
    found.keys = {
        "color": Key(Counter({"Color": 500}), Counter({"Red": 300, "Blue": 200})),
        "sku": Key(Counter({"SKU": 900}), Counter({f"a{i}": 1 for i in range(900)})),
        "seldom": Key(Counter({"seldom": 3}), Counter({"x": 2, "y": 1})),
    }
    text = as_contract(found, "little")
    assert "sku: 90.0% of the products, 900 values: free text or ids" in text
    assert "seldom" in text[text.index("# Left out") :]
    assert "Red: [] # 300" in text


def test_what_cannot_be_profiled_is_said_in_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match="no catalog file matches"):
        main(["profile", str(tmp_path / "nothing"), "--output", str(tmp_path / "contract.yaml")])
    with pytest.raises(SystemExit, match=r"--output 's3://shop/contract\.yaml' is an address"):
        main(["profile", "anything", "--output", "s3://shop/contract.yaml"])
    (tmp_path / "contract.yaml").write_text("mine")
    with pytest.raises(SystemExit, match="exists; give another --dataset or --output"):
        main(["profile", "anything", "--output", str(tmp_path / "contract.yaml")])
    assert (tmp_path / "contract.yaml").read_text() == "mine"
    with pytest.raises(CatalogError, match="0 product types and 0 keys"):
        as_contract(Profile(), "empty")
