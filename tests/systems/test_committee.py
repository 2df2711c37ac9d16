"""A committee: its members' pooled answers, what it saves, which members it refuses."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.inference.answering import Answering
from moemoe.inference.predictor import Predictor, ProductQuery, product_question
from moemoe.inference.routing import routing
from moemoe.model.outputs import Distribution
from moemoe.recipes import Recipe, load_recipe
from moemoe.recipes.committee import load_committee
from moemoe.schemas import AS_IS, TITLE_ONLY
from moemoe.systems.committee import MEMBERS, TRAINED_ON, Committee, CommitteeConfig, Member
from moemoe.systems.pooling import fit_weights, weights_at
from moemoe.systems.saved import load_with_collator
from moemoe.training import launch
from moemoe.training.committee import validation_weights
from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.run import main
from tests.support.small_training import small_recipe
from tests.support.toy_items import accuracy, answers, make
from tests.support.warm_python import warm


def committee_recipe(**changes) -> Recipe:
    """Of a small MoEMoE and TF-IDF."""
    member = small_recipe(name="moemoe", **changes)
    recipe = load_recipe("committee")
    members = (member, load_recipe("tf-idf"))
    return replace(recipe, members=members, phases=("dense", "experts", "fit"))


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("committee")
    return folder, make(manifest, folder, committee_recipe(training=replace(small_recipe().training, epochs=6)))


def test_it_reads_what_either_member_reads(trained, dataset):
    _, predictor = trained
    both = accuracy(answers(predictor, dataset))
    assert both["material"] > 0.9  # the title says it
    members = predictor.model.members
    assert [member.name for member in members] == ["moemoe", "tf-idf"]
    assert predictor.model.config.sources == ("image", "text")
    weights = {answer.image_weight for _, _, answer in answers(predictor, dataset)}
    assert min(weights) == 0 < max(weights) < 1  # some products have no image; TF-IDF reads none


def test_an_answer_is_the_pool_of_its_members_distributions(trained, dataset):
    _, predictor = trained
    model = predictor.model
    products = [dataset[row] for row in dataset.rows("test")[:5]]
    items = predictor.items([ProductQuery(p.context, p.image, ["color", "material"]) for p in products])
    batch = predictor.collator(items)
    given = model.answer(batch, predictor.collator)
    for name, places, probability_MNC, _ in model.distributions(batch):
        assert probability_MNC.sum(-1) == pytest.approx(np.ones(probability_MNC.shape[:2]))
        weight_NM = weights_at(model.config.weights[name], model.config.short_text, batch.characters[places])
        for n, place in enumerate(places):
            of_members = zip(probability_MNC[:, n], weight_NM[n], strict=True)
            score_C = np.prod([(p + 1e-6) ** w for p, w in of_members], axis=0)
            expected_C = score_C / score_C.sum()
            assert given[place].value == model.config.values[name][expected_C.argmax()]
            assert given[place].confidence == pytest.approx(expected_C.max(), rel=1e-3)


def test_a_member_that_sees_nothing_of_a_product_has_no_part_in_what_its_sources_weigh(trained, dataset):
    """Without a text TF-IDF says nothing: the sources weigh what MoEMoE says."""
    folder, predictor = trained
    [product] = [dataset[row] for row in dataset.rows("test") if dataset[row].image is not None][:1]
    blanked = [ProductQuery("", product.image, ["color"]), ProductQuery(product.context, None, ["color"])]
    [[by_image], [by_text]] = predictor.answer(blanked)
    [[alone], _] = Predictor.load(folder / "run" / MEMBERS / "moemoe" / "model").answer(blanked)
    assert by_image.image_weight == pytest.approx(alone.image_weight)
    assert by_text.image_weight == 0
    [[by_nothing]] = predictor.answer([ProductQuery("", None, ["color"])])
    assert by_nothing.image_weight + by_nothing.text_weight == pytest.approx(1)


def test_its_report_has_the_experts_of_the_member_that_has_some(trained, dataset):
    folder, predictor = trained
    table = routing(predictor, dataset)
    assert table.num_rows > 0
    assert table.equals(routing(Predictor.load(folder / "run" / MEMBERS / "moemoe" / "model"), dataset))
    events = read_events(folder / "run" / "events.jsonl")
    assert {event["member"] for event in events if "expert_tokens" in event} == {"moemoe"}


def test_what_no_training_product_had_it_does_not_answer(trained):
    _, predictor = trained
    asked = [
        ProductQuery("IN | shirt | Silk", None, ["neck style", "material"]),
        ProductQuery("", None, ["neck style"]),
    ]
    [[unknown, known], [alone]] = predictor.answer(asked)
    assert (unknown.value, unknown.confidence) == (alone.value, alone.confidence) == ("", 0.0)
    assert known.value in ("Silk", "Cotton")
    with pytest.raises(ConfigError, match="this one selects known values"):
        Predictor.load(trained[0] / "run" / "model", Answering(values={"material": ["Silk"]}))


def test_a_saved_committee_answers_alike_wherever_it_lies(trained, dataset, tmp_path):
    folder, predictor = trained
    shutil.copytree(folder / "run" / "model", tmp_path / "moved")
    before, after = (answers(p, dataset) for p in (predictor, Predictor.load(tmp_path / "moved")))
    assert before == after


def test_a_run_goes_on_where_it_was_stopped_and_leaves_a_training_runs_files(trained, manifest):
    """What the finished members left is taken as it is; the members' events stand one after the other."""
    folder, _ = trained
    events = read_events(folder / "run" / "events.jsonl")
    assert [event["total_step"] for event in events] == sorted(event["total_step"] for event in events)
    assert {event["member"] for event in events} == {"moemoe", "tf-idf"}
    weights = folder / "run" / MEMBERS / "moemoe" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    config = (folder / "run" / "model" / "config.json").read_bytes()
    shutil.rmtree(folder / "run" / "model")
    shutil.rmtree(folder / "run" / MEMBERS / "tf-idf")
    assert main(str(folder / "job.json")) == 0
    assert weights.stat().st_mtime_ns == before
    assert (folder / "run" / "model" / "config.json").read_bytes() == config  # and the same bits


