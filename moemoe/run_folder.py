"""The folder of a run under its root, ``ROOT/runs/RUN``: names every file in it, and reads and writes its tables.

docs/run-folder.md lists the files with their schemas. Each system of a comparison has its own run folder inside that
of the comparison, and each member of a committee one inside that of the committee.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar, overload

import pyarrow as pa

from moemoe.errors import StorageError
from moemoe.schemas import (
    CONTRADICTIONS,
    DRIFT,
    EVALUATION,
    LABEL_STATISTICS,
    LABELS,
    PREDICTIONS,
    QUARANTINE,
    RARE_VALUES,
    ROUTING,
    SLICES,
    SPLIT_KEYS,
    UNREAD_KEYS,
)
from moemoe.storage import exists, join, part_uri, publish, read_bytes, read_json, read_table, write_bytes, write_table
from moemoe.table_parts import ListedParts, completed


@dataclass(frozen=True)
class PlainFile:
    """A file, or a folder of files, without a schema."""

    uri: str

    def exists(self) -> bool:
        """Whether the file exists; False for a folder."""
        return exists(self.uri)

    def publish(self, path: str | Path) -> None:
        """Copies a local file or folder here."""
        publish(path, self.uri)

    def read_text(self) -> str:
        """The file's text."""
        return read_bytes(self.uri).decode()

    def write_text(self, text: str) -> None:
        """Puts ``text`` here."""
        write_bytes(self.uri, text.encode())


@dataclass(frozen=True)
class TableFile:
    """A Parquet file with a schema."""

    uri: str
    schema: pa.Schema

    def exists(self) -> bool:
        """Whether it is there."""
        return exists(self.uri)

    def publish(self, path: str | Path) -> None:
        """Copies a local Parquet file here."""
        publish(path, self.uri)

    def write(self, table: pa.Table) -> None:
        """Writes ``table`` to this file.

        Raises:
            ValueError: it has another schema.
        """
        if not table.schema.equals(self.schema):
            raise ValueError(f"{self.uri} holds {self.schema.names}, not {table.schema.names}, or in other types")
        write_table(table, self.uri)

    def read(self) -> pa.Table:
        """Reads the table.

        Raises:
            StorageError: it does not exist, or has another schema.
        """
        table = completed(read_table(self.uri), self.schema)
        if not table.schema.equals(self.schema):
            raise StorageError(f"{self.uri}: it has columns {table.schema.names}; this code reads {self.schema.names}")
        return table


@dataclass(frozen=True)
class TableParts:
    """A folder of numbered Parquet files that form one table with a schema."""

    uri: str
    schema: pa.Schema


Kind = TypeVar("Kind", PlainFile, TableFile, TableParts, ListedParts)


class Named(Generic[Kind]):
    """An attribute of RunFolder: a file's path in the folder, and its kind."""

    def __init__(self, path: str, make: Callable[[str], Kind], schema: pa.Schema | None = None):
        self.path, self.schema = path, schema
        self._make: Callable[[str], Kind] = make

    @overload
    def __get__(self, folder: None, owner: type) -> "Named[Kind]": ...
    @overload
    def __get__(self, folder: "RunFolder", owner: type) -> Kind: ...
    def __get__(self, folder: "RunFolder | None", owner: type) -> "Named[Kind] | Kind":
        return self if folder is None else self._make(join(folder.uri, self.path))


def _plain(path: str) -> Named[PlainFile]:
    return Named(path, PlainFile)


def _table(path: str, schema: pa.Schema) -> Named[TableFile]:
    return Named(path, lambda uri: TableFile(uri, schema), schema)


def _parts(path: str, schema: pa.Schema) -> Named[TableParts]:
    return Named(path, lambda uri: TableParts(uri, schema), schema)


def _listed(path: str, schema: pa.Schema) -> Named[ListedParts]:
    return Named(path, lambda uri: ListedParts(uri, schema), schema)


