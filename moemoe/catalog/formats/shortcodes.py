"""WordPress's shortcodes in a text, as page builders and plugins leave them: [vc_row]...[/vc_row], [gallery ids="1"].

What a person wrote in brackets stays: [NEW], [Pack of 2].
"""

import re

#: A name as WordPress allows it, and attributes as they are written: a="b", a='b', a=b, with entities or curly quotes.
_NAME = r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"
_QUOTE = "(?:&quot;|&#8220;|&#8221;|&#8243;)"  # WordPress closes with another one behind a digit
_VALUES = (
    *('"[^"]*+"', "'[^']*+'", "[”″“][^”″“]*+[”″“]"),
    f"{_QUOTE}(?:(?!{_QUOTE}).)*+{_QUOTE}",
    "[^\\s\\]\"'&”″“]++",
)
_ATTRIBUTE = rf"(?:\s++[\w-]++\s*+=\s*+(?:{'|'.join(_VALUES)}))"
#: Codes around what nobody reads: scripts in base64, addresses of videos.
_HIDDEN = re.compile(rf"\[(vc_raw_html|vc_raw_js|embed|video|audio){_ATTRIBUTE}*+\s*+\][^\[]*+\[/\1\]", re.DOTALL)
_CLOSING = re.compile(rf"\[/({_NAME})\s*+\]")
#: With attributes, or of a name in several parts as those of page builders; others if they are closed somewhere.
_ALONE = re.compile(rf"\[(?:{_NAME}{_ATTRIBUTE}++|[a-z][a-z0-9]*_[a-z0-9_]++{_ATTRIBUTE}*+)\s*+/?\]", re.DOTALL)
_PLAIN = re.compile(rf"\[/?({_NAME})\s*+/?\]")


def without_shortcodes(text: str) -> str:
    """``text`` with a line's end in the place of each shortcode; what one encloses stays."""
    if "[" not in text:
        return text
    text = _ALONE.sub("\n", _HIDDEN.sub("\n", text))
    closed = set(_CLOSING.findall(text))
    return _PLAIN.sub(lambda found: "\n" if found[1] in closed else found[0], text)
