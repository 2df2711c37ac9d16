"""Lets timm and transformers be imported if torchvision's compiled part does not match torch.

The registry's Linux torchvision wheel is built for CUDA; beside a CPU build of torch its operators are missing and
``import torchvision`` fails. Declaring the missing operators is enough: nothing here calls them. If torch and
torchvision match, this does nothing. It must run before timm or transformers is imported. It does not import
torchvision itself, which takes over a second.
"""

import importlib.util
from pathlib import Path

import torch

#: The operators for which torchvision registers kernels when it is imported.
OPERATORS = ("nms", "qnms")

_declared: list[torch.library.Library] = []  # a Library forgets its operators when it is collected


def ensure_torchvision() -> None:
    """Declares the operators that torchvision lacks beside a CPU build of torch."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or torch.version.cuda is not None:
        return
    for compiled in Path(found.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(str(compiled))
            return
        except OSError:
            pass  # it asks for CUDA's libraries
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in (name for name in OPERATORS if not hasattr(torch.ops.torchvision, name)):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)


ensure_torchvision()
