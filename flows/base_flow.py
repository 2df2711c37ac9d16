"""What flows share: how they are deployed; parameters and steps from a catalog to shards, training, evaluation."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import cards
import stages
from cards.training import TrainingCard
from deployment import deployed, notify, notify_last_attempt, read
from metaflow import Config, FlowSpec, Parameter, card, config_expr, current, package_sources, project, step
from resuming import mark_latest_run, note_changed_contract
from stages.options import Options
from user_errors import plain_errors

from moemoe.atomic_files import remove_leftovers
from moemoe.notifications import DRIFT
from moemoe.reporting import catalog_documents

if TYPE_CHECKING:  # --help and every card wait for all other imports
    from stages.workspace import Workspace


@contextmanager
def step_errors(flow: FlowSpec) -> Iterator[None]:
    """Ends a step without a traceback on a user error; on Step Functions the last attempt also sends a notification."""
    try:
        with plain_errors():
            yield
    except BaseException as error:
        notify_last_attempt(flow, error)
        raise


@contextmanager
def workspace(flow: FlowSpec) -> Iterator["Workspace"]:
    """The run folder, and a local folder that is deleted after the step; a user error ends it without a traceback.

    Files that a killed attempt left half-written in the run folder are removed. After any error the MLflow run is
    closed as failed; a resumed run that succeeds closes it as finished.
    """
    with step_errors(flow):
        try:
            with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
                if not hasattr(flow, "folder"):
                    flow.folder = stages.workspace.run_folder(flow.root, current.run_id)
                mark_latest_run()
                note_changed_contract(flow)
                remove_leftovers(flow.folder.uri)
                yield stages.workspace.Workspace(flow.folder, scratch)
        except BaseException:
            if hasattr(flow, "tracked"):
                with suppress(Exception):  # the error itself matters more
                    stages.track.close_failed_run(flow.folder, flow.tracked)
            raise


def keep(flow: FlowSpec, result: Any) -> None:
    """Makes every field of a stage's result an artifact of that name."""
    for field in fields(result):
        setattr(flow, field.name, getattr(result, field.name))


def settle(*reports: Any) -> list[str]:
    """Prints the results of expectations; returns the failed ones.

    Raises:
        CatalogError: a critical one failed; the message lists every failure of its report.
    """
    for report in reports:
        if report.success:
            print(report.message())
    for report in reports:
        report.raise_if_critical()
    return [line for report in reports for line in report.broken]


def metaflow_run() -> str:
    """The run by its name in Metaflow, FLOW/RUN."""
    return current.pathspec.rsplit("/", 2)[0]


@package_sources(["../moemoe", "../data_contracts"], suffixes=(".py", ".yaml", ".json", ".html", ".css", ".js"))
@project(name=config_expr("deployment.project"))
@deployed
class DeployedFlow(FlowSpec):
    """A flow that a scheduler can run; see ``deployment``."""

    deployment = Config("deployment", default_value="", parser=read, help="A file such as infra/schedule.yaml.")
    compute = Config("compute", default_value="local", plain=True, help="local, kubernetes or batch.")


