"""The registered model, used by a client in its own process through pyfunc."""

import base64
import dataclasses
import json
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

import data_contracts
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.catalog_rows import IMAGE_FOLDER
from moemoe.inference.predictor import Predictor
from moemoe.inference.thresholds import Thresholds
from moemoe.model.outputs import Answer
from tests.support.image_server import body, image_server
from tests.support.served import SHIRT, ask, jpeg
from tests.support.small_registry import tiny_model
from tests.support.warm_python import warm_python


def test_one_row_per_product_and_attribute(model):
    answers = ask(
        model, {**SHIRT, "image": jpeg()}, {"product_id": "b", "product_type": "kurta", "title": "silk kurta"}
    )
    assert answers[["product_id", "product_type", "attribute"]].values.tolist() == [
        ["a", "shirt", "color"], ["a", "shirt", "material"], ["b", "kurta", "color"],
    ]  # fmt: skip
    assert answers["confidence"].between(0, 1).all()
    assert answers["image_weight"].tolist()[2] == 0  # no image
    assert (answers["image_weight"] + answers["text_weight"]).tolist() == pytest.approx([1, 1, 1])
    assert not answers["accepted"].any()  # an untrained model says nothing that is a value of the contract


def test_an_image_is_the_same_in_every_form(model, tmp_path, monkeypatch):
    monkeypatch.setenv(IMAGE_FOLDER, str(tmp_path))
    (tmp_path / "red.jpg").write_bytes(jpeg())
    text = base64.b64encode(jpeg()).decode()
    forms = [jpeg(), text, f"data:image/jpeg;base64,{text}", "red.jpg", {"bytes": jpeg(), "path": None}]
    answers = [ask(model, {**SHIRT, "image": form}).to_dict("records") for form in forms]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0]["image_weight"] > 0


class TestSeveralImages:
    SOURCES = ("image", "image.2", "text.title", "text.description")

    @pytest.fixture(scope="class")
    def of_four(self, tmp_path_factory):
        from moemoe.registry.served_model import ServedModel

        cells = {name: {"plain": 0.5, "guarded": 0.9} for name in ("color", "material")}
        predictor = Predictor.load(tiny_model(tmp_path_factory.mktemp("model"), sources=self.SOURCES))
        served = ServedModel()
        served.model = AttributeModel(predictor, data_contracts.load("30pt"), Thresholds({"shirt": cells}))
        return served

    def ask(self, model, **row):
        answers = model.predict(None, pd.DataFrame([{**SHIRT, **row}]), {}).to_dict("records")
        assert all(list(answer["source_weights"]) == list(self.SOURCES) for answer in answers)
        assert all(sum(answer["source_weights"].values()) == pytest.approx(1) for answer in answers)
        return answers

    def test_each_source_is_weighed(self, of_four):
        answers = self.ask(of_four, images=[jpeg(), jpeg("blue")], description="soft")
        assert all(min(answer["source_weights"].values()) > 0 for answer in answers)
        [answer, _] = self.ask(of_four, image=jpeg())
        assert {name: weight > 0 for name, weight in answer["source_weights"].items()} == {
            "image": True, "image.2": False, "text.title": True, "text.description": False,
        }  # fmt: skip
        assert answer["source_weights"]["image"] == pytest.approx(answer["image_weight"])

    def test_the_first_of_the_list_is_the_image(self, of_four):
        red, blue = jpeg(), jpeg("blue")
        given = self.ask(of_four, image=red, images=[blue])
        encoded = [base64.b64encode(one).decode() for one in (red, blue)]
        for images in ([red, blue], [red, red, blue], encoded, json.dumps(encoded), np.array([red, blue], object)):
            assert self.ask(of_four, images=images) == given
        assert self.ask(of_four, image=red, images=[red, blue]) == given
        assert self.ask(of_four, images=[red, blue, b"a third is not looked at"]) == given
        assert self.ask(of_four, image=blue, images=[red]) != given

    def test_an_image_that_cannot_be_used_is_named(self, of_four):
        for images, said in (
            ([jpeg(), b"no image"], "row 0: the image cannot be used"),
            ("a.jpg", "row 0: images is 'a.jpg'; allowed is a list of images"),
            (5, "row 0: images is '5'; allowed is a list of images"),
        ):
            with pytest.raises(Exception, match=said):
                self.ask(of_four, images=images)

    def test_a_model_of_one_image_takes_the_first(self, model):
        alone = ask(model, {**SHIRT, "image": jpeg()}).to_dict("records")
        assert ask(model, {**SHIRT, "images": [jpeg(), jpeg("blue")]}).to_dict("records") == alone
        assert alone[0]["source_weights"] == {
            "image": alone[0]["image_weight"], "text": alone[0]["text_weight"],
        }  # fmt: skip


