from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import torch

from heredity.anatomy.body import ancestor
from heredity.priors.mixture import Component, Mixture
from heredity.priors.reading import Setting, read
from heredity.report.facts import expected_counts, gather
from heredity.report.records import Facts, Failure, FixedPart, Spread
from heredity.run.run import Run
from heredity.run.targets import Targets

from .conftest import FAMILIES, regularised, somebody, told


@pytest.fixture(scope="module")
def whole(finished: Run) -> Facts:
    return gather(finished)


class TestAFinishedRun:
    def test_members_are_as_front_json_has_them(self, finished: Run, whole: Facts) -> None:
        front = json.loads(finished.folder.front_json.read_text())
        people = {portrait.id: portrait for portrait in whole.individuals}
        assert list(whole.front) == [row["id"] for row in front["members"]]
        assert len(people) == 7
        for row in (front["ancestor"], *front["members"]):
            one = people[row["id"]]
            assert one.measures == {name: row[name] for name in one.measures}
            assert one.measures.keys() >= {"params", "macs", "bytes", "latency_ms", "val_error", "test_error"}
            assert (one.generation, list(one.parents), one.operator) == tuple(
                row[name] for name in ("generation", "parents", "operator")
            )

    def test_shapes_are_those_of_the_members_modules(self, finished: Run, whole: Facts) -> None:
        for portrait in whole.individuals:
            if portrait.id not in whole.front:
                assert portrait.tensors == ()
                continue
            shapes = {part.name: shape for part, shape in zip(whole.anatomy.tensors, portrait.tensors, strict=True)}
            network = finished.member(portrait.id).module().network
            assert shapes == {name: tuple(p.shape) for name, p in network.named_parameters()}
            (kept,) = portrait.clusters
            assert kept == shapes["0.weight"][0]

    def test_its_head(self, finished: Run, whole: Facts) -> None:
        assert whole.title == "users.py:on_images on users.py:images"
        assert (whole.finished, whole.met, whole.cost) == (True, True, "params")
        assert whole.nearest in whole.front
        assert [msgspec.structs.astuple(c) for c in whole.ceilings] == [("params", 150)]
        assert whole.began == finished.store.began()
        assert datetime.now(UTC) - datetime.fromisoformat(whole.began) < timedelta(minutes=30)
        assert 0 < whole.elapsed < 600
        assert whole.settings["seed"] == 0

    def test_its_anatomy(self, finished: Run, whole: Facts) -> None:
        first = ancestor(finished.settings.constructor, finished.settings.inputs).anatomy
        (family,) = whole.anatomy.families
        assert (family.name, family.clusters, family.made, family.read) == ("0", 8, ("0",), ("4",))
        assert whole.anatomy.fixed == tuple(FixedPart(f.name, f.clusters, f.reason) for f in first.fixed)
        assert whole.anatomy.unknown is None


