"""Removes the WordPress shortcodes of page builders and plugins: [vc_row]...[/vc_row], [gallery ids="1"].

Other text in brackets stays: [NEW], [Pack of 2].
"""

import re

#: A name that WordPress allows, and attributes: a="b", a='b', a=b, also with entities or curly quotes.
_NAME = r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"
_QUOTE = "(?:&quot;|&#8220;|&#8221;|&#8243;)"  # WordPress uses another closing quote after a digit
_VALUES = (
    *('"[^"]*+"', "'[^']*+'", "[”″“][^”″“]*+[”″“]"),
    f"{_QUOTE}(?:(?!{_QUOTE}).)*+{_QUOTE}",
    "[^\\s\\]\"'&”″“]++",
)
_ATTRIBUTE = rf"(?:\s++[\w-]++\s*+=\s*+(?:{'|'.join(_VALUES)}))"
#: Codes whose content is dropped: scripts in base64, video URLs.
_HIDDEN = re.compile(rf"\[(vc_raw_html|vc_raw_js|embed|video|audio){_ATTRIBUTE}*+\s*+\][^\[]*+\[/\1\]", re.DOTALL)
_CLOSING = re.compile(rf"\[/({_NAME})\s*+\]")
#: Codes with attributes, or with a name of several parts as page builders use; others only if they are closed.
_ALONE = re.compile(rf"\[(?:{_NAME}{_ATTRIBUTE}++|[a-z][a-z0-9]*_[a-z0-9_]++{_ATTRIBUTE}*+)\s*+/?\]", re.DOTALL)
_PLAIN = re.compile(rf"\[/?({_NAME})\s*+/?\]")


def without_shortcodes(text: str) -> str:
    """``text`` with a line break in place of each shortcode; enclosed text stays."""
    if "[" not in text:
        return text
    text = _ALONE.sub("\n", _HIDDEN.sub("\n", text))
    closed = set(_CLOSING.findall(text))
    return _PLAIN.sub(lambda found: "\n" if found[1] in closed else found[0], text)
