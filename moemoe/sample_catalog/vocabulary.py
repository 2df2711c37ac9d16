"""The words of the sample catalog: its product types, attributes, values, and how sellers misspell them.

Every attribute has a source where its answer can be found: ``image`` (drawn, never written), ``text`` (written, never
drawn) or ``either`` (always drawn, written half of the time).
"""

from dataclasses import dataclass, field

IMAGE, TEXT, EITHER = "image", "text", "either"


@dataclass(frozen=True)
class SampleAttribute:
    """One attribute of the sample catalog.

    Args:
        source: ``image``, ``text`` or ``either``.
        keys: raw keys that sellers use for it.
        values: canonical value -> relative frequency.
        dirty: canonical value -> other spellings of it.
        phrases: how the text states it; ``{}`` stands for the value in lower case. Values in ``implied`` use those.
        implied: canonical value -> phrases that mean it without naming it.
    """

    source: str
    keys: tuple[str, ...]
    values: dict[str, float]
    dirty: dict[str, tuple[str, ...]] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    implied: dict[str, tuple[str, ...]] = field(default_factory=dict)


#: The colours of values, different enough to be told apart at 64 x 64 pixels.
RGB = {
    "Black": (28, 28, 30),
    "White": (246, 246, 242),
    "Navy Blue": (24, 34, 92),
    "Blue": (48, 118, 220),
    "Red": (204, 32, 40),
    "Green": (38, 140, 66),
    "Yellow": (242, 202, 44),
    "Pink": (240, 130, 172),
    "Grey": (138, 140, 144),
    "Maroon": (110, 18, 36),
    "Orange": (240, 126, 30),
    "Purple": (122, 58, 158),
}