def test_who_has_grown_has_more_than_the_ancestor(grown: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heredity.report.facts.front_of", lambda individuals, _: individuals)  # all with their tensors
    facts = gather(grown)
    (family,) = facts.anatomy.families
    met = set[str]()
    for portrait in facts.individuals:
        genome = grown.member(portrait.id).individual.birth.genome
        assert portrait.clusters == (genome.sizes[family.name],)
        assert portrait.blocks == genome.blocks
        assert portrait.arisen == {name: size for name, size in genome.sizes.items() if name != family.name}
        network = grown.member(portrait.id).module().network
        shapes = {part.name: shape for part, shape in zip(facts.anatomy.tensors, portrait.tensors, strict=True)}
        shapes |= {part.name: part.shape for part in portrait.added}
        assert shapes == {name: tuple(p.shape) for name, p in network.named_parameters()}
        met |= {portrait.operator} if portrait.clusters[0] > family.clusters or portrait.arisen else set()
        assert portrait.line_size == (1 if portrait.id == "0000" else 6), "its litter, and the ancestor"
    assert met == {"widening", "deepening"}


def test_generations_are_summed_up() -> None:
    facts = told(
        [
            somebody(0, val_error=0.02, params=1000.0),
            somebody(1, [0], generation=1, val_error=0.5, params=10.0),
            somebody(2, [0], generation=1, val_error=0.1, params=500.0),
            somebody(3, [0], generation=1, val_error=0.2, params=30.0),
            somebody(4, [0], generation=1),
            somebody(5, [1], generation=2),
        ]
    )
    first, second, third = facts.generations
    assert (first.number, first.developed, first.failed, first.elapsed) == (0, 1, 0, 0)
    assert (second.developed, second.failed, second.elapsed) == (3, 1, 4)
    assert (second.error, second.cost) == (Spread(0.1, 0.2, 0.5), Spread(10.0, 30.0, 500.0))
    assert (third.developed, third.failed, third.error, third.cost) == (0, 1, None, None)


def test_failures_are_gathered_by_reason() -> None:
    facts = told(
        [
            somebody(0, val_error=0.02),
            somebody(1, [0], reason="hung"),
            somebody(2, [0], reason="diverged"),
            somebody(3, [0], reason="diverged"),
        ]
    )
    assert facts.failures == (Failure("diverged", ("0002", "0003")), Failure("hung", ("0001",)))


def test_without_the_ancestor_families_come_from_its_genome() -> None:
    facts = told([somebody(0, val_error=0.02), somebody(1, [0], families={"features.0": 3}, val_error=0.1, params=9.0)])
    assert facts.anatomy.unknown == "its file is gone"
    assert {family.name: family.clusters for family in facts.anatomy.families} == FAMILIES
    assert facts.individuals[1].clusters == (3, 0, 0)


def test_a_file_that_changed_since_costs_the_page_its_anatomy_only(finished: Run) -> None:
    constructor = msgspec.structs.replace(finished.settings.constructor, source="another")
    run = Run(finished.folder, msgspec.structs.replace(finished.settings, constructor=constructor), finished.store)
    facts = gather(run)
    assert facts.anatomy.unknown is not None
    assert "as it was when the run began" in facts.anatomy.unknown
    assert len(facts.individuals) == 7


def test_norms_of_groups_are_told_through_a_training() -> None:
    first, one = told([somebody(0, val_error=0.01), regularised(1)]).individuals
    assert first.prior is None
    assert one.prior is not None
    assert (one.prior.share, one.prior.progress) == (0.6, (0.0, 0.5, 1.0))
    (mixture,) = one.prior.mixtures
    assert (mixture.family, mixture.thresholds) == ("", (1.0, 0.7, 0.7))
    assert [sum(counts) for counts in mixture.counts] == [100, 100, 100]
    assert mixture.counts[-1][0] == 60
    assert len(mixture.curves) == 3
    unneeded, needed = mixture.curves[-1]
    assert sum(unneeded) == pytest.approx(30, rel=0.01), "half of a Gaussian at zero, of 60 groups"
    assert sum(needed) == pytest.approx(40, rel=0.01)


def test_families_with_mixtures_of_their_own_are_told_apart() -> None:
    _, one = told([somebody(0, val_error=0.01), regularised(1, "features.0")]).individuals
    assert one.prior is not None
    assert one.prior.progress == (0.0, 0.5, 1.0)
    own, rest = one.prior.mixtures
    assert (own.family, own.thresholds, len(own.curves)) == ("features.0", (1.0, 0.7, 0.7), 3)
    assert (rest.family, rest.thresholds, rest.curves) == ("", (), ())
    assert [[sum(counts) for counts in part.counts] for part in (own, rest)] == [[100] * 3, [1] * 3]


def test_needed_groups_may_be_of_several_components() -> None:
    mixture = Mixture((Component(0.4, 0.0, 0.1), Component(0.2, 1.0, 0.2), Component(0.4, 2.0, 0.2)))
    counts = read(1.0, torch.cat([torch.zeros(40), torch.full((60,), 1.5)]), None).counts
    curves = expected_counts(Setting(0.5, mixture, 0.1), counts)
    assert [sum(curve) for curve in curves] == pytest.approx([20, 20, 40], rel=0.01)


def test_nobody_was_born_and_nobody_lives() -> None:
    for individuals in ([], [somebody(0)]):
        facts = told(individuals)
        assert (facts.front, facts.picked) == ((), None)
        assert facts.headline == "Nobody lives: no newborn developed."
        assert not facts.finished


def test_targets_without_measurements_are_not_met() -> None:
    facts = told([somebody(0, val_error=0.02)], targets=Targets(max_latency_ms=1.0))
    assert facts.met is False
    assert told([somebody(0, val_error=0.02)]).met is None


def test_three_hundred_individuals_of_forty_families_weigh_little() -> None:
    draw = random.Random(0)
    everybody = [
        somebody(
            number,
            [draw.randrange(number)] if number else [],
            generation=number // 8,
            families={f"layer{k // 10}.{k % 10}.conv1": draw.randint(1, 64) for k in range(40)},
            params=draw.uniform(1e3, 1e6),
            val_error=draw.random(),
            synapses=draw.random() * 1e3,
        )
        for number in range(300)
    ]
    folder = Path("/home/somebody/experiments/runs/cifar10-resnet56")
    assert len(msgspec.json.encode(told(everybody, folder=folder))) < 5e5
