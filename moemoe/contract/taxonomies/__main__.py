"""A contract from a published taxonomy, to be edited by a person.

``moemoe contract --from shopify FOLDER --categories 'Apparel > *'`` reads the taxonomy's own files and writes its
product types, attributes and values with their ids to data_contracts/DATASET/contract.yaml, where flows find it.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from moemoe.cli import main
from moemoe.contract.load import load_contract
from moemoe.contract.new_contract import next_commands, output_of, write_new
from moemoe.contract.taxonomies.as_contract import as_contract
from moemoe.contract.taxonomies.google import read_google
from moemoe.contract.taxonomies.gpc import read_gpc
from moemoe.contract.taxonomies.shopify import read_shopify
from moemoe.contract.taxonomies.taxonomy import Taxonomy, choose
from moemoe.contract.yaml_lines import MAX_BYTES
from moemoe.errors import ConfigError

READERS: dict[str, Callable[[Path], Taxonomy]] = {"shopify": read_shopify, "google": read_google, "gpc": read_gpc}


def command(chosen: argparse.Namespace) -> None:
    """Does ``moemoe contract``: writes the contract and prints what is in it and what to do with it.

    Raises:
        ConfigError: the taxonomy cannot be read, the contract would be too large, or its file is there already.
    """
    output = output_of(chosen.dataset, chosen.output)
    taxonomy = READERS[chosen.source](Path(chosen.taxonomy))
    categories = choose(taxonomy.categories, chosen.categories)
    text, left_out = as_contract(taxonomy, categories, chosen.dataset)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise ConfigError(
            f"a contract of {len(categories):,} categories would have {size / 2**20:.1f} MiB, more than the "
            f"{MAX_BYTES >> 20} MiB that one may have; choose fewer by --categories 'NAME > *'"
        )
    write_new(output, text)
    contract = load_contract(output)
    values = sum(len(attribute.values) for attribute in contract.attributes.values())
    attributes = f"{len(contract.attributes):,} attributes, {values:,} values"
    print(
        f"{output}: from {taxonomy.title}, {len(contract.product_types):,} of {len(taxonomy.categories):,} categories, "
        f"{'attributes come from the catalog' if contract.open else attributes}"
    )
    if left_out:
        print(f"left out, listed at the end of the file: {len(left_out):,}, e.g. {left_out[0]}")
    print(next_commands("CATALOG", chosen.dataset, output))


if __name__ == "__main__":
    sys.exit(main(["contract", *sys.argv[1:]]))
