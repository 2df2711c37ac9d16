"""Training a network's last stage alone, over features that are computed once."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from moemoe.errors import ConfigError
from moemoe.recipes import load_recipe
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.last_stage import before_last_stage, channels_before, last_stage
from moemoe.vision.weights import create_timm, load_backbone_weights
from tests.support.small_model import TINY_RESNET

LAST = ImageConfig(name="tf_efficientnet_lite0", size=64, pretrained="package", trained="last", color_levels=2)


def encoder_of(config: ImageConfig) -> ImageEncoder:
    torch.manual_seed(0)
    encoder = ImageEncoder(config, 24)
    load_backbone_weights(encoder.backbone, config)
    return encoder.train()


def images(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def trained(config: ImageConfig = LAST) -> ImageEncoder:
    """After one large step."""
    encoder = encoder_of(config)
    encoder(images()).square().sum().backward()
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.grad is not None:
                parameter -= 0.01 * parameter.grad.sign()
    return encoder


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "efficientnet_b0", "mobilenetv2_050", "mnasnet_small"])
def test_the_two_parts_are_the_whole_network(name):
    network = create_timm(ImageConfig(name=name), pretrained=False).eval()
    x_I3HW = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        before_IERR = before_last_stage(network, x_I3HW)
        assert before_IERR.shape[1] == channels_before(network)
        assert torch.equal(last_stage(network, before_IERR), network.forward_features(x_I3HW))


def test_before_training_it_sees_what_the_frozen_encoder_sees():
    last, frozen = encoder_of(LAST), encoder_of(replace(LAST, trained="none"))
    assert last.shape == (4, 192 + 48 + 8)
    assert frozen.shape == (4, 1280 + 48 + 8)
    assert torch.allclose(last(images()), frozen(images()), atol=5e-3)  # half precision, before or after the last stage
    assert torch.allclose(last.summary(last.features(images())), frozen.summary(frozen.features(images())), atol=2e-2)


def test_only_the_last_stage_moves_and_features_stay_the_same_bits():
    before, after = encoder_of(LAST), trained()
    moved = {
        name
        for (name, one), other in zip(before.backbone.named_parameters(), after.backbone.parameters(), strict=True)
        if not torch.equal(one, other)
    }
    assert {name.split(".")[0] for name in moved} == {"blocks", "conv_head", "bn2"}
    assert all(name.startswith("blocks.6.") for name in moved if name.startswith("blocks"))
    assert all(map(torch.equal, before.backbone.buffers(), after.backbone.buffers()))  # BatchNorm keeps its statistics
    assert torch.equal(before.features(images()), after.features(images()))
    assert before.fingerprint == after.fingerprint
    assert not torch.allclose(before(images()), after(images()), atol=0.1)


def test_images_and_their_features_give_the_same_bits_after_training(tmp_path):
    encoder = trained().eval()
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    again = ImageEncoder(LAST, 24).eval()
    again.features(images())  # folds the weights of before
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(images()), encoder(encoder.features(images())))


def test_its_features_are_not_taken_for_those_of_the_frozen_encoder():
    last, frozen = encoder_of(LAST), encoder_of(replace(LAST, trained="none"))
    assert last.fingerprint != frozen.fingerprint
    with pytest.raises(ConfigError, match="image features have 1336 numbers a patch; tf_efficientnet_lite0 has 248"):
        last(frozen.features(images()))


def test_another_network_is_trained_without_features(tmp_path):
    config = ImageConfig(name="resnet18", size=64, options=TINY_RESNET)
    save_file(create_timm(config, pretrained=False).state_dict(), tmp_path / "weights.safetensors")
    config = replace(config, pretrained=str(tmp_path / "weights.safetensors"), trained="last")
    assert not encoder_of(config).has_features
    settings = f"image.name=resnet18, image.options={TINY_RESNET}, image.size=64, image.pretrained={config.pretrained}"
    with pytest.raises(ConfigError, match=r"resnet18 has no last stage to train alone; set image\.trained=none"):
        load_recipe("image-classifier", settings=settings).check()
