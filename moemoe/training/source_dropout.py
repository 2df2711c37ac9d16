"""Source dropout: training hides the text of some products, the picture of others, all but the title of others.

Where the text tells nearly everything, the gradient never reaches the picture; a product without text leaves it no
other way (modality dropout, Neverova et al. 2016). And most sellers give a title alone.
"""

from moemoe.recipes.settings import SourceDropout
from moemoe.training.draw import draw


def hidden_source(dropout: SourceDropout, key: str, has_image: bool) -> str | None:
    """``text``, ``image``, ``description`` or None: what of a product is hidden, drawn by ``key`` (seed, epoch, row).

    A product without a picture keeps its text.
    """
    drawn = draw(f"{key}:source")
    for name, share in (("text", dropout.text), ("image", dropout.image), ("description", dropout.description)):
        if drawn < share:
            return name if has_image or name == "description" else None
        drawn -= share
    return None
