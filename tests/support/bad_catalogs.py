"""Catalogs that no flow can read, each with its error message."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from moemoe.catalog.formats import excel, packed
from tests.support.excel_files import write_excel
from tests.support.seller_files import write
from tests.support.shop_samples import SHOPIFY, SHOPIFY_SHIRT

_HEADER = ["product_id", "product_type", "title", "color"]
_FEED = (
    '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss xmlns:g="http://base.google.com/ns/1.0"><channel>'
    "<item><g:id>1</g:id><g:title>&b;</g:title><g:product_type>Tshirts</g:product_type></item></channel></rss>"
)
#: A shop's export with the columns of a feed, as apps for both write it.
_BOTH = ("id,title,price,image_link,product_type,Handle,Option1 Name", "1,Tee,3,https://shop.test/1.jpg,Tops,tee,Color")


@dataclass(frozen=True)
class BadCatalog:
    """One of them.

    Args:
        write: makes its file in a folder.
        said: a pattern of the error.
    """

    write: Callable[[Path], Path]
    said: str


def _cut(path: Path, length: int) -> Path:
    path.write_bytes(path.read_bytes()[:-length])
    return path


def _packed(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


BAD_CATALOGS = {
    "a zip bomb as .xlsx": BadCatalog(
        lambda f: write_excel(f / "a.xlsx", [_HEADER, ["1", "Tshirts", "t" * 2**21, "Red"]]),
        r"a\.xlsx unpacks to more than 1 MiB \(a zip bomb\?\)",
    ),
    "a bomb as .gz": BadCatalog(
        lambda f: _packed(f / "a.csv.gz", ",".join(_HEADER) + "\n1,Tshirts," + "t" * 2**22),
        r"a\.csv\.gz unpacks to more than 200 times its size.*\(a zip bomb\?\)",
    ),
    "XML with entities": BadCatalog(lambda f: write(f / "a.xml", _FEED), r"a\.xml declares a document type"),
    "two layouts that fit": BadCatalog(
        lambda f: write(f / "a.csv", *_BOTH),
        r"a\.csv fits the layouts shopify and google; say which with --layout NAME",
    ),
    "a Shopify export cut in the middle of a product": BadCatalog(
        lambda f: _cut(write(f / "a.csv", SHOPIFY, SHOPIFY_SHIRT, 'hat,Hat,"<p>A hat of wool'), 4),
        r"a\.csv is cut short or is not CSV",
    ),
    "no layout": BadCatalog(lambda f: write(f / "a.csv", "name,price", "shirt,3"), "it does not fit the layouts"),
    "a JSON array cut short": BadCatalog(
        lambda f: write(f / "a.json", json.dumps([dict(zip(_HEADER, "1abc", strict=True))] * 3, indent=1)[:-20]),
        r"a\.json is cut short",
    ),
}


@pytest.fixture(params=BAD_CATALOGS, name="bad")
def bad_catalog(request, monkeypatch) -> BadCatalog:
    """Each of them, with limits that small files exceed."""
    monkeypatch.setattr(excel, "MAX_UNPACKED", 2**20)
    monkeypatch.setattr(packed, "UNPACKED_FREELY", 2**20)
    return BAD_CATALOGS[request.param]