def test_members_of_different_splits_are_refused(trained, manifest, tmp_path, capsys):
    folder, _ = trained
    shutil.copytree(folder / "run", tmp_path / "run")
    saved = tmp_path / "run" / "model"
    record = saved / MEMBERS / "tf-idf" / TRAINED_ON
    data = json.loads(record.read_text())
    record.write_text(json.dumps({**data, "manifest": "f" * 64}))
    with pytest.raises(ConfigError, match=r"moemoe and tf-idf were trained on different data or splits .* f{12}\)"):
        Predictor.load(saved)
    record.unlink()
    with pytest.raises(ConfigError, match="the training data of member tf-idf are unknown"):
        Predictor.load(saved)

    (tmp_path / "run" / MEMBERS / "moemoe" / "model" / TRAINED_ON).write_text(json.dumps({"manifest": "f" * 64}))
    job = TrainingJob(manifest, str(tmp_path / "run"), str(tmp_path / "scratch"), committee_recipe().to_dict(), 1)
    (tmp_path / "job.json").write_text(json.dumps(asdict(job)))
    assert main(str(tmp_path / "job.json")) == 2
    assert "holds a member that was trained on another split" in capsys.readouterr().err


def test_a_member_that_was_taught_says_when_there_is_nothing_also_when_it_was_saved(trained, tmp_path):
    folder, _ = trained
    folders = {name: folder / "run" / MEMBERS / name / "model" for name in ("moemoe", "tf-idf")}
    values = load_with_collator(folder / "run" / "model")[0].config.values
    equal = {name: [0.5, 0.5] for name in values}
    committee = Committee.of(folders, values, equal, nothing=["moemoe"]).eval()
    predictor = Predictor(committee, committee.collator())
    batch = predictor.collator(predictor.items([ProductQuery("IN | shirt | Silk", None, ["material"])]))
    [(_, _, probability_MNC, _)] = committee.distributions(batch)
    assert probability_MNC.shape == (2, 1, len(values["material"]) + 1)
    assert probability_MNC.sum(-1) == pytest.approx(np.ones((2, 1)))
    assert probability_MNC[0, 0, -1] > 0 == probability_MNC[1, 0, -1]
    [answer] = committee.answer(batch, predictor.collator)
    assert answer.value in ("Silk", "")

    Committee.save(committee.config, folders, tmp_path)
    saved, collator = load_with_collator(tmp_path)
    assert saved.config == committee.config  # also who was taught
    assert saved.answer(batch, collator) == [answer]


