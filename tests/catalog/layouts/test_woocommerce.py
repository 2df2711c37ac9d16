"""WooCommerce's product export: numbered attributes, escaped lists, variations that name their parent."""

import pytest

from moemoe.catalog.read import read_batches
from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_samples import WOO, WOO_SHIRT

VARIATION = {"ID": "76", "Type": "variation", "SKU": "shirt-red", "Name": "Red", "Parent": "id:44"}


def test_rows(tmp_path):
    path = write_dicts(tmp_path / "wc-product-export.csv", WOO, WOO_SHIRT)
    found = read(path)
    assert found.first == {
        "product_id": "44",
        "marketplace": None,
        "product_type": "Shirts, Tops",
        "title": "Red & Blue",
        "bullet_points": ["Warm"],
        "description": "Light\nSoft.",
        "image": "https://img.test/1,w_2.jpg",
        "attributes": {
            "Color": "Red, Blue, dark",
            "Note": "Powered up, tested.",
            "care": "-30 degrees",
            "Categories": "Sale, Clothing > Shirts, Tops, Clothing > Men",
            "Tags": "new, summer",
        },
    }
    assert found.how.layout == "woocommerce"
    assert found.how.columns["Meta: _wpcom_is_markdown"] == found.how.columns["Regular price"] == "unused"
    assert images_of(path) == [["https://img.test/1,w_2.jpg", "https://img.test/2.jpg"]]


@pytest.mark.parametrize("parent", ["id:44", "shirt"])
def test_variations_are_part_of_their_parents(tmp_path, parent):
    orphan = VARIATION | {"SKU": "lost", "Parent": "id:99"}
    simple = {"ID": "45", "Type": "simple, virtual", "SKU": "hat", "Name": "Hat", "Categories": "Hats"}
    found = read(write_dicts(tmp_path / "a.csv", WOO, WOO_SHIRT, simple, VARIATION | {"Parent": parent}, orphan))
    assert [product["product_id"] for product in found.products] == ["44", "45"]
    assert found.how.counts == {"rows of variations, which their products list": 1}
    assert found.aside == [("row belongs to no product", "variation 'lost': no row has its parent 'id:99'")]


def test_an_import_file_without_ids_goes_by_sku(tmp_path):
    rows = ["SKU,Type,Name,Categories,Attribute 1 name,Attribute 1 value(s)", "s1,simple,Shirt,Shirts,Size,M"]
    assert read(write(tmp_path / "a.csv", *rows)).first["product_id"] == "s1"
    with pytest.raises(CatalogError, match="has no Categories, which becomes the product type"):
        read(write(tmp_path / "b.csv", rows[0].replace("Categories", "Groups"), rows[1]))


@pytest.mark.parametrize(
    "names",
    [
        ["Weight (kg)", "Length (cm)", "Width (cm)", "Height (cm)"],
        ["Gewicht (kg)", "Länge (cm)", "Breite (cm)", "Höhe (cm)"],
        ["weight_(kg)", "length_(cm)", "width_(cm)", "height_(cm)"],
        ["Weight kg", "Length cm", "Width cm", "Height cm"],
    ],
)
def test_weight_and_dimensions_have_the_unit_of_their_header(tmp_path, names):
    row = WOO_SHIRT | dict(zip(names, ("0.5", "", "20", "1,5"), strict=True))
    found = read(write_dicts(tmp_path / "a.csv", [*WOO, *names], row))
    assert {"weight": "0.5 kg", "width": "20 cm", "height": "1,5 cm"}.items() <= found.first["attributes"].items()
    assert "length" not in found.first["attributes"]
    path = write_dicts(tmp_path / "b.csv", [*WOO, *names], row | {names[0]: "0", names[2]: "0.00"})
    assert not {"weight", "width"} & read(path).first["attributes"].keys()
    assert {found.how.columns[name] for name in names} == {"attribute"}


