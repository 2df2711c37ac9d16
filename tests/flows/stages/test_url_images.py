"""collect and shard with images behind URLs: they are kept under the root, and later steps fetch none."""

from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stages
from stages.options import Options
from stages.workspace import Workspace

from moemoe.catalog import addresses
from moemoe.catalog.download import Limits
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.contract.load import load_contract
from moemoe.run_folder import RunFolder
from moemoe.schemas import CATALOG
from moemoe.storage import read_table
from tests.flows.stages.conftest import CONTRACT, row
from tests.support.image_server import ImageServer, body, image_server, status, without_end
from tests.support.small_shards import draw_image
from tests.support.url_images import JPEG


@pytest.mark.parametrize("allowed", [True, False])
def test_a_second_run_asks_for_nothing(tmp_path, capsys, allowed):
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    contract = load_contract(tmp_path / "contract.yaml")
    with image_server() as server:
        server.answers = {"/0.jpg": body(draw_image((200, 0, 0))), "/1.jpg": body(b"<html>gone</html>")}
        rows = [row(i) | {"image": {"path": f"{server.url}/{i}.jpg"}} for i in range(3)]
        pq.write_table(pa.Table.from_pylist(rows, CATALOG), tmp_path / "catalog.parquet")
        options = Options("small", str(tmp_path / "catalog.parquet"), root=str(tmp_path / "root"))
        options = Options(**{**vars(options), "allow_private_hosts": allowed})
        for run in ("1", "2"):
            space = Workspace(RunFolder.of_run(options.root, run), str(tmp_path))
            found = stages.collect.find_catalog(space, options, contract)
            [part] = stages.collect.collect_group(space, found.partitions, [0], 0, options)
            assert (part.rows, part.accepted, part.images) == (3, 3, int(allowed))
            reasons = read_table(part.quarantine)["reason"].to_pylist()
            dead = ["image does not decode", "image URL answers 404"]
            assert reasons == (dead if allowed else ["image host has a private address"] * 3)
        assert server.asked == ({"/0.jpg": 1, "/1.jpg": 1, "/2.jpg": 1} if allowed else {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[1].startswith("images behind URLs: 0 fetched" + (" (0/s), 3 known already" if allowed else ""))


def bad_urls(server: ImageServer) -> dict[str, str]:
    """Lets the server answer as no host should; path -> why there is no image."""
    port = server.url.rpartition(":")[2]
    server.answers = {
        "/private.jpg": status(302, Location=f"http://127.0.0.2:{port}/secret.jpg"),
        "/drip.jpg": without_end(b"\0", server, 0.01, head=JPEG[:50]),
        "/huge.jpg": body(JPEG, announced=10**10),
        "/page.jpg": body(b"<!DOCTYPE html><html>gone</html>"),
        "/busy.jpg": status(429, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
    }
    reasons = (
        *("image host has a private address", "image takes too long", "image file is too large"),
        *("image does not decode", "image URL answers 429"),
    )
    return dict(zip(server.answers, reasons, strict=True))


def test_hosts_that_answer_badly_cost_their_images_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(stages.collect, "ImageFetcher", partial(ImageFetcher, limits=Limits(total_seconds=1)))
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    with image_server() as server:
        reasons = bad_urls(server)
        rows = [row(i) | {"image": {"path": server.url + path}} for i, path in enumerate(reasons)]
        pq.write_table(pa.Table.from_pylist(rows, CATALOG), tmp_path / "catalog.parquet")
        options = Options("small", str(tmp_path / "catalog.parquet"), root=str(tmp_path / "root"))
        space = Workspace(RunFolder.of_run(options.root, "1"), str(tmp_path))
        found = stages.collect.find_catalog(space, options, load_contract(tmp_path / "contract.yaml"))
        [part] = stages.collect.collect_group(space, found.partitions, [0], 0, options)
        assert server.asked == dict.fromkeys(reasons, 1)
    assert (part.rows, part.accepted, part.images) == (len(rows), len(rows), 0)
    assert read_table(part.quarantine)["reason"].to_pylist() == list(reasons.values())
    [said] = capsys.readouterr().out.splitlines()
    assert all(f"{reason}: 1" in said for reason in reasons.values())
