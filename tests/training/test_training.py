"""Training under torchrun: one and two gloo processes, kill and resume, what each phase trains."""

import json
import os
import shutil
import signal
from dataclasses import asdict, replace

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from moemoe.batches.tokenizer import load_tokenizer, train_tokenizer
from moemoe.errors import MoEMoEError
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import Recipe, Training
from moemoe.storage import read_table
from moemoe.training import launch, trainer
from moemoe.training.job import TrainingJob
from tests.support.small_shards import (
    small_labels,
    small_products,
    small_shards,
    with_second_images,
    write_shards,
)
from tests.support.small_training import in_float64, losses, run, run_here, small_recipe, workers_of


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def unbroken(manifest, tmp_path_factory):
    return run(manifest, tmp_path_factory.mktemp("unbroken"))


@pytest.fixture(scope="module")
def dense(manifest, tmp_path_factory):
    """The folder of a run of the dense phase alone, and its weights; not to be changed."""
    folder = tmp_path_factory.mktemp("dense")
    return folder, run_here(manifest, folder, small_recipe(phases=("dense",)))[0]


def test_both_phases_run_and_the_model_learns(unbroken):
    _, events = unbroken
    assert {event["phase"] for event in events} == {"dense", "experts"}
    validation = [event["validation_cross_entropy"] for event in events if event["event"] == "epoch"]
    assert len(validation) == 4
    assert validation[-1] < validation[0]


def test_token_embeddings_have_a_rate_of_their_own(manifest, tmp_path):
    """At next to none they stay as they were drawn, for one epoch as for two; the other weights learn on."""
    models = []
    for epochs in (1, 2):
        training = replace(small_recipe().training, epochs=epochs, embedding_lr_scale=1e-9)
        recipe = small_recipe(phases=("dense",), training=training)
        models.append(run_here(manifest, tmp_path / str(epochs), recipe)[0])
    moved = {name: (models[0][name] - models[1][name]).abs().max().item() for name in models[0]}
    still = {name for name in moved if models[0][name].shape[0] == 320}
    assert len(still) == 2  # the context's and the question's
    assert all((moved[name] < 1e-7) is (name in still) for name in moved if "decoder" in name or name in still)


def test_two_processes_train_the_same_model_as_one(manifest, tmp_path):
    """Ranks have unequal numbers of targets; both phases and views, the same global batches."""
    recipe = small_recipe()
    recipe = replace(recipe, training=replace(recipe.training, second_view=0.5))
    one, one_events = in_float64(manifest, tmp_path / "one", 1, of=recipe)
    two, two_events = in_float64(manifest, tmp_path / "two", 2, of=recipe)
    assert len(losses(one_events)) > 1
    for (step, loss), (other_step, other_loss) in zip(losses(one_events), losses(two_events), strict=True):
        assert step == other_step
        assert loss == pytest.approx(other_loss, rel=1e-6)
    for name, weight in one.items():
        assert weight.dtype == torch.float64
        assert torch.allclose(two[name], weight, rtol=0, atol=1e-5), name


def test_parts_of_a_batch_add_up_to_the_batch(manifest, tmp_path):
    """Accumulation in two parts against one, dense (the load balancing loss alone depends on the parts)."""
    one, one_events = in_float64(manifest, tmp_path / "one", 1, phases=["dense"])
    two, two_events = in_float64(manifest, tmp_path / "two", 1, phases=["dense"], accumulation=2)
    assert [loss for _, loss in losses(one_events)] == pytest.approx([loss for _, loss in losses(two_events)], rel=1e-6)
    for name, weight in one.items():
        assert torch.allclose(two[name], weight, rtol=0, atol=1e-5), name


def test_four_sources_train_the_same_model_in_two_processes_and_in_parts(tmp_path):
    """Images lie in one buffer that processes and parts share out; some products lack a second one, or a text."""
    products = with_second_images(small_products(60))
    manifest = write_shards(tmp_path / "root", products, small_labels(60))
    recipe = small_recipe()
    sources = ["image", "image.2", "text.title", "text.description"]
    recipe = replace(recipe, model={**recipe.model, "sources": sources})
    recipe = replace(recipe, training=replace(recipe.training, epochs=1, second_view=0.5))
    how = [(1, 1), (2, 1), (1, 2)]
    (one, events), *others = (
        in_float64(manifest, tmp_path / f"{processes}-{parts}", processes, ["dense"], parts, recipe)
        for processes, parts in how
    )
    assert one["attention.fc.weight"].shape[0] == 4
    for weights, other_events in others:
        theirs, ours = ([loss for _, loss in losses(own)] for own in (other_events, events))
        assert theirs == pytest.approx(ours, rel=1e-6)
        for name, weight in one.items():
            assert torch.allclose(weights[name], weight, rtol=0, atol=1e-5), name


