"""Several systems trained on the same shards, or finished MLflow runs, in the paper's tables side by side.

python flows/compare_flow.py run --dataset 30pt --models moemoe,qga,wo-qg
python flows/compare_flow.py run --dataset 30pt --catalog 'PATH-OR-GLOB-OR-s3://...' --tables 1,3
python flows/compare_flow.py run --dataset 30pt --catalog '...' --models moemoe,tf-idf --folds 5
python flows/compare_flow.py run --runs RUN,RUN
"""

import comparison_card
from cards import card_html
from catalog_steps import CatalogSteps, scratch_folder
from command_line import run_flow
from metaflow import Parameter, card, catch, current, step

from moemoe.storage import absolute, join

MODELS = "moemoe,qga,wo-qg,mxt,cma-clip,ner-mqmrc,knn,flan-t5,tf-idf"


class CompareFlow(CatalogSteps):
    """Train and evaluate several systems on the same shards and write the paper's tables for this catalog."""

    models = Parameter("models", default="", help=f"Recipes by name, with commas; empty, without --tables: {MODELS}.")
    tables = Parameter("tables", default="", help="Tables of the paper, e.g. 1,3,fig5: trains what they need, too.")
    folds = Parameter("folds", default=0, help="Cross-validation by group in so many folds; 0: the catalog's split.")
    runs = Parameter("runs", default="", help="Compare these finished MLflow runs, by id, instead of training.")

    @step
    def start(self):
        """Find what is wrong with the names, the machine and MLflow, or with the runs, before the long work starts."""
        with scratch_folder(self) as scratch:
            from moemoe.registry import tracking

            self.work = "compare" if self.runs else "train"
            (self.find_runs if self.runs else self.find_systems)(scratch)
            self.mlflow_run_id = self.comparison_run_id = tracking.start_run(
                self.tracking_uri,
                experiment=self.model_name,
                run_name=tracking.run_name("comparison"),
                params=comparison_card.parameters(self),
                tags={"dataset": self.compared_dataset, "metaflow_run": current.pathspec.rsplit("/", 2)[0]},
            )
        self.next({"train": self.each_group, "compare": self.compare}, condition="work")

    @step
    def each_group(self):
        """The catalog is read group by group of its files."""
        self.next(self.collect, foreach="groups")

    def find_systems(self, scratch) -> None:
        """The recipes that --models and --tables name."""
        from moemoe.evaluation.paper import AS_LONG, systems_of, tables_of
        from moemoe.labels.folds import check_folds
        from moemoe.recipes.comparison import recipe_to_compare

        check_folds(self.folds)
        self.model_name = self.experiment()
        tables = tables_of(self.dataset, self.tables) if self.tables else []
        common = (self.size, self.weights or None, self.epochs or None, self.batch_size or None)
        self.recipes = {}
        for system in systems_of(self.models or ("" if tables else MODELS), tables):
            longer = system.settings == AS_LONG
            settings, as_long_as = ("", "moemoe") if longer else (system.settings, None)
            self.recipes[system] = recipe_to_compare(system.model, settings, as_long_as, *common)
        self.check_recipes(self.recipes.values())
        self.find_catalog(scratch)
        self.comparison_uri, self.compared_dataset = self.run_uri, self.dataset

    def find_runs(self, scratch) -> None:
        """The finished runs that --runs names: predictions and contract are copied under the root."""
        from moemoe.contract.load import load_contract
        from moemoe.evaluation.comparison import Candidate, compare
        from moemoe.evaluation.paper import System, tables_of
        from moemoe.registry import finished_runs, tracking
        from moemoe.storage import publish

        self.tracking_uri = tracking.default_tracking_uri()
        tracking.check_tracking(self.tracking_uri)
        found = finished_runs.finished_runs(self.tracking_uri, self.runs, scratch)
        tables_of(found[0].dataset, self.tables)
        self.comparison_uri = join(absolute(self.root), "runs", current.run_id)
        self.contract_uri = publish(found[0].contract, join(self.comparison_uri, "contract.yaml"))
        self.compared = []
        for run in found:
            uri = publish(run.predictions, join(self.comparison_uri, "systems", run.run_id, "predictions.parquet"))
            system = System(run.model, run.settings)
            self.compared.append(Candidate(run.name, system, uri, baselines=run.baselines))
        self.is_sample, self.compared_dataset, self.model_name = (
            found[0].sample_catalog,
            found[0].dataset,
            found[0].experiment,
        )
        contract = load_contract(found[0].contract)
        compare(self.compared_dataset, self.compared, contract.report_product_types, self.is_sample, replicates=0)

    @card(type="blank")
    @step
    def manifest(self, inputs):
        """Join labels and splits to the shards' rows; the manifest comes last."""
        self.write_manifest(inputs)
        self.next(self.each_system)

    @step
    def each_system(self):
        """All systems train on the shards that are there now; in cross-validation one after the other on each fold."""
        manifests = self.write_folds() if self.folds else [self.manifest_uri]
        self.trainings = [(system, fold, uri) for fold, uri in enumerate(manifests) for system in self.recipes]
        self.next(self.train, foreach="trainings")

    def write_folds(self) -> list[str]:
        """The manifests of the folds: the same payload shards, other splits."""
        with scratch_folder(self) as scratch:
            from moemoe.contract.load import load_contract
            from moemoe.labels.folds import split_of_fold
            from moemoe.labels.label_parts import labelled_parts
            from moemoe.shards.write import write_manifest
            from moemoe.storage import fetch, read_table

            contract, splits, uris = load_contract(fetch(self.contract_uri, scratch)), read_table(self.splits_uri), []
            for fold in range(self.folds):
                parts = (
                    (products["product_id"], split_of_fold(labels, fold, self.folds))
                    for products, labels in labelled_parts(zip(self.products, self.labels, strict=True), ["product_id"])
                )
                where = (self.root_uri, self.dataset, contract.hash, self.is_sample)
                uris.append(write_manifest(self.payload, parts, splits, *where, latest=False)[1])
            return uris

    @catch(var="training_failure", print_exception=False)
    @card(type="blank", refresh_interval=15)
    @step
    def train(self):
        """Train one system; where it fails the others go on."""
        self.system, fold, self.manifest_uri = self.input
        self.fold = f"fold {fold + 1} of {self.folds}" if self.folds else ""
        self.run_uri = comparison_card.folder(self.comparison_uri, self.system.name, self.fold)
        tags = {"comparison": self.comparison_run_id, "system": self.system.name}
        tags |= {"fold": self.fold} if self.fold else {}
        self.start_mlflow_run(self.recipes[self.system], self.system.settings, tags)
        print(f"{', '.join(filter(None, [self.system.name, self.fold]))}:", flush=True)
        self.train_model()
        self.next(self.evaluate)

    @catch(var="evaluation_failure", print_exception=False)
    @card(type="blank")
    @step
    def evaluate(self):
        """Predict and measure one system as TrainFlow does."""
        if self.training_failure:
            comparison_card.failed(self.system, self.training_failure)
        else:
            from moemoe.registry import tracking

            self.evaluate_model()
            tracking.end_run(self.tracking_uri, self.mlflow_run_id)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """Put the systems' results, and the reasons of those that have none, side by side."""
        common = [
            "tracking_uri",
            "comparison_run_id",
            "comparison_uri",
            "contract_uri",
            "compared_dataset",
            "is_sample",
        ]
        self.merge_artifacts(inputs, include=common)
        self.mlflow_run_id = self.comparison_run_id
        self.compared = comparison_card.candidates(inputs, self.comparison_uri)
        self.model_runs = {task.mlflow_run_id: task.evaluate_task for task in inputs if hasattr(task, "evaluate_task")}
        self.next(self.compare)

    @card(type="blank")
    @step
    def compare(self):
        """Check that all results are of the same test rows; write tables and figures."""
        with scratch_folder(self) as scratch:
            from moemoe.contract.load import load_contract
            from moemoe.evaluation.comparison import compare
            from moemoe.evaluation.comparison_plots import comparison_figures
            from moemoe.evaluation.paper import tables_of
            from moemoe.evaluation.tables import all_tables, write_tables
            from moemoe.registry import tracking
            from moemoe.storage import fetch, publish

            contract = load_contract(fetch(self.contract_uri, scratch))
            comparison = compare(self.compared_dataset, self.compared, contract.report_product_types, self.is_sample)
            paper = tables_of(self.compared_dataset, self.tables)
            tables, figures = all_tables(comparison, paper), comparison_figures(comparison, paper)
            folder = write_tables(comparison, tables, join(scratch, "tables"))
            self.tables_uri = publish(folder, join(self.comparison_uri, "tables"))
            tracking.log_comparison(self.tracking_uri, self.mlflow_run_id, comparison, tables, folder, figures)
            comparison_card.comparison_card(comparison, tables, figures)
            self.overview = tables[0].markdown()
            self.compare_task = current.pathspec
        self.next(self.end)

    @step
    def end(self):
        """Keep the cards in MLflow, close the comparison's run and say where everything is."""
        with scratch_folder(self):
            from moemoe.registry import tracking
            from moemoe.storage import write_bytes

            for run_id, task in getattr(self, "model_runs", {}).items():
                tracking.log_text(self.tracking_uri, run_id, card_html(task), "report.html")
            report = card_html(self.compare_task)
            self.report_uri = join(self.comparison_uri, "comparison.html")
            write_bytes(self.report_uri, report.encode())
            tracking.log_text(self.tracking_uri, self.mlflow_run_id, report, "comparison.html")
            tracking.end_run(self.tracking_uri, self.mlflow_run_id)
            self.ui_address = tracking.address(self.tracking_uri, self.mlflow_run_id)
            print(comparison_card.where_everything_is(self))


if __name__ == "__main__":
    run_flow(CompareFlow, one_task_at_a_time=True)  # one system after the other, each on all cores or GPUs
