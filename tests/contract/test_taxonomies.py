"""``moemoe contract``: the three published taxonomies as contracts that load, with their ids."""

import json
import sys
import unicodedata

import pytest

from moemoe.contract.new_contract import MISSING
from tests.support.taxonomies import (
    GOOGLE,
    GPC_JSON,
    GPC_XML,
    change_attributes,
    contract_of,
    refused,
    shopify_json,
    shopify_yaml,
)


@pytest.mark.parametrize(("source", "name"), [
    ("shopify", "dist/en/categories.json"), ("shopify", "data/values.yml"), ("google", "taxonomy-with-ids.en-US.txt"),
    ("gpc", "EN.xml"), ("gpc", "EN.json"),
])  # fmt: skip
def test_a_file_that_windows_has_saved(source, name, tmp_path):
    """A byte order mark, and two characters a line end."""
    folder = tmp_path / "taxonomy"
    if source == "shopify":
        (shopify_yaml if name.startswith("data") else shopify_json)(folder)
    else:
        folder.mkdir()
        whole = GOOGLE if source == "google" else GPC_XML if name.endswith("xml") else json.dumps(GPC_JSON, indent=1)
        (folder / name).write_text(whole)
    before = contract_of(source, folder, tmp_path)
    (tmp_path / "contract.yaml").unlink()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert contract_of(source, folder, tmp_path).hash == before.hash


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_file_in_utf_16(encoding, tmp_path):
    (tmp_path / "a.txt").write_bytes(GOOGLE.encode())
    before = contract_of("google", tmp_path / "a.txt", tmp_path)
    (tmp_path / "contract.yaml").unlink()
    mark = "\ufeff" if encoding.endswith("be") else ""
    (tmp_path / "a.txt").write_bytes((mark + GOOGLE).encode(encoding))
    assert contract_of("google", tmp_path / "a.txt", tmp_path).hash == before.hash


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("166 - Vêtements\n".encode("latin-1"), r"a\.txt is not valid UTF-8 text \(byte 7\).*save it as UTF-8"),
        (GOOGLE.encode("utf-16")[:-1], r"a\.txt is not valid UTF-16.* text \(byte \d+\).*save it as UTF-8"),
        (GOOGLE.encode("utf-16-le"), r"a\.txt has NUL bytes, as UTF-16 without a mark has; save it as UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_named(content, said, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(SystemExit, match=said):
        contract_of("google", tmp_path / "a.txt", tmp_path)


TURKISH = """\
# Google_Product_Taxonomy_Version: 2021-09-21
166 - Giyim ve Aksesuarlar
1604 - Giyim ve Aksesuarlar > Giysiler
436 - Işıklandırma
437 - İpek
"""


@pytest.mark.parametrize(
    ("pattern", "id"),
    [
        *((pattern, "1604") for pattern in ("GİYİM VE AKSESUARLAR > *", "giyim ve aksesuarlar > *", "GIYIM > *")),
        *((pattern, "436") for pattern in ("Işıklandırma", "IŞIKLANDIRMA", "ışıklandırma", "işiklandirma")),
        *((pattern, "437") for pattern in ("İpek", "ipek", "IPEK", "ıpek", "i\u0307pek", "?pek", "İP*")),
    ],
)
def test_turkish_letters_in_categories(pattern, id, tmp_path):
    file = tmp_path / "taxonomy-with-ids.tr-TR.txt"
    file.write_text(TURKISH)
    assert list(contract_of("google", tmp_path, tmp_path, pattern).product_type_ids.values()) == [id]


def test_decomposed_letters_in_categories(tmp_path):
    """As a Mac's file names and what is copied from them are written."""
    (tmp_path / "google.txt").write_text("166 - Vêtements\n")
    pattern = unicodedata.normalize("NFD", "VÊTEMENTS")
    assert list(contract_of("google", tmp_path / "google.txt", tmp_path, pattern).product_types) == ["Vêtements"]
    (tmp_path / "contract.yaml").unlink()
    (tmp_path / "google.txt").write_text(unicodedata.normalize("NFD", "166 - Vêtements\n"))
    assert contract_of("google", tmp_path / "google.txt", tmp_path, "vêtements").product_type_ids


def test_several_languages_without_english(tmp_path):
    for language in ("de-DE", "fr-FR"):
        (tmp_path / f"taxonomy-with-ids.{language}.txt").write_text(GOOGLE)
    said = refused("google", tmp_path, tmp_path)
    assert "holds taxonomy-with-ids.de-DE.txt, taxonomy-with-ids.fr-FR.txt, none of them in English" in said


def test_gpc_one_folder_below(tmp_path):
    (tmp_path / "GPC" / "EN").mkdir(parents=True)
    (tmp_path / "GPC" / "EN" / "GPC EN.xml").write_text(GPC_XML)
    assert len(contract_of("gpc", tmp_path / "GPC", tmp_path).product_types) == 2


def test_deprecated_entries_are_left_out_and_told(tmp_path, capsys):
    folder = shopify_json(tmp_path / "taxonomy", aa_2={"deprecated": True})
    assert "Eyewear" not in contract_of("shopify", folder, tmp_path).product_types
    assert "category 'Eyewear' (gid://shopify/TaxonomyCategory/aa-2) is deprecated" in capsys.readouterr().out


def test_google_has_product_types_alone(tmp_path):
    file = tmp_path / "taxonomy-with-ids.en-US.txt"
    file.write_text(GOOGLE)
    contract = contract_of("google", tmp_path, tmp_path, "apparel*clothing > *")
    assert contract.product_type_ids == {"Dresses": "2271", "Shirts & Tops": "212"}
    assert contract.product_type_aliases()["212"] == "Shirts & Tops"
    assert contract.open is not None
    assert contract.attributes == {}


def test_google_in_english_is_taken_of_several_languages(tmp_path):
    for language in ("de-DE", "en-GB", "en-US"):
        name = GOOGLE.replace("Dresses", f"Dresses {language}")
        (tmp_path / f"taxonomy-with-ids.{language}.txt").write_text(name)
    assert "Dresses en-US" in contract_of("google", tmp_path, tmp_path).product_type_ids


@pytest.mark.parametrize("name", ["GPC as of May 2025 v20250509 EN.xml", "gpc.xml"])
def test_gpc_as_xml(name, tmp_path, capsys):
    (tmp_path / name).write_text(GPC_XML)
    (tmp_path / "GPC as of May 2025 v20250509 DE.xml").write_text(GPC_XML.replace('"EN"', '"DE"').replace("CO", "BAU"))
    contract = contract_of("gpc", tmp_path, tmp_path)
    assert contract.product_type_ids == {"Shirts & Blouses": "10001352", "Sweaters": "10001353"}
    assert {name: attribute.value_ids for name, attribute in contract.attributes.items()} == {
        "Type of Material (20000794)": {"COTTON": "30002654", "WOOL": "30002655"},  # of both bricks
        "Type of Material (20009999)": {"LINING": "30002700"},
        "Consumer Gender": {"MALE": "30001001"},
    }
    assert contract.missing == ("UNIDENTIFIED", "UNCLASSIFIED", "NOT APPLICABLE", *MISSING)
    assert contract.attributes["Consumer Gender"].lookup()["30001001"] == "MALE"
    end = (tmp_path / "contract.yaml").read_text().partition("# Left out:\n")[2]
    assert "Clothing > Clothing > Upper Body Wear > Ruffs (10009999) is not active" in end
    assert "LADIES (30001002) is not active" in end
    assert "'UNIDENTIFIED' (30002518) of attribute 'Type of Material' says nothing" in end


def test_gpc_as_json(tmp_path):
    (tmp_path / "GPC as of May 2026 EN.json").write_text(json.dumps(GPC_JSON))
    (tmp_path / "package.json").write_text("{}")
    contract = contract_of("gpc", tmp_path, tmp_path)
    assert contract.product_type_ids == {"Shirts & Blouses": "10001352"}
    assert contract.ids("Type of Material", "COTTON") == ("20000794", "30002654")


def test_the_first_words_of_names_find_categories_if_nothing_has_the_whole_name(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    assert len(contract_of("shopify", folder, tmp_path, "Apparel > *").product_types) == 7
    (tmp_path / "contract.yaml").unlink()
    assert list(contract_of("shopify", folder, tmp_path, "*jeans", "furniture").product_types) == [
        "Pants > Jeans", "Baby Clothing > Jeans", "Furniture",
    ]  # fmt: skip


def test_categories_that_nothing_matches(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    said = refused("shopify", folder, tmp_path, "Aparel & Accessories > *")
    assert (
        "--categories 'Aparel & Accessories > *' matches no category; did you mean 'Apparel & Accessories > *'" in said
    )
    said = refused("shopify", folder, tmp_path, "Apparel & Accessories > Clothing > Tshirts")
    assert "did you mean 'Apparel & Accessories > Clothing > T-Shirts'" in said
    assert "known are" in refused("shopify", folder, tmp_path, "*.*")


def test_parents_in_a_circle(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy", aa_1={"parent_id": "gid://shopify/TaxonomyCategory/aa-1-1"})
    said = refused("shopify", folder, tmp_path)
    ids = [f"gid://shopify/TaxonomyCategory/{id}" for id in ("aa-1", "aa-1-1", "aa-1")]
    assert f"go in a circle: {' > '.join(ids)}" in said


def test_a_very_deep_tree_is_no_circle(tmp_path):
    """Parents are followed without recursion."""
    from moemoe.contract.taxonomies.taxonomy import paths

    number = sys.getrecursionlimit() * 2
    names = {str(at): f"n{at}" for at in range(number)}
    found = paths(names, {str(at): str(at + 1) for at in range(number - 1)}, "here")
    assert len(found["0"]) == number


def test_an_unknown_parent_or_attribute(tmp_path):
    folder = shopify_json(tmp_path / "a", aa_1={"parent_id": "gid://shopify/TaxonomyCategory/zz"})
    assert "has the parent 'gid://shopify/TaxonomyCategory/zz', which is missing" in refused(
        "shopify", folder, tmp_path
    )
    folder = shopify_json(tmp_path / "b", aa_2={"attributes": [{"handle": "scent"}]})
    assert "has the attribute 'scent', which the attributes' file does not have" in refused("shopify", folder, tmp_path)


@pytest.mark.parametrize(("source", "name"), [
    ("shopify", "dist/en/categories.json"),
    ("shopify", "dist/en/attributes.json"),
    ("shopify", "data/values.yml"),
    ("shopify", "data/attributes.yml"),
    ("shopify", "data/categories/aa_apparel_accessories.yml"),
    ("google", "taxonomy-with-ids.en-US.txt"),
    ("gpc", "EN.xml"),
    ("gpc", "EN.json"),
])  # fmt: skip
@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
def test_a_file_cut_short(source, name, share, tmp_path):
    folder = tmp_path / "taxonomy"
    if source == "shopify":
        (shopify_yaml if name.startswith("data") else shopify_json)(folder)
    else:
        folder.mkdir()
        whole = GOOGLE if source == "google" else GPC_XML if name.endswith("xml") else json.dumps(GPC_JSON)
        (folder / name).write_text(whole)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    said = refused(source, folder, tmp_path)
    assert said.startswith("moemoe: ")
    assert "\n" not in said
    assert str(folder) in said


@pytest.mark.parametrize("source", ["shopify", "google", "gpc"])
@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"Schema": [1]}', "<a/>", "1 - A\nB\n", '{"version": "1", "attributes": 3}']
)
def test_what_is_no_such_taxonomy(source, content, tmp_path):
    folder = tmp_path / "taxonomy"
    folder.mkdir()
    if content is not None:
        for name in ("taxonomy.json", "x.xml", "taxonomy-with-ids.de-DE.txt"):
            (folder / name).write_text(content)
    said = refused(source, folder, tmp_path)
    assert "\n" not in said
    assert any(word in said for word in ("expected: ", "complete", "valid"))
    assert "there is no such" in refused(source, tmp_path / "nothing", tmp_path)


@pytest.mark.parametrize("dtd", [
    '<!DOCTYPE schema [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>',
    '<!DOCTYPE schema SYSTEM "file:///etc/passwd">',
])  # fmt: skip
def test_xml_with_entities_is_refused(dtd, tmp_path):
    (tmp_path / "EN.xml").write_text(GPC_XML.replace("?>\n", f"?>\n{dtd}\n", 1))
    assert "XML with a DTD or entities is not read" in refused("gpc", tmp_path, tmp_path)


@pytest.mark.parametrize("change", [
    {"name": None}, {"name": ""}, {"name": " \u200b"}, {"name": True}, {"name": ["Beige"]}, {"name": "a\ud800b"},
    {"id": None}, {"handle": None},
])  # fmt: skip
def test_an_entry_without_a_text_where_one_must_be(change, tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    change_attributes(folder, lambda color: color["values"][0].update(change))
    said = refused("shopify", folder, tmp_path)
    [key] = change
    assert f"an entry has the {key} " in said
    assert str(folder) in said
    assert "\n" not in said


@pytest.mark.parametrize("name", [None, "", "---"])
def test_a_name_that_no_contract_can_have(name, tmp_path):
    """Found before the contract is written, and told of the taxonomy, not of the contract."""
    folder = shopify_json(tmp_path / "category", aa_1={"name": name})
    assert f"{folder}: an entry has the name {str(name)!r}" in refused("shopify", folder, tmp_path)
    folder = shopify_json(tmp_path / "attribute")
    change_attributes(folder, lambda color: color.update(name=name))
    assert f"{folder}: an entry has the name {str(name)!r}" in refused("shopify", folder, tmp_path)
    (tmp_path / "EN.xml").write_text(GPC_XML.replace("Sweaters", name or ""))
    assert f"EN.xml: an entry has the text {name or ''!r}" in refused("gpc", tmp_path / "EN.xml", tmp_path)
    (tmp_path / "google.txt").write_text(GOOGLE + f"9 - Furniture > {name or ''}\n")
    if name is not None:
        assert "google.txt:7: '9 - Furniture > " in refused("google", tmp_path / "google.txt", tmp_path)


def test_invisible_characters_of_a_name_are_left_out(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    change_attributes(folder, lambda color: color["values"][0].update(name="\u202aSky\x00 \n blue\u202c"))
    assert "Sky blue" in contract_of("shopify", folder, tmp_path).attributes["Color"].values


def test_what_is_there_twice(tmp_path):
    (tmp_path / "google.txt").write_text(GOOGLE + "436 - Media\n")
    assert "category '436' of Google's product taxonomy 2021-09-21 comes twice" in refused(
        "google", tmp_path / "google.txt", tmp_path
    )
    (tmp_path / "EN.xml").write_text(GPC_XML.replace("10001353", "10001352"))
    assert "category '10001352' of GS1's" in refused("gpc", tmp_path / "EN.xml", tmp_path)
    folder = shopify_json(tmp_path / "taxonomy")
    change_attributes(folder, lambda color: color["extended_attributes"].append({"name": "Tint", "handle": "color"}))
    assert "attribute 'color' of Shopify's taxonomy comes twice" in refused("shopify", folder, tmp_path)


def test_two_values_with_one_id_are_told(tmp_path, capsys):
    folder = shopify_json(tmp_path / "taxonomy")
    change_attributes(folder, lambda color: color["values"][1].update(id=color["values"][0]["id"]))
    assert list(contract_of("shopify", folder, tmp_path).attributes["Color"].values) == ["Beige"]
    assert "value 'Rose gold' (gid://shopify/TaxonomyValue/6) of attribute 'Color' has the id of 'Beige'" in (
        capsys.readouterr().out
    )


def test_two_files_of_two_versions(tmp_path):
    folder = shopify_json(tmp_path / "taxonomy")
    file = folder / "dist" / "en" / "attributes.json"
    file.write_text(file.read_text().replace("2026-08", "2025-01"))
    said = refused("shopify", folder, tmp_path)
    assert "categories.json is of version 2026-08, attributes.json of 2025-01" in said


@pytest.mark.parametrize("written", [False, "false", 0])
def test_active_as_json_may_write_it(written, tmp_path):
    content = json.loads(json.dumps(GPC_JSON))
    brick = content["Schema"][0]["Childs"][0]["Childs"][0]["Childs"][0]
    content["Schema"][0]["Childs"][0]["Childs"][0]["Childs"].append(brick | {"Code": 10009999, "Active": written})
    (tmp_path / "EN.json").write_text(json.dumps(content))
    assert list(contract_of("gpc", tmp_path, tmp_path).product_type_ids.values()) == ["10001352"]


def test_active_as_xml_writes_it_too(tmp_path):
    (tmp_path / "EN.xml").write_text(GPC_XML.replace('"true"', '"1"').replace('"false"', '"0"'))
    assert list(contract_of("gpc", tmp_path, tmp_path).product_types) == ["Shirts & Blouses", "Sweaters"]


def test_gpc_in_another_language_is_named(tmp_path):
    file = tmp_path / "DE.xml"
    file.write_text(GPC_XML.replace('"EN"', '"DE"'))
    assert "holds GPC in DE and not in English; name one file to take it" in refused("gpc", tmp_path, tmp_path)
    assert len(contract_of("gpc", file, tmp_path).product_types) == 2


def test_a_contract_that_is_there_is_kept(tmp_path):
    (tmp_path / "contract.yaml").write_text("mine")
    with pytest.raises(SystemExit, match="exists; give another"):
        contract_of("shopify", shopify_json(tmp_path / "taxonomy"), tmp_path)
    assert (tmp_path / "contract.yaml").read_text() == "mine"
