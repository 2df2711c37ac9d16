"""Draws the images of the sample catalog: a garment's silhouette with colour, pattern, sleeves, neck and trimmings."""

import io
import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 96, 128
SCALE = 2  # drawn larger, then shrunk: smooth edges
W, H = WIDTH * SCALE, HEIGHT * SCALE
MIDDLE = W // 2

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]

LONG_TOPS = {"kurta", "dress", "tunic", "coat", "nightgown nightshirt", "saree", "undergarment slip", "suit"}


@dataclass(frozen=True)
class Look:
    """What an image shows; attributes that a type does not have are left at None."""

    product_type: str
    color: RGB
    pattern: str | None = None
    sleeve: str | None = None
    neck: str | None = None
    collar: str | None = None
    length: str | None = None
    closure: str | None = None
    pockets: str | None = None
    straps: str | None = None
    legs: str | None = None
    belt: str | None = None
    toe: str | None = None


def draw_from_behind(look: Look, rng: random.Random) -> bytes:
    """The same garment from behind: without what is on its front."""
    return draw(replace(look, neck=None, collar=None, closure=None, pockets=None, belt=None), rng)


def draw(look: Look, rng: random.Random) -> bytes:
    """A JPEG of 96 x 128 pixels; the same look and generator state give the same bytes."""
    shade = rng.randint(222, 244)
    background = (shade, shade - rng.randint(0, 8), shade - rng.randint(0, 14))
    image = Image.new("RGB", (W, H), background)
    cloth = _cloth(look, rng)
    mask = Image.new("L", (W, H), 0)
    pen = ImageDraw.Draw(mask)
    for shape in _silhouette(look):
        pen.polygon(shape, fill=255)
    image.paste(cloth, (0, 0), mask)
    _outline(image, look)
    _details(image, look, background)
    image = image.rotate(rng.uniform(-3, 3), fillcolor=background, translate=(rng.randint(-6, 6), rng.randint(-6, 6)))
    buffer = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.BOX).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _accent(color: RGB) -> RGB:
    """A colour that shows on ``color``."""
    bright = sum(color) > 380
    return tuple(int(c * 0.45) if bright else int(c + (255 - c) * 0.62) for c in color)  # type: ignore[return-value]


