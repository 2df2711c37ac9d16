"""A registered model fills in the missing attribute values of a catalog.

python flows/backfill_flow.py run --catalog 'PATH-OR-GLOB-OR-s3://...' --model models:/moemoe-30pt@champion \
    --output FOLDER-OR-s3://...
"""

import os
import tempfile

import backfill_summary
import cards
from cards.backfill import ProgressCard
from command_line import run_flow
from metaflow import FlowSpec, Parameter, card, step
from numbers_allowed import check_numbers
from stages.backfill_pages import REPORT, write_pages
from stopped import said_plainly

from moemoe.storage import join


class BackfillFlow(FlowSpec):
    """Fill in what is missing, abstain below the threshold, flag labels that contradict a confident prediction."""

    catalog = Parameter("catalog", required=True, help="Path, folder, glob or s3:// of the catalog.")
    model = Parameter("model", required=True, help="models:/NAME@champion or models:/NAME/VERSION.")
    output = Parameter("output", required=True, help="A folder or s3://; finished partitions in it are kept.")
    thresholds = Parameter("thresholds", default="plain", help="plain, or guarded: fewer values, a firmer promise.")
    audit_size = Parameter("audit-size", default=600, help="Filled values drawn for people to judge, about.")
    tasks = Parameter("tasks", default=0, help="Tasks that share the partitions; 0: one per core here; at most 100.")

    @step
    def start(self):
        """Find what is wrong with catalog, model and output before the long work starts; fix the model's version."""
        with said_plainly():
            from moemoe.catalog.read import find_partitions
            from moemoe.inference.backfill import start_backfill, task_groups
            from moemoe.inference.thresholds import check_rule
            from moemoe.registry import tracking
            from moemoe.registry.versions import find_version

            check_rule(self.thresholds)
            check_numbers({"audit-size": self.audit_size, "tasks": self.tasks})
            self.tracking_uri = tracking.default_tracking_uri()
            tracking.check_tracking(self.tracking_uri)
            self.version = find_version(self.tracking_uri, self.model)
            self.partitions = find_partitions(self.catalog)
            self.job = start_backfill(self.version.words, self.thresholds, self.output, self.partitions)
            self.groups = task_groups(self.partitions, self.tasks or os.cpu_count() or 1)
        self.next(self.backfill, foreach="groups")

    @card(type="blank", refresh_interval=15)
    @step
    def backfill(self):
        """Fill in some of the partitions; those that an earlier run has finished stay as they are."""
        with said_plainly(), tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
            from moemoe.inference.attribute_model import AttributeModel
            from moemoe.inference.backfill import backfill_partitions
            from moemoe.registry.versions import fetch_version

            def load_model():
                return AttributeModel.load(fetch_version(self.tracking_uri, self.version, scratch))

            progress = ProgressCard(self.version.words, self.input)
            self.parts = backfill_partitions(load_model, self.input, self.job, progress.rows, progress.part)
        self.next(self.report)

    @card(type="blank")
    @step
    def report(self, inputs):
        """Coverage per product type and attribute, examples, and a sample for people to judge; the manifest is last."""
        self.merge_artifacts(inputs, exclude=["parts"])
        with said_plainly():
            from moemoe.inference.backfill_report import finish_backfill

            finished = finish_backfill(self.job, [part for task in inputs for part in task.parts], self.audit_size)
            self.manifest_uri, self.audit_uri, self.page_uri = finished.manifest, finished.audit, finished.page
            self.coverage = finished.coverage
            self.report_uri = join(self.job.output, REPORT)
            cards.show(write_pages(finished, self.job))
        self.next(self.end)

    @step
    def end(self):
        """Say where everything is."""
        print(backfill_summary.where_everything_is(self))


if __name__ == "__main__":
    run_flow(BackfillFlow)
