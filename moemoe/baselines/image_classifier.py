"""A hidden layer over a backbone's features and a softmax per attribute: how far images alone go.

Image only, a closed set of values. Over a frozen backbone it is a linear probe with one more layer. Like probes
(Kornblith et al. 2019) it reads the mean of the backbone's patches, and in addition colours, which that mean loses. By
default the backbone's last stage is trained with it.

Shapes: I images, P patches, W numbers per patch, F numbers per image, H hidden, C values of all attributes together,
A attributes, V most values of an attribute, N questions.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from moemoe.baselines.config import BaselineConfig
from moemoe.baselines.items import ItemBatch, ItemCollator
from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.model.files import SavedModule
from moemoe.model.outputs import Answer, Distribution
from moemoe.threads import at_most
from moemoe.vision.config import PACKAGE, ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import load_backbone_weights

#: Dropout of an image's numbers, and of the hidden units.
INPUT_DROPOUT, HIDDEN_DROPOUT = 0.2, 0.5
WEIGHT_DECAY = 0.01
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class ImageClassifierConfig(BaselineConfig):
    """Its input and its training.

    Args:
        image: the backbone, frozen (``trained: none``), or all of it but its last stage (``last``).
        hidden: width of the hidden layer, H.
        epochs: passes over the images; more if that makes fewer than ``least_steps`` steps.
        least_steps: minimum number of training steps.
        batch_size: images per step.
        learning_rate: AdamW's maximum (one-cycle schedule).
        values: see ``with_catalog``.
    """

    sources = ("image",)
    nested: ClassVar[dict[str, Any]] = {"image": ImageConfig}

    image: ImageConfig = field(
        default_factory=lambda: ImageConfig(
            name="tf_efficientnet_lite0", size=128, pretrained=PACKAGE, trained="last", color_levels=5
        )
    )
    hidden: int = 256
    epochs: int = 6
    least_steps: int = 300
    batch_size: int = 64
    learning_rate: float = 0.001
    values: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        if self.image.trained == "all":
            raise ConfigError(
                "image-classifier: image.trained is all; allowed are none and last, as it reads an image's features"
            )


class ImageClassifier(SavedModule):
    """Confidence = a value's probability. The features that ``image_encoder`` gives are kept with the shards."""

    name = "image-classifier"
    config_class = ImageClassifierConfig
    collator_class = ItemCollator
    limits = "answers only values that occur in the training split, and reads no text"

    def __init__(self, config: ImageClassifierConfig):
        super().__init__()
        self.config = config
        self.image_encoder = ImageEncoder(config.image, 1)
        self.image_encoder.unproject()
        if not self.image_encoder.has_features:
            raise ConfigError(
                f"image-classifier: image.trained is last, but {config.image.name} has no last stage to train alone; "
                "set image.trained=none, or take an EfficientNet"
            )
        size = self.image_encoder.summary_size
        self.register_buffer("mean_F", torch.zeros(size))
        self.register_buffer("deviation_F", torch.ones(size))
        counts = [len(values) for values in config.values.values()]
        self.hidden = nn.Linear(size, config.hidden)
        self.out = nn.Linear(config.hidden, sum(counts))
        starts = np.cumsum([0, *counts])
        self.columns = {name: slice(starts[a], starts[a + 1]) for a, name in enumerate(config.values)}

    @classmethod
    def check(cls, config: ImageClassifierConfig) -> None:
        """Raises ConfigError if the backbone or its weights cannot be loaded."""
        cls.create(config)

    @classmethod
    def create(cls, config: ImageClassifierConfig) -> "ImageClassifier":
        """An untrained classifier with the backbone's weights."""
        model = cls(config)
        load_backbone_weights(model.image_encoder.backbone, config.image)
        return model

    @classmethod
    def fit(cls, config: ImageClassifierConfig, items: Iterable[ModelInput], seed: int) -> "ImageClassifier":
        """Trains on the products with an image; an attribute that none of them has is left out. See ``Fitted.fit``."""
        with torch.random.fork_rng(devices=[]):  # training runs on the CPU
            torch.manual_seed(seed)
            model = cls.create(config)
            kept, targets = model._keep(items)
            learned = sorted({number for rows in targets for number in rows[:, 0].tolist()})
            if len(learned) < len(config.values):  # the others have no training image
                names = list(config.values)
                config = replace(config, values={names[number]: config.values[names[number]] for number in learned})
                targets = [np.column_stack([np.searchsorted(learned, rows[:, 0]), rows[:, 1]]) for rows in targets]
                model = cls.create(config)
            if learned:
                with at_most(1):  # with such small steps two threads are no faster, and change the bits
                    model._learn(kept, targets, np.random.default_rng(seed))
        return model.eval()

    @torch.inference_mode()
    def _keep(self, items: Iterable[ModelInput]) -> tuple[Tensor, list[np.ndarray]]:
        """What ``_seen`` needs of each image, half, and the image's targets: rows of (attribute, value), [N, 2]."""
        number = {name: index for index, name in enumerate(self.config.values)}
        place = {name: {value: c for c, value in enumerate(own)} for name, own in self.config.values.items()}
        parts, targets, waiting = deque[Tensor](), [], []
        for item in items:
            if item.sources[0] is not None:
                waiting.append(item.sources[0])
                pairs = zip(item.questions, item.answers or (), strict=True)
                rows = [(number[name], place[name][value]) for name, value in pairs]
                targets.append(np.array(rows, dtype=np.int64).reshape(-1, 2))
            if len(waiting) == IMAGES_AT_ONCE:
                parts.append(self._kept(waiting))
                waiting = []
        if waiting:
            parts.append(self._kept(waiting))
        own_shape = parts[0].shape[1:] if parts else (len(self.mean_F),)
        kept, start = torch.empty(len(targets), *own_shape, dtype=torch.half), 0
        while parts:  # torch.cat would need the memory twice
            part = parts.popleft()
            kept[start : start + len(part)] = part
            start += len(part)
        return kept, targets

    def _learn(self, kept: Tensor, targets: Sequence[np.ndarray], rng: np.random.Generator) -> None:
        self._standardize(kept)
        column_AV, exists_AV = self._columns_by_attribute()
        batch = min(self.config.batch_size, len(kept))
        steps = max(self.config.epochs * (len(kept) // batch), self.config.least_steps)
        weights = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(weights, self.config.learning_rate, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.config.learning_rate, total_steps=steps)
        self.train()
        batches = _batches(len(kept), batch, steps, rng)
        for rows in tqdm(batches, total=steps, desc="image-classifier", unit="step"):
            asked = np.concatenate([targets[row] for row in rows])
            image_N = torch.from_numpy(np.repeat(np.arange(len(rows)), [len(targets[row]) for row in rows]))
            attribute_N, value_N = torch.from_numpy(asked).unbind(1)
            logits_IC = self._logits(self._seen(kept[torch.from_numpy(rows)]))
            logits_NV = logits_IC[image_N].gather(1, column_AV[attribute_N])
            logits_NV = logits_NV.masked_fill(~exists_AV[attribute_N], -torch.inf)
            optimizer.zero_grad()
            (F.cross_entropy(logits_NV, value_N, reduction="sum") / len(rows)).backward()
            optimizer.step()
            rate.step()

    def _columns_by_attribute(self) -> tuple[Tensor, Tensor]:
        """The columns (of C) of each attribute's values, [A, V], and a mask of those that exist."""
        most = max(len(own) for own in self.config.values.values())
        column_AV = torch.zeros(len(self.columns), most, dtype=torch.int64)
        exists_AV = torch.zeros(len(self.columns), most, dtype=torch.bool)
        for index, place in enumerate(self.columns.values()):
            column_AV[index, : place.stop - place.start] = torch.arange(place.start, place.stop)
            exists_AV[index, : place.stop - place.start] = True
        return column_AV, exists_AV

    @torch.inference_mode()
    def _standardize(self, kept: Tensor) -> None:
        """Sets the mean and deviation of each number; not of those that training changes, which are normalized."""
        parts = kept.split(IMAGES_AT_ONCE)
        mean_F = torch.stack([self._seen(part).sum(0) for part in parts]).sum(0) / len(kept)
        square_F = torch.stack([(self._seen(part) - mean_F).square().sum(0) for part in parts]).sum(0) / len(kept)
        fixed = slice(int(self.image_encoder.backbone.num_features) if kept.dim() == 3 else 0, None)
        self.mean_F[fixed] = mean_F[fixed]
        self.deviation_F[fixed] = square_F[fixed].sqrt() + 1e-3

    def _features(self, images: Sequence[Any]) -> Tensor:
        """Features, half [I, P, W], of images, uint8 [3, H, W], or features, half [P, W]."""
        given = list(map(np.asarray, images))
        unseen = [index for index, one in enumerate(given) if one.dtype == np.uint8]
        if unseen:
            computed = self.image_encoder.compute(np.stack([given[index] for index in unseen]))
            for index, half_PW in zip(unseen, computed, strict=True):
                given[index] = half_PW
        return torch.from_numpy(np.stack(given)).to(self.mean_F.device)

    def _kept(self, images: Sequence[Any]) -> Tensor:
        """Features where part of the backbone is trained; else [I, F], which are fewer numbers."""
        half_IPW = self._features(images)
        return half_IPW if self.config.image.trained == "last" else self.image_encoder.summary(half_IPW).half()

    def _seen(self, kept: Tensor) -> Tensor:
        """[I, F] of what ``_kept`` gave."""
        return self.image_encoder.summary(kept) if kept.dim() == 3 else kept.float()

    def _logits(self, seen_IF: Tensor) -> Tensor:
        """[I, C]"""
        x_IF = F.dropout((seen_IF - self.mean_F) / self.deviation_F, INPUT_DROPOUT, self.training)
        return self.out(F.dropout(F.gelu(self.hidden(x_IF)), HIDDEN_DROPOUT, self.training))

    def answer(self, batch: ItemBatch, collator: ItemCollator) -> list[Answer]:
        """The most likely value; without an image, or for an unknown attribute, empty with confidence 0."""
        found = {}
        for index, name, probability_V in self._probabilities(batch):
            best = int(probability_V.argmax())
            found[index, name] = Answer(self.config.values[name][best], float(probability_V[best]), 1.0, 0.0)
        return batch.in_order(found)

    def distributions(
        self, batch: ItemBatch, collator: ItemCollator, asked: Sequence[str], values: Mapping[str, Sequence[str]]
    ) -> list[Distribution]:
        """See ``Member``; uniform if there is no image."""
        found = {}
        for index, name, probability_V in self._probabilities(batch):
            known = dict(zip(self.config.values[name], probability_V.tolist(), strict=True))
            found[index, name] = np.array([known.get(value, 0.0) for value in values[name]])
        pairs = [(index, name) for index, item in enumerate(batch.items) for name in item.questions]
        uniform = {name: np.full(len(values[name]), 1 / len(values[name])) for name in set(asked)}
        return [Distribution(found.get(pair, uniform[pair[1]]), 1.0) for pair in pairs]

    @torch.inference_mode()
    def _probabilities(self, batch: ItemBatch) -> Iterator[tuple[int, str, np.ndarray]]:
        """The values' probabilities [V] for each item with an image and each of its questions seen in training."""
        there = [index for index, item in enumerate(batch.items) if item.sources[0] is not None]
        if not there or not self.columns:
            return
        logits_IC = self._logits(self._seen(self._features([batch.items[index].sources[0] for index in there])))
        for index, logits_C in zip(there, logits_IC.double().cpu(), strict=True):
            for name in batch.items[index].questions:
                if name in self.columns:
                    yield index, name, logits_C[self.columns[name]].softmax(0).numpy()


def _batches(count: int, size: int, steps: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The rows of each step: shuffled anew in each pass, without the last rows that do not fill a batch."""
    while True:
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]
            steps -= 1
            if not steps:
                return
