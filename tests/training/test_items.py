import numpy as np
import pyarrow as pa
import pytest
import torch

from moemoe.batches.batch import Source
from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.recipes.settings import SourceDropout, Training
from moemoe.schemas import LABELS
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader, decode_image
from moemoe.shards.hidden import Hidden
from moemoe.training.items import image_buffer, item_of, slots_of, tokenize_texts, with_less_text
from moemoe.training.job import TrainingJob
from moemoe.training.preparation import Preparation
from tests.support.small_model import tiny_config
from tests.support.small_shards import small_labels, small_products, with_second_images, write_shards

PRODUCTS = 60


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Every second product is a saree, whose material is not known of any."""
    folder = tmp_path_factory.mktemp("root")
    labels = [
        dict(label, product_type="saree") if int(label["product_id"][1:]) % 2 else label
        for label in small_labels(PRODUCTS).to_pylist()
        if not (int(label["product_id"][1:]) % 2 and label["attribute"] == "material")
    ]
    uri = write_shards(folder, small_products(PRODUCTS), pa.Table.from_pylist(labels, LABELS))
    return ShardedDataset(uri, folder, Hidden(words=("Silk",)))


def alone(folder) -> Preparation:
    return Preparation(TrainingJob("", "", str(folder), {}, 0), 0, 1)


@pytest.fixture(scope="module")
def collator(dataset, tmp_path_factory):
    shards = range(len(dataset.manifest.shards))
    tokenizer = train_tokenizer([text or "" for shard in shards for text in dataset.texts(shard, "text")], 320)
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    made = Collator(tokenizer, tiny_config(question_in="decoder", context_length=12))
    return made, tokenize_texts(dataset, made, folder, alone(folder))


def settings(negatives: float = 0.0, second_view: float | None = None, **dropout: float) -> Training:
    numbers = {"epochs": 1, "batch_size": 1, "learning_rate": 1e-3, "warmup_steps": 0, "max_grad_norm": 1.0}
    return Training(**numbers, negatives=negatives, second_view=second_view, source_dropout=SourceDropout(**dropout))


def items(dataset, config, rows, draw, **how):
    pixels = image_buffer(config, len(rows))
    reader = ImageReader("train")
    slots = (slots_of(pixels, index) for index in range(len(rows)))
    return [item_of(dataset, row, config, 0, draw, reader, own, **how) for row, own in zip(rows, slots, strict=True)]


def tensors(batch) -> dict[str, torch.Tensor]:
    own = {name: value for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
    for index, source in enumerate(batch.sources):
        assert isinstance(source, Source)
        own |= {f"{index} {name}": value for name, value in vars(source).items() if isinstance(value, torch.Tensor)}
    return own


@pytest.mark.parametrize("negatives", [0.0, 0.6])
def test_a_batch_from_cut_texts_is_that_from_the_texts_themselves(dataset, collator, negatives):
    made, tokens = collator
    rows = dataset.rows("train").tolist()
    nothing = made.encode([""])[0]
    kinds = set()
    for draw in range(3):
        fast = items(dataset, made.config, rows, draw, tokens=tokens, training=settings(negatives))
        slow = items(dataset, made.config, rows, draw, training=settings(negatives))
        one, other = tensors(made(fast)), tensors(made(slow))
        assert one.keys() == other.keys() > {"labels", "decoder_ids", "question_ids"}
        for name in one:
            assert torch.equal(one[name], other[name]), name
        for row, item in zip(rows, fast, strict=True):
            text = item.sources[made.config.sources.index("text")]
            blanked = isinstance(text, str)
            kinds.add("blanked" if blanked else "asked" if len(item.questions) > len(dataset.values(row)) else "plain")
            expected = nothing if blanked else made.encode([dataset[row].context])[0]
            assert (made.encode([text])[0] if blanked else text.tolist()) == expected
            assert blanked == (set(item.answers) == {""})
    assert kinds == ({"plain", "asked", "blanked"} if negatives else {"plain"})


def test_a_negative_question_is_one_that_the_products_type_never_has(dataset, collator):
    made, tokens = collator
    found = items(dataset, made.config, dataset.rows("train").tolist(), 0, tokens=tokens, training=settings(1.0))
    assert dataset.not_applicable == {"saree": ["material"], "shirt": []}
    for row, item in zip(dataset.rows("train").tolist(), found, strict=True):
        given = dict(zip(item.questions, item.answers, strict=True))
        if isinstance(item.sources[made.config.sources.index("text")], str):
            assert given == dict.fromkeys(dataset.values(row), "")
        elif dataset.product_type(row) == "saree":
            assert given["material"] == "" != given["color"]
        else:
            assert "" not in given.values()


def test_a_text_that_is_known_is_not_read_again(dataset, collator, monkeypatch):
    """Whatever is asked beside it: putting a product's text together takes longer than all else of its item."""
    made, tokens = collator

    def read_whole(self, row):
        raise AssertionError(f"product {row} was read whole")

    monkeypatch.setattr(ShardedDataset, "__getitem__", read_whole)
    assert (
        len(items(dataset, made.config, dataset.rows("train").tolist(), 0, tokens=tokens, training=settings(0.5))) == 36
    )
    with pytest.raises(AssertionError, match="was read whole"):
        items(dataset, made.config, [2], 0)


