"""Negation in raw labels: "Don't dry clean", "Without hood" and "Wire-free" never mean Dry Clean, Hooded or Wired.

A rule applies to negated text only if it needs the negation, that is if it no longer matches once the negation is
removed: ``\\b(no|without) strap`` applies, ``\\bhood`` does not. An alias spelled with the negation always applies.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from moemoe.contract.text import normalize_text

#: Negate what comes after them; the last line: German, Dutch, Scandinavian, French, Spanish, Portuguese, Italian,
#: Polish, Russian, Hindi.
_BEFORE = (
    r"no|non|none|un|without|with out|do not|do n't|do'nt|don'?t|don t|donot|never|avoid|neither|nor|lacks?|lacking|"
    r"lack of|absence of|minus|excluding|except|zero|nil|free (?:of|from)|refrain|skip|apart from|instead of|"
    r"rather than|other than|anything but|in place of|as opposed to|unlike|fake|imitation|"
    r"ohne|keine?[nmrs]?|geen|zonder|utan|uden|uten|ingen|sans|aucune?|sin|sem|senza|nessun[ao]?|bez|без|bina|बिना"
)
#: Negate what comes after them, or what comes before if nothing known follows: "dry cleaning is not allowed".
_AROUND = (
    r"not|cannot|can not|\w+n't|(?:is|are|was|does|did|has|have|wo|ca|should|could|would|must)nt|"
    r"nicht|nie|niet|inte|ikke|pas|jamais|nunca|nao|não|не|नहीं|"
    r"forbidden|prohibited|excluded|absent|missing|removed|false|(?:to )?be avoided|unsuitable|unavailable|discouraged"
)
_NEGATION = re.compile(rf"(?<![\w'])(?:(?P<before>{_BEFORE})|(?P<around>{_AROUND}))(?![\w'])")
#: A word with its own negation, or a phrase that ends in one: wireless, nonwired, unlined, wire free; not unisex.
_WORD = re.compile(
    r"^\S.*?(?P<behind> free| less)\b(?! than\b)|\b\w{2,}(?P<ending>less)\b"
    r"|\b(?P<beginning>non|anti |un(?!der|i(?:sex|qu|form|ver|on|t|corn|fy)|cle\b|til\b|less\b))\w{3,}"
)
#: A share or count of zero; "0-3 months" and "0 cm" are not negations.
_NONE_OF = re.compile(
    r"(?<![\d.,])0+(?:[.,]0+)? ?(?:%|per ?cent\b|pct\b)"
    r"|(?<=[:=]) ?0+$"
    r"|(?<![\d.,/])\b0+ (?:x )?(?=[^\W\d])(?!(?:to|x|months?|mths?|years?|yrs?|days?|cm|mm|inch(?:es)?|size)\b)"
)
#: The apostrophe of "n't" as it is damaged in files: doubled, escaped, or lost.
_NT = re.compile(r"(?<=\wn)(?:''|\\ ?'|\?|\ufffd)(?=t\b)")
_WITHOUT = re.compile(r"\bw ?/ ?o(?:ut)?\b|\bwo\b")
_NOT = re.compile(r"[✗✘❌✕✖🚫⛔☒]\ufe0f?|(?<=\S )n/a\b")
#: A clause with more negations has no meaning that a rule could find; each one costs another pass over the clause.
MOST_NEGATIONS = 32
_DENIED_SHARE = re.compile(rf"(?<![\w'])({_BEFORE}|{_AROUND})(?: be)? +\d+(?:[.,]\d+)? ?% ?")
#: Between two parts, one of these may carry a negation over to the second: "do not bleach or dry clean".
_AND_OR = frozenset(("and", "or", "nor", "&", "+", "/", "und", "oder"))


def spell_out(normalized: str) -> str:
    """``normalized`` text with "w/o" as "without", "0 %" as "no", crosses and "n/a" as "not", "not 100 %" as "not"."""
    text = _NOT.sub(" not ", _WITHOUT.sub("without", _NT.sub("'", normalized)))
    text = _NONE_OF.sub(" no ", text)
    return _DENIED_SHARE.sub(r"\1 ", text).strip()


@dataclass(frozen=True)
class Clause:
    """A piece of a raw label that states, or negates, one thing.

    Args:
        text: normalized.
        variants: the texts that a rule is tried on, each with the same text without its negations. The rule applies if
            it matches a variant and none of the texts without negation.
        denies: whether the clause as a whole is negated.
        from_behind: whether the negation comes after what it negates.
    """

    text: str
    variants: tuple[tuple[str, tuple[str, ...]], ...]
    denies: bool = False
    from_behind: bool = False

    def is_read_by(self, matches: Callable[[str], Any]) -> bool:
        """Whether a rule, given as its function ``matches``, may decide what the clause means."""
        for text, without in self.variants:
            found = matches(text)
            by_accident = found and text[: found.start()].endswith("'")  # "t shirt" in "don't shirt"
            if found and not by_accident and not any(map(matches, without)):
                return True
        return False


def clauses(part: str, is_known: Callable[[str], bool]) -> Iterator[Clause]:
    """The clauses of one normalized part of a raw label, in order: "cotton no lining" has two.

    Args:
        part: normalized and spelled out.
        is_known: whether a text means a value, ignoring negation.
    """
    found = list(_NEGATION.finditer(part))
    if not found:
        yield _affirmed(part)
        return
    if len(found) > MOST_NEGATIONS:
        yield Clause(normalize_text(part), (), denies=True)
        return
    edges = [0]
    joined = False
    for index, negation in enumerate(found):
        before = found[index - 1].end() if index else 0
        after = found[index + 1].start() if index + 1 < len(found) else len(part)
        if joined or (index and not normalize_text(part[before : negation.start()])):
            joined = False
            continue  # "not without": two negations in one clause
        denied = normalize_text(part[negation.end() : after].strip("()[] "))
        if (negation["before"] or is_known(denied)) if denied else after < len(part):
            edges.append(negation.start())
        else:  # it negates what precedes it ("hood: no"), else the next negation ("cannot be unlined")
            joined = not normalize_text(part[edges[-1] : negation.start()])
    for first, last in pairwise([*edges, len(part)]):
        if text := normalize_text(part[first:last]):
            yield _denied(text) if _NEGATION.search(text) else _affirmed(text)


def without_doubtful(parts: Sequence[list[Clause]], separators: Sequence[str]) -> Iterator[Clause | None]:
    """The clauses of all parts of a raw label; None replaces those that a negation may reach across "and" or "or".

    So "do not bleach or dry clean" is not Dry Clean, nor is "machine wash or dry clean: no" Machine Wash.

    Args:
        parts: the clauses of each part.
        separators: the texts between them, one fewer.
    """
    doubtful: set[tuple[int, int]] = set()
    for i, separator in enumerate(separators):
        if separator.strip() in _AND_OR and parts[i] and parts[i + 1]:
            left, right = (i, len(parts[i]) - 1), (i + 1, 0)
            if (parts[i][-1].denies or left in doubtful) and not parts[i + 1][0].denies:
                doubtful.add(right)
    for i in reversed(range(len(separators))):
        if separators[i].strip() in _AND_OR and parts[i] and parts[i + 1]:
            left, right = (i, len(parts[i]) - 1), (i + 1, 0)
            if (parts[i + 1][0].from_behind or right in doubtful) and not parts[i][-1].denies:
                doubtful.add(left)
    for i, part in enumerate(parts):
        yield from (None if (i, j) in doubtful else clause for j, clause in enumerate(part))


def _affirmed(text: str) -> Clause:
    """A clause that is not negated as a whole, at most by single words: "sleeveless cotton top"."""
    words = list(_WORD.finditer(text))
    if not words:
        return Clause(text, ((text, ()),))
    if len(words) > MOST_NEGATIONS:
        return Clause(text, ())
    spans = [word.span() for word in words]
    variants = [(_blanked(text, spans), ())] + [
        (_blanked(text, spans[:i] + spans[i + 1 :]), (_blanked(text, [*spans[:i], _mark(word), *spans[i + 1 :]]),))
        for i, word in enumerate(words)
    ]
    return Clause(text, tuple(variants), from_behind=bool(words[-1]["behind"]) and words[-1].end() == len(text))


def _denied(text: str) -> Clause:
    marks = [found.span() for found in _NEGATION.finditer(text)] + [_mark(word) for word in _WORD.finditer(text)]
    from_behind = not _NEGATION.match(text)
    if len(marks) > MOST_NEGATIONS:
        return Clause(text, (), True, from_behind)
    return Clause(text, ((text, tuple(_blanked(text, [mark]) for mark in marks)),), True, from_behind)


def _mark(word: re.Match[str]) -> tuple[int, int]:
    return next(word.span(name) for name in ("behind", "ending", "beginning") if word[name])


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    for first, last in sorted(spans, reverse=True):
        text = text[:first] + " " * (last - first) + text[last:]
    return normalize_text(text)