def test_only_the_asked_attributes(model):
    assert ask(model, {**SHIRT, "attributes": ["Material"]})["attribute"].tolist() == ["material"]
    raw_labels = [("baseColour", "Blue")]  # a catalog's own column, as pandas reads it
    assert ask(model, {**SHIRT, "attributes": raw_labels})["attribute"].tolist() == ["color", "material"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"product_type": "Sofa"}, "row 0: product type 'Sofa' is unknown; known are kurta, shirt"),
        ({"attributes": ["colour"]}, "row 0: attribute 'colour' is unknown for shirt; known are color, material"),
        ({"attributes": "color"}, "allowed is a list of names"),
        (
            {"attributes": {"size": {"unit": "cm"}}},
            "row 0: attributes are not a map of texts: 'size' holds {'unit': 'cm'}",
        ),
        ({"product_id": "8.9E+12"}, "row 0: product_id: product id has lost digits"),
        ({"image": 10**400}, "row 0: image is a int; allowed are bytes"),
        ({"title": np.array("x")}, "row 0: title is 'x', a ndarray; allowed is text"),
        ({"description": np.array(5)}, "row 0: description is '5', a ndarray; allowed is text"),
        ({"bullet_points": np.array(5)}, "row 0: bullet_points is '5'; allowed is a list of texts"),
        ({"attributes": np.array("color")}, "allowed is a list of names"),
        ({"images": np.array(5)}, "row 0: images is '5'; allowed is a list of images"),
        ({"image": b"no image"}, "row 0: the image cannot be used"),
        ({"image": base64.b64encode(b"no image").decode()}, "row 0: the image cannot be used"),
        ({"image": "red.jpg"}, "MOEMOE_IMAGE_FOLDER is not set: send the image itself, in base64"),
        ({"image": "/etc/passwd"}, "MOEMOE_IMAGE_FOLDER is not set"),
    ],
)
def test_what_is_wrong_is_named(model, row, message):
    with pytest.raises(MlflowException) as error:
        ask(model, {**SHIRT, **row})
    assert message in error.value.message
    assert error.value.get_http_status_code() == 400


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "image path is absolute"),
        ("../secret.jpg", "outside"),
        ("link.jpg", "outside"),
        ("file:///etc/passwd", "image is a URL"),
        ("s3://bucket/x.jpg", "outside"),
    ],
)
def test_no_path_leads_out_of_the_folder(model, tmp_path, monkeypatch, path, reason):
    (tmp_path / "secret.jpg").write_bytes(jpeg())
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    monkeypatch.setenv(IMAGE_FOLDER, str(folder))
    with pytest.raises(MlflowException, match=reason):
        ask(model, {**SHIRT, "image": path})


@pytest.mark.parametrize("folder", [None, "images"])
def test_a_url_is_never_followed(model, tmp_path, monkeypatch, folder):
    """The served model reaches into no network, whether or not it may read paths, and keeps a password to itself."""
    if folder:
        monkeypatch.setenv(IMAGE_FOLDER, str(tmp_path / folder))
    with image_server() as server:
        server.answers["/1.jpg"] = body(jpeg())
        url = server.url.replace("http://", "http://user:geheim@") + "/1.jpg"
        for image in (url, {"bytes": None, "path": url}, {"path": url.replace("http:", "HTTP:")}):
            with pytest.raises(MlflowException, match="image") as raised:
                ask(model, {**SHIRT, "image": image})
            assert "geheim" not in raised.value.message
        assert not server.asked


