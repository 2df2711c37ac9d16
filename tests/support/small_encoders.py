"""Checkpoints of small text encoders as on a model hub: weights, configuration, tokenizer."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

KINDS = ("bert", "modernbert", "xlm-roberta")
TEXTS = ["Brand 3 Cotton shirt point soft", "color", "material", "Silk Wool | IN", "neck style"] * 9
SIZE = {"vocab_size": 320, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}


def small_encoder(folder: Path, kind: str = "bert", width: int = 24, positions: int = 64, seed: int = 0) -> str:
    """Writes one that reads ``positions`` tokens, and returns its folder as ``text.encoder`` takes it."""
    specials = {
        "bert": ["[PAD]", "[CLS]", "[SEP]", "[UNK]"],
        "modernbert": ["[UNK]", "[CLS]", "[SEP]", "[PAD]"],
        "xlm-roberta": ["<s>", "<pad>", "</s>", "<unk>"],
    }[kind]
    save_tokenizer(folder, specials, TEXTS)
    torch.manual_seed(seed)
    dims = {**SIZE, "hidden_size": width, "initializer_range": 0.2}
    if kind == "bert":
        model = BertModel(BertConfig(**dims, max_position_embeddings=positions))
    elif kind == "modernbert":
        model = ModernBertModel(
            ModernBertConfig(
                **dims, max_position_embeddings=positions, local_attention=4, pad_token_id=3, cls_token_id=1,
                sep_token_id=2, bos_token_id=1, eos_token_id=2,
            )
        )  # fmt: skip
    else:  # its positions begin behind its padding's
        model = XLMRobertaModel(XLMRobertaConfig(**dims, max_position_embeddings=positions + 2))
    model.save_pretrained(folder)
    return str(folder)


def save_tokenizer(folder: Path, specials: list[str], texts: list[str], size: int = 320) -> None:
    """Byte-level, with a token before and after a text: the classifying and the separating one of ``specials``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    pad = next(token for token in specials if "pad" in token.lower())
    before = next(token for token in specials if token in ("[CLS]", "<s>"))
    after = next(token for token in specials if token in ("[SEP]", "</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{before} $A {after}", special_tokens=[(t, tokenizer.token_to_id(t)) for t in (before, after)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, cls_token=before, sep_token=after
    ).save_pretrained(folder)
