"""CMA-CLIP (Liu et al. 2021): patches and tokens attend to each other, a classifier per attribute, closed set.

CLIP's patch and text embeddings, concatenated, go through a transformer (sequence-wise attention). The mean of its
patches and the mean of its tokens are weighted per attribute (modality-wise attention: the softmax of their dot
products with a learned vector). An MLP per attribute classifies its values.

Shapes: R products, N examples, P patches, K tokens, D width, A attributes, H hidden, C most values of an attribute.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from moemoe.baselines.config import BaselineConfig, TextWithNgrams
from moemoe.baselines.items import NO_ANSWER
from moemoe.batches.batch import Source, Tensors
from moemoe.batches.collate import ModelInput, SourceCollator, pad
from moemoe.errors import ConfigError
from moemoe.model.files import SavedModule
from moemoe.model.ngrams import NgramEmbedding
from moemoe.model.outputs import Answer, Losses
from moemoe.model.pretrained import load_weights
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import load_backbone_weights, load_timm


@dataclass(frozen=True)
class ClipText(TextWithNgrams):
    """CLIP's text encoder from scratch, or a CLIP checkpoint (hub name or folder) in ``pretrained``."""

    vocab_size: int = 4096
    width: int = 128
    layers: int = 2
    heads: int = 4
    feed_forward: int = 256
    dropout_rate: float = 0.0
    positions: int = 96


@dataclass(frozen=True)
class CMAClipConfig(BaselineConfig):
    """``layers`` and ``heads`` are those of the sequence-wise attention, ``hidden`` is the classifiers' H."""

    sources = ("image", "text")
    nested: ClassVar[dict[str, Any]] = {"text": ClipText, "image": ImageConfig}

    text: ClipText = field(default_factory=ClipText)
    image: ImageConfig = field(default_factory=ImageConfig)
    context_length: int = 96
    layers: int = 1
    heads: int = 4
    hidden: int = 128
    dropout_rate: float = 0.1
    values: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        if self.text.pretrained is None and self.context_length > self.text.positions:
            raise ConfigError(
                f"cma-clip: context_length is {self.context_length}; text.positions allows {self.text.positions}"
            )


@dataclass
class ClosedSetBatch(Tensors):
    """Images and texts once per product.

    Args:
        image, text: as ``model.batch.Source``.
        product_of, attribute_of: int64 [N]; the attribute is -1 if the training split does not have it.
        target: int64 [N], the value's index, -100 if the training split does not have it; None for inference.
    """

    image: Source
    text: Source
    product_of: Tensor
    attribute_of: Tensor
    target: Tensor | None = None

    def counts(self) -> Tensor:
        """Numbers of scored examples, of examples, and of examples with an image, int64 [3]."""
        assert self.target is not None
        examples = torch.full_like(self.product_of, 1).sum()
        return torch.stack([(self.target >= 0).sum(), examples, self.image.mask[self.product_of].sum()])


class ClosedSetCollator(SourceCollator):
    """Builds a ``ClosedSetBatch`` from model inputs."""

    def __call__(self, items: Sequence[ModelInput]) -> ClosedSetBatch:
        """A batch of all questions of all ``items``."""
        place = {attribute: index for index, attribute in enumerate(self.config.values)}
        rows = torch.arange(len(items))
        ids, mask = pad(self.encode([str(item.sources[1] or "") for item in items]))
        pairs = [(index, question) for index, item in enumerate(items) for question in item.questions]
        target = None
        if items[0].answers is not None:
            target = torch.tensor(
                [
                    known.index(answer) if answer in (known := self.config.values.get(question, [])) else -100
                    for item in items
                    for question, answer in zip(item.questions, item.answers or (), strict=True)
                ]
            )
        return ClosedSetBatch(
            self._images([item.sources[0] for item in items], rows),
            Source(ids, mask, rows),
            torch.tensor([index for index, _ in pairs]),
            torch.tensor([place.get(question, -1) for _, question in pairs]),
            target,
        )


