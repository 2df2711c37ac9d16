"""torchrun's events are named by a quicker way."""

from torch.distributed.elastic.rendezvous.dynamic_rendezvous import get_method_name

from moemoe.training.torchrun import method_name


def test_a_method_has_the_name_that_torch_gives_it():
    def named_by(name, depth):
        return name(depth)

    for depth in (1, 2, 3, 1000):
        assert named_by(method_name, depth) == named_by(get_method_name, depth)
    assert named_by(method_name, 1) == "named_by"
    assert named_by(method_name, 2) == "test_a_method_has_the_name_that_torch_gives_it"
    assert named_by(method_name, 1000) == "no_method_name"
