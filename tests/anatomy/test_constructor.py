from __future__ import annotations

import textwrap
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from heredity.anatomy import constructor
from heredity.anatomy.body import ancestor
from heredity.anatomy.constructor import INSTANCE, Constructor, describe, find_model, provide, resolve, structure_of
from heredity.anatomy.inputs import InputForm
from heredity.errors import InputError, ModelError
from heredity.testing.refusals import expect_one_line
from heredity.zoo import ZOO

OFFERED = {"input_shape": (1, 8, 8), "n_classes": 4}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "networks.py"
    path.write_text(
        textwrap.dedent("""
        from torch import nn

        def small(n_classes, width=3):
            return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, n_classes))

        def shaped(input_shape):
            assert isinstance(input_shape, tuple)
            return nn.Linear(input_shape[-1], 2)

        def text():
            return "a network"

        def broken():
            raise RuntimeError("two\\nlines")

        number = 3
        """)
    )
    return path


def through_json(made: Constructor) -> Constructor:
    return msgspec.json.decode(msgspec.json.encode(made), type=Constructor)


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_named_and_built_again(name: str) -> None:
    shape = (1, 28, 28)
    made = describe(name, {"input_shape": shape, "n_classes": 4})
    network = through_json(made).build()
    assert network.eval()(torch.zeros(2, *shape)).shape[:2] == (2, 4)
    assert structure_of(network) == made.structure


def test_references_to_modules_and_files(file: Path) -> None:
    made = through_json(describe("heredity.zoo.lenet:lenet_300_100", OFFERED))
    assert made.build().fc3.out_features == 4
    mine = through_json(describe(f"{file}:small", OFFERED))
    assert mine.keywords == {"n_classes": 4}, "only what the signature names"
    assert [tuple(p.shape) for p in mine.build().parameters()] == [(3, 64), (3,), (4, 3), (4,)]
    assert through_json(describe(f"{file}:shaped", OFFERED)).build().in_features == 8, "lists are tuples again"


def test_networks_of_torchvision_and_timm_are_recorded_with_their_package() -> None:
    offered = {"input_shape": (3, 32, 32), "n_classes": 4, "vocabulary": None}
    made = through_json(describe("squeezenet1_1", offered))
    assert made.reference == "torchvision/squeezenet1_1"
    assert made.keywords == {"input_shape": [3, 32, 32], "n_classes": 4}
    assert structure_of(made.build()) == made.structure
    assert find_model("timm/resnet10t")[0] == "timm/resnet10t"
    with pytest.raises(ModelError) as caught:
        describe("squeezenet1_1", {"input_shape": (1, 8, 8), "n_classes": 4})
    expect_one_line(caught, "images of 3 channels", "(1, 8, 8)")