def test_a_blanked_product_shows_no_image(dataset, collator):
    made, tokens = collator
    found = items(dataset, made.config, dataset.rows("train").tolist(), 0, tokens=tokens, training=settings(1.0))
    place = made.config.sources.index("image")
    blanked = [item for item in found if set(item.answers) == {""}]
    assert blanked
    assert all(item.sources[place] is None for item in blanked)
    assert not np.all([item.sources[place] is None for item in found])


def test_source_dropout_hides_one_source_of_some_products_by_seed(dataset, collator):
    made, tokens = collator
    rows = dataset.rows("train").tolist()
    training = settings(text=0.3, image=0.2, description=0.3)
    text, image = (made.config.sources.index(kind) for kind in ("text", "image"))
    counts = dict.fromkeys(("text", "image", "description", "nothing"), 0)
    for draw in range(10):
        plain = items(dataset, made.config, rows, draw, tokens=tokens)
        found = items(dataset, made.config, rows, draw, tokens=tokens, training=training)
        for row, before, item in zip(rows, plain, found, strict=True):
            assert (item.questions, item.answers) == (before.questions, before.answers)
            seen = [isinstance(item.sources[text], str), item.sources[image] is None]
            if before.sources[image] is None:
                assert seen[1]
                assert len(item.sources[text])  # a product is never shown with nothing
            elif not len(item.sources[text]):
                counts["text"] += 1
                assert not seen[1]
            elif seen[1]:
                counts["image"] += 1
                assert not seen[0]
            elif seen[0]:
                counts["description"] += 1
                assert item.sources[text] == dataset[row].text.of_source("text", title_alone=True)
            else:
                counts["nothing"] += 1
    total = sum(counts.values())
    for kind, share in (("text", 0.3), ("image", 0.2), ("description", 0.3), ("nothing", 0.2)):
        assert abs(counts[kind] / total - share) < 0.08, counts
    again = items(dataset, made.config, rows, 3, tokens=tokens, training=training)
    once = items(dataset, made.config, rows, 3, tokens=tokens, training=training)
    for a, b in zip(tensors(made(again)).values(), tensors(made(once)).values(), strict=True):
        assert torch.equal(a, b)


def test_a_blanked_product_stays_blank_whatever_is_hidden_of_others(dataset, collator):
    made, tokens = collator
    training = settings(1.0, description=1.0)
    found = items(dataset, made.config, dataset.rows("train").tolist(), 0, tokens=tokens, training=training)
    blanked = [item for item in found if set(item.answers) == {""}]
    assert blanked
    assert all(item.sources[made.config.sources.index("text")] == "" for item in blanked)


def test_the_second_view_is_the_image_alone_or_title_and_image(dataset, collator):
    made, tokens = collator
    rows = dataset.rows("train").tolist()
    training = settings(1.0, second_view=0.4, text=0.5, image=0.5)
    text, image = (made.config.sources.index(kind) for kind in ("text", "image"))
    alone, with_image = 0, 0
    for draw in range(10):
        plain = items(dataset, made.config, rows, draw, tokens=tokens)
        found = items(dataset, made.config, rows, draw, tokens=tokens, training=training, second=True)
        for row, before, item in zip(rows, plain, found, strict=True):
            assert (item.questions, item.answers) == (before.questions, before.answers)  # nor a negative
            assert (item.sources[image] is None) == (before.sources[image] is None)
            if before.sources[image] is None or item.sources[text]:
                assert item.sources[text] == dataset[row].text.of_source("text", title_alone=True)
            with_image += before.sources[image] is not None
            alone += item.sources[text] == ""
    assert abs(alone / with_image - 0.4) < 0.08


