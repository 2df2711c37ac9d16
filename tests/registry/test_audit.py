import re

import pyarrow as pa
import pytest

from moemoe.cli import main
from moemoe.schemas import AUDIT
from moemoe.storage import write_table


@pytest.fixture
def label_audit(tmp_path):
    rows = [
        {"product_id": f"p{i}", "product_type": "shirt", "attribute": "color", "prediction": "Red", "confidence": 0.95,
         "decision": "contradicts", "raw_label": "rouge", "model_version": "m/1", "filled": 400, "place": i,
         "verdict": "right" if i < 15 else "wrong"}
        for i in range(20)
    ]  # fmt: skip
    uri = str(tmp_path / "labels-abc.parquet")
    write_table(pa.Table.from_pylist(rows, AUDIT), uri)
    return uri


def test_verdicts_on_contradicted_labels_say_how_many_are_wrong(label_audit, capsys):
    assert main(["audit", label_audit]) == 0
    said = capsys.readouterr().out
    assert "of 400 contradicted labels about 300 are wrong in the catalog (95 % interval" in said
    assert re.search(r"^shirt +color +400 +20 +75\.0 \[53\.1, 88\.8\]$", said, re.MULTILINE)
    assert "raise" not in said
    assert "switch off" not in said


def test_they_change_no_threshold(label_audit):
    with pytest.raises(SystemExit, match="judges labels that the model contradicted"):
        main(["audit", label_audit, "--apply"])
