"""What every store must pass. Subclass `StoreContract` in a test file, and give it your stores.

class TestMyStore(StoreContract):
    @pytest.fixture
    def place(self, tmp_path): return Place("mystore://...", tmp_path / "blobs")
"""

# ruff: noqa: S101  (a test asserts, also one that is shipped)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import torch

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.errors import StoreError
from heredity.store.store import Store
from heredity.testing.refusals import expect_one_line
from heredity.types import Tensors
from heredity.variation.cloning import Cloning
from heredity.variation.operator import Masks, Organism, mask_digest


class Place(NamedTuple):
    """The arguments of `Store.create` and `Store.open`."""

    place: str | Path
    blobs: Path | None = None


def sample_organism(number: int) -> Organism:
    """Weights and masks of several types and layouts, other ones for every number."""
    coins = torch.Generator().manual_seed(number)
    weight = torch.randn(3, 5, generator=coins)
    masks: Masks = {"layer.weight": torch.rand(3, 5, generator=coins) < 0.5}
    tensors: Tensors = {
        "layer.weight": weight,
        "layer.half": weight.to(torch.bfloat16).t(),  # strided
        "layer.view": weight[1:],  # shares memory
        "layer.count": torch.tensor(number),  # no dimensions
    }
    tags = {"layer": tuple((0, i) for i in range(3))}
    genome = Genome(Constructor("sample", {"width": 3}, "0" * 16), InputForm((5,)), tags, mask_digest(masks))
    return Organism(genome, tensors, masks)


def sample_birth(number: int, genome: Genome | None = None) -> Birth:
    """A birth by cloning of the individual before."""
    parents = (number - 1,) if number else ()
    genome = genome or sample_organism(number).genome
    return Birth(number, number // 2, parents, Cloning(), genome, Recipe(steps=1), seed=2**63 - 1 - number)


def developed(store: Store, number: int) -> Individual:
    """An individual whose weights are in the store, not yet recorded."""
    organism = sample_organism(number)
    weights = store.blobs.put(organism.tensors, organism.masks)
    measures = {"params": 15.0, "val_error": 1 / (number + 3)}
    return Individual(sample_birth(number, organism.genome), "developed", measures, weights, seconds=0.1, elapsed=1.5)


def failed(number: int) -> Individual:
    """An individual that did not live."""
    return Individual(sample_birth(number), "failed", reason="diverged at step 3: 'loss' was NaN\nénd")


def same_organism(one: Organism, other: Organism) -> bool:
    """Equal in every bit."""
    return one.genome == other.genome and all(
        list(a) == sorted(b) and all(a[n].dtype == b[n].dtype and torch.equal(a[n], b[n]) for n in a)
        for a, b in ((one.tensors, other.tensors), (one.masks, other.masks))
    )


class StoreContract:
    """The contract in the docstring of `Store`, as tests."""

    @pytest.fixture
    def place(self) -> Place:
        """Where there is no store yet."""
        raise NotImplementedError("a subclass gives the place")

    @pytest.fixture
    def store(self, place: Place) -> Iterator[Store]:
        """A new store."""
        with Store.create(*place) as store:
            yield store

    def test_what_is_recorded_comes_back(self, store: Store, place: Place) -> None:
        recorded = [developed(store, 0), failed(1), developed(store, 2)]
        for individual in (recorded[2], recorded[0], recorded[1]):  # in order of arrival
            store.record(individual)
        assert store.individuals() == recorded
        with Store.open(*place) as again:
            assert again.individuals() == recorded

    def test_records_are_seen_by_a_reader_at_once(self, store: Store, place: Place) -> None:
        with Store.open(*place) as reader:
            for number in range(3):
                store.record(failed(number))
                assert [i.number for i in reader.individuals()] == list(range(number + 1))

    def test_organisms_come_back_bit_for_bit(self, store: Store) -> None:
        for number in range(3):
            store.record(developed(store, number))
        for individual in store.individuals():
            assert same_organism(store.organism(individual), sample_organism(individual.number))

    def test_the_failed_have_no_organism(self, store: Store) -> None:
        store.record(failed(0))
        with pytest.raises(StoreError) as caught:
            store.organism(store.individuals()[0])
        expect_one_line(caught, "number 0", "failed")

    def test_a_number_is_recorded_once(self, store: Store) -> None:
        store.record(first := developed(store, 0))
        with pytest.raises(StoreError) as caught:
            store.record(failed(0))
        expect_one_line(caught, "number 0")
        assert store.individuals() == [first]

    def test_weights_come_before_their_record(self, store: Store) -> None:
        ghost = msgspec.structs.replace(failed(0), status="developed", weights="0" * 64)
        with pytest.raises(StoreError) as caught:
            store.record(ghost)
        expect_one_line(caught, "individual 0")
        assert store.individuals() == []

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_measurements_are_finite(self, store: Store, value: float) -> None:
        store.record(failed(0))
        with pytest.raises(StoreError) as caught:
            store.record(msgspec.structs.replace(failed(1), measures={"val_error": value}))
        expect_one_line(caught, "val_error", "individual 1")
        with pytest.raises(StoreError):
            store.measured(0, "latency_ms", value)
        assert store.individuals() == [failed(0)]

    def test_later_measurements_join_the_record(self, store: Store, place: Place) -> None:
        store.record(individual := developed(store, 0))
        store.measured(0, "latency_ms", 1 / 3)
        store.measured(0, "test_error", 0.0)
        with Store.open(*place) as again:
            (grown,) = again.individuals()
        assert grown.measures == {**individual.measures, "latency_ms": 1 / 3, "test_error": 0.0}
        assert msgspec.structs.replace(grown, measures=individual.measures) == individual

    def test_what_was_measured_stays(self, store: Store) -> None:
        store.record(individual := developed(store, 0))
        store.measured(0, "latency_ms", 2.0)
        store.measured(0, "latency_ms", 2.0)
        store.measured(0, "params", 15.0)
        for name, known in (("latency_ms", 2.0), ("params", 15.0)):
            with pytest.raises(StoreError) as caught:
                store.measured(0, name, 3.0)
            expect_one_line(caught, name, known, 3.0)
        assert store.individuals()[0].measures == {**individual.measures, "latency_ms": 2.0}

    def test_only_the_recorded_are_measured(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            store.measured(7, "latency_ms", 1.0)
        expect_one_line(caught, "number 7")
        store.record(failed(7))
        assert store.individuals() == [failed(7)]

    def test_the_clock_goes_on(self, store: Store, place: Place) -> None:
        assert store.elapsed() == 0.0
        store.tick(1.25)
        with Store.open(*place) as again:
            again.tick(0.5)
        assert store.elapsed() == 1.75

    def test_a_store_is_not_overwritten(self, store: Store, place: Place) -> None:
        store.record(failed(0))
        with pytest.raises(StoreError) as caught:
            Store.create(*place)
        expect_one_line(caught)
        assert store.individuals() == [failed(0)]

    def test_there_is_nothing_to_open(self, place: Place) -> None:
        with pytest.raises(StoreError) as caught:
            Store.open(*place)
        expect_one_line(caught)
        Store.create(*place).close()  # and trying left nothing in the way
