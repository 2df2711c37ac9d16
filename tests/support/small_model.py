"""A model small enough to compare paths with, and batches for it."""

import torch

from moemoe.batches.batch import Batch, Source
from moemoe.model.config import ModelConfig, TextConfig
from moemoe.vision.config import ImageConfig

TINY_RESNET = {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}
TINY_SWIN = {"window_size": 2, "patch_size": 4, "embed_dim": 16, "depths": (1, 1), "num_heads": (1, 2)}


def tiny_config(**changes) -> ModelConfig:
    text = TextConfig(
        d_model=32, d_kv=8, d_ff=48, num_heads=4, context_layers=2, question_layers=1, decoder_layers=4, vocab_size=60
    )
    image = ImageConfig(size=32, options=TINY_SWIN)
    return ModelConfig(**{"text": text, "image": image, "context_length": 12, "answer_length": 5, **changes})


def random_batch(seed: int = 0, products: int = 3, questions: int = 2, with_labels: bool = True) -> Batch:
    """Contexts of different lengths, one product without image, questions of different lengths."""
    generator = torch.Generator().manual_seed(seed)

    def ids(*shape):
        return torch.randint(2, 60, shape, generator=generator)

    examples = products * questions
    context_mask = torch.arange(12)[None] < torch.tensor([12 - 3 * (i % 3) for i in range(products)])[:, None]
    question_mask = torch.arange(4)[None] < torch.tensor([4 - i % 2 for i in range(questions)])[:, None]
    decoder_mask = torch.ones(examples, 6, dtype=torch.bool)
    decoder_mask[1::2, 0] = False  # a shorter question, padded on the left
    labels = ids(examples, 6)
    labels[:, :3] = -100
    return Batch(
        sources=[
            Source(
                torch.randint(0, 255, (products, 3, 32, 32), dtype=torch.uint8, generator=generator),
                torch.tensor([i % 3 != 1 for i in range(products)]),
                torch.arange(products),
            ),
            Source(ids(products, 12) * context_mask, context_mask, torch.arange(products)),
        ],
        question_ids=ids(questions, 4) * question_mask,
        question_mask=question_mask,
        product_of=torch.arange(products).repeat_interleave(questions),
        question_of=torch.arange(questions).repeat(products),
        decoder_ids=ids(examples, 6) * decoder_mask,
        decoder_mask=decoder_mask,
        labels=labels if with_labels else None,
    )
