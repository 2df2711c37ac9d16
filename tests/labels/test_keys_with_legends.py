"""Raw keys with a legend for the numbers of their labels."""

from moemoe.contract.load import load_contract
from moemoe.inference.labels import LabelReader
from tests.support.small_contract import products, write_contract
from tests.support.whole_labels import normalize


def test_a_raw_key_says_what_several_numbers_measure(tmp_path):
    """Under another key of the same attribute the same label says nothing; both readers of labels agree."""
    measured = "measurement: {unit: cm, units: {}, decimals: 1, at_least: 0, at_most: 900, tolerance: 0.3}"
    text = f"""\
dataset: desks
product_types: {{desk: []}}
missing: [NA]
attributes:
  width: {{keys: [Maße (B x H), 'Size (H x W)', Size], {measured}}}
  size: {{keys: [Maße (B x H)], values: {{30 x 20: []}}}}
"""
    contract = load_contract(write_contract(tmp_path, text))
    rows = [[("Size", "30 x 20"), (" MASSE (B X H)", "30 x 20")], [("Size (H x W)", "30 x 20")], [("Size", "30 x 20")]]
    rows += [[("Size", "31 cm"), ("Maße (B x H)", "NA"), ("Maße (B x H)", None)]]
    found = normalize(products(*({"attributes": pairs, "product_type": "desk"} for pairs in rows)), contract)
    widths = {row["product_id"]: row["values"] for row in found.labels.to_pylist() if row["attribute"] == "width"}
    assert widths == {"p0": ["30 cm"], "p1": ["20 cm"], "p3": ["31 cm"]}
    assert {row["attribute"]: row["unmapped"] for row in found.statistics.to_pylist()}["width"] == 2
    reader = LabelReader(contract)
    read = [reader.label(reader.by_key(pairs), "width") for pairs in rows]
    assert [(label.raw, list(label.values)) for label in read] == [
        ("30 x 20", ["30 cm"]), ("30 x 20", ["20 cm"]), ("30 x 20", []), ("31 cm", ["31 cm"])
    ]  # fmt: skip
