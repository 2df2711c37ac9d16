"""Caches texts as token ids, so that they are tokenized only once: it takes as long as decoding an image, or longer.

Each payload shard has a file under ``tokens/``, whose path is a hash of the texts and the tokenizer. So the work of an
earlier or killed run is reused, and the processes of a training can share the work.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa

from moemoe.errors import StorageError
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.lru_files import LruFiles
from moemoe.shards.manifest import arrow_bytes
from moemoe.sources import TEXT
from moemoe.storage import exists, join, write_bytes


class Tokens:
    """The texts of a dataset as token ids.

    Args:
        dataset: the products whose texts are tokenized.
        encode: texts -> token ids of each.
        tokenizer: identifies ``encode``: another tokenizer or text length needs another string.
        source: the text source of a product, see ``moemoe.sources``.
    """

    def __init__(
        self,
        dataset: ShardedDataset,
        encode: Callable[[Sequence[str]], Sequence[Sequence[int]]],
        tokenizer: str,
        source: str = TEXT,
    ):
        self._dataset, self._encode, self._tokenizer, self._source = dataset, encode, tokenizer, source
        self._files: LruFiles[tuple[np.ndarray, np.ndarray]] = LruFiles(self._read, len(dataset.manifest.shards))

    def write(self, shards: Iterable[int]) -> None:
        """Writes the missing files of ``shards``."""
        for shard in shards:
            if not exists(self._uri(shard)):
                texts = self._dataset.texts(shard, self._source)
                there = [text for text in texts if text is not None]
                cut = iter(self._encode(there) if there else [])
                self.store(shard, [[] if text is None else next(cut) for text in texts])

    def store(self, shard: int, rows: Sequence[Sequence[int] | np.ndarray]) -> None:
        """Writes the file of one shard from its token ids."""
        ids = np.concatenate([np.asarray(row, np.int32) for row in rows])
        kind = np.uint16 if ids.max(initial=0) < 2**16 else np.int32
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)
        column = pa.ListArray.from_arrays(pa.array(starts), pa.array(ids.astype(kind)))
        table = pa.table({"tokens": column}).replace_schema_metadata({"sha256": _checksum(column)})
        write_bytes(self._uri(shard), arrow_bytes(table))

    def __getitem__(self, row: int) -> np.ndarray:
        """The token ids of a product's text, 1-D, empty if it has no such text.

        Raises:
            StorageError: the shard's file is missing or damaged.
        """
        shard, index = self._dataset.place(row)
        starts, ids = self._files[shard]
        return ids[starts[index] : starts[index + 1]]

    def _uri(self, shard: int) -> str:
        start, stop = self._dataset.starts[shard : shard + 2]
        types = self._dataset.words("product_type", start, stop)
        made_of = [
            self._tokenizer,
            *self._dataset.hidden.words,
            self._dataset.manifest.shards[shard].sha256,
            *(str(t) for t in types),
            *([] if self._source == TEXT else [self._source]),
        ]
        name = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:32]
        return join(self._dataset.root, "tokens", f"{name}.arrow")

    def _read(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        uri = self._uri(shard)
        try:
            table = pa.ipc.open_file(self._dataset.open_uri(uri)).read_all()
            column = table["tokens"].chunk(0)
            whole = (table.schema.metadata or {}).get(b"sha256", b"").decode() == _checksum(column)
        except (pa.ArrowException, KeyError, IndexError) as error:
            raise StorageError(f"{uri}: not a complete file of tokens ({error}); delete it and run again") from error
        if not whole:
            raise StorageError(f"{uri}: checksum differs from its writer's; delete it and run again")
        return column.offsets.to_numpy(), column.values.to_numpy()


def _checksum(column: pa.ListArray) -> str:
    digest = hashlib.sha256(column.offsets.to_numpy().tobytes())
    digest.update(column.values.to_numpy().tobytes())
    return digest.hexdigest()
