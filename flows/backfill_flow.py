"""A registered model fills in the missing attribute values of a catalog.

python flows/backfill_flow.py run --catalog 'PATH-OR-GLOB-OR-s3://...' --model models:/moemoe-30pt@champion \
    --output FOLDER-OR-s3://...
"""

import tempfile

import cards
import stages
from base_flow import DeployedFlow, keep, step_errors
from cards.backfill import ProgressCard
from command_line import run_flow
from deployment import notify_failure  # noqa: F401 - Argo calls it
from metaflow import Parameter, card, config_expr, schedule, step
from stages.options import BackfillOptions


@schedule(cron=config_expr("deployment.schedule.cron"), timezone=config_expr("deployment.schedule.timezone"))
class BackfillFlow(DeployedFlow):
    """Fill in what is missing, abstain below the threshold, flag labels that contradict a confident prediction."""

    catalog = Parameter("catalog", required=True, help="Path, folder, glob or s3:// of the catalog.")
    model = Parameter("model", required=True, help="models:/NAME@champion or models:/NAME/VERSION.")
    output = Parameter("output", required=True, help="A folder or s3://; finished partitions in it are kept.")
    layout = Parameter("layout", default="auto", help="The catalog's layout by name; auto: recognised for each file.")
    thresholds = Parameter(
        "thresholds",
        default="plain",
        help="plain; guarded: fewer values, 90 % with 95 % confidence; unfamiliar: for a store never seen in training.",
    )
    audit_size = Parameter("audit-size", default=600, help="About how many values to draw for people to judge.")
    tasks = Parameter("tasks", default=0, help="Tasks that share the partitions; 0: one per core here; at most 100.")

    allow_private_hosts = Parameter(
        "allow-private-hosts", default=False, help="Fetch images from hosts with private addresses, too."
    )

    @step
    def start(self):
        """Find what is wrong with catalog, model and output before the long work starts; fix the model's version."""
        with step_errors(self):
            keep(self, stages.backfill.start(BackfillOptions.of(self)))
        self.next(self.backfill, foreach="groups")

    @card(type="blank", refresh_interval=15)
    @step
    def backfill(self):
        """Fill in some of the partitions; those that an earlier run has finished stay as they are."""
        with step_errors(self), tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
            progress = ProgressCard(self.version.words, self.input)
            what = (self.job, self.version, self.tracking, self.input, scratch)
            self.parts = stages.backfill.fill(*what, progress.rows, progress.part)
        self.next(self.report)

    @card(type="finished")
    @step
    def report(self, inputs):
        """Coverage per product type and attribute, examples, and a sample for people to judge; the manifest is last."""
        self.merge_artifacts(inputs, exclude=["parts"])
        with step_errors(self):
            done = stages.backfill.finish(self.job, [task.parts for task in inputs], self.audit_size)
            self.manifest_uri, self.audit, self.label_audit = done.manifest, done.audit, done.label_audit
            self.coverage = done.coverage
            cards.show(stages.backfill.write_pages(self.job, done))
            self.last_words = stages.backfill.summary(done, stages.backfill.report_uri(self.job))
        self.next(self.end)

    @step
    def end(self):
        """Say where everything is."""
        print(self.last_words)


if __name__ == "__main__":
    run_flow(BackfillFlow)
