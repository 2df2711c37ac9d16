"""The plots of a report, and how a page draws them."""

import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from moemoe.reporting.document import drawing
from moemoe.reporting.html import svg
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
    drawn = svg("source-weights", plots_of(weighed("image", "image.2", "text.title"))["source-weights"].figure)
    assert all(f">{name}<" in drawn for name in ("image", "image.2", "text.title"))


def test_a_plot_in_a_page_names_no_address_and_takes_the_page_s_color():
    drawn = svg("heat-map", plots_of(table(rows(40, 40)))["heat-map"].figure)
    assert drawn.startswith("<svg ")
    assert "http" not in drawn
    assert "<text" in drawn  # text, not outlines: it can be found and copied
    assert "currentColor" in drawn
    assert "#000000" not in drawn


def test_a_plot_is_drawn_once_as_png_for_mlflow_and_card(monkeypatch):
    plot = plots_of(table(rows(40, 40)))["calibration"]
    drawn = plot.png
    assert drawn.startswith(b"\x89PNG")
    monkeypatch.setattr(plot.figure, "savefig", None)
    assert plot.png is drawn


@pytest.mark.filterwarnings("error:constrained_layout")
def test_names_that_are_too_long_for_a_plot_are_shortened():
    names = ["an attribute without an end " * 5 + end for end in ("a", "b")]
    found = table(*(rows(40, 40, "shirt " * 30, attribute=name) for name in names))
    for plot in report_plots(measured(found, ["shirt " * 30])):
        labels = [text.get_text() for axes in plot.figure.axes for text in (*axes.get_xticklabels(), *axes.texts)]
        assert all(len(label) <= LONGEST_LABEL for label in labels)
        assert plot.png


def test_a_figure_is_laid_out_though_it_is_drawn_once():
    """As matplotlib itself does, which draws it twice; a second drawing finds the same layout."""

    def figure() -> Figure:
        made = Figure(figsize=(3, 2), layout="constrained")
        made.subplots(1, 2)[0].set(ylabel="a label\nof two lines", title="title")
        return made

    itself, own = io.BytesIO(), figure()
    figure().savefig(itself, format="png")
    first, second = drawing(own, "png"), drawing(own, "png")
    assert Image.open(io.BytesIO(first)).tobytes() == Image.open(itself).tobytes()
    assert first == second
