"""Ancestors from torchvision and timm (extra `[vision]`) by name, such as `resnet18` or `timm/mobilenetv3_small_100`.

A bare name is looked for in torchvision, then in timm; `torchvision/NAME` and `timm/NAME` say which. Weights are always
fresh. Both packages are heavy, so they are imported when one of their names is asked for, and not before.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from heredity.errors import InputError, ModelError
from heredity.zoo.parts import image_shape

PACKAGES = ("torchvision", "timm")

REMEDY = "pip install 'heredity[vision]'"
"""What to do where a package is missing."""

_NAME = re.compile(rf"(?:({'|'.join(PACKAGES)})/)?([A-Za-z]\w*)(\.(?!py$)\w+)?")

_REFUSED = {"detection": "lists of boxes", "optical_flow": "the flow between two images"}
"""Parts of torchvision whose networks do not take a batch and return a tensor."""

_PLAIN: dict[str, dict[str, Any]] = {
    # without the auxiliary classifiers that only training returns; as initialised in the papers
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


class SegmentationLogits(nn.Module):
    """A segmentation network of torchvision's, which returns a dictionary, with its maps of logits alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(n, 3, h, w)` to logits `(n, n_classes, h, w)`."""
        return self.network(images)["out"]


def missing() -> list[str]:
    """Which of the two packages are not installed."""
    return [package for package in PACKAGES if importlib.util.find_spec(package) is None]


def hint() -> str:
    """What to say to who has found nothing: that there are more names, and how to get them."""
    absent = missing()
    return f"names of {' and '.join(absent)} need {REMEDY}; " if absent else "names of torchvision and timm work too; "


def full_name(reference: str) -> str | None:
    """`package/name` of a network that torchvision or timm knows by this name; None if neither does.

    A full name means the same network wherever it is read, whatever else is installed there.

    Raises:
        InputError: the package that it names is missing; or it names pretrained weights.
    """
    if (match := _NAME.fullmatch(reference)) is None:
        return None
    asked, name, tag = match.groups()
    absent = missing()
    if asked in absent:
        raise InputError.of(f"{asked} to be installed, for {reference!r}", f"no {asked}", REMEDY)
    for package in [asked] if asked else PACKAGES:
        if package not in absent and name in _known(package):
            full = f"{package}/{name}"
            if tag:
                raise InputError.of("the name of a network", f"{reference!r}, with that of its weights", f"say {full}")
            return full
    return None


def names(reference: str) -> Iterable[str]:
    """All names that `reference` might have meant: with their packages if it has one, else bare; none without them."""
    if (match := _NAME.fullmatch(reference)) is None:
        return []
    known = {package: _known(package) for package in PACKAGES if package not in missing()}
    if match[1]:
        return [f"{package}/{name}" for package, listed in known.items() for name in listed]
    return [name for listed in known.values() for name in listed]


def constructor(full: str) -> Callable[..., nn.Module]:
    """The function `(input_shape, n_classes) -> nn.Module` that builds the network of this full name.

    Raises:
        ModelError: its networks do not take a batch of images and return one tensor.
        InputError: the package is missing, or cannot be imported.
    """
    package, _, name = full.partition("/")
    return _from_torchvision(name) if package == "torchvision" else _from_timm(name)


def _from_torchvision(name: str) -> Callable[..., nn.Module]:
    builder = _import("torchvision.models").get_model_builder(name)
    part = builder.__module__.split(".")[2]
    if part in _REFUSED:
        returned = f"torchvision's {name}, which returns {_REFUSED[part]}"
        raise ModelError.of("a network that returns one tensor for a batch", returned, "wrap it in a file.py:callable")
    takes = inspect.signature(builder).parameters
    fixed = {key: None for key in ("weights", "weights_backbone") if key in takes} | _PLAIN.get(name, {})

    def build(input_shape: tuple[int, ...] = (3, 224, 224), n_classes: int = 1000) -> nn.Module:
        if input_shape[0] != 3:
            came = f"inputs of shape {tuple(input_shape)}"
            raise ModelError.of(
                f"images of 3 channels for torchvision's {name}", came, "take one of timm's networks, or of the zoo"
            )
        network: nn.Module = builder(**fixed, **_extent(name, input_shape), num_classes=n_classes)
        return SegmentationLogits(network) if part == "segmentation" else network

    return build


def _extent(name: str, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """How torchvision's transformers are told the size of images; its other networks take any."""
    if name.startswith("vit_"):
        return {"image_size": input_shape[-1]}
    if name.startswith("maxvit_"):
        return {"input_size": input_shape[1:]}
    return {}


def _from_timm(name: str) -> Callable[..., nn.Module]:
    timm = _import("timm")
    settings = _import("timm.models").get_pretrained_cfg(name)
    shape = (3, 224, 224) if settings is None else tuple(settings.input_size)
    fixed_extent = settings is not None and settings.fixed_input_size

    def build(input_shape: tuple[int, ...] = shape, n_classes: int = 1000) -> nn.Module:
        channels, *extent = image_shape(input_shape)
        size = {"img_size": tuple(extent)} if fixed_extent else {}
        return timm.create_model(name, pretrained=False, num_classes=n_classes, in_chans=channels, **size)

    return build


def _known(package: str) -> list[str]:
    """The names of all networks of a package."""
    return _import("torchvision.models" if package == "torchvision" else "timm").list_models()


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # such as one built for another version of PyTorch
        raise InputError.of(f"{module} to be installed", f"{type(error).__name__}: {error}", REMEDY) from error
