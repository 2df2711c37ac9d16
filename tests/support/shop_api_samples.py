"""Products in responses of shops' APIs."""

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
WOO_SHIRT = {
    "id": 154,
    "name": "Red &amp; Blue Shirt",
    "slug": "shirt",
    "permalink": "https://shop.test/product/shirt/",
    "type": "variable",
    "status": "publish",
    "description": "<p>Warm.</p>[gallery ids=&#8221;1&#8243;]",
    "short_description": "<p>Soft.</p><ul><li>Cotton</li></ul>",
    "sku": "S1",
    "price": "30",
    "weight": ".5",
    "dimensions": {"length": "70", "width": "", "height": ""},
    "parent_id": 0,
    "categories": [
        {"id": 1, "name": "Uncategorized", "slug": "uncategorized"},
        {"id": 9, "name": "Shirts &amp; Tops", "slug": "shirts"},
        {"id": 11, "name": "Sale", "slug": "sale"},
    ],
    "tags": [{"id": 3, "name": "new", "slug": "new"}],
    "images": [
        {"id": 1, "src": "https://shop.test/1.jpg", "name": "", "alt": ""},
        {"id": 2, "src": "https://shop.test/2.jpg"},
    ],
    "attributes": [
        {"id": 6, "name": "Color", "position": 0, "visible": True, "variation": True, "options": ["Red", "Blue"]},
        {"id": 0, "name": "Fabric", "position": 1, "visible": True, "variation": False, "options": ["Cotton"]},
    ],
    "variations": [155, 156],
    "meta_data": [
        {"id": 1, "key": "_edit_lock", "value": "x"},
        {"id": 2, "key": "fit", "value": "Slim"},
        {"id": 3, "key": "layout", "value": {"a": {"b": 1}}},
    ],
}
WOO_VARIATION = {
    **{"id": 155, "name": "Shirt - Red", "type": "variation", "parent_id": 154, "description": ""},
    "attributes": [{"id": 6, "name": "Color", "option": "Red"}],
}
#: Of the Store API.
WOO_STORE_HAT = {
    "id": 7,
    "name": "Hat",
    "slug": "hat",
    "parent": 0,
    "type": "simple",
    "variation": "",
    "permalink": "https://shop.test/product/hat/",
    "sku": "",
    "short_description": "",
    "description": "<p>A hat.</p>",
    "prices": {"price": "900"},
    "images": [{"id": 3, "src": "https://shop.test/h.jpg", "thumbnail": "https://shop.test/h-300.jpg"}],
    "categories": [
        {"id": 2, "name": "Clothing", "slug": "clothing", "link": "https://shop.test/product-category/clothing/"},
        {"id": 4, "name": "Hats", "slug": "hats", "link": "https://shop.test/product-category/clothing/hats/"},
    ],
    "tags": [],
    "brands": [{"id": 8, "name": "Acme"}],
    "attributes": [
        {
            **{"id": 1, "name": "Color", "taxonomy": "pa_color", "has_variations": False},
            "terms": [{"id": 24, "name": "Blue", "slug": "blue"}, {"id": 25, "name": "Grey", "slug": "grey"}],
        }
    ],
    "variations": [],
}


def magento_attributes(**values):
    return [{"attribute_code": code, "value": value} for code, value in values.items()]


