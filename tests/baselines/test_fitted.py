"""TF-IDF and k nearest neighbours: what they learn, what they save, what they cannot answer."""

import subprocess

import numpy as np
import pytest
from safetensors.numpy import load_file

from moemoe.baselines.knn import KNN, KNNConfig, colour_histogram
from moemoe.baselines.tf_idf import TfIdf, TfIdfConfig, Vectorizer
from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.inference.predictor import ProductQuery
from moemoe.recipes import load_recipe
from moemoe.training.events import read_events
from tests.support.small_shards import draw_image
from tests.support.toy_items import accuracy, answers, make
from tests.support.warm_python import warm_python


@pytest.fixture(scope="module", params=["tf-idf", "knn"])
def fitted(request, manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, folder, make(manifest, folder, load_recipe(request.param))


def test_each_learns_what_its_sources_show(fitted, dataset):
    name, _, predictor = fitted
    right = accuracy(answers(predictor, dataset))
    assert right["material"] > 0.9  # the title says it
    if name == "knn":
        assert right["color"] > 0.9  # the image says it, where there is one
    else:
        assert right["color"] < 0.7
        assert {a.image_weight for _, _, a in answers(predictor, dataset)} == {0.0}


def test_the_same_seed_gives_the_same_bits_and_a_training_runs_files(fitted, manifest, tmp_path):
    name, folder, _ = fitted
    make(manifest, tmp_path, load_recipe(name))
    one, two = (load_file(f / "run" / "model" / "model.safetensors") for f in (folder, tmp_path))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key]) for key in one)
    steps = [event for event in read_events(folder / "run" / "events.jsonl") if event["event"] == "step"]
    assert steps[-1]["total_step"] == steps[-1]["steps"] == 72  # training products
    assert not {"loss", "cross_entropy", "learning_rate"} & set().union(*steps)  # none is made up


def test_what_it_cannot_answer_it_says(fitted):
    _, _, predictor = fitted
    [[known, unknown]] = predictor.answer(
        [ProductQuery("IN | shirt | Brand Silk shirt", None, ["material", "neck style"])]
    )
    assert known.value == "Silk"
    assert (unknown.value, unknown.confidence) == ("", 0.0)
    assert "answers only" in predictor.model.limits


def items(*answers: str) -> list[ModelInput]:
    return [ModelInput([None, f"word{i} common"], ["a"], [answer]) for i, answer in enumerate(answers)]


def texts(*answers: str) -> list[ModelInput]:
    return [ModelInput([item.sources[1]], item.questions, item.answers) for item in items(*answers)]


def test_the_probability_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    for labels in (["x", "y", "x", "y", "x", "y"], ["x", "y", "z", "x", "y", "z"]):
        given = [ModelInput([f"{label} thing number {i % 2}"], ["a"], [label]) for i, label in enumerate(labels)]
        config = TfIdfConfig(  # w is no target
            min_products=1, values={"a": ["w", "x", "y", "z"]}, tolerance=1e-7, max_iterations=10_000
        )
        model = TfIdf.fit(config, given, 0)
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        vectors = vectorizer.fit_transform([item.sources[0] for item in given])
        reference = LogisticRegression(C=config.penalty, max_iter=10_000, tol=1e-8).fit(vectors, labels)
        asked = ["x thing", "y", "nothing known", "thing z number"]
        batch = model.collator_class(None, config)([ModelInput([text], ["a"]) for text in asked])
        expected = reference.predict_proba(vectorizer.transform(asked))
        for answer, row in zip(model.answer(batch, None), expected, strict=True):
            assert answer.confidence == pytest.approx(row.max(), abs=1e-4)
            ours = row[list(reference.classes_).index(answer.value)]
            assert ours == pytest.approx(row.max(), abs=1e-4)  # "nothing known" is a tie, decided by rounding


def test_a_turkish_word_is_one_feature_in_any_case():
    vectorizer = Vectorizer(TfIdfConfig(min_products=1, ngrams=1))
    vectors = vectorizer.fit(["KIRMIZI elbise", "kırmızı ELBİSE", "Kirmizi elbi\u0307se"])
    assert vectors.shape == (3, 2)


def test_distributions_are_over_the_values_asked_about_and_say_nothing_without_a_text():
    config = TfIdfConfig(min_products=1, values={"a": ["x", "y"]})
    model = TfIdf.fit(config, texts("x", "y", "x", "y"), 0)
    batch = model.collator_class(None, config)([ModelInput(["word0 common"], ["a", "b"]), ModelInput([""], ["a"])])
    values = {"a": ["y", "never seen", "x"], "b": ["p", "q"]}
    known, unknown, blank = model.distributions(batch, None, ["a", "b", "a"], values)
    answer = model.answer(batch, None)[0]
    assert known.probability_C.sum() == pytest.approx(1.0)
    assert known.probability_C[values["a"].index(answer.value)] == pytest.approx(answer.confidence)
    assert known.probability_C[1] == 0.0
    assert unknown.probability_C.tolist() == [0.5, 0.5]
    assert blank.probability_C == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_an_attribute_with_one_value_needs_no_regression():
    model = TfIdf.fit(TfIdfConfig(min_products=1, values={"a": ["x"]}), texts("x", "x"), 0)
    [answer] = model.answer(model.collator_class(None, model.config)([ModelInput(["anything"], ["a"])]), None)
    assert (answer.value, answer.confidence) == ("x", 1.0)


