"""A comparison's page: who is best in one sentence, who failed before anything else."""

from moemoe.evaluation.comparison import Candidate, compare
from moemoe.evaluation.paper import PaperSystem
from moemoe.reporting.comparison_plots import comparison_figures
from moemoe.reporting.comparison_report import comparison_report
from moemoe.reporting.comparison_tables import all_tables
from moemoe.reporting.html import page
from tests.support.compared_predictions import TYPES, predictions


def test_the_best_system_and_the_failures_come_first():
    candidates = [
        Candidate(name, PaperSystem(name), predictions(right)) for name, right in (("qga", 20), ("moemoe", 40))
    ]
    failed = Candidate("mxt", PaperSystem("mxt"), failure="in training: it broke")
    comparison = compare("30pt", [*candidates, failed], TYPES, replicates=20)
    shown = page(comparison_report(comparison, all_tables(comparison, []), comparison_figures(comparison, [])))
    assert "<title>Comparison | 30pt | qga, moemoe</title>" in shown
    assert '<p class="notice failure"><b>mxt failed</b>: in training: it broke</p>' in shown
    best = shown.index("<b>moemoe</b> recalls most")
    assert shown.index("mxt failed") < best < shown.index("Overview</h2>")
    assert "next is qga with 50.0" in shown
    assert '<th colspan="2" class="named">plain threshold</th>' in shown
    assert shown.count("<svg ") == 3
