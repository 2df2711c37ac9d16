"""The options of a run, as the command line gives them."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from moemoe.errors import ConfigError
from moemoe.names import escaped

if TYPE_CHECKING:  # flows import this file, and --help waits for what it imports
    from moemoe.contract.contract import Contract
    from moemoe.shards.hidden import Hidden

#: The largest number that counts something, or is a seed.
MOST = 2**31 - 1
#: What CompareFlow compares if it is asked for nothing else.
DEFAULT_MODELS = "moemoe,qga,wo-qg,mxt,cma-clip,ner-mqmrc,knn,flan-t5,tf-idf"

T = TypeVar("T", bound="FromFlow")


@dataclass(frozen=True)
class FromFlow:
    """Values that a flow has under the same names: parameters, or results of earlier steps."""

    @classmethod
    def of(cls: type[T], flow: Any) -> T:
        """Reads them from a flow, by name."""
        return cls(**{field.name: getattr(flow, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Options(FromFlow):
    """The parameters that TrainFlow and CompareFlow share; ``base_flow`` says what each means."""

    dataset: str = "30pt"
    catalog: str = ""
    layout: str = "auto"
    size: str = "tiny"
    weights: str = ""
    epochs: int = 0
    batch_size: int = 0
    decoding: str = "free"
    withhold: str = ""
    unseen: str = ""
    max_products: int = 0
    nproc: int = 0
    seed: int = 0
    root: str = ".moemoe"
    allow_private_hosts: bool = False

    @property
    def is_sample(self) -> bool:
        """Whether the run is on the sample catalog."""
        return not self.catalog

    @property
    def experiment(self) -> str:
        """The MLflow experiment that holds the runs of this dataset.

        The sample catalog has its own, and so have models from which something is hidden: these must not challenge a
        model that sees everything.
        """
        parts = ["moemoe", escaped(self.dataset), "" if self.catalog else "sample"]
        parts += [f"withheld-{escaped(self.withhold)}" if self.withhold else "", "unseen" if self.unseen else ""]
        return "-".join(part for part in parts if part).replace(" ", "-")

    def hidden(self, contract: "Contract") -> "Hidden":
        """What --withhold and --unseen hide from the model. Raises ConfigError for an unknown name."""
        from moemoe.shards.hidden import Hidden

        return Hidden.of(contract, self.withhold, self.unseen)

    def check_numbers(self) -> None:
        """Raises ConfigError if a number is out of range."""
        check_numbers(
            max_products=self.max_products,
            epochs=self.epochs,
            batch_size=self.batch_size,
            nproc=self.nproc,
            seed=self.seed,
        )


@dataclass(frozen=True)
class TrainOptions(FromFlow):
    """The parameters that TrainFlow adds."""

    model: str = "moemoe"
    question_in: str = ""
    settings: str = ""
    promote_if: str = "better"
    registered_name: str = ""
    warm_start: str = ""
    only_if_new: bool = False


@dataclass(frozen=True)
class CompareOptions(FromFlow):
    """The parameters that CompareFlow adds."""

    models: str = ""
    tables: str = ""
    folds: int = 0
    runs: str = ""


@dataclass(frozen=True)
class BackfillOptions(FromFlow):
    """The parameters of BackfillFlow."""

    catalog: str
    model: str
    output: str
    layout: str = "auto"
    thresholds: str = "plain"
    audit_size: int = 600
    tasks: int = 0
    allow_private_hosts: bool = False


def check_numbers(**given: int) -> None:
    """Checks parameters that count something, or seed.

    Raises:
        ConfigError: one is below 0, or more than 32 bits hold.
    """
    for name, number in given.items():
        if not 0 <= number <= MOST:
            raise ConfigError(f"--{name.replace('_', '-')} is {number}; allowed is 0 to {MOST}")