def test_building_follows_the_random_state_and_describing_leaves_it(file: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    made = describe(f"{file}:small", OFFERED)
    assert torch.equal(torch.get_rng_state(), before)
    one = made.build()
    torch.manual_seed(3)
    two, three = made.build(), made.build()
    assert torch.equal(one[1].weight, two[1].weight)
    assert not torch.equal(two[1].weight, three[1].weight)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("lenet", ("'lenet'", "did you mean 'lenet5'?", "resnet20", "file.py:callable")),
        ("nothing-like-it", ("'nothing-like-it'", "lenet-300-100")),
        ("resnet181", ("did you mean 'resnet18'?", "names of torchvision and timm work too")),
        ("timm/resnet181", ("did you mean 'timm/resnet18'?",)),
        ("torchvision/", ("'torchvision/'",)),
        ("lenet5:", ("lenet5",)),
        ("no.such.module:net", ("no.such.module", "ModuleNotFoundError")),
        ("heredity.zoo.lenet:lenet_5", ("'lenet_5'", "did you mean 'lenet5'?")),
        ("no_such_file.py:net", ("no_such_file.py", "FileNotFoundError")),
    ],
)
def test_unknown_names_list_what_is_known(reference: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        describe(reference, OFFERED)
    expect_one_line(caught, *words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smal", ("'smal'", "did you mean 'small'?")),
        ("number", ("'number'",)),
        ("text", ("nn.Module", "a str")),
        ("broken", ("RuntimeError: two lines",)),
    ],
)
def test_files_without_a_network(file: Path, name: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        describe(f"{file}:{name}", OFFERED)
    expect_one_line(caught, *words)


def test_a_file_that_does_not_import(file: Path) -> None:
    file.write_text("import torch\nthis is no Python")
    with pytest.raises(InputError) as caught:
        describe(f"{file}:small", OFFERED)
    expect_one_line(caught, str(file), "SyntaxError")


def test_a_changed_file_is_refused(file: Path) -> None:
    made = describe(f"{file}:small", OFFERED)
    file.write_text(file.read_text() + "\n# only a comment\n")
    with pytest.raises(ModelError) as caught:
        made.build()
    expect_one_line(caught, str(file), "changed")


def test_another_network_under_the_same_name_is_refused() -> None:
    made = describe("lenet-300-100", OFFERED)
    with pytest.raises(ModelError) as caught:
        msgspec.structs.replace(made, keywords={"input_shape": (1, 8, 8), "n_classes": 5}).build()
    expect_one_line(caught, "lenet-300-100")


class TestInstances:
    def test_a_module_is_handed_over_once_a_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constructor, "_provided", {})
        module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        made = through_json(describe(module, OFFERED))
        assert made.reference == INSTANCE
        built = made.build()
        assert built is not module
        assert torch.equal(built[0].weight, module[0].weight)
        with torch.no_grad():
            built[0].weight.zero_()
        assert module[0].weight.abs().sum() > 0, "copies are the run's, the module is the user's"
        monkeypatch.setattr(constructor, "_provided", {})
        with pytest.raises(ModelError) as caught:
            made.build()
        expect_one_line(caught, "hand it over again")
        provide(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)))
        with pytest.raises(ModelError):
            made.build()
        provide(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))
        assert structure_of(made.build()) == structure_of(module)

    def test_networks_of_equal_tensors_are_told_apart_by_their_options(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constructor, "_provided", {})
        first, second = (provide(nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(slope))) for slope in (0.01, 1.0))
        assert [made.build()[1].negative_slope for made in (first, second)] == [0.01, 1.0]

    def test_the_last_one_handed_over_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Networks of the same layers may still compute differently: their strides, their forward pass."""
        monkeypatch.setattr(constructor, "_provided", {})
        form = InputForm((1, 9, 9))
        for stride, extent in ((1, 7), (2, 4)):
            module = nn.Sequential(nn.Conv2d(1, 4, 3, stride=stride), nn.Conv2d(4, 2, 1), nn.Flatten())
            assert ancestor(describe(module, {}), form).anatomy.outputs == (2 * extent * extent,)

    def test_a_callable_is_called_with_what_it_names(self) -> None:
        made = describe(lambda n_classes: nn.Linear(3, n_classes), OFFERED)
        assert made.build().out_features == 4
        with pytest.raises(ModelError) as caught:
            describe(lambda: "nothing", OFFERED)
        expect_one_line(caught, "a str")


def test_structure_sees_types_names_and_shapes() -> None:
    networks = [
        nn.Sequential(nn.Linear(3, 4), nn.ReLU()),
        nn.Sequential(nn.Linear(3, 4), nn.Tanh()),
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
        nn.Sequential(nn.ReLU(), nn.Linear(3, 4)),
        nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU()),
    ]
    assert len({structure_of(network) for network in networks}) == len(networks)
    assert structure_of(networks[0]) == structure_of(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))


def test_a_known_name_goes_before_a_path() -> None:
    assert resolve("a:b", "data", {"a:b": len}) == (len, "")


def test_neighbours_of_a_file_are_imported(tmp_path: Path) -> None:
    (tmp_path / "heredity_test_neighbour.py").write_text("from torch import nn\nWIDTH = 7\n")
    (tmp_path / "main_network.py").write_text(
        "from torch import nn\nfrom heredity_test_neighbour import WIDTH\ndef net():\n    return nn.Linear(WIDTH, 2)\n"
    )
    assert describe(f"{tmp_path}/main_network.py:net", {}).build().in_features == 7
