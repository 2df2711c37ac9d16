"""Writes the sample catalog: all 30 product types and 38 attributes of appendix B, with labels as dirty as real ones.

It is generated from a seed, in seconds, without downloads. See ``vocabulary`` for the words and ``drawing`` for the
images.
"""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.sample_catalog.drawing import Look, draw, draw_from_behind
from moemoe.sample_catalog.languages import LANGUAGES, Language
from moemoe.sample_catalog.vocabulary import (
    ATTRIBUTES,
    BRANDS,
    EITHER,
    FILLERS,
    IMAGE,
    JUNK,
    MISSING,
    NAMES,
    PRODUCT_TYPES,
    RGB,
)
from moemoe.schemas import CATALOG

PRODUCTS = 2800
ROWS_PER_GROUP = 500

FILLED = 0.88  # share of a product's attributes that carry a raw label
WRITTEN = 0.9  # share of text answers that the text really gives
WRONG, JUNKED, SAID_MISSING, SEVERAL = 0.02, 0.01, 0.03, 0.02
WITHOUT_IMAGE, REPEATED = 0.02, 0.02
IN_ANOTHER_LANGUAGE = 0.06  # share of products, of each language
WITH_BACK = 0.25  # share of products with a second image

_LOOKS = {
    "pattern type": "pattern", "sleeve type": "sleeve", "neck style": "neck", "collar style": "collar",
    "item length description": "length", "closure type": "closure", "pocket description": "pockets",
    "strap type": "straps", "bottom style": "legs", "belt style": "belt", "toe style": "toe",
}  # fmt: skip


def write_sample_catalog(path: str | Path, products: int = PRODUCTS, seed: int = 0) -> Path:
    """Writes one Parquet file in the CATALOG schema; the same arguments give the same bytes."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for index in range(products):
        if rows and rng.random() < REPEATED:
            rows.append(_repeat(rows[-1], index, rng))
        else:
            rows.append(_product(index, rng, random.Random(f"{seed}, {index}")))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path, row_group_size=ROWS_PER_GROUP, compression="zstd")
    return Path(path)


def _product(index: int, rng: random.Random, own_rng: random.Random) -> dict[str, Any]:
    kinds = list(PRODUCT_TYPES)
    kind = rng.choices(kinds, [PRODUCT_TYPES[name][0] for name in kinds])[0]
    truth = _truth(kind, rng)
    title, bullets, description = _text(kind, truth, rng)
    image = None if rng.random() < WITHOUT_IMAGE else {"bytes": draw(_look(kind, truth), rng), "path": None}
    product: dict[str, Any] = {
        "product_id": f"sample-{index:06d}",
        "marketplace": rng.choices(("IN", "AE", "SG"), (8, 1, 1))[0],
        "product_type": rng.choice(PRODUCT_TYPES[kind][1]),
        "title": title,
        "bullet_points": bullets,
        "description": description,
        "image": image,
        "attributes": _raw_labels(truth, rng),
    }
    drawn = own_rng.random()
    for number, language in enumerate(LANGUAGES):
        if drawn // IN_ANOTHER_LANGUAGE == number:
            product |= _in_language(product, kind, truth, language, own_rng)
    if image and own_rng.random() < WITH_BACK:
        product["images"] = [{"bytes": draw_from_behind(_look(kind, truth), own_rng), "path": None}]
    return product


def _in_language(
    product: dict[str, Any], kind: str, truth: dict[str, str], language: Language, rng: random.Random
) -> dict[str, Any]:
    """What changes of a product that is sold in the language's market; half of its labels are in the language."""
    said = {name: truth[name] for name in truth if name in ATTRIBUTES and ATTRIBUTES[name].source != IMAGE}
    said = {name: value for name, value in said.items() if rng.random() < _share_written(name)}
    named = [said.pop(name) for name in ("fit type", "material") if name in said and rng.random() < 0.6]
    sentences = language.sentences(said, rng)
    cut = min(len(sentences), rng.randint(2, 4))
    spelled = {value.lower(): language.value(value) for value in truth.values()}
    labels = [(key, raw if rng.random() < 0.5 else spelled.get(raw.lower(), raw)) for key, raw in product["attributes"]]
    return {
        "marketplace": language.marketplace,
        "title": language.title(
            kind, f"{rng.choice(BRANDS)} {rng.choice(NAMES)}", [language.value(value) for value in named]
        ),
        "bullet_points": sentences[:cut],
        "description": "".join(f"{sentence}{language.stop} " for sentence in sentences[cut:]).strip(),
        "attributes": labels,
    }


