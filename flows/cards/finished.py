"""A type of card for steps that show nothing before they end."""

from metaflow.plugins import CARDS
from metaflow.plugins.cards.card_modules.basic import BlankCard


class FinishedCard(BlankCard):
    """A blank card that is never refreshed.

    Metaflow starts a process to render a card when its step has ended, and for a blank card another one that writes
    what a page opened earlier would show anew: half a second of every step, for nobody.
    """

    type = "finished"
    RUNTIME_UPDATABLE = False


CARDS.append(FinishedCard)  # else only packages of extensions can add one
