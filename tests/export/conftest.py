"""Small networks with weights and norms that are anything but fresh, their float files, and tasks to judge them by."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import nn

from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.development.task import Split, Task, make_task
from heredity.export.onnx import to_onnx
from heredity.testing.networks import CLASSES, KINDS
from heredity.variation import Founding
from heredity.variation.operator import Organism

RGB = InputForm((3, 8, 8), (0.4, 0.5, 0.6), (0.2, 0.2, 0.3))


def organism_of(module: nn.Module, form: InputForm) -> Organism:
    """A network with the module's structure: weights are shaken, so that norms and biases do something."""
    founder = Founding(describe(module, {}), form).conceive([], 1)
    coins = torch.Generator().manual_seed(0)
    tensors = {}
    for key, t in founder.tensors.items():
        noise = torch.rand(t.shape, generator=coins)
        tensors[key] = noise + 0.5 if "running_var" in key else t * (1 + noise) + 0.01 * noise
    return Organism(founder.genome, tensors)


def without_biases() -> nn.Module:
    layers = nn.Conv2d(3, 6, 3, bias=False), nn.ReLU(), nn.Conv2d(6, 9, 3, stride=2, bias=False), nn.ReLU()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(36, CLASSES, bias=False))


def segmenting() -> nn.Module:
    """Logits for each position: `(n, classes, h, w)`."""
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, padding=1)
    return nn.Sequential(*layers, nn.ReLU(), nn.Upsample(scale_factor=2.0), nn.Conv2d(6, CLASSES, 1))


def numbers() -> nn.Module:
    """Two numbers, in the user's units."""
    return nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 2))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], InputForm]] = {
    **{name: KINDS[name] for name in ("Convolutional", "Dense", "Groups", "Heads", "Tokens")},
    "without biases": (without_biases, RGB),
    "segmenting": (segmenting, RGB),
    "numbers": (numbers, InputForm((6,), answer_mean=(3.0, -200.0), answer_std=(0.5, 40.0))),
}


@functools.cache
def organism(name: str) -> Organism:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        make, form = NETWORKS[name]
        return organism_of(make(), form)


@functools.cache
def float_file(name: str) -> bytes:
    return to_onnx(organism(name))


@functools.cache
def task(name: str) -> Task:
    """Three splits of random inputs with labels of the network's own kind."""
    form = NETWORKS[name][1]

    def split(seed: int) -> Split:
        inputs, coins = example(form, 96, seed), torch.Generator().manual_seed(seed)
        if name == "numbers":
            labels = torch.randn(96, 2, generator=coins) * torch.tensor([0.5, 40.0]) + torch.tensor([3.0, -200.0])
        else:
            labels = torch.randint(CLASSES, (96, *((8, 8) if name == "segmenting" else ())), generator=coins)
        return Split(inputs, labels)

    return make_task(name, split(1), split(2), split(3), seed=0)
