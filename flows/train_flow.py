"""A dirty catalog in, a checked, trained, evaluated and registered attribute model out.

python flows/train_flow.py run --dataset 30pt
python flows/train_flow.py run --dataset 30pt --catalog 'PATH-OR-GLOB-OR-s3://...'
"""

import registration_card
import retraining
import run_summary
from cards import card_html
from catalog_steps import CatalogSteps, scratch_folder
from command_line import run_flow
from deployment import deployed, notify, notify_failure, read  # noqa: F401 - Argo: notify_failure
from metaflow import Config, Parameter, card, config_expr, package_sources, project, schedule, step
from retraining import unless_stopped_early

from moemoe.notifications import REFUSED
from moemoe.storage import join


@package_sources(["../moemoe", "../data_contracts"], suffixes=(".py", ".yaml", ".json"))
@project(name=config_expr("deployment.project"))
@schedule(cron=config_expr("deployment.schedule.cron"), timezone=config_expr("deployment.schedule.timezone"))
@deployed
class TrainFlow(CatalogSteps):
    """Train, evaluate and register a model that fills in a catalog's missing attributes."""

    deployment = Config("deployment", default_value="", parser=read, help="A file such as infra/schedule.yaml.")
    compute = Config("compute", default_value="local", plain=True, help="local, kubernetes or batch.")

    model = Parameter("model", default="moemoe", help="A recipe by name.")
    question_in = Parameter("question-in", default="", help="decoder or context; empty: the recipe's, else decoder.")
    settings = Parameter("set", default="", help="More changes, e.g. 'experts.number=16, load_balancing_weight=0.5'.")
    promote_if = Parameter(
        "promote-if",
        default="better",
        help="The gate to champion: better, 'not worse', or unmeasured: also if nothing can be measured.",
    )
    registered_name = Parameter(
        "registered-name", default="", help="MLflow model name; empty: moemoe-<dataset>, or moemoe-<dataset>-sample."
    )
    warm_start = Parameter("warm-start", default="", help="champion: start from the champion's weights.")
    only_if_new = Parameter("only-if-new", default=False, help="Stop early where the champion has seen all the data.")

    @step
    def start(self):
        """Find what is wrong with the parameters, the machine and MLflow before the long work starts."""
        with scratch_folder(self) as scratch:
            from moemoe.recipes import load_recipe
            from moemoe.registry.gate import Rules

            Rules(self.promote_if)
            self.model_name = self.registered_name or self.experiment()
            recipe = load_recipe(
                self.model,
                self.size,
                self.weights or None,
                self.question_in or None,
                self.epochs or None,
                self.batch_size or None,
                self.settings,
            )
            self.check_recipes([recipe])
            self.find_catalog(scratch)
            self.start_mlflow_run(recipe, self.settings)
            retraining.find_champion(self, recipe, scratch)
        self.next(self.collect, foreach="groups")

    def finish_manifest(self, inputs) -> None:
        """Write the manifest and say what is new since the champion's."""
        self.write_manifest(inputs)
        retraining.look_for_news(self)

    @card(type="blank")
    @step
    def manifest(self, inputs):
        """Join labels and splits to the shards' rows; the manifest comes last. Say what is new since the champion."""
        self.finish_manifest(inputs)
        self.next(self.train)

    @card(type="blank", refresh_interval=15)
    @unless_stopped_early
    @step
    def train(self):
        """Train every phase of the recipe under torchrun; a retry or resume goes on from the last checkpoint."""
        self.train_model(self.warm_start_uri)
        self.next(self.evaluate)

    @card(type="blank")
    @unless_stopped_early
    @step
    def evaluate(self):
        """Predict validation and test, measure Recall@90P per product type and attribute, choose thresholds."""
        self.evaluate_model()
        self.next(self.register)

    @card(type="blank")
    @unless_stopped_early
    @step
    def register(self):
        """Register the model as challenger, and as champion where it gets through the gate on the same test rows."""
        with scratch_folder(self) as scratch:
            from moemoe.contract.load import load_contract
            from moemoe.inference.predictions import predict_test
            from moemoe.inference.predictor import Predictor
            from moemoe.registry.gate import Rules
            from moemoe.registry.model_card import Data
            from moemoe.registry.register import Trained, register
            from moemoe.shards.dataset import ShardedDataset
            from moemoe.shards.hidden import Hidden
            from moemoe.shards.manifest import Manifest
            from moemoe.storage import fetch, read_table

            contract = load_contract(fetch(self.contract_uri, scratch))
            manifest = Manifest.read(self.manifest_uri)

            def champion_predictions(folder):
                dataset = ShardedDataset(self.manifest_uri, scratch, Hidden.from_dict(self.hidden))
                return predict_test(Predictor.load(folder), dataset, contract)

            trained = Trained(
                model_dir=fetch(self.model_uri_in_root, scratch),
                contract_path=contract.path,
                data=Data(
                    self.dataset,
                    manifest.rows,
                    manifest.contract_hash,
                    manifest.data_hash,
                    self.is_sample,
                    tuple(self.broken_promises),
                ),
                recipe=self.recipe,
                evaluation=read_table(self.evaluation_path),
                metrics=self.metrics,
                predictions=read_table(self.predictions_path),
                report_product_types=contract.report_product_types,
                no_means=self.no_means,
            )
            registration = register(
                self.tracking_uri,
                self.mlflow_run_id,
                self.model_name,
                trained,
                Rules(self.promote_if),
                champion_predictions,
            )
            self.model_uri, self.decision = registration.model_uri, registration.reason
            self.promoted = registration.decision.promoted
            registration_card.register_card(registration, self.is_sample)
            if "champion" not in registration.aliases:
                notify(self, REFUSED, f"{self.model_uri}: {self.decision}")
        self.next(self.end)

    @step
    def end(self):
        """Keep the report, close the MLflow run and say where everything is."""
        with scratch_folder(self):
            from moemoe.registry import tracking
            from moemoe.storage import write_bytes

            if not self.stopped_early:
                report = card_html(self.evaluate_task)
                self.report_uri = join(self.run_uri, "report.html")
                write_bytes(self.report_uri, report.encode())
                tracking.log_text(self.tracking_uri, self.mlflow_run_id, report, "report.html")
            tracking.end_run(self.tracking_uri, self.mlflow_run_id)
            self.ui_address = tracking.address(self.tracking_uri, self.mlflow_run_id)
            print("the champion stays" if self.stopped_early else run_summary.where_everything_is(self))


if __name__ == "__main__":
    run_flow(TrainFlow)
