"""Source dropout, and the second view: training hides sources, so that the model learns from each one alone.

If the text states nearly everything, the image gets hardly any gradient; without the text the model has to use it
(modality dropout, Neverova et al. 2016). Besides, most sellers give only a title. Hiding the text loses the full
product, so ``training.second_view`` shows each product twice in a step instead: in full, and in a short view, which is
cheap because its text is short.
"""

from moemoe.recipes.settings import SourceDropout, Training
from moemoe.training.draw import draw


def hidden_in(training: Training, key: str, has_image: bool, second: bool) -> str | None:
    """What of a product is hidden, as ``hidden_source`` names it; in its ``second`` view always something.

    Args:
        training: the shares.
        key: seed, epoch, row.
        has_image: whether the system sees one of the product; else its text is never hidden as a whole.
        second: which of its two views in a step.
    """
    if not second:
        return hidden_source(training.source_dropout, key, has_image)
    assert training.second_view is not None
    return "text" if has_image and draw(f"{key}:second view") < training.second_view else "description"


def hidden_source(dropout: SourceDropout, key: str, has_image: bool) -> str | None:
    """``text``, ``image``, ``description`` or None: what of a product is hidden, drawn by ``key`` (seed, epoch, row).

    A product without an image keeps its text.
    """
    drawn = draw(f"{key}:source")
    for name, share in (("text", dropout.text), ("image", dropout.image), ("description", dropout.description)):
        if drawn < share:
            return name if has_image or name == "description" else None
        drawn -= share
    return None