MAGENTO_SMALL = {
    **{"id": 1, "sku": "MH01-S", "name": "Hoodie-S", "attribute_set_id": 9, "visibility": 1, "type_id": "simple"},
    "custom_attributes": magento_attributes(size="91"),
}
MAGENTO_HOODIE = {
    "id": 2,
    "sku": "MH01",
    "name": "Chaz &amp; Co Hoodie",
    "attribute_set_id": 9,
    "price": 0,
    "status": 1,
    "visibility": 4,
    "type_id": "configurable",
    "weight": 1.5,
    "extension_attributes": {
        "website_ids": [1],
        "category_links": [{"position": 0, "category_id": "3"}, {"position": 1, "category_id": "4"}],
        "configurable_product_options": [
            {"id": 1, "attribute_id": "141", "label": "Size", "values": [{"value_index": 91}, {"value_index": 92}]}
        ],
        "configurable_product_links": [1],
    },
    "product_links": [],
    "media_gallery_entries": [
        {"id": 1, "media_type": "image", "position": 2, "disabled": False, "types": [], "file": "/m/h/2.jpg"},
        {"id": 2, "media_type": "image", "position": 3, "disabled": False, "types": ["image"], "file": "/m/h/1.jpg"},
        {"id": 3, "media_type": "image", "position": 1, "disabled": True, "types": [], "file": "/m/h/3.jpg"},
        {"id": 4, "media_type": "external-video", "position": 4, "disabled": False, "types": [], "file": "/m/h/4.jpg"},
    ],
    "custom_attributes": magento_attributes(
        description="<p>Warm.</p>",
        short_description="<ul><li>Cotton</li></ul>",
        image="/m/h/1.jpg",
        url_key="hoodie",
        has_options="1",
        category_ids=["3", "4"],
        climate="203,205",
        material=["33", "38"],
        sale="0",
        care="Wash at 30",
    ),
}
#: What the API answers of names.
MAGENTO_ATTRIBUTES = {
    "items": [
        {
            **{"attribute_id": number, "attribute_code": code, "frontend_input": kind},
            "options": [{"label": label, "value": value} for value, label in options.items()],
        }
        for number, code, kind, options in [
            (141, "size", "select", {"": " ", "91": "S", "92": "M"}),
            (142, "climate", "multiselect", {"203": "Cool", "205": "Indoor"}),
            (143, "material", "multiselect", {"33": "Fleece", "38": "Wool"}),
            (144, "sale", "boolean", {"1": "Yes", "0": "No"}),
            (145, "care", "text", {}),
        ]
    ],
    "search_criteria": {},
    "total_count": 5,
}
MAGENTO_CATEGORIES = {
    **{"id": 2, "parent_id": 1, "name": "Default Category", "is_active": True, "position": 1, "level": 1},
    "children_data": [
        {
            **{"id": 3, "parent_id": 2, "name": "Men", "is_active": True, "position": 1, "level": 2},
            "children_data": [
                {
                    **{"id": 4, "parent_id": 3, "name": "Hoodies", "is_active": True, "position": 1, "level": 3},
                    "children_data": [],
                }
            ],
        }
    ],
}
MAGENTO_SETS = {
    "items": [{"attribute_set_id": 9, "attribute_set_name": "Top", "sort_order": 1, "entity_type_id": 4}],
    "search_criteria": {},
    "total_count": 1,
}


def amazon_entry(value=None, language=None, **others):
    """An entry of an attribute of Amazon's listings, which are lists of them."""
    tag = {"language_tag": language} if language else {}
    value = {} if value is None else {"value": value}
    return {**tag, **value, **others, "marketplace_id": "A1PA6795UKMFR9"}


