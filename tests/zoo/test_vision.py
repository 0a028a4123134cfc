from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from heredity.errors import InputError, ModelError
from heredity.zoo import defaults, vision

pytest.importorskip("torchvision", reason="needs the extra vision")
pytest.importorskip("timm", reason="needs the extra vision")


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("resnet18", "torchvision/resnet18"),  # timm has one as well
        ("timm/resnet18", "timm/resnet18"),
        ("torchvision/resnet18", "torchvision/resnet18"),
        ("mobilenetv3_small_100", "timm/mobilenetv3_small_100"),
        ("r3d_18", "torchvision/r3d_18"),
        ("torchvision/mobilenetv3_small_100", None),
        ("resnet", None),
        ("lenet-5", None),
        ("alexnet.py", None),
        ("models/resnet18", None),
        ("", None),
    ],
)
def test_names(reference: str, full: str | None) -> None:
    assert vision.full_name(reference) == full


def test_names_that_might_have_been_meant() -> None:
    assert {"resnet18", "mobilenetv3_small_100"} <= set(vision.names("resnet19"))
    assert {"torchvision/resnet18", "timm/resnet18"} <= set(vision.names("timm/resnet19"))
    assert not list(vision.names("lenet-5")), "packages stay unimported where they cannot help"


class TestWithoutThePackages:
    def test_one_stands_in_for_the_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, "torchvision")
        assert vision.missing() == ["torchvision"]
        assert vision.full_name("mobilenetv3_small_100") == "timm/mobilenetv3_small_100"
        assert vision.full_name("r3d_18") is None
        assert "torchvision need pip install 'heredity[vision]'" in vision.hint()
        with pytest.raises(
            InputError, match=r"^expected torchvision to .*; came no torchvision; pip install 'heredity"
        ):
            vision.full_name("torchvision/resnet18")

    def test_neither(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, "torchvision", "timm")
        assert vision.full_name("resnet18") is None
        assert list(vision.names("resnet18")) == []
        assert "torchvision and timm need pip install" in vision.hint()

    def test_a_package_that_does_not_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(module: str) -> object:
            raise RuntimeError(f"operator of {module} does not exist")

        monkeypatch.setattr(vision, "importlib", SimpleNamespace(import_module=fails, util=vision.importlib.util))
        with pytest.raises(InputError, match=r"RuntimeError: operator of torchvision\.models .*; pip install"):
            vision.full_name("resnet18")


def test_weights_are_never_pretrained() -> None:
    with pytest.raises(InputError, match=r"came 'resnet18\.a1_in1k', .*; say torchvision/resnet18$"):
        vision.full_name("resnet18.a1_in1k")
    with pytest.raises(InputError, match=r"say timm/resnet18$"):
        vision.full_name("timm/resnet18.a1_in1k")


@pytest.mark.parametrize("name", ["timm/resnet10t", "torchvision/shufflenet_v2_x0_5"])
def test_weights_follow_the_random_state(name: str) -> None:
    make = vision.constructor(name)
    state = [(torch.manual_seed(seed), make((3, 32, 32), 3).state_dict())[1] for seed in (1, 1, 2)]
    same = [all(torch.equal(state[0][key], other[key]) for key in state[0]) for other in state[1:]]
    assert same == [True, False]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("torchvision/resnet18", (3, 32, 32)),
        ("torchvision/googlenet", (3, 32, 32)),  # which has auxiliary classifiers, and warns
        ("torchvision/r3d_18", (3, 2, 16, 16)),
        ("timm/mobilenetv3_small_050", (1, 32, 32)),
        ("timm/vit_tiny_patch16_224", (2, 48, 32)),
    ],
)
def test_shapes_and_classes_are_asked_for(name: str, shape: tuple[int, ...]) -> None:
    network = vision.constructor(name)(shape, 5).train()
    assert network(torch.rand(2, *shape)).shape == (2, 5), "one tensor, in training too"


def test_sizes_that_torchvision_wants_to_know() -> None:
    with torch.device("meta"):
        network = vision.constructor("torchvision/vit_b_32")((3, 64, 64), 5)
        assert tuple(network.get_parameter("encoder.pos_embedding").shape) == (1, 2 * 2 + 1, 768)
        with pytest.raises(ValueError, match="input size"):
            vision.constructor("torchvision/maxvit_t")((3, 32, 32), 5)


def test_segmentation_gives_maps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("weights are fetched")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    network = vision.constructor("torchvision/lraspp_mobilenet_v3_large")((3, 32, 32), 5).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 32, 32)).shape == (1, 5, 32, 32)


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "raft_small"])
def test_other_networks_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=rf"^expected a network that returns one tensor .*{name}, which .*file\.py"):
        vision.constructor(f"torchvision/{name}")


def test_channels_that_torchvision_does_not_take() -> None:
    with pytest.raises(
        ModelError, match=r"^expected images of 3 channels .*; came inputs of shape \(1, 28, 28\); .*timm"
    ):
        vision.constructor("torchvision/resnet18")((1, 28, 28), 5)


def test_default_inputs() -> None:
    assert defaults(vision.constructor("torchvision/resnet18")) == {"input_shape": (3, 224, 224), "n_classes": 1000}
    assert defaults(vision.constructor("timm/inception_v3"))["input_shape"] == (3, 299, 299)
