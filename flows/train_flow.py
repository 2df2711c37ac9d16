"""A dirty catalog in, a checked, trained, evaluated and registered attribute model out.

python flows/train_flow.py run --dataset 30pt
python flows/train_flow.py run --dataset 30pt --catalog 'PATH-OR-GLOB-OR-s3://...'
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cards
from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.exception import MetaflowException

from moemoe.errors import MoEMoEError
from moemoe.storage import absolute, join


class Stopped(MetaflowException):
    """An error meant for the person who started the run; Metaflow shows it without a traceback."""

    headline = "Stopped"


@contextmanager
def scratch_folder(flow: "TrainFlow") -> Iterator[str]:
    """A folder that is gone after the step; errors meant for people leave the step without a traceback.

    Whatever the error, the MLflow run is marked as failed; a resumed run that gets through marks it as finished.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
            yield folder
    except BaseException as error:
        if hasattr(flow, "mlflow_run_id"):
            from moemoe.registry import tracking

            with suppress(Exception):  # the error itself matters more
                tracking.end_run(flow.tracking_uri, flow.mlflow_run_id, "FAILED")
        if isinstance(error, MoEMoEError):
            raise Stopped(str(error).replace("*", "∗")) from None  # Metaflow takes asterisks for marks of bold print
        raise


