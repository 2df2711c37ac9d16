"""Where the frozen part of a network ends, if only its last stage is trained (``image.trained: last``).

The stages before it never change, so their output is computed once per image; the last stage, with the layers behind
it, reads that output in every step. Possible for timm's EfficientNets and their relatives (MobileNetV2, MnasNet), whose
last stage is their last layer group.

Shapes: I images, H and W pixels, R rows and columns of the feature map, E channels before the last stage, F after it.
"""

from typing import Any

from timm.models import EfficientNet
from torch import Tensor, nn


def has_last_stage(network: nn.Module) -> bool:
    """Whether this module knows where the last stage of ``network`` begins."""
    return isinstance(network, EfficientNet)


def channels_before(network: Any) -> int:
    """E."""
    return int(next(layer for layer in network.blocks[-1].modules() if isinstance(layer, nn.Conv2d)).in_channels)


def before_last_stage(network: Any, image_I3HW: Tensor) -> Tensor:
    """[I, E, R, R]"""
    return network.blocks[:-1](network.bn1(network.conv_stem(image_I3HW)))


def last_stage(network: Any, x_IERR: Tensor) -> Tensor:
    """[I, F, R, R]; with ``before_last_stage`` the same as the network's ``forward_features``."""
    return network.bn2(network.conv_head(network.blocks[-1](x_IERR)))


def layers_before(network: Any) -> nn.Module:
    """The layers of ``before_last_stage``."""
    return nn.ModuleList([network.conv_stem, network.bn1, *network.blocks[:-1]])