def test_what_pandas_makes_of_gaps_and_ids_is_taken(model):
    """Bullet points in some rows only, columns of NaN alone, ids of integers, of doubles, one integer among texts."""
    nan = float("nan")
    frame = pd.DataFrame(
        {
            "product_id": [8900123450001, 7],
            "product_type": ["Tshirts", "Tshirts"],
            "title": ["cotton shirt", None],
            "bullet_points": [["soft", None], nan],
            "description": [nan, "a shirt"],
            "marketplace": [nan, nan],
            "image": [nan, nan],
            "attributes": [["color"], nan],
        }
    )
    ids = ["8900123450001", "7", "7"]
    assert model.predict(frame)["product_id"].tolist() == ids
    doubles = frame.assign(product_id=frame["product_id"].astype(float))
    assert model.predict(doubles)["product_id"].tolist() == ids
    mixed = frame.assign(product_id=["0042 ", 7])
    assert model.predict(mixed)["product_id"].tolist() == ["0042", "7", "7"]
    assert model.predict(frame.drop(columns="product_id"))["product_id"].tolist() == [None] * 3
    with pytest.raises(MlflowException, match=r"row 0: product_id: .*1e\+17 is a floating-point number beyond 2\^53"):
        model.predict(frame.assign(product_id=[1e17, 2.0]))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"title": "cot\u200bton\x00 sh\u00adirt"}, {"title": "cotton shirt"}),
        ({"product_type": "T\u200bshirts"}, {"product_type": "Tshirts"}),
        ({"description": "nan"}, {"description": None}),
        ({"description": ["a soft", None, "shirt"]}, {"description": "a soft\nshirt"}),
        ({"marketplace": "N/A"}, {}),
        ({"bullet_points": '["soft", "washable"]'}, {"bullet_points": ["soft", "washable"]}),
        ({"bullet_points": "- soft\n- washable"}, {"bullet_points": ["soft", "washable"]}),
        ({"product_id": "a\u200b "}, {"product_id": "a"}),
        ({"product_id": "7.0"}, {"product_id": 7}),
        ({"attributes": ""}, {}),  # an empty cell of a CSV
        ({"attributes": '{"baseColour": "Red"}'}, {"attributes": {"baseColour": "Red"}}),
        ({"attributes": [{"key": "baseColour", "value": ["Red", "Blue"]}]}, {}),
        ({"attributes": {1: 2.0, "size": float("nan")}}, {}),
        ({"image": "None"}, {}),
        ({"image": "nan"}, {}),
    ],
)
def test_cells_are_read_as_a_catalogs_are(model, sent, read):
    assert ask(model, {**SHIRT, **sent}).to_dict("records") == ask(model, {**SHIRT, **read}).to_dict("records")


def test_a_row_that_training_quarantines_is_refused(model):
    for row in ({"title": " "}, {"title": None, "description": float("nan")}, {"title": "", "bullet_points": ["x"]}):
        with pytest.raises(MlflowException, match="row 0: neither title nor description"):
            ask(model, {**SHIRT, **row})
    with pytest.raises(MlflowException, match="row 0: no product type"):
        ask(model, {"title": "cotton shirt"})
    assert len(ask(model, {**SHIRT, "title": "", "description": "cotton shirt"})) == 2


class Dresser:
    """Says of each product what it is told to, with the same confidence."""

    sources = ("image", "text")

    def __init__(self, said):
        self.said = said

    def answer(self, questions):
        return [[Answer(self.said[name], 0.9, 0.5, 0.5) for name in question.attributes] for question in questions]


