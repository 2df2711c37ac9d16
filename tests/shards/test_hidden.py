import dataclasses
import json
import unicodedata
from collections import Counter

import pytest

import data_contracts
from moemoe.errors import ConfigError
from moemoe.evaluation.evaluate import majority_values
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.hidden import Hidden
from tests.support.small_shards import small_shards


@pytest.fixture(scope="module")
def contract():
    return data_contracts.load("30pt")


def test_an_attributes_words_are_cut_out_of_every_text_of_every_split(tmp_path, contract):
    uri = small_shards(tmp_path)
    whole, cut = ShardedDataset(uri, tmp_path), ShardedDataset(uri, tmp_path, Hidden.of(contract, "material"))
    for split in ("train", "validation", "test"):
        for row in whole.rows(split):
            before, after = whole[row], cut[row]
            assert any(word in before.context for word in ("Cotton", "Silk", "Wool"))
            assert not any(word in after.context for word in ("Cotton", "Silk", "Wool"))
            assert after.title == " ".join(w for w in before.title.split() if w not in ("Cotton", "Silk", "Wool"))
            assert (after.values, after.image, after.bullet_points) == (
                before.values,
                before.image,
                before.bullet_points,
            )


def test_markup_does_not_save_a_word(contract):
    hidden = Hidden.of(contract, "color")
    assert hidden.cut("Navy&nbsp;Blue <b>shirt</b> for RED") == "shirt for"
    assert hidden.cut(None) is None
    assert Hidden().cut("Red") == "Red"


def test_words_of_any_script_are_cut_out_however_they_are_written():
    hidden = Hidden(("ipek", "kirmizi", "weiss", "レッド", "빨강", "लाल"))
    assert hidden.cut("İPEK ipek i\u0307pek KIRMIZI kırmızı ışık") == "ışık"
    assert hidden.cut("WEIẞ weiß WEISS weißes") == "weißes"
    assert hidden.cut("ﾚｯﾄﾞ レッド・ブルー") == "・ブルー"
    assert hidden.cut(unicodedata.normalize("NFD", "빨강 셔츠")) == "셔츠"
    assert hidden.cut("लाल कुर्ता, गुलाल") == "कुर्ता, गुलाल"


def test_hidden_values_leave_the_training_split_alone(tmp_path, contract):
    uri = small_shards(tmp_path)
    whole = ShardedDataset(uri, tmp_path)
    cut = ShardedDataset(uri, tmp_path, Hidden.of(contract, unseen="color=Red; material=Silk, Wool"))

    def values(dataset, split, attribute):
        return {v for row in dataset.rows(split) for v in dataset[row].values.get(attribute, [])}

    assert values(whole, "train", "color") == {"Red", "Blue", "Green"}
    assert values(cut, "train", "color") == {"Blue", "Green"}
    assert values(cut, "train", "material") == {"Cotton"}
    for split in ("validation", "test"):
        assert values(cut, split, "color") == values(whole, split, "color")
    assert len(cut.rows("train")) < len(whole.rows("train"))  # products whose every label is hidden
    assert cut.labels.num_rows < whole.labels.num_rows
    for dataset in (whole, cut):  # counted from codes as from the labels in memory
        counts: dict = {}
        for label in dataset.labels.to_pylist():
            if label["split"] == "train":
                counts.setdefault((label["product_type"], label["attribute"]), Counter()).update(label["values"])
        assert dataset.cell_value_counts("train") == counts
        assert dataset.attributes == sorted(dataset.labels["attribute"].unique().to_pylist())
    assert majority_values(cut.cell_value_counts("train"))["shirt", "color"] == "Blue"


def test_it_travels_as_json(contract):
    hidden = Hidden.of(contract, "color", "material=Silk")
    assert Hidden.from_dict(json.loads(json.dumps(dataclasses.asdict(hidden)))) == hidden
    assert Hidden.from_dict({}) == Hidden()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"withhold": "colour"}, "withhold: attribute 'colour' is unknown; did you mean 'color'"),
        ({"unseen": "colour=Red"}, "unseen: attribute 'colour' is unknown"),
        ({"unseen": "color=Reddish"}, "unseen: color 'Reddish' is unknown; did you mean 'Red'"),
        ({"unseen": "colr=Red"}, "unseen: attribute 'colr' is unknown; did you mean 'color'"),
        ({"unseen": " ; "}, "unseen is ' ; '; allowed is 'attribute=value"),
        ({"unseen": "color"}, "unseen is 'color'; allowed is 'attribute=value, value; attribute=value'"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(contract, options, message):
    with pytest.raises(ConfigError, match=message):
        Hidden.of(contract, **options)


def test_an_attribute_that_is_named_twice_keeps_both_values(contract):
    first, second = list(contract.attributes["color"].values)[:2]
    hidden = Hidden.of(contract, unseen=f"color={first}; color={second}, {first}")
    assert hidden.values == {"color": (first, second)}
