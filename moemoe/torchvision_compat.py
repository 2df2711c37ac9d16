"""Lets timm and transformers import where torchvision's compiled half does not match torch.

The registry's Linux torchvision wheel is built for CUDA; beside a CPU build of torch its operators are missing and
``import torchvision`` fails. Declaring the missing operators is enough: nothing here calls them. Where torch and
torchvision match this does nothing. Must run before timm or transformers is imported.
"""

import importlib
import re
import sys

import torch

_declared: list[torch.library.Library] = []  # a Library forgets its operators when it is collected


def ensure_torchvision() -> None:
    """Imports torchvision, declaring the operators a CPU build of torch lacks."""
    for _ in range(4):
        try:
            importlib.import_module("torchvision")
            return
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or torch.version.cuda is not None:
                raise
            for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[module]
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{missing[1]}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _declared.append(library)


ensure_torchvision()
