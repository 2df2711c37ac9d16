"""Shopify's product taxonomy, from its JSON files (``dist/en``) or the YAML files that they are made of (``data``).

https://github.com/Shopify/product-taxonomy. Categories list attributes by handle (YAML: by friendly id). An extended
attribute has the values, and here also the id, of the attribute that it extends, under a name and a handle of its own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moemoe.contract.taxonomies.files import read_json, read_yaml
from moemoe.contract.taxonomies.taxonomy import (
    Category,
    EntryError,
    Taxonomy,
    TaxonomyAttribute,
    TaxonomyValue,
    name_of,
    paths,
    text_of,
)
from moemoe.errors import ConfigError

FORM = (
    "a checkout or release of github.com/Shopify/product-taxonomy: a folder with categories.json and attributes.json "
    "(dist/en; of a release categories.en.json.gz and attributes.en.json.gz), or with categories/, attributes.yml and "
    "values.yml (data)"
)
#: One of the two JSON files: in a checkout categories.json, of a release categories.en.json.gz.
_HALF = re.compile(r"(?P<half>categories|attributes)(?:\.(?P<language>[a-z]{2,3}(?:-[A-Z]{2})?))?\.json(?:\.gz)?")
_GID = "gid://shopify/Taxonomy"


@dataclass
class _Entries:
    """What the files say, before categories and attributes are joined: names and parents by the category's id."""

    version: str = "without a version"
    attributes: dict[str, TaxonomyAttribute] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    attributes_of: dict[str, list[str]] = field(default_factory=dict)
    deprecated: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)


def read_shopify(path: Path) -> Taxonomy:
    """Reads a folder of JSON files (English ones first) or of YAML files, or one file ``taxonomy.json``.

    Raises:
        ConfigError: it is not such a folder, a file is incomplete, or the categories' parents form a cycle.
    """
    where, entries = _entries(path)
    categories = []
    for id, names in paths(entries.names, entries.parents, str(where)).items():
        unknown = [key for key in entries.attributes_of[id] if key not in entries.attributes]
        if unknown:
            raise ConfigError(f"{where}: category {id!r} has the attribute {unknown[0]!r}, which the attributes' file "
                              "does not have; are both complete, and of one version?")  # fmt: skip
        if id in entries.deprecated:
            entries.left_out.append(f"category {names[-1]!r} ({id}) is deprecated")
            continue
        attributes = tuple(entries.attributes[key] for key in entries.attributes_of[id])
        categories.append(Category(id, names, attributes, id.rpartition("/")[2]))
    if not categories:
        raise ConfigError(f"{where} has no category; expected: {FORM}")
    order = {id: at for at, id in enumerate(entries.names)}
    categories.sort(key=lambda category: order[category.id])
    return Taxonomy(f"Shopify's product taxonomy {entries.version}", categories, entries.left_out)


def _entries(path: Path) -> tuple[Path, _Entries]:
    """The folder or file that is read, and what it says."""
    language = ""
    if path.is_file() and (named := _HALF.fullmatch(path.name)):  # one of two files: the other lies beside it
        path, language = path.parent, named["language"] or ""
    folders = [path, path / "en", path / "dist" / "en", path / "data"]
    try:
        if path.is_file():
            return path, _from_json(read_json(path))
        for folder in folders:
            if halves := _halves(folder, language):
                return folder, _from_json(_of_one_version(folder, halves))
            if (folder / "taxonomy.json").is_file():
                return folder, _from_json(read_json(folder / "taxonomy.json"))
            if (folder / "categories").is_dir():
                if missing := [name for name in ("attributes.yml", "values.yml") if not (folder / name).is_file()]:
                    raise ConfigError(f"{folder} has the folder categories and no {missing[0]}; fetch it whole")
                return folder, _from_yaml(folder)
    except EntryError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"{path} is not a Shopify taxonomy ({type(error).__name__}: {error}); expected: {FORM}"
        ) from error
    others = sorted(file.parent for file in [*path.glob("*/categories.json"), *path.glob("dist/*/categories.json")])
    if others:
        names = ", ".join(map(str, others[:5]))
        raise ConfigError(f"{path} holds Shopify's taxonomy in other languages than English; name one of {names}")
    found = "is not a Shopify taxonomy" if path.is_dir() else "there is no such folder"
    raise ConfigError(f"{path}: {found}; expected: {FORM}")


def _halves(folder: Path, language: str) -> tuple[Path, Path] | None:
    """The files of the categories and of the attributes, as dist has them or as a release does; None if there are none.

    Args:
        language: that of the names, e.g. "de"; "" takes the file without one, else English, else the only one.

    Raises:
        ConfigError: one of the two is missing, or there are several languages and none is English.
    """
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (named := _HALF.fullmatch(file.name)) and file.is_file():
            found.setdefault(named["language"] or "", {}).setdefault(named["half"], file)
    if not found:
        return None
    chosen = next((name for name in (language, "en") if name in found), None)
    if chosen is None and len(found) > 1:
        raise ConfigError(
            f"{folder} holds {', '.join(sorted(found))}, none of them in English; name one of its files of categories"
        )
    halves = found[chosen if chosen is not None else next(iter(found))]
    for half, other in (("categories", "attributes"), ("attributes", "categories")):
        if half not in halves:
            raise ConfigError(f"{halves[other]} has no file of {half} beside it, as {half}.json; both are needed")
    return halves["categories"], halves["attributes"]


