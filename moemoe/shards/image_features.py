"""The features of a frozen image encoder, computed once per image instead of once an epoch.

One file per payload shard under ``image_features/`` (one more for the products' second images, and so on), at a path
made from the images and the encoder, so that epochs, folds, the models of a comparison, evaluation and later runs share
them, and a shard keeps its file if only its texts change. At most MAX_BYTES of a root's disk; what does not fit is
computed each time it is needed, to the same bits.

Shapes: B images, P patches, W numbers a patch.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, product
from typing import Protocol

import numpy as np
import pyarrow as pa

from moemoe.errors import StorageError
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import decode_into
from moemoe.shards.lru_files import LruFiles
from moemoe.shards.manifest import arrow_bytes
from moemoe.storage import exists, join, mark_used, remove, sizes_by_use, write_bytes

FOLDER = "image_features"
#: 20 GiB hold half a million images of EfficientNet-Lite0 at 128 pixels.
MAX_BYTES = 20 * 2**30
IMAGES_AT_ONCE = 64


class FrozenEncoder(Protocol):
    """What computes features. ``size``: pixels a side of what it sees."""

    size: int

    @property
    def fingerprint(self) -> str:
        """What tells its features from others': weights, architecture, options."""

    @property
    def shape(self) -> tuple[int, int]:
        """P and W."""

    def compute(self, images_B3HW: np.ndarray) -> np.ndarray:
        """Half precision [B, P, W] of uint8 images."""


