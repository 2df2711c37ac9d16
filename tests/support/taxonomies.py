"""Small taxonomies in the form of the published files, and the contracts made from them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from moemoe.cli import main
from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract

GID = "gid://shopify/Taxonomy"

#: id -> name, children, attributes, as Shopify's data/categories/*.yml have them.
CATEGORIES = [
    ("aa", "Apparel & Accessories", ["aa-1", "aa-2"], ["color"]),
    ("aa-1", "Clothing", ["aa-1-1", "aa-1-2", "aa-1-3"], ["color"]),
    ("aa-1-1", "T-Shirts", [], ["color", "neckline", "size"]),
    ("aa-1-2", "Pants", ["aa-1-2-1"], ["color"]),
    ("aa-1-2-1", "Jeans", [], ["color", "closure_type"]),
    ("aa-1-3", "Baby Clothing", ["aa-1-3-1"], ["color"]),
    ("aa-1-3-1", "Jeans", [], ["color"]),
    ("aa-2", "Eyewear", [], ["eyewear_lens_color"]),
    ("fr", "Furniture", [], ["color", "load"]),
]
#: friendly id -> id, name, values.
ATTRIBUTES: dict[str, tuple[int, str, list[str]]] = {
    "color": (1, "Color", ["color__beige", "color__rose_gold"]),
    "neckline": (32, "Neckline", ["neckline__v_neck", "neckline__v", "neckline__crew"]),
    "size": (2, "Size", ["size__one_size"]),
    "closure_type": (80, "Closure type", ["closure_type__none", "closure_type__hook_eye"]),
    "load": (99, "Load", []),
}
VALUES = {
    "color__beige": (6, "Beige"),
    "color__rose_gold": (16, "Rose gold"),
    "neckline__v_neck": (390, "V-neck"),
    "neckline__v": (391, "V neck."),
    "neckline__crew": (392, "Crew"),
    "size__one_size": (501, "One size"),
    "closure_type__none": (601, "None"),
    "closure_type__hook_eye": (602, "Hook & eye"),
}


def handle(friendly_id: str) -> str:
    """What the published files write: color__rose-gold."""
    first, _, second = friendly_id.partition("__")
    return f"{first.replace('_', '-')}__{second.replace('_', '-')}" if second else first.replace("_", "-")


def shopify_json(folder: Path, **changes: Any) -> Path:
    """dist/en of Shopify's taxonomy; ``changes`` are keys of categories by their codes (aa_1={"parent_id": ...})."""
    parents = {child: id for id, _, children, _ in CATEGORIES for child in children}
    names = {id: name for id, name, _, _ in CATEGORIES}
    categories = []
    for id, name, children, attributes in CATEGORIES:
        entry = {
            "id": f"{GID}Category/{id}",
            "level": id.count("-"),
            "name": name,
            "parent_id": f"{GID}Category/{parents[id]}" if id in parents else None,
            "attributes": [
                {"name": each, "handle": handle(each), "extended": "eyewear" in each} for each in attributes
            ],
            "children": [{"id": f"{GID}Category/{child}", "name": names[child]} for child in children],
        }
        categories.append(entry | changes.get(id.replace("-", "_"), {}))
    attributes_json = []
    for key, (number, name, values) in ATTRIBUTES.items():
        found = [{"id": f"{GID}Value/{VALUES[v][0]}", "name": VALUES[v][1], "handle": handle(v)} for v in values]
        extended = [{"name": "Eyewear lens color", "handle": "eyewear-lens-color"}] if key == "color" else []
        kind = {"supported_units": ["KILOGRAMS"]} if key == "load" else {"values": found}
        attributes_json.append(
            {"id": f"{GID}Attribute/{number}", "name": name, "handle": handle(key), "extended_attributes": extended}
            | kind
        )
    target = folder / "dist" / "en"
    target.mkdir(parents=True)
    verticals = [
        {"name": names[prefix], "prefix": prefix, "categories": [c for c in categories if f"/{prefix}" in c["id"]]}
        for prefix in ("aa", "fr")
    ]
    _write_json(target / "categories.json", {"version": "2026-08", "verticals": verticals})
    _write_json(target / "attributes.json", {"version": "2026-08", "attributes": attributes_json})
    return folder


