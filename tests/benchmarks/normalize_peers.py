"""The labels of a catalog by other means: Python ``re``, pandas and polars, each on every raw label.

Each takes one row a raw label (``product``, the number of its product; ``key`` normalized; ``raw``) and a plan by key:
``attribute``, ``lookup`` of normalized text, ``separators``, ``rules``; and the ``missing`` markers. Each gives a list
of (product, attribute, values). Normalization is NFKC, case, blanks and edges, as in
``moemoe.contract.text.normalize_text``; HTML and shares are left to us. Runs as a script too, in a venv where polars
is: FILE.parquet PLAN.json OUT.json REPEATS.
"""

import json
import re
import sys
import time
import unicodedata
from typing import Any

SPACES = r"[\s_\-\u2010-\u2015]+"
EDGES = " .,;:!?\"'`*|"

Labels = list[tuple[int, str, tuple[str, ...]]]
Plan = dict[str, Any]


def with_re(rows: dict[str, list], plan: Plan) -> Labels:
    """Python, one raw label after the other."""
    spaces, missing = re.compile(SPACES), set(plan["missing"])
    compiled = {
        key: (
            own["attribute"],
            own["lookup"],
            re.compile(own["separators"]),
            [(re.compile(pattern, re.ASCII), value) for pattern, value in own["rules"]],
        )
        for key, own in plan["keys"].items()
    }

    def normalize_text(text: str) -> str:
        return spaces.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip(EDGES)

    labels = []
    for product, key, raw in zip(rows["product"], rows["key"], rows["raw"], strict=True):
        attribute, lookup, separators, rules = compiled[key]
        normalized = normalize_text(raw)
        if normalized in missing:
            continue
        found = {}
        if normalized in lookup:
            found[lookup[normalized]] = None
        else:
            for part in map(normalize_text, separators.split(normalized)):
                if part not in missing:
                    found[lookup.get(part) or next((value for rule, value in rules if rule.search(part)), None)] = None
            found.pop(None, None)
        if found:
            labels.append((product, attribute, tuple(found)))
    return labels


def with_pandas(rows: dict[str, list], plan: Plan) -> Labels:
    """pandas, an attribute at a time."""
    import pandas as pd

    def normalize_text(texts: Any) -> Any:
        normalized = texts.str.normalize("NFKC").str.casefold()
        return normalized.str.replace(SPACES, " ", regex=True).str.strip(EDGES)

    frame = pd.DataFrame(rows)
    labels: Labels = []
    for key, own in plan["keys"].items():
        mine = frame[frame["key"] == key]
        normalized = normalize_text(mine["raw"])
        normalized = normalized[~normalized.isin(plan["missing"])]
        value = normalized.map(own["lookup"])
        parts = normalize_text(normalized[value.isna()].str.split(own["separators"], regex=True).explode())
        parts = parts[~parts.isin(plan["missing"])]
        part_value = parts.map(own["lookup"])
        for pattern, meaning in own["rules"]:
            part_value = part_value.mask(part_value.isna() & parts.str.contains(pattern, regex=True), meaning)
        lists = part_value.dropna().groupby(level=0).agg(lambda values: tuple(dict.fromkeys(values)))
        found = [(i, (v,)) for i, v in value.dropna().items()] + list(lists.items())
        product = mine["product"]
        labels += [(int(product[i]), own["attribute"], values) for i, values in found]
    return labels


def with_polars(frame: Any, plan: Plan) -> Any:
    """polars, an attribute at a time, lazily; gives a frame of product, attribute and values."""
    import polars as pl

    def normalize_text(column: str) -> Any:
        normalized = pl.col(column).str.normalize("NFKC").str.to_lowercase()
        return normalized.str.replace_all(r"[\s_\-\x{2010}-\x{2015}]+", " ").str.strip_chars(EDGES)

    found = []
    for key, own in plan["keys"].items():
        rows = frame.lazy().filter(pl.col("key") == key).select("product", text=normalize_text("raw"))
        rows = rows.filter(~pl.col("text").is_in(plan["missing"]))
        looked_up = pl.col("text").replace_strict(own["lookup"], default=None, return_dtype=pl.String)
        rows = rows.with_columns(value=looked_up)
        whole = rows.filter(pl.col("value").is_not_null()).select("product", values=pl.concat_list("value"))
        split = pl.col("text").str.replace_all(own["separators"], "\0").str.split("\0")
        parts = rows.filter(pl.col("value").is_null()).select("product", text=split).explode("text")
        parts = parts.with_columns(text=normalize_text("text")).filter(~pl.col("text").is_in(plan["missing"]))
        by_rule = [
            pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(meaning)) for pattern, meaning in own["rules"]
        ]
        parts = parts.with_columns(value=pl.coalesce(looked_up, *by_rule)).drop_nulls("value")
        some = parts.group_by("product", maintain_order=True).agg(values=pl.col("value").unique(maintain_order=True))
        found.append(pl.concat([whole, some]).with_columns(attribute=pl.lit(own["attribute"])))
    return pl.concat(found).collect()


def main() -> None:
    """Times ``with_polars``; OUT.json gets the CPU seconds of each run and the labels."""
    import polars as pl

    source, plan_file, out, repeats = sys.argv[1:]
    frame = pl.read_parquet(source)
    with open(plan_file) as file:
        plan = json.load(file)
    seconds = []
    for _ in range(int(repeats)):
        start = time.process_time()
        labels = with_polars(frame, plan)
        seconds.append(time.process_time() - start)
    with open(out, "w") as file:
        json.dump({"seconds": seconds, "labels": labels.select("product", "attribute", "values").rows()}, file)


if __name__ == "__main__":
    main()
