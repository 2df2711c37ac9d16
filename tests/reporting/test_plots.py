"""The plots of a report, and how a page draws them."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from moemoe.reporting.document import drawing
from moemoe.reporting.html import inline_svg
from moemoe.reporting.plots import LONGEST_LABEL, report_plots
from moemoe.schemas import IMAGE_BLANKED
from tests.support.prediction_rows import rows, table
from tests.support.small_report import measured


def plots_of(predictions):
    return {plot.name: plot for plot in report_plots(measured(predictions))}


@pytest.mark.parametrize("count", [1, 40])
def test_plots_are_drawn_for_one_product_and_for_many(count):
    predictions = table(rows(count, count), rows(count, 0, condition=IMAGE_BLANKED), rows(count, 1, "kurta"))
    plots = plots_of(predictions)
    assert set(plots) == {"precision-recall", "heat-map", "sources", "calibration"}
    assert all(plot.figure.axes for plot in plots.values())


def test_sources_are_weighed_if_there_are_more_than_two():
    def weighed(*sources):
        shares = [(name, 1 / len(sources)) for name in sources]
        return table([{**row, "source_weights": shares} for row in rows(40, 40)])

    assert "source-weights" not in plots_of(weighed("image", "text"))
    drawn = inline_svg(plots_of(weighed("image", "image.2", "text.title"))["source-weights"])
    assert all(f">{name}<" in drawn for name in ("image", "image.2", "text.title"))


def test_a_plot_in_a_page_names_no_address_and_takes_the_page_s_color():
    drawn = inline_svg(plots_of(table(rows(40, 40)))["heat-map"])
    assert drawn.startswith("<svg ")
    assert "http" not in drawn
    assert "<text" in drawn  # text, not outlines: it can be found and copied
    assert "currentColor" in drawn
    assert "#000000" not in drawn


def test_a_plot_is_drawn_once_for_page_card_and_mlflow(monkeypatch):
    plot = plots_of(table(rows(40, 40)))["calibration"]
    drawn = plot.svg
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("style") == "background: white"  # whoever shows it may have a dark page
    monkeypatch.setattr(plot.figure, "savefig", None)
    assert plot.svg is drawn
    assert "background: white" not in inline_svg(plot)


def test_a_plot_says_names_in_any_script():
    """As text, for which whoever looks at it has a font; matplotlib's own has none."""
    plot = plots_of(table(rows(40, 40, "\u30b7\u30e3\u30c4")))["heat-map"]
    assert "\u30b7\u30e3\u30c4" in plot.svg.decode()


@pytest.mark.filterwarnings("error:constrained_layout")
def test_names_that_are_too_long_for_a_plot_are_shortened():
    names = ["an attribute without an end " * 5 + end for end in ("a", "b")]
    found = table(*(rows(40, 40, "shirt " * 30, attribute=name) for name in names))
    for plot in report_plots(measured(found, ["shirt " * 30])):
        labels = [text.get_text() for axes in plot.figure.axes for text in (*axes.get_xticklabels(), *axes.texts)]
        assert all(len(label) <= LONGEST_LABEL for label in labels)
        assert plot.svg


def test_a_figure_is_laid_out_though_it_is_drawn_once():
    """As matplotlib itself does, which draws it twice; a second drawing finds the same layout."""

    def figure() -> Figure:
        made = Figure(figsize=(3, 2), layout="constrained")
        made.subplots(1, 2)[0].set(ylabel="a label\nof two lines", title="title")
        return made

    def places(drawn: Figure) -> list[tuple[float, ...]]:
        return [axes.get_position().bounds for axes in drawn.axes]

    unplaced, itself, own = figure(), figure(), figure()
    itself.savefig(io.BytesIO(), format="svg")
    first, second = drawing(own, "name"), drawing(own, "name")
    assert np.allclose(places(own), places(itself), atol=0.02)
    assert not np.allclose(places(unplaced), places(itself), atol=0.02)
    assert first == second
