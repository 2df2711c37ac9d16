"""What a report is about: the strip at its top, and its title in a browser's tab."""

from collections.abc import Sequence
from dataclasses import dataclass

from moemoe.reporting.document import GOOD, NEUTRAL, SYNTHETIC_NOTICE, WARNING, Badge, Block, Cell, Code, Facts, Notice


@dataclass(frozen=True)
class Identity:
    """What identifies a report; empty fields are not shown.

    Args:
        recipe: name of the model's recipe; ``settings`` are the changed ones.
        products: labelled ones, of all splits.
        date: when it was evaluated, as ``2026-11-27``.
        version: the registered model's URI; ``promoted`` is None while the gate has not decided.
    """

    recipe: str
    size: str
    dataset: str
    catalog: str
    is_sample: bool
    settings: str = ""
    products: int | None = None
    date: str = ""
    commit: str = ""
    mlflow_run: str = ""
    version: str = ""
    promoted: bool | None = None

    @property
    def system(self) -> str:
        """Recipe, settings and size: ``moemoe, experts.num_experts=16, tiny``."""
        return ", ".join(filter(None, [self.recipe, self.settings, self.size]))

    @property
    def tab(self) -> str:
        """The browser tab's title, with what differs between reports first."""
        return " | ".join(filter(None, [self.system, self.dataset + (" sample" if self.is_sample else ""), self.date]))

    def blocks(self) -> Sequence[Block]:
        """The strip."""
        decision = None
        if self.promoted is not None:
            decision = Badge("promoted to champion", GOOD) if self.promoted else Badge("not promoted", WARNING)
        items: list[tuple[str, Cell]] = [
            ("model", Code(self.version) if self.version else Badge("not registered yet", NEUTRAL)),
            ("gate", decision),
            ("recipe", self.recipe),
            ("size", self.size),
            ("settings", Code(self.settings) if self.settings else None),
            ("dataset", self.dataset),
            ("catalog", "sample catalog" if self.is_sample else Code(self.catalog)),
            ("labelled products", self.products),
            *origin(self.date, self.commit, self.mlflow_run),
        ]
        notice = [Notice(SYNTHETIC_NOTICE)] if self.is_sample else []
        return [Facts([(name, value) for name, value in items if value not in (None, "")]), *notice]


def origin(date: str, commit: str, mlflow_run: str) -> list[tuple[str, Cell]]:
    """Date, short commit and MLflow run of a report, for its strip."""
    short = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    return [
        ("date", date),
        ("commit", Code(short) if commit else None),
        ("MLflow run", Code(mlflow_run) if mlflow_run else None),
    ]
