"""Questions without an answer, for training: the target is the empty answer, which counts as an abstention.

Appendix A of the paper: a generating model answers whatever it is asked. With ``training.negatives=0.2``, a fifth of
the products of every epoch are also asked an attribute that no product of their type has; a twentieth are shown with
neither text nor image, and all their answers are empty.
"""

from collections.abc import Sequence

from moemoe.training.draw import draw

NO_VALUE = [""]
BLANKED = 0.25  # of the share


def with_negatives(
    values: dict[str, list[str]], not_applicable: Sequence[str], share: float, key: str
) -> tuple[dict[str, list[str]], bool]:
    """The questions of a product as a training item; ``key`` (seed, epoch, row) draws them, the same on every machine.

    Args:
        values: attribute -> gold values of the product.
        not_applicable: attributes that no product of its type has.
        share: of products that get a negative question.

    Returns:
        Attribute -> gold values, and whether the product is blanked: shown with neither text nor image.
    """
    if not share:
        return values, False
    if draw(f"{key}:blanked") < share * BLANKED:
        return dict.fromkeys(values, NO_VALUE), True
    if not not_applicable or draw(f"{key}:asked") >= share:
        return values, False
    attribute = not_applicable[int(draw(f"{key}:which") * len(not_applicable))]
    return {**values, attribute: NO_VALUE}, False