def _repeat(before: dict[str, Any], index: int, rng: random.Random) -> dict[str, Any]:
    """A variant of the product before: the same title or the same image, so that groups matter."""
    return {**before, "product_id": f"sample-{index:06d}", "description": rng.choice(FILLERS)}


def _truth(kind: str, rng: random.Random) -> dict[str, str]:
    """The true value of every attribute of the type."""
    truth = {name: _draw_value(name, rng) for name in PRODUCT_TYPES[kind][2]}
    if "age range description" in truth:  # follows the department
        ages = {"Men": "Adults-Men", "Women": "Adults-Women", "Boys": "Kids-Boys", "Girls": "Kids-Girls"}
        truth["age range description"] = ages[truth["department"]]
    if truth.get("neck style") == "Shirt Collar" and "collar style" in truth:
        truth["collar style"] = rng.choice(("Spread Collar", "Mandarin Collar"))
    elif "collar style" in truth and truth["collar style"] != "Collarless":
        truth["neck style"] = "Shirt Collar"
    return truth


def _draw_value(name: str, rng: random.Random) -> str:
    values = ATTRIBUTES[name].values
    return rng.choices(list(values), list(values.values()))[0]


def _look(kind: str, truth: dict[str, str]) -> Look:
    seen = {field: truth.get(name) for name, field in _LOOKS.items()}
    return Look(kind, RGB[truth["color"]], **seen)


def _text(kind: str, truth: dict[str, str], rng: random.Random) -> tuple[str, list[str], str]:
    words = [rng.choice(BRANDS), rng.choice(NAMES)]
    said = [name for name in truth if ATTRIBUTES[name].source != IMAGE and rng.random() < _share_written(name)]
    if "department" in said:
        words.append(f"{truth['department']}'s" if truth["department"] in ("Men", "Women") else truth["department"])
    for name in ("fit type", "material"):
        if name in said and rng.random() < 0.6:
            words.append(truth[name])
            said.remove(name)
    words.append(kind.title())
    sentences = [_phrase(name, truth[name], rng) for name in said if ATTRIBUTES[name].phrases]
    rng.shuffle(sentences)
    cut = min(len(sentences), rng.randint(2, 4))
    bullets = [sentence[0].upper() + sentence[1:] for sentence in sentences[:cut]]
    rest = sentences[cut:]
    fillers = [rng.choice(FILLERS)] if rng.random() < 0.5 or not rest else []
    description = " ".join([*(s[0].upper() + s[1:] + "." for s in rest), *fillers])
    return " ".join(words), bullets, description


def _share_written(name: str) -> float:
    return WRITTEN if ATTRIBUTES[name].source != EITHER else 0.5


def _phrase(name: str, value: str, rng: random.Random) -> str:
    attribute = ATTRIBUTES[name]
    if value in attribute.implied and rng.random() < 0.4:
        return rng.choice(attribute.implied[value])
    return rng.choice(attribute.phrases).format(value.lower())


def _raw_labels(truth: dict[str, str], rng: random.Random) -> list[tuple[str, str]]:
    """Raw labels under the keys and in the spellings of sellers, with administrative keys among them."""
    labels = {}
    for name, value in truth.items():
        if rng.random() < FILLED:
            labels[rng.choice(ATTRIBUTES[name].keys)] = _raw_value(name, value, rng)
    if rng.random() < 0.5:
        labels["year"] = str(rng.randint(2019, 2025))
    if rng.random() < 0.3:
        labels["Brick"] = "NA"
    if rng.random() < 0.3:
        labels["variantName"] = rng.choice(NAMES)
    return list(labels.items())


def _raw_value(name: str, value: str, rng: random.Random) -> str:
    attribute, chance = ATTRIBUTES[name], rng.random()
    if chance < JUNKED:
        return rng.choice(JUNK)
    if chance < JUNKED + SAID_MISSING:
        return rng.choice(MISSING)
    if chance < JUNKED + SAID_MISSING + WRONG:
        value = _draw_value(name, rng)
    if name == "occasion type" and rng.random() < SEVERAL * 4:
        return f"{value}, {_draw_value(name, rng)}"
    spellings = attribute.dirty.get(value, ())
    if spellings and rng.random() < 0.35:
        return rng.choice(spellings)
    return rng.choice((value, value, value, value.lower(), value.upper(), f"{value} "))
