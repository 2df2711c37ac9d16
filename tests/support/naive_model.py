"""The paper's own way of computing the model, as the reference: one (question, context, image) triple per item.

Every question is padded to k, e (equation 5) is formed for every item, transformers' T5 decodes and generates. Same
weights as the model it is made from, none of its shortcuts. Encoders are transformers' and timm's own forward.

Shapes: N items, k context length, D d_model.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from moemoe.batches.batch import Batch, Source
from moemoe.model.auto_text_encoder import AutoTextEncoder
from moemoe.model.encoders import repeat_patches
from moemoe.model.mixture_of_experts import MixtureOfExperts
from moemoe.model.moemoe import MoEMoE


class OutputAlone(nn.Module):
    """Experts as transformers expects a feed-forward layer: without their load."""

    def __init__(self, experts: MixtureOfExperts):
        super().__init__()
        self.experts = experts

    def forward(self, x: Tensor) -> Tensor:
        return self.experts(x.reshape(-1, x.shape[-1]))[0].view_as(x)


def transformers_t5(model: MoEMoE) -> T5ForConditionalGeneration:
    """T5ForConditionalGeneration that shares the weights of the model's context encoder, decoder and head."""
    text = model.config.text
    config = T5Config(
        vocab_size=text.vocab_size, d_model=text.d_model, d_kv=text.d_kv, d_ff=text.d_ff, num_heads=text.num_heads,
        num_layers=text.context_layers, num_decoder_layers=text.decoder_layers, dropout_rate=text.dropout_rate,
        feed_forward_proj=text.feed_forward_proj, tie_word_embeddings=text.tie_word_embeddings,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    t5 = T5ForConditionalGeneration(config)
    if not isinstance(model.context_encoder, AutoTextEncoder):
        share(t5.encoder, model.context_encoder.stack)
    share(t5.decoder, model.decoder.stack)
    t5.shared = t5.encoder.embed_tokens = t5.decoder.embed_tokens = model.embedding
    t5.lm_head.weight = model.embedding.weight if model.head is None else model.head.weight
    return t5.train(model.training)


def share(reference: nn.Module, own: nn.Module) -> None:
    """Puts the layers of ``own`` into ``reference``."""
    for block, ours in zip(reference.block, own.block, strict=True):
        for layer, mine in zip(block.layer, ours.layer, strict=True):
            for name, module in list(layer.named_children()):
                part = getattr(mine, name)
                if isinstance(part, MixtureOfExperts):
                    setattr(layer, name, OutputAlone(part))
                elif name in ("SelfAttention", "EncDecAttention"):  # the reference's own settings, our weights
                    for weight, parameter in part.named_parameters():
                        owner, _, last = weight.rpartition(".")
                        setattr(module.get_submodule(owner), last, parameter)
                else:
                    setattr(layer, name, part)
    reference.final_layer_norm = own.final_layer_norm


class OtherEncoder(nn.Module):
    """A ``text.encoder`` called as T5's is: transformers' own forward, padding in the encoder's own way."""

    def __init__(self, encoder: AutoTextEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> BaseModelOutput:
        backbone = self.encoder.backbone
        ids = torch.where(attention_mask > 0, input_ids, backbone.config.pad_token_id)
        states = backbone(input_ids=ids, attention_mask=attention_mask).last_hidden_state
        states = states.detach() if self.encoder.frozen else states
        return BaseModelOutput(self.encoder.norm(self.encoder.project(states)))


class Naive:
    """``losses`` and ``generate`` of a model, an item at a time in every sense but the batch dimension."""

    def __init__(self, model: MoEMoE):
        self.model, self.t5 = model, transformers_t5(model)
        if model.config.text.encoder is not None:
            self.context_encoder = OtherEncoder(model.context_encoder)
            self.question_encoder = OtherEncoder(model.question_encoder)
            return
        self.context_encoder = self.t5.encoder
        if model.config.has_question_encoder:
            text = model.config.text
            config = T5Config(
                vocab_size=text.vocab_size, d_model=text.d_model, d_kv=text.d_kv, d_ff=text.d_ff,
                num_heads=text.num_heads, num_layers=text.question_layers, dropout_rate=text.dropout_rate,
                feed_forward_proj=text.feed_forward_proj,
            )  # fmt: skip
            self.question_encoder = T5ForConditionalGeneration(config).encoder.train(model.training)
            share(self.question_encoder, model.question_encoder.stack)
            self.question_encoder.embed_tokens = model.question_encoder.stack.embed_tokens

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor, list[Tensor]]:
        """e [N, L, D], where it is attended to [N, L], and the alignment loss of each source [N]."""
        model, k = self.model, self.model.config.context_length
        sources = [self._states(name, source, batch) for name, source in zip(self.kinds, batch.sources, strict=True)]
        states = [states_NLD for states_NLD, _ in sources]
        attended_NL = torch.stack([real_NL for _, real_NL in sources]).any(0)
        if not model.config.has_question_encoder:
            nothing = states[0].new_zeros(len(attended_NL))
            return sum(x / len(states) for x in states), attended_NL, [nothing] * len(states)

        question_ids = F.pad(batch.question_ids, (0, k - batch.question_ids.shape[1]))[batch.question_of]
        real_NL = F.pad(batch.question_mask, (0, k - batch.question_mask.shape[1]))[batch.question_of]
        question = self.question_encoder(input_ids=question_ids, attention_mask=real_NL.long()).last_hidden_state
        mean = (question * real_NL[..., None]).sum(1, keepdim=True) / real_NL.sum(1)[:, None, None]
        question = torch.where(real_NL[..., None], question, mean)  # beyond its last token: the mean of its real ones
        if model.attention is None:
            e = sum(x / len(states) for x in states)
        else:
            weights = model.attention.fc(question).unbind(-1)  # equation 4
            e = sum(weight[..., None] * x for weight, x in zip(weights, states, strict=True))  # equation 5
        losses = [question.new_zeros(len(question_ids))] * len(states)
        if model.alignment is not None:  # equations 6 and 7
            q = model.alignment.question(question)[..., 0]
            losses = []
            for project, x, kind, (_, real) in zip(model.alignment.sources, states, self.kinds, sources, strict=True):
                if kind == "image":  # repeated, so real wherever anything is attended to
                    real = attended_NL & real.any(1, keepdim=True)
                cosine = F.cosine_similarity(q * real, project(x)[..., 0] * real, dim=-1, eps=1e-6)
                losses.append(torch.abs(1 - cosine) * real.any(1))
        return e, attended_NL, losses

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(name.split(".")[0] for name in self.model.config.sources)

    def _states(self, kind: str, source: Source, batch: Batch) -> tuple[Tensor, Tensor]:
        """A source padded or repeated to k positions, [N, k, D], and which of them it fills, [N, k]."""
        k = self.model.config.context_length
        if kind == "image":
            there_N = source.mask[source.row_of][batch.product_of]
            patches = self.model.image_encoder(source.data[source.row_of][batch.product_of])
            P = patches.shape[1]
            assert k >= P
            return repeat_patches(patches, k) * there_N[:, None, None], (torch.arange(k) < P)[None] & there_N[:, None]
        ids = F.pad(source.data, (0, k - source.data.shape[1]))[source.row_of][batch.product_of]
        mask_NL = F.pad(source.mask, (0, k - source.mask.shape[1]))[source.row_of][batch.product_of]
        states = self.context_encoder(input_ids=ids, attention_mask=mask_NL.long()).last_hidden_state
        return states * mask_NL[..., None], mask_NL

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, equation 6 and equation 7, each summed over the items."""
        e, attended, alignment = self.encode(batch)
        image, context = (
            sum((loss.sum() for loss, own in zip(alignment, self.kinds, strict=True) if own == kind), torch.zeros(()))
            for kind in ("image", "text")
        )
        context = context / max(self.kinds.count("text"), 1)
        states = self.t5.decoder(
            input_ids=batch.decoder_ids, attention_mask=batch.decoder_mask.long(), encoder_hidden_states=e,
            encoder_attention_mask=attended.long(), use_cache=False,
        ).last_hidden_state  # fmt: skip
        if self.t5.config.tie_word_embeddings:
            states = states * self.t5.config.d_model**-0.5
        logits = self.t5.lm_head(states)
        cross_entropy = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), reduction="sum")
        return {"cross_entropy": cross_entropy, "question_image": image, "question_context": context}

    @torch.inference_mode()
    def generate(self, batch: Batch) -> Tensor:
        """Greedy answers [N, A], padded with 0."""
        e, attended, _ = self.encode(batch)
        steps = self.model.config.answer_length
        ids = F.pad(batch.decoder_ids, (1, 0))  # masked; generate() puts a start token before ids that begin otherwise
        tokens = self.t5.generate(
            encoder_outputs=BaseModelOutput(e), attention_mask=attended.long(), decoder_input_ids=ids,
            decoder_attention_mask=F.pad(batch.decoder_mask.long(), (1, 0)), max_new_tokens=steps, do_sample=False,
        )[:, ids.shape[1] :]  # fmt: skip
        return F.pad(tokens, (0, steps - tokens.shape[1]))