def test_what_applies_is_not_answered_with_nothing_however_likely_that_is():
    class Taught:
        config = SimpleNamespace(sources=("text",))

        def distributions(self, batch, collator, asked, values):
            return [Distribution(np.array([0.1, 0.2, 0.7]), 0.0) for _ in asked]

    class Plain(Taught):
        def distributions(self, batch, collator, asked, values):
            return [Distribution(np.array([0.25, 0.75]), 0.0) for _ in asked]

    members = [Member("taught", Taught(), list), Member("plain", Plain(), list)]
    kinds, values = {"taught": "moemoe", "plain": "tf-idf"}, {"material": ["Cotton", "Silk"]}
    config = CommitteeConfig(kinds, ("text",), None, values, {"material": [0.5, 0.5]}, 0.0, ("taught",))
    committee = Committee(config, members)
    collator = committee.collator()
    shown = [ModelInput(["Silk"], ["neck style", "material"], applies=given) for given in ((), ("material",))]
    unknown, nothing, no_neck, material = committee.answer(collator(shown), collator)
    assert (unknown.value, nothing.value, nothing.confidence) == ("", "", pytest.approx(0.7))
    assert (no_neck.value, material.value) == ("", "Silk")
    assert 0 < material.confidence < 0.3  # its own probability beside that of having none


def test_settings_go_to_the_member_they_name():
    recipe = load_recipe("committee", epochs=2, settings="tf-idf.penalty=3, moemoe.experts.num_experts=4")
    moemoe, tf_idf, image_classifier = recipe.members
    assert (moemoe.training.epochs, recipe.training.epochs) == (2, 2)
    assert (tf_idf.config.penalty, tf_idf.config.titles) == (3.0, True)
    assert not load_recipe("committee", settings="tf-idf.titles=false").members[1].config.titles
    assert not load_recipe("tf-idf").config.titles
    assert image_classifier.config.image == moemoe.config.image
    assert moemoe.config.experts.num_experts == 4
    assert recipe.phases == ("dense", "experts", "fit", "fit")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    recipe.check()


@pytest.mark.parametrize(
    ("members", "settings", "message"),
    [
        (["qga", "tf-idf"], "penalty=3", "a committee takes MEMBER.name=value; its members are qga, tf-idf"),
        (["qga", "tf-idf"], "tf-idf.nothing=3", "'nothing=3': allowed is name=value"),
        (["qga"], "", "its members are .*; at least two are needed"),
        (["qga", "ner-mqmrc"], "", "ner-mqmrc gives no distribution"),
        (["qga", "t5"], "qga.image.size=32", None),
        (["qga", "moemoe"], "qga.image.size=32", r"images of different sizes \(qga 32, moemoe 128\)"),
    ],
)
def test_what_cannot_be_a_committee_is_refused_before_it_trains(members, settings, message):
    def check():
        recipe = load_committee(load_recipe, "c", "", members, "tiny", None, None, None, None, settings)
        recipe.config  # noqa: B018 - parsed when it is asked for
        recipe.check()

    if message is None:
        check()
    else:
        with pytest.raises(ConfigError, match=message):
            check()


def test_folder_names_are_the_members(trained):
    folder, _ = trained
    assert sorted(path.name for path in (Path(folder) / "run" / "model" / MEMBERS).iterdir()) == ["moemoe", "tf-idf"]


def test_members_that_see_images_alike_see_each_once(trained, manifest, dataset, tmp_path, monkeypatch):
    """Their features are kept once for all, or computed once for all; the answers are the same bits."""
    folder, _ = trained
    names = ("image-classifier", "other")
    for name in names:
        make(manifest, tmp_path / name, load_recipe("image-classifier", settings="image.size=32, least_steps=20"))
        (tmp_path / name / "run" / "model" / TRAINED_ON).write_text("{}")
    folders = {name: tmp_path / name / "run" / "model" for name in names}
    values = load_with_collator(folders["other"])[0].config.values
    committee = Committee.of(folders, values, {name: [0.5, 0.5] for name in values}).eval()
    alike = committee.collator()
    assert alike.shared is committee.image_encoder is not None
    apart = committee.collator()
    apart.shared = None
    rows = [row for row in dataset.rows("test").tolist() if dataset.image(row)][:5]
    questions = [product_question(dataset[row]) for row in rows]
    seen = []
    for encoder in committee.readers:
        compute = encoder.compute
        monkeypatch.setattr(encoder, "compute", lambda images, of=compute: seen.append(len(images)) or of(images))
    found = {}
    for name, collator in (("alike", alike), ("apart", apart)):
        batch = collator(Predictor(committee, collator).items(questions))
        found[name] = committee.answer(batch, collator)
        assert sum(seen) == {"alike": 5, "apart": 15}[name]  # apart: each member, beside those before
    assert found["alike"] == found["apart"]
    assert Predictor(committee, alike).image_features(dataset) is not None

    other = "image.size=32, image.color_levels=2, least_steps=20"
    small = make(manifest, tmp_path / "small", load_recipe("image-classifier", settings=other)).model
    committee.members[1].system.image_encoder = small.image_encoder
    assert committee.image_encoder is None
    assert committee.collator().shared is None


