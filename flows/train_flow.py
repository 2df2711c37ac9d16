"""A dirty catalog in, a checked, trained, evaluated and registered attribute model out.

python flows/train_flow.py run --dataset 30pt
python flows/train_flow.py run --dataset 30pt --catalog 'PATH-OR-GLOB-OR-s3://...'
"""

import cards
import stages
from base_flow import BaseFlow, keep, metaflow_run, workspace
from command_line import run_flow
from deployment import notify, notify_failure  # noqa: F401 - Argo calls notify_failure
from metaflow import Parameter, card, config_expr, current, schedule, step
from retraining import unless_stopped_early
from stages.options import Options, TrainOptions

from moemoe.notifications import NOTHING_NEW, REFUSED


@schedule(cron=config_expr("deployment.schedule.cron"), timezone=config_expr("deployment.schedule.timezone"))
class TrainFlow(BaseFlow):
    """Train, evaluate and register a model that fills in a catalog's missing attributes."""

    model = Parameter("model", default="moemoe", help="A recipe by name.")
    question_in = Parameter("question-in", default="", help="decoder or context; empty: the recipe's, else decoder.")
    settings = Parameter(
        "set", default="", help="More changes, e.g. 'experts.num_experts=16, load_balancing_weight=0.5'."
    )
    promote_if = Parameter(
        "promote-if",
        default="better",
        help="Becomes champion if: better, 'not worse', or unmeasured (also if nothing can be measured).",
    )
    registered_name = Parameter(
        "registered-name", default="", help="MLflow model name; empty: moemoe-<dataset>, or moemoe-<dataset>-sample."
    )
    warm_start = Parameter("warm-start", default="", help="champion: start from the champion's weights.")
    only_if_new = Parameter("only-if-new", default=False, help="Stop early if the champion has seen all the data.")

    @step
    def start(self):
        """Find what is wrong with the parameters, the machine and MLflow before the long work starts."""
        with workspace(self) as space:
            asked = (Options.of(self), TrainOptions.of(self))
            keep(self, stages.preflight.start_training(space, *asked, metaflow_run(), self.trains_here()))
        self.next(self.collect, foreach="groups")

    @card(type="finished")
    @step
    def manifest(self, inputs):
        """Join labels and splits to the shards' rows; the manifest comes last. Say what is new since the champion."""
        self.write_manifest(inputs)
        self.check_for_new_data()
        self.next(self.train)

    def check_for_new_data(self) -> None:
        """Say what is new since the champion's data; the run stops early if nothing is and --only-if-new is given."""
        with workspace(self):
            new_data = stages.retrain.check_for_new_data(self.champion, self.manifest_uri)
            self.stopped_early = self.only_if_new and new_data.is_nothing
            message = new_data.message + ("; the run ends here" if self.stopped_early else "")
            current.card.append(cards.markdown(message))
            print(message)
            if self.stopped_early:
                notify(self, NOTHING_NEW, message)

    @card(type="blank", refresh_interval=15)
    @unless_stopped_early
    @step
    def train(self):
        """Train every phase of the recipe under torchrun; a retry or resume continues from the last checkpoint."""
        self.train_model(self.starts_warm())
        self.next(self.evaluate)

    def starts_warm(self) -> bool:
        """Whether training starts from the champion's weights."""
        return bool(self.champion and self.champion.is_start)

    @card(type="finished")
    @unless_stopped_early
    @step
    def evaluate(self):
        """Predict validation and test, measure Recall@90P per product type and attribute, choose thresholds."""
        self.evaluate_model(self.settings)
        self.next(self.register)

    @card(type="finished")
    @unless_stopped_early
    @step
    def register(self):
        """Register the model as challenger, and as champion if it passes the gate on the same test rows."""
        with workspace(self) as space:
            what = (self.manifest_uri, self.recipe, Options.of(self), stages.measured.Measured.of(self))
            given = (self.model_name, self.promote_if, *what, self.broken_expectations)
            made = stages.register.register_model(space, self.tracked, *given)
            self.model_uri, self.decision, self.promoted = made.model_uri, made.reason, made.decision.promoted
            cards.show(stages.report.add_registration(space, self.identity, made))
            if "champion" not in made.aliases:
                notify(self, REFUSED, f"{self.model_uri}: {self.decision}")
        self.next(self.end)

    @step
    def end(self):
        """Keep report and Data Docs in MLflow, close the run and say where everything is."""
        with workspace(self) as space:
            stages.track.close_run(space.folder, self.tracked, space.folder.report)
            if self.stopped_early:
                print("no new data; the champion is unchanged")
            else:
                print(stages.finish.training_summary(space.folder, self.tracked, stages.finish.Made.of(self)))


if __name__ == "__main__":
    run_flow(TrainFlow)
