"""The plots of a report, and how a page draws them."""

import pytest

from moemoe.reporting.html import svg
from moemoe.reporting.plots import report_figures
from moemoe.schemas import IMAGE_BLANKED
from tests.support.prediction_rows import rows, table
from tests.support.small_report import measured


@pytest.mark.parametrize("count", [1, 40])
def test_plots_are_drawn_for_one_product_and_for_many(count):
    predictions = table(rows(count, count), rows(count, 0, condition=IMAGE_BLANKED), rows(count, 1, "kurta"))
    plots = report_figures(measured(predictions))
    assert set(plots) == {"precision-recall", "heat-map", "sources", "calibration"}
    assert all(figure.axes for figure in plots.values())


def test_sources_are_weighed_if_there_are_more_than_two():
    def weighed(*sources):
        shares = [(name, 1 / len(sources)) for name in sources]
        return table([{**row, "source_weights": shares} for row in rows(40, 40)])

    assert "source-weights" not in report_figures(measured(weighed("image", "text")))
    drawn = svg("source-weights", report_figures(measured(weighed("image", "image.2", "text.title")))["source-weights"])
    assert all(f">{name}<" in drawn for name in ("image", "image.2", "text.title"))


def test_a_plot_in_a_page_names_no_address_and_takes_the_page_s_color():
    drawn = svg("heat-map", report_figures(measured(table(rows(40, 40))))["heat-map"])
    assert drawn.startswith("<svg ")
    assert "http" not in drawn
    assert "<text" in drawn  # text, not outlines: it can be found and copied
    assert "currentColor" in drawn
    assert "#000000" not in drawn