class BaseFlow(DeployedFlow):
    """Parameters and steps of TrainFlow and CompareFlow."""

    dataset = Parameter("dataset", default="30pt", help="The contract: a folder of data_contracts/.")
    catalog = Parameter("catalog", default="", help="Path, glob or s3:// of the catalog; empty: the sample catalog.")
    layout = Parameter("layout", default="auto", help="The catalog's layout by name; auto: recognised for each file.")
    size = Parameter("size", default="tiny", help="tiny, small or paper.")
    weights = Parameter("weights", default="", help="scratch, or a T5 checkpoint by name or folder; empty: the size's.")
    epochs = Parameter("epochs", default=0, help="Epochs per phase; 0: the size's.")
    batch_size = Parameter("batch-size", default=0, help="Global batch in products; 0: the size's.")
    decoding = Parameter("decoding", default="free", help="free, or canonical: answers are values of the contract.")
    withhold = Parameter("withhold", default="", help="An attribute whose values' words are removed from all texts.")
    unseen = Parameter("unseen", default="", help="Values kept out of training: 'color=Maroon, Teal; material=Silk'.")
    max_products = Parameter("max-products", default=0, help="Use the first N catalog rows only; 0: all.")
    nproc = Parameter("nproc", default=0, help="Training processes; 0: one per GPU, else 1.")
    seed = Parameter("seed", default=0, help="Seed of the sample catalog, initial weights, data order, noise.")
    allow_private_hosts = Parameter(
        "allow-private-hosts", default=False, help="Fetch images from hosts with private addresses, too."
    )
    root = Parameter("root", default=".moemoe", help="Where everything is written: a folder or s3://.")

    def trains_here(self) -> bool:
        """Whether the training runs on the machine of the step that starts it."""
        return getattr(self, "compute", "local") == "local"

    @step
    def collect(self):
        """Read some of the catalog's files, fetch images behind URLs; quarantine bad rows and images."""
        with workspace(self) as space:
            what = (self.partitions, self.input, self.index, Options.of(self), self.images)
            self.parts = stages.collect.collect_group(space, *what)
        self.next(self.validate)

    @card(type="finished")
    @step
    def validate(self, inputs):
        """Check the raw catalog against its contract, or stop."""
        self.merge_artifacts(inputs, exclude=["parts"])
        with workspace(self) as space:
            found = stages.validate.validate_catalog(space, [task.parts for task in inputs])
            what = (found.report, found.collection, found.quarantine, found.signs, self.is_sample)
            cards.show(catalog_documents.raw_catalog(*what))
            self.broken_expectations = settle(found.report)
        self.next(self.normalize)

    @card(type="finished")
    @step
    def normalize(self):
        """Turn raw labels into the contract's values; drop those of a product that contradict each other."""
        with workspace(self) as space:
            found = stages.normalize.normalize_labels(space)
            what = (found.labels, found.contract.contradictions, self.is_sample)
            cards.show(catalog_documents.labels(*what))
        self.next(self.filter)

    @card(type="finished")
    @step
    def filter(self):
        """Drop the rare values: per attribute at most 1 % of its labels (appendix B)."""
        with workspace(self) as space:
            found = stages.filter.filter_rare_values(space)
            cards.show(catalog_documents.rare_values(found.removed, found.number, self.is_sample))
        self.next(self.split)

    @card(type="finished")
    @step
    def split(self):
        """Split by groups and check the labels against the contract."""
        with workspace(self) as space:
            found = stages.split.split_labels(space, self.dataset, self.is_sample)
            what = (found.reports, found.assigned.quarantine, found.assigned.products, self.is_sample)
            cards.show(catalog_documents.split(*what))
            self.broken_expectations = [*self.broken_expectations, *settle(*found.reports)]
            if found.drifts:
                notify(self, DRIFT, found.drifts)
        self.next(self.shard, foreach="groups")

    @step
    def shard(self):
        """Write the payload shards of some of the catalog's files; existing shards are kept."""
        with workspace(self) as space:
            what = (self.partitions, self.index, self.layout, self.images)
            self.shards = stages.shard.write_payload(space, *what)
        self.next(self.manifest)

    def write_manifest(self, inputs) -> None:
        """Join labels and splits to the shards' rows and check them; the manifest comes last."""
        self.merge_artifacts(inputs, exclude=["shards"])
        with workspace(self) as space:
            shards = [task.shards for task in inputs]
            found = stages.shard.write_manifest(space, shards, self.dataset, self.is_sample)
            self.manifest_uri = found.uri
            what = (found.manifest, found.uri, found.report, self.is_sample)
            cards.show(catalog_documents.shards(*what))
            settle(found.report)

    def train_model(self, warm_start: bool = False) -> None:
        """Train every phase of ``self.recipe`` under torchrun; a retry or resume continues from the last checkpoint."""
        with workspace(self) as space:
            what = (self.manifest_uri, self.recipe, Options.of(self), self.processes, warm_start)
            progress = TrainingCard(self.is_sample)
            self.training_minutes = stages.train.train_model(space, *what, progress.update)

    def evaluate_model(self, settings: str) -> None:
        """Predict validation and test, measure Recall@90P per product type and attribute, choose thresholds."""
        with workspace(self) as space:
            what = (self.manifest_uri, self.recipe, Options.of(self), settings)
            found = stages.evaluate.evaluate_model(space, self.tracked, *what)
            keep(self, found.measured)
            self.identity = found.identity
            cards.show(found.document)
