"""Installs by uv, which unpacks on every core, what ``pip install`` with the same arguments would.

.venv/bin/python infra/install.py -c constraints.txt -e '.[flows,test]'

uv does not read pip's configuration, so a company's mirror, its certificates and its folders of wheels are handed on.
What uv cannot do with them (a keyring, a proxy of pip's own), pip does after it. Modules are compiled when they are
first imported, which few of them ever are, but for a Python that keeps nothing that it compiles.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable

SECTIONS = ("global", "install", ":env:")  # a later one wins, as in pip
WORDS = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}


def pip_options(lines: Iterable[str]) -> dict[str, str]:
    """What ``pip config list`` says of installing: names without their sections -> values."""
    options: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in lines:
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in options and value:
            options[section][name] = str(ast.literal_eval(value))
    return {name: value for section in SECTIONS for name, value in options[section].items()}


def uv_environment(options: dict[str, str]) -> dict[str, str]:
    """pip's options as uv's variables. All indexes count alike, as for pip: the highest version of any is taken."""
    variables = {variable: " ".join(options[name].split()) for name, variable in WORDS.items() if options.get(name)}
    if folders := options.get("find-links", "").split():
        variables["UV_FIND_LINKS"] = ",".join(folders)
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **variables}


def uv_flags(options: dict[str, str]) -> list[str]:
    """pip's options that uv takes as flags alone."""
    hosts = [word for host in options.get("trusted-host", "").split() for word in ("--allow-insecure-host", host)]
    offline = options.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return ["--no-index", *hosts] if offline else hosts


def install(arguments: list[str]) -> int:
    """Installs into the environment of this Python; 0 if uv or, after it, pip has."""
    pip = [sys.executable, "-m", "pip"]
    listed = subprocess.run([*pip, "config", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    options = pip_options(listed.splitlines())
    uv = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", sys.executable]
    uv += ["--compile-bytecode"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []
    # What a person has set for uv itself stays.
    if subprocess.run([*uv, *uv_flags(options), *arguments], env=uv_environment(options) | os.environ).returncode == 0:
        return 0
    print("uv could not install this (above); pip does it now, in some minutes", file=sys.stderr, flush=True)
    return subprocess.run([*pip, "install", "--quiet", "--disable-pip-version-check", *arguments]).returncode


if __name__ == "__main__":
    sys.exit(install(sys.argv[1:]))
