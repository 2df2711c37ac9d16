"""Shopify's taxonomy as a contract: both forms of a checkout, and the files of a release."""

import gzip

import pytest

from moemoe.labels.normalize import value_mapper
from tests.support.taxonomies import change_attributes, contract_of, refused, shopify_json, shopify_yaml


@pytest.mark.parametrize("write", [shopify_json, shopify_yaml])
def test_shopify(write, tmp_path, capsys):
    contract = contract_of("shopify", write(tmp_path / "taxonomy"), tmp_path, "Apparel & Accessories > *")
    assert contract.product_type_ids == {
        "Clothing": "gid://shopify/TaxonomyCategory/aa-1",
        "T-Shirts": "gid://shopify/TaxonomyCategory/aa-1-1",
        "Pants": "gid://shopify/TaxonomyCategory/aa-1-2",
        "Pants > Jeans": "gid://shopify/TaxonomyCategory/aa-1-2-1",
        "Baby Clothing": "gid://shopify/TaxonomyCategory/aa-1-3",
        "Baby Clothing > Jeans": "gid://shopify/TaxonomyCategory/aa-1-3-1",
        "Eyewear": "gid://shopify/TaxonomyCategory/aa-2",
    }
    types = contract.product_type_aliases()
    assert types["apparel & accessories > clothing > pants > jeans"] == types["aa 1 2 1"] == "Pants > Jeans"
    color, neckline = contract.attributes["Color"], contract.attributes["Neckline"]
    assert next(iter(contract.attributes)) == "Color"  # most categories have it
    assert contract.ids("Color", "Rose gold") == (
        "gid://shopify/TaxonomyAttribute/1", "gid://shopify/TaxonomyValue/16"
    )  # fmt: skip
    understood = value_mapper(color, contract.normalized_missing())
    assert [understood(raw) for raw in ("ROSE GOLD", "color__rose-gold", "rose-gold")] == [("Rose gold",)] * 3
    assert contract.ids("Eyewear lens color", "Beige") == contract.ids("Color", "Beige")  # an extended attribute
    assert contract.ids("Color", "no value") == (color.id, None)
    assert list(neckline.values) == ["V-neck", "Crew"]
    assert "None" in contract.attributes["Closure type"].values
    assert "None" not in contract.missing
    assert "Load" not in contract.attributes
    said = capsys.readouterr().out
    assert "Shopify's product taxonomy 2026-08, 7 of 9 categories" in said
    end = (tmp_path / "contract.yaml").read_text().partition("# Left out:\n")[2]
    assert "value 'V neck.' (gid://shopify/TaxonomyValue/391) of attribute 'Neckline' is spelled like 'V-neck'" in end


def test_both_forms_of_shopify_make_one_contract(tmp_path):
    folders = [shopify_json(tmp_path / "json"), shopify_yaml(tmp_path / "yaml")]
    hashes = []
    for folder in folders:
        hashes.append(contract_of("shopify", folder, folder).hash)
    assert hashes[0] == hashes[1]


def as_release(folder, *languages, packed=True):
    """The assets of a release of Shopify's taxonomy, which lie in one folder."""
    target = folder / "release"
    target.mkdir()
    for half in ("categories", "attributes"):
        content = (folder / "dist" / "en" / f"{half}.json").read_bytes()
        for language in languages:
            name = f"{half}.{language}.json"
            mine = content.replace(b"Furniture", f"Furniture {language}".encode())
            (target / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(mine) if packed else mine)
    return target


@pytest.mark.parametrize("packed", [True, False])
def test_the_files_of_a_release_of_shopify(packed, tmp_path):
    release = as_release(shopify_json(tmp_path), "de", "en", "pt-BR", packed=packed)
    assert "Furniture en" in contract_of("shopify", release, tmp_path).product_types
    (tmp_path / "contract.yaml").unlink()
    named = release / ("attributes.pt-BR.json.gz" if packed else "categories.pt-BR.json")
    contract = contract_of("shopify", named, tmp_path)
    assert "Furniture pt-BR" in contract.product_types
    assert "Rose gold" in contract.attributes["Color"].values


def test_a_release_of_shopify_without_a_file_or_without_english(tmp_path):
    release = as_release(shopify_json(tmp_path), "de", "fr")
    assert "holds de, fr, none of them in English" in refused("shopify", release, tmp_path)
    (release / "attributes.de.json.gz").unlink()
    said = refused("shopify", release / "categories.de.json.gz", tmp_path)
    assert "categories.de.json.gz has no file of attributes beside it" in said
    file = release / "attributes.fr.json.gz"
    file.write_bytes(file.read_bytes()[:-20])
    assert "attributes.fr.json.gz is not a complete gzip file" in refused("shopify", file, tmp_path)


def test_a_checkout_of_shopify_without_a_file_or_without_english(tmp_path):
    folder = shopify_json(tmp_path / "a")
    (folder / "dist" / "en" / "attributes.json").unlink()
    assert "categories.json has no file of attributes beside it" in refused("shopify", folder, tmp_path)
    folder = shopify_json(tmp_path / "b")
    (folder / "dist" / "en").rename(folder / "dist" / "de")
    assert f"in other languages than English; name one of {folder}/dist/de" in refused("shopify", folder, tmp_path)
    for name in ("attributes.yml", "values.yml"):
        folder = shopify_yaml(tmp_path / name)
        (folder / "data" / name).unlink()
        assert f"has the folder categories and no {name}" in refused("shopify", folder, tmp_path)


def test_a_yaml_file_of_shopify_that_is_not_whole_is_named(tmp_path):
    folder = shopify_yaml(tmp_path / "a")
    file = folder / "data" / "categories" / "fr_furniture.yml"
    file.write_text("")
    assert f"{file} is not a list of categories" in refused("shopify", folder, tmp_path)
    folder = shopify_yaml(tmp_path / "older")
    (folder / "data" / "attributes.yml").write_text("- {id: 1, name: Color, values: [color__beige]}")
    assert "attributes.yml has no base_attributes and extended_attributes" in refused("shopify", folder, tmp_path)
    folder = shopify_yaml(tmp_path / "b")
    file = folder / "data" / "attributes.yml"
    file.write_text(file.read_text().replace("values_from: color", "values_from: colour"))
    assert "attribute 'eyewear_lens_color' extends 'colour', which is missing" in refused("shopify", folder, tmp_path)


def test_a_value_without_a_handle_has_its_name_alone(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    change_attributes(folder, lambda color: color["values"][1].pop("handle"))
    color = contract_of("shopify", folder, tmp_path).attributes["Color"]
    assert color.values == {"Beige": ("color__beige",), "Rose gold": ()}
    change_attributes(folder, lambda color: color.pop("handle"))
    (tmp_path / "contract.yaml").unlink()
    assert "an entry has no handle: " in refused("shopify", folder, tmp_path)


def test_a_measurement_of_shopify_is_told(tmp_path, capsys):
    contract = contract_of("shopify", shopify_json(tmp_path / "taxonomy"), tmp_path, "Furniture")
    assert list(contract.attributes) == ["Color"]
    assert "attribute 'Load' (gid://shopify/TaxonomyAttribute/99): it is a measurement (KILOGRAMS)" in (
        capsys.readouterr().out
    )
