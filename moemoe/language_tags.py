"""Language tags, and the choice of the language in which a market's products are read."""

import re
from functools import lru_cache

#: ISO 639-1.
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu "
    "ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na "
    "nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so "
    "sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_CODES = frozenset(_ISO_639_1.split())
#: The same languages' codes in ISO 639-2, which databases and BMEcat use, without codes that are also words.
_ISO_639_2 = (
    "afr:af ara:ar aze:az bel:be bul:bg ben:bn bos:bs ces:cs cze:cs dan:da deu:de ger:de ell:el gre:el eng:en spa:es "
    "est:et eus:eu fas:fa per:fa fin:fi fra:fr fre:fr gle:ga glg:gl guj:gu heb:he hin:hi hrv:hr hun:hu hye:hy ind:id "
    "isl:is ice:is ita:it jpn:ja kat:ka kaz:kk khm:km kan:kn kor:ko lao:lo lit:lt lav:lv mkd:mk mal:ml mon:mn mar:mr "
    "msa:ms may:ms mlt:mt mya:my nep:ne nld:nl dut:nl nor:no nob:nb nno:nn ori:or pan:pa pol:pl por:pt ron:ro rum:ro "
    "rus:ru sin:si slk:sk slo:sk slv:sl sqi:sq srp:sr swe:sv swa:sw tam:ta tel:te tha:th tgl:tl tur:tr ukr:uk urd:ur "
    "uzb:uz vie:vi zho:zh chi:zh cmn:zh yue:zh fil:tl"
)
_TWO_LETTERS = dict(pair.split(":") for pair in _ISO_639_2.split())
_SUBTAGS = re.compile(r"(?:[-_][A-Za-z0-9]{2,8})*")
#: The first language of countries whose shops are not in English, for tags without a country.
_SPOKEN = {
    **{"AE": "ar", "AR": "es", "AT": "de", "BE": "nl fr", "BR": "pt", "CH": "de fr it", "CL": "es"},
    **{"CN": "zh", "CO": "es", "CZ": "cs", "DE": "de", "DK": "da", "EG": "ar", "ES": "es", "FI": "fi"},
    **{"FR": "fr", "GR": "el", "HK": "zh", "HU": "hu", "ID": "id", "IL": "he", "IT": "it", "JP": "ja"},
    **{"KR": "ko", "MX": "es", "NL": "nl", "NO": "nb no", "PE": "es", "PL": "pl", "PT": "pt", "RO": "ro"},
    **{"RU": "ru", "SA": "ar", "SE": "sv", "TH": "th", "TR": "tr", "TW": "zh", "UA": "uk", "VN": "vi"},
}


@lru_cache(4096)
def is_tag(text: str) -> bool:
    """Whether a text is a language tag, such as en, hi_IN, hin_IN or zh-Hans-CN."""
    if text[:2].lower() in _CODES and _SUBTAGS.fullmatch(text, 2) is not None:
        return True
    return text[:3].lower() in _TWO_LETTERS and _SUBTAGS.fullmatch(text, 3) is not None


def preference(tag: str, language: str, country: str) -> tuple[bool, bool, int, bool, str]:
    """A sort key of tags: first the chosen one, then its other spellings, the country's, English, the alphabet."""
    of, *subtags = _parts(tag)
    same = bool(language) and of == _parts(language)[0]
    names_country = bool(country) and country.lower() in subtags
    is_spoken = of in _SPOKEN.get(country.upper(), "").split()
    return tag != language, not same, 0 if names_country else 1 if is_spoken else 2, of != "en", tag


def _parts(tag: str) -> list[str]:
    """A tag's language in two letters, and its subtags."""
    of, *subtags = re.split("[-_]", tag.lower())
    return [_TWO_LETTERS.get(of, of), *subtags]