NAMED = ("image", "image.2", "text.title", "text.bullets", "text.description")


@pytest.fixture(scope="module")
def named(tmp_path_factory, collator):
    """Products of two images whose texts are apart; p4 has a broken second image, every fifth no description."""
    folder = tmp_path_factory.mktemp("named")
    uri = write_shards(folder, with_second_images(small_products(PRODUCTS)), small_labels(PRODUCTS))
    dataset = ShardedDataset(uri, folder)
    made = Collator(collator[0].tokenizer, tiny_config(question_in="decoder", context_length=12, sources=NAMED))
    tokenizer = tmp_path_factory.mktemp("tokenizer")
    made.tokenizer.save_pretrained(tokenizer)
    return dataset, made, tokenize_texts(dataset, made, tokenizer, alone(tokenizer))


def test_named_sources_are_the_products_own_images_and_texts(named):
    dataset, made, tokens = named
    rows = [*dataset.rows("train").tolist(), *dataset.rows("test").tolist()]
    found = items(dataset, made.config, rows, 0, tokens=tokens)
    for row, item in zip(rows, found, strict=True):
        product, shown = dataset[row], dict(zip(NAMED, item.sources, strict=True))
        second = product.images[1] if len(product.images) > 1 and row != 4 else None
        for name, data in (("image", product.image), ("image.2", second)):
            assert (shown[name] is None) == (data is None)
            assert data is None or np.array_equal(np.asarray(shown[name]), decode_image(data, 32))
        text = {
            "text.title": f"IN | shirt | {product.title}",
            "text.bullets": product.bullet_points[0],
            "text.description": product.description.strip() or None,
        }
        for name, own in text.items():
            assert (shown[name] is None) == (own is None)
            assert own is None or shown[name].tolist() == made.encode([own])[0]
    batch = made(found)
    assert [source.mask.shape[0] for source in batch.sources] == [len(rows)] * 5
    there = [source.mask if source.mask.dim() == 1 else source.mask.any(1) for source in batch.sources]
    assert [mask.tolist() for mask in there] == [
        [item.sources[index] is not None for item in found] for index in range(5)
    ]
    slow = tensors(made(items(dataset, made.config, rows, 0)))
    assert all(torch.equal(value, slow[name]) for name, value in tensors(batch).items())


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        ({"image": 1.0}, {"text.title", "text.bullets", "text.description"}),
        ({"text": 1.0}, {"image", "image.2"}),
        ({"description": 1.0}, {"image", "image.2", "text.title"}),
    ],
)
def test_what_is_hidden_is_hidden_in_all_sources_of_its_kind(named, hidden, left):
    dataset, made, tokens = named
    rows = [row for row in dataset.rows("train").tolist() if dataset.image(row) or dataset.image(row, 1)]
    plain = items(dataset, made.config, rows, 0, tokens=tokens)
    found = items(dataset, made.config, rows, 0, tokens=tokens, training=settings(**hidden))
    for before, item in zip(plain, found, strict=True):
        for name, was, now in zip(NAMED, before.sources, item.sources, strict=True):
            assert (now is None) == (was is None or name not in left)


def test_a_product_that_shows_nothing_has_an_empty_title(named):
    dataset, made, tokens = named
    found = items(dataset, made.config, dataset.rows("train").tolist(), 0, tokens=tokens, training=settings(1.0))
    found = [item for item in found if set(item.answers) == {""}]
    assert found
    assert all(item.sources == [None, None, "", None, None] for item in found)
    assert made(found).sources[2].mask.any(1).all()
    assert not made(found).sources[4].mask.any()


def test_a_product_with_less_text_shows_its_title_or_nothing(dataset):
    sources = ("image", "text", "text.description")
    row = next(row for row in dataset.rows("train").tolist() if dataset[row].text.description)
    text = dataset[row].text
    item = ModelInput(["image", text.of_source("text"), text.of_source("text.description")], ["color"], ["Red"])
    title = with_less_text(dataset, row, item, sources, title=True)
    assert title.sources == ["image", text.of_source("text", title_alone=True), None]
    nothing = with_less_text(dataset, row, item, sources, title=False)
    assert nothing.sources == ["image", None, None]
    alone = with_less_text(dataset, row, ModelInput(["whole"], ["color"], ["Red"]), ("text",), title=False)
    assert alone.sources == [""]
    assert (title.questions, title.answers) == (item.questions, item.answers)
