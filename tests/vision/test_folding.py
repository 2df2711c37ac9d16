"""BatchNorm folded into convolutions, against the original network."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import timm
import torch
from torch import nn

import moemoe.model  # noqa: F401
from moemoe.vision.folding import folded, forget_folded


def with_statistics(network: nn.Module) -> nn.Module:
    """In evaluation mode, with BatchNorm layers that do something."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_mean, -0.5), (module.running_var, 0.5), (module.bias.data, -0.5)):
                tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
            module.weight.data.copy_(0.5 + torch.rand(module.weight.shape, generator=generator))
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def images(size: int) -> torch.Tensor:
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_050"])
def test_a_folded_network_sees_what_the_network_sees(name):
    network = with_statistics(timm.create_model(name, num_classes=0))
    other = folded(network, 64)
    assert norms(network) > 0 == norms(other)
    with torch.no_grad():
        expected = network.forward_features(images(64))
        torch.testing.assert_close(other.forward_features(images(64)), expected, rtol=1e-3, atol=1e-4)
    assert folded(network, 64) is other
    assert "_folded" not in "".join(network.state_dict())


def test_a_network_without_batch_norm_is_its_own():
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32, depth=1, embed_dim=12, num_heads=3)
    assert folded(network.eval(), 32) is network


def test_weights_that_are_not_folded_are_the_networks_own():
    network = with_statistics(timm.create_model("densenet121", num_classes=0, growth_rate=4, block_config=(2, 2)))
    other = folded(network, 64)
    assert 0 < norms(other) < norms(network)
    own, of_other = network.features.denseblock1.denselayer1, other.features.denseblock1.denselayer1
    assert of_other.conv2.weight is own.conv2.weight
    assert of_other.conv1.weight is not own.conv1.weight


class Branching(nn.Module):
    """Reads a convolution's result twice, once through BatchNorm; or convolves twice with the same weights."""

    def __init__(self, twice: bool):
        super().__init__()
        self.convolution, self.norm, self.twice = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), twice

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        convolved = self.convolution(self.convolution(x) if self.twice else x)
        return self.norm(convolved) + (0 if self.twice else convolved)


@pytest.mark.parametrize("twice", [False, True])
def test_a_convolution_that_something_else_reads_too_is_left(twice):
    network = with_statistics(Branching(twice))
    assert folded(network, 8) is network


def test_other_weights_are_folded_anew():
    network = with_statistics(timm.create_model("resnet18", num_classes=0, channels=(4, 4, 4, 4), stem_width=4))
    network.register_load_state_dict_post_hook(forget_folded)
    before = folded(network, 32)
    network.load_state_dict({name: tensor * 1.5 for name, tensor in network.state_dict().items()})
    after = folded(network, 32)
    assert after is not before
    with torch.no_grad():
        expected = network.forward_features(images(32))
        torch.testing.assert_close(after.forward_features(images(32)), expected, rtol=1e-3, atol=1e-4)


def test_threads_that_ask_at_once_get_one_copy_with_everything_folded():
    network, ready = with_statistics(timm.create_model("tf_efficientnet_lite0", num_classes=0)), Barrier(4)

    def ask(_: int) -> nn.Module:
        ready.wait()
        return folded(network, 64)

    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(ask, range(4)))
    assert all(one is copies[0] for one in copies)
    assert norms(copies[0]) == 0
