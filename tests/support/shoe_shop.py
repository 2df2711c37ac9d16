"""A shop's shoes, in CSV files: images behind URLs, heel heights in centimetres, inches and words.

One run of TrainFlow and one of BackfillFlow through Metaflow, with a contract of their own.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moemoe.run_folder import RunFolder
from tests.support.flows import FLOW, flow_environment, run_flow
from tests.support.image_server import body, image_server
from tests.support.mlflow_database import database
from tests.support.project_copy import copy_project
from tests.support.small_shards import draw_image

CONTRACT = """
dataset: shoes
product_types: {shoe: [Shoes]}
attributes:
  color: {id: gid/Attribute/1, values: {Red: [], Blue: []}, value_ids: {Red: gid/Value/13, Blue: gid/Value/2}}
  heel height:
    keys: [Heel]
    measurement: {unit: cm, units: {inch: [], mm: []}, decimals: 1, at_least: 0, at_most: 30, tolerance: 0.3}
missing: [NA]
split: {train: 0.6, validation: 0.2, test: 0.2}
max_quarantine_share: 0.1
report_product_types: [shoe]
"""
NAME = "moemoe-shoes"
MODEL = f"models:/{NAME}@champion"
PRODUCTS = 300
INCHES = (1, 2, 3, 4)
#: How sellers write 2 inches: labels of one height differ by less than the tolerance.
WRITTEN = ("{cm:.2f} cm", "{cm:.1f}cm", "{inch} inches", "ca. {mm:.0f} mm")
COLORS = ("Red", "Blue")
#: One link in 30 is dead.
DEAD = range(7, PRODUCTS, 30)
#: Of one product in 25 nothing tells the height.
UNTOLD = range(0, PRODUCTS, 25)


def heel(i: int) -> int:
    """How many inches it is."""
    return INCHES[i // 2 % len(INCHES)]


def shoe(i: int, url: str) -> dict[str, Any]:
    """The title says what is asked; of every fifth product the height's label is missing, or says nothing."""
    inch, word = heel(i), WRITTEN[i % 3 + i // 7 % 2]
    label = word.format(inch=inch, cm=inch * 2.54, mm=inch * 25.4) if i % 5 else ("high", "")[i % 2]
    title = f"{COLORS[i % 2]} pumps number {i} of shop {i * 7919 % 1000}"
    title += "" if i in UNTOLD else f", heel of {inch} inch"
    row = {"product_id": f"p{i}", "product_type": "Shoes", "title": title, "image": f"{url}/{i}.png"}
    return row | {"attributes.color": COLORS[i % 2], "attributes.Heel": label}


@dataclass
class Shop:
    """A copy of the project with the shop's contract, and what both flows left in it.

    Args:
        place: the copy, and the folder of Metaflow and MLflow.
        catalog: its files.
        trained, backfill: the runs of both flows.
        asked: how often the training run asked for each image.
    """

    place: Path
    catalog: str
    trained: Any = None
    backfill: Any = None
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def folder(self) -> RunFolder:
        """That of the training run."""
        return self.trained["end"].task.data.folder

    @property
    def output(self) -> Path:
        """Where the backfill writes."""
        return self.place / "filled"

    @property
    def environment(self) -> dict[str, str]:
        return {**flow_environment(self.place), "PYTHONPATH": str(self.place)}

    def flow(self, name: str) -> Path:
        return self.place / "flows" / name

    def run(self, flow: str, **parameters: Any) -> Any:
        """A run of a flow on the catalog, which gets through."""
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        what = {"catalog": self.catalog, "allow_private_hosts": True, **parameters}
        running = run_flow(self.place, {**self.environment, **threads}, self.flow(flow), **what)
        assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
        return running

    def fill_in(self) -> Any:
        return self.run("backfill_flow.py", model=MODEL, output=str(self.output), tasks=1, layout="own")


@contextmanager
def open_shop(place: Path) -> Iterator[Shop]:
    """The shop, whose images are there until it closes."""
    copy_project(place)
    (place / "data_contracts/shoes").mkdir()
    (place / "data_contracts/shoes/contract.yaml").write_text(CONTRACT)
    (place / "catalog").mkdir()
    database(place)
    with image_server() as server:
        for i in set(range(PRODUCTS)) - set(DEAD):
            server.answers[f"/{i}.png"] = body(draw_image((i % 256, 60 * (i // 256), 80)), "image/png")
        for part in range(2):
            rows = [shoe(i, server.url) for i in range(part * PRODUCTS // 2, (part + 1) * PRODUCTS // 2)]
            with (place / "catalog" / f"shoes-{part}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        shop = Shop(place, str(place / "catalog" / "*.csv"))
        shop.trained = shop.run(FLOW.name, root=str(place / "root"), model="tf-idf", dataset="shoes").run
        shop.asked = Counter(server.asked)
        shop.backfill = shop.fill_in().run
        yield shop
