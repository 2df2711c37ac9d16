"""Splits products into train, validation and test by hash of their group: products that share a title or an image.

A later run keeps the splits of earlier runs: a product that joins a group takes the group's split, and one that would
join groups of different splits is quarantined. A title or image shared by a large share of the products ("T-shirt",
"no image") identifies no product and therefore joins none.
"""

import hashlib
import html
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.contract.contract import Split
from moemoe.schemas import LABELS, QUARANTINE, SPLIT_KEYS

STAGE = "split"
NAMES = ("train", "validation", "test")
_NONE = -1
#: A title or image is common, and joins no products, from this number and this share of the products on.
COMMON_PRODUCTS, COMMON_SHARE = 10, 0.02
#: Stored instead of a split in SPLIT_KEYS: a common key, which joins no products in later runs either.
COMMON = "common"
#: The columns of PRODUCTS that ``Groups`` reads.
KEY_COLUMNS = ("product_id", "title", "image_hash", "further_image_hashes")
_ROWS = 1 << 18
_SPACES = re.compile(r"[\s_\-\u2010-\u2015]+")
_EDGES = " .,;:!?\"'`*|"


class Groups:
    """The groups of a catalog's labelled products, and the split of each.

    A key is the hash of a normalized title or of any image that the run reads; a product with no title and image, or
    only common ones (see COMMON_SHARE), has the hash of its id as its key. Products that share a key are one group,
    named by its smallest key as 32 hex digits. So groups and splits depend only on the content of a group and on
    earlier splits, not on the order or number of rows. Memory per product: at most some 130 bytes and its id, and some
    60 bytes more for each further image that a product may have.

    Args:
        products: parts of PRODUCTS, only those with a label.
        shares: of the splits.
        earlier: SPLIT_KEYS of earlier runs, sorted by key; read several times.
    """

    def __init__(self, products: Iterable[pa.Table], shares: Split, earlier: Iterable[pa.RecordBatch] = ()):
        keys, self._starts, ids = [np.empty((0, 2, 2), np.uint64)], [0], []
        for part in products:
            columns = (part[name].to_pylist() for name in KEY_COLUMNS)
            keys.append(_padded([_keys(*product) for product in zip(*columns, strict=True)]))
            ids.append(part["product_id"].cast(pa.large_string()))
            self._starts.append(self._starts[-1] + len(part))
        self.common: list[str] = []
        self._ids = pa.chunked_array(ids or [[]], pa.large_string())
        self._earlier = earlier
        # W keys a product, the first and the second half of each
        keys = _as_wide(keys)
        high_PW, low_PW = (np.concatenate([key_PW2[..., half] for key_PW2 in keys]) for half in (0, 1))
        del keys, ids
        self._replace_common(high_PW, low_PW)
        # 64 of a key's 128 bits are compared: any two of 40 million keys collide with probability 4e-5
        order = np.argsort(high_PW.ravel(), kind="stable")
        rising = high_PW.ravel()[order]
        del high_PW
        is_first = np.ones(len(rising), bool)
        is_first[1:] = rising[1:] != rising[:-1]
        self._high_K = rising[is_first]
        del rising
        self._low_K = low_PW.ravel()[order[is_first]]
        code = np.empty(len(order), np.int32)
        code[order] = np.cumsum(is_first, dtype=np.int32) - 1
        code_PW = code.reshape(low_PW.shape)
        del order, low_PW, is_first
        group_K = _connected(code_PW, len(self._high_K))
        split_K = self._earlier_splits()
        self._group_P, self._name_G, self._split_G = self._with_splits(code_PW, group_K, split_K, shares)
        self._group_K = np.full(len(self._high_K), _NONE, np.int32)
        joined = self._group_P != _NONE
        for code_P in code_PW.T:
            self._group_K[code_P[joined]] = self._group_P[joined]

    def _replace_common(self, high_PW: np.ndarray, low_PW: np.ndarray) -> None:
        """Replaces each common key, in place, by another of the product's keys, else by the hash of its id.

        A key that has a split from an earlier run is never common; a key that was common in one remains common.
        """
        distinct = [high_P[(high_PW[:, :place] != high_P[:, None]).all(1)] for place, high_P in enumerate(high_PW.T)]
        rising = np.concatenate(distinct)
        del distinct
        rising.sort()
        least = max(COMMON_PRODUCTS, math.ceil(COMMON_SHARE * len(high_PW)))
        frequent = np.unique(rising[: max(0, len(rising) - least + 1)][rising[: -least + 1] == rising[least - 1 :]])
        had_split, was_common = self._earlier_keys(frequent), self._earlier_keys(rising, common=True)
        common_K = np.union1d(np.setdiff1d(frequent, had_split), was_common)
        number_K = np.searchsorted(rising, common_K, "right") - np.searchsorted(rising, common_K)
        del rising
        self._common_names: list[str] = []
        self._examples: list[tuple[int, int, int]] = []  # product, half of its keys, number of products
        for high, number in zip(common_K, number_K, strict=True):
            product, place = (int(found[0]) for found in np.nonzero(high_PW == high))
            self._common_names.append(f"{int(high):016x}{int(low_PW[product, place]):016x}")
            self._examples.append((product, int(high), int(number)))
        is_common_PW = np.isin(high_PW, common_K)
        if not is_common_PW.any():
            return
        alone = np.flatnonzero(is_common_PW.all(1))
        row, column = np.nonzero(is_common_PW)
        other = is_common_PW.argmin(1)[row]  # the first that is not common, if there is one
        for half_PW in (high_PW, low_PW):
            half_PW[row, column] = half_PW[row, other]
        own = [_key("product", product_id) for product_id in self._ids.take(pa.array(alone)).to_pylist()]
        key_A2 = _halves(b"".join(own)).reshape(-1, 2)
        high_PW[alone], low_PW[alone] = key_A2[:, :1], key_A2[:, 1:]

    def _earlier_keys(self, rising: np.ndarray, common: bool = False) -> np.ndarray:
        """The ``rising`` keys that have a split from earlier runs or, if ``common``, those that were common there."""
        found = [np.empty(0, np.uint64)]
        for batch in self._earlier if len(rising) else ():
            wanted = pc.equal(batch["split"], COMMON)
            high = _hex_halves(batch["key"].filter(wanted if common else pc.invert(wanted)))[:, 0]
            found.append(high[_places(rising, high)[1]])
        return np.unique(np.concatenate(found))

    def assign(self, part: int, products: pa.Table, labels: pa.Table) -> pa.Table:
        """``labels`` (LABELS) of a part with group and split filled in, without those of quarantined products.

        ``products`` are the rows of that part that the constructor saw. Descriptions of their common titles and images
        are added to ``common``.
        """
        for product, high, number in self._examples:
            if self._starts[part] <= product < self._starts[part + 1]:
                self.common.append(_described(products.slice(product - self._starts[part], 1), high, number))
        group_P = self._group_P[self._starts[part] : self._starts[part + 1]]
        product = pc.index_in(labels["product_id"], value_set=products["product_id"].combine_chunks())
        group_L = group_P[product.to_numpy()]
        keep = group_L != _NONE
        labels, group_L = labels.filter(pa.array(keep)), group_L[keep]
        distinct, inverse = np.unique(group_L, return_inverse=True)
        names = pa.array([self._name(key) for key in self._name_G[distinct]], pa.string())
        filled = {
            "group": names.take(pa.array(inverse)),
            "split": pa.array(NAMES).take(pa.array(self._split_G[group_L])),
        }
        for name, column in filled.items():
            labels = labels.set_column(labels.schema.get_field_index(name), LABELS.field(name), column)
        return labels

    def quarantine(self) -> pa.Table:
        """The products quarantined (QUARANTINE)."""
        aside = self._ids.take(pa.array(np.flatnonzero(self._group_P == _NONE))).to_pylist()
        told = {"stage": STAGE, "field": "group", "reason": "joins groups of two splits", "detail": None}
        return pa.Table.from_pylist([{"product_id": product_id, **told} for product_id in aside], QUARANTINE)

    def splits(self) -> Iterator[pa.Table]:
        """The SPLIT_KEYS of all keys so far, including those of earlier runs, sorted by key."""
        known = np.flatnonzero(self._group_K != _NONE)
        high = self._high_K[known]
        begin, common = 0, sorted(self._common_names)
        for batch in self._earlier:
            last = batch["key"][-1].as_py() if len(batch) else ""
            end = begin + int(np.searchsorted(high[begin:], np.uint64(int(last[:16] or "0", 16)), "right"))
            named = [key for key in common if key <= last]
            yield self._merged(known[begin:end], named, pa.Table.from_batches([batch]).cast(SPLIT_KEYS))
            begin, common = end, common[len(named) :]
        while begin < len(known) or common:
            some = known[begin : begin + _ROWS]
            begin += len(some)
            last = self._name(some[-1]) if begin < len(known) else "g"  # sorts after every hex digit
            named = [key for key in common if key <= last]
            yield self._merged(some, named, SPLIT_KEYS.empty_table())
            common = common[len(named) :]

    def _merged(self, known: np.ndarray, common: Sequence[str], earlier: pa.Table) -> pa.Table:
        """SPLIT_KEYS of some of this run's keys, of common keys and of earlier ones, sorted by key."""
        names = pa.array([self._name(key) for key in known], pa.string())
        splits = pa.array(NAMES).take(pa.array(self._split_G[self._group_K[known]]))
        own = pa.table([names, splits], schema=SPLIT_KEYS)
        shared = pa.table([pa.array(common, pa.string()), pa.repeat(COMMON, len(common))], schema=SPLIT_KEYS)
        # an earlier key keeps its split, so its two rows are identical
        return (
            pa.concat_tables([earlier, shared, own])
            .group_by(SPLIT_KEYS.names)
            .aggregate([])
            .sort_by("key")
            .cast(SPLIT_KEYS)
        )

    def _name(self, key: int) -> str:
        return f"{self._high_K[key]:016x}{self._low_K[key]:016x}"

    def _earlier_splits(self) -> np.ndarray:
        """Per key the number of its split in earlier runs, or _NONE."""
        split_K = np.full(len(self._high_K), _NONE, np.int8)
        for batch in self._earlier if len(self._high_K) else ():
            place, found = _places(self._high_K, _hex_halves(batch["key"])[:, 0])
            split_K[place[found]] = pc.index_in(batch["split"], pa.array(NAMES)).fill_null(_NONE).to_numpy()[found]
        return split_K

    def _with_splits(
        self, code_PW: np.ndarray, group_K: np.ndarray, split_K: np.ndarray, shares: Split
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each product's group or _NONE, each group's smallest key, each group's split."""
        groups = int(group_K.max()) + 1 if len(group_K) else 0
        name_G = np.empty(groups, np.int32)
        name_G[group_K[::-1]] = np.arange(len(group_K), dtype=np.int32)[::-1]  # the last of several writes wins
        had = split_K != _NONE
        most_G, least_G = np.full(groups, _NONE, np.int8), np.full(groups, len(NAMES), np.int8)
        np.maximum.at(most_G, group_K[had], split_K[had])
        np.minimum.at(least_G, group_K[had], split_K[had])
        group_P = group_K[code_PW[:, 0]] if len(code_PW) else np.empty(0, np.int32)
        torn_P = np.flatnonzero((least_G < most_G)[group_P])
        new_G = np.flatnonzero(most_G == _NONE)
        drawn = (NAMES.index(split_of_group(self._name(key), shares)) for key in name_G[new_G])
        most_G[new_G] = np.fromiter(drawn, np.int8, len(new_G))
        if len(torn_P):  # earlier splits disagree: decide product by product which group it can join
            names, splits, group_P = name_G.tolist(), most_G.tolist(), group_P.copy()
            number_of: dict[int, int] = {}
            found = _one_by_one(code_PW[torn_P], self._ids.take(pa.array(torn_P)).to_pylist(), split_K)
            for i, (smallest, split) in zip(torn_P, found, strict=True):
                if smallest != _NONE and smallest not in number_of:
                    number_of[smallest] = len(names)
                    names.append(smallest)
                    new = NAMES.index(split_of_group(self._name(smallest), shares))
                    splits.append(new if split == _NONE else split)
                group_P[i] = number_of.get(smallest, _NONE)
            name_G, most_G = np.array(names, np.int32), np.array(splits, np.int8)
        return group_P, name_G, most_G


def _halves(keys: bytes) -> np.ndarray:
    """Keys of 16 bytes as the numbers of their halves, uint64 [N, 2]."""
    return np.frombuffer(keys, ">u8").reshape(-1, 2).astype(np.uint64)


def _hex_halves(keys: pa.Array) -> np.ndarray:
    """The same of keys in hex digits."""
    return _halves(bytes.fromhex("".join(keys.to_pylist())))


def _places(rising: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The index of each of ``high`` among the ``rising`` numbers, and whether it is one of them."""
    place = np.minimum(np.searchsorted(rising, high), len(rising) - 1)
    return place, rising[place] == high


def _connected(code_PW: np.ndarray, keys: int) -> np.ndarray:
    """The number of each key's group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, other = np.broadcast_to(code_PW[:, :1], code_PW[:, 1:].shape).ravel(), code_PW[:, 1:].ravel()
    edges = coo_array((np.ones(len(first), bool), (first, other)), shape=(keys, keys))
    return connected_components(edges, directed=False)[1]


def _one_by_one(code_PW: np.ndarray, ids: Sequence[str], split_K: np.ndarray) -> list[tuple[int, int]]:
    """Per product the smallest key of its group, and its split; _NONE if it would join groups of two splits.

    Products of earlier runs come first, then the others by id: the result does not depend on the order of rows.
    """
    union = _Union({int(key): int(split_K[key]) for key in np.unique(code_PW) if split_K[key] != _NONE})
    order = sorted(range(len(ids)), key=lambda i: (bool((split_K[code_PW[i]] == _NONE).any()), ids[i]))
    joined = {i for i in order if union.join([int(key) for key in code_PW[i]])}
    roots = [union.root(int(code_PW[i, 0])) if i in joined else _NONE for i in range(len(ids))]
    return [(root, union.split.get(root, _NONE)) for root in roots]


class _Union:
    """Disjoint sets of keys, each named by its smallest key; sets of different splits are never joined."""

    def __init__(self, split: Mapping[int, int]):
        self.split = dict(split)
        self._parent: dict[int, int] = {}

    def root(self, key: int) -> int:
        """The smallest key of the set of ``key``."""
        root = key
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def join(self, keys: Sequence[int]) -> bool:
        """Joins the sets of ``keys``, unless they have different splits."""
        for key in keys:
            self._parent.setdefault(key, key)
        roots = {self.root(key) for key in keys}
        splits = {self.split[root] for root in roots if root in self.split}
        if len(splits) > 1:
            return False
        low = min(roots)
        for root in roots:
            self._parent[root] = low
        if splits:
            self.split[low] = splits.pop()
        return True


def split_of_group(group: str, shares: Split) -> str:
    """The split in which a group's hash, read as a number in [0, 1), falls."""
    place = int(hashlib.sha256(group.encode()).hexdigest()[:12], 16) / 16**12
    if place < shares.train:
        return "train"
    return "validation" if place < shares.train + shares.validation else "test"


def _keys(product_id: str, title: str | None, image: str | None, further: Sequence[str | None] | None) -> list[bytes]:
    """A product's distinct keys, 16 bytes each, at least one."""
    compared = _compared(title or "")
    keys = [_key("title", compared)] if compared else []
    keys += [_key("image", image_hash) for image_hash in (image, *(further or ())) if image_hash]
    return list(dict.fromkeys(keys)) or [_key("product", product_id)]


def _padded(keys: Sequence[list[bytes]]) -> np.ndarray:
    """The keys of each product as numbers, uint64 [P, W, 2]; one with fewer repeats its first."""
    width = max([2, *map(len, keys)])
    return _halves(b"".join(b"".join([*own, *own[:1] * (width - len(own))]) for own in keys)).reshape(-1, width, 2)


def _as_wide(parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The parts with as many keys a product as the widest."""
    width = max(part.shape[1] for part in parts)
    return [np.concatenate([part, part[:, :1].repeat(width - part.shape[1], 1)], 1) for part in parts]


def _compared(title: str) -> str:
    """A title without case, hyphens and punctuation around it.

    Not ``contract.text.normalize_text``, which later versions may extend: keys are kept from run to run, so the text
    that they are hashed from must never change.
    """
    text = unicodedata.normalize("NFKC", html.unescape(title))
    return _SPACES.sub(" ", text.casefold()).strip(_EDGES)


def _described(product: pa.Table, high: int, number: int) -> str:
    """A description of a common key."""
    [row] = product.to_pylist()
    if int.from_bytes(_key("title", _compared(row["title"] or ""))[:8], "big") == high:
        return f"title {row['title'][:100]!r}: {number:,} products"
    return f"the image of product {row['product_id']!r}: {number:,} products"


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"{kind}:{text}".encode()).digest()[:16]
