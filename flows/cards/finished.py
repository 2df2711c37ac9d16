"""A card type for steps that show nothing before they end."""

from metaflow.plugins import CARDS
from metaflow.plugins.cards.card_modules.basic import BlankCard


class FinishedCard(BlankCard):
    """A blank card that is never refreshed.

    Metaflow starts a process to render a card when its step has ended. For a blank card it starts another one, for
    pages that were opened earlier; that would cost every step half a second.
    """

    type = "finished"
    RUNTIME_UPDATABLE = False


CARDS.append(FinishedCard)  # else only packages of extensions can add one
