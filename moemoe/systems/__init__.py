"""Finds systems by name, MoEMoE and all baselines; ``moemoe.model.system`` defines their interface."""

from importlib import import_module
from typing import Any

from moemoe.errors import ConfigError

#: Systems that the trainer trains, phase by phase. T5 and Flan-T5 are recipes of ``moemoe``: just its text encoder and
#: decoder.
TRAINED = {
    "cma-clip": "moemoe.baselines.cma_clip:CMAClip",
    "moemoe": "moemoe.model.moemoe:MoEMoE",
    "mxt": "moemoe.baselines.mxt:MXT",
    "ner-mqmrc": "moemoe.baselines.ner_mqmrc:NerMqMrc",
}

#: Systems that are fitted in one pass over the training split.
FITTED = {
    "image-classifier": "moemoe.baselines.image_classifier:ImageClassifier",
    "knn": "moemoe.baselines.knn:KNN",
    "tf-idf": "moemoe.baselines.tf_idf:TfIdf",
}

#: Systems that combine other systems.
COMMITTEES = {"committee": "moemoe.systems.committee:Committee"}


def load_system(name: str) -> Any:
    """Finds a system's class, a ``moemoe.model.system.TrainableSystem`` or ``Fitted``.

    Raises:
        ConfigError: the name is unknown.
    """
    known = TRAINED | FITTED | COMMITTEES
    if name not in known:
        raise ConfigError(f"unknown system {name!r}; known systems are {', '.join(sorted(known))}")
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