A = SampleAttribute
ATTRIBUTES = {
    "age range description": A(
        TEXT, ("ageGroup", "Age Group", "age range description"),
        {"Adults-Men": 4, "Adults-Women": 4, "Kids-Boys": 1, "Kids-Girls": 1},
    ),
    "belt style": A(
        IMAGE, ("Belt Type", "belt style"), {"Pin Buckle": 5, "Auto Lock": 3, "Braided": 2},
        {"Pin Buckle": ("Tang",), "Auto Lock": ("Autolock",)},
    ),
    "bottom style": A(
        IMAGE, ("Bottom Type", "Bottom Style"), {"Straight Leg": 4, "Wide Leg": 2, "Skinny Leg": 3},
        {"Straight Leg": ("Straight",), "Skinny Leg": ("Skinny",)},
    ),
    "care instructions": A(
        TEXT, ("Wash Care", "Care Instructions"), {"Machine Wash": 5, "Hand Wash": 3, "Dry Clean": 2},
        {"Machine Wash": ("machine washable",), "Hand Wash": ("Hand wash only",), "Dry Clean": ("Dry clean only",)},
        ("{} only", "care: {}"),
        {"Machine Wash": ("safe in the washing machine",), "Dry Clean": ("take it to a dry cleaner",)},
    ),
    "closure type": A(
        EITHER, ("Closure", "closure type"), {"Button": 5, "Zip": 3, "Slip-On": 3},
        {"Button": ("Buttons", "button"), "Zip": ("Zipper",), "Slip-On": ("Slip On", "Pull On")},
        ("{} closure", "closes with {}"),
    ),
    "collar style": A(
        IMAGE, ("Collar", "Collar Style"), {"Spread Collar": 5, "Mandarin Collar": 3, "Collarless": 3},
        {"Spread Collar": ("spread", "Regular Collar"), "Mandarin Collar": ("Mandarin", "Chinese Collar")},
    ),
    "collection": A(
        TEXT, ("Collection",), {"Festive Collection": 3, "Everyday Essentials": 4, "Handloom Collection": 2},
        {"Everyday Essentials": ("Essentials",)}, ("from our {}", "{}"),
        {"Festive Collection": ("made for Diwali",)},
    ),
    "color": A(
        IMAGE, ("baseColour", "Color", "Colour", "color"),
        {"Black": 18, "Blue": 15, "White": 13, "Navy Blue": 9, "Red": 9, "Green": 8, "Grey": 7, "Pink": 6,
         "Yellow": 6, "Maroon": 4, "Purple": 3, "Orange": 3},
        {"Black": ("Blak", "BLACK"), "Navy Blue": ("Navy", "navy blue"), "Grey": ("Gray",), "White": ("white ",)},
    ),
    "cup size": A(TEXT, ("Cup Size",), {"A": 1, "B": 3, "C": 2}, {"B": ("B Cup",)}, ("cup size {}",)),
    "department": A(
        TEXT, ("gender", "Ideal For", "department"), {"Men": 4, "Women": 4, "Boys": 1, "Girls": 1},
        {"Men": ("Men's", "mens"), "Women": ("Women's", "Ladies"), "Boys": ("Boy's",), "Girls": ("Girl's",)},
    ),
    "design name": A(
        TEXT, ("Design", "Print or Pattern Type"), {"Paisley": 3, "Ethnic Motifs": 3, "Abstract": 2, "Geometric": 2},
        {"Ethnic Motifs": ("Ethnic",), "Paisley": ("paisley print",)}, ("{} design", "inspired by {}"),
    ),
    "fabric type": A(
        TEXT, ("Fabric Type",), {"Woven": 4, "Knitted": 3, "Jersey": 2}, {"Knitted": ("Knit",)}, ("{} cloth",),
        {"Knitted": ("softly knit",)},
    ),
    "fabric wash": A(
        TEXT, ("Fade", "Fabric Wash"), {"Light Fade": 3, "No Fade": 3, "Stone Wash": 2}, {"Light Fade": ("light fade",)},
        ("with {}",),
    ),
    "finish type": A(
        TEXT, ("Finish", "Finish Type"), {"Matte": 3, "Glossy": 2, "Textured": 2}, {"Matte": ("Matt",)}, ("{} finish",),
    ),
    "fit type": A(
        TEXT, ("Fit", "Fit Type"), {"Regular Fit": 5, "Slim Fit": 4, "Loose Fit": 2},
        {"Regular Fit": ("Regular", "regular fit"), "Slim Fit": ("Slim", "SLIM FIT"), "Loose Fit": ("Loose",)},
        ("{}", "cut in a {}"), {"Loose Fit": ("roomy and easy to wear",)},
    ),
    "front style": A(
        TEXT, ("Placket", "Front Style"), {"Button Placket": 3, "Open Front": 2, "Plain Front": 3}, {}, ("{}",),
    ),
    "item length description": A(
        IMAGE, ("Length", "Item Length"), {"Regular": 5, "Knee Length": 4, "Crop": 2},
        {"Regular": ("regular",), "Knee Length": ("Knee-Length", "knee length"), "Crop": ("Cropped",)},
    ),
    "item styling": A(TEXT, ("Surface Styling",), {"Embroidered": 3, "Sequinned": 1, "Ruffles": 2},
                      {"Sequinned": ("Sequins",)}, ("{} details",)),
    "lining description": A(
        TEXT, ("Lining",), {"Unlined": 4, "Fully Lined": 3, "Cotton Lining": 2},
        {"Unlined": ("No Lining",), "Fully Lined": ("Has a lining",)}, ("{}",),
    ),
    "material": A(
        TEXT, ("Fabric", "Material", "material"),
        {"Cotton": 8, "Polyester": 4, "Linen": 3, "Silk": 3, "Viscose Rayon": 3, "Wool": 2},
        {"Cotton": ("Pure Cotton", "100% Cotton", "Cotten"), "Polyester": ("Polyster",), "Viscose Rayon": ("Rayon",)},
        ("made of {}", "{} fabric"),
        {"Silk": ("woven from mulberry threads",), "Wool": ("spun from merino fleece",)},
    ),
    "neck style": A(
        IMAGE, ("Neck", "Neck Style"), {"Round Neck": 5, "V-Neck": 3, "Shirt Collar": 3, "Square Neck": 2},
        {"Round Neck": ("Round", "ROUND NECK", "Crew Neck"), "V-Neck": ("V Neck", "v neck"), "Shirt Collar": ("Collared",)},
    ),
    "occasion type": A(
        TEXT, ("Occasion", "usage"), {"Casual": 5, "Formal": 3, "Festive": 3, "Party": 2},
        {"Casual": ("casual", "Casual Wear"), "Formal": ("Formal Wear",), "Party": ("Party Wear",)},
        ("{} wear", "for {} days"),
        {"Formal": ("for the office",), "Festive": ("for Diwali and Eid",), "Casual": ("for lazy weekends",)},
    ),
    "outer material": A(
        TEXT, ("Outer Material",), {"Leather": 3, "Synthetic Leather": 2, "Canvas": 2},
        {"Leather": ("Genuine Leather",), "Synthetic Leather": ("Faux Leather",)}, ("outer of {}",),
    ),
    "pattern type": A(
        EITHER, ("Pattern", "Pattern Type"), {"Solid": 6, "Striped": 3, "Checked": 3, "Printed": 3, "Polka Print": 2},
        {"Solid": ("solid", "Plain"), "Striped": ("Stripes",), "Checked": ("Checks", "Checkered"), "Printed": ("Print",),
         "Polka Print": ("Polka Dots",)},
        ("{} pattern", "in a {} look"),
    ),
    "pocket description": A(
        EITHER, ("Number of Pockets", "Pockets"), {"No Pocket": 4, "1 Pocket": 4, "2 Pockets": 2},
        {"No Pocket": ("0",), "1 Pocket": ("1", "One Pocket"), "2 Pockets": ("2",)}, ("with {}",),
    ),
    "rise style": A(TEXT, ("Waist Rise", "Rise Style"), {"Mid-Rise": 5, "High-Rise": 3, "Low-Rise": 2},
                    {"Mid-Rise": ("Mid Rise",)}, ("{} waist",)),
    "seasons": A(
        TEXT, ("season", "Seasons"), {"Summer": 5, "Winter": 3, "Fall": 2}, {"Summer": ("summer",), "Fall": ("Autumn",)},
        ("{} season", "for {}"), {"Winter": ("keeps you warm in the cold",), "Summer": ("cool on hot days",)},
    ),
    "sleeve type": A(
        EITHER, ("Sleeve Length", "Sleeve", "Sleeve Type"),
        {"Short Sleeves": 5, "Long Sleeves": 4, "Three-Quarter Sleeves": 2, "Sleeveless": 2},
        {"Short Sleeves": ("Half Sleeves", "short sleeve"), "Long Sleeves": ("Full Sleeves", "Full Sleeve"),
         "Three-Quarter Sleeves": ("3/4 Sleeve",), "Sleeveless": ("No Sleeves",)},
        ("{}",),
    ),
    "sport type": A(TEXT, ("Sport", "Sports Type"), {"Running": 3, "Cricket": 3, "Football": 2}, {}, ("made for {}",)),
    "strap type": A(
        IMAGE, ("Straps", "Strap Type"), {"Regular": 4, "Spaghetti": 3, "Strapless": 2},
        {"Regular": ("Regular Straps",), "Spaghetti": ("Spaghetti Straps",)},
    ),
    "style": A(TEXT, ("Style", "Shape"), {"A-Line": 3, "Straight": 3, "Anarkali": 2}, {"A-Line": ("A Line",)}, ("{} cut",)),
    "subject character": A(
        TEXT, ("Character",), {"Mickey Mouse": 2, "Superman": 2, "Elephant": 3}, {"Mickey Mouse": ("Mickey",)}, ("{} on it",),
    ),
    "theme": A(TEXT, ("Main Trend", "Theme"), {"Floral": 3, "Nautical": 2, "Vintage": 2}, {"Vintage": ("Retro",)},
               ("{} theme",)),
    "toe style": A(IMAGE, ("Toe Type", "Toe Style"), {"Closed Toe": 5, "Open Toe": 3}, {"Closed Toe": ("Closed",)}),
    "top style": A(TEXT, ("Top Style",), {"T-Shirt": 3, "Camisole": 2, "Shirt": 3}, {"T-Shirt": ("Tee",)}, ("{} top",)),
    "underwire type": A(
        TEXT, ("Wiring", "Underwire Type"), {"Non-Wired": 4, "Underwired": 3}, {"Non-Wired": ("Wire Free",)}, ("{} cups",),
    ),
    "waist style": A(
        TEXT, ("Waistband", "Waist Style"), {"Elasticated": 4, "Drawstring Waist": 3, "With Belt Loops": 2},
        {"Elasticated": ("Elastic Waist",), "Drawstring Waist": ("Drawstring",)}, ("{}",),
    ),
    "weave type": A(TEXT, ("Weave Type",), {"Machine Weave": 4, "Hand Weave": 3}, {"Hand Weave": ("Handwoven",)}, ("{}",)),
}  # fmt: skip

