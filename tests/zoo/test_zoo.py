from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heredity.errors import ModelError
from heredity.zoo import ZOO, defaults
from heredity.zoo.convnext import ConvNeXt
from heredity.zoo.densenet import DenseNet
from heredity.zoo.lenet import lenet5, lenet5_synthesis
from heredity.zoo.lstm import LSTMClassifier, lstm_small
from heredity.zoo.mobilenet import MobileNetV2
from heredity.zoo.resnext import ResNeXt
from heredity.zoo.unet import UNet
from heredity.zoo.vit import VisionTransformer, vit_tiny

SHAPES = {name: defaults(make)["input_shape"] for name, make in ZOO.items()}
READ_SEQUENCES = {"lstm-small", "lenet-300-100", "acoustic-mlp", "tdnn"}
MAPS = {"unet-small"}
"""Networks that return a map of logits for every class; all others return one logit."""


def outputs(name: str, shape: tuple[int, ...], n_classes: int) -> tuple[int, ...]:
    return (n_classes, *shape[1:]) if name in MAPS else (n_classes,)


def weights(network: nn.Module, *, without: str = "nothing") -> int:
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith(without))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("lenet5-caffe", (1, 28, 28), 431_080),
        ("lenet-300-100", (1, 28, 28), 266_610),
        ("lenet5", (1, 8, 8), (9 + 1) * 6 + (54 + 1) * 16 + (64 + 1) * 120 + 121 * 84 + 85 * 10),
        ("lenet5", (1, 28, 28), (25 + 1) * 6 + (150 + 1) * 16 + (784 + 1) * 120 + 121 * 84 + 85 * 10),
        ("resnet20", (3, 32, 32), 272_474),  # He et al.: .27 M; 269,722 there, projections add 2,560 and 192 of norms
        ("resnet56", (3, 32, 32), 853_018 + 2_560 + 192),  # He et al.: .85 M
        ("vgg16-bn", (3, 32, 32), 14_728_266 - 4_224),  # of the usual CIFAR form; its convolutions have biases
        ("densenet-cifar", (3, 32, 32), 176_122),
        ("mobilenetv2-cifar", (3, 32, 32), 3_504_872 - 1_281 * 990),  # of the paper's, with 990 classes less
        ("alexnet-cifar", (3, 32, 32), 932_032 + 2049 * 512 + 513 * 512 + 513 * 10),
    ],
)
def test_sizes_of_the_literature(name: str, shape: tuple[int, ...], expected: int) -> None:
    with torch.device("meta"):
        assert weights(ZOO[name](input_shape=shape, n_classes=10)) == expected


@pytest.mark.parametrize("name", [name for name in ZOO if not name.startswith("lenet")])
def test_sizes_are_as_said(name: str) -> None:
    """The docstring's figure holds at the default input."""
    with torch.device("meta"):
        assert f"{weights(ZOO[name]()):,} weights" in (inspect.getdoc(ZOO[name]) or "")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: DenseNet(3, 10, growth=12, layers=16), 769_162),  # DenseNet-BC 100, k = 12: .8 M
        (lambda: MobileNetV2(3, 1000, width_mult=1.0), 3_504_872),  # 3.4 M in the paper, this many in torchvision
        (lambda: ConvNeXt(3, 1000, patch=4, widths=(96, 192, 384, 768), depths=(3, 3, 9, 3)), 28_589_128),  # 29 M
        # DeiT-Ti has 5,717,416 (5.7 M), of which 2 x 192 are the class token and its position
        (
            lambda: VisionTransformer((3, 224, 224), 1000, patch=16, width=192, heads=3, depth=12),
            5_717_416 - 2 * 192,
        ),
    ],
    ids=["densenet", "mobilenet", "convnext", "vit"],
)
def test_families_at_the_sizes_of_their_papers(make: Callable[[], nn.Module], expected: int) -> None:
    """One off the zoo's sizes, where the literature has a figure for the same code."""
    with torch.device("meta"):
        assert weights(make()) == expected


def test_resnext_at_the_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        for cardinality, millions in ((8, 34.4), (16, 68.1)):  # table 7, where the second is 68.155 cut off
            network = ResNeXt(3, 10, cardinality=cardinality, width=64, outputs=256)
            assert 0 <= weights(network) / 1e6 - millions < 0.1
        assert weights(ZOO["resnext-cifar"]()) < 1.5e6


def test_the_lenet_of_the_synthesis_papers() -> None:
    """Without biases and classifier: 143,136 synapses in 7,200 kernels (METHODS A)."""
    network = lenet5_synthesis((1, 28, 28), 10)
    kernels = [m.weight for name, m in network.named_modules() if name.startswith("conv")]
    assert sum(w.numel() for w in kernels) == 143_136
    assert sum(w.shape[0] * w.shape[1] for w in kernels) == 7_200
    padded = lenet5_synthesis((1, 32, 32), 10)
    padded.load_state_dict(network.state_dict())
    images = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(network(images), padded(nn.functional.pad(images, (2, 2, 2, 2))))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("shape", [None, (1, 28, 28), (3, 32, 32)])
def test_inputs_to_logits(name: str, shape: tuple[int, ...] | None) -> None:
    """At its own default and as images, whatever it is meant for."""
    shape = shape or SHAPES[name]
    network = ZOO[name](input_shape=shape, n_classes=7).eval()
    x = torch.rand(3, *shape)
    with torch.no_grad():
        logits = network(x)
        assert logits.shape == (3, *outputs(name, shape, 7))
        assert logits.std() > 0
        assert torch.allclose(network(x[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ZOO if name not in ("lenet5-caffe", "lenet5-synthesis")])
@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 19, 13)])
def test_small_and_odd_images(name: str, shape: tuple[int, ...]) -> None:
    network = ZOO[name](input_shape=shape, n_classes=3).eval()
    with torch.no_grad():
        assert network(torch.rand(2, *shape)).shape == (2, *outputs(name, shape, 3))


