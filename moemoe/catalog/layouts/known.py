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
    long_form,
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
LAYOUTS = {module.LAYOUT.name: module.LAYOUT for module in (own, flat, long_form, *_SHOPS)}
#: If one of these is named and does not fit, reading says which column it lacks.
SAY_WHAT_IS_MISSING = (own.LAYOUT.name, flat.LAYOUT.name, long_form.LAYOUT.name)


def check_layout(name: str) -> None:
    """Raises ConfigError if ``--layout`` does not know the name."""
    if name != AUTO and name not in LAYOUTS:
        raise ConfigError(f"--layout {name!r} is unknown{did_you_mean(name, [AUTO, *LAYOUTS])}")


def layout_of(file: SellerFile, name: str = AUTO) -> Layout:
    """The layout that is named, or recognised.

    Raises:
        ConfigError: the name is unknown.
        CatalogError: no layout fits the file, or more than one, or not the one that is named.
    """
    check_layout(name)
    partition = file.table.partition
    fitting = {layout.name: layout for layout in LAYOUTS.values() if layout.fits(file)}
    file.became.clear()
    if name in fitting or name in SAY_WHAT_IS_MISSING:
        return LAYOUTS[name]
    if name != AUTO:
        columns = ", ".join(repr(column[:60]) for column in file.table.columns[:40])
        raise CatalogError(f"{partition} is not {LAYOUTS[name].about} (--layout {name}); it has columns {columns}")
    if len(fitting) > 1:
        raise CatalogError(f"{partition} fits the layouts {' and '.join(fitting)}; say which with --layout NAME")
    if not fitting:
        try:
            own.check(file)
        except CatalogError as error:
            others = ", ".join(other for other in LAYOUTS if other != own.LAYOUT.name)
            raise CatalogError(f"{error}; it has none of the layouts {others} either") from error
    return next(iter(fitting.values()))
