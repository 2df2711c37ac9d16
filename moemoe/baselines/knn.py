"""K nearest neighbours over image and text embeddings (table 2): the values of the most similar training products.

Nothing here is learned from labels. The text embedding is TF-IDF reduced to ``text_width`` dimensions by a truncated
SVD of the training split (latent semantic analysis). The image embedding is a colour histogram of the image's middle,
or the mean patch embedding of a pretrained timm model. Without pretrained weights only the histogram makes sense: an
untrained backbone does not measure similarity.

Shapes: B products asked, P training products, D_t text and D_i image dimensions.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from moemoe.baselines.config import BaselineConfig
from moemoe.baselines.items import ItemBatch, ItemCollator
from moemoe.baselines.tf_idf import Vectorizer, check_scikit_learn
from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.model.files import read_config, write_config
from moemoe.model.outputs import Answer
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import load_backbone_weights

HISTOGRAM = "histogram"
HUES, SATURATIONS, BRIGHTNESSES = 16, 4, 4


@dataclass(frozen=True)
class KNNConfig(BaselineConfig):
    """``k`` neighbours vote; ``image_weight`` is the image's weight in the similarity, the text has the rest.

    ``image.name``: ``histogram``, or a timm model with pretrained weights. The other keys are those of TF-IDF.
    """

    sources = ("image", "text")
    nested: ClassVar[dict[str, Any]] = {"image": ImageConfig}

    image: ImageConfig = field(default_factory=lambda: ImageConfig(name=HISTOGRAM))
    k: int = 10
    image_weight: float = 0.5
    text_width: int = 128
    ngrams: int = 1
    min_products: int = 2
    max_features: int = 50_000
    values: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        if self.k < 1 or not 0 <= self.image_weight <= 1:
            raise ConfigError(
                f"knn: k is {self.k}, image_weight {self.image_weight}; allowed are k >= 1, weight 0 to 1"
            )
        if self.image.name != HISTOGRAM and not self.image.pretrained:
            raise ConfigError(
                f"knn: image.name is {self.image.name} without pretrained weights, which cannot measure similarity; "
                f"set image.pretrained, or take image.name={HISTOGRAM}"
            )


def colour_histogram(image_3HW: np.ndarray) -> np.ndarray:
    """Histogram of an image's middle half, float32 [256]: hue x saturation x brightness; square roots, so of norm 1."""
    from PIL import Image

    image_3HW = np.asarray(image_3HW)
    _, H, W = image_3HW.shape
    middle = np.ascontiguousarray(image_3HW[:, H // 4 : H - H // 4, W // 4 : W - W // 4].transpose(1, 2, 0))
    hsv = np.asarray(Image.fromarray(middle).convert("HSV"), dtype=np.int64).reshape(-1, 3)
    hue, saturation, brightness = (hsv * [HUES, SATURATIONS, BRIGHTNESSES] // 256).T
    bins = (hue * SATURATIONS + saturation) * BRIGHTNESSES + brightness
    counts = np.bincount(bins, minlength=HUES * SATURATIONS * BRIGHTNESSES)
    return np.sqrt(counts / counts.sum()).astype(np.float32)


class ImageEmbedding:
    """Embeds images (None: no image) as unit vectors [B, D_i], 0 for a missing image."""

    def __init__(self, image: ImageConfig, backbone: ImageEncoder | None = None):
        self.image, self.backbone = image, backbone

    @classmethod
    def create(cls, image: ImageConfig) -> "ImageEmbedding":
        """Loads timm's weights if ``image`` names a model. Raises ConfigError if they cannot be loaded."""
        if image.name == HISTOGRAM:
            return cls(image)
        backbone = _encoder(image)
        load_backbone_weights(backbone.backbone, image)
        return cls(image, backbone)

    @torch.inference_mode()
    def __call__(self, images: Sequence[Any]) -> np.ndarray:
        """Unit vectors of uint8 [3, H, W] images."""
        there = [index for index, image in enumerate(images) if image is not None]
        bins = HUES * SATURATIONS * BRIGHTNESSES
        width = bins if self.backbone is None else self.backbone.width
        vectors = np.zeros((len(images), width), dtype=np.float32)
        if not there:
            return vectors
        if self.backbone is None:
            vectors[there] = [colour_histogram(images[index]) for index in there]
        else:
            vectors[there] = self.backbone(torch.from_numpy(np.stack([images[i] for i in there]))).mean(1).numpy()
        return unit(vectors)


def _encoder(image: ImageConfig) -> ImageEncoder:
    encoder = ImageEncoder(image, 1)
    encoder.unproject()
    return encoder.eval()


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scales rows to norm 1; rows of zeros stay unchanged."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class KNN:
    """The k most similar training products that have the attribute vote, each weighted by its similarity.

    Confidence is the winning value's share of the votes; the image's weight is its share of the winner's similarities.
    """

    config_class = KNNConfig
    collator_class = ItemCollator
    limits = "answers only values that occur in the training split"

    def __init__(
        self,
        config: KNNConfig,
        vectorizer: Vectorizer,
        components: np.ndarray,
        images: ImageEmbedding,
        text_PD: np.ndarray,
        image_PD: np.ndarray,
        values_PA: np.ndarray,
    ):
        self.config, self.vectorizer, self.components, self.images = config, vectorizer, components, images
        self.text_PD, self.image_PD, self.values_PA = text_PD, image_PD, values_PA

    @classmethod
    def check(cls, config: KNNConfig) -> None:
        """Raises ConfigError if scikit-learn or the image model's weights cannot be loaded."""
        check_scikit_learn("knn")
        ImageEmbedding.create(config.image)

    @classmethod
    def fit(cls, config: KNNConfig, items: Iterable[ModelInput], seed: int) -> "KNN":
        """Embeds the training split. See ``Fitted.fit``."""
        cls.check(config)
        from sklearn.decomposition import TruncatedSVD

        images = ImageEmbedding.create(config.image)
        texts: list[str] = []
        image_vectors, values = [], []
        place = {name: {value: index for index, value in enumerate(known)} for name, known in config.values.items()}
        for item in items:
            image, text = item.sources
            texts.append(str(text))
            image_vectors.append(images([image])[0])
            answers = dict(zip(item.questions, item.answers or (), strict=True))
            values.append([place[name][answers[name]] if name in answers else -1 for name in config.values])
        vectorizer = Vectorizer(config)
        sparse = vectorizer.fit(texts)
        width = min(config.text_width, sparse.shape[1] - 1, sparse.shape[0])
        svd = TruncatedSVD(max(width, 1), random_state=seed)
        svd.fit(sparse)
        components = svd.components_.astype(np.float32)
        return cls(
            config,
            vectorizer,
            components,
            images,
            unit(np.asarray(sparse @ components.T)),
            np.stack(image_vectors),
            np.array(values, dtype=np.int32),
        )

    def answer(self, batch: ItemBatch, collator: ItemCollator) -> list[Answer]:
        """The winning value; an empty answer with confidence 0 if no neighbour has any similarity."""
        text_BD = unit(np.asarray(self.vectorizer([str(item.sources[1]) for item in batch.items]) @ self.components.T))
        image_BD = self.images([item.sources[0] for item in batch.items])
        image_BP = self.config.image_weight * (image_BD @ self.image_PD.T)
        total_BP = image_BP + (1 - self.config.image_weight) * (text_BD @ self.text_PD.T)
        found: dict[tuple[int, str], Answer] = {}
        attributes = list(self.config.values)
        for name in sorted(batch.questions() & set(attributes)):
            values_P = self.values_PA[:, attributes.index(name)]
            known = np.flatnonzero(values_P >= 0)
            for index, item in enumerate(batch.items):
                if name in item.questions and len(known):
                    near = known[np.argsort(-total_BP[index, known], kind="stable")[: self.config.k]]
                    answer = self._vote(name, values_P[near], total_BP[index, near], image_BP[index, near])
                    if answer is not None:
                        found[index, name] = answer
        return batch.in_order(found)

    def _vote(self, name: str, values: np.ndarray, similarity: np.ndarray, of_image: np.ndarray) -> Answer | None:
        similarity, of_image = similarity.clip(min=0), of_image.clip(min=0)
        votes = np.bincount(values, weights=similarity)
        best = int(votes.argmax())
        if votes[best] <= 0:
            return None
        image = float(min(of_image[values == best].sum() / votes[best], 1.0))
        return Answer(self.config.values[name][best], float(votes[best] / votes.sum()), image, 1.0 - image)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json``, ``vocabulary.json`` and ``model.safetensors``, with the image model's weights."""
        write_config(folder, "knn", self.config)
        (Path(folder) / "vocabulary.json").write_text(json.dumps(self.vectorizer.vocabulary))
        tensors = {"idf": self.vectorizer.idf, "components": self.components}
        tensors |= {"text": self.text_PD, "image": self.image_PD, "values": self.values_PA}
        if self.images.backbone is not None:
            tensors |= {f"backbone.{k}": v.numpy() for k, v in self.images.backbone.backbone.state_dict().items()}
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, Path(folder) / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "KNN":
        """The inverse of ``save_pretrained``. Raises ConfigError if files are missing."""
        config = read_config(folder, KNNConfig)
        check_scikit_learn("knn")
        tensors = load_file(Path(folder) / "model.safetensors")
        vectorizer = Vectorizer(config, json.loads((Path(folder) / "vocabulary.json").read_text()), tensors["idf"])
        images = ImageEmbedding(config.image)
        if config.image.name != HISTOGRAM:
            backbone = _encoder(config.image)
            own = {k.removeprefix("backbone."): v for k, v in tensors.items() if k.startswith("backbone.")}
            backbone.backbone.load_state_dict({k: torch.from_numpy(v) for k, v in own.items()})
            images = ImageEmbedding(config.image, backbone)
        return cls(
            config, vectorizer, tensors["components"], images, tensors["text"], tensors["image"], tensors["values"]
        )
