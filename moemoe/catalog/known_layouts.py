"""All layouts by name, and the detection of a file's layout."""

import re
from itertools import chain

from moemoe.catalog.apis import akeneo as akeneo_api
from moemoe.catalog.apis import amazon as amazon_api
from moemoe.catalog.apis import magento as magento_api
from moemoe.catalog.apis import shopify as shopify_api
from moemoe.catalog.apis import woocommerce as woocommerce_api
from moemoe.catalog.formats.csv_lines import DELIMITERS
from moemoe.catalog.formats.table import GridTable
from moemoe.catalog.layouts import (
    abo,
    amazon,
    amazon_reviews,
    bigcommerce,
    ebay,
    etsy,
    flat,
    flipkart,
    google,
    kaggle_fashion,
    long_form,
    magento,
    own,
    prestashop,
    shopify,
    woocommerce,
)
from moemoe.catalog.layouts.columns import respelled
from moemoe.catalog.layouts.layout import Layout, SellerFile
from moemoe.catalog.layouts.named_columns import found_columns
from moemoe.errors import CatalogError, ConfigError
from moemoe.names import did_you_mean

#: Recognises the layout of each file.
AUTO = "auto"
_EXPORTS = (shopify, google, amazon, woocommerce, magento, bigcommerce, prestashop, ebay, etsy)
_APIS = (shopify_api, woocommerce_api, magento_api, amazon_api, akeneo_api)
_DATA_SETS = (flipkart, kaggle_fashion, amazon_reviews, abo)
LAYOUTS = {module.LAYOUT.name: module.LAYOUT for module in (own, flat, long_form, *_EXPORTS, *_APIS, *_DATA_SETS)}
#: Content of a product's cell that is not a column name.
_OF_A_PRODUCT = re.compile(r"[\d.,]+|https?://.*")
#: Layouts that use the contract's ``columns:``. If one is named but does not fit, the error names the missing column.
BY_CONTRACT = (own.LAYOUT.name, flat.LAYOUT.name, long_form.LAYOUT.name)


def check_layout(name: str) -> None:
    """Raises ConfigError if ``--layout`` has no such name."""
    if name != AUTO and name not in LAYOUTS:
        raise ConfigError(f"--layout {name!r} is unknown{did_you_mean(name, [AUTO, *LAYOUTS])}")


def layout_of(file: SellerFile, name: str = AUTO) -> Layout:
    """The named or recognised layout.

    In a workbook the first sheet with that layout is used: ``file.table`` is set to it.

    Raises:
        ConfigError: the name is unknown.
        CatalogError: no layout fits the file, or several do, or the named one does not.
    """
    layout = _found(file, name)
    _respell(file, layout)
    file.became.clear()
    if isinstance(file.table, GridTable):
        file.table.cells_needed = file.cells_needed
    return layout


def _found(file: SellerFile, name: str) -> Layout:
    check_layout(name)
    first = file.table
    for table in chain([first], (sheet() for sheet in first.further)):
        file.table = table
        fitting = _fitting(file, name)
        if name in fitting or (name == AUTO and fitting):
            break
    else:
        file.table = first
    if name in fitting or name in BY_CONTRACT:
        return LAYOUTS[name]
    if len(fitting) > 1 and name == AUTO:
        raise CatalogError(f"{first.partition} fits the layouts {' and '.join(fitting)}; say which with --layout NAME")
    if name != AUTO or not fitting:
        raise _unknown(file, name)
    return LAYOUTS[fitting[0]]


def _fitting(file: SellerFile, name: str) -> list[str]:
    """The layouts that fit the file's column names; else those that fit the respelled names."""
    fitting = [layout.name for layout in LAYOUTS.values() if layout.fits(file)]
    if name not in fitting and (name != AUTO or not fitting):
        for layout in LAYOUTS.values():
            _respell(file, layout)
            if file.table.names and layout.fits(file):
                fitting.append(layout.name)
        file.table.respell({})
    file.became.clear()
    return fitting


def _respell(file: SellerFile, layout: Layout) -> None:
    """Respells the columns as the layout does, except those from the path."""
    file.table.respell({})
    own = [column for column in file.table.columns if column not in file.table.constants]
    file.table.respell(respelled(own, layout.names))


def ignored_columns(file: SellerFile, layout: Layout) -> dict[str, str]:
    """A file's columns that the contract maps, though the file's layout has its own names -> the catalog columns."""
    if layout.name in BY_CONTRACT:
        return {}
    named = {own: name for name, own in file.plain_names().items()}
    columns = [file.table.as_written(column) for column in file.table.columns]
    return {column: named[own] for own, column in found_columns(columns, named).items()}


def _unknown(file: SellerFile, name: str) -> CatalogError:
    """The error for a file that no layout fits, or not the named one."""
    partition = file.table.partition
    asked = LAYOUTS.values() if name == AUTO else [LAYOUTS[name]]
    if hint := next(filter(None, (layout.nearly(file) for layout in asked)), None):
        return CatalogError(f"{partition}: {hint}")
    if name != AUTO:
        columns = ", ".join(repr(column[:60]) for column in file.table.columns[:40])
        return CatalogError(f"{partition} is not {LAYOUTS[name].about} (--layout {name}); it has columns {columns}")
    others = ", ".join(other for other in LAYOUTS if other != own.LAYOUT.name)
    header = "; the first row is taken for the header" if isinstance(file.table, GridTable) else ""
    if file.table.format.startswith("CSV") and len(file.table.columns) == 1:
        signs = ", ".join(DELIMITERS.values())
        header += f"; if its delimiter is not among {signs}, declare it above the header, as in `sep=:`"
    if header and any(map(_OF_A_PRODUCT.fullmatch, file.table.columns)):
        shown = ", ".join(repr(column[:60]) for column in file.table.columns[:9])
        header = f"; its first row, {shown}, looks like a product: each file needs the header as its first row"
    try:
        own.check(file)
    except CatalogError as error:
        return CatalogError(f"{error}; it does not fit the layouts {others} either{header}")
    return CatalogError(f"{partition} does not fit any of the layouts {own.LAYOUT.name}, {others}")
