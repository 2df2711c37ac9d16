"""TrainFlow with its training on several machines, by Metaflow's @torchrun: ``nodes`` of the deployment's config.

make deploy-argo FLOW=flows/multi_node_train_flow.py CONFIG=...

Only in a cluster: the machines meet through the datastore on S3. Step Functions has no steps of several machines.
"""

import json
from dataclasses import asdict
from pathlib import Path

from catalog_steps import scratch_folder
from command_line import run_flow
from deployment import notify_failure  # noqa: F401 - Argo calls it
from metaflow import card, current, step, torchrun
from retraining import unless_stopped_early
from train_flow import TrainFlow

from moemoe.storage import join


class MultiNodeTrainFlow(TrainFlow):
    """Train on several machines, evaluate and register a model that fills in a catalog's missing attributes."""

    @card(type="blank")
    @step
    def manifest(self, inputs):
        """As in TrainFlow."""
        self.finish_manifest(inputs)
        self.next(self.machines)

    @step
    def machines(self):
        """As many machines as the config says; a step that joins may not split."""
        with scratch_folder(self) as scratch:
            self.find_hidden(scratch)
        self.next(self.train, num_parallel=self.deployment.nodes)

    @unless_stopped_early
    @torchrun
    @step
    def train(self):
        """One machine's part of the training."""
        with scratch_folder(self) as scratch:
            from moemoe.training.job import Job

            where, warm_start = (self.manifest_uri, self.run_uri, scratch), self.warm_start_uri
            job = Job(*where, self.recipe, self.seed, warm_start=warm_start, hidden=self.hidden)
            path = Path(scratch) / "job.json"
            path.write_text(json.dumps(asdict(job)))
            current.torch.run({"module": ""}, "moemoe.training.run", [str(path)], nproc_per_node=self.processes)
        self.next(self.trained)

    @step
    def trained(self, inputs):
        """The training of all machines is done: the model lies under the run."""
        self.merge_artifacts(inputs)
        self.model_uri_in_root = join(self.run_uri, "model")
        self.training_events = join(self.run_uri, "events.jsonl")
        self.next(self.evaluate)


if __name__ == "__main__":
    run_flow(MultiNodeTrainFlow)
