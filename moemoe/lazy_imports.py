"""Delays the import of modules until first use, for libraries that import modules which they rarely use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """Stands in for a module until one of its attributes is accessed.

    importlib.util.LazyLoader does not help: ``import a as b`` reads ``a.__spec__``, which makes it load ``a``.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def imported_on_use(*names: str) -> Iterator[None]:
    """Makes imports of these modules lazy within the block; afterwards imports are normal again.

    Args:
        names: dotted names; modules that are already imported are not affected.
    """
    lazy = {name: _LazyModule(name) for name in names if name not in sys.modules}
    sys.modules.update(lazy)
    try:
        yield
    finally:
        for name, module in lazy.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
