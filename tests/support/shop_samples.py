"""Sample rows of each shop's export."""

import gzip
import json

from tests.support.seller_files import write

SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Variant SKU,Variant Price,Image Src,Image Position,Google Shopping / Gender,"
    "Fabric (product.metafields.custom.fabric),Variant Image,Status"
)

SHOPIFY_SHIRT = (
    'red-shirt,Red &amp; Blue Shirt,"<p>Soft.</p>\n<ul><li>Cotton</li></ul>",Acme,Apparel > Tops > Shirts,,'
    '"new, summer",'
    'true,Color,Red,Size,S,A-1,30.00,https://cdn.test/2.jpg,2,Men,"[""Cotton"", ""Linen""]",https://cdn.test/v.jpg,'
    "active"
)


GOOGLE = [
    *("id", "title", "description", "link", "image_link", "additional_image_link", "price", "product_type"),
    *("google_product_category", "color", "material", "item_group_id", "product_detail", "product_highlight"),
    *("Custom Neckline", "shipping(country:price)"),
]

GOOGLE_ROW = [
    *("7", "Red shirt", "Soft &amp; warm", "https://shop.test/7", "https://img.test/1.jpg"),
    *("https://img.test/2.jpg, https://img.test/3.jpg", "9 EUR", "Home > Men > Shirts, Home > Sale"),
    *("Apparel & Accessories > Clothing", "Red/Blue", "Cotton/Linen", "g7", "Fit:Cut:Slim,:Care:Wash cold"),
    *('Washable,"Light, airy"', "Round", "DE:4.95 EUR"),
]


def write_tabs(path, *rows):
    return write(path, *("\t".join('"' + c.replace('"', '""') + '"' if '"' in c else c for c in row) for row in rows))


