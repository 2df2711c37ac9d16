"""Batches without padding, of random tokens and pixels: what one knows how many operations take."""

from dataclasses import replace

import torch

from moemoe.batches.batch import Batch, Source
from moemoe.model.config import ModelConfig

QUESTION_TOKENS, ANSWER_TOKENS = 4, 4  # the decoder reads 8 tokens: question, start, all of the answer but its last


def make_batch(model: ModelConfig, products: int, attributes: int) -> Batch:
    """Full contexts, an image each, every product asked the same questions."""
    generator = torch.Generator().manual_seed(0)

    def ids(*shape: int) -> torch.Tensor:
        return torch.randint(2, model.text.vocab_size, shape, generator=generator)

    examples = products * attributes
    product_N = torch.arange(products).repeat_interleave(attributes)
    in_context = model.question_in == "context"
    texts = ids(examples if in_context else products, model.context_length)
    size = model.image.size
    pixels = torch.randint(0, 255, (products, 3, size, size), dtype=torch.uint8, generator=generator)
    rows = torch.arange(len(texts))
    prefix = 0 if in_context else QUESTION_TOKENS
    decoder_ids = torch.cat([ids(examples, prefix), torch.zeros(examples, 1, dtype=torch.long)], dim=1)
    return Batch(
        sources=[
            Source(pixels, torch.ones(products, dtype=torch.bool), product_N if in_context else rows),
            Source(texts, torch.ones_like(texts, dtype=torch.bool), rows),
        ],
        question_ids=ids(attributes, QUESTION_TOKENS),
        question_mask=torch.ones(attributes, QUESTION_TOKENS, dtype=torch.bool),
        product_of=rows if in_context else product_N,
        question_of=torch.arange(attributes).repeat(products),
        decoder_ids=decoder_ids,
        decoder_mask=torch.ones_like(decoder_ids, dtype=torch.bool),
    )


def with_answers(batch: Batch) -> Batch:
    """The batch for training: answers behind the start token."""
    N, T = batch.decoder_ids.shape
    answers = torch.randint(2, 1000, (N, ANSWER_TOKENS), generator=torch.Generator().manual_seed(1)).to(
        batch.decoder_ids.device
    )
    ids = torch.cat([batch.decoder_ids, answers[:, :-1]], dim=1)
    labels = torch.cat([torch.full_like(batch.decoder_ids[:, 1:], -100), answers], dim=1)
    return replace(batch, decoder_ids=ids, decoder_mask=torch.ones_like(ids, dtype=torch.bool), labels=labels)