class CMAClip(SavedModule):
    """The model over the attributes and values of ``config.values``."""

    name = "cma-clip"
    config_class = CMAClipConfig
    collator_class = ClosedSetCollator
    limits = "answers only values that occur in the training split"

    def __init__(self, config: CMAClipConfig):
        super().__init__()
        self.config = config
        text, D = config.text, config.text.width
        A, C = len(config.values), max((len(known) for known in config.values.values()), default=1)
        self.text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=text.vocab_size,
                hidden_size=D,
                intermediate_size=text.feed_forward,
                num_hidden_layers=text.layers,
                num_attention_heads=text.heads,
                max_position_embeddings=text.positions,
                attention_dropout=text.dropout_rate,
                bos_token_id=None,
                eos_token_id=1,  # the position of CLIP's pooled state, which is not used: only token states are
            )
        )
        if text.ngrams.orders:
            tokens = self.text_encoder.get_input_embeddings()
            self.text_encoder.set_input_embeddings(NgramEmbedding(tokens, text.ngrams))
        self.image_encoder = ImageEncoder(config.image, D)
        self.kind_SD = nn.Parameter(torch.randn(2, D) * 0.02)  # tells patches from tokens
        layer = nn.TransformerEncoderLayer(
            D, config.heads, 4 * D, config.dropout_rate, "gelu", batch_first=True, norm_first=True
        )
        self.sequence_attention = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(D), False)
        self.modality_AD = nn.Parameter(torch.randn(A, D) * D**-0.5)
        self.hidden_ADH = nn.Parameter(torch.randn(A, D, config.hidden) * D**-0.5)
        self.hidden_bias_AH = nn.Parameter(torch.zeros(A, config.hidden))
        self.value_AHC = nn.Parameter(torch.randn(A, config.hidden, C) * config.hidden**-0.5)
        self.value_bias_AC = nn.Parameter(torch.zeros(A, C))
        known_AC = torch.zeros(A, C, dtype=torch.bool)
        for index, known in enumerate(config.values.values()):
            known_AC[index, : len(known)] = True
        self.register_buffer("known_AC", known_AC, persistent=False)

    @classmethod
    def create(cls, config: CMAClipConfig) -> "CMAClip":
        """A new model; weights of pretrained parts that the config names are loaded."""
        clip = None
        if config.text.pretrained is not None:
            clip = load_weights(CLIPTextModel, config.text.pretrained)
            text = config.text.with_sizes_of(clip.config)
            config = replace(config, text=text, context_length=min(config.context_length, text.positions))
        model = cls(config)
        if clip is not None:
            model.text_encoder.load_state_dict(clip.state_dict())
        load_backbone_weights(model.image_encoder.backbone, config.image)
        return model

    @classmethod
    def check(cls, config: CMAClipConfig) -> None:
        """Raises ConfigError if ``config`` names pretrained weights that cannot be loaded."""
        if config.text.pretrained is not None:
            load_weights(CLIPTextModel, config.text.pretrained)
        if config.image.pretrained:
            load_timm(config.image)

    @property
    def token_embeddings(self) -> list[nn.Parameter]:
        """CLIP's table."""
        table = self.text_encoder.get_input_embeddings().weight
        assert isinstance(table, nn.Parameter)
        return [table]

    def recompute_activations(self) -> None:
        """Enables gradient checkpointing of both encoders."""
        self.text_encoder.gradient_checkpointing_enable()
        self.image_encoder.recompute_activations()

    def logits(self, batch: ClosedSetBatch) -> tuple[Tensor, Tensor]:
        """Logits [N, C], the lowest number at indices beyond the attribute's values; modality weights [N, 2]."""
        patches_RPD = self.image_encoder(batch.image.data, batch.image.mask)
        mask_RK = batch.text.mask[:, : self.config.context_length]
        tokens_RKD = self.text_encoder(batch.text.data[:, : mask_RK.shape[1]], mask_RK.long()).last_hidden_state
        x_RLD = torch.cat([patches_RPD + self.kind_SD[0], tokens_RKD + self.kind_SD[1]], dim=1)
        P = patches_RPD.shape[1]
        real_RL = torch.cat([batch.image.mask[:, None].expand(-1, P), mask_RK], dim=1)
        x_RLD = self.sequence_attention(x_RLD, src_key_padding_mask=~real_RL) * real_RL[..., None]
        sums_RSD = torch.stack([x_RLD[:, :P].sum(1), x_RLD[:, P:].sum(1)], dim=1)
        counts_RS = torch.stack([real_RL[:, :P].sum(1), real_RL[:, P:].sum(1)], dim=1)
        modes_RSD = sums_RSD / counts_RS.clamp(min=1)[..., None]

        scores_RAS = torch.einsum("rsd,ad->ras", modes_RSD, self.modality_AD)
        scores_RAS = scores_RAS.masked_fill(counts_RS[:, None] == 0, torch.finfo(scores_RAS.dtype).min)
        weights_RAS = scores_RAS.softmax(-1)
        joint_RAD = torch.einsum("ras,rsd->rad", weights_RAS, modes_RSD)
        hidden_RAH = F.relu(torch.einsum("rad,adh->rah", joint_RAD, self.hidden_ADH) + self.hidden_bias_AH)
        hidden_RAH = F.dropout(hidden_RAH, self.config.dropout_rate, self.training)
        logits_RAC = torch.einsum("rah,ahc->rac", hidden_RAH, self.value_AHC) + self.value_bias_AC
        logits_RAC = logits_RAC.float().masked_fill(~self.known_AC, torch.finfo(torch.float32).min)
        attribute_N = batch.attribute_of.clamp(min=0)
        return logits_RAC[batch.product_of, attribute_N], weights_RAS[batch.product_of, attribute_N]

    def forward(self, batch: ClosedSetBatch) -> Losses:
        """Cross-entropy over the values, summed over the examples that have one of them."""
        assert batch.target is not None
        logits_NC, _ = self.logits(batch)
        return Losses.of_cross_entropy(F.cross_entropy(logits_NC, batch.target, reduction="sum"), batch.counts())

    @torch.inference_mode()
    def answer(self, batch: ClosedSetBatch, collator: ClosedSetCollator) -> list[Answer]:
        """The most likely value; for an attribute that the training split lacks an empty answer with confidence 0."""
        logits_NC, weights_NS = self.logits(batch)
        confidence_N, value_N = logits_NC.softmax(-1).max(-1)
        names = list(self.config.values)
        columns = (batch.attribute_of.tolist(), value_N.tolist(), confidence_N.tolist(), weights_NS.tolist())
        return [
            NO_ANSWER if attribute < 0 else Answer(self.config.values[names[attribute]][value], confidence, image, text)
            for attribute, value, confidence, (image, text) in zip(*columns, strict=True)
        ]