@pytest.mark.parametrize("tokenizer", ["its own", "catalog"])
def test_training_starts_from_a_t5_checkpoint(tokenizer, manifest, tmp_path):
    checkpoint = tmp_path / "t5"
    own = train_tokenizer(["Brand 3 Cotton shirt point soft color material"] * 9, 280)
    own.save_pretrained(checkpoint)
    config = T5Config(vocab_size=288, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4, dropout_rate=0.0)
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(checkpoint)
    recipe = small_recipe(phases=("dense",))
    text = {"vocab_size": 320, "pretrained": str(checkpoint)}
    recipe = replace(
        recipe, model={**recipe.model, "text": text}, tokenizer="catalog" if tokenizer == "catalog" else str(checkpoint)
    )
    _, events = run_here(manifest, tmp_path, recipe)
    model = MoEMoE.from_pretrained(tmp_path / "run" / "model")
    assert len(load_tokenizer(tmp_path / "run" / "model")) == (320 if tokenizer == "catalog" else len(own))
    assert (model.config.text.vocab_size, model.config.text.pretrained) == (
        320 if tokenizer == "catalog" else 288,
        None,
    )
    validation = [event["validation_cross_entropy"] for event in events if event["event"] == "epoch"]
    assert validation[-1] < validation[0]


def test_a_killed_training_resumes_to_the_same_bits(manifest, tmp_path, unbroken, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("OMP_DISPLAY_ENV", "verbose")  # OpenMP says how it was set

    def kill_in_the_middle(events):
        if any(event["total_step"] >= 10 for event in events):
            for pid in workers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(MoEMoEError):
        run(manifest, tmp_path, on_events=kill_in_the_middle, every=0, is_plain=True)  # a checkpoint after every step
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
    assert not (tmp_path / "run" / "model").exists()
    assert "GOMP_SPINCOUNT = '0'" in (tmp_path / "scratch" / "train.log").read_text()  # see moemoe.threads
    weights, events = run(manifest, tmp_path)
    assert losses(events) == losses(unbroken[1])
    for name, weight in unbroken[0].items():
        assert torch.equal(weights[name], weight), name


def test_a_recipe_says_how_many_threads_share_an_operation(manifest, tmp_path, monkeypatch):
    found, objective, threads = [], trainer.joint_objective, torch.get_num_threads()
    monkeypatch.setattr(
        trainer, "joint_objective", lambda *given: found.append(torch.get_num_threads()) or objective(*given)
    )
    recipe = small_recipe(phases=("dense",))
    recipe = replace(recipe, training=replace(recipe.training, epochs=1, threads=1))
    torch.set_num_threads(2)
    try:
        run_here(manifest, tmp_path, recipe)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(found) == {1}


def test_the_experts_phase_trains_experts_and_routers_alone(dense, unbroken):
    _, dense = dense
    full, _ = unbroken
    for name, weight in dense.items():
        if "decoder.stack.block.1.layer.2.DenseReluDense" in name:
            assert name not in full  # became experts
        else:
            assert torch.equal(full[name], weight), name
    layer = "decoder.stack.block.1.layer.2.DenseReluDense"
    parent = dense[f"{layer}.wi.weight"].T
    assert any(not torch.equal(expert, parent) for expert in full[f"{layer}.wi_EDF"])


def test_images_that_do_not_decode_are_quarantined_counted_and_named(tmp_path):
    """A training product's and a validation product's; the run goes on without these images."""
    manifest = small_shards(tmp_path / "root", cut_short=(2, 6))
    _, events = run_here(manifest, tmp_path, small_recipe(phases=("dense",)))
    assert [event["images"] for event in events if event["event"] == "quarantined"] == [2]
    quarantine = read_table(str(tmp_path / "run" / "quarantine-train.parquet")).to_pylist()
    assert sorted((row["product_id"], row["stage"], row["reason"]) for row in quarantine) == [
        ("p2", "train", "image does not decode"), ("p6", "train", "image does not decode"),
    ]  # fmt: skip
    assert "truncated" in quarantine[0]["detail"]


def test_a_checkpoint_of_another_recipe_is_refused(manifest, tmp_path, dense):
    shutil.copytree(dense[0] / "run", tmp_path / "run")
    with pytest.raises(MoEMoEError, match="is of another recipe"):
        run(manifest, tmp_path, recipe=small_recipe(load_balancing_weight=0.5))


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_products(manifest, tmp_path):
    wild = Training(epochs=2, batch_size=6, learning_rate=1e30, warmup_steps=0, max_grad_norm=1e30)
    with pytest.raises(MoEMoEError, match=r"not finite at step \d+ \(products p\d+"):
        run(manifest, tmp_path, recipe=small_recipe(training=wild))


def test_more_processes_than_the_machine_has_are_refused():
    with pytest.raises(MoEMoEError, match=r"nproc is 999; this machine has \d+ (GPUs|cores)"):
        launch.check_processes(999)


def test_a_job_survives_its_file(manifest, tmp_path):
    job = TrainingJob(manifest, "run", str(tmp_path), small_recipe().to_dict(), 0)
    again = TrainingJob(**json.loads(json.dumps(asdict(job))))
    assert json.dumps(Recipe.from_dict(again.recipe).to_dict()) == json.dumps(small_recipe().to_dict())
