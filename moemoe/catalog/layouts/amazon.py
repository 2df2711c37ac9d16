"""Amazon's flat files for sellers: rows of settings and labels above the field names, in the template until 2024
(``item_sku``, ``color_name``) and the newer one (``color[marketplace_id=...][language_tag=en_US]#1.value``).

Each child of a variation family is a product with its own title, color and image. A parent is not a product; its texts
are used for children that have none.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import unquote

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import GridTable, Row
from moemoe.catalog.layouts.columns import INDEXES
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, UNUSED, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, in_order

#: Catalog column (or row information) -> its field names, old and new, without number and language.
_FIELDS = {
    "product_id": ("item_sku", "contribution_sku"),
    "product_type": ("feed_product_type", "product_type"),
    "title": ("item_name",),
    "description": ("product_description", "rtip_product_description"),
    "bullet_points": ("bullet_point",),
    "image": ("main_image_url", "main_product_image_locator.media_location"),
    "images": ("other_image_url", "other_product_image_locator.media_location"),
    "parentage": ("parent_child", "parentage_level"),
    "parent": ("parent_sku", "child_parent_sku_relationship.parent_sku"),
    "action": ("update_delete", "::record_action"),
}
_BECAME = {
    "images": "image",
    "parentage": "marks parents",
    "parent": "names the parent",
    "action": "tells deleted products",
}
#: Fields of offers, ids, delivery and compliance, which do not describe the product.
COMMERCE = re.compile(
    r"::.*|.*price.*|.*quantity.*|.*(?:_|^)(?:sku|gtin|asin|upc|ean|url|image|locator)(?:_|\d|\.|$).*|.*offer.*|"
    r"fulfillment.*|merchant_.*|external(?:ly_assigned)?_product_id.*|amzn1\..*|condition_.*|currency|.*tax.*|"
    r".*shipping.*|sale_.*|restock_.*|.*launch_date|.*release_date|recommended_browse_node.*|generic_keyword.*|"
    r"relationship_type|variation_theme.*|part_number|manufacturer_part_number|.*hazmat.*|ghs.*|batter.*|.*regulat.*|"
    r".*warranty.*|package_.*|item_package.*|supplier_declared.*|skip_offer.*|list_price.*|max_order.*|"
    r"number_of_boxes.*",
    re.IGNORECASE,
)
#: "color[marketplace_id=X][language_tag=en_US]#1.value", "main_product_image_locator[...]#1.media_location"
_NEW_FIELD = re.compile(r"(?P<name>[^\[#]+)(?P<tags>(?:\[[^\]]*\])*)(?:#(?P<number>\d+))?(?:\.(?P<part>.+))?")
#: Suffixes of a field's number or text, before its unit's.
_VALUE = re.compile(r"\.(?:decimal_|integer_|string_)?value$")
_UNIT = re.compile(r"(.+?)(?:_unit_of_measure|[._]unit)")
#: pandas' index as the first column, or row numbers without a column name.
_INDEX = re.compile(rf"\d+|{INDEXES.pattern}")
#: Values that delete a product, in the templates' languages.
_DELETE = frozenset(
    (
        *("delete", "löschen", "supprimer", "eliminar", "elimina", "excluir", "verwijderen", "usuń", "ta bort", "sil"),
        "削除",
    )
)
NOTES = "rows between the field names and the first product, left out as the settings say"
#: Amazon's ids of its marketplaces -> countries.
MARKETS = {
    **{"ATVPDKIKX0DER": "US", "A2EUQ1WTGCTBG2": "CA", "A1AM78C64UM0Y8": "MX", "A2Q3Y263D00KWC": "BR"},
    **{"A1F83G8C2ARO7P": "GB", "A1PA6795UKMFR9": "DE", "A13V1IB3VIYZZH": "FR", "APJ6JRA9NG5V4": "IT"},
    **{"A1RKKUPIHCS9HS": "ES", "A1805IZSGTT6HS": "NL", "A2NODRKZP88ZB9": "SE", "A1C3SOZRARQ6R3": "PL"},
    **{"AMEN7PMS3EDWL": "BE", "A28R8C7NBKEWEA": "IE", "A33AVAJ2PDY3EV": "TR", "A21TJRUUN4KGV": "IN"},
    **{"A2VIGQ35RCS4UG": "AE", "A17E79C6D8DWNP": "SA", "ARBP9OOSHTCHU": "EG", "AE08WJ6YKNBMC": "ZA"},
    **{"A1VC38T7YXB528": "JP", "A19VAU5U5O7RUS": "SG", "A39IBJ37TRP1C6": "AU"},
}


def fits(file: SellerFile) -> bool:
    """Whether it has Amazon's columns of SKU and item name, which no other file has."""
    names = {_split_name(column)[0] for column in file.table.columns}
    return bool({"item_sku", "contribution_sku"} & names) and bool({"item_name", "feed_product_type"} & names)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row except parents and deleted ones, which are counted."""
    fields = _Fields.of(file)
    file.check_product_type(bool(fields.named["product_type"]), "feed_product_type or product_type")
    market = _market(file)
    parent: Row | None = None
    table_rows = file.table.rows()
    for row in islice(table_rows, _rows_before_data(file)):
        file.counts[NOTES] += bool(row)
    for row in table_rows:
        if isinstance(row, RowError):
            yield row
            continue
        if not row:
            continue
        action = fields.text(row, "action").casefold()
        if action in _DELETE or ("delete" in action and "update" not in action):
            file.counts["rows of deleted products left out"] += 1
            continue
        product = fields.product(row, market)
        if fields.is_parent(row):
            file.counts["rows of parents left out: their children are the products"] += 1
            parent = product
            continue
        if parent and fields.text(row, "parent") == parent["product_id"]:
            product = {column: value if value else parent.get(column) for column, value in product.items()}
        yield product


@dataclass
class _Fields:
    """The use of each column."""

    named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # key -> columns
    units: dict[str, str] = field(default_factory=dict)  # column -> the column with its unit

    @classmethod
    def of(cls, file: SellerFile) -> "_Fields":
        fields, columns = cls(), file.table.columns
        language = _language(file)
        meanings = {name: meaning for meaning, names in _FIELDS.items() for name in names}
        spelled = {}
        for column in columns:
            key, tag = field_key(column)
            if tag and language and tag.casefold() != language.casefold():
                file.became[column] = f"{UNUSED}: another language than {language}"
            elif key in meanings:
                fields.named[meanings[key]].append(column)
                file.became[column] = _BECAME.get(meanings[key], meanings[key])
            elif key and not COMMERCE.fullmatch(key) and not _INDEX.fullmatch(column.strip()):
                spelled[column] = key
        values = {key: column for column, key in spelled.items()}
        for column, key in spelled.items():
            unit = _UNIT.fullmatch(key)
            if unit and (measured := values.get(unit[1])):
                fields.units[measured] = column
                file.became[column] = f"unit of {measured}"
            else:
                fields.labels[key].append(column)
                file.became[column] = ATTRIBUTE
        return fields

    def texts(self, row: Row, name: str) -> list[str]:
        return in_order(as_cell(row.get(column)) for column in self.named[name])

    def text(self, row: Row, name: str) -> str:
        return next(iter(self.texts(row, name)), "")

    def is_parent(self, row: Row) -> bool:
        """Whether a row is a parent; templates in other languages translate the word."""
        level = self.text(row, "parentage").casefold()
        is_word = level not in ("", "child") and bool(self.named["parent"])
        return level == "parent" or (is_word and not self.text(row, "parent"))

    def product(self, row: Row, market: str | None) -> Row:
        labels = Labels()
        for key, columns in self.labels.items():
            for column in columns:
                if value := as_cell(row.get(column)):
                    unit = as_cell(row.get(self.units[column])) if column in self.units else ""
                    labels.add(key, f"{value} {unit}")
        body = html_text(self.text(row, "description"))
        images = [*self.texts(row, "image"), *self.texts(row, "images")]
        return {
            "product_id": self.text(row, "product_id"),
            "marketplace": market,
            "product_type": self.text(row, "product_type") or None,
            "title": line_text(self.text(row, "title")),
            **described(body, images, labels),
            "bullet_points": in_order([*map(line_text, self.texts(row, "bullet_points")), *body.bullet_points]),
        }


def _split_name(column: str) -> tuple[str, str, str]:
    """Name, language and part of a field: "color", "en_US" and "value"."""
    found = _NEW_FIELD.fullmatch(column.strip().lower())
    if found is None:
        return column.strip().lower(), "", ""
    language = re.search(r"\[language_tag=([^\]]*)\]", found["tags"])
    return found["name"], language[1] if language else "", re.sub(r"#\d+", "", found["part"] or "")


def field_key(column: str) -> tuple[str, str]:
    """Key and language of a column; numbered columns ("bullet_point1", "bullet_point2") share a key."""
    name, language, part = _split_name(column)
    key = _VALUE.sub("", f"{name}.{part}") if part else name
    numbered = re.fullmatch(r"(.*?\D)_?\d{1,2}(\..*)?", key)
    if numbered:
        key = numbered[1].rstrip("_") + (numbered[2] or "")
    return key, language


def _settings(file: SellerFile) -> str:
    """The settings in the first row: template, languages, marketplace."""
    preamble = file.table.preamble if isinstance(file.table, GridTable) else ()
    return " ".join(str(cell) for cell in preamble[0]) if preamble else ""


def _rows_before_data(file: SellerFile) -> int:
    """The number of rows of notes or examples between field names and products, from the settings.

    Such rows that are blank are not counted.
    """
    numbers = [re.search(rf"{row}Row=(\d+)", _settings(file), re.IGNORECASE) for row in ("attribute", "data")]
    told = int(numbers[1][1]) - int(numbers[0][1]) - 1 if numbers[0] and numbers[1] else 0
    return max(0, told - (file.table.blank_first if isinstance(file.table, GridTable) else 0))


def _language(file: SellerFile) -> str:
    """The language of the texts: from the settings, else from the first column that has one."""
    if found := re.search(r"contentLanguageTag=(\w+)", _settings(file), re.IGNORECASE):
        return found[1]
    return next((tag for column in file.table.columns if (tag := _split_name(column)[1])), "")


def _market(file: SellerFile) -> str | None:
    """The country in the settings or the field names."""
    found = re.search(
        r"(?:primaryMarketplaceId=(?:amzn1\.mp\.o\.)?|marketplace_id=)(\w+)",
        " ".join((unquote(_settings(file)), *file.table.columns)),
        re.IGNORECASE,
    )
    return MARKETS.get(found[1].upper(), found[1]) if found else None


LAYOUT = Layout("amazon", "Amazon's flat file for sellers", fits, rows)