class ImageFeatures:
    """The features of a dataset's images, where they are kept.

    Args:
        dataset: whose images.
        encoder: whose features.
        max_bytes: of all files under the root's folder.
        images: how many of a product's images, from the first on.
    """

    def __init__(self, dataset: ShardedDataset, encoder: FrozenEncoder, max_bytes: int = MAX_BYTES, images: int = 1):
        self._dataset, self._encoder, self._max_bytes, self._images = dataset, encoder, max_bytes, images
        self._made_of = f"{encoder.fingerprint} {encoder.shape}"
        self._uris: dict[tuple[int, int], str] = {}
        self._files: LruFiles[_File] = LruFiles(self._read, len(dataset.manifest.shards) * images)

    def fitting(self) -> list[int]:
        """The shards whose features fit under the bound, from the first on."""
        ends = accumulate(self._bytes(shard) for shard in range(len(self._dataset.manifest.shards)))
        return [shard for shard, end in enumerate(ends) if end <= self._max_bytes]

    def _bytes(self, shard: int) -> int:
        P, W = self._encoder.shape
        rows = self._dataset.manifest.shards[shard].rows
        return (rows * (2 * P * W + 8) + 4096) * self._images  # a few more than it has

    def write(self, shards: Iterable[int]) -> None:
        """Computes and writes the files of some shards that are not there yet.

        Raises:
            StorageError: a file cannot be written; the disk is full.
        """
        for shard, number in product(shards, range(self._images)):
            uri = self._uri(shard, number)
            if exists(uri):
                mark_used(uri)
            else:
                write_bytes(uri, arrow_bytes(self._computed(shard, number)))

    def make_room(self) -> None:
        """Removes the least recently used files of other datasets and encoders, where this one's need their room."""
        folder, fitting = join(self._dataset.root, FOLDER), self.fitting()
        found = sizes_by_use(folder)
        excess = sum(map(self._bytes, fitting)) + sum(size for _, size in found) - self._max_bytes
        if excess <= 0:
            return
        files = product(fitting, range(self._images))
        own = {self._uri(shard, number).rsplit("/", 1)[1] for shard, number in files}
        excess -= sum(size for name, size in found if name in own)
        for name, size in found:
            if excess > 0 and name not in own:
                remove(join(folder, name))
                excess -= size

    def __getitem__(self, row: int) -> list[np.ndarray | None]:
        """Half precision [P, W] of each of a product's images; None for one that is missing, does not decode or whose
        file is not there.

        Raises:
            StorageError: a file is damaged.
        """
        shard, index = self._dataset.place(row)
        return [self._files[shard * self._images + number].features(index) for number in range(self._images)]

    def of(self, rows: Sequence[int]) -> list[list[np.ndarray | None]] | None:
        """The features of a batch, as of each row; None if not all images have theirs."""
        found = [self[row] for row in rows]
        for row, features in zip(rows, found, strict=True):
            missing = (number for number, own in enumerate(features) if own is None)
            if any(self._dataset.image(row, number) is not None for number in missing):
                return None
        return found

    def _computed(self, shard: int, number: int) -> pa.Table:
        start, stop = self._dataset.starts[shard : shard + 2].tolist()
        P, W = self._encoder.shape
        size = self._encoder.size
        values = np.empty((stop - start, P, W), np.float16)
        there: list[bool] = []
        done = 0
        for first in range(start, stop, IMAGES_AT_ONCE):
            rows = range(first, min(first + IMAGES_AT_ONCE, stop))
            pixels_BHWC = np.empty((len(rows), size, size, 3), np.uint8)
            decoded = [self._decode(row, number, pixels) for row, pixels in zip(rows, pixels_BHWC, strict=True)]
            count = sum(decoded)
            if count:
                values[done : done + count] = self._encoder.compute(pixels_BHWC[decoded].transpose(0, 3, 1, 2))
            there, done = there + decoded, done + count
        starts = np.cumsum([0, *there], dtype=np.int64) * P * W
        column = pa.LargeListArray.from_arrays(pa.array(starts), pa.array(values[:done].reshape(-1)))
        return pa.table({"features": column}).replace_schema_metadata({"sha256": _checksum(column)})

    def _decode(self, row: int, number: int, pixels_HWC: np.ndarray) -> bool:
        image = self._dataset.image(row, number)
        if image is None:
            return False
        try:
            decode_into(image, pixels_HWC)
        except Exception:  # whoever reads the product meets it again, and puts it into the quarantine
            return False
        return True

    def _uri(self, shard: int, number: int) -> str:
        if (shard, number) not in self._uris:  # it takes reading all images
            self._uris[shard, number] = self._uri_by_content(shard, number)
        return self._uris[shard, number]

    def _uri_by_content(self, shard: int, number: int) -> str:
        digest = hashlib.sha256(self._made_of.encode())
        for row in range(*self._dataset.starts[shard : shard + 2].tolist()):
            image = self._dataset.image(row, number)
            digest.update(b"none" if image is None else hashlib.sha256(image).digest())
        return join(self._dataset.root, FOLDER, f"{digest.hexdigest()[:32]}.arrow")

    def _read(self, file: int) -> "_File":
        uri = self._uri(*divmod(file, self._images))
        if not exists(uri):
            return _File(np.empty(0, np.int64), np.empty(0, np.float16), self._encoder.shape)
        try:
            column = pa.ipc.open_file(self._dataset.open_uri(uri)).read_all()
            checksum = (column.schema.metadata or {}).get(b"sha256", b"").decode()
            features = column["features"].chunk(0)
            whole = checksum == _checksum(features)
        except (pa.ArrowException, KeyError, IndexError) as error:
            raise StorageError(f"{uri}: incomplete image features ({error}); delete it and run again") from error
        if not whole:
            raise StorageError(f"{uri}: checksum differs from its writer's; delete it and run again")
        return _File(features.offsets.to_numpy(), features.values.to_numpy(), self._encoder.shape)


class _File:
    """An open file; one of a shard that has none has no offsets."""

    def __init__(self, starts: np.ndarray, values: np.ndarray, shape: tuple[int, int]):
        self._starts, self._values, self._shape = starts, values, shape

    def features(self, index: int) -> np.ndarray | None:
        if not len(self._starts):
            return None
        start, stop = self._starts[index : index + 2].tolist()
        return self._values[start:stop].reshape(self._shape) if stop > start else None


def _checksum(column: pa.LargeListArray) -> str:
    digest = hashlib.sha256(column.offsets.to_numpy())
    digest.update(column.values.to_numpy())
    return digest.hexdigest()