@pytest.mark.parametrize("name", [name for name in ZOO if not name.startswith("lenet")])
def test_networks_learn_from_their_initialisation(name: str) -> None:
    """A few steps on a few random images: every weight has a gradient, and the loss falls."""
    torch.manual_seed(0)
    shape = (3, 8, 8)
    network = ZOO[name](input_shape=shape, n_classes=4)
    images = torch.rand(16, *shape) - 0.5
    labels = torch.arange(16).reshape(16, *(1 for _ in outputs(name, shape, 4)[1:])) % 4
    labels = labels.expand(16, *outputs(name, shape, 4)[1:])
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    losses: list[float] = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        losses.append(loss.item())
        assert not [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        optimiser.step()
    assert losses[0] < 2.5, "logits are small at first: ln 4 is 1.39"
    assert losses[-1] < 0.96 * losses[0], losses


@pytest.mark.parametrize(("extent", "kernel"), [(8, 3), (19, 3), (20, 5), (28, 5)])
def test_lenet5_adapts_to_small_images(extent: int, kernel: int) -> None:
    network = lenet5((1, extent, extent), 10)
    assert network.conv1.kernel_size == (kernel, kernel)
    assert network(torch.rand(1, 1, extent, extent)).shape == (1, 10)


class TestLSTM:
    def test_images_are_read_row_by_row(self) -> None:
        network = lstm_small((3, 4, 5), 2)
        images = torch.rand(2, 3, 4, 5)
        rows = torch.stack([images[:, :, row].flatten(1) for row in range(4)], 1)
        assert rows.shape == (2, 4, 15)
        with torch.no_grad():
            assert torch.equal(network(images), network(rows))

    def test_tokens_pass_an_embedding(self) -> None:
        network = lstm_small((6,), 3, vocabulary=11)
        tokens = torch.tensor([[0, 1, 2, 3, 4, 10], [0, 1, 2, 3, 4, 9]])
        logits = network(tokens)
        assert logits.shape == (2, 3)
        assert not torch.equal(logits[0], logits[1])
        assert isinstance(network, LSTMClassifier)
        assert tuple(network.get_parameter("embedding.weight").shape) == (11, 64)

    def test_forget_gates_begin_open(self) -> None:
        for layer in range(2):
            bias = lstm_small((4, 5), 2).get_parameter(f"lstm.bias_ih_l{layer}")
            assert torch.equal(bias == 1, torch.arange(512).div(128, rounding_mode="floor") == 1)

    @pytest.mark.parametrize("given", [{"input_shape": (6,)}, {"input_shape": (6, 5), "vocabulary": 3}])
    def test_what_is_no_sequence_is_refused(self, given: dict[str, Any]) -> None:
        with pytest.raises(ModelError, match=r"^expected sequences \(steps, features\), .*; came inputs of shape \(6,"):
            lstm_small(**given)


@pytest.mark.parametrize("name", [name for name in ZOO if name not in READ_SEQUENCES])
def test_what_is_no_image_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"^expected images of shape .*; came inputs of shape \(12, 5\); .*lstm-small"):
        ZOO[name](input_shape=(12, 5), n_classes=3)


def test_maps_look_around_but_stay_in_place() -> None:
    """What a pixel is told depends on its neighbourhood, and on both ways down and up."""
    torch.manual_seed(0)
    network = UNet(1, 2, (4, 6, 8)).eval()
    image = torch.zeros(1, 1, 32, 32)
    spot = image.clone()
    spot[..., 5, 6] = 1
    with torch.no_grad():
        changed = (network(spot) != network(image)).any(1)[0].nonzero()
    assert [5, 6] in changed.tolist()
    assert changed.max() < 31, "a local change stays local"


def test_the_order_of_patches_matters() -> None:
    network = vit_tiny((1, 8, 8), 3).eval()
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        plain, swapped = network(image), network(image.roll(4, dims=3))
        assert not torch.allclose(plain, swapped, atol=1e-5)
        network.get_parameter("positions").zero_()
        assert torch.allclose(network(image), network(image.roll(4, dims=3)), atol=1e-5), "nothing else tells places"


def test_defaults_are_the_signature() -> None:
    assert defaults(lstm_small) == {"input_shape": (28, 28), "n_classes": 10, "vocabulary": None}
    assert defaults(lambda input_shape, width=3, n_classes=4: None) == {"n_classes": 4}
    assert defaults(dict) == {}
    for name, make in ZOO.items():
        assert {"input_shape", "n_classes"} <= defaults(make).keys(), name


@pytest.mark.parametrize(
    ("name", "keywords", "expected"),
    [
        ("lenet5-caffe", {"conv1": 4, "conv2": 6, "fc1": 20, "kernel": 3}, 40 + 222 + 151 * 20 + 210),
        ("lenet-300-100", {"fc1": 7, "fc2": 5}, 785 * 7 + 8 * 5 + 6 * 10),
        ("cnn-small", {"width1": 4, "width2": 6, "width3": 8, "hidden": 10, "dropout": 0.1}, 792 + 129 * 10 + 110),
    ],
)
def test_layers_are_as_wide_as_they_are_told(name: str, keywords: dict[str, Any], expected: int) -> None:
    with torch.device("meta"):
        assert weights(ZOO[name](**keywords)) == expected


@pytest.mark.parametrize(
    ("name", "keywords"),
    [("lenet5-caffe", {"kernel": 13}), ("cnn-small", {"kernel": 4}), ("cnn-small", {"activation": "step"})],
)
def test_keywords_that_make_no_network_are_refused(name: str, keywords: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        ZOO[name](**keywords)
