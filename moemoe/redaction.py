"""Removes secrets from messages: passwords, tokens and signatures in URLs, and the values of secret variables.

Every pattern here runs in linear time, as the text may be untrusted: a catalog's cell, a server's answer.
"""

import os
import re

#: Names of environment variables whose values are secrets.
SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|WEBHOOK|(^|_)KEY($|_)", re.IGNORECASE)
LEAST_SECRET = 6

#: The longest user or password that is looked for in a URL.
_LONGEST = 2048
#: A user and password before the host of a URL within a text. The password has no blanks; a port is not a password.
_PASSWORD_IN_URL = re.compile(
    rf"((?<=\w)://[^\s:/@\[]{{0,{_LONGEST}}}+):(?!\d*+(?:[/?#\s]|$))[^\s@]{{0,{_LONGEST}}}+@(?:[^\s/@]{{0,{_LONGEST}}}+@)*+"
)
#: A user without a password: web servers accept a token in this form.
_TOKEN_IN_URL = re.compile(rf"(?<=http)(s?://)[^\s/?#@:\[]{{1,{_LONGEST}}}+@", re.IGNORECASE)
#: Name and value of a parameter of a URL within a text.
_PARAMETER = re.compile(r"([?&;]([^=&;#?\s]*+)=)[^&;#\s'\"]++")
_SECRET_PARAMETER = re.compile(
    r"signature|token|secret|passw|credential|api[-_]?key|access[-_]?key|key-pair"
    r"|(?:^|[-_.])(?:sig|key|auth|pwd|pass|hmac|jwt|sid|policy)$",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """``text`` without secrets in URLs and without the values of environment variables whose names mark secrets."""
    text = _TOKEN_IN_URL.sub(r"\1***@", _PASSWORD_IN_URL.sub(r"\1:***@", text))
    text = without_secret_parameters(text)
    secrets = [value for name, value in os.environ.items() if SECRET_NAME.search(name) and len(value) >= LEAST_SECRET]
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def without_secret_parameters(text: str, parameter: re.Pattern[str] = _PARAMETER) -> str:
    """``text`` with "..." for the value of each URL parameter whose name marks a secret.

    Args:
        parameter: matches a parameter; group 1 is everything before its value, group 2 its name.
    """
    return parameter.sub(lambda found: f"{found[1]}..." if _SECRET_PARAMETER.search(found[2]) else found[0], text)
