"""The steps that every flow that trains has: from a catalog to shards, training, evaluation."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

import cards
import catalog_cards
import evaluation_card
import run_summary
import training_card
from deployment import notify, notify_last_attempt
from metaflow import FlowSpec, Parameter, card, current, step
from numbers_allowed import check_numbers
from resuming import next_resume_goes_on_from_here, note_changed_contract
from stopped import said_plainly

from moemoe.names import escaped
from moemoe.notifications import DRIFT
from moemoe.storage import absolute, join, remove_leftovers


@contextmanager
def scratch_folder(flow: FlowSpec) -> Iterator[str]:
    """A folder that is gone after the step; errors meant for people leave the step without a traceback.

    What an attempt that was killed left half-written under the run is removed. Whatever the error, the MLflow run is
    marked as failed; a resumed run that gets through marks it as finished.
    """
    try:
        with said_plainly(), tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
            next_resume_goes_on_from_here()
            note_changed_contract(flow)
            if hasattr(flow, "run_uri"):
                remove_leftovers(flow.run_uri)
            yield folder
    except BaseException as error:
        if hasattr(flow, "mlflow_run_id"):
            from moemoe.registry import tracking

            with suppress(Exception):  # the error itself matters more
                tracking.end_run(flow.tracking_uri, flow.mlflow_run_id, "FAILED")
        notify_last_attempt(flow, error)
        raise


class CatalogSteps(FlowSpec):
    """Parameters and steps of TrainFlow and CompareFlow."""

    dataset = Parameter("dataset", default="30pt", help="The contract: a folder of data_contracts/.")
    catalog = Parameter("catalog", default="", help="Path, glob or s3:// of the catalog; empty: the sample catalog.")
    size = Parameter("size", default="tiny", help="tiny, small or paper.")
    weights = Parameter("weights", default="", help="scratch, or a T5 checkpoint by name or folder; empty: the size's.")
    epochs = Parameter("epochs", default=0, help="Epochs per phase; 0: the size's.")
    batch_size = Parameter("batch-size", default=0, help="Global batch in products; 0: the size's.")
    decoding = Parameter("decoding", default="free", help="free, or canonical: answers are values of the contract.")
    withhold = Parameter("withhold", default="", help="An attribute whose words are cut out of every text.")
    unseen = Parameter("unseen", default="", help="Values kept out of training: 'color=Maroon, Teal; material=Silk'.")
    max_products = Parameter("max-products", default=0, help="Use the first N catalog rows only; 0: all.")
    nproc = Parameter("nproc", default=0, help="Training processes; 0: one per GPU, else 1.")
    seed = Parameter("seed", default=0, help="Seed of the sample catalog, weights, order and noise.")
    root = Parameter("root", default=".moemoe", help="Where everything a run writes lies: a folder or s3://.")

    def check_recipes(self, recipes) -> None:
        """Find what is wrong with the parameters, the machine and MLflow before the long work starts."""
        import data_contracts
        from moemoe.inference.answering import check_decoding
        from moemoe.registry import tracking
        from moemoe.shards.hidden import Hidden
        from moemoe.shards.sampler import check_batch_size
        from moemoe.training.launch import check_processes, default_processes

        numbers = ("max_products", "epochs", "batch_size", "nproc", "seed")
        check_numbers({name.replace("_", "-"): getattr(self, name) for name in numbers})
        check_decoding(self.decoding)
        contract = data_contracts.load(self.dataset)
        if contract.open is None:  # what an open contract names is known when the catalog has been read
            Hidden.of(contract, self.withhold, self.unseen)
        self.processes = self.nproc or default_processes()
        if getattr(self, "compute", "local") == "local":  # elsewhere this step's machine is not that of the training
            check_processes(self.processes)
        for recipe in recipes:
            check_batch_size(recipe.training.batch_size, self.processes * recipe.training.accumulation)
            recipe.check()
        self.tracking_uri = tracking.default_tracking_uri()
        tracking.check_tracking(self.tracking_uri)
        tracking.check_model_name(self.tracking_uri, self.model_name)

    def find_catalog(self, scratch) -> None:
        """Find the catalog's files, or draw the sample catalog, and the run's place under the root."""
        import data_contracts
        from moemoe.catalog.products import partition_groups
        from moemoe.catalog.read import find_partitions
        from moemoe.sample_catalog.write import write_sample_catalog
        from moemoe.storage import publish

        self.root_uri = absolute(self.root)
        self.run_uri = join(self.root_uri, "runs", current.run_id)
        # a run keeps one contract to its end, whatever becomes of the file meanwhile
        given = data_contracts.load(self.dataset)
        self.contract_hash = given.hash
        self.given_contract_uri = publish(given.path, join(self.run_uri, "contract-given.yaml"))
        self.is_sample = not self.catalog
        if self.is_sample:
            remove_leftovers(join(self.root_uri, "catalog"))
            sample = write_sample_catalog(join(scratch, "sample.parquet"), seed=self.seed)
            name = f"sample-{self.seed}.parquet"
            self.partitions = [publish(sample, join(self.root_uri, "catalog", name))]
        else:
            self.partitions = find_partitions(self.catalog)
        self.groups = partition_groups(self.partitions, self.max_products or None)

    def experiment(self) -> str:
        """The MLflow experiment that holds the runs of this dataset.

        The sample catalog's are kept apart, and those of models from which something is hidden: such a model is no
        challenger to one that sees all.
        """
        parts = ["moemoe", escaped(self.dataset), "" if self.catalog else "sample"]
        parts += [f"withheld-{escaped(self.withhold)}" if self.withhold else "", "unseen" if self.unseen else ""]
        return "-".join(part for part in parts if part).replace(" ", "-")

    def start_mlflow_run(self, recipe, settings, tags=None) -> None:
        """Open the model's run in MLflow, that of a stopped task again by ``tags``, and remember the recipe."""
        from moemoe.registry import tracking

        self.recipe = recipe.to_dict()
        stopped = tracking.find_run(self.tracking_uri, self.model_name, tags) if tags else None
        self.mlflow_run_id = stopped or tracking.start_run(
            self.tracking_uri,
            experiment=self.model_name,
            run_name=tracking.run_name(recipe.name, *filter(None, [settings]), recipe.size),
            params=run_summary.parameters(self, recipe, settings),
            tags={
                "dataset": self.dataset,
                "recipe": recipe.name,
                "metaflow_run": current.pathspec.rsplit("/", 2)[0],
                **(tags or {}),
            },
        )

    @step
    def collect(self):
        """Read some of the catalog's files; set bad rows and pictures aside."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.products import collect_products, write_parts
            from moemoe.contract.load import load_contract
            from moemoe.storage import fetch

            contract = load_contract(fetch(self.given_contract_uri, scratch))
            parts = collect_products(self.partitions, contract, self.input, self.max_products or None)
            self.parts = write_parts(parts, join(self.run_uri, "collected", f"{self.index:03d}"))
        self.next(self.validate)

    @card(type="blank")
    @step
    def validate(self, inputs):
        """Check the raw catalog against its contract, or stop."""
        self.merge_artifacts(inputs, exclude=["parts"])
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.catalog.products import Collection
            from moemoe.contract.load import load_contract
            from moemoe.contract.open_contract import close_contract
            from moemoe.labels.parts import Parts
            from moemoe.registry import tracking
            from moemoe.storage import fetch, publish, write_table

            collection = Collection([part for task in inputs for part in task.parts])
            contract = load_contract(fetch(self.given_contract_uri, scratch))
            quarantine = collection.quarantine()
            self.quarantine_uri = write_table(quarantine, join(self.run_uri, "quarantine.parquet"))
            collection.check_quarantine_share(quarantine, contract)
            self.products = [part.products for part in collection.parts]
            self.parts_of_group = [len(task.parts) for task in inputs]
            raw_labels = Parts(self.products, ["product_type", "attributes"])
            contract = close_contract(contract, raw_labels, join(scratch, "contract.yaml"))
            self.contract_uri = publish(join(scratch, "contract.yaml"), join(self.run_uri, "contract.yaml"))
            report = data_contracts.check_raw(
                Parts(self.products), quarantine, collection.rows, contract, join(scratch, "data_docs")
            )
            self.data_docs_uri = publish(join(scratch, "data_docs"), join(self.run_uri, "data_docs"))
            tracking.log_artifacts(self.tracking_uri, self.mlflow_run_id, join(scratch, "data_docs"), "data_docs")
            catalog_cards.contract_card(report, collection, quarantine, self.is_sample)
            print(report.message())
            report.raise_if_critical()
            self.broken_promises = report.broken
        self.next(self.normalize)

    @card(type="blank")
    @step
    def normalize(self):
        """Turn raw labels into the contract's values; set aside those of a product that contradict each other."""
        with scratch_folder(self) as scratch:
            from moemoe.contract.load import load_contract
            from moemoe.labels.label_parts import normalize_parts
            from moemoe.labels.parts import Parts
            from moemoe.storage import fetch, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            raw = Parts(self.products, ["product_id", "product_type", "attributes"])
            self.contradictions_uri = join(self.run_uri, "contradictions.parquet")
            normalized = normalize_parts(raw, contract, join(self.run_uri, "labels-all"), self.contradictions_uri)
            self.all_labels = normalized.labels
            self.statistics_uri = write_table(normalized.statistics, join(self.run_uri, "label-statistics.parquet"))
            write_table(normalized.unread_keys, join(self.run_uri, "unread-keys.parquet"))
            catalog_cards.normalize_card(normalized, contract, self.is_sample)
        self.next(self.filter)

    @card(type="blank")
    @step
    def filter(self):
        """Drop the rare values: per attribute at most 1 % of its labels (appendix B)."""
        with scratch_folder(self) as scratch:
            from moemoe.contract.load import load_contract
            from moemoe.labels.label_parts import filter_parts
            from moemoe.storage import fetch, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            frequent = filter_parts(self.all_labels, contract.rare_share, join(self.run_uri, "labels-frequent"))
            self.frequent_labels = frequent.labels
            self.rare_values_uri = write_table(frequent.removed, join(self.run_uri, "rare-values.parquet"))
            catalog_cards.rare_values_card(frequent, self.is_sample)
        self.next(self.split)

    @card(type="blank")
    @step
    def split(self):
        """Split by groups and check the labels against the contract."""
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.contract.load import load_contract
            from moemoe.labels.drift import label_drift, read_labels
            from moemoe.labels.label_parts import split_parts
            from moemoe.labels.parts import Parts
            from moemoe.registry import tracking
            from moemoe.shards.write import earlier_run
            from moemoe.storage import fetch, publish, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            earlier = earlier_run(self.root_uri, self.dataset, self.is_sample)
            assigned = split_parts(
                self.products, self.frequent_labels, contract, earlier.splits, join(self.run_uri, "labels")
            )
            self.labels, labels = assigned.labels, Parts(assigned.labels)
            self.split_quarantine_uri = write_table(assigned.quarantine, join(self.run_uri, "quarantine-split.parquet"))
            self.splits_uri = write_table(assigned.splits, join(self.run_uri, "splits.parquet"))
            reports = [data_contracts.check_labels(labels, contract, join(scratch, "label_docs"), assigned.common)]
            if earlier.labels is not None:
                now = (batch for part in labels for batch in part.to_batches())
                drift = label_drift(read_labels(fetch(earlier.labels, scratch)), now)
                self.drift_uri = write_table(drift, join(self.run_uri, "drift.parquet"))
                reports.append(data_contracts.check_drift(drift, contract, join(scratch, "label_docs", "drift")))
            self.label_docs_uri = publish(join(scratch, "label_docs"), join(self.run_uri, "label_docs"))
            tracking.log_artifacts(self.tracking_uri, self.mlflow_run_id, join(scratch, "label_docs"), "label_docs")
            catalog_cards.split_card(reports, assigned, self.is_sample)
            for report in reports:
                print(report.message())
            for report in reports:
                report.raise_if_critical()
                self.broken_promises = [*self.broken_promises, *report.broken]
            if reports[1:] and reports[1].failures:
                notify(self, DRIFT, reports[1].message())
            pairs = iter(zip(self.products, self.labels, strict=True))
            self.group_parts = [[next(pairs) for _ in range(number)] for number in self.parts_of_group]
        self.next(self.shard, foreach="group_parts")

    @step
    def shard(self):
        """Write the payload shards of some of the catalog's files; what is there already stays."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.products import read_products_with_images
            from moemoe.contract.load import load_contract
            from moemoe.labels.label_parts import labelled_parts
            from moemoe.shards.write import write_payload
            from moemoe.storage import fetch

            contract = load_contract(fetch(self.contract_uri, scratch))
            products = (part for part, _ in labelled_parts(self.input))
            self.shards = write_payload(read_products_with_images(self.partitions, products, contract), self.root_uri)
        self.next(self.manifest)

    def write_manifest(self, inputs) -> None:
        """Join labels and splits to the shards' rows and check them; the manifest comes last."""
        self.merge_artifacts(inputs, exclude=["shards"])
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.contract.load import load_contract
            from moemoe.labels.label_parts import labelled_parts
            from moemoe.registry import tracking
            from moemoe.shards.write import write_manifest
            from moemoe.storage import fetch, publish, read_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            parts = labelled_parts(zip(self.products, self.labels, strict=True), ["product_id"])
            self.payload = [shard for task in inputs for shard in task.shards]
            manifest, self.manifest_uri = write_manifest(
                self.payload,
                ((products["product_id"], labels) for products, labels in parts),
                read_table(self.splits_uri),
                self.root_uri,
                self.dataset,
                contract.hash,
                self.is_sample,
            )
            sidecar = fetch(join(self.root_uri, manifest.sidecar.path), scratch)
            report = data_contracts.check_shards(
                manifest, self.root_uri, sidecar, contract, join(scratch, "shard_docs")
            )
            self.shard_docs_uri = publish(join(scratch, "shard_docs"), join(self.run_uri, "shard_docs"))
            tracking.log_artifacts(self.tracking_uri, self.mlflow_run_id, join(scratch, "shard_docs"), "shard_docs")
            catalog_cards.shards_card(manifest, self.manifest_uri, report, self.is_sample)
            print(report.message())
            report.raise_if_critical()

    def find_hidden(self, scratch: str) -> None:
        """What --withhold and --unseen keep from the model, in the contract as it is closed now."""
        from moemoe.contract.load import load_contract
        from moemoe.shards.hidden import Hidden
        from moemoe.storage import fetch

        contract = load_contract(fetch(self.contract_uri, scratch))
        self.hidden = asdict(Hidden.of(contract, self.withhold, self.unseen))

    def train_model(self, warm_start: str = "") -> None:
        """Train every phase of ``self.recipe`` under torchrun; a retry or resume goes on from the last checkpoint.

        MLflow is not asked: it may be slow or away for as long as training takes. ``evaluate`` brings it the events.
        """
        with scratch_folder(self) as scratch:
            from moemoe.training.job import Job
            from moemoe.training.launch import train

            self.find_hidden(scratch)
            job = Job(
                self.manifest_uri,
                self.run_uri,
                scratch,
                self.recipe,
                self.seed,
                warm_start=warm_start,
                hidden=self.hidden,
            )
            progress = training_card.TrainingCard(self.is_sample)
            began = time.monotonic()
            train(job, self.processes, progress.update)
            self.training_minutes = (time.monotonic() - began) / 60
            self.model_uri_in_root = join(self.run_uri, "model")
            self.training_events = join(self.run_uri, "events.jsonl")

    def evaluate_model(self) -> None:
        """Predict validation and test, measure Recall@90P per product type and attribute, choose thresholds."""
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.contract.load import load_contract
            from moemoe.evaluation.report import make_report
            from moemoe.inference.answering import ANSWERING
            from moemoe.inference.answers import answer_everything
            from moemoe.registry import tracking
            from moemoe.shards.dataset import ShardedDataset
            from moemoe.shards.hidden import Hidden
            from moemoe.storage import exists, fetch, publish, write_bytes, write_table
            from moemoe.training.events import read_events

            contract = load_contract(fetch(self.contract_uri, scratch))
            dataset = ShardedDataset(self.manifest_uri, scratch, Hidden.from_dict(self.hidden))
            model = fetch(self.model_uri_in_root, scratch)
            answers = answer_everything(model, dataset, contract, self.decoding, self.recipe["training"])
            write_bytes(join(self.model_uri_in_root, ANSWERING), answers.answering.to_json().encode())
            checked = data_contracts.check_predictions(answers.predictions, contract, join(scratch, "prediction_docs"))
            publish(join(scratch, "prediction_docs"), join(self.run_uri, "prediction_docs"))
            print(checked.message())
            checked.raise_if_critical()
            events = read_events(fetch(self.training_events, scratch)) if exists(self.training_events) else []
            training_values = dataset.cell_value_counts("train")
            report = make_report(answers, contract.report_product_types, training_values, events)
            self.metrics, self.no_means = report.evaluation.metrics, report.evaluation.no_means
            self.asked_type = report.evaluation.table["product_type"][0].as_py() if report.evaluation.table else ""
            undecoded = join(self.run_uri, "quarantine-evaluate.parquet")
            self.undecoded_uri = write_table(answers.quarantine, undecoded)
            self.predictions_path = write_table(answers.predictions, join(self.run_uri, "predictions.parquet"))
            self.evaluation_path = write_table(report.evaluation.table, join(self.run_uri, "evaluation.parquet"))
            self.slices_path = write_table(report.slices, join(self.run_uri, "slices.parquet"))
            self.routing_path = write_table(report.routing, join(self.run_uri, "routing.parquet"))
            uris = (self.predictions_path, self.evaluation_path, self.slices_path, self.routing_path)
            files = [fetch(uri, scratch) for uri in uris]
            manifest = dataset.manifest
            tracking.log_dataset(self.tracking_uri, self.mlflow_run_id, manifest, self.manifest_uri, contract.path)
            tracking.log_evaluation(self.tracking_uri, self.mlflow_run_id, report.evaluation, files, report.figures)
            # after the headline: MLflow compares runs by what was logged first
            tracking.log_training_events(self.tracking_uri, self.mlflow_run_id, events)
            evaluation_card.evaluation_card(answers.predictions, report, dataset, self.is_sample)
            cards.results(checked)
            self.evaluate_task = current.pathspec
