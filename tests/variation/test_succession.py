from __future__ import annotations

import pytest
import torch

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.errors import InputError
from heredity.variation import Founding, RandomRemoval, Succession
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism, weights_digest

SOUND, IMAGE = InputForm((5, 40)), InputForm((1, 16, 16))


def tdnn(scale: float = 1.0, **keywords: object) -> Succession:
    offered = {"input_shape": SOUND.shape, "n_classes": 3, "width": 6, **keywords}
    return Succession(describe("heredity.zoo.acoustic:tdnn", offered), SOUND, scale)


def lenet(**keywords: object) -> Succession:
    offered = {"input_shape": IMAGE.shape, "n_classes": 3, "conv1": 3, "conv2": 4, "fc1": 7, **keywords}
    return Succession(describe("heredity.zoo.lenet:lenet5_caffe", offered), IMAGE)


def born(operator: Succession, *parents: Organism, seed: int = 1) -> Organism:
    return operator.conceive(parents, seed)


def differ(one: Organism, other: Organism) -> set[str]:
    return {name for name in one.tensors if not torch.equal(one.tensors[name], other.tensors[name])}


def test_without_a_parent_it_is_a_founder_of_scaled_weights() -> None:
    operator = tdnn(2.0)
    child = born(operator)
    first = Founding(operator.constructor, SOUND).conceive([], 1)
    assert child.genome == first.genome
    weights = {f"layers.layer{k}.conv.weight" for k in (1, 2, 3, 4)} | {"classifier.weight"}
    assert differ(child, first) == weights
    assert all(torch.equal(child.tensors[name], 2 * first.tensors[name]) for name in weights)
    assert weights_digest(born(operator)) == weights_digest(child) != weights_digest(born(operator, seed=2))


def test_of_an_equal_parent_it_inherits_everything() -> None:
    parent = born(tdnn(), seed=5)
    before = weights_digest(parent)
    child = born(tdnn(3.0), parent)
    assert not differ(child, parent)
    assert weights_digest(parent) == before


def test_a_wider_layer_begins_with_the_narrower_ones_filters() -> None:
    parent, fresh, child = born(tdnn(), seed=5), born(tdnn(width2=9)), born(tdnn(width2=9), born(tdnn(), seed=5))
    own, theirs, new = (o.tensors["layers.layer2.conv.weight"] for o in (child, parent, fresh))
    assert own.shape == (9, 6, 3)
    assert torch.equal(own[:6], theirs)
    assert torch.equal(own[6:], new[6:])
    own, theirs, new = (o.tensors["layers.layer3.conv.weight"] for o in (child, parent, fresh))
    assert torch.equal(own[:, :6], theirs)
    assert torch.equal(own[:, 6:], new[:, 6:])
    assert torch.equal(child.tensors["layers.layer1.conv.weight"], parent.tensors["layers.layer1.conv.weight"])
    assert torch.equal(child.tensors["classifier.bias"], parent.tensors["classifier.bias"])


def test_other_kernels_and_layers_that_a_parent_lacks_are_new() -> None:
    parent = born(tdnn(), seed=5)
    assert differ(born(tdnn(splice=4), parent), parent) == {"layers.layer1.conv.weight"}
    deeper, fresh = born(tdnn(depth=5), parent), born(tdnn(depth=5))
    assert {name for name in deeper.tensors if name not in parent.tensors} == {
        name for name in deeper.tensors if name.startswith("layers.layer5.")
    }
    assert all(torch.equal(deeper.tensors[n], t) for n, t in fresh.tensors.items() if n.startswith("layers.layer5."))
    assert differ(parent, deeper) == {"classifier.weight"}, "which reads the new layer"


def test_a_flattened_map_goes_channel_by_channel() -> None:
    parent, fresh = born(lenet(conv2=6), seed=5), born(lenet())
    child = born(lenet(), parent)
    assert child.tensors["fc1.weight"].shape == (7, 4)
    assert torch.equal(child.tensors["fc1.weight"], parent.tensors["fc1.weight"][:, :4])
    other = born(lenet(kernel=3), born(lenet(), seed=5))  # whose maps are 2x2 and not one pixel
    assert other.tensors["fc1.weight"].shape == (7, 16)
    assert torch.equal(other.tensors["fc1.weight"], born(lenet(kernel=3)).tensors["fc1.weight"])
    assert not torch.equal(child.tensors["fc1.bias"], fresh.tensors["fc1.bias"])


def test_clusters_are_known_by_their_ordinals() -> None:
    """A parent that has lost some gives those that it has to the same places."""
    parent = RandomRemoval(Environment(0.5)).conceive([born(tdnn(), seed=5)], 3)
    child, fresh = born(tdnn(), parent), born(tdnn())
    kept = [ordinal for _, ordinal in parent.genome.tags["layers.layer1.conv"]]
    assert 0 < len(kept) < 6
    own, theirs = child.tensors["layers.layer1.conv.weight"], parent.tensors["layers.layer1.conv.weight"]
    assert torch.equal(own[kept], theirs)
    gone = [k for k in range(6) if k not in kept]
    assert torch.equal(own[gone], fresh.tensors["layers.layer1.conv.weight"][gone])
    assert {name: tuple(t.shape) for name, t in child.tensors.items()} == dict(anatomy_of(child.genome).shapes)


def test_another_network_has_nothing_in_common() -> None:
    child, fresh = born(tdnn(), born(lenet(), seed=5)), born(tdnn())
    assert not differ(child, fresh)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf")])
def test_a_scale_of_nothing_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="scale of new weights above 0"):
        tdnn(scale)
