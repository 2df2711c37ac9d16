import math

import pyarrow as pa
import pytest

from moemoe.errors import ConfigError
from moemoe.inference.thresholds import GUARDED, PLAIN, Thresholds, accepted_text
from moemoe.schemas import EVALUATION

FIGURES = {field.name: 0.5 for field in EVALUATION if pa.types.is_floating(field.type)}
ROW = FIGURES | {"product_type": "shirt", "support": 40}


def accepted(plain: int, guarded: int) -> dict[str, int]:
    return {"validation_accepted": plain, "validation_accepted_guarded": guarded}


def thresholds() -> Thresholds:
    rows = [
        {**ROW, "attribute": "color", "threshold": 0.6, "threshold_guarded": 0.9, **accepted(80, 60)},
        {**ROW, "attribute": "material", "threshold": 0.6, "threshold_guarded": math.nan, **accepted(12, 0)},
    ]
    return Thresholds.of(pa.Table.from_pylist(rows, EVALUATION))


def test_they_come_from_an_evaluation_and_through_a_folder(tmp_path):
    thresholds().save(tmp_path)
    read = Thresholds.load(tmp_path)
    assert read == thresholds()
    assert read.attributes() == {"shirt": ["color", "material"]}
    assert read.threshold("shirt", "color") == 0.6
    assert read.threshold("shirt", "material", GUARDED) is None
    assert read.threshold("kurta", "color") is None
    with pytest.raises(ConfigError, match="allowed are plain, guarded"):
        read.threshold("shirt", "color", "high")


def test_what_a_threshold_rests_on_goes_with_it_until_a_person_raises_it(tmp_path):
    thresholds().save(tmp_path)
    read = Thresholds.load(tmp_path)
    assert read.validation_accepted == {
        ("shirt", "color"): {PLAIN: 80, GUARDED: 60},
        ("shirt", "material"): {PLAIN: 12},
    }
    assert accepted_text(read.validation_accepted["shirt", "material"][PLAIN]) == "12 (few)"
    assert [accepted_text(n) for n in (29, 30, None)] == ["29 (few)", "30", "unknown"]
    changed = read.changed({("shirt", "color"): 0.7})
    assert changed.validation_accepted == {("shirt", "color"): {GUARDED: 60}, ("shirt", "material"): {PLAIN: 12}}
    assert read.validation_accepted["shirt", "color"] == {PLAIN: 80, GUARDED: 60}
    (tmp_path / "thresholds.json").write_text('{"shirt": {"color": {"plain": 0.6, "guarded": null}}}')  # of before
    assert Thresholds.load(tmp_path).validation_accepted == {}


def test_a_change_only_ever_makes_them_stricter():
    changed = thresholds().changed({("shirt", "color"): 0.7, ("shirt", "material"): 0.7})
    assert changed.cells["shirt"]["color"] == {PLAIN: 0.7, GUARDED: 0.9}
    assert changed.cells["shirt"]["material"] == {PLAIN: 0.7, GUARDED: None}
    off = thresholds().changed({("shirt", "color"): None})
    assert off.cells["shirt"]["color"] == {PLAIN: None, GUARDED: None}
    assert off.cells["shirt"]["material"][PLAIN] == 0.6
    with pytest.raises(ConfigError, match="does not answer shirt/style; known are color, material"):
        thresholds().changed({("shirt", "style"): None})
    with pytest.raises(ConfigError, match="does not answer hat/color; known are shirt"):
        thresholds().changed({("hat", "color"): None})
    for less in (0.1, 0.6):
        with pytest.raises(
            ConfigError, match=r"shirt/color has thresholds as high as .* already \(plain 0\.6000, guarded"
        ):
            thresholds().changed({("shirt", "color"): less})


def test_a_cell_is_found_by_what_a_person_writes():
    cells = {"tops/tees": {"color": {PLAIN: 0.5}, "a/b": {PLAIN: 0.5}}, "tops": {"tees/color": {PLAIN: 0.5}, "fit": {}}}
    found = Thresholds(cells)
    assert found.cell("tops/tees/a/b") == ("tops/tees", "a/b")
    assert found.cell("tops/fit") == ("tops", "fit")
    with pytest.raises(ConfigError, match="may mean tops%2Ftees/color or tops/tees%2Fcolor; write it as one of them"):
        found.cell("tops/tees/color")
    assert found.cell("tops%2Ftees/color") == ("tops/tees", "color")
    with pytest.raises(ConfigError, match=r"does not answer tops/fitt; did you mean 'tops/fit'\?"):
        found.cell("tops/fitt")
