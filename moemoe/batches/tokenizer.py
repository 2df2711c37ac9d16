"""Trains a tokenizer on the catalog: byte-level BPE, so that no token is unknown and decoding restores every text.

Appendix A: a pretrained tokenizer splits "kanchipuram" into five tokens; one trained on the catalog does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from moemoe.errors import ConfigError

PAD, END = "<pad>", "</s>"
ENCODER_TOKENIZER = "encoder_tokenizer"
"""The folder, beside a tokenizer's files, with the tokenizer of a ``text.encoder``."""
#: GPT-2's pre-tokenization, across which byte pairs are never merged, except that a mark belongs to its letter: the
#: vowel signs of Hindi and Tamil are marks.
_CUT = r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Trains a tokenizer of at most ``vocab_size`` tokens; id 0 is padding (and T5's start token), id 1 the end.

    The same texts in the same order give the same tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    one_blank = [normalizers.Prepend(" "), normalizers.Replace(Regex("^ {2}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(one_blank)  # a blank before the first word, as before every other word
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_CUT), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END)


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """A tokenizer from a folder or by hub name. Raises ConfigError if it cannot be loaded."""
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)  # unset, it would prompt
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"tokenizer {str(folder)!r} cannot be loaded ({reason})") from error


@dataclass(frozen=True)
class TokenizerStatistics:
    """How a tokenizer splits texts.

    Args:
        pieces_per_word: tokens per word, words being separated by blanks.
        unknown_share: the share of unknown tokens.
        cut_share: the share of texts that are truncated, as they have more tokens than the model reads.
    """

    pieces_per_word: float
    unknown_share: float
    cut_share: float


def tokenizer_statistics(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], context_length: int
) -> TokenizerStatistics:
    """Computes the statistics of ``texts``, for a model that reads ``context_length`` tokens of each."""
    number = words = pieces = unknown = cut = 0
    room = context_length - tokenizer.num_special_tokens_to_add()
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        number += 1
        words += len(text.split())
        pieces += len(ids)
        unknown += ids.count(tokenizer.unk_token_id) if tokenizer.unk_token_id is not None else 0
        cut += len(ids) > room
    return TokenizerStatistics(pieces / max(words, 1), unknown / max(pieces, 1), cut / max(number, 1))
