"""Names as whole numbers, so that millions of them fit into memory."""

import hashlib

import numpy as np
import pyarrow as pa

_MERGED_AT = 1 << 16


class Numbering:
    """Numbers names in the order in which they first come: 12 bytes a name, whatever its length.

    Names are compared by 64 bits of a hash: of ten million, two collide with probability 3e-6.
    """

    def __init__(self) -> None:
        self._hash_M, self._number_M = np.empty(0, np.uint64), np.empty(0, np.int32)  # by hash
        self._new: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._hash_M) + len(self._new)

    def __call__(self, names: pa.ChunkedArray) -> np.ndarray:
        """The number of each name, int32 [N]; new names get the next numbers."""
        coded = names.combine_chunks().dictionary_encode()
        hashes = [_hash(name) for name in coded.dictionary.to_pylist()]
        known = self._known(np.array(hashes, np.uint64)).tolist()
        for index, number in enumerate(known):
            if number < 0:
                known[index] = self._new.setdefault(hashes[index], len(self))
        if len(self._new) > _MERGED_AT:
            self._merge()
        return np.array(known, np.int32)[coded.indices.to_numpy()]

    def _known(self, hash_D: np.ndarray) -> np.ndarray:
        if not len(self._hash_M):
            return np.full(len(hash_D), -1)
        place = np.minimum(np.searchsorted(self._hash_M, hash_D), len(self._hash_M) - 1)
        return np.where(self._hash_M[place] == hash_D, self._number_M[place], -1)

    def _merge(self) -> None:
        hash_M = np.concatenate([self._hash_M, np.fromiter(self._new.keys(), np.uint64, len(self._new))])
        number_M = np.concatenate([self._number_M, np.fromiter(self._new.values(), np.int32, len(self._new))])
        order = np.argsort(hash_M)
        self._hash_M, self._number_M, self._new = hash_M[order], number_M[order], {}


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
