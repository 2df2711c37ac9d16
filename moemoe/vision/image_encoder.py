"""The image encoder (section 4.1): a timm model's patches; what is frozen is computed once per image.

Shapes: I images, P patches, W backbone features, C numbers of a patch's own pixels and colours, D d_model.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from math import isqrt
from threading import Barrier
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from timm.models import group_parameters
from timm.models.swin_transformer_v2 import SwinTransformerV2Block
from torch import Tensor, nn

from moemoe.errors import ConfigError
from moemoe.vision.config import ImageConfig
from moemoe.vision.folding import folded, forget_folded
from moemoe.vision.last_stage import (
    before_last_stage,
    channels_before,
    has_last_stage,
    last_stage,
    layers_before,
)
from moemoe.vision.patch_colors import ColorPatch, color_histogram, image_colors, own_pixels
from moemoe.vision.weights import create_timm, weights_hash

#: Side in pixels of the thumbnail that each patch has beside ``features``, which have lost the colour.
PATCH_PIXELS = 4
#: Patches per side if a backbone gives no grid: each has its own pixels and the backbone's single vector.
GRID_WITHOUT_BACKBONE = 4
#: Images in one forward pass of a frozen backbone on a GPU, padded with zeros, as sums depend on the batch's shape.
GPU_BATCH = 64


class SeenPatches(NamedTuple):
    """What a backbone with ``features`` sees in each patch: its own numbers, normalized, pixels and colours."""

    patches_IPW: Tensor
    pixels_IPC: Tensor
    colors_IPC: Tensor


class ImageEncoder(nn.Module):
    """Equation 2: a timm model's patch embeddings, projected to d_model if its width differs.

    A convolutional network's patches are the positions of its last feature map. If all of a backbone is frozen
    (``trained: none``), or all but its last stage (``last``, see ``last_stage``), the output of the frozen part is
    computed once per image (``features``). The patches are then normalized, and projected together with each patch's
    own pixels; the colours of all patches form an additional patch (``ColorPatch``).

    Args:
        image: the timm model and its options.
        d_model: D.
        backbone: another encoder's backbone, to share it.

    Raises:
        ConfigError: the timm model is unknown, gives no patch embeddings, or has no layer groups (``trained: last``).
    """

    def __init__(self, image: ImageConfig, d_model: int, backbone: nn.Module | None = None):
        super().__init__()
        if backbone is None:
            try:
                backbone = create_timm(image, pretrained=False)
            except (RuntimeError, TypeError, AssertionError, ValueError) as error:
                raise ConfigError(f"image encoder {image.name}: timm cannot build it ({error})") from error
            _open_residual_branches(backbone)
        self.backbone = backbone
        self.image, self.size = image, image.size
        cut = image.trained == "last" and has_last_stage(backbone)
        #: Whether images can be given as ``features``, which no training changes.
        self.has_features = cut or image.trained == "none"
        self._fixed = _fixed_parameters(backbone, image)
        for parameter in self._fixed:
            parameter.requires_grad_(False)
        if self.has_features:
            backbone.register_load_state_dict_post_hook(forget_folded)
        pixels, colors = (3 * PATCH_PIXELS**2, image.color_levels**3) if self.has_features else (0, 0)
        seen = int(backbone.num_features)
        #: Numbers of each part of ``features``.
        self._parts = [channels_before(backbone) if cut else seen, pixels, colors]
        self._cut = cut
        #: Numbers of a patch before it is projected, colours included.
        self.width = seen + pixels + colors
        reads = seen + pixels
        self.project = nn.Identity() if reads == d_model else nn.Linear(reads, d_model)
        if pixels and isinstance(self.project, nn.Linear):  # else 1,280 features would outweigh 48 numbers
            nn.init.uniform_(self.project.weight[:, -pixels:], -(pixels**-0.5), pixels**-0.5)
        self.color_patch = ColorPatch(colors, d_model) if colors else None
        mean, std = backbone.default_cfg["mean"], backbone.default_cfg["std"]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)
        self.train()

    def forward(self, images: Tensor, there_I: Tensor | None = None) -> Tensor:
        """Patch embeddings [I, P, D] of uint8 RGB images [I, 3, H, W], or of their ``features``.

        Args:
            images: as ``Source.data``.
            there_I: true where there is an image (None: everywhere); ``features`` skips the others.

        Raises:
            ConfigError: the features are another encoder's.
        """
        if not self.has_features:
            return self.project(self._patches(images)[0])
        return self.embed(self.read(images, there_I))

    def read(self, images: Tensor, there_I: Tensor | None = None) -> SeenPatches:
        """What the backbone sees in images or their ``features``, as in ``forward``, before any projection."""
        half_IPW = images if images.is_floating_point() else self.features(images, there_I)
        if half_IPW.shape[-1] != sum(self._parts):
            raise ConfigError(
                f"image features have {half_IPW.shape[-1]} numbers a patch; {self.image.name} has {sum(self._parts)}"
            )
        seen_IPW, pixels_IPC, colors_IPC = self._split(half_IPW)
        return SeenPatches(F.layer_norm(seen_IPW, seen_IPW.shape[-1:]), pixels_IPC, colors_IPC)

    def embed(self, seen: SeenPatches) -> Tensor:
        """Patch embeddings [I, P, D]."""
        x_IPW = torch.cat([seen.patches_IPW, seen.pixels_IPC], dim=-1)
        if self.color_patch is None:
            return self.project(torch.cat([x_IPW, seen.colors_IPC], dim=-1))
        return torch.cat([self.project(x_IPW), self.color_patch(seen.colors_IPC)], dim=1)

    def features(self, images_I3HW: Tensor, there_I: Tensor | None = None) -> Tensor:
        """What the frozen part sees in uint8 images: half precision [I, P, W + C], 0 where there is no image.

        The same bits whatever else is asked for in the same call, on however many threads, in training or evaluation.
        W are the frozen part's features, C the patch's own pixels (``patch_colors``) and its colours.
        """
        if there_I is not None and not bool(there_I.all()):
            half_IPW = images_I3HW.new_zeros((len(images_I3HW), *self.shape), dtype=torch.half)
            if bool(there_I.any()):
                half_IPW[there_I] = self.features(images_I3HW[there_I])
            return half_IPW
        folded(self.backbone, self.size)  # before several threads need it
        if images_I3HW.device.type == "cpu":
            each = map if torch.get_num_threads() == 1 else _threads().map  # a single thread needs no pool
            return torch.cat(list(each(self._features, images_I3HW.split(1))))
        return torch.cat([self._features(part) for part in images_I3HW.split(GPU_BATCH)])

    def summary(self, half_IPW: Tensor) -> Tensor:
        """What ``features`` gave of each image as one row, [I, ``summary_size``]: mean patch and colours."""
        seen = self.read(half_IPW)
        mean_IW = seen.patches_IPW.mean(1)
        return torch.cat([mean_IW, image_colors(seen.colors_IPC)], dim=-1) if self._parts[-1] else mean_IW

    @property
    def summary_size(self) -> int:
        """Numbers of an image's ``summary``."""
        return int(self.backbone.num_features) + 3 * self._parts[-1]

    def unproject(self) -> None:
        """Removes the projection: patches are then embedded as their raw numbers, [I, P, W], colours included."""
        self.project, self.color_patch = nn.Identity(), None

    def compute(self, images_I3HW: np.ndarray) -> np.ndarray:
        """``features`` of a NumPy array, on this encoder's device, as a NumPy array."""
        return self.features(torch.from_numpy(np.ascontiguousarray(images_I3HW)).to(self.mean.device)).cpu().numpy()

    @cached_property
    def shape(self) -> tuple[int, int]:
        """P and W + C of ``features``."""
        nothing = torch.zeros(1, 3, self.size, self.size, dtype=torch.uint8, device=self.mean.device)
        return int(self.features(nothing).shape[1]), sum(self._parts)

    @property
    def fingerprint(self) -> str:
        """Identifies this encoder's features: equal fingerprints mean equal features."""
        image = self.image
        made_of = [image.name, image.size, sorted(image.options.items()), PATCH_PIXELS, self.mean.tolist()]
        made_of += [image.color_levels] if image.color_levels else []
        computed = [self.std.tolist(), torch.__version__, self.mean.device.type, "BatchNorm folded"]
        frozen = layers_before(self.backbone) if self._cut else self.backbone
        return f"{weights_hash(frozen)} {made_of} {computed}"

    def _split(self, half_IPW: Tensor) -> tuple[Tensor, ...]:
        """The parts of ``features`` in full precision; patches as the whole backbone sees them, [I, P, W]."""
        seen_IPW, pixels_IPC, colors_IPC = half_IPW.to(self.mean.dtype).split(self._parts, dim=-1)
        if self._cut:
            rows = isqrt(seen_IPW.shape[1])  # images are square
            x_IWRR = last_stage(self.backbone, seen_IPW.unflatten(1, (rows, rows)).permute(0, 3, 1, 2))
            seen_IPW = x_IWRR.permute(0, 2, 3, 1).flatten(1, 2)
        return seen_IPW, pixels_IPC, colors_IPC

    @torch.no_grad()
    def _features(self, images_I3HW: Tensor) -> Tensor:
        images, device, count = images_I3HW, images_I3HW.device.type, len(images_I3HW)
        if device != "cpu":
            images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, GPU_BATCH - count))
        with torch.autocast(device, enabled=False):
            own_IPW, (rows, columns) = self._patches(images)
        if own_IPW.shape[1] != rows * columns:
            own_IPW = own_IPW.mean(1, keepdim=True).expand(-1, rows * columns, -1)
        own = [own_pixels(images, rows, columns, PATCH_PIXELS)]
        if self.image.color_levels:
            own.append(color_histogram(images, rows, columns, self.image.color_levels))
        return torch.cat([own_IPW, *own], dim=-1)[:count].half()

    def _patches(self, images_I3HW: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The backbone's patches [I, P, W], and its grid's rows and columns, 4 x 4 where it has none."""
        pixels, network = images_I3HW, self.backbone
        if self.has_features:
            pixels, network = pixels.contiguous(memory_format=torch.channels_last), folded(network, self.size)
        given = (pixels.float() - self.mean) / self.std
        x = before_last_stage(network, given) if self._cut else network.forward_features(given)
        if x.dim() == 4:  # SwinV2 gives NHWC, a convolutional network NCHW
            x = x if x.shape[-1] == self.backbone.num_features else x.permute(0, 2, 3, 1)
            return x.flatten(1, 2), (x.shape[1], x.shape[2])
        if x.dim() == 2:
            return x[:, None], (GRID_WITHOUT_BACKBONE, GRID_WITHOUT_BACKBONE)
        x = x[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
        grid = getattr(getattr(self.backbone, "patch_embed", None), "grid_size", None)
        if grid is not None and grid[0] * grid[1] == x.shape[1]:
            return x, (grid[0], grid[1])
        return x, (GRID_WITHOUT_BACKBONE, GRID_WITHOUT_BACKBONE)

    def frozen_parameters(self) -> list[nn.Parameter]:
        """The parameters that no training phase changes."""
        return self._fixed

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """The parameters that ``training.image_lr_scale`` applies to, where they are trained."""
        return list(self.backbone.parameters()) if self.image.pretrained else []

    def train(self, mode: bool = True) -> "ImageEncoder":
        """As of any module, but frozen layers stay in evaluation mode, and beside them all BatchNorm: a batch has too
        few images for statistics.
        """
        super().train(mode)
        fixed = {id(parameter) for parameter in self._fixed}
        if fixed:
            for module in self.backbone.modules():
                moves = any(id(parameter) not in fixed for parameter in module.parameters())
                module.training = mode and moves and not isinstance(module, nn.BatchNorm2d)
        return self

    def recompute_activations(self) -> None:
        """Turns gradient checkpointing on; a frozen backbone has no gradient, and a last stage hardly any layers."""
        if not self.has_features:
            self.backbone.set_grad_checkpointing()


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that each compute one image at a time on one core.

    On CPU an image's last bits depend on the images beside it in its batch and on how many threads share a convolution.
    """
    count = torch.get_num_threads()
    pool, started = ThreadPoolExecutor(count, thread_name_prefix="image-features"), Barrier(count)

    def start() -> None:
        torch.get_num_threads()  # copies the process's number to the thread, once; only then can it be changed
        torch.set_num_threads(1)
        started.wait()

    for future in [pool.submit(start) for _ in range(count)]:
        future.result()
    torch.set_num_threads(count)  # the pool's setting would also apply to threads that start later
    return pool


def _fixed_parameters(backbone: nn.Module, image: ImageConfig) -> list[nn.Parameter]:
    """The backbone's parameters outside of ``image.trained``."""
    if image.trained != "last":
        return list(backbone.parameters()) if image.trained == "none" else []
    if not hasattr(backbone, "group_matcher"):
        raise ConfigError(f"image.trained is last, but timm knows no layer groups of {image.name}; allowed: none, all")
    groups = group_parameters(backbone, backbone.group_matcher(coarse=True))
    last = set(groups[max(groups)])
    return [parameter for name, parameter in backbone.named_parameters() if name not in last]


def _open_residual_branches(backbone: nn.Module) -> None:
    """SwinV2 starts with every residual branch at 0; half open, short training from scratch learns faster."""
    for module in backbone.modules():
        if isinstance(module, SwinTransformerV2Block):
            nn.init.constant_(module.norm1.weight, 0.5)
            nn.init.constant_(module.norm2.weight, 0.5)
