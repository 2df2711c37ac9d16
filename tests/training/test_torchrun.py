"""torchrun's event names are found quickly, and a restart does not reuse addresses of dead processes."""

import inspect

import pytest
from torch.distributed.elastic.rendezvous import dynamic_rendezvous
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import get_method_name

from moemoe.training.torchrun import main, method_name

SAYS_WHOSE_STORE = """
import os, pathlib, sys
restart, store = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["TORCHELASTIC_USE_AGENT_STORE"]
with pathlib.Path(sys.argv[1]).open("a") as said:
    said.write(f"{restart} {store}\\n")
sys.exit(restart == "0")
"""


@pytest.fixture(autouse=True)
def environment_put_back(monkeypatch):
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "")  # noted, so that what main sets goes behind the test
    monkeypatch.delenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE")


def test_a_method_has_the_name_that_torch_gives_it():
    def named_by(name, depth):
        return name(depth)

    for depth in (1, 2, 3, 1000):
        assert named_by(method_name, depth) == named_by(get_method_name, depth)
    assert named_by(method_name, 1) == "named_by"
    assert named_by(method_name, 2) == "test_a_method_has_the_name_that_torch_gives_it"
    assert named_by(method_name, 1000) == "no_method_name"


def test_torchrun_goes_through_no_stack(tmp_path, monkeypatch):
    def stack(*_):
        raise AssertionError("torch looks for a name in all loaded modules")

    monkeypatch.setattr(dynamic_rendezvous, "get_method_name", get_method_name)  # put back behind this
    monkeypatch.setattr(inspect, "stack", stack)
    done = tmp_path / "done"
    main(["--standalone", "--nproc-per-node=1", f"--log-dir={tmp_path}", "--no-python", "touch", str(done)])
    assert done.is_file()


def test_a_restart_has_a_store_of_its_own(tmp_path):
    script, said = tmp_path / "script.py", tmp_path / "said"
    script.write_text(SAYS_WHOSE_STORE)
    main(["--standalone", "--nproc-per-node=1", "--max-restarts=1", f"--log-dir={tmp_path}", str(script), str(said)])
    assert said.read_text() == "0 False\n1 False\n"