def _of_one_version(folder: Path, halves: tuple[Path, Path]) -> dict[str, Any]:
    """The two JSON files of a release as one document."""
    categories, attributes = map(read_json, halves)
    versions = [each.get("version") for each in (categories, attributes)]
    if None not in versions and versions[0] != versions[1]:
        of_versions = f"{halves[0].name} is of version {versions[0]}, {halves[1].name} of {versions[1]}"
        raise ConfigError(f"{folder}: {of_versions}; fetch both again")
    return {**categories, **attributes}


def _from_json(document: Mapping[str, Any]) -> _Entries:
    entries = _Entries(str(document["version"]))
    for entry in document["attributes"]:
        values = tuple(_value(text_of(value, "id"), value) for value in _current(entry.get("values", ()), entries))
        for each in (entry, *entry.get("extended_attributes", ())):
            _add_attribute(text_of(each, "handle"), text_of(entry, "id"), each, values, entry, entries)
    for vertical in document["verticals"]:
        for category in vertical["categories"]:
            id = text_of(category, "id")
            if category.get("parent_id"):
                entries.parents[id] = category["parent_id"]
            _add_category(id, category, [attribute["handle"] for attribute in category["attributes"]], entries)
    return entries


def _from_yaml(folder: Path) -> _Entries:
    version = folder.parent / "VERSION"
    entries = _Entries(version.read_text().strip() if version.is_file() else "without a version")
    known = {
        value["friendly_id"]: _value(f"{_GID}Value/{text_of(value, 'id')}", value)
        for value in _current(read_yaml(folder / "values.yml"), entries)
    }
    document = read_yaml(folder / "attributes.yml")
    if not isinstance(document, dict) or not {"base_attributes", "extended_attributes"} <= set(document):
        raise ConfigError(f"{folder / 'attributes.yml'} has no base_attributes and extended_attributes, as those of "
                          "later releases have; take one of them")  # fmt: skip
    values_of: dict[str, tuple[TaxonomyValue, ...]] = {}
    ids: dict[str, str] = {}
    for entry in document["base_attributes"]:
        name = entry["friendly_id"]
        try:
            values_of[name] = tuple(known[value] for value in entry.get("values") or ())
        except KeyError as error:
            raise ConfigError(f"{folder / 'attributes.yml'}: attribute {name!r} has the value {error}, which "
                              "values.yml does not have; are both complete and of one version?") from error  # fmt: skip
        ids[name] = f"{_GID}Attribute/{entry['id']}"
        _add_attribute(name, ids[name], entry, values_of[name], entry, entries)
    for entry in document["extended_attributes"]:
        base = entry["values_from"]
        if base not in ids:
            name = entry["friendly_id"]
            raise ConfigError(f"{folder / 'attributes.yml'}: attribute {name!r} extends {base!r}, which is missing; "
                              "is the file complete?")  # fmt: skip
        _add_attribute(entry["friendly_id"], ids[base], entry, values_of[base], entry, entries)
    for file in sorted((folder / "categories").glob("*.yml")):
        listed = read_yaml(file)
        if not isinstance(listed, list):
            raise ConfigError(f"{file} is not a list of categories; is it complete?")
        for category in listed:
            for child in category.get("children") or ():
                entries.parents[f"{_GID}Category/{child}"] = f"{_GID}Category/{category['id']}"
            _add_category(f"{_GID}Category/{category['id']}", category, category.get("attributes") or [], entries)
    if without_entry := [child for child in entries.parents if child not in entries.names]:
        raise ConfigError(f"{folder}: category {without_entry[0]!r} is named as a child, but missing; "
                          "is every file in categories/ complete?")  # fmt: skip
    return entries


def _current(values: Iterable[Mapping[str, Any]], entries: _Entries) -> list[Mapping[str, Any]]:
    """``values`` without the deprecated ones."""
    deprecated = [value for value in values if value.get("deprecated")]
    entries.left_out += [f"value {value['name']!r} ({value['id']}) is deprecated" for value in deprecated]
    return [value for value in values if not value.get("deprecated")]


def _value(id: str, entry: Mapping[str, Any]) -> TaxonomyValue:
    name = text_of(entry, "name")
    if "handle" not in entry:  # only a further spelling
        return TaxonomyValue(id, name)
    handle = text_of(entry, "handle")
    return TaxonomyValue(id, name, (handle, handle.rpartition("__")[2]))


def _add_attribute(
    key: str,
    id: str,
    entry: Mapping[str, Any],
    values: tuple[TaxonomyValue, ...],
    base: Mapping[str, Any],
    entries: _Entries,
) -> None:
    units = ", ".join(map(str, base.get("supported_units") or ()))
    note = f"it is a measurement ({units}) without a range; write it by hand" if units else "it has no values"
    if key in entries.attributes:
        raise ConfigError(f"attribute {key!r} of Shopify's taxonomy comes twice; each handle is allowed once")
    entries.attributes[key] = TaxonomyAttribute(id, name_of(entry, "name"), values, (text_of(entry, "handle"),), note)


def _add_category(id: str, entry: Mapping[str, Any], attributes: list[str], entries: _Entries) -> None:
    if id in entries.names:
        raise ConfigError(f"category {id!r} of Shopify's taxonomy comes twice; each id is allowed once")
    entries.names[id], entries.attributes_of[id] = name_of(entry, "name"), attributes
    if entry.get("deprecated"):
        entries.deprecated.add(id)