GOOGLE_RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://shop.test</link>
<item><title>Shop's title</title><g:id>7</g:id><g:title>Größe &amp; more</g:title>
<description><![CDATA[<p>Soft.</p><ul><li>Warm</li></ul>]]></description><g:image_link>https://img.test/1.jpg</g:image_link>
<g:additional_image_link>https://img.test/2,x.jpg</g:additional_image_link>
<g:additional_image_link>https://img.test/3.jpg</g:additional_image_link>
<g:product_type>Men &gt; Shirts</g:product_type><g:product_type>Sale</g:product_type><g:color>Red</g:color>
<g:shipping><g:country>DE</g:country><g:price>4 EUR</g:price></g:shipping>
<g:product_highlight>Light, airy</g:product_highlight><g:product_highlight>Washable</g:product_highlight>
<g:product_detail><g:section_name>Fit</g:section_name><g:attribute_name>Cut</g:attribute_name>
<g:attribute_value>Slim</g:attribute_value></g:product_detail></item>
<item><g:id>8</g:id><title>Hat</title><g:product_type>Hats</g:product_type><g:size>M</g:size></item></channel></rss>"""


PRESTASHOP = (
    "Product ID;Active (0/1);Name *;Categories (x,y,z...);Price tax excluded;Reference #;Manufacturer;EAN13;Width;"
    "Weight;Summary;Description;Tags (x,y,z...);Image URLs (x,y,z...);Feature(Name:Value:Position);Condition"
)

PRESTASHOP_SHIRT = (
    '1;1;"Red &amp; Blue Shirt";Home,Home/Clothes/Shirts,Sale;23.9;R-1;Acme;1;0;0.3;<p>Soft.</p>;'
    '"<p>Warm</p><ul><li>Cotton</li></ul>";bird, shirt;https://x.test/1.jpg,https://x.test/2.jpg;'
    "Fabric:Cotton, Linen:1,Fit:Slim:2;new"
)


EBAY = (
    "*Action(SiteID=US|Country=US|Currency=USD|Version=1193|CC=UTF-8),Custom label (SKU),Category ID,Category name,"
    "Title,Relationship,Relationship details,P:UPC,Start price,Item photo URL,Condition ID,Description,C:Brand,C:Color"
)

EBAY_ROWS = (
    "Add,SH-1,57990,/Clothing/Men/Shirts,Red &amp; Blue,,Color=Red;Blue|Size=S;M,,,https://x.test/1.jpg|https://x.test/2.jpg,"
    "1000,<p>Soft</p><ul><li>Warm</li></ul>,Acme,",
    ",SH-1-R,,,,Variation,Color=Red|Size=S,123,9.99,Red=https://x.test/1.jpg,,,,",
    ",SH-1-G,,,,Variation,Color=Green|Size=M,124,9.99,,,,,",
    ",,,,,Compatibility,Make=Ford|Model=Focus,,,,,,,",
    "Add,HAT-1,52365,,Hat,,,,5,https://x.test/3.jpg||https://x.test/4.jpg,1000,Warm,Acme,Black||White",
)


ETSY = (
    "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,VARIATION 1 TYPE,VARIATION 1 NAME,"
    "VARIATION 1 VALUES,VARIATION 2 TYPE,VARIATION 2 NAME,VARIATION 2 VALUES,SKU"
)

ETSY_RING = (
    'Ring &#39;Moon&#39;,"Line one\nLine two",8.30,GBP,1,"silver_ring,boho","Silver,Stone",https://x.test/1.jpg,'
    'https://x.test/2.jpg,Size,Ring size,"6,7",,,,R-1'
)


KAGGLE = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"

KAGGLE_ROW = "1,Men,Apparel,Topwear,Shirts,Blue,Fall,2011,Casual,Check Shirt"


FLIPKART = [
    *("uniq_id", "pid", "product_name", "product_category_tree", "retail_price", "image", "description", "brand"),
    "product_specifications",
]


def flipkart_row(**changed):
    specifications = [
        {"key": "Fabric", "value": 'Cotton "Lycra"'},
        {"value": "3 shorts"},
        {"key": "Color", "value": "Red"},
    ]
    tree = "Clothing >> Women's Clothing >> Shorts >> Alisha Shorts >> Alisha Solid Women's Cycling Sho..."
    return {
        "uniq_id": "u1",
        "product_name": "Alisha Solid Women's Cycling Shorts",
        "product_category_tree": json.dumps([tree]),
        "image": json.dumps(["http://img.test/1.jpeg", "http://img.test/2.jpeg"]),
        "description": "Key Features of Alisha\nCotton Lycra",
        "brand": "Alisha",
        "product_specifications": ruby({"product_specification": specifications}),
    } | changed


def ruby(value):
    return json.dumps(value, ensure_ascii=False).replace('": ', '"=>').replace("=>null", "=>nil")


REVIEWS_ITEM = {
    "main_category": "AMAZON FASHION",
    "title": "Red &amp; Blue Shirt",
    "average_rating": 4.1,
    "features": ["Cotton", "Machine wash"],
    "description": ["Soft.", "<p>Warm.</p><ul><li>Light</li></ul>"],
    "images": [
        {"thumb": "https://m.test/t.jpg", "large": "https://m.test/pt.jpg", "variant": "PT01", "hi_res": None},
        {
            "thumb": "https://m.test/t.jpg",
            "large": "https://m.test/l.jpg",
            "variant": "MAIN",
            "hi_res": "https://m.test/h.jpg",
        },
    ],
    "store": "Acme",
    "categories": ["Clothing", "Men", "Shirts"],
    "details": {"Department": "\u200emens", "Sizes": ["S", "M"], "Best Sellers Rank": {"Clothing": 12}},
    "parent_asin": "B1",
}


WOO = [
    *("ID", "Type", "SKU", "Name", "Published", "Short description", "Description", "Regular price", "Categories"),
    *("Tags", "Images", "Parent", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible"),
    *("Attribute 2 name", "Attribute 2 value(s)", "Meta: care", "Meta: _wpcom_is_markdown"),
]

WOO_SHIRT = {
    "ID": "44",
    "Type": "variable",
    "SKU": "shirt",
    "Name": "Red &amp; Blue",
    "Short description": "Light",
    "Description": "<p>Soft.</p>\\n<ul>\\n<li>Warm</li>\\n</ul>",
    "Categories": r"Sale, Clothing > Shirts\, Tops, Clothing > Men",
    "Tags": "new, summer",
    "Images": "https://img.test/1,w_2.jpg, https://img.test/2.jpg",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": r"Red, Blue\, dark",
    "Attribute 2 name": "Note",
    "Attribute 2 value(s)": '"Powered up, tested."',
    "Meta: care": "'-30 degrees",
    "Meta: _wpcom_is_markdown": "1",
}


MAGENTO = [
    *("sku", "store_view_code", "attribute_set_code", "product_type", "categories", "product_websites", "name"),
    *("description", "short_description", "weight", "visibility", "price", "base_image", "additional_images"),
    *("additional_attributes", "configurable_variations"),
]

MAGENTO_HOODIE = {
    "sku": "MH01",
    "attribute_set_code": "Top",
    "product_type": "configurable",
    "categories": "Default Category/Men,Default Category/Men/Tops/Hoodies & Sweatshirts,Default Category/Sale",
    "product_websites": "base",
    "name": "Chaz Hoodie",
    "description": "<p>Soft.</p><ul><li>Warm</li></ul>",
    "short_description": "Light",
    "visibility": "Catalog, Search",
    "base_image": "/m/h/mh01-gray_main.jpg",
    "additional_images": "/m/h/mh01-gray_main.jpg,/m/h/mh01-gray_back.jpg",
    "additional_attributes": "climate=Cool|Indoor,note=Fits 10, 12 and 14,pattern=Solid",
    "configurable_variations": "sku=MH01-S,size=S,color=Black,price=9|sku=MH01-M,size=M,color=Gray,price=9",
}


BIGCOMMERCE = [
    *("Item", "ID", "Name", "Type", "SKU", "Options", "Inventory Tracking", "Price", "Brand Name", "Categories"),
    *("Description", "Custom Fields", "Variant Image URL", "Internal Image URL (Export)", "Image URL (Import)"),
    *("Image is Thumbnail", "Image Sort Order"),
]

BIGCOMMERCE_LEGACY = [
    *("Item Type", "Product ID", "Product Name", "Product Type", "Product Code/SKU", "Brand Name", "Option Set"),
    *("Product Description", "Category", "Product Image File - 1", "Product Image File - 2", "GPS Gender"),
    "Product Custom Fields",
]

BIGCOMMERCE_PRODUCT = {
    "Item": "Product",
    "ID": "100",
    "Name": "Shirt",
    "Type": "physical",
    "SKU": "S",
    "Brand Name": "Acme",
    "Categories": "Sale;Clothing/Men/Shirts",
    "Description": "<p>Soft.</p><ul><li>Warm</li></ul>",
    "Custom Fields": '[{"name": "Fabric", "value": "Cotton"}, {"name": "Fit", "value": "Slim"}]',
}

BIGCOMMERCE_ROWS = [
    BIGCOMMERCE_PRODUCT,
    {
        "Item": "Variant",
        "ID": "1",
        "SKU": "S-1",
        "Options": "Type=Swatch|Name=Color|Value=Red[#f00]Type=Radio|Name=Size|Value=M",
    },
    {
        "Item": "Variant",
        "ID": "2",
        "Options": "Type=Swatch|Name=Color|Value=Blue[#00f] || Type=Rectangle|Name=Size|Value=M",
        "Variant Image URL": "https://img.test/v.jpg",
    },
    {"Item": "Image", "ID": "5", "Internal Image URL (Export)": "https://img.test/2.jpg", "Image Sort Order": "1"},
    {
        "Item": "Image",
        "Image URL (Import)": "https://img.test/1.jpg",
        "Image is Thumbnail": "TRUE",
        "Image Sort Order": "2",
    },
]


AMAZON = [
    ["TemplateType=fptcustom", "Version=2021.1014", "TemplateSignature=U0hJUlQ=", "Top 3 rows: Amazon only"],
    ["Product Type", "Seller SKU", "Product Name"],
    [
        *("feed_product_type", "item_sku", "item_name", "update_delete", "parent_child", "parent_sku"),
        *("product_description", "bullet_point1", "bullet_point2", "main_image_url", "other_image_url1", "color_name"),
        *(
            "material_type1",
            "material_type2",
            "item_length",
            "item_length_unit_of_measure",
            "standard_price",
            "quantity",
        ),
    ],
]

AMAZON_RED = [
    *("shirt", "C1", "Red shirt", "Update", "Child", "P1", "", "", "", "https://img.test/1.jpg"),
    *("https://img.test/2.jpg", "Red", "Cotton", "Linen", "12.6", "IN", "19.99", "3"),
]


def write_flat_file(path, header, *rows):
    width = len(header[-1])
    return write(path, *("\t".join((*row, *[""] * (width - len(row)))) for row in (*header, *rows)))


US = "[marketplace_id=ATVPDKIKX0DER]"

AMAZON_NEW = [
    ["settings=attributeRow=5&contentLanguageTag=en_US&dataRow=7&primaryMarketplaceId=amzn1.mp.o.ATVPDKIKX0DER"],
    ["Fill in the template"],
    ["Identity"],
    ["SKU", "Product Type", "Item Name"],
    [
        *("contribution_sku#1.value", "product_type#1.value", "::record_action"),
        *(f"item_name{US}[language_tag={tag}]#1.value" for tag in ("en_US", "es_US")),
        *(f"bullet_point{US}[language_tag=en_US]#{i}.value" for i in (1, 2)),
        f"main_product_image_locator{US}#1.media_location",
        f"other_product_image_locator_1{US}#1.media_location",
        f"color{US}[language_tag=en_US]#1.value",
        *(f"material{US}[language_tag=en_US]#{i}.value" for i in (1, 2)),
        *(f"item_length_width{US}#1.length.{part}" for part in ("value", "unit")),
        f"purchasable_offer{US}#1.our_price#1.schedule#1.value_with_tax",
    ],
]

AMAZON_NEW_ROW = [
    *("S1", "SHIRT", "Create or Replace (Full Update)", "Red shirt", "Camisa roja", "Warm", "Light"),
    *("https://img.test/1.jpg", "https://img.test/2.jpg", "Red", "Cotton", "Linen", "12.6", "Inches", "9"),
]


def tagged(**texts):
    return [{"language_tag": tag, "value": value} for tag, value in texts.items()]


ABO_LISTING = {
    "brand": tagged(en_IN="Acme"),
    "bullet_point": tagged(de_DE="Warm", en_IN="Cotton") + tagged(en_IN="Light"),
    "color": [
        {"language_tag": "en_IN", "standardized_values": ["Olive"], "value": "Olive Mist"},
        {"language_tag": "de_DE", "value": "Oliv"},
    ],
    "color_code": ["#8B8B5B"],
    "country": "IN",
    "domain_name": "amazon.in",
    "item_dimensions": {
        "height": {"normalized_value": {"unit": "inches", "value": 4.5}, "unit": "centimeters", "value": 11.43},
    },
    "item_id": "B1",
    "item_name": tagged(de_DE="Hemd", en_IN="Shirt"),
    "item_weight": [{"normalized_value": {"unit": "pounds", "value": 0.3}, "unit": "grams", "value": 140}],
    "main_image_id": "01+x",
    "marketplace": "Amazon",
    "model_year": [{"value": 2017}],
    "node": [{"node_id": 1968, "node_name": "/Categories/Men/Shirts"}],
    "other_image_id": ["02", "gone"],
    "product_description": tagged(en_IN="<p>Soft.</p>"),
    "product_type": [{"value": "SHIRT"}],
    "spin_id": "x",
}


def write_listings(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path
