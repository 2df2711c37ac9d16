"""Runs as a schedule makes them, one after the other: their root on S3, products with two images and two texts.

The first makes a champion. To the second nothing is new. Before the third somebody has relabelled the catalog, and
products were added: it starts from the champion's weights. A fourth asks for another model than the champion is.
"""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image, ImageOps

from moemoe.schemas import CATALOG
from tests.support.flows import flow_environment, run_flow
from tests.support.hook import Hook
from tests.support.s3 import s3_bucket
from tests.support.shirts import shirt
from tests.support.small_flow import SETTINGS
from tests.support.small_shards import draw_image

NAME, BUCKET = "moemoe-scheduled", "moemoe-root"
SOURCES = ["image", "image.2", "text.title", "text.description"]
#: Products of the first catalog, and of that with more.
FEW, MORE = 160, 180
SHADES = {"Red": (200, 30, 30), "Blue": (30, 30, 200)}
#: Of the first second images nothing can be read.
UNREADABLE = 3


@dataclass
class Scheduled:
    """A run, what it told the webhook, and its folder in a copy of the bucket."""

    run: Any
    payloads: list[dict[str, Any]]
    folder: Path


@dataclass
class ScheduledRuns:
    """All four; what they left on S3, copied, and among temporary files; and the first one's catalog."""

    first: Scheduled
    nothing_new: Scheduled
    relabelled: Scheduled
    refused: Scheduled
    tracking_uri: str
    bucket: Path
    scratch: Path
    catalog: list[dict[str, Any]]


def run_on_schedule(metaflow_folder: Path, folder: Path) -> ScheduledRuns:
    """Makes the runs, in ``folder``, and expects the last one alone to fail."""
    scratch, bucket, catalog, config = (folder / n for n in ("scratch", "bucket", "catalog.parquet", "schedule.yaml"))
    scratch.mkdir()
    config.write_text(yaml.safe_dump({"notify": {"url_from": "THE_WEBHOOK"}}))
    few = shirts(FEW)
    small = {"set": f"{SETTINGS}, sources=[{', '.join(SOURCES)}]"}
    again = {**small, "warm_start": "champion", "only_if_new": True}
    with pytest.MonkeyPatch.context() as patch, s3_bucket(patch, BUCKET) as client:
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        environment |= {"TMPDIR": str(scratch), "METAFLOW_FLOW_CONFIG": json.dumps({"deployment": str(config)})}

        def run(rows: list[dict[str, Any]], status: str = "successful", **own: Any) -> Scheduled:
            pq.write_table(pa.Table.from_pylist(rows, CATALOG), catalog)
            with Hook() as hook:
                running = run_flow(
                    metaflow_folder, {**environment, "THE_WEBHOOK": hook.url}, dataset="30pt", catalog=str(catalog),
                    root=f"s3://{BUCKET}/here", registered_name=NAME, epochs=1, batch_size=16, promote_if="unmeasured",
                    **own,
                )  # fmt: skip
            assert running.status == status, running.stdout[-3000:] + running.stderr[-3000:]
            return Scheduled(running.run, hook.payloads, bucket / "here" / "runs" / running.run.id)

        runs = (
            run(few, **small),
            run(few, **again),
            run(all_red(shirts(MORE)), **again),
            run(few, "failed", model="qga", warm_start="champion"),
        )
        copy_bucket(client, bucket)
    return ScheduledRuns(*runs, flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"], bucket, scratch, few)


def shirts(count: int) -> list[dict[str, Any]]:
    """Each with an image of its color, two of three with a second one and with a third that is not read."""
    rows, backs = [], 0
    for i in range(count):
        row = shirt(i)
        front = draw_image(SHADES[dict(row["attributes"])["baseColour"]], i)
        images = [{"bytes": front, "path": None}]
        if i % 3:
            buffer = io.BytesIO()
            ImageOps.mirror(Image.open(io.BytesIO(front))).save(buffer, "JPEG")
            whole = buffer.getvalue()
            back = [b"no image", b"", whole[:-100]][backs] if backs < UNREADABLE else whole
            images += [{"bytes": back, "path": None}, {"bytes": None, "path": "a third is not read.jpg"}]
            backs += 1
        rows.append(row | {"images": images})
    return rows


def all_red(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All labelled as red, whatever color they have."""
    return [row | {"attributes": [*(dict(row["attributes"]) | {"baseColour": "Red"}).items()]} for row in rows]


def copy_bucket(client: Any, folder: Path) -> None:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page["Contents"]:
            path = folder / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, item["Key"], str(path))
