"""Several systems trained on the same shards, or finished MLflow runs, in the paper's tables side by side.

python flows/compare_flow.py run --dataset 30pt --models moemoe,qga,wo-qg
python flows/compare_flow.py run --dataset 30pt --catalog 'PATH-OR-GLOB-OR-s3://...' --tables 1,3
python flows/compare_flow.py run --dataset 30pt --catalog '...' --models moemoe,tf-idf --folds 5
python flows/compare_flow.py run --runs RUN,RUN
"""

import cards
import stages
from base_flow import BaseFlow, keep, metaflow_run, workspace
from command_line import run_flow
from deployment import notify_failure  # noqa: F401 - Argo calls it
from metaflow import Parameter, card, catch, step
from stages.options import DEFAULT_MODELS, CompareOptions, Options
from user_errors import not_caught_if_terminated

MODELS_HELP = f"Recipes by name, separated by commas; empty, without --tables: {DEFAULT_MODELS}."


class CompareFlow(BaseFlow):
    """Train and evaluate several systems on the same shards and write the paper's tables for this catalog."""

    models = Parameter("models", default="", help=MODELS_HELP)
    tables = Parameter("tables", default="", help="Tables of the paper, e.g. 1,3,fig5: also trains their systems.")
    folds = Parameter("folds", default=0, help="Number of folds for cross-validation by group; 0: catalog's split.")
    runs = Parameter("runs", default="", help="Compare these finished MLflow runs, by id, instead of training.")

    @step
    def start(self):
        """Find what is wrong with the names, the machine and MLflow, or with the runs, before the long work starts."""
        with workspace(self) as space:
            self.work = "compare" if self.runs else "train"
            asked = (Options.of(self), CompareOptions.of(self), metaflow_run(), self.trains_here())
            keep(self, stages.compare.start(space, *asked))
            self.comparison_folder, self.comparison_run = self.folder, self.tracked
        self.next({"train": self.each_group, "compare": self.compare}, condition="work")

    @step
    def each_group(self):
        """The catalog is read group by group of its files."""
        self.next(self.collect, foreach="groups")

    @card(type="finished")
    @step
    def manifest(self, inputs):
        """Join labels and splits to the shards' rows; the manifest comes last."""
        self.write_manifest(inputs)
        self.next(self.each_system)

    @step
    def each_system(self):
        """All systems train on the shards that are there now; in cross-validation one after the other on each fold."""
        with workspace(self) as space:
            uris = stages.shard.write_folds(space, self.manifest_uri, self.folds) or [self.manifest_uri]
            self.trainings = stages.compare.trainings(self.recipes, uris)
        self.next(self.train, foreach="trainings")

    @catch(var="training_failure", print_exception=False)
    @card(type="blank", refresh_interval=15)
    @step
    def train(self):
        """Train one system; if it fails, the others continue; if it receives SIGTERM, a resume continues it."""
        self.open_system(*self.input)
        with not_caught_if_terminated():
            self.train_model()
        self.next(self.evaluate)

    def open_system(self, system, fold, manifest_uri) -> None:
        """The system of this task, in a folder and an MLflow run of its own."""
        self.system, self.manifest_uri = system, manifest_uri
        self.fold = stages.compare.fold_name(fold, self.folds)
        with workspace(self) as space:
            what = (system, self.fold, self.recipes, Options.of(self), self.processes, metaflow_run())
            keep(self, stages.compare.open_system(space, self.comparison_run, *what))
        self.recipe = self.recipes[system].to_dict()
        print(f"{', '.join(filter(None, [system.name, self.fold]))}:", flush=True)

    @catch(var="evaluation_failure", print_exception=False)
    @card(type="finished")
    @step
    def evaluate(self):
        """Predict and measure one system as TrainFlow does."""
        if self.training_failure:
            cards.show(stages.compare.failed(self.system, self.training_failure))
        else:
            self.evaluate_model(self.system.settings)
            self.tracked.end()
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """Put the systems' results, and the reasons of those that have none, side by side."""
        common = ["comparison_folder", "comparison_run", "compared_dataset", "is_sample"]
        self.merge_artifacts(inputs, include=common)
        self.folder, self.tracked = self.comparison_folder, self.comparison_run
        self.compared = stages.compare.candidates(inputs, self.folder)
        self.model_runs = {task.tracked: task.folder for task in inputs if hasattr(task, "identity")}
        self.next(self.compare)

    @card(type="finished")
    @step
    def compare(self):
        """Check that all results are of the same test rows; write tables and figures."""
        with workspace(self) as space:
            what = (self.compared_dataset, self.compared, self.tables, self.is_sample)
            found = stages.compare.compare_systems(space, self.tracked, *what)
            cards.show(found.document)
            self.overview = found.overview
        self.next(self.end)

    @step
    def end(self):
        """Keep reports and Data Docs in MLflow, close the comparison's run and say where everything is."""
        with workspace(self) as space:
            for run, folder in getattr(self, "model_runs", {}).items():
                run.log_text(folder.report.read_text(), "report.html")
            stages.track.close_run(space.folder, self.tracked, space.folder.comparison_report)
            print(stages.finish.comparison_summary(space.folder, self.tracked, self.overview))


if __name__ == "__main__":
    run_flow(CompareFlow, one_task_at_a_time=True)  # one system after the other, each on all cores or GPUs
