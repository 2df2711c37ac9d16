"""The paper's tables as data: which systems each compares, on which dataset, and its figures in per cent.

The paper's datasets are private and its way of averaging is not described (five attributes of table 3 average 81.75
where table 1 says 76.55), so its figures are for orientation; every table of ours says so beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from moemoe.errors import ConfigError

#: In place of settings: as many epochs as all phases of MoEMoE together, so that no system has seen more data.
AS_LONG = "as long as both phases"

MARK = "paper: other data, aggregation unknown"


@dataclass(frozen=True)
class PaperSystem:
    """One row or column of a table: a recipe by name, and what is changed about it (``name=value``)."""

    model: str
    settings: str = ""

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.model}, {self.settings}" if self.settings else self.model


@dataclass(frozen=True)
class PaperTable:
    """One table or figure of the paper.

    Args:
        columns: metrics of ``Evaluation.metrics`` by heading, if systems are the rows; empty: systems are columns.
        product_type: of a table by attribute; empty: by product type and top K.
        figures: row -> the paper's figures, by column or, if systems are columns, by system; None if the paper has
            none. For ``difference`` dataset -> the figures.
        difference: the last system minus the first is a row of its own (figure 4 is described by it alone).
    """

    name: str
    title: str
    datasets: tuple[str, ...]
    systems: tuple[PaperSystem, ...]
    figures: Mapping[str, tuple[float | None, ...]]
    columns: Mapping[str, str] = field(default_factory=dict)
    product_type: str = ""
    difference: bool = False


def _systems(*names: str) -> tuple[PaperSystem, ...]:
    return tuple(PaperSystem(name) for name in names)


ACCURACY_AND_RECALL = {"accuracy": "accuracy/mean", "Recall@90P": "recall_at_90p/mean"}
TOP_15 = {"kurta": "recall_at_90p/kurta/top15", "shirt": "recall_at_90p/shirt/top15"}

TABLES = {
    table.name: table
    for table in (
        PaperTable(
            "1",
            "Table 1: Recall@90P of the top K attributes",
            ("30pt",),
            _systems("cma-clip", "ner-mqmrc", "mxt", "moemoe"),
            {
                "kurta, K = 5": (60.69, 54.53, 76.86, 76.55),
                "kurta, K = 10": (56.67, 49.97, 66.86, 76.93),
                "kurta, K = 15": (46.49, 44.68, 57.91, 60.31),
                "shirt, K = 5": (79.60, 71.26, 87.89, 88.87),
                "shirt, K = 10": (70.47, 52.01, 76.99, 78.17),
                "shirt, K = 15": (56.81, 45.09, 63.60, 69.86),
            },
        ),
        PaperTable(
            "2",
            "Table 2: Recall@90P by attribute, dress",
            ("cma_clip",),
            _systems("cma-clip", "ner-mqmrc", "knn", "mxt", "moemoe"),
            {
                "color map": (48.26, 26.54, 45.95, 34.48, 49.61),
                "dress style": (20.34, 20.97, 13.27, 23.79, 20.23),
                "item length": (66.39, 47.13, 63.08, 65.57, 69.92),
                "neck": (30.58, 13.09, 33.67, 31.90, 34.81),
                "pattern": (14.48, 11.61, 23.37, 24.83, 41.62),
                "season": (67.93, 16.45, 65.37, 73.10, 69.43),
                "sleeve": (61.68, 35.37, 44.71, 54.38, 65.77),
                "average": (44.23, 24.45, 41.34, 44.01, 50.19),
            },
            product_type="dress",
        ),
        PaperTable(
            "3",
            "Table 3: Recall@90P by attribute, kurta",
            ("30pt",),
            _systems("cma-clip", "ner-mqmrc", "mxt", "moemoe"),
            {
                "age range description": (97.67, 13.33, 99.03, 99.35),
                "department": (98.39, 87.92, 98.09, 98.57),
                "care instructions": (36.59, 24.62, 46.04, 48.73),
                "neck style": (52.74, 48.01, 68.99, 74.47),
                "color": (84.04, 74.79, 86.03, 87.65),
                "design name": (24.97, None, 32.69, 35.41),
                "occasion type": (19.93, 29.67, 50.58, 52.63),
                "pattern type": (25.83, None, 31.92, 32.61),
                "seasons": (5.07, 0.19, 33.20, 27.15),
                "fit type": (94.66, 41.59, 95.61, 95.72),
                "closure type": (5.05, None, 9.33, 18.48),
                "collection": (0.00, None, 30.02, 46.87),
                "sleeve type": (60.53, 47.99, 75.63, 80.75),
            },
            product_type="kurta",
        ),
        PaperTable(
            "4",
            "Table 4: where the experts are and what is trained",
            ("sl", "ohl"),
            _systems(
                "mxt", "qga", "enc-dec-moe-full", "enc-dec-moe-odd", "enc-dec-moe-even", "encoder-moe-full",
                "decoder-moe-full", "decoder-last-moe", "decoder-last-2-moe", "decoder-even-moe",
                "decoder-odd-moe-frozen", "moemoe",
            ),
            {
                "mxt": (63.94, 53.52),
                "qga": (66.04, 56.69),
                "enc-dec-moe-full": (62.45, 54.19),
                "enc-dec-moe-odd": (62.14, 52.96),
                "enc-dec-moe-even": (62.30, 53.18),
                "encoder-moe-full": (52.33, 41.70),
                "decoder-moe-full": (63.81, 55.08),
                "decoder-last-moe": (64.29, 55.70),
                "decoder-last-2-moe": (63.67, 55.07),
                "decoder-even-moe": (66.29, 57.13),
                "decoder-odd-moe-frozen": (64.79, 55.50),
                "moemoe": (66.57, 57.03),
            },
            columns=ACCURACY_AND_RECALL,
        ),
        PaperTable(
            "5",
            "Table 5: the load-balancing loss's weight (0.1 where none is named)",
            ("sl", "ohl"),
            (
                PaperSystem("enc-dec-moe-full", "load_balancing_weight=0.01"),
                PaperSystem("enc-dec-moe-full"),
                PaperSystem("moemoe", "load_balancing_weight=0.01"),
                PaperSystem("moemoe"),
                PaperSystem("moemoe", "load_balancing_weight=0.5"),
            ),
            {
                "enc-dec-moe-full, load_balancing_weight=0.01": (40.34,),
                "enc-dec-moe-full": (48.60,),
                "moemoe, load_balancing_weight=0.01": (62.73,),
                "moemoe": (66.57,),
                "moemoe, load_balancing_weight=0.5": (62.95,),
            },
            columns={"accuracy": "accuracy/mean"},
        ),
        PaperTable(
            "fig4",
            "Figure 4: against the text-only model",
            ("ohl", "sl"),
            _systems("flan-t5", "moemoe"),
            {"ohl": (2.5, 5.8), "sl": (2.4, 3.8)},
            columns=ACCURACY_AND_RECALL,
            difference=True,
        ),
        PaperTable(
            "fig5",
            "Figure 5: what each part adds, Recall@90P of the top 15 attributes",
            ("30pt",),
            _systems("s-enc", "wo-qg", "wo-al", "qga", "moemoe"),
            {
                "wo-qg": (58.1, 68.1),
                "wo-al": (59.4, 68.8),
                "qga": (59.9, 69.4),
                "moemoe": (60.31, 69.86),
            },
            columns=TOP_15,
        ),
    )
}  # fmt: skip


def tables_of(dataset: str, names: str = "") -> list[PaperTable]:
    """The tables with these comma-separated ``names``; without names all that belong to ``dataset``.

    Raises:
        ConfigError: a table that does not exist or belongs to another dataset.
    """
    chosen = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in TABLES:
            raise ConfigError(f"unknown table {name!r}; the paper's tables are {', '.join(TABLES)}")
        table = TABLES[name]
        if dataset not in table.datasets:
            raise ConfigError(
                f"table {name} belongs to --dataset {' or '.join(table.datasets)}, this is {dataset}; "
                f"tables of {dataset} are {', '.join(t.name for t in tables_of(dataset)) or 'none'}"
            )
        if table not in chosen:
            chosen.append(table)
    return chosen if names.strip() else [table for table in TABLES.values() if dataset in table.datasets]


def systems_of(models: str, tables: Sequence[PaperTable]) -> list[PaperSystem]:
    """The comma-separated ``models``, then what ``tables`` need, each once; QGA beside MoEMoE also ``AS_LONG``.

    Raises:
        ConfigError: they name none.
    """
    named = [PaperSystem(name) for part in models.split(",") if (name := part.strip())]
    systems = list(dict.fromkeys([*named, *(system for table in tables for system in table.systems)]))
    if not systems:
        raise ConfigError(f"--models is {models!r}; allowed are names of models, separated by commas")
    if PaperSystem("moemoe") in systems and PaperSystem("qga") in systems:
        systems.insert(systems.index(PaperSystem("qga")) + 1, PaperSystem("qga", AS_LONG))
    return systems
