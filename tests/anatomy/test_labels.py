from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from heredity.anatomy.labels import NOBODY, Ledger, constant_along, per_position, settle


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 2**31))
def test_settling_changes_no_label(shape: list[int], kinds: int, seed: int) -> None:
    labels = torch.randint(kinds, shape, generator=torch.Generator().manual_seed(seed))
    settled = settle(labels)
    assert torch.equal(settled, labels)
    for dim in range(labels.dim()):
        changes = bool((labels != labels.narrow(dim, 0, 1)).any())
        assert constant_along(settled, dim) == (not changes)


def test_a_settled_feature_map_weighs_no_more_than_its_channels() -> None:
    channels = torch.arange(8).reshape(1, 8, 1, 1).expand(2, 8, 50, 50).contiguous()
    assert channels.untyped_storage().nbytes() == 8 * 2 * 8 * 50 * 50
    settled = settle(channels)
    assert settled.stride() == (0, settled.stride(1), 0, 0)


@given(st.integers(0, 3), st.integers(0, 2**31))
def test_per_position_finds_all_that_meet(dim: int, seed: int) -> None:
    labels = torch.randint(5, (2, 3, 2, 4), generator=torch.Generator().manual_seed(seed))
    first, others = per_position(labels, dim)
    for position in range(labels.shape[dim]):
        met = labels.select(dim, position)
        assert first[position] == met.flatten()[0]
        assert set(others[position].tolist()) == set(met.flatten().tolist())


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=15),
    st.lists(st.integers(0, 12), max_size=3),
)
def test_resolving_is_the_closure_of_joins(n: int, joins: list[tuple[int, int]], fixed: list[int]) -> None:
    """Against classes merged one by one; what meets nobody is fixed, not joined to the others that do."""
    ledger = Ledger()
    assert ledger.new(n).tolist() == list(range(1, n + 1))
    joins = [(a % (n + 1), b % (n + 1)) for a, b in joins]
    fixed = [label % (n + 1) for label in fixed]
    classes = [{label} for label in range(1, n + 1)]
    stuck = {label for label in fixed if label != NOBODY}
    for a, b in joins:
        ledger.join(torch.tensor([a]), torch.tensor([b]), "met nobody")
        if NOBODY not in (a, b):
            one, other = (next(c for c in classes if x in c) for x in (a, b))
            if one is not other:
                classes.remove(other)
                one |= other
        elif a != b:
            stuck.add(max(a, b))
    for label in fixed:
        ledger.fix(torch.tensor([label]), "by hand")
    component, reasons = ledger.resolve()
    assert component[NOBODY] == -1
    for cluster in classes:
        assert len({int(component[label]) for label in cluster}) == 1
        assert (int(component[min(cluster)]) in reasons) == bool(cluster & stuck)
    assert len({int(c) for c in component[1:]}) == len(classes)


def test_joining_broadcasts_and_reasons_are_the_first() -> None:
    ledger = Ledger()
    a, b = ledger.new(3), ledger.new(3)
    ledger.join(a.reshape(1, 3, 1).expand(2, 3, 7), b.reshape(3, 1), "never")
    ledger.fix(b[:1], "first")
    ledger.fix(a[:1], "second")
    component, reasons = ledger.resolve()
    assert component[1:4].tolist() == component[4:7].tolist()
    assert reasons == {int(component[1]): "first"}


def test_labels_are_given_once() -> None:
    ledger = Ledger()
    assert not set(ledger.new(5).tolist()) & set(ledger.new(5).tolist())
