"""What changed since the champion, in the report and on the card."""

from moemoe.registry.gate import GATE, REPORT, GateDecision, HalfResult
from moemoe.reporting.document import GOOD, WARNING, Document
from moemoe.reporting.registration import champion_section, registration_document
from tests.support.document_text import document_text

HALF = HalfResult(champion=0.80, challenger=0.83, low=0.01, high=0.05, cells=12, products=200)
CELLS = (
    {"product_type": "shirt", "attribute": "color", "products": 90, "champion": 0.8, "challenger": 0.9},
    {"product_type": "kurta", "attribute": "color", "products": 80, "champion": 0.8, "challenger": 0.6},
)
PROMOTED = GateDecision(True, ("it is better",), "3", {GATE: HALF, REPORT: HALF}, CELLS)


def test_both_models_stand_beside_each_other_and_the_worst_cell_comes_first():
    section = champion_section(PROMOTED)
    assert section.title == "Since the champion"
    text = document_text(Document("t", [section]))
    assert "> **Promoted to champion**\n\n- it is better" in text
    assert "| gate | 80.0 | 83.0 | +3.0 [+1.0, +5.0] | 12 | 200 |" in text
    assert text.index("| kurta | color | 80 | 80.0 | 60.0 | -20.0 |") < text.index("| shirt | color | 90 |")


def test_without_a_champion_there_is_the_decision_alone():
    section = champion_section(GateDecision(False, ("it could not be measured",)))
    assert section.title == "The gate's decision"
    assert section.blocks[0].kind == WARNING
    assert len(section.blocks) == 2


def test_the_card_names_version_aliases_and_the_champion_before():
    document = registration_document("models:/m/4", ("challenger", "champion"), PROMOTED, is_sample=True)
    text = document_text(document)
    assert "Sample catalog" in text
    for words in ("- model: models:/m/4", "- aliases: challenger, champion", "- previous champion: 3"):
        assert words in text
    assert [block.kind for block in document.blocks if hasattr(block, "kind")] == [WARNING, GOOD]
