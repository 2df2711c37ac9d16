import csv
import io
from dataclasses import replace

import pyarrow as pa
import pytest

from moemoe.errors import ConfigError
from moemoe.evaluation.cells import EvaluationError
from moemoe.evaluation.comparison import Candidate, compare, pooled
from moemoe.evaluation.paper import AS_LONG, MARK, TABLES, PaperSystem, systems_of, tables_of
from moemoe.reporting.comparison_plots import comparison_plots
from moemoe.reporting.comparison_report import comparison_report
from moemoe.reporting.comparison_tables import all_tables, cells_csv, tables_markdown
from moemoe.reporting.document import Text
from moemoe.schemas import PREDICTIONS
from tests.support.compared_predictions import TYPES, predictions


@pytest.fixture
def candidate():
    def make(name: str, right: int, model: str = "", settings: str = "", **kind) -> Candidate:
        return Candidate(name, PaperSystem(model or name, settings), predictions(right, **kind))

    return make


def compared(*candidates: Candidate):
    return compare("30pt", candidates, TYPES, sample_catalog=True, replicates=50)


def test_the_paper_s_tables_are_rectangular_and_belong_to_datasets():
    for paper in TABLES.values():
        width = len(paper.columns) or len(paper.systems)
        assert all(len(figures) == width for figures in paper.figures.values()), paper.name
        if paper.columns and not paper.difference:
            assert set(paper.figures) <= {system.name for system in paper.systems}, paper.name
    assert [t.name for t in tables_of("30pt")] == ["1", "3", "fig5"]
    assert [t.name for t in tables_of("sl")] == [t.name for t in tables_of("ohl")] == ["4", "5", "fig4"]
    assert [t.name for t in tables_of("cma_clip")] == ["2"]
    assert tables_of("mine") == []


def test_the_paper_s_own_averages_hold():
    """A figure copied wrongly shows: table 2 prints the average of its columns (to its rounding)."""
    columns = zip(*(f for row, f in TABLES["2"].figures.items() if row != "average"), strict=True)
    for column, average in zip(columns, TABLES["2"].figures["average"], strict=True):
        assert sum(column) / 7 == pytest.approx(average, abs=0.02)


def test_a_table_of_another_dataset_is_refused():
    with pytest.raises(
        ConfigError, match="table 4 belongs to --dataset sl or ohl, this is 30pt; tables of 30pt are 1, 3"
    ):
        tables_of("30pt", "1,4")
    with pytest.raises(ConfigError, match="unknown table '6'; the paper's tables are 1, 2, 3, 4, 5, fig4, fig5"):
        tables_of("30pt", "6")


def test_systems_are_named_once_and_qga_trains_as_long_as_both_phases_too():
    systems = systems_of("tf-idf, qga,moemoe,qga", tables_of("30pt", "fig5"))
    assert [system.name for system in systems] == [
        "tf-idf", "qga", f"qga, {AS_LONG}", "moemoe", "s-enc", "wo-qg", "wo-al",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="--models is ' , '; allowed are names of models, separated by commas"):
        systems_of(" , ", [])
    assert systems_of("qga,wo-qg", []) == [PaperSystem("qga"), PaperSystem("wo-qg")]


def test_overview_has_intervals_paired_differences_and_failures(candidate):
    failed = Candidate("mxt", PaperSystem("mxt"), failure="in training: it broke")
    comparison = compared(candidate("moemoe", 40), candidate("qga", 20), failed)
    assert comparison.differences["qga", "moemoe"].recall_at_90p.value == pytest.approx(-0.5)
    [overview, whole, paired] = all_tables(comparison, [])
    figures = [f"{figure}{t}" for figure in ("Recall@90P", "accuracy") for t in ("", ", shirt", ", kurta")]
    assert paired.headings()[1:] == figures + whole.headings()[1:]
    [[name, *cells]] = paired.cells()
    assert name == "qga minus moemoe"
    assert all(cell.startswith("-50.0 [") for cell in cells[: len(figures)])
    text = overview.markdown()
    assert "| moemoe | 100.0 [96.9, 100.0] | - |" in text  # 120 of 120, by Wilson
    assert "| qga | 50.0 [" in text
    assert "| mxt (failed) | - |" in text
    assert "**mxt failed**: in training: it broke" in text
    assert "Sample catalog" in tables_markdown(comparison, [overview])
    [moemoe, qga, _] = csv.DictReader(io.StringIO(overview.csv()))
    assert float(qga["Recall@90P"]) == pytest.approx(0.5)
    assert float(qga["Recall@90P: low"]) < 0.5 < float(qga["Recall@90P: high"])
    assert moemoe["minus moemoe"] == ""


