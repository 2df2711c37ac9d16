"""MoEMoE: three encoders, question-guided attention, both alignment losses, a T5 decoder with sparse experts.

This class covers every model of figure 5 and table 4: ``ModelConfig`` says which parts it has. It is dense until
``add_experts`` turns layers into experts.

Shapes: B products, K context tokens, P patches, U distinct questions, J question tokens, N examples (product x
attribute), T decoder tokens, L source positions, S sources, D d_model, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, T5ForConditionalGeneration

from moemoe.batches.batch import Batch, Source
from moemoe.batches.collate import Collator
from moemoe.model.alignment import Alignment
from moemoe.model.auto_text_encoder import AutoTextEncoder, check_text_encoder, config_of, load_backbone
from moemoe.model.config import ModelConfig, expert_layers
from moemoe.model.decoder import Decoder
from moemoe.model.encoded import Encoded
from moemoe.model.encoders import TextEncoder, repeat_patches
from moemoe.model.files import SavedModule
from moemoe.model.generation import generate
from moemoe.model.mixture_of_experts import RouterStats
from moemoe.model.outputs import Answer, Distribution, Losses
from moemoe.model.pretrained import embeddings_for, load_t5, replace_embedding, text_config_of
from moemoe.model.question_guided_attention import QuestionGuidedAttention, source_shares
from moemoe.model.source_attention import SourceMemory
from moemoe.model.t5_layers import add_experts, t5_stack
from moemoe.model.value_distribution import value_probabilities
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import load_backbone_weights, load_timm


class MoEMoE(SavedModule):
    """The paper's model, from scratch by ``config``; ``create`` also loads pretrained parts."""

    name = "moemoe"
    config_class: type[ModelConfig] = ModelConfig
    collator_class = Collator
    limits = "answers any text, also values that the attribute does not have"

    def __init__(self, config: ModelConfig):
        super().__init__()
        text = config.text
        self.config = config
        self.embedding = nn.Embedding(text.vocab_size, text.d_model)
        own_question_table = config.has_question_encoder and text.encoder is None
        question_embedding = nn.Embedding(text.vocab_size, text.d_model) if own_question_table else None
        nn.init.normal_(self.embedding.weight)
        if question_embedding is not None:
            nn.init.normal_(question_embedding.weight)
        self.context_encoder: TextEncoder | AutoTextEncoder
        self.question_encoder: TextEncoder | AutoTextEncoder
        if text.encoder is not None:
            self.context_encoder = AutoTextEncoder(text)
            if config.has_question_encoder:  # the paper's encoders are unshared; a frozen one is the same twice
                shared = self.context_encoder.backbone if self.context_encoder.frozen else None
                self.question_encoder = AutoTextEncoder(text, shared)
        else:
            stack = t5_stack(text, text.context_layers, False, self.embedding)
            self.context_encoder = TextEncoder(stack, text.ngrams)
        if question_embedding is not None:
            self.question_encoder = TextEncoder(t5_stack(text, text.question_layers, False, question_embedding))
        self.image_encoder = ImageEncoder(config.image, text.d_model) if "image" in config.sources else None
        sources = len(config.sources)
        self.attention = QuestionGuidedAttention(text.d_model, sources) if config.question_guidance else None
        self.alignment = Alignment(text.d_model, sources) if config.alignment else None
        self.decoder = Decoder(t5_stack(text, text.decoder_layers, True, self.embedding))
        self.head = None if text.tie_word_embeddings else nn.Linear(text.d_model, text.vocab_size, bias=False)
        self.add_experts()

    @classmethod
    def create(cls, config: ModelConfig) -> "MoEMoE":
        """A new model; if the config names pretrained parts, their weights are loaded.

        Raises:
            ConfigError: pretrained weights cannot be loaded.
        """
        backbone = None
        if config.text.encoder is not None:
            backbone = load_backbone(config)
            config = replace(config, text=replace(config.text, encoder_config=config_of(backbone)))
        if config.text.pretrained is None:
            model = cls(config)
        else:
            t5 = load_t5(config.text.pretrained)
            model = cls(replace(config, text=text_config_of(t5.config, config.text)))
            model.load_t5_weights(t5)
        if backbone is not None:
            for encoder in model.auto_text_encoders:
                encoder.backbone.load_state_dict(backbone.state_dict())
        if model.image_encoder is not None:
            load_backbone_weights(model.image_encoder.backbone, config.image)
        return model

    @classmethod
    def check(cls, config: ModelConfig) -> None:
        """Raises ConfigError if ``config`` names pretrained weights that cannot be loaded."""
        if config.text.pretrained is not None:
            load_t5(config.text.pretrained)
        if config.text.encoder is not None:
            check_text_encoder(config)
        if config.image.pretrained and "image" in config.sources:
            load_timm(config.image)

    @property
    def text_encoders(self) -> list[TextEncoder]:
        """T5's encoders: the context encoder, and the question encoder if there is one."""
        return [encoder for encoder in self._encoders if isinstance(encoder, TextEncoder)]

    @property
    def auto_text_encoders(self) -> list[AutoTextEncoder]:
        """The same, if ``text.encoder`` names them."""
        return [encoder for encoder in self._encoders if isinstance(encoder, AutoTextEncoder)]

    @property
    def _encoders(self) -> list[nn.Module]:
        return [self.context_encoder, *([self.question_encoder] if self.config.has_question_encoder else [])]

    @property
    def _token_tables(self) -> list[nn.Embedding]:
        """Each once: the context's and decoder's, then the question's; a ``text.encoder`` keeps its own."""
        tables = [self.embedding, *(encoder.stack.embed_tokens for encoder in self.text_encoders)]
        return list({id(table): table for table in tables}.values())

    @property
    def token_embeddings(self) -> list[nn.Parameter]:
        """The context's and decoder's table, then the question's; not that of a ``text.encoder``."""
        return [table.weight for table in self._token_tables]

    def load_t5_weights(self, t5: T5ForConditionalGeneration) -> None:
        """Every text encoder starts from T5's encoder, the decoder from its decoder."""
        for encoder in self.text_encoders:
            encoder.stack.load_state_dict(t5.encoder.state_dict())
        self.decoder.stack.load_state_dict(t5.decoder.state_dict())
        if self.head is not None:
            self.head.load_state_dict(t5.lm_head.state_dict())

    def replace_vocabulary(self, old: PreTrainedTokenizerBase, new: PreTrainedTokenizerBase) -> None:
        """Exchanges the vocabulary of ``old`` for that of ``new``, embeddings and head with it."""
        size = -len(new) // 8 * -8
        for table in self._token_tables:
            replace_embedding(table, embeddings_for(table.weight.detach(), old, new, size))
        if self.head is not None:
            rows = embeddings_for(self.head.weight.detach(), old, new, size)
            self.head = nn.Linear(rows.shape[1], size, bias=False)
            self.head.load_state_dict({"weight": rows})
        self.config = replace(self.config, text=replace(self.config.text, vocab_size=size))

    def add_experts(self) -> None:
        """Turns the layers that ``config.experts`` names into experts."""
        experts = self.config.experts
        if experts is None:
            return
        for encoder in self.text_encoders:
            add_experts(encoder.stack, expert_layers(experts.encoder, len(encoder.stack.block)), experts)
        stack = self.decoder.stack
        add_experts(stack, expert_layers(experts.decoder, len(stack.block)), experts)

    def recompute_activations(self) -> None:
        """Gradient checkpointing: less memory, about a third more time (Chen et al. 2016)."""
        for encoder in self.text_encoders:
            encoder.recompute = True
        for auto_encoder in self.auto_text_encoders:
            auto_encoder.recompute_activations()
        self.decoder.recompute = True
        if self.image_encoder is not None:
            self.image_encoder.recompute_activations()

    def encode_questions(self, ids_UJ: Tensor, mask_UJ: Tensor) -> tuple[Tensor, list[RouterStats]]:
        """The questions' states [U, J, D]; they depend on nothing else, so one pass serves a whole catalog."""
        return self.question_encoder(ids_UJ, mask_UJ)

    def encode(self, batch: Batch) -> Encoded:
        """Encodes every source and question once."""
        states, real_BL, loads = self._encode_sources(batch.sources)
        length, attended_BL = real_BL[0].shape[1], torch.stack(real_BL).any(0)
        question_UJD = batch.question_UJD
        if question_UJD is None and self.config.has_question_encoder:
            question_UJD, more = self.encode_questions(batch.question_ids, batch.question_mask)
            loads = loads + more
        S = len(states)
        if self.attention is not None:
            weights_NLS = self.attention(question_UJD, batch.question_mask, length)[batch.question_of]
        else:
            weights_NLS = states[0].new_full((batch.product_of.numel(), length, S), 1 / S)

        keys, values = self.decoder.project_sources(states)
        with torch.no_grad():
            norms_BLS = torch.stack([repeat_patches(source.norm(dim=-1), length) for source in states], dim=-1)
            shares_NS = source_shares(weights_NLS, norms_BLS[batch.product_of], attended_BL[batch.product_of])
        memory = SourceMemory(keys, values, weights_NLS, attended_BL, batch.product_of)
        if self.alignment is None:
            return Encoded(memory, shares_NS, None, loads)
        there = [  # an image is repeated, so it is real wherever anything is attended to
            attended_BL & real.any(1, keepdim=True) if kind == "image" else real
            for kind, real in zip(self.config.kinds, real_BL, strict=True)
        ]
        alignment = self.alignment(
            question_UJD, batch.question_mask, states, there, batch.product_of, batch.question_of
        )
        return Encoded(memory, shares_NS, alignment, loads)

    def _encode_sources(self, sources: list[Source]) -> tuple[list[Tensor], list[Tensor], list[RouterStats]]:
        """Each source's states [B, its own positions, D] (0 where it is missing), which of L positions are real, loads.

        L, equation 5's k for this batch, is the longest source's length; texts are padded to it, images repeat.
        """
        states, lengths, loads = [], [], []
        for kind, source in zip(self.config.kinds, sources, strict=True):
            if kind == "image":
                assert self.image_encoder is not None
                x = self.image_encoder(source.data, source.mask) * source.mask[:, None, None]
                lengths.append(x.shape[1] if bool(source.mask.any()) else 0)
            else:
                x, more = self.context_encoder(source.data, source.mask)
                loads += more
                lengths.append(x.shape[1])
            states.append(x)
        length = max(*lengths, 1)
        real_BL = []
        for index, (kind, source) in enumerate(zip(self.config.kinds, sources, strict=True)):
            if kind == "image":
                real = source.mask[:, None] & (torch.arange(length, device=source.mask.device) < lengths[index])
            else:
                real = F.pad(source.mask, (0, length - lengths[index]))
                states[index] = F.pad(states[index], (0, 0, 0, length - lengths[index]))
            states[index] = states[index][source.row_of]
            real_BL.append(real[source.row_of])
        return states, real_BL, loads

    def logits(self, states_XD: Tensor) -> Tensor:
        """Vocabulary logits [..., V]; scaled by d^-0.5 where the head is tied, as T5 v1.0 does."""
        if self.head is not None:
            return self.head(states_XD)
        return F.linear(states_XD * self.config.text.d_model**-0.5, self.embedding.weight)

    def token_logits(self, states_XED: Tensor, token_E: Tensor) -> Tensor:
        """As ``logits``, of one token for each of E states, [X, E]."""
        weight_VD, scale = self.embedding.weight, self.config.text.d_model**-0.5
        if self.head is not None:
            weight_VD, scale = self.head.weight, 1.0
        return torch.einsum("xed,ed->xe", states_XED * scale, weight_VD[token_E])

    def forward(self, batch: Batch) -> Losses:
        """The four losses of equation 10 as sums over the batch; cross-entropy over scored tokens only."""
        assert batch.labels is not None
        encoded = self.encode(batch)
        states_NTD, loads = self.decoder(self.embedding(batch.decoder_ids), batch.decoder_mask, encoded.memory)
        scored = batch.labels != -100
        cross_entropy = F.cross_entropy(self.logits(states_NTD[scored]).float(), batch.labels[scored], reduction="sum")
        totals = {"image": cross_entropy.new_zeros(()), "text": cross_entropy.new_zeros(())}
        images = cross_entropy.new_zeros(())
        for index, (kind, source) in enumerate(zip(self.config.kinds, batch.sources, strict=True)):
            if encoded.alignment is not None:
                totals[kind] = totals[kind] + encoded.alignment[index].sum()
            if kind == "image":
                images = images + source.mask[source.row_of][batch.product_of].sum()
        examples = torch.tensor(float(batch.product_of.numel()), device=cross_entropy.device)
        context = totals["text"] / max(self.config.kinds.count("text"), 1)
        loads = encoded.loads + loads
        return Losses(cross_entropy, scored.sum(), context, examples, totals["image"], images, loads)

    def answer(self, batch: Batch, collator: Collator) -> list[Answer]:
        """Greedy answers to the batch's questions, restricted where the collator says so."""
        device = batch.decoder_ids.device
        trie, drafts = (x.to(device) if x is not None else None for x in (collator.trie, collator.drafts))
        generated = generate(self, batch, trie=trie, drafts=drafts)
        values = collator.answers(generated.tokens_NA, generated.leaf_N)
        answers = []
        for value, confidence, shares in zip(
            values, generated.confidence_N.tolist(), generated.shares_NS.tolist(), strict=True
        ):
            image, text = (self._share(shares, kind) for kind in ("image", "text"))
            answers.append(Answer(value, confidence, image, text, self._each_share(shares)))
        return answers

    def distributions(
        self, batch: Batch, collator: Collator, asked: Sequence[str], values: Mapping[str, Sequence[str]]
    ) -> list[Distribution]:
        """The exact probability of every value, see ``value_distribution``."""
        trees = {attribute: collator.value_tree(values[attribute]) for attribute in set(asked)}
        probabilities, shares_NS = value_probabilities(self, batch, asked, trees)
        return [
            Distribution(probability_C, self._share(shares, "image"), self._each_share(shares))
            for probability_C, shares in zip(probabilities, shares_NS.tolist(), strict=True)
        ]

    def _share(self, shares: Sequence[float], kind: str) -> float:
        return min(1.0, sum(share for share, own in zip(shares, self.config.kinds, strict=True) if own == kind))

    def _each_share(self, shares: Sequence[float]) -> tuple[float, ...]:
        """The shares themselves if a kind has several, whose sum says less."""
        return tuple(shares) if len(set(self.config.kinds)) < len(shares) else ()
