"""Every layout by name, and which of them a file has."""

from moemoe.catalog.layouts import (
    abo,
    amazon,
    amazon_reviews,
    bigcommerce,
    flat,
    flipkart,
    google,
    kaggle_fashion,
    magento,
    own,
    shopify,
    woocommerce,
)
from moemoe.catalog.layouts.layout import Layout, SellerFile
from moemoe.errors import CatalogError, ConfigError
from moemoe.names import did_you_mean

#: Recognises the layout of each file.
AUTO = "auto"
_SHOPS = (shopify, google, amazon, woocommerce, magento, bigcommerce, flipkart, kaggle_fashion, amazon_reviews, abo)
LAYOUTS = {module.LAYOUT.name: module.LAYOUT for module in (own, flat, *_SHOPS)}


def check_layout(name: str) -> None:
    """Raises ConfigError if ``--layout`` does not know the name."""
    if name != AUTO and name not in LAYOUTS:
        raise ConfigError(f"--layout {name!r} is unknown{did_you_mean(name, [AUTO, *LAYOUTS])}")


def layout_of(file: SellerFile, name: str = AUTO) -> Layout:
    """The layout that is named, or recognised.

    Raises:
        ConfigError: the name is unknown.
        CatalogError: no layout fits the file, or more than one.
    """
    check_layout(name)
    if name != AUTO:
        return LAYOUTS[name]
    fitting = [layout for layout in LAYOUTS.values() if layout.fits(file)]
    file.became.clear()
    if len(fitting) > 1:
        names = " and ".join(layout.name for layout in fitting)
        raise CatalogError(f"{file.table.partition} fits the layouts {names}; say which with --layout NAME")
    return fitting[0] if fitting else own.LAYOUT  # which says what is missing