_TOP = ("color", "pattern type", "sleeve type", "neck style", "material", "fit type", "occasion type", "department",
        "care instructions")  # fmt: skip
_LEGS = ("color", "pattern type", "material", "fit type", "rise style", "waist style", "department", "bottom style")
_SMALL = ("color", "pattern type", "material", "department", "occasion type")

#: Product type: share of the catalog, raw spellings, its attributes.
PRODUCT_TYPES: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "shirt": (30, ("Shirts", "Tshirts", "shirt", "T-Shirts"),
              (*_TOP, "collar style", "seasons", "item length description", "age range description")),
    "kurta": (22, ("Kurtas", "Kurtis", "kurta", "Kurta"),
              (*_TOP, "item length description", "seasons", "age range description", "collection")),
    "apparel belt": (2, ("Belts", "belt"), (*_SMALL, "belt style", "outer material", "finish type")),
    "apparel gloves": (1, ("Gloves",), (*_SMALL, "lining description", "sport type")),
    "blazer": (1.5, ("Blazers", "blazer"), (*_TOP, "lining description", "closure type")),
    "bra": (2, ("Bra", "Bras"), ("color", "pattern type", "material", "cup size", "strap type", "underwire type")),
    "choli": (1, ("Choli",), (*_TOP, "item styling")),
    "coat": (1.5, ("Jackets", "Coat"), (*_TOP, "lining description", "closure type", "pocket description", "front style")),
    "dress": (3, ("Dresses", "dress"), (*_TOP, "item length description", "style", "theme")),
    "hat": (1.5, ("Caps", "Hat"), (*_SMALL, "sport type", "subject character")),
    "necktie": (1, ("Ties", "necktie"), (*_SMALL, "design name", "finish type")),
    "nightgown nightshirt": (1, ("Nightgown Nightshirt", "Nightdress"), (*_TOP, "subject character")),
    "overalls": (1, ("Rompers", "Overalls"), (*_TOP, "front style")),
    "pajamas": (1.5, ("Lounge Pants", "Pajamas"), (*_LEGS, "subject character")),
    "pants": (3, ("Jeans", "Trousers", "Pants"), (*_LEGS, "fabric wash", "finish type")),
    "saree": (2.5, ("Sarees", "Saree"), (*_SMALL, "weave type", "design name", "collection", "item styling")),
    "scarf": (1.5, ("Scarves", "Stoles"), (*_SMALL, "weave type", "theme")),
    "shorts": (2, ("Shorts", "shorts"), (*_LEGS, "sport type", "fabric wash")),
    "skirt": (1.5, ("Skirts",), (*_SMALL, "item length description", "style", "waist style")),
    "sleepwear": (1, ("Night Suits", "Sleepwear"), (*_TOP, "top style", "subject character")),
    "socks": (1.5, ("Socks",), (*_SMALL, "toe style", "sport type")),
    "suit": (1, ("Suit", "Suits"), (*_TOP, "top style", "weave type")),
    "sweater": (2, ("Sweaters", "Sweater"), (*_TOP, "fabric type")),
    "sweatshirt": (2, ("Sweatshirts",), (*_TOP, "fabric type", "theme")),
    "swimwear": (1, ("Swimwear", "Swimsuit"), (*_SMALL, "strap type", "sport type", "top style")),
    "tights": (1, ("Tights",), (*_LEGS, "toe style")),
    "track suit": (1, ("Tracksuits", "Track Suit"), (*_TOP, "sport type")),
    "tunic": (2, ("Tunics", "tunic"), (*_TOP, "item length description", "style")),
    "undergarment slip": (1, ("Slips", "Undergarment Slip"), (*_SMALL, "strap type", "item length description")),
    "underpants": (1.5, ("Briefs", "Underpants"), (*_SMALL, "waist style", "fabric type", "rise style")),
}  # fmt: skip

BRANDS = ("Vastra Lane", "Neelkamal", "Dori & Co", "Urban Mitti", "Rangrez", "Saanjh", "Kaarigar", "Indie Loom", "Tula",
          "Mogra", "Chaand", "Bandhej House", "Kesar", "Padma", "Zari Street", "Lehar", "Gulmohar", "Safar")  # fmt: skip
NAMES = ("Aarav", "Meera", "Ishan", "Tara", "Kabir", "Diya", "Rohan", "Anaya", "Veer", "Nila", "Arjun", "Sia", "Dev",
         "Riya", "Om", "Jiya", "Neel", "Pari", "Yash", "Maya")  # fmt: skip
FILLERS = ("Imported and packed in Mumbai.", "Soft on the skin.", "A wardrobe favourite.", "Pairs well with denim.",
           "Delivered in recyclable packing.", "Model is 5 feet 8 inches tall.", "Easy exchange within 14 days.",
           "Designed in Jaipur.", "Please check the size chart.")  # fmt: skip
JUNK = ("asdf", "see image", "as per picture", "best quality", "xx", "100", "new arrival", "ok")
MISSING = ("NA", "", "N/A", "-")
