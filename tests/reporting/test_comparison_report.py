"""A comparison's page: failed systems first, then the best system in one sentence."""

from moemoe.evaluation.comparison import Candidate, compare
from moemoe.evaluation.paper import PaperSystem
from moemoe.reporting.comparison_plots import comparison_plots
from moemoe.reporting.comparison_report import comparison_report
from moemoe.reporting.comparison_tables import all_tables
from moemoe.reporting.html import page
from moemoe.reporting.identity import origin
from tests.support.compared_predictions import TYPES, predictions


def test_the_best_system_and_the_failures_come_first():
    candidates = [
        Candidate(name, PaperSystem(name), predictions(right)) for name, right in (("qga", 20), ("moemoe", 40))
    ]
    failed = Candidate("mxt", PaperSystem("mxt"), failure="in training: it broke")
    comparison = compare("30pt", [*candidates, failed], TYPES, replicates=20)
    of = origin("2026-11-27", "0123456789abcdef-dirty", "f00d")
    written = comparison_report(comparison, all_tables(comparison, []), comparison_plots(comparison, []), of)
    shown = page(written)
    for fact in ("<dd>30pt</dd>", "<dd>2</dd>", "<dd>2026-11-27</dd>", "0123456789ab-dirty", "f00d"):
        assert fact in shown, fact
    assert "<title>Comparison | 30pt | qga, moemoe</title>" in shown
    assert '<p class="notice failure"><b>mxt failed</b>: in training: it broke</p>' in shown
    best = shown.index("<b>moemoe</b> has the highest recall")
    assert shown.index("mxt failed") < best < shown.index("Overview</h2>")
    assert "next is qga with 50.0" in shown
    assert '<th colspan="2" class="named">plain threshold</th>' in shown
    assert shown.count("<svg ") == 3


def test_numbers_of_the_heat_map_are_read_in_the_dark():
    """Black is the page's own text color, which is light in the dark; a number on yellow stays dark."""
    comparison = compare("30pt", [Candidate("qga", PaperSystem("qga"), predictions(40))], TYPES, replicates=20)
    [heat_map] = [plot for plot in comparison_plots(comparison, []) if plot.name == "heat-map"]
    colors = {text.get_color() for axes in heat_map.figure.axes for text in axes.texts}
    assert colors <= {"#010101", "white"}
