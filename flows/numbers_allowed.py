"""Which numbers a flow's parameters may have."""

from collections.abc import Mapping

from moemoe.errors import ConfigError

MOST = 2**31 - 1


def check_numbers(given: Mapping[str, int]) -> None:
    """Checks parameters that count something, or seed, by their names on the command line.

    Raises:
        ConfigError: one is below 0, or more than 32 bits hold.
    """
    for name, number in given.items():
        if not 0 <= number <= MOST:
            raise ConfigError(f"--{name} is {number}; allowed is 0 to {MOST}")