def shopify_yaml(folder: Path) -> Path:
    """The same as the YAML files that Shopify makes its JSON of."""
    (folder / "data" / "categories").mkdir(parents=True)
    entries = [{"id": i, "name": n, "children": c, "attributes": a} for i, n, c, a in CATEGORIES]
    for prefix, name in (("aa", "aa_apparel_accessories"), ("fr", "fr_furniture")):
        content = [entry for entry in entries if entry["id"].startswith(prefix)]
        (folder / "data" / "categories" / f"{name}.yml").write_text(yaml.safe_dump(content))
    base = [
        {"id": number, "name": name, "friendly_id": key, "handle": handle(key)}
        | ({"values": values} if values else {"type": "measurement", "supported_units": ["KILOGRAMS"]})
        for key, (number, name, values) in ATTRIBUTES.items()
    ]
    extended = {"name": "Eyewear lens color", "handle": "eyewear-lens-color", "friendly_id": "eyewear_lens_color"}
    attributes = {"base_attributes": base, "extended_attributes": [extended | {"values_from": "color"}]}
    (folder / "data" / "attributes.yml").write_text(yaml.safe_dump(attributes))
    values = [{"id": n, "name": name, "friendly_id": key, "handle": handle(key)} for key, (n, name) in VALUES.items()]
    (folder / "data" / "values.yml").write_text(yaml.safe_dump(values))
    (folder / "VERSION").write_text("2026-08\n")
    return folder


GOOGLE = """\
# Google_Product_Taxonomy_Version: 2021-09-21
166 - Apparel & Accessories
1604 - Apparel & Accessories > Clothing
2271 - Apparel & Accessories > Clothing > Dresses
212 - Apparel & Accessories > Clothing > Shirts & Tops
436 - Furniture
"""

GPC_XML = """\
<?xml version="1.0" encoding="utf-8"?>
<schema languageCode="EN" dateUtc="5/9/2025">
  <segment code="67000000" text="Clothing" definition="" active="true">
    <family code="67010000" text="Clothing" active="true">
      <class code="67010100" text="Upper Body Wear" active="true">
        <brick code="10001352" text="Shirts &amp; Blouses" active="true">
          <attType code="20000794" text="Type of Material" active="true">
            <attValue code="30002654" text="COTTON" active="true"/>
            <attValue code="30002518" text="UNIDENTIFIED" active="true"/>
          </attType>
          <attType code="20000045" text="Consumer Gender" active="true">
            <attValue code="30001001" text="MALE" active="true"/>
            <attValue code="30001002" text="LADIES" active="false"/>
          </attType>
        </brick>
        <brick code="10001353" text="Sweaters" active="true">
          <attType code="20000794" text="Type of Material" active="true">
            <attValue code="30002655" text="WOOL" active="true"/>
            <attValue code="30002654" text="COTTON" active="true"/>
          </attType>
          <attType code="20009999" text="Type of Material" active="true">
            <attValue code="30002700" text="LINING" active="true"/>
          </attType>
        </brick>
        <brick code="10009999" text="Ruffs" active="false"/>
      </class>
    </family>
  </segment>
</schema>
"""

GPC_JSON = {
    "LanguageCode": "EN",
    "DateUtc": "2026-05-01",
    "Schema": [
        {"Level": 1, "Code": 67000000, "Title": "Clothing", "Active": True, "Childs": [
            {"Level": 2, "Code": 67010000, "Title": "Clothing", "Active": True, "Childs": [
                {"Level": 3, "Code": 67010100, "Title": "Upper Body Wear", "Active": True, "Childs": [
                    {"Level": 4, "Code": 10001352, "Title": "Shirts & Blouses", "Active": True, "Childs": [
                        {"Level": 5, "Code": 20000794, "Title": "Type of Material", "Active": True, "Childs": [
                            {"Level": 6, "Code": 30002654, "Title": "COTTON", "Active": True, "Childs": []}]}]},
                ]}]}]},
    ],
}  # fmt: skip


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2))


def contract_of(source, path, tmp_path, *patterns) -> Contract:
    """What the command writes, loaded."""
    output = tmp_path / "contract.yaml"
    given = [word for pattern in patterns for word in ("--categories", pattern)]
    main(["contract", str(path), "--from", source, "--output", str(output), *given])
    return load_contract(output)


def refused(source, path, tmp_path, *patterns):
    """The sentence with which the command ends; it has written nothing."""
    with pytest.raises(SystemExit) as error:
        contract_of(source, path, tmp_path, *patterns)
    assert not (tmp_path / "contract.yaml").exists()
    return str(error.value)


def change_attributes(folder, change):
    """Changes the attribute Color of Shopify's attributes.json."""
    file = folder / "dist" / "en" / "attributes.json"
    content = json.loads(file.read_text())
    change(content["attributes"][0])
    file.write_text(json.dumps(content))
