"""What colours a patch has: a frozen backbone's features have lost them, and the mean of its pixels is none of them.

Shapes: I images, P patches, N pixels of a patch, L levels a channel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

#: Pixels a side of a patch, of which the histogram is made.
SIDE = 16


def own_pixels(images_I3HW: Tensor, rows: int, columns: int, side: int) -> Tensor:
    """Each patch's pixels in [-1, 1], averaged over ``side`` x ``side`` areas: [I, P, 3 * side * side]."""
    areas = F.adaptive_avg_pool2d(images_I3HW.float() / 127.5 - 1, (rows * side, columns * side))
    areas = areas.view(-1, 3, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
    return areas.reshape(-1, rows * columns, 3 * side * side)


def color_histogram(images_I3HW: Tensor, rows: int, columns: int, levels: int) -> Tensor:
    """The square roots of each patch's shares of colours, [I, P, L * L * L]: red, then green, then blue.

    A pixel counts for the colours around it, the more the nearer (trilinear), so that no shade lies on an edge. The
    attention's mean over patches is the histogram of what it looks at, which a linear layer can read.
    """
    areas = F.adaptive_avg_pool2d(images_I3HW.float() / 255, (rows * SIDE, columns * SIDE))
    areas = areas.view(-1, 3, rows, SIDE, columns, SIDE).permute(0, 2, 4, 3, 5, 1)
    pixels_IPN3 = areas.reshape(len(areas), rows * columns, SIDE * SIDE, 3)
    level_L = torch.linspace(0, 1, levels, device=areas.device)
    near_IPN3L = (1 - (pixels_IPN3[..., None] - level_L).abs() * (levels - 1)).clamp(min=0)
    red, green, blue = near_IPN3L.unbind(-2)
    both_IPNLL = (red[..., :, None] * green[..., None, :]).flatten(-2)
    share = both_IPNLL.transpose(-1, -2) @ blue / pixels_IPN3.shape[2]
    return share.flatten(-2).clamp(min=0).sqrt()
