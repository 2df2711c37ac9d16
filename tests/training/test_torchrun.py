"""torchrun's events are named by a quicker way."""

import inspect

from torch.distributed.elastic.rendezvous import dynamic_rendezvous
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import get_method_name

from moemoe.training.torchrun import main, method_name


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
