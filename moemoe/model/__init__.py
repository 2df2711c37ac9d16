"""The paper's model, one idea a file. Knows no other room."""

from moemoe.model import torchvision_compat  # noqa: F401  (before timm and transformers)
