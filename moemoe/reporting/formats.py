"""How values are written, everywhere: pages, cards, text, model card."""

import math

from moemoe.reporting.document import Badge, Bar, Cell, Code, Difference, Estimate, Image, Link, Marked

DASH = "-"


def shown(cell: Cell) -> str:
    """A table's entry as text."""
    match cell:
        case None:
            return DASH
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return DASH if math.isnan(cell) else f"{cell:.3f}"
        case Estimate():
            return estimate(cell.value, cell.low, cell.high)
        case Bar():
            return shown(cell.estimate)
        case Difference():
            return difference(cell)
        case Badge() | Marked() | Code() | Link():
            return cell.text
        case Image():
            return cell.label
    return str(cell)


def percent(share: float | None) -> str:
    """A share in per cent with one decimal and without its sign: ``89.3``."""
    return DASH if share is None or math.isnan(share) else f"{100 * share:.1f}"


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share in per cent with its interval: ``89.3 [88.0, 90.5]``, or ``89.3`` if it has none."""
    if value is None or math.isnan(value) or low is None or high is None or math.isnan(low):
        return percent(value)
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def difference(found: Difference) -> str:
    """A difference in percentage points: ``+1.2 [-0.3, +2.7] (covers 0)``."""
    if math.isnan(found.value):
        return DASH
    text = f"{100 * found.value:+.1f}"
    if math.isnan(found.low):
        return text
    open_ = "" if found.low > 0 or found.high < 0 else " (covers 0)"
    return f"{text} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]{open_}"


def sort_key(cell: Cell) -> float | str:
    """The key by which a page sorts a column."""
    match cell:
        case None:
            return ""
        case bool() | int() | float():
            return "" if math.isnan(cell) else float(cell)
        case Estimate() | Difference():
            return "" if math.isnan(cell.value) else cell.value
        case Bar():
            return sort_key(cell.estimate)
        case Badge():
            return cell.text if cell.number is None else cell.number
    return shown(cell)


def is_number(cell: Cell) -> bool:
    """Whether a column of such entries is right-aligned."""
    return isinstance(cell, int | float | Estimate | Difference) or (
        isinstance(cell, Badge) and cell.number is not None
    )


def plain(text: str) -> str:
    """Running text without its marks for bold and code."""
    return text.replace("**", "").replace("`", "")