AMAZON_SHIRT = {
    "sku": "GM-1",
    "summaries": [
        {
            **{"marketplaceId": "A1PA6795UKMFR9", "asin": "B07", "productType": "SHIRT", "status": ["BUYABLE"]},
            **{"itemName": "Shirt", "mainImage": {"link": "https://m.test/0.jpg", "height": 500, "width": 500}},
        }
    ],
    "productTypes": [{"marketplaceId": "A1PA6795UKMFR9", "productType": "SHIRT"}],
    "attributes": {
        "item_name": [amazon_entry("Red shirt", "en_GB"), amazon_entry("Rotes Hemd", "de_DE")],
        "product_description": [amazon_entry("<p>Weich.</p><ul><li>Baumwolle</li></ul>", "de_DE")],
        "bullet_point": [amazon_entry("Warm", "de_DE"), amazon_entry("Leicht", "de_DE")],
        "color": [amazon_entry("Rot", "de_DE", standardized_values=["red"])],
        "item_weight": [amazon_entry(1.5, unit="pounds")],
        "item_dimensions": [amazon_entry(length={"unit": "inches", "value": 3}, width={"unit": "inches", "value": 2})],
        "sleeve": [amazon_entry(type=[{"language_tag": "de_DE", "value": "Langarm"}])],
        "apparel_size": [amazon_entry(size="m", size_system="as1")],
        "special_feature": [amazon_entry("Soft", "en_GB"), amazon_entry("Weich", "de_DE")],
        "brand": "Acme",
        "list_price": [amazon_entry(30, currency="EUR")],
        "externally_assigned_product_identifier": [amazon_entry("123", type="upc")],
        "child_parent_sku_relationship": [amazon_entry(parent_sku="GM", child_relationship_type="variation")],
        "main_product_image_locator": [amazon_entry(media_location="https://m.test/1.jpg")],
        "swatch_product_image_locator": [amazon_entry(media_location="https://m.test/s.jpg")],
        "other_product_image_locator_2": [amazon_entry(media_location="https://m.test/3.jpg")],
        "other_product_image_locator_1": [amazon_entry(media_location="https://m.test/2.jpg")],
    },
    "offers": [],
    "issues": [],
}
#: Of the catalog, whose items have no SKU.
AMAZON_BALL = {
    "asin": "B08",
    "summaries": [
        {
            **{"marketplaceId": "ATVPDKIKX0DER", "brand": "Acme", "color": "Red", "itemName": "Ball"},
            **{"browseClassification": {"displayName": "Balls", "classificationId": "1"}},
        }
    ],
    "images": [
        {
            "marketplaceId": "ATVPDKIKX0DER",
            "images": [
                {"variant": "PT01", "link": "https://m.test/b.jpg", "height": 500, "width": 500},
                {"variant": "MAIN", "link": "https://m.test/a75.jpg", "height": 75, "width": 75},
                {"variant": "MAIN", "link": "https://m.test/a.jpg", "height": 500, "width": 500},
                {"variant": "SWCH", "link": "https://m.test/s.jpg", "height": 30, "width": 30},
            ],
        }
    ],
}


def akeneo_value(data, locale=None, scope=None, **others):
    """An attribute's value in Akeneo, in one locale and channel."""
    return {"locale": locale, "scope": scope, "data": data, **others}


AKENEO_SHIRT = {
    "_links": {"self": {"href": "https://pim.test/api/rest/v1/products/1111"}},
    "identifier": "1111",
    "family": "shirts",
    "parent": "jack",
    "groups": [],
    "categories": ["summer", "men"],
    "enabled": True,
    "values": {
        "name": [akeneo_value("Hemd", "de_DE"), akeneo_value("Shirt &amp; tie", "en_US")],
        "description": [
            akeneo_value("<p>Weich</p>", "de_DE", "shop"),
            akeneo_value("<p>Soft</p><ul><li>Cotton</li></ul>", "en_US", "shop"),
            akeneo_value("Print", "en_US", "print"),
        ],
        "meta_title": [akeneo_value("Buy a shirt", "en_US")],
        "color": [
            akeneo_value(
                "glossy_red",
                linked_data={"attribute": "color", "code": "glossy_red", "labels": {"de_DE": "Rot", "en_US": "Red"}},
            )
        ],
        "materials": [
            akeneo_value(
                ["leather", "cotton"], linked_data={"leather": {"code": "leather", "labels": {"en_US": "Hide"}}}
            )
        ],
        "height": [akeneo_value({"amount": "25.4500", "unit": "CENTIMETER"}, attribute_type="pim_catalog_metric")],
        "washable": [akeneo_value(False)],
        "fit": [akeneo_value("Slim", None, "print"), akeneo_value("Slim fit", None, "shop")],
        "price": [akeneo_value([{"amount": "25.50", "currency": "EUR"}])],
        "food": [akeneo_value([{"percentage": "28.5", "composition": "x"}])],
        "back": [akeneo_value("f/2/e/back.jpg")],
        "image": [akeneo_value("f/2/e/front.jpg")],
    },
    "created": "2017-10-05T11:25:48+02:00",
    "associations": {},
}
