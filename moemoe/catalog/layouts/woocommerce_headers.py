"""The headers of WooCommerce's product CSV, in the languages of exporting sites.

Types of products ("simple", "variation") and references to parents ("id:44") are the same in every language.
"""

import re
from collections.abc import Sequence

from moemoe.catalog.formats.table import Table
from moemoe.catalog.layouts.shop_values import as_cell, split_list

#: English name -> the same in German, French, Spanish, Italian, Portuguese, Dutch, Polish and Russian.
_TRANSLATIONS = {
    "ID": (),
    "SKU": ("Artikelnummer", "UGS", "COD", "REF", "Артикул"),
    "Type": ("Typ", "Tipo", "Rodzaj", "Тип"),
    "Parent": (
        *("Übergeordnetes Produkt", "Übergeordnet", "Superior", "Principal", "Genitore", "Ascendente", "Pai"),
        *("Hoofd", "Bovenliggend", "Nadrzędny", "Родительский"),
    ),
    "Name": ("Nom", "Nombre", "Nome", "Naam", "Nazwa", "Имя", "Название"),
    "Short description": (
        *("Kurzbeschreibung", "Description courte", "Descripción corta", "Breve descrizione", "Descrição curta"),
        *("Breve descrição", "Korte beschrijving", "Krótki opis", "Краткое описание", "Короткое описание"),
    ),
    "Description": ("Beschreibung", "Descripción", "Descrizione", "Descrição", "Beschrijving", "Opis", "Описание"),
    "Categories": (
        *("Kategorien", "Catégories", "Categorías", "Categorie", "Categorias", "Categorieën", "Kategorie"),
        "Категории",
    ),
    "Tags": ("Schlagwörter", "Étiquettes", "Etiquetas", "Tag", "Tagi", "Znaczniki", "Метки"),
    "Brands": ("Marken", "Marques", "Marcas", "Marchi", "Merken", "Marki", "Бренды"),
    "Images": ("Bilder", "Imágenes", "Immagini", "Immagine", "Imagens", "Afbeeldingen", "Obrazki", "Изображения"),
    "Visibility in catalog": (
        *("Sichtbarkeit im Katalog", "Visibilité dans le catalogue", "Visibilidad en el catálogo"),
        *("Visibilità nel catalogo", "Visibilidade no catálogo", "Zichtbaarheid in catalogus"),
        *("Widoczność w katalogu", "Видимость в каталоге"),
    ),
}
#: The columns of an attribute, without its number.
_NAMES = (
    *("attribute name", "attribut name", "nom de l'attribut", "nombre del atributo", "nome dell'attributo"),
    *("nome do atributo", "attribuut naam", "nazwa atrybutu", "имя атрибута", "название атрибута"),
)
_VALUES = (
    *("attribute value(s)", "attribut wert(e)", "valeur(s) de l'attribut", "valor(es) del atributo"),
    *("valore dell'attributo", "valore(i) dell'attributo", "valores do atributo", "valor(es) do atributo"),
    *("attribuut waarde(n)", "wartości atrybutu", "wartość atrybutu", "значение(-я) аттрибута(-ов)"),
)
#: Names of measures in these languages; the header ends with the shop's unit: "Weight (kg)".
_MEASURES = {
    "weight": ("weight", "gewicht", "poids", "peso", "waga", "вес"),
    "length": ("length", "länge", "longueur", "longitud", "lunghezza", "comprimento", "lengte", "długość", "длина"),
    "width": (
        *("width", "breite", "largeur", "anchura", "ancho", "larghezza", "largura", "breedte", "szerokość"),
        "ширина",
    ),
    "height": ("height", "höhe", "hauteur", "altura", "altezza", "hoogte", "wysokość", "высота"),
}
_MEASURED = {word: key for key, words in _MEASURES.items() for word in words}
_MEASURE = re.compile(rf"({'|'.join(_MEASURED)})[ _]*\(?(kg|g|lbs|oz|m|cm|mm|in|yd)\)?")
#: All of these, for files with another spelling; an attribute's number is the last word or the one before it.
NAMES = (
    *(name for english, others in _TRANSLATIONS.items() for name in (english, *others)),
    *(f"{name} 1" for name in (*_NAMES, *_VALUES)),
    *(" 1 ".join(name.rsplit(" ", 1)) for name in (*_NAMES, *_VALUES)),
)
#: Custom fields; those that begin with _ belong to WordPress and its plugins. "Meta:_" was "Meta: ".
_FIELD = re.compile(r"(?:Meta|Méta|Мета|Metadado)\s*:(?:\s*|_)([^_\s].*)", re.IGNORECASE)
_TYPES = frozenset(("simple", "variable", "variation", "grouped", "external", "virtual", "downloadable"))


def named_columns(columns: Sequence[str]) -> dict[str, str]:
    """English name -> the file's column, for those it has."""
    spelled = {_plain(column): column for column in reversed(columns)}
    found = {
        name: next((spelled[_plain(own)] for own in (name, *others) if _plain(own) in spelled), None)
        for name, others in _TRANSLATIONS.items()
    }
    return {name: column for name, column in found.items() if column is not None}


def attribute_columns(columns: Sequence[str]) -> list[tuple[str, str]]:
    """The columns of the name and values of each numbered attribute, by number."""
    pairs: dict[int, dict[bool, str]] = {}
    for column in columns:
        number = re.search(r"\d+", column)
        words = " ".join(re.sub(r"\d+", " ", _plain(column), count=1).split())
        if number and words in (*_NAMES, *_VALUES):
            pairs.setdefault(int(number[0]), {})[words in _NAMES] = column
    return [(pair[True], pair[False]) for _, pair in sorted(pairs.items()) if len(pair) == 2]


def custom_fields(columns: Sequence[str]) -> dict[str, str]:
    """Columns of custom fields -> their keys."""
    return {column: found[1] for column in columns if (found := _FIELD.fullmatch(column.strip()))}


def measure_columns(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Columns of weight and dimensions -> their keys and units."""
    found = ((column, _MEASURE.fullmatch(_plain(column))) for column in columns)
    return {column: (_MEASURED[match[1]], match[2]) for column, match in found if match}


def column_of_types(table: Table) -> str | None:
    """The column with WooCommerce's product types in all of the first rows; only its name is translated."""
    rows = table.first(20)
    for column in table.columns:
        cells = [split_list(as_cell(row.get(column))) for row in rows]
        if rows and all(kinds and _TYPES.issuperset(kinds) for kinds in cells):
            return column
    return None


def _plain(name: str) -> str:
    """A header in lower case, stripped, without the typographic apostrophes of French exports."""
    return " ".join(name.replace("\u2019", "'").casefold().split())
