"""Products as the APIs of shops answer."""

SHOPIFY_SHIRT = {
    "id": 632910392,
    "title": "Red &amp; Blue Shirt",
    "handle": "red-shirt",
    "body_html": "<p>Soft.</p>\n<ul><li>Cotton</li></ul>",
    "published_at": "2024-01-01T00:00:00-05:00",
    "vendor": "Acme",
    "product_type": "Shirts",
    "tags": ["new", "summer"],
    "variants": [
        {"id": 1, "title": "Red / S", "option1": "Red", "option2": "S", "option3": None, "featured_image": None},
        {
            "id": 2,
            "title": "Blue / M",
            "option1": "Blue",
            "option2": "M",
            "featured_image": {"id": 9, "src": "https://cdn.test/v.jpg", "variant_ids": [2]},
        },
    ],
    "images": [
        {"id": 1, "position": 2, "src": "https://cdn.test/2.jpg"},
        {"id": 2, "position": 1, "src": "https://cdn.test/1.jpg"},
    ],
    "options": [
        {"name": "Color", "position": 1, "values": ["Red", "Blue"]},
        {"name": "Size", "position": 2, "values": ["S", "M"]},
    ],
}
SHOPIFY_HAT = {
    "id": 7,
    "title": "Hat",
    "handle": "hat",
    "body_html": None,
    "vendor": "Acme",
    "product_type": "Hats",
    "tags": [],
    "variants": [{"id": 3, "title": "Default Title", "option1": "Default Title", "option2": None}],
    "images": [],
    "options": [{"name": "Title", "position": 1, "values": ["Default Title"]}],
}
#: Of GraphQL, whose bulk export has a line for each of these.
SHOPIFY_TEE = {
    "id": "gid://shopify/Product/1",
    "title": "Tee",
    "handle": "tee",
    "descriptionHtml": "<p>Warm</p>",
    "vendor": "Acme",
    "productType": "",
    "category": {"id": "gid://shopify/TaxonomyCategory/aa-1", "fullName": "Apparel > T-Shirts", "name": "T-Shirts"},
    "tags": ["a", "b"],
    "options": [{"name": "Color", "values": ["Red"]}],
}
SHOPIFY_CAP = {**SHOPIFY_TEE, "id": "gid://shopify/Product/2", "title": "Cap", "handle": "cap", "productType": "Caps"}
SHOPIFY_PARTS = [
    {
        "id": "gid://shopify/ProductVariant/11",
        "title": "Red",
        "sku": "T1",
        "selectedOptions": [{"name": "Color", "value": "Red"}],
        "__parentId": "gid://shopify/Product/1",
    },
    {"key": "fit", "value": "Slim", "type": "text", "__parentId": "gid://shopify/ProductVariant/11"},
    {
        "id": "gid://shopify/ProductVariant/12",
        "title": "Black",
        "sku": "T2",
        "selectedOptions": [{"name": "Color", "value": "Black"}],
        "__parentId": "gid://shopify/Product/1",
    },
    {
        "id": "gid://shopify/MediaImage/1",
        "image": {"url": "https://cdn.test/t.jpg"},
        "__parentId": "gid://shopify/Product/1",
    },
    {"id": "gid://shopify/Metafield/6", "key": "fabric", "value": '["Wool"]', "__parentId": "gid://shopify/Product/1"},
]
