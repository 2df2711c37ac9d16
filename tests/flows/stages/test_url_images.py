"""collect and shard of a catalog whose images are URLs: the root holds them, and no later step asks for one."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stages
from stages.options import Options
from stages.workspace import Workspace

from moemoe.contract.load import load_contract
from moemoe.run_folder import RunFolder
from moemoe.schemas import CATALOG
from moemoe.storage import read_table
from tests.flows.stages.conftest import CONTRACT, row
from tests.support.image_server import body, image_server
from tests.support.small_shards import draw_image


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
