"""Keeps a limited number of files open."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LruFiles(Generic[T]):
    """``opened[i]`` is ``open_one(i)``, opened at first use; beyond ``at_most`` the one opened first is dropped.

    One thread opens a file while others that need it wait; other files can be opened meanwhile.
    """

    def __init__(self, open_one: Callable[[int], T], files: int, at_most: int = 1024):
        self._open_one, self._at_most = open_one, at_most
        self._found: OrderedDict[int, T] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = [threading.Lock() for _ in range(files)]

    def __getitem__(self, index: int) -> T:
        found = self._found.get(index)
        if found is not None:
            return found
        with self._opening[index]:
            found = self._found.get(index)
            if found is None:
                found = self._open_one(index)
                with self._lock:
                    self._found[index] = found
                    while len(self._found) > self._at_most:
                        self._found.popitem(last=False)
        return found
