"""How words and signs beside a number change its meaning: to a bound, a price, a rate ("g/m2") or one of several."""

from collections.abc import Container

import regex

#: Words after a number that are not its unit.
NO_UNITS = frozenset(
    ("to", "till", "until", "and", "or", "by", "x", "approx", "approximately", "about", "circa", "ca", "bis")
)
TIMES = regex.compile(r"(?<![^\W\d_])(?:x|by)(?![^\W\d_])|[×*✕✖⨯╳]", regex.IGNORECASE)
TO = regex.compile(r"\s*(?:-|~|〜|∼|\.\.+|\b(?:to|till|until|and|bis)\b)\s*", regex.IGNORECASE)

#: What continues a unit after its name: "m^2", "g/m2", "m/s", "m squared", "200 g per square meter".
_DIVISORS = (
    r"(?:sq|square|cubic|(?:milli|centi|kilo)?(?:met(?:er|re)|lit(?:er|re))s?|[cmk]?m|m?l|h|hr|hour|s|sec|second|min|"
    r"minute|day|ft|foot|in|inch|yd|yard)[23²³]?(?![^\W_])"
)
RATE = regex.compile(
    rf"\^|\*\*|[·⋅][^\W\d_]+|/(?=[^\W\d_])[^\W_]+|\s?(?:/\s|per\s){_DIVISORS}|\s?(?:sq|squared|cubed)(?![^\W_])",
    regex.IGNORECASE,
)

OUNCE = regex.compile(r"ozs?|ounces?", regex.IGNORECASE)
_BOUND = regex.compile(
    r"(?<![^\W_])(?:up[ -]?to|at[ -]?(?:least|most)|min(?:imum)?|max(?:imum)?|"
    r"(?:less|more|greater|smaller|longer|shorter) than|(?:(?:or|and) |& ?)(?:more|less|up|longer|larger)|"
    r"over|under|above|below|within|no|not|without|minus|upwards?|onwards?|"
    # German, Dutch, French, Spanish, Portuguese, Italian and Polish
    r"bis|ab|minimal|maximal|mindestens|höchstens|über|unter|(?:oder|und) (?:mehr|weniger|länger|kürzer|größer)|"
    r"(?:mehr|weniger|größer|kleiner|länger|kürzer) als|"
    r"vanaf|minstens|hoogstens|minimaal|maximaal|(?:meer|minder) dan|(?:of|en) (?:meer|minder)|"
    r"jusqu'[àa]|au (?:moins|plus)|(?:plus|moins) de|(?:ou|et) (?:plus|moins)|[àa] partir de|"
    r"hasta|desde|al menos|m[ií]n(?:imo)?|m[áa]x(?:imo)?|m[áa]s de|menos de|[oy] (?:m[áa]s|menos)|"
    r"até|pelo menos|mais de|acima de|abaixo de|ou mais|ou menos|"
    r"fino ad?|almeno|massimo|oltre|(?:più|piu|meno) di|[oe] (?:più|piu|meno)|"
    r"co (?:najmniej|najwyżej)|maks(?:ymalnie)?|powyżej|poniżej|"
    # Turkish, Russian, Hindi and Arabic
    r"en (?:az|çok|fazla)|kadar|üzeri|üstü|не (?:более|менее|больше|меньше)|(?:более|менее|больше|меньше) чем|свыше|"
    r"तक|से (?:अधिक|ज़्यादा|ज्यादा|कम)|कम से कम|अधिकतम|न्यूनतम|"
    r"حتى|(?:أكثر|أقل|اكثر|اقل) من|على الأقل|بحد أقصى)(?![^\W_])|"
    # Japanese, Chinese, Korean and Thai
    r"以[上下内]|未[満满]|まで|最[大小高低长長短多少]|至[少多]|不足|超[え過过]|"
    r"이상|이하|미만|초과|까지|최[대소]|ไม่เกิน|ไม่ต่ำกว่า|สูงสุด|ต่ำสุด|อย่างน้อย|ขึ้นไป|มากกว่า|น้อยกว่า|[<>≤≥±〜]|\+",
    regex.IGNORECASE,
)
#: A bound directly before the number, unless a range follows: "from 5 cm".
_FROM = regex.compile(r"(?<![^\W_])(?:from|until|till|starting(?: at)?|tot|do|od|от|до)\s*$", regex.IGNORECASE)
#: A bound directly after the number: "5cmから".
_ON = regex.compile(r"\s*(?:から|起)")
_PRICE = regex.compile(r"[€$£¥₹₩₽฿]|(?<![^\W_])(?:Rs|INR|USD|EUR|GBP|JPY|CNY|RMB)(?![^\W_])", regex.IGNORECASE)
_HALF = regex.compile(r"(?<![^\W_])(?:and|&) (?:an? |one )?(?:half|quarter)(?![^\W_])", regex.IGNORECASE)


#: A number of pieces: the measure may be that of one piece or of all. One piece is harmless.
_OF_PIECES = r"(?:pack|set|box|case|lot|combo|bundle)s? of (?P<number>\d+)(?: (?:pieces|pcs?|units?))?"
_PIECES = r"(?P<number2>\d+)[ -]?(?P<word>packs?|pk|pcs?|pieces?|pairs?|count|ct|units?|sets?|nos?|bottles?|boxes|bags)"
_PACK = regex.compile(rf"[(\[]?\s?(?<![^\W_])(?:{_OF_PIECES}|{_PIECES})(?![^\W_])\.?\s?[)\]]?", regex.IGNORECASE)


def without_one_piece(text: str, units: Container[str]) -> str:
    """``text`` without "pack of 1", "1 pc" and the like, unless the word is one of the ``units``."""

    return _PACK.sub(lambda found: " " if _pieces(found, units) == 1 else found[0], text)


def several_pieces(text: str, units: Container[str]) -> str | None:
    """The words that state several pieces ("pack of 2"), unless the word is one of the ``units``."""
    found = next((found for found in _PACK.finditer(text) if _pieces(found, units) > 1), None)
    return found[0].strip(" ()[].") if found else None


def _pieces(found: regex.Match, units: Container[str]) -> int:
    """The number of pieces; 0 if the word is a unit."""
    return 0 if (found["word"] or "").casefold() in units else int(found["number"] or found["number2"])


def problem_of(before: str, between: list[str], after: str, is_range: bool) -> str | None:
    """Why the texts around the numbers of a label rule out a measure; None if they do not.

    Args:
        before, between, after: the text before the first number, the texts between numbers, the text after the last.
        is_range: whether the second number is the other end of a range.
    """
    beside = [before, *between, after]
    if any("+" in part for part in between):
        return "'+' makes it a sum; one measure is allowed"
    bound = next(filter(None, map(_BOUND.search, beside)), None)
    if bound is None and not is_range:
        bound = _FROM.search(before) or _ON.match(after)
    if bound:
        return f"{bound[0].strip()!r} makes it a bound, not a measure"
    if price := next(filter(None, map(_PRICE.search, beside)), None):
        return f"{price[0]!r} makes it a price, not a measure"
    if half := next(filter(None, map(_HALF.search, beside)), None):
        return f"{half[0]!r} is a fraction in words, which is not read; write it in digits"
    return None