#: What an export of a site in each language begins with, and the attribute that it has.
LANGUAGES = {
    "German": (
        "ID,Typ,Artikelnummer,Name,Veröffentlicht,Kurzbeschreibung,Beschreibung,Kategorien,Schlagwörter,Bilder,"
        "Übergeordnetes Produkt,Marken,Attribut 1 Name,Attribut 1 Wert(e),Attribut 1 Sichtbar,Meta: care"
    ),
    "French": (
        "ID,Type,UGS,Nom,Publié,Description courte,Description,Catégories,Étiquettes,Images,Parent,Marques,"
        "Nom de l’attribut 1,Valeur(s) de l’attribut 1 ,Attribut 1 visible,Méta\u00a0: care"
    ),
    "Spanish": (
        "ID,Tipo,SKU,Nombre,Publicado,Descripción corta,Descripción,Categorías,Etiquetas,Imágenes,Superior,Marcas,"
        "Nombre del atributo 1,Valor(es) del atributo 1,Atributo visible 1,Meta: care"
    ),
    "Italian": (
        "ID,Tipo,COD,Nome,Pubblicato,Breve descrizione,Descrizione,Categorie,Tag,Immagine,Genitore,Marchi,"
        "Nome dell'attributo 1,Valore dell'attributo 1,Attributo 1 visibile,Meta: care"
    ),
    "Portuguese": (
        "ID,Tipo,SKU,Nome,Publicado,Descrição curta,Descrição,Categorias,Tags,Imagens,Ascendente,Marcas,"
        "Nome do atributo 1,Valores do atributo 1,Visibilidade do atributo 1,Metadado: care"
    ),
    "Dutch": (
        "ID,Type,SKU,Naam,Gepubliceerd,Korte beschrijving,Beschrijving,Categorieën,Tags,Afbeeldingen,Hoofd,Merken,"
        "Attribuut 1 naam,Attribuut 1 waarde(n),Attribuut 1 zichtbaar,Meta: care"
    ),
    "Polish": (
        "ID,Typ,SKU,Nazwa,Opublikowany,Krótki opis,Opis,Kategorie,Tagi,Obrazki,Nadrzędny,Marki,"
        "Nazwa atrybutu 1,Wartości atrybutu 1,Atrybut 1 widoczny,Meta: care"
    ),
    "Russian": (
        "ID,Тип,Артикул,Имя,Опубликован,Краткое описание,Описание,Категории,Метки,Изображения,Родительский,Бренды,"
        "Имя атрибута 1,Значение(-я) аттрибута(-ов) 1,Видимость атрибута 1,Мета: care"
    ),
}
LOCALISED_ROWS = [
    '44,variable,shirt,Hemd,1,Leicht,Weich.,Kleidung > Hemden,neu,https://img.test/1.jpg,,Acme,Farbe,"Rot, Blau",1,30°',
    "45,variation,shirt-red,Hemd rot,1,,,,,,id:44,,Farbe,Rot,,",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_headers_in_the_language_of_the_shop(tmp_path, language):
    found = read(write(tmp_path / "a.csv", LANGUAGES[language], *LOCALISED_ROWS))
    assert found.how.layout == "woocommerce"
    [product] = found.products
    assert product == {
        "product_id": "44",
        "marketplace": None,
        "product_type": "Hemden",
        "title": "Hemd",
        "bullet_points": [],
        "description": "Leicht\nWeich.",
        "image": "https://img.test/1.jpg",
        "attributes": {
            "Farbe": "Rot, Blau",
            "care": "30°",
            "Categories": "Kleidung > Hemden",
            "Tags": "neu",
            "Brands": "Acme",
        },
    }
    assert found.how.counts == {"rows of variations, which their products list": 1}


@pytest.mark.parametrize("layout", ["auto", "woocommerce"])
def test_headers_in_a_language_that_is_not_known(tmp_path, layout):
    header = "ID,Tüüp,Laokood,Nimi,Kategooriad,Omadus 1 nimi,Omadus 1 väärtus"
    path = write(
        tmp_path / "a.csv", header, "1,simple,s1,Särk,Särgid,Värv,Punane", "2,variable,s2,Müts,Mütsid,Värv,Must"
    )
    with pytest.raises(
        CatalogError, match=r"column 'Tüüp' holds product types of WooCommerce.*rename the columns to Type, "
    ):
        list(read_batches(str(path), layout=layout))


def test_variations_may_come_before_their_parent(tmp_path):
    """As of a file that somebody has sorted by SKU."""
    box = {"ID": "46", "Type": "variable-subscription", "SKU": "box", "Name": "Box", "Categories": "Socks"}
    of_box = {"ID": "47", "Type": "subscription_variation", "SKU": "box-s", "Name": "S", "Parent": "box"}
    found = read(write_dicts(tmp_path / "a.csv", WOO, VARIATION, of_box, box, WOO_SHIRT))
    assert [product["product_id"] for product in found.products] == ["46", "44"]
    assert (found.aside, found.how.counts) == ([], {"rows of variations, which their products list": 2})


def test_shortcodes_of_page_builders_are_left_out(tmp_path):
    body = '[vc_row full_width="x"][vc_column]<p>Soft [NEW].</p>[/vc_column][/vc_row]'
    row = WOO_SHIRT | {"Description": body, "Short description": "[vc_row]Light[/vc_row]"}
    assert read(write_dicts(tmp_path / "a.csv", WOO, row)).first["description"] == "Light\nSoft [NEW]."


def test_values_of_an_attribute_without_a_name_are_counted(tmp_path):
    row = WOO_SHIRT | {"Attribute 2 name": "", "Attribute 2 value(s)": "Cotton"}
    counts = read(write_dicts(tmp_path / "a.csv", WOO, row)).how.counts
    assert counts == {"attribute values without a name, left out": 1}
