"""A patch's colours: a frozen backbone's features have lost them, and the mean of its pixels mixes them.

Shapes: I images, P patches, N pixels of a patch, L levels a channel, C colours (L * L * L), H hidden, D d_model.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Pixels a side of a patch, of which the histogram is made.
SIDE = 16
#: H of ``ColorPatch``.
HIDDEN = 256


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


class ColorPatch(nn.Module):
    """One more patch, of what colours the image has: as a whole, in its middle and at its corners.

    A hidden layer reads far more off a histogram than a linear one does (a colour's name is a region of shades, and
    what the corners have too is the background), and beside the backbone's features it hardly learns.

    Args:
        colors: C.
        d_model: D.
    """

    def __init__(self, colors: int, d_model: int):
        super().__init__()
        self.hidden = nn.Linear(3 * colors, HIDDEN)
        self.out = nn.Linear(HIDDEN, d_model)
        nn.init.uniform_(self.hidden.weight, -1, 1)  # a histogram's length is 1, however many colours it has

    def forward(self, roots_IPC: Tensor) -> Tensor:
        """Its embedding [I, 1, D] of what ``color_histogram`` gave of square patches, row by row."""
        return self.out(F.relu(self.hidden(image_colors(roots_IPC))))[:, None]


def image_colors(roots_IPC: Tensor) -> Tensor:
    """The same of the image as a whole, of its middle and of its corners, [I, 3 * C]."""
    side = math.isqrt(roots_IPC.shape[1])
    share_IRRC = roots_IPC.square().view(-1, side, side, roots_IPC.shape[-1])
    inner = slice(side // 4, side - side // 4)
    corners = share_IRRC[:, :: max(side - 1, 1), :: max(side - 1, 1)]
    parts = [part.mean((1, 2)) for part in (share_IRRC, share_IRRC[:, inner, inner], corners)]
    return torch.cat(parts, dim=-1).sqrt()