@dataclass(frozen=True)
class RunFolder:
    """The folder with a run's files.

    Args:
        root: the folder of everything that runs write, local or ``s3://``.
        path: the run's path under the root.
    """

    root: str
    path: str = ""

    given_contract = _plain("contract-given.yaml")
    contract = _plain("contract.yaml")
    part_counts = _plain("parts.json")
    reading = _plain("reading.json")
    quarantine = _table("quarantine.parquet", QUARANTINE)
    data_docs = _plain("data_docs")
    all_labels = _parts("labels-all", LABELS)
    contradictions = _table("contradictions.parquet", CONTRADICTIONS)
    label_statistics = _table("label-statistics.parquet", LABEL_STATISTICS)
    unread_keys = _table("unread-keys.parquet", UNREAD_KEYS)
    frequent_labels = _parts("labels-frequent", LABELS)
    rare_values = _table("rare-values.parquet", RARE_VALUES)
    labels = _parts("labels", LABELS)
    split_quarantine = _table("quarantine-split.parquet", QUARANTINE)
    splits = _table("splits.parquet", SPLIT_KEYS)
    drift = _table("drift.parquet", DRIFT)
    label_docs = _plain("label_docs")
    shard_docs = _plain("shard_docs")
    warm_start = _plain("warm-start")
    model = _plain("model")
    trained_on = _plain("model/trained_on.json")
    events = _plain("events.jsonl")
    checkpoint = _plain("checkpoint.safetensors")
    training_quarantine = _table("quarantine-train.parquet", QUARANTINE)
    prediction_docs = _plain("prediction_docs")
    evaluation_quarantine = _table("quarantine-evaluate.parquet", QUARANTINE)
    predictions = _listed("predictions", PREDICTIONS)
    evaluation = _table("evaluation.parquet", EVALUATION)
    slices = _table("slices.parquet", SLICES)
    routing = _table("routing.parquet", ROUTING)
    report = _plain("report.html")
    comparison_tables = _plain("tables")
    comparison_report = _plain("comparison.html")

    @classmethod
    def of_run(cls, root: str, run_id: str) -> "RunFolder":
        """The folder of a run by its id."""
        return cls(root, join("runs", run_id))

    @classmethod
    def named(cls) -> "dict[str, Named]":
        """Every attribute that names a file of the folder."""
        return {name: value for name, value in vars(cls).items() if isinstance(value, Named)}

    @property
    def uri(self) -> str:
        """The folder itself."""
        return join(self.root, self.path) if self.path else self.root

    def system(self, *names: str) -> "RunFolder":
        """The folder of one system of a comparison: by the system's name and, in cross-validation, the fold's."""
        plain = [name.replace(" ", "-").replace(",", "") for name in names if name]
        return replace(self, path="/".join([self.path, "systems", *plain]))

    def member(self, name: str) -> "RunFolder":
        """The folder of one member of a committee."""
        return replace(self, path="/".join(filter(None, [self.path, "members", name])))

    def collected(self, task: int) -> str:
        """The output folder of one task of collect: ``products`` and ``quarantine``, in parts."""
        return join(self.uri, "collected", f"{task:03d}")

    def write_part_counts(self, counts: Sequence[int]) -> None:
        """Records how many parts each task of collect has written."""
        self.part_counts.write_text(json.dumps(list(counts)) + "\n")

    def products(self) -> list[str]:
        """The URIs of all parts of PRODUCTS, in the catalog's order."""
        folders = (join(self.collected(task), "products") for task in range(len(self._counts())))
        pairs = zip(folders, self._counts(), strict=True)
        return [part_uri(folder, index) for folder, count in pairs for index in range(count)]

    def part_uris(self, table: TableParts) -> list[str]:
        """The URIs of the parts of ``table``; part i belongs to the products of part i."""
        return [part_uri(table.uri, index) for index in range(sum(self._counts()))]

    def labelled_parts(self, task: int | None = None) -> list[tuple[str, str]]:
        """(Products URI, final labels URI) per part of PRODUCTS: of one task of collect, or of all."""
        counts = self._counts()
        pairs = list(zip(self.products(), self.part_uris(self.labels), strict=True))
        return pairs if task is None else pairs[sum(counts[:task]) : sum(counts[: task + 1])]

    def _counts(self) -> list[int]:
        return list(read_json(self.part_counts.uri))
