"""A file of each layout, recognised and by name: collected by a run, converted and profiled to the same products."""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import stages
from stages.workspace import Workspace

from moemoe.catalog.download import Limits
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.known_layouts import AUTO
from moemoe.catalog.profile import profile_catalog
from moemoe.cli import main
from moemoe.contract.load import load_contract
from moemoe.contract.text import normalize_key
from moemoe.run_folder import RunFolder
from moemoe.storage import read_table
from tests.support.layout_samples import SAMPLES
from tests.support.seller_files import write

_LONG = ("product_id,product_type,title,attribute_name,attribute_value", "1,Shirts,Shirt,Color,Red", "1,,,Fit,Slim")


def sample(name: str, folder: Path) -> Path:
    """A file of the layout, in a folder of its own that says the product type where the layout has none."""
    folder = folder / ("product_type=Rings" if name == "etsy" else "shop")
    folder.mkdir()
    return write(folder / "a.csv", *_LONG) if name == "long" else SAMPLES[name](folder)


@pytest.mark.parametrize("asked", [AUTO, "by name"])
@pytest.mark.parametrize("name", [*SAMPLES, "long"])
def test_products_are_the_same_everywhere(place, options, tmp_path, monkeypatch, name, asked):
    monkeypatch.setattr(stages.collect, "ImageFetcher", partial(ImageFetcher, limits=Limits(tries=1)))
    layout, path = name if asked != AUTO else AUTO, sample(name, tmp_path)
    output = tmp_path / "out.parquet"
    main(["convert", str(path), "--layout", layout, "--output", str(output)])
    converted = pq.read_table(output).to_pylist()
    assert converted

    space = Workspace(RunFolder.of_run(str(tmp_path / "root"), "1"), str(tmp_path))
    given = replace(options, catalog=str(path), layout=layout, root=str(tmp_path / "root"))
    found = stages.collect.find_catalog(space, given, load_contract(place / "contract.yaml"))
    [part] = stages.collect.collect_group(space, found.partitions, [0], 0, given)
    [reading] = part.readings
    assert (part.rows, reading.layout) == (len(converted), name)
    collected = read_table(part.products).to_pylist()
    for column in ("product_id", "product_type", "title"):
        assert [row[column] for row in collected] == [row[column] for row in converted]
    assert [dict(row["attributes"]) for row in collected] == [dict(row["attributes"]) for row in converted]
    assert all(reading.columns.values())  # what became of each

    profile = profile_catalog([str(path)], layout)
    assert profile.rows == len(converted)
    assert profile.product_types == Counter(row["product_type"] for row in converted)
    assert profile.keys.keys() == {normalize_key(key) for row in converted for key, _ in row["attributes"]}