def test_every_pair_of_systems_is_shown_and_all_product_types(candidate):
    comparison = compared(candidate("moemoe", 40), candidate("qga", 20), candidate("mxt", 30))
    [_, whole, paired, *_] = all_tables(comparison, [])
    assert [row[0] for row in paired.cells()] == ["qga minus moemoe", "mxt minus moemoe", "mxt minus qga"]
    assert paired.cells()[2][1].startswith("+25.0 [")
    assert whole.headings()[1:] == [
        "Recall@90P, every product type", "accuracy, every product type", "accuracy, all labels",
        "accuracy, implicit values",
    ]  # fmt: skip
    by_system = {row[0]: row[1:] for row in whole.cells()}
    assert [cell.split(" [")[0] for cell in by_system["qga"]] == ["50.0", "50.0", "53.8", "53.8"]  # 60 + 10 of 130
    assert "over all cells with at least 30 test products (3)" in whole.notes[0]
    assert "120 (accuracy, every product type), 130 (accuracy, all labels), 130 (acc" in whole.notes[0]
    said = comparison_report(comparison, [whole], []).blocks
    lead = next(block.text for block in said if isinstance(block, Text) and block.lead)
    assert "next is mxt with 75.0 % (difference in points: +25.0 [" in lead


def test_tables_1_and_3_have_systems_in_columns_and_the_paper_beside(candidate):
    comparison = compared(candidate("moemoe", 40), candidate("qga", 20))
    one, three = all_tables(comparison, tables_of("30pt", "1,3"))[3:]
    printed = f"{MARK} (cma-clip / ner-mqmrc / mxt / moemoe)"
    assert one.headings() == ["product type", "moemoe", "qga", printed]
    row = next(row for row in one.cells() if row[0].startswith("kurta, K = 5"))
    assert row[0] == "kurta, K = 5 (attributes: 1)"
    assert row[1].startswith("100.0 [")
    assert row[3] == "60.69 / 54.53 / 76.86 / 76.55"
    by_attribute = {row[0]: row for row in three.cells()}
    assert by_attribute["color"] == ["color", "40", "100.0", "50.0", "84.04 / 74.79 / 86.03 / 87.65"]
    assert by_attribute["average"][2:4] == ["100.0", "50.0"]
    assert by_attribute["design name"] == ["design name", "0", "-", "-", "24.97 / - / 32.69 / 35.41"]
    assert "theme" not in by_attribute  # ten products
    assert "kurta,theme,10,1.0,1.0,0.5" in cells_csv(comparison)


def test_cells_tell_how_much_the_image_weighs_in_test_answers_as_they_are():
    weight = {"shirt": 0.25, "kurta": 0.75}
    shown = [dict(row, image_weight=weight[row["product_type"]]) for row in predictions(40).to_pylist()]
    blanked = [dict(row, condition="image blanked", image_weight=0.0) for row in shown]
    own = pa.Table.from_pylist(shown + blanked, PREDICTIONS)
    found = csv.DictReader(io.StringIO(cells_csv(compared(Candidate("moemoe", PaperSystem("moemoe"), own)))))
    assert {(row["product_type"], row["moemoe: image"]) for row in found} == {("shirt", "0.25"), ("kurta", "0.75")}


def test_the_overview_shows_what_each_system_makes_of_the_title_alone():
    told = [dict(row, condition="title only") for row in predictions(10).to_pylist()]
    both = (pa.concat_tables([predictions(40), pa.Table.from_pylist(told, PREDICTIONS)]), predictions(40))
    overview = all_tables(
        compared(*(Candidate(n, PaperSystem(n), own) for n, own in zip("ab", both, strict=True))), []
    )[0]
    place = overview.headings().index("title only")
    assert [row[place] for row in overview.cells()][:2] == ["25.0", "-"]


def names_of(plots):
    return {plot.name for plot in plots}


