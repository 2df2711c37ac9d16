"""Weights from elsewhere: T5 checkpoints, and a tokenizer of our own on top of them."""

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, T5Config, T5ForConditionalGeneration

from moemoe.errors import ConfigError, first_line
from moemoe.model.config import TextConfig

M = TypeVar("M", bound=PreTrainedModel)


def load_t5(name: str) -> T5ForConditionalGeneration:
    """A T5 checkpoint by hub name or local folder. Raises ConfigError if it cannot be loaded."""
    return load_weights(T5ForConditionalGeneration, name, " that holds them, or take --size tiny or small")


def load_weights(kind: type[M], name: str, advice: str = "", **options: bool) -> M:
    """A checkpoint of transformers by hub name or local folder. Raises ConfigError if it cannot be loaded."""
    try:
        return kind.from_pretrained(name, use_safetensors=True, **options)
    except Exception as error:
        raise ConfigError(
            f"pretrained weights {name!r} cannot be loaded ({first_line(error)}); give --weights a folder{advice}"
        ) from error


def text_config_of(t5: T5Config, text: TextConfig) -> TextConfig:
    """``text`` with the dimensions of a T5 checkpoint."""
    return replace(
        text,
        d_model=t5.d_model,
        d_kv=t5.d_kv,
        d_ff=t5.d_ff,
        num_heads=t5.num_heads,
        context_layers=t5.num_layers,
        question_layers=t5.num_layers,
        decoder_layers=t5.num_decoder_layers,
        feed_forward_proj=t5.feed_forward_proj,
        tie_word_embeddings=bool(t5.scale_decoder_outputs),
        vocab_size=t5.vocab_size,
        pretrained=None,
    )


def embeddings_for(weight_VD: Tensor, old: PreTrainedTokenizerBase, new: PreTrainedTokenizerBase, size: int) -> Tensor:
    """Embeddings [size, D] of ``new``'s tokens: each the mean of the embeddings of its text's pieces in ``old``.

    Padding and end keep their own; tokens without text (single bytes of longer characters) get the overall mean.
    """
    known = weight_VD[: len(old)]
    rows = known.mean(0).repeat(size, 1)
    for token in range(len(new)):
        text = new.decode([token], skip_special_tokens=True)
        pieces = old(text, add_special_tokens=False)["input_ids"] if text.strip() else []
        if pieces and old.unk_token_id not in pieces:
            rows[token] = known[pieces].mean(0)
    for name in ("pad_token_id", "eos_token_id"):
        rows[getattr(new, name)] = known[getattr(old, name)]
    return rows


@torch.no_grad()
def replace_embedding(embedding: nn.Embedding, weight_VD: Tensor) -> None:
    """Gives ``embedding`` another vocabulary, in place: stacks that share it see it too."""
    embedding.num_embeddings = weight_VD.shape[0]
    embedding.weight = nn.Parameter(weight_VD.clone())
