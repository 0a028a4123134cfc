from __future__ import annotations

import functools
import itertools
import math
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.measures.size import macs, params
from heredity.priors.dial import Dial, layer_adaptive
from heredity.zoo import ZOO


@functools.cache
def anatomy(name: str) -> Anatomy:
    shape = (1, 8, 8) if name == "lenet5" else (3, 32, 32)
    return trace(ZOO[name](shape, 10), InputForm(shape))


def size(name: str, cost: str, body: Anatomy) -> float:
    return float({"params": params, "macs": macs, "clusters": lambda a: sum(a.sizes.values())}[cost](body))


@given(
    st.sampled_from(["lenet5", "resnet20", "vit-tiny"]),
    st.sampled_from(["params", "macs", "clusters"]),
    st.floats(0.02, 0.8),
    st.integers(0, 2**32),
)
def test_the_fewest_and_weakest_go_that_make_up_the_share(name: str, cost: str, share: float, seed: int) -> None:
    body, rng = anatomy(name), np.random.default_rng(seed)
    norms = {family: rng.random(count) for family, count in body.sizes.items()}
    cut = Dial(body, cost).cut(norms, share)  # type: ignore[arg-type]
    whole, left = size(name, cost, body), size(name, cost, body.select(cut.kept))
    assert cut.share == pytest.approx(1 - left / whole, rel=1e-9)
    assert cut.share >= share - 1e-12
    gone = {f: np.setdiff1d(np.arange(len(own)), cut.kept[f]) for f, own in norms.items()}
    assert all(len(kept) for kept in cut.kept.values())
    assert max(own[gone[f]].max(initial=0) for f, own in norms.items()) <= cut.threshold
    for family, own in norms.items():
        late = cut.kept[family][own[cut.kept[family]] < cut.threshold]
        assert len(late) == 0 or (len(cut.kept[family]) == 1 and late[0] == own.argmax()), "the strongest stays"
    strongest_gone = max(((own[g], f, g) for f, own in norms.items() for g in gone[f]), default=None)
    assert strongest_gone is not None
    _, family, cluster = strongest_gone
    fewer = {**cut.kept, family: np.sort(np.append(cut.kept[family], cluster))}
    assert 1 - size(name, cost, body.select(fewer)) / whole < share, "one fewer is too few"


@given(
    st.dictionaries(
        st.text(max_size=3), st.lists(st.just(0.0) | st.floats(1e-3, 1e3), min_size=1, max_size=30), min_size=1
    )
)
def test_a_score_is_the_part_of_what_is_left_of_a_family(given: dict[str, list[float]]) -> None:
    """Written out: of the groups of its family that are no weaker, later ones first where norms are equal."""
    scores = layer_adaptive({name: np.array(norms) for name, norms in given.items()})
    assert scores.keys() == given.keys()
    for name, norms in given.items():
        places = range(len(norms))
        left = [sum(norms[j] ** 2 for j in places if (norms[j], j) >= (norms[i], i)) for i in places]
        expected = [norms[i] ** 2 / left[i] if left[i] > 1e-300 else 0.0 for i in places]
        assert scores[name].tolist() == pytest.approx(expected, rel=1e-9)
        order = np.argsort(norms, kind="stable")
        assert (np.diff(scores[name][order]) >= 0).all(), "within a family norms decide"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_layer_adaptive_scores_empty_no_family(share: float) -> None:
    """Norms that hardly differ within a family, and much between them: as many are left of each that loses any."""
    body, rng = anatomy("resnet20"), np.random.default_rng(0)
    norms = {family: 10.0**k * rng.uniform(0.99, 1, n) for k, (family, n) in enumerate(body.sizes.items())}
    plain = Dial(body, "params").cut(norms, share).kept
    kept = Dial(body, "params").cut(layer_adaptive(norms), share).kept
    assert min(len(own) for own in plain.values()) == 1
    left = {len(own) for family, own in kept.items() if len(own) < body.sizes[family]}
    assert max(left) - min(left) <= 1


def test_what_is_beside_the_weights_counts_too() -> None:
    """A graph as heavy as the weights: half of a file is all of its weights, which cannot go."""
    body = anatomy("lenet5")
    norms = {family: np.linspace(0, 1, count) for family, count in body.sizes.items()}
    cut = Dial(body, "params", constant=params(body)).cut(norms, 0.3)
    assert 1 - params(body.select(cut.kept)) / params(body) == pytest.approx(0.6, abs=0.03)
    with pytest.raises(InputError, match="ask for 49"):
        Dial(body, "params", constant=params(body)).check(0.6)


def test_what_cannot_go_is_refused_with_what_can() -> None:
    dial, body = Dial(anatomy("lenet5"), "params"), anatomy("lenet5")
    least = params(body.select({family: np.array([0]) for family in body.sizes}))
    most = 1 - least / params(body)
    with pytest.raises(InputError, match=rf"at most {most:.1%}; ask for {math.floor(1000 * most) / 10:g} % or less"):
        dial.check(0.9999)
    dial.check(math.floor(1000 * most) / 1000)


def test_a_share_of_less_than_a_cluster_is_refused() -> None:
    body = trace(nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 10)), InputForm((1, 8, 8)))
    dial = Dial(body, "params")
    with pytest.raises(InputError, match=r"a share that can go; came 10 %, where clusters are .*; ask for 31.9 %$"):
        dial.check_fine(0.1)
    with pytest.raises(InputError, match=r"came 40 %, where clusters are too coarse for it; ask for 31.9 % or 63.8 %$"):
        dial.check_fine(0.4)
    for share in (0.3, 0.319, 0.63, 0.638):
        dial.check_fine(share)


@pytest.mark.parametrize("share", [0.02, 0.13, 0.5, 0.77])
def test_what_passes_as_fine_can_be_met(share: float) -> None:
    """Of a network of few clusters, by trying all; of one of many, any share is near one that can go."""
    shapes = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    body = trace(shapes, InputForm((1, 4, 4)))
    counts = [
        {name: np.arange(n) for name, n in zip(body.sizes, both, strict=True)}
        for both in itertools.product(*(range(1, n + 1) for n in body.sizes.values()))
    ]
    possible = [1 - params(body.select(kept)) / params(body) for kept in counts]
    met = any(share <= found <= min(share + 0.03, 2 * share) for found in possible)
    if met:
        Dial(body, "params").check_fine(share)
    else:
        with pytest.raises(InputError, match="too coarse") as refused:
            Dial(body, "params").check_fine(share)
        for asked in re.findall(r"([\d.]+) %", str(refused.value).partition("ask for")[2]):
            Dial(body, "params").check_fine(float(asked) / 100)
    Dial(anatomy("lenet5"), "params").check_fine(share)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_what_is_no_share(share: float) -> None:
    with pytest.raises(InputError, match=r"a share to remove in \(0, 1\); came"):
        Dial(anatomy("lenet5"), "params").check(share)


def test_equal_norms_can_be_cut_too() -> None:
    body = anatomy("lenet5")
    cut = Dial(body, "params").cut({family: np.ones(count) for family, count in body.sizes.items()}, 0.5)
    assert cut.share >= 0.5
    assert cut.threshold == 1