def test_ablations_name_what_was_not_run(candidate):
    comparison = compared(candidate("moemoe", 40), candidate("wo-qg", 20))
    [*_, figure5] = all_tables(comparison, tables_of("30pt", "fig5"))
    by_system = {row[0]: row[1:] for row in figure5.cells()}
    assert by_system["wo-qg"][2] == "58.1 / 68.1"
    assert by_system["wo-al (not run)"] == ["-", "-", "59.4 / 68.8"]
    assert names_of(comparison_plots(comparison, tables_of("30pt"))) == {
        "systems", "precision-recall", "heat-map", "ablation-fig5",
    }  # fmt: skip


def test_the_legend_of_runs_with_long_names_stays_on_the_figure(candidate):
    names = [f"{model}-as long as both phases-tiny-20261126-12001{i}" for i, model in enumerate(["moemoe", "qga"] * 3)]
    result = compared(*(candidate(name, right=30, model="qga") for name in names))
    [figure] = [plot.figure for plot in comparison_plots(result, []) if plot.name == "precision-recall"]
    figure.canvas.draw()
    box, [legend] = figure.bbox, figure.legends
    extent = legend.get_window_extent()
    assert box.x0 <= extent.x0
    assert extent.x1 <= box.x1


def test_figure_4_is_the_difference_and_table_5_tells_weights_apart(tmp_path, candidate):
    weighted = candidate("weighted", 30, "moemoe", "load_balancing_weight=0.5")
    plain, text = candidate("moemoe", 40), candidate("flan-t5", 20)
    comparison = compare("sl", [plain, weighted, text], TYPES, replicates=10)
    found = {
        table.name: {row[0]: row[1:] for row in table.cells()} for table in all_tables(comparison, tables_of("sl"))
    }
    assert found["table-5"]["weighted"][0].startswith("75.0 [")
    assert found["table-5"]["weighted"][1] == "62.95"
    assert found["table-5"]["moemoe"][0].startswith("100.0")
    assert found["fig4"]["moemoe minus flan-t5"] == ["50.0", "50.0", "2.4 / 3.8"]


def test_results_of_different_datasets_or_splits_are_refused(candidate):
    for kind, reason in (({"products": 39}, "different test rows"), ({"gold": "Green"}, "gold values differ")):
        with pytest.raises(
            EvaluationError, match=r"moemoe \(first\) and other \(second\) cannot be compared: .*" + reason
        ):
            compared(candidate("moemoe", 39), candidate("other", 39, **kind))


def test_nothing_to_compare_is_said():
    with pytest.raises(EvaluationError, match=r"no system gave a result, .*mxt: in training: it broke"):
        compared(Candidate("mxt", PaperSystem("mxt"), failure="in training: it broke"))


def test_too_few_products_for_a_mean_still_make_tables():
    few = pa.concat_tables([predictions(5, products=5).filter(pa.array([True] * 15 + [False] * 10))])
    assert few.schema == PREDICTIONS
    comparison = compared(Candidate("moemoe", PaperSystem("moemoe"), few), Candidate("qga", PaperSystem("qga"), few))
    tables = all_tables(comparison, tables_of("30pt"))
    assert "| moemoe | - |" in tables[0].markdown()
    comparison_plots(comparison, tables_of("30pt"))


def test_runs_of_a_contract_that_reports_on_no_type_are_compared_without_figures_by_type(candidate):
    candidates = [candidate("moemoe", 30), candidate("qga", 20)]
    comparison = compare("mine", candidates, [], replicates=20)
    assert names_of(comparison_plots(comparison, [])) == {"systems"}
    assert "| moemoe | - |" in all_tables(comparison, [])[0].markdown()


def test_the_folds_of_a_system_are_measured_together(candidate, tmp_path):
    first = replace(candidate("one", 30), minutes=1.0, baselines={"baseline/majority/accuracy": 0.4})
    folds = [replace(first, predictions=first.predictions.slice(*part)) for part in ((0, 65), (65,))]
    together = pooled(folds, str(tmp_path / "together"))
    assert together.predictions.read() == first.predictions
    assert len(together.predictions) == 2
    assert (together.minutes, together.baselines, together.folds) == (2.0, first.baselines, 2)
    assert pooled([first], str(tmp_path)) is first
    assert "2-fold cross-validation by group" in all_tables(compared(together), [])[0].markdown()
    assert "cross-validation" not in all_tables(compared(first), [])[0].markdown()


def test_a_system_with_a_fold_that_failed_has_failed(candidate):
    failed = Candidate("one", PaperSystem("one"), failure="in training (fold 2 of 2): out of memory")
    assert pooled([candidate("one", 30), failed], "nowhere") is failed
