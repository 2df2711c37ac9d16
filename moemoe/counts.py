"""Numbers of things as people read them: one has no plural."""


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its word, ``1 product`` or ``2,000 products``; ``plural`` is the word with an s by default."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"
