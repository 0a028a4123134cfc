from __future__ import annotations

import pytest
import torch
from torch import nn

from heredity.zoo import ZOO
from heredity.zoo.lenet import lenet5, lenet5_synthesis


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
    ],
)
def test_sizes_of_the_literature(name: str, shape: tuple[int, ...], expected: int) -> None:
    assert weights(ZOO[name](input_shape=shape, n_classes=10)) == expected


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
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_images_to_logits(name: str, shape: tuple[int, ...]) -> None:
    network = ZOO[name](input_shape=shape, n_classes=7).eval()
    x = torch.rand(3, *shape)
    with torch.no_grad():
        logits = network(x)
        assert logits.shape == (3, 7)
        assert logits.std() > 0
        assert torch.allclose(network(x[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("extent", "kernel"), [(8, 3), (19, 3), (20, 5), (28, 5)])
def test_lenet5_adapts_to_small_images(extent: int, kernel: int) -> None:
    network = lenet5((1, extent, extent), 10)
    assert network.conv1.kernel_size == (kernel, kernel)
    assert network(torch.rand(1, 1, extent, extent)).shape == (1, 10)
