"""The systems that MoEMoE is compared with."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
