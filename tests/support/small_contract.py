"""A small contract for the tests of label normalization and the split, and PRODUCTS to go with it."""

import textwrap
from pathlib import Path

import pyarrow as pa

from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.schemas import PRODUCTS

THIRTY_PT = Path(__file__).parents[2] / "data_contracts" / "30pt" / "contract.yaml"

SMALL = """\
dataset: small
product_types:
  shirt: [Tshirts, T-Shirts]
  kurta: [Kurtas]
missing: [NA, None]
attributes:
  color:
    keys: [baseColour]
    values:
      Navy Blue: [navy]
      Blue: []
      Red: []
    rules:
      - {match: 'navy', value: Navy Blue}
      - {match: '\\bblue\\b', value: Blue}
  material:
    keys: [Fabric, Cloth]
    separators: '[,/]|\\d+ ?%'
    values:
      Cotton: [Pure Cotton]
      Nylon: []
      Wool: []
split: {train: 0.7, validation: 0.1, test: 0.2}
report_product_types: [shirt]
"""


def write_contract(folder: Path, text: str = SMALL) -> Path:
    path = folder / "contract.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def small_contract(folder: Path) -> Contract:
    return load_contract(write_contract(folder))


def products(*rows: dict) -> pa.Table:
    """PRODUCTS; what a row leaves out is null, product ids are p0, p1, ..."""
    defaults = [{"product_id": f"p{i}", "product_type": "Tshirts", "attributes": []} for i in range(len(rows))]
    return pa.Table.from_pylist([{**d, **row} for d, row in zip(defaults, rows, strict=True)], PRODUCTS)
