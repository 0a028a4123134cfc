"""Siblings have what they have in common from one bank, place by place."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.sharing import shared
from heredity.errors import InputError
from heredity.store.blobs import BlobStore, Part
from heredity.testing.organisms import founder, halved, masked
from heredity.variation.deepening import Deepening
from heredity.variation.growth import Widening
from heredity.variation.operator import Organism


def siblings_of(parent: Organism) -> list[Organism]:
    """Its offspring by every growth that leaves what is there as it is, and one of those grown twice."""
    deeper = Deepening("stage2.1.conv1", 4, "after", 4, (1, 3, 0), norm=True).conceive([parent], 4)
    return [
        parent,
        Deepening("stage1.1.conv1", 1, "beside", 4).conceive([parent], 1),
        Widening("conv1", 4, 2).conceive([parent], 2),
        Widening("stage2.0.conv1", 6, 3, "netmorph").conceive([parent], 3),
        deeper,
        Widening("stage2.1.conv1.grown4.branches.1.expand", 2, 5).conceive([deeper], 5),
    ]


@pytest.mark.parametrize("made", [founder, lambda name: halved(founder(name)), lambda name: masked(founder(name))])
def test_each_sibling_is_its_part_of_the_bank(made) -> None:
    siblings = siblings_of(made("resnet20"))
    sharing = shared([sibling.genome for sibling in siblings])
    bank = sharing.bank([sibling.tensors for sibling in siblings])
    places: set[int] = set()
    for k, sibling in enumerate(siblings):
        index = sharing.index(k)
        assert index.keys() == anatomy_of(sibling.genome).parameters
        assert all(torch.equal(bank[at], sibling.tensors[name]) for name, at in index.items())
        own = {place for at in index.values() for place in at.flatten().tolist()}
        assert len(own) == sum(at.numel() for at in index.values()), "nobody has a place twice"
        places |= own
    nobodys = sorted(set(range(len(bank))) - places)
    assert len(nobodys) < 0.02 * len(bank), "where what one has alone would meet what another has alone"
    assert not bool(bank[nobodys].any())


def test_what_siblings_have_in_common_is_there_once() -> None:
    siblings = siblings_of(founder("resnet20"))
    sharing = shared([sibling.genome for sibling in siblings])
    places = [{place for at in sharing.index(k).values() for place in at.flatten().tolist()} for k in range(6)]
    assert all(places[0] <= other for other in places[1:])
    assert places[4] <= places[5]
    for k, other in ((1, 2), (2, 3), (3, 4)):
        assert places[k] & places[other] == places[0]


def test_siblings_that_disagree_are_refused() -> None:
    parent = founder("resnet20")
    other = Widening("conv1", 4, 9, "net2wider").conceive([parent], 1)
    sharing = shared([parent.genome, other.genome])
    with pytest.raises(InputError, match=r"the same values where they share; came others in .* of sibling 2"):
        sharing.bank([parent.tensors, other.tensors])


def test_an_identity_that_not_all_have_is_refused() -> None:
    parent = founder("lenet5")
    other = Deepening("relu1", 4, "identity").conceive([parent], 0)
    assert shared([other.genome, other.genome]).names[0]
    with pytest.raises(InputError, match=r"weights read the same; came an identity at relu1 that not all have"):
        shared([parent.genome, other.genome])


def test_siblings_of_unlike_ancestors_are_refused() -> None:
    with pytest.raises(InputError, match="siblings of one ancestor"):
        shared([founder("lenet5").genome, founder("resnet20").genome])


def test_a_litter_of_ten_takes_little_room(tmp_path: Path) -> None:
    """With four fifths in common it takes less than two fifths of what ten take that are stored alone; bit for bit."""
    parent = founder("resnet20")
    parent = Organism(parent.genome, {name: tensor.float() for name, tensor in parent.tensors.items()})
    siblings, birth = [parent], 1
    while len(siblings) < 10:
        siblings.append(Widening(f"stage3.{birth % 3}.conv1", 46 + 2 * (birth % 2), birth).conceive([parent], birth))
        birth += 1
    own = [sum(tensor.numel() for tensor in sibling.tensors.values()) for sibling in siblings]
    assert 0.75 < own[0] / (sum(own[1:]) / 9) < 0.85, "what they have in common"
    sharing = shared([sibling.genome for sibling in siblings])
    bank = sharing.layout.split(sharing.bank([sibling.tensors for sibling in siblings]))
    parts = [
        Part({n: t for n, t in sibling.tensors.items() if n not in names}, {}, names, plan)
        for sibling, names, plan in zip(siblings, sharing.names, sharing.plans, strict=True)
    ]
    alone, together = BlobStore(tmp_path / "alone"), BlobStore(tmp_path / "together")
    for sibling in siblings:
        alone.put(sibling.tensors)
    digests = together.put_litter(bank, (), parts)
    for sibling, digest in zip(siblings, digests, strict=True):
        tensors, masks, moments = together.get(digest)
        assert tensors.keys() == sibling.tensors.keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in sibling.tensors.items())
        assert not masks
        assert not moments
    sizes = [sum(path.stat().st_size for path in store.folder.iterdir()) for store in (together, alone)]
    assert sizes[0] <= 0.4 * sizes[1], f"{sizes[0]:,} of {sizes[1]:,} bytes, {math.prod((100, sizes[0])) // sizes[1]} %"