def test_no_accepted_values_break_the_contract(model):
    """As in a backfill: of two values that contradict each other none is accepted, nor one that contradicts a label."""
    from moemoe.registry.served_model import ServedModel

    age, department = "age range description", "department"
    served = ServedModel()
    thresholds = Thresholds({"kurta": {name: {"plain": 0.5, "guarded": 0.95} for name in (age, department, "color")}})
    said = {age: "Kids-Girls", department: "Men", "color": "Red"}
    served.model = AttributeModel(Dresser(said), data_contracts.load("30pt"), thresholds)

    def accepted(labels=(), **params):
        row = {"product_type": "kurta", "title": "Girls Kurta Men Slim Fit", "attributes": labels}
        return served.predict(None, pd.DataFrame([row]), params)["accepted"].tolist()

    assert accepted() == [False, False, True]
    assert accepted([(department, "Men")]) == [False, True, True]
    assert accepted({age: "Kids-Girls"}) == [True, False, True]
    assert accepted({age: "Kids-Girls", department: "Men"}) == [False, False, True]
    assert accepted({age: "Kids-Boys", department: "Women"}) == [False, False, True]  # it contradicts both labels
    assert accepted(thresholds="guarded") == [False] * 3
    assert accepted(thresholds="unfamiliar") == [False, True, False]  # the text names the department alone
    said[department] = "Girls"
    assert accepted() == [True, True, True]


def test_the_contracts_ids_stand_beside_the_names(model):
    from moemoe.registry.served_model import ServedModel

    contract = data_contracts.load("30pt")
    color = dataclasses.replace(contract.attributes["color"], id="gid/1", value_ids={"Red": "gid/13"})
    served = ServedModel()
    served.model = AttributeModel(
        Dresser({"color": "Red", "material": "Cotton"}),
        dataclasses.replace(contract, attributes={**contract.attributes, "color": color}),
        Thresholds({"kurta": {name: {"plain": 0.5, "guarded": 0.95} for name in ("color", "material")}}),
    )
    answers = served.predict(None, pd.DataFrame([{"product_type": "kurta", "title": "Kurta"}]))
    assert answers[["attribute", "attribute_id", "value_id"]].values.tolist() == [
        ["color", "gid/1", "gid/13"], ["material", None, None],
    ]  # fmt: skip


NO_ROWS = [pd.DataFrame({"Product Type": ["shirt"], "Title": ["x"]}), np.zeros((2, 2)), pd.Series(SHIRT)]


@pytest.mark.parametrize("data", NO_ROWS, ids=lambda data: type(data).__name__)
def test_rows_without_a_known_column_are_refused(model, data):
    """MLflow drops what it does not know, and left no row: an empty answer, which looks as if all was well."""
    with pytest.raises(MlflowException, match=r"^row 0: no product type"):
        model.predict(data)
    assert model.predict(pd.DataFrame()).empty


def test_unknown_parameters(model):
    for name in ("threshold", "x"):
        with pytest.raises(MlflowException, match=f"unknown parameter '{name}';.* known are thresholds") as error:
            ask(model, SHIRT, **{name: "guarded"})
        assert error.value.get_http_status_code() == 400


def test_unknown_thresholds(model):
    with pytest.raises(MlflowException, match="allowed are plain, guarded"):
        ask(model, SHIRT, thresholds="high")


def test_it_answers_where_flows_and_metaflow_are_not_there(uri, model_uri, tmp_path):
    code = f"""
import sys
for name in ("metaflow", "great_expectations", "data_contracts", "flows"): sys.modules[name] = None
import mlflow, pandas
model = mlflow.pyfunc.load_model("{model_uri}")
answers = model.predict(pandas.DataFrame([{SHIRT!r}]))
assert answers["attribute"].tolist() == ["color", "material"], answers
assert "/code/" in sys.modules["moemoe"].__file__, "not the code that came with the model"
"""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"MLFLOW_TRACKING_URI": uri}
    done = subprocess.run([warm_python(), "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
