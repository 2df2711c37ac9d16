"""How an image becomes the model's input: saved beside the weights, and checked when they are loaded."""

import json
from pathlib import Path
from typing import Any

from moemoe.catalog.images import KEPT_FORMATS, LONGEST_SIDE
from moemoe.configs import read_object
from moemoe.errors import ConfigError

PREPROCESSING = "preprocessing.json"


def image_preprocessing(folder: str | Path) -> dict[str, Any] | None:
    """What this code does to an image for the model in ``folder``; None if the model reads no image."""
    import moemoe.model  # noqa: F401 - patches a torchvision without operators, before timm imports it

    config = read_object(Path(folder) / "config.json")
    image = config.get("image")
    if not image or "image" not in config.get("sources", ["image"]):
        return None
    from timm.models import get_pretrained_cfg

    normalization = get_pretrained_cfg(image.get("name", ""), allow_unregistered=True)
    return {
        "stored": f"RGB, at most {LONGEST_SIDE} pixels a side, {' or '.join(KEPT_FORMATS)}",
        "resized_to": [image["size"], image["size"]],
        "resize": "squashed to the square, bilinear",
        "mean": list(normalization.mean) if normalization else None,
        "std": list(normalization.std) if normalization else None,
    }


def save_preprocessing(folder: str | Path) -> None:
    """Writes it into the model's folder."""
    (Path(folder) / PREPROCESSING).write_text(json.dumps(image_preprocessing(folder), indent=2) + "\n")


def check_preprocessing(folder: str | Path) -> None:
    """Raises ConfigError if this code would preprocess images differently from the code that trained the model."""
    path = Path(folder) / PREPROCESSING
    try:
        written = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(f"{path} is not a complete JSON file ({error}); copy the model's folder again") from error
    here = image_preprocessing(folder)
    if written != here:
        raise ConfigError(
            f"{path} says {written}, but this code does {here}; "
            "load the model with the code and the packages it was registered with"
        )
