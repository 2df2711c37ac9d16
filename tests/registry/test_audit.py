import re

import pyarrow as pa
import pytest

from moemoe.cli import main
from moemoe.errors import ConfigError
from moemoe.evaluation.field_precision import field_precision
from moemoe.registry import audit
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


def test_verdicts_on_two_versions_change_no_threshold():
    rows = [
        {"product_id": str(i), "product_type": "shirt", "attribute": "color", "prediction": "Red", "confidence": 0.9,
         "decision": "filled", "model_version": f"m/{1 + i % 2}", "filled": 40, "place": i, "verdict": "wrong"}
        for i in range(20)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, AUDIT)
    with pytest.raises(ConfigError, match="the audit judges m/1, m/2; --apply takes verdicts on one version"):
        audit.apply("sqlite:///unused", table, field_precision(table))


def test_verdicts_of_a_file_of_their_own_go_before_the_table_s(label_audit, tmp_path, capsys):
    verdicts = tmp_path / "verdicts.csv"
    verdicts.write_text("product_id;attribute;prediction;verdict\np0;color;Red;wrong\n", encoding="cp1252")
    assert main(["audit", label_audit, "--verdicts", str(verdicts)]) == 0
    assert re.search(r"^shirt +color +400 +20 +70\.0 ", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(SystemExit, match="no such file"):
        main(["audit", label_audit, "--verdicts", str(tmp_path / "nothing.csv")])