def test_an_attribute_that_no_item_has_is_not_answered(tmp_path):
    values = {"a": ["x", "y"], "b": ["p", "q"]}  # b is of products beyond those that it is fitted to
    TfIdf.fit(TfIdfConfig(min_products=1, values=values), texts("x", "y"), 0).save_pretrained(tmp_path)
    model = TfIdf.from_pretrained(tmp_path)
    batch = model.collator_class(None, model.config)([ModelInput(["word0 common"], ["a", "b"])])
    a, b = model.answer(batch, None)
    assert a.value == "x"
    assert (b.value, b.confidence) == ("", 0.0)
    assert model.distributions(batch, None, ["a", "b"], values)[1].probability_C.tolist() == [0.5, 0.5]


def test_neighbours_vote_with_their_similarity():
    config = KNNConfig(k=3, image_weight=1.0, values={"a": ["x", "y"]})
    near, far = np.full((3, 8, 8), 200, np.uint8), np.zeros((3, 8, 8), np.uint8)
    given = [
        ModelInput([image, "common words"], ["a"], [answer]) for image, answer in ((near, "x"), (near, "x"), (far, "y"))
    ]
    model = KNN.fit(config, given, 0)
    [answer] = model.answer(model.collator_class(None, config)([ModelInput([near, ""], ["a"])]), None)
    assert (answer.value, answer.confidence) == ("x", pytest.approx(1.0))  # the third has no bin in common
    assert (answer.image_weight, answer.text_weight) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-6))


def test_a_histogram_has_length_one_and_tells_colours_apart():
    from moemoe.shards.loader import decode_image

    red, other_red, blue = (
        colour_histogram(decode_image(draw_image(color, i), 32))
        for i, color in enumerate([(200, 30, 30), (200, 30, 30), (30, 30, 200)])
    )
    assert np.linalg.norm(red) == pytest.approx(1)
    assert red @ other_red > 0.9 > 0.1 > red @ blue


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tf-idf", "epochs": 3}, "fitted in one pass over the training split; leave out epochs"),
        ({"name": "knn", "batch_size": 8}, "leave out batch_size"),
        ({"name": "tf-idf", "question_in": "context"}, "model tf-idf has one place for its question"),
        ({"name": "tf-idf", "weights": "google-t5/t5-base"}, "model tf-idf has no text encoder"),
        ({"name": "tf-idf", "settings": "training.epochs=3"}, "allowed is name=value with one of max_features, "),
        ({"name": "knn", "settings": "k=0"}, "allowed are k >= 1"),
        ({"name": "knn", "settings": "image.name=resnet18"}, "without pretrained weights, which cannot measure"),
    ],
)
def test_what_makes_no_sense_for_a_fitted_system_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe(**arguments)


def test_without_scikit_learn_the_reason_is_said():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from moemoe.errors import ConfigError\nfrom moemoe.recipes import load_recipe\n"
        "for name in ('tf-idf', 'knn'):\n"
        "    try: load_recipe(name).check()\n"
        "    except ConfigError as error: print(error)\n"
    )
    done = subprocess.run([warm_python(), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("which is not installed: pip install scikit-learn") == 2


@pytest.mark.parametrize("texts", [["red shirt"], ["red shirt", "blue kurta"], ["", ""]])
def test_a_catalog_in_which_no_word_comes_twice(texts):
    with pytest.raises(ConfigError, match=f"no word occurs in 2 of the {len(texts)} training products"):
        Vectorizer(TfIdfConfig()).fit(texts)


def test_tf_idf_may_learn_from_titles_too(manifest, dataset, tmp_path):
    """A title alone is then what it was fitted to; the products that are told of stay the same."""
    plain = make(manifest, tmp_path / "plain", load_recipe("tf-idf", settings="min_products=1"))
    titles = make(manifest, tmp_path / "titles", load_recipe("tf-idf", settings="min_products=1, titles=true"))
    assert plain.model.vectorizer.vocabulary == titles.model.vectorizer.vocabulary  # a title is part of the text
    assert not np.array_equal(plain.model.vectorizer.idf, titles.model.vectorizer.idf)
    steps = [event for event in read_events(tmp_path / "titles" / "run" / "events.jsonl") if event["event"] == "step"]
    assert steps[-1]["total_step"] == len(dataset.rows("train"))
