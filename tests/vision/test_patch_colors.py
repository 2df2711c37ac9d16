"""The colours of a patch, and the patch of an image's colours."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.patch_colors import ColorPatch, color_histogram

LEVELS = 5


def patch_of(*colors: tuple[int, int, int]) -> torch.Tensor:
    """An image of 32 x 32 pixels in stripes of these colours."""
    stripes = torch.tensor(colors, dtype=torch.uint8).repeat_interleave(32 // len(colors), 0)
    return stripes.T[None, :, :, None].expand(1, 3, 32, 32)


def shares(image: torch.Tensor) -> torch.Tensor:
    """Each colour's share of the one patch, [L, L, L]."""
    return color_histogram(image, 1, 1, LEVELS)[0, 0].square().view(LEVELS, LEVELS, LEVELS)


def test_each_colour_counts_by_its_share_of_the_patch():
    found = shares(patch_of((255, 0, 0), (255, 0, 0), (255, 0, 0), (0, 0, 255)))
    assert found[4, 0, 0] == pytest.approx(0.75)
    assert found[0, 0, 4] == pytest.approx(0.25)
    assert found.sum() == pytest.approx(1)  # the mean of the pixels would be a purple that is not there


def test_a_shade_between_two_levels_counts_for_both():
    found = shares(patch_of((32, 0, 0)))  # the levels are 0 and 63.75
    assert found[0, 0, 0].item() == pytest.approx(1 - 32 / 63.75, abs=1e-5)
    assert found[1, 0, 0].item() == pytest.approx(32 / 63.75, abs=1e-5)


def test_patches_are_apart():
    image = torch.cat([patch_of((255, 255, 255)), patch_of((0, 0, 0))], dim=3)
    white, black = color_histogram(image, 1, 2, LEVELS)[0].view(2, LEVELS, LEVELS, LEVELS)
    assert white[4, 4, 4] == black[0, 0, 0] == 1


@given(st.integers(0, 2**31), st.integers(2, 8), st.sampled_from([(1, 1), (4, 4), (3, 5)]))
def test_shares_sum_to_one(seed, levels, grid):
    image = torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    found = color_histogram(image, *grid, levels)
    assert found.shape == (2, grid[0] * grid[1], levels**3)
    assert torch.allclose(found.square().sum(-1), torch.ones(()), atol=1e-5)


def test_a_frozen_encoder_carries_them_beside_its_pixels():
    config = ImageConfig(name="tf_efficientnet_lite0", size=64, pretrained="package", trained="none", color_levels=2)
    encoder = ImageEncoder(config, 8)
    white = encoder.features(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    assert white.shape == (1, 4, 1280 + 48 + 8) == (1, *encoder.shape)
    assert white[0, :, -8:].tolist() == [[0, 0, 0, 0, 0, 0, 0, 1]] * 4
    assert encoder(white).shape == (1, 4 + 1, 8)
    assert encoder.fingerprint != ImageEncoder(ImageConfig(**{**vars(config), "color_levels": 3}), 8).fingerprint


def test_the_backbones_patches_do_not_look_at_the_colours_nor_the_colour_patch_at_the_backbone():
    config = ImageConfig(name="tf_efficientnet_lite0", size=64, pretrained="package", trained="none", color_levels=2)
    encoder = ImageEncoder(config, 8)
    features = torch.rand(2, 4, encoder.width)
    before = encoder(features)
    other_colors, other_features = features.clone(), features.clone()
    other_colors[..., -8:] = torch.rand(2, 4, 8)
    other_features[..., :-8] = torch.rand(2, 4, encoder.width - 8)
    assert torch.equal(encoder(other_colors)[:, :4], before[:, :4])
    assert not torch.equal(encoder(other_colors)[:, 4], before[:, 4])
    assert torch.equal(encoder(other_features)[:, 4], before[:, 4])
    assert not torch.equal(encoder(other_features)[:, :4], before[:, :4])


def test_it_reads_whole_middle_and_corners():
    red, blue, green = torch.eye(3)
    grid = blue.expand(4, 4, 3).clone()
    grid[1:3, 1:3] = red
    grid[::3, ::3] = green
    patch = ColorPatch(3, 8)
    expected = torch.cat([torch.tensor([4, 8, 4]).div(16).sqrt(), red, green])
    assert torch.allclose(patch(grid.view(1, 16, 3)), patch.out(patch.hidden(expected).relu()).view(1, 1, 8), atol=1e-6)


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_of_any_square_grid(side):
    grid = torch.eye(4)[torch.randint(4, (2, side * side))]
    assert ColorPatch(4, 8)(grid).isfinite().all()
