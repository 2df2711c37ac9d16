"""TrainFlow with its training on several machines, by Metaflow's @torchrun: ``nodes`` of the deployment's config.

make deploy-argo FLOW=flows/multi_node_train_flow.py CONFIG=...

Only in a cluster: the machines meet through the datastore on S3. Step Functions does not support it.
"""

import stages
from base_flow import workspace
from command_line import run_flow
from deployment import notify_failure  # noqa: F401 - Argo calls it
from metaflow import card, current, step, torchrun
from retraining import unless_stopped_early
from stages.options import Options
from train_flow import TrainFlow


class MultiNodeTrainFlow(TrainFlow):
    """Train on several machines, evaluate and register a model that fills in a catalog's missing attributes."""

    @card(type="finished")
    @step
    def manifest(self, inputs):
        """As in TrainFlow."""
        self.write_manifest(inputs)
        self.check_for_new_data()
        self.next(self.machines)

    @step
    def machines(self):
        """Split into as many tasks as the config has machines; a step of its own, as one that joins cannot split."""
        self.next(self.train, num_parallel=self.deployment.nodes)

    @unless_stopped_early
    @torchrun
    @step
    def train(self):
        """One machine's part of the training."""
        with workspace(self) as space:
            what = (self.manifest_uri, self.recipe, Options.of(self), self.starts_warm())
            path = stages.train.write_job(stages.train.training_job(space, *what))
            current.torch.run({"module": ""}, "moemoe.training.run", [path], nproc_per_node=self.processes)
        self.next(self.trained)

    @step
    def trained(self, inputs):
        """The training of all machines is done: the model lies under the run."""
        self.merge_artifacts(inputs)
        self.next(self.evaluate)


if __name__ == "__main__":
    run_flow(MultiNodeTrainFlow)
