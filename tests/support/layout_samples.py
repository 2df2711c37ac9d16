"""A file of each layout, for tests of all of them."""

import json

from tests.support import shop_api_samples as of_apis
from tests.support import shop_samples as samples
from tests.support.seller_files import write, write_dicts

#: Layout -> how to write a sample of it into a folder.
SAMPLES = {
    "own": lambda f: write(f / "a.csv", "product_id,product_type,title,attributes.color", "1,Shirts,Shirt,Red"),
    "flat": lambda f: write(f / "a.csv", "product_id,product_type,title,color,size", "1,Shirts,Shirt,Red,M"),
    "shopify": lambda f: write(f / "a.csv", samples.SHOPIFY, samples.SHOPIFY_SHIRT),
    "shopify-api": lambda f: write(f / "a.json", json.dumps({"products": [of_apis.SHOPIFY_SHIRT]})),
    "google": lambda f: samples.write_tabs(f / "a.tsv", samples.GOOGLE, samples.GOOGLE_ROW),
    "amazon": lambda f: samples.write_flat_file(f / "a.txt", samples.AMAZON, samples.AMAZON_RED),
    "woocommerce": lambda f: write_dicts(f / "a.csv", samples.WOO, samples.WOO_SHIRT),
    "magento": lambda f: write_dicts(f / "a.csv", samples.MAGENTO, samples.MAGENTO_HOODIE),
    "woocommerce-api": lambda f: write(f / "a.json", json.dumps([of_apis.WOO_SHIRT])),
    "magento-api": lambda f: write(f / "a.json", json.dumps({"items": [of_apis.MAGENTO_HOODIE], "total_count": 1})),
    "amazon-api": lambda f: write(f / "a.json", json.dumps({"numberOfResults": 1, "items": [of_apis.AMAZON_SHIRT]})),
    "akeneo-api": lambda f: write(f / "a.json", json.dumps({"_embedded": {"items": [of_apis.AKENEO_SHIRT]}})),
    "bigcommerce": lambda f: write_dicts(f / "a.csv", samples.BIGCOMMERCE, *samples.BIGCOMMERCE_ROWS),
    "prestashop": lambda f: write(f / "a.csv", samples.PRESTASHOP, samples.PRESTASHOP_SHIRT),
    "ebay": lambda f: write(f / "a.csv", samples.EBAY, *samples.EBAY_ROWS),
    "etsy": lambda f: write(f / "a.csv", samples.ETSY, samples.ETSY_RING),
    "flipkart": lambda f: write_dicts(f / "a.csv", samples.FLIPKART, samples.flipkart_row()),
    "kaggle-fashion": lambda f: write(f / "a.csv", samples.KAGGLE, samples.KAGGLE_ROW),
    "amazon-reviews": lambda f: write(f / "a.jsonl", json.dumps(samples.REVIEWS_ITEM)),
    "abo": lambda f: samples.write_listings(f / "a.json.gz", samples.ABO_LISTING),
}
#: Further shapes of a layout.
FURTHER = [
    ("google", lambda f: write(f / "a.xml", samples.GOOGLE_RSS.format(encoding="UTF-8"))),
    ("amazon", lambda f: samples.write_flat_file(f / "a.txt", samples.AMAZON_NEW, samples.AMAZON_NEW_ROW)),
    ("bigcommerce", lambda f: write_dicts(f / "a.csv", samples.BIGCOMMERCE_LEGACY)),
    ("woocommerce-api", lambda f: write(f / "a.json", json.dumps([of_apis.WOO_STORE_HAT]))),
    ("magento-api", lambda f: write(f / "a.json", json.dumps(of_apis.MAGENTO_ATTRIBUTES))),
    ("magento-api", lambda f: write(f / "a.json", json.dumps(of_apis.MAGENTO_CATEGORIES))),
    ("shopify-api", lambda f: write(f / "a.jsonl", *map(json.dumps, [of_apis.SHOPIFY_TEE, *of_apis.SHOPIFY_PARTS]))),
    ("amazon-api", lambda f: write(f / "a.jsonl", json.dumps(of_apis.AMAZON_BALL))),
    (
        "shopify",
        lambda f: write(f / "a.csv", "Title,URL handle,Description,Option1 name,Option1 value,SKU", "A,a,b,Size,S,1"),
    ),
    (
        "woocommerce",
        lambda f: write(f / "a.csv", "SKU,Type,Name,Attribute 1 name,Attribute 1 value(s)", "1,simple,A,Size,M"),
    ),
]
