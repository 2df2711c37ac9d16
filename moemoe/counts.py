"""Writes counts with their noun in singular or plural."""


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun, ``1 product`` or ``2,000 products``; ``plural`` is ``singular`` with an s by default."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"