def _cloth(look: Look, rng: random.Random) -> Image.Image:
    color = tuple(max(0, min(255, c + rng.randint(-9, 9))) for c in look.color)
    cloth = Image.new("RGB", (W, H), color)
    pen, accent = ImageDraw.Draw(cloth), _accent(look.color)
    step = rng.randint(20, 26)
    if look.pattern == "Striped":
        for x in range(rng.randint(0, step), W, step):
            pen.rectangle((x, 0, x + step // 3, H), fill=accent)
    elif look.pattern == "Checked":
        for x in range(0, W, step):
            pen.rectangle((x, 0, x + step // 4, H), fill=accent)
        for y in range(0, H, step):
            pen.rectangle((0, y, W, y + step // 4), fill=accent)
    elif look.pattern == "Polka Print":
        for row, y in enumerate(range(0, H, step)):
            for x in range(-(row % 2) * step // 2, W, step):
                pen.ellipse((x, y, x + step // 2, y + step // 2), fill=accent)
    elif look.pattern == "Printed":
        for _ in range(46):
            x, y, r = rng.randint(0, W), rng.randint(0, H), rng.randint(6, 13)
            for dx, dy in ((-r, 0), (r, 0), (0, -r), (0, r)):
                pen.ellipse((x + dx - r * 0.7, y + dy - r * 0.7, x + dx + r * 0.7, y + dy + r * 0.7), fill=accent)
    return cloth


def _hem(look: Look) -> int:
    default = 226 if look.product_type in LONG_TOPS else 178
    return {"Crop": 138, "Regular": 182, "Knee Length": 228}.get(look.length or "", default)


def _silhouette(look: Look) -> list[Points]:
    kind = look.product_type
    if kind == "apparel belt":
        return [[(14, 116), (178, 116), (178, 140), (14, 140)]]
    if kind == "apparel gloves":
        return [s for x in (52, 138) for s in _glove(x)]
    if kind == "hat":
        return [_arc(MIDDLE, 140, 58, 62), [(20, 136), (172, 136), (184, 152), (8, 152)]]
    if kind == "necktie":
        return [[(84, 40), (108, 40), (102, 62), (90, 62)], [(90, 62), (102, 62), (120, 196), (96, 224), (72, 196)]]
    if kind == "scarf":
        return [[(48, 44), (144, 44), (138, 82), (54, 82)], [(58, 70), (92, 70), (84, 222), (50, 222)],
                [(104, 70), (134, 70), (146, 190), (112, 190)]]  # fmt: skip
    if kind == "socks":
        return [_sock(36), _sock(104)]
    if kind == "bra":
        return [
            _arc(64, 138, 34, 40),
            _arc(128, 138, 34, 40),
            [(20, 136), (172, 136), (170, 156), (22, 156)],
            *_straps(look),
        ]
    if kind == "saree":
        return [[(70, 60), (122, 60), (132, 108), (150, 234), (42, 234), (60, 108)], [(112, 34), (138, 40), (92, 150), (60, 132)],
                [(134, 44), (160, 60), (172, 190), (146, 182)]]  # fmt: skip
    if kind == "skirt":
        bottom = {"Crop": 140, "Regular": 180, "Knee Length": 226}.get(look.length or "", 190)
        return [[(66, 60), (126, 60), (126 + (bottom - 60) // 4, bottom), (66 - (bottom - 60) // 4, bottom)]]
    if kind in ("swimwear", "undergarment slip"):
        bottom = {"Crop": 138, "Regular": 180, "Knee Length": 226}.get(look.length or "", 160)
        return [[(60, 78), (132, 78), (126, 116), (138, bottom), (54, bottom), (66, 116)], *_straps(look)]
    if kind == "underpants":
        return [[(44, 84), (148, 84), (150, 120), (110, 164), (82, 164), (42, 120)]]
    if kind in ("pants", "pajamas", "tights", "shorts"):
        return _trousers(look, 56, 140 if kind == "shorts" else 234)
    if kind in ("track suit", "sleepwear", "suit", "overalls"):
        return [*_body(look, 132), *_sleeves(look), *_trousers(look, 126, 238)]
    return [*_body(look, _hem(look)), *_sleeves(look)]


def _body(look: Look, hem: int) -> list[Points]:
    flare = 26 if look.product_type in ("dress", "nightgown nightshirt") else (hem - 60) // 14
    return [[(66, 42), (126, 42), (146, 56), (140, 100), (142 + flare, hem), (50 - flare, hem), (52, 100), (46, 56)]]


def _sleeves(look: Look) -> list[Points]:
    reach = {"Short Sleeves": 0.38, "Three-Quarter Sleeves": 0.7, "Long Sleeves": 1.0}.get(look.sleeve or "", 0.0)
    if not reach:
        return []
    shapes = []
    for side in (-1, 1):
        shoulder, elbow = (MIDDLE + side * 44, 46), (MIDDLE + side * 54, 92)
        hand = (MIDDLE + side * 84, 180)
        outer = _along(shoulder, (hand[0] + side * 6, hand[1]), reach)
        inner = _along(elbow, (hand[0] - side * 14, hand[1] + 4), reach)
        shapes.append([shoulder, outer, inner, elbow, (MIDDLE + side * 40, 92)])
    return shapes


def _trousers(look: Look, top: int, bottom: int) -> list[Points]:
    spread = {"Skinny Leg": -10, "Wide Leg": 18}.get(look.legs or "", 0)
    return [
        [(56, top), (136, top), (138, top + 40), (54, top + 40)],
        [(54, top + 36), (97, top + 36), (88, bottom), (50 - spread, bottom)],
        [(95, top + 36), (138, top + 36), (142 + spread, bottom), (104, bottom)],
    ]


def _straps(look: Look) -> list[Points]:
    width = {"Regular": 11, "Spaghetti": 3}.get(look.straps or "", 0)
    return [[(x, 34), (x + width, 34), (x + width, 106), (x, 106)] for x in (62, 122)] if width else []


def _glove(x: int) -> list[Points]:
    fingers: list[Points] = [[(x - 26 + 14 * i, 62 + 6 * abs(i - 1)), (x - 15 + 14 * i, 62 + 6 * abs(i - 1)),
                (x - 15 + 14 * i, 118), (x - 26 + 14 * i, 118)] for i in range(4)]  # fmt: skip
    return [[(x - 28, 108), (x + 28, 108), (x + 22, 190), (x - 22, 190)], *fingers]


def _sock(x: int) -> Points:
    return [(x, 44), (x + 34, 44), (x + 36, 160), (x + 68, 190), (x + 62, 212), (x + 20, 210), (x + 2, 176)]


def _arc(x: int, y: int, rx: int, ry: int) -> Points:
    from math import cos, pi, sin

    return [(x + rx * cos(pi * i / 16), y - ry * sin(pi * i / 16)) for i in range(17)]


def _along(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _outline(image: Image.Image, look: Look) -> None:
    pen = ImageDraw.Draw(image)
    edge = tuple(int(c * 0.55) for c in look.color)
    for shape in _silhouette(look):
        pen.line([*shape, shape[0]], fill=edge, width=2, joint="curve")


def _details(image: Image.Image, look: Look, background: RGB) -> None:
    pen = ImageDraw.Draw(image)
    accent = _accent(look.color)
    if look.neck or look.collar:
        _neck(pen, look, background, accent)
    hem = _hem(look)
    if look.closure == "Button":
        for y in range(78, hem - 6, 22):
            pen.ellipse((MIDDLE - 4, y, MIDDLE + 4, y + 8), fill=accent)
    elif look.closure == "Zip":
        pen.line((MIDDLE, 70, MIDDLE, hem), fill=accent, width=5)
        pen.rectangle((MIDDLE - 5, 78, MIDDLE + 5, 94), fill=accent)
    if look.pockets in ("1 Pocket", "2 Pockets"):
        for x in (108, 62)[: int(look.pockets[0])]:
            pen.rectangle((x, 96, x + 24, 122), outline=accent, width=4)
    if look.belt == "Pin Buckle":
        pen.rectangle((78, 106, 114, 150), outline=(196, 168, 70), width=7)
        pen.line((78, 128, 106, 128), fill=(196, 168, 70), width=5)
    elif look.belt == "Auto Lock":
        pen.rectangle((70, 104, 122, 152), fill=(180, 182, 190))
    elif look.belt == "Braided":
        for x in range(16, 178, 12):
            pen.line((x, 116, x + 12, 140), fill=accent, width=3)
            pen.line((x + 12, 116, x, 140), fill=accent, width=3)
    if look.toe == "Open Toe" and look.product_type == "socks":
        for x in (36, 104):
            pen.ellipse((x + 44, 184, x + 76, 218), fill=background)
    elif look.toe == "Open Toe":
        pen.rectangle((0, 224, W, H), fill=background)


def _neck(pen: ImageDraw.ImageDraw, look: Look, background: RGB, accent: RGB) -> None:
    neck = look.neck
    if look.collar == "Spread Collar" or neck == "Shirt Collar":
        pen.polygon([(82, 40), (110, 40), (MIDDLE, 62)], fill=background)
        for side in (-1, 1):
            pen.polygon([(MIDDLE, 64), (MIDDLE + side * 30, 38), (MIDDLE + side * 24, 76)], fill=accent)
    elif look.collar == "Mandarin Collar":
        pen.rectangle((80, 32, 112, 46), fill=accent)
        pen.line((MIDDLE, 44, MIDDLE, 70), fill=accent, width=4)
    elif neck == "V-Neck":
        pen.polygon([(76, 38), (116, 38), (MIDDLE, 88)], fill=background, outline=accent, width=3)
    elif neck == "Square Neck":
        pen.rectangle((74, 36, 118, 70), fill=background, outline=accent, width=3)
    else:
        pen.ellipse((74, 28, 118, 66), fill=background, outline=accent, width=3)
    pen.rectangle((70, 20, 122, 34 if look.collar == "Mandarin Collar" else 40), fill=background)