class TrainFlow(FlowSpec):
    """Train, evaluate and register a model that fills in a catalog's missing attributes."""

    dataset = Parameter("dataset", default="30pt", help="The contract: a folder of data_contracts/.")
    catalog = Parameter("catalog", default="", help="Path, glob or s3:// of the catalog; empty: the sample catalog.")
    model = Parameter("model", default="moemoe", help="A recipe by name.")
    size = Parameter("size", default="tiny", help="tiny, small or paper.")
    weights = Parameter("weights", default="", help="scratch, or a T5 checkpoint by name or folder; empty: the size's.")
    question_in = Parameter("question-in", default="", help="decoder or context; empty: the recipe's, else decoder.")
    settings = Parameter("set", default="", help="More changes, e.g. 'experts.number=16, load_balancing_weight=0.5'.")
    epochs = Parameter("epochs", default=0, help="Epochs per phase; 0: the size's.")
    batch_size = Parameter("batch-size", default=0, help="Global batch in products; 0: the size's.")
    max_products = Parameter("max-products", default=0, help="Use the first N catalog rows only; 0: all.")
    nproc = Parameter("nproc", default=0, help="Training processes; 0: one per GPU, else 1.")
    seed = Parameter("seed", default=0, help="Seed of the sample catalog, weights, order and noise.")
    root = Parameter("root", default=".moemoe", help="Where everything a run writes lies: a folder or s3://.")
    registered_name = Parameter(
        "registered-name", default="", help="MLflow model name; empty: moemoe-<dataset>, or moemoe-<dataset>-sample."
    )

    @step
    def start(self):
        """Find what is wrong with the parameters, the machine and MLflow before the long work starts."""
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.catalog.read import find_partitions
            from moemoe.catalog.sample import write_sample_catalog
            from moemoe.model.pretrained import check_weights
            from moemoe.model.tokenizer import load_tokenizer
            from moemoe.recipes import load_recipe
            from moemoe.registry import tracking
            from moemoe.shards.sampler import check_batch_size
            from moemoe.storage import publish
            from moemoe.training.launch import check_processes, default_processes

            data_contracts.load(self.dataset)
            recipe = load_recipe(
                self.model,
                self.size,
                self.weights or None,
                self.question_in or None,
                self.epochs or None,
                self.batch_size or None,
                self.settings,
            )
            self.processes = self.nproc or default_processes()
            check_processes(self.processes)
            check_batch_size(recipe.training.batch_size, self.processes * recipe.training.accumulation)
            check_weights(recipe.model)
            if recipe.tokenizer != "catalog":
                load_tokenizer(recipe.tokenizer)
            self.tracking_uri = tracking.default_tracking_uri()
            tracking.check_tracking(self.tracking_uri)

            self.recipe = recipe.to_dict()
            self.root_uri = absolute(self.root)
            self.run_uri = join(self.root_uri, "runs", current.run_id)
            self.is_sample = not self.catalog
            if self.is_sample:
                sample = write_sample_catalog(join(scratch, "sample.parquet"), seed=self.seed)
                name = f"sample-{self.seed}.parquet"
                self.partitions = [publish(sample, join(self.root_uri, "catalog", name))]
            else:
                self.partitions = find_partitions(self.catalog)
            self.model_name = self.registered_name or f"moemoe-{self.dataset}" + ("-sample" if self.is_sample else "")
            self.mlflow_run_id = tracking.start_run(
                self.tracking_uri,
                experiment=self.model_name,
                run_name=f"{recipe.name}-{recipe.size}-{current.run_id}",
                params=cards.parameters(self, recipe),
                tags={
                    "dataset": self.dataset,
                    "recipe": recipe.name,
                    "metaflow_run": current.pathspec.rsplit("/", 2)[0],
                },
            )
        self.next(self.validate)

    @card(type="blank")
    @step
    def validate(self):
        """Check the raw catalog against its contract; set bad rows and pictures aside, or stop."""
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.catalog.open_contract import close_contract
            from moemoe.catalog.products import collect_products
            from moemoe.registry import tracking
            from moemoe.storage import publish, write_table

            contract = data_contracts.load(self.dataset)
            collected = collect_products(self.partitions, contract, self.max_products or None)
            contract = close_contract(contract, collected.products, join(scratch, "contract.yaml"))
            self.contract_uri = publish(join(scratch, "contract.yaml"), join(self.run_uri, "contract.yaml"))
            self.products_uri = write_table(collected.products, join(self.run_uri, "products.parquet"))
            self.quarantine_uri = write_table(collected.quarantine, join(self.run_uri, "quarantine.parquet"))
            report = data_contracts.check_raw(collected, contract, join(scratch, "data_docs"))
            self.data_docs_uri = publish(join(scratch, "data_docs"), join(self.run_uri, "data_docs"))
            tracking.log_artifacts(self.tracking_uri, self.mlflow_run_id, join(scratch, "data_docs"), "data_docs")
            cards.contract_card(report, collected, self.is_sample)
            print(report.message())
            report.raise_if_critical()
        self.next(self.normalize)

    @card(type="blank")
    @step
    def normalize(self):
        """Turn raw labels into the contract's values; set aside those of a product that contradict each other."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.catalog.contradictions import set_aside_contradictions
            from moemoe.catalog.normalize import normalize
            from moemoe.storage import fetch, read_table, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            normalized = normalize(read_table(self.products_uri), contract)
            labels, contradictions = set_aside_contradictions(normalized.labels, contract)
            self.all_labels_uri = write_table(labels, join(self.run_uri, "labels-all.parquet"))
            self.contradictions_uri = write_table(contradictions, join(self.run_uri, "contradictions.parquet"))
            self.statistics_uri = write_table(normalized.statistics, join(self.run_uri, "label-statistics.parquet"))
            cards.normalize_card(normalized, contradictions, contract, self.is_sample)
        self.next(self.filter)

    @card(type="blank")
    @step
    def filter(self):
        """Drop the rare values: per attribute at most 1 % of its labels (appendix B)."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.catalog.rare_values import remove_rare_values
            from moemoe.storage import fetch, read_table, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            labels, removed = remove_rare_values(read_table(self.all_labels_uri), contract.rare_share)
            self.frequent_labels_uri = write_table(labels, join(self.run_uri, "labels-frequent.parquet"))
            self.rare_values_uri = write_table(removed, join(self.run_uri, "rare-values.parquet"))
            cards.rare_values_card(labels, removed, self.is_sample)
        self.next(self.split)

    @card(type="blank")
    @step
    def split(self):
        """Split by groups and check the labels against the contract."""
        with scratch_folder(self) as scratch:
            import data_contracts
            from moemoe.catalog.contract import load_contract
            from moemoe.catalog.drift import label_drift
            from moemoe.catalog.split import assign_splits
            from moemoe.registry import tracking
            from moemoe.shards.write import earlier_run, partition_groups
            from moemoe.storage import fetch, publish, read_table, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            earlier = earlier_run(self.root_uri, self.dataset, self.is_sample)
            products = read_table(self.products_uri)
            assigned = assign_splits(products, read_table(self.frequent_labels_uri), contract, earlier.splits)
            self.split_quarantine_uri = write_table(assigned.quarantine, join(self.run_uri, "quarantine-split.parquet"))
            self.splits_uri = write_table(assigned.splits, join(self.run_uri, "splits.parquet"))
            self.labels_uri = write_table(assigned.labels, join(self.run_uri, "labels.parquet"))
            reports = [data_contracts.check_labels(assigned.labels, contract, join(scratch, "label_docs"))]
            if earlier.labels is not None:
                drift = label_drift(earlier.labels, assigned.labels)
                self.drift_uri = write_table(drift, join(self.run_uri, "drift.parquet"))
                reports.append(data_contracts.check_drift(drift, contract, join(scratch, "label_docs", "drift")))
            self.label_docs_uri = publish(join(scratch, "label_docs"), join(self.run_uri, "label_docs"))
            tracking.log_artifacts(self.tracking_uri, self.mlflow_run_id, join(scratch, "label_docs"), "label_docs")
            cards.split_card(reports, assigned, self.is_sample)
            for report in reports:
                print(report.message())
            for report in reports:
                report.raise_if_critical()
            self.partition_groups = partition_groups(products)
        self.next(self.shard, foreach="partition_groups")

    @step
    def shard(self):
        """Write the payload shards of some of the catalog's partitions; what is there already stays."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.catalog.products import read_products_with_images
            from moemoe.shards.write import labelled_products, write_payload
            from moemoe.storage import fetch, read_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            products = labelled_products(read_table(self.products_uri), read_table(self.labels_uri), self.input)
            self.shards = write_payload(read_products_with_images(self.partitions, products, contract), self.root_uri)
        self.next(self.manifest)

    @card(type="blank")
    @step
    def manifest(self, inputs):
        """Join labels and splits to the shards' rows; the manifest comes last."""
        self.merge_artifacts(inputs, exclude=["shards"])
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.shards.write import labelled_products, write_manifest
            from moemoe.storage import fetch, read_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            labels = read_table(self.labels_uri)
            manifest, self.manifest_uri = write_manifest(
                [shard for task in inputs for shard in task.shards],
                labelled_products(read_table(self.products_uri), labels)["product_id"],
                labels,
                read_table(self.splits_uri),
                self.root_uri,
                self.dataset,
                contract.hash,
                self.is_sample,
            )
            cards.shards_card(manifest, self.manifest_uri, self.is_sample)
        self.next(self.train)

    @card(type="blank", refresh_interval=15)
    @step
    def train(self):
        """Train every phase of the recipe under torchrun; a retry or resume goes on from the last checkpoint."""
        with scratch_folder(self) as scratch:
            from moemoe.registry import tracking
            from moemoe.training.launch import train
            from moemoe.training.run import Job

            job = Job(self.manifest_uri, self.run_uri, scratch, self.recipe, self.seed)
            progress = cards.TrainingCard(self.is_sample)
            train(job, self.processes, progress.update)
            self.model_uri_in_root = join(self.run_uri, "model")
            tracking.log_training_events(self.tracking_uri, self.mlflow_run_id, progress.events)
        self.next(self.evaluate)

    @card(type="blank")
    @step
    def evaluate(self):
        """Predict validation and test, measure Recall@90P per product type and attribute, choose thresholds."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.evaluation.evaluate import evaluate, majority_values
            from moemoe.evaluation.plots import report_figures
            from moemoe.inference.predictions import predict_all, tokenizer_metrics
            from moemoe.inference.predictor import Predictor
            from moemoe.registry import tracking
            from moemoe.shards.dataset import ShardedDataset
            from moemoe.storage import fetch, write_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            dataset = ShardedDataset(self.manifest_uri, scratch)
            predictor = Predictor.load(fetch(self.model_uri_in_root, scratch))
            predictions = predict_all(predictor, dataset, contract)
            evaluation = evaluate(predictions, contract.report_product_types, majority_values(dataset.labels))
            evaluation.metrics.update(tokenizer_metrics(predictor, dataset))
            self.metrics = evaluation.metrics
            self.undecoded_uri = write_table(
                predictor.pictures.quarantine, join(self.run_uri, "quarantine-evaluate.parquet")
            )
            self.predictions_path = write_table(predictions, join(self.run_uri, "predictions.parquet"))
            self.evaluation_path = write_table(evaluation.table, join(self.run_uri, "evaluation.parquet"))
            figures = report_figures(predictions, evaluation, contract.report_product_types)
            files = [fetch(uri, scratch) for uri in (self.predictions_path, self.evaluation_path)]
            tracking.log_evaluation(self.tracking_uri, self.mlflow_run_id, evaluation, files, figures)
            cards.evaluation_card(predictions, evaluation, dataset, figures, self.is_sample)
            self.evaluate_task = current.pathspec
        self.next(self.register)

    @card(type="blank")
    @step
    def register(self):
        """Register the model as challenger, and as champion where it beats the champion on the same test rows."""
        with scratch_folder(self) as scratch:
            from moemoe.catalog.contract import load_contract
            from moemoe.evaluation.evaluate import evaluate
            from moemoe.inference.predictions import predict_test
            from moemoe.inference.predictor import Predictor
            from moemoe.registry.register import register
            from moemoe.shards.dataset import ShardedDataset
            from moemoe.storage import fetch, read_table

            contract = load_contract(fetch(self.contract_uri, scratch))

            def champion_recall(folder):
                predictions = predict_test(Predictor.load(folder), ShardedDataset(self.manifest_uri, scratch), contract)
                return evaluate(predictions, contract.report_product_types).metrics["recall_at_90p/mean"]

            registration = register(
                self.tracking_uri,
                self.mlflow_run_id,
                model_dir=fetch(self.model_uri_in_root, scratch),
                contract_path=contract.path,
                evaluation=read_table(self.evaluation_path),
                name=self.model_name,
                mean_recall=self.metrics["recall_at_90p/mean"],
                champion_recall=champion_recall,
            )
            self.model_uri, self.decision = registration.model_uri, registration.reason
            cards.register_card(registration, self.is_sample)
        self.next(self.end)

    @step
    def end(self):
        """Keep the report, close the MLflow run and say where everything is."""
        with scratch_folder(self):
            from moemoe.registry import tracking
            from moemoe.storage import write_bytes

            report = cards.card_html(self.evaluate_task)
            self.report_uri = join(self.run_uri, "report.html")
            write_bytes(self.report_uri, report.encode())
            tracking.log_text(self.tracking_uri, self.mlflow_run_id, report, "report.html")
            tracking.end_run(self.tracking_uri, self.mlflow_run_id)
            print(cards.where_everything_is(self))


if __name__ == "__main__":
    if os.environ.get("USER", "root") == "root":  # Metaflow runs neither as root nor without a user, as in cron
        os.environ.setdefault("USERNAME", "moemoe")
    TrainFlow()