def test_a_product_is_weighed_by_how_much_is_written_of_it(trained, dataset):
    _, predictor = trained
    product = dataset[next(row for row in dataset.rows("test").tolist() if len(dataset[row].context) > 40)]
    whole, title = (product_question(product, condition=condition) for condition in (AS_IS, TITLE_ONLY))
    batch = predictor.collator(predictor.items([whole, title]))
    assert batch.characters.tolist() == [
        len(question.context) for question in (whole, title) for _ in question.attributes
    ]
    config = predictor.model.config
    assert len(title.context) < config.short_text < len(whole.context)
    assert {len(own) for own in config.weights.values()} == {3}
    assert any(own[0] != own[1] != own[2] for own in config.weights.values())


def test_weights_are_fitted_to_whole_texts_titles_and_images_alone(trained, dataset, monkeypatch):
    """Each product that has more than a title, and an image, is shown three times."""
    _, predictor = trained
    seen = {}

    def fit(probability, gold, characters, short_text, members):
        seen.update(characters)
        return fit_weights(probability, gold, characters, short_text, members)

    monkeypatch.setattr("moemoe.training.committee.fit_weights", fit)
    _, short_text = validation_weights(predictor.model, dataset, 0, predictor.device, {})
    rows = [row for row in dataset.rows("validation").tolist() if "color" in dataset.values(row)]
    texts = [dataset[row].text for row in rows]
    titles = [len(text.of_source("text", title_alone=True)) for text in texts]
    nothing = [0 for row in rows if dataset.image(row)]
    assert len(nothing) < len(rows)
    assert sorted(seen["color"]) == sorted([*(len(text.of_source("text")) for text in texts), *titles, *nothing])
    assert max(titles) < short_text


def test_a_committee_of_an_earlier_version_has_one_weight_a_member(trained, tmp_path):
    folder, _ = trained
    shutil.copytree(folder / "run" / "model", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    del config["short_text"]
    config["weights"] = {name: [0.4, 0.7] for name in config["weights"]}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    read = load_with_collator(tmp_path / "model")[0].config
    assert set(map(str, read.weights.values())) == {str([[0.4, 0.7]] * 3)}
    assert type(read).from_dict(read.to_dict()) == read


def test_two_processes_train_it_and_the_launcher_hears_of_every_member(manifest, tmp_path):
    recipe = committee_recipe(training=replace(small_recipe().training, epochs=1))
    job = TrainingJob(manifest, str(tmp_path / "run"), str(tmp_path / "scratch"), recipe.to_dict(), 1)
    heard: list[dict] = []
    with warm():
        launch.train(job, 2, heard.extend, poll_seconds=0.05, restarts=0)
    assert {event["phase"] for event in heard} == {"dense", "experts", "fit"}
    assert len(Predictor.load(tmp_path / "run" / "model").model.members) == 2


def test_members_read_sources_of_their_own(manifest, dataset, tmp_path):
    """TF-IDF reads the whole text, the other member two images and the title."""
    recipe = committee_recipe(training=replace(small_recipe().training, epochs=1))
    first, *others = recipe.members
    named = replace(first, model={**first.model, "sources": ["image", "image.2", "text.title"]})
    predictor = make(manifest, tmp_path, replace(recipe, members=(named, *others)))
    sources = ("image", "image.2", "text.title", "text")
    assert predictor.sources == sources
    rows = [row for row in dataset.rows("test").tolist() if dataset.image(row)]
    for [answer, *_] in predictor.answer([product_question(dataset[row]) for row in rows]):
        weights = answer.by_source(sources)
        assert list(weights) == list(sources)
        assert sum(weights.values()) == pytest.approx(1)
        assert weights["image"] == pytest.approx(answer.image_weight)
        assert weights["image.2"] == 0
        assert min(weights["image"], weights["text.title"], weights["text"]) > 0
