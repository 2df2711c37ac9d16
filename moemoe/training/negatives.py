"""Questions without an answer, for training: the target is the empty answer, which counts as an abstention.

Appendix A of the paper: a generating model answers whatever it is asked. With ``training.negatives=0.2``, a fifth of
the products of every epoch are also asked an attribute that no product of their type has; a twentieth are shown with
neither text nor picture, and all their answers are empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from moemoe.shards.dataset import Product
from moemoe.training.draw import draw

NOTHING = [""]
BLANKED = 0.25  # of the share


def with_negatives(product: Product, not_applicable: Mapping[str, Sequence[str]], share: float, key: str) -> Product:
    """``product`` as a training item; ``key`` (seed, epoch, row) draws what becomes of it, the same on every machine.

    Args:
        not_applicable: ``ShardedDataset.not_applicable``.
        share: of products that get a negative question.
    """
    if not share:
        return product
    if draw(f"{key}:blanked") < share * BLANKED:
        blank = replace(
            product, marketplace=None, product_type="", title=None, bullet_points=[], description=None, image=None
        )
        return replace(blank, values=dict.fromkeys(product.values, NOTHING))
    choices = not_applicable.get(product.product_type, ())
    if not choices or draw(f"{key}:asked") >= share:
        return product
    attribute = choices[int(draw(f"{key}:which") * len(choices))]
    return replace(product, values={**product.values, attribute: NOTHING})
