"""Caches compiled templates of Great Expectations, which otherwise compiles them anew for each page of Data Docs."""

import sys
from functools import partial
from typing import Any


def keep_compiled_templates() -> None:
    """Makes this process and its forks keep compiled templates; does nothing without Great Expectations."""
    view: Any = sys.modules.get("great_expectations.render.view.view")
    if view is None or isinstance(view.Environment, partial):
        return
    from jinja2 import BytecodeCache
    from jinja2.bccache import Bucket

    class Compiled(BytecodeCache):
        def __init__(self) -> None:
            self.code: dict[tuple[str, str], Any] = {}

        def load_bytecode(self, bucket: Bucket) -> None:
            bucket.code = self.code.get((bucket.key, bucket.checksum))

        def dump_bytecode(self, bucket: Bucket) -> None:
            self.code[bucket.key, bucket.checksum] = bucket.code

    view.Environment = partial(view.Environment, bytecode_cache=Compiled())


def compile_templates() -> None:
    """Compiles all templates in advance, for forks of this process."""
    keep_compiled_templates()
    if view := sys.modules.get("great_expectations.render.view.view"):
        templates = view.DefaultJinjaPageView().env
        for name in templates.list_templates(extensions=["j2"]):
            templates.get_template(name)
