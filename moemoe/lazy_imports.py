"""Modules that are imported when they are first used, for libraries that import them and rarely use them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """Stands for a module until one of its names is asked for.

    importlib.util.LazyLoader does not help: ``import a as b`` asks for ``a.__spec__``, which makes it load ``a``.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def imported_on_use(*names: str) -> Iterator[None]:
    """Within, importing one of these modules gives one that is imported when used; afterwards, the module itself.

    Args:
        names: dotted names; modules that are imported already are left as they are.
    """
    lazy = {name: _LazyModule(name) for name in names if name not in sys.modules}
    sys.modules.update(lazy)
    try:
        yield
    finally:
        for name, module in lazy.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
