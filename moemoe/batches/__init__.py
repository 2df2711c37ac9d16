"""Turns model inputs into batches of tensors: tokens, images, and the values that answers are restricted to."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
