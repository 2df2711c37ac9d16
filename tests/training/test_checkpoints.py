"""Training resumes only from a checkpoint of the same recipe and shards."""

import pytest
import torch
from torch import nn

from moemoe.errors import ConfigError
from moemoe.training.checkpoints import Checkpoint, TrainingPosition, save_checkpoint
from moemoe.training.optimizers import Optimizers

RECIPE = {"name": "moemoe"}


def test_a_checkpoint_of_other_shards_is_refused(tmp_path):
    """The tokenizer is made anew, so that weights of other shards would read other words."""
    model, run = nn.Linear(2, 2), str(tmp_path)
    optimizer, made_of = Optimizers(torch.optim.Adam(model.parameters())), {"manifest": "1", "hidden": {}}
    save_checkpoint(run, TrainingPosition(total_step=3), {}, RECIPE, model, optimizer, made_of)
    found = Checkpoint.find(run, RECIPE, run, {"hidden": {}, "manifest": "1"})
    assert found is not None
    assert found.place.total_step == 3
    for other in ({"manifest": "2", "hidden": {}}, {"manifest": "1", "hidden": {"words": ["red"]}}):
        with pytest.raises(ConfigError, match="is of other shards"):
            Checkpoint.find(run, RECIPE, run, other)
    save_checkpoint(run, TrainingPosition(), {}, RECIPE, model, optimizer)  # of an earlier release
    assert Checkpoint.find(run, RECIPE, run, made_of) is not None
