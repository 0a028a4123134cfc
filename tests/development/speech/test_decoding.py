from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from heredity.development.speech.decoding import BLANK, Words, beam_search, said
from heredity.rng import generator


def likelihoods(scores: torch.Tensor) -> dict[Words, float]:
    """Brute force: of everything that can be said, the probability of all paths that say it."""
    found: dict[Words, float] = defaultdict(float)
    frames = scores.exp().tolist()
    for path in product(range(scores.shape[1]), repeat=len(frames)):
        words = tuple(k - 1 for k, _ in groupby(path) if k != BLANK)
        probability = 1.0
        for frame, output in zip(frames, path, strict=True):
            probability *= frame[output]
        found[words] += probability
    return found


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ([], ()),
        ([0, 0, 0], ()),
        ([0, 1, 1, 0, 1, 2, 2, 0], (0, 0, 1)),
        ([3], (2,)),
        ([1, 0, 1], (0, 0)),
        ([1, 1, 2, 1], (0, 1, 0)),
    ],
)
def test_what_a_path_says(path: list[int], words: Words) -> None:
    assert said(path) == words


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(2, 4), st.sampled_from([0.5, 2.0]))
def test_a_wide_beam_finds_what_is_likeliest(seed: int, frames: int, outputs: int, sharpness: float) -> None:
    scores = F.log_softmax(sharpness * torch.randn(frames, outputs, generator=generator(seed)), 1).double()
    every = likelihoods(scores)
    best = beam_search(scores.tolist(), width=5000)
    assert every[best] == pytest.approx(max(every.values()), rel=1e-6)


def test_brute_force_is_what_torch_maximises() -> None:
    scores = F.log_softmax(torch.randn(5, 3, generator=generator(1)), 1)
    for words, probability in likelihoods(scores.double()).items():
        if 0 < len(words) <= 3:
            target = torch.tensor([words]) + 1
            loss = F.ctc_loss(scores[:, None], target, [5], [len(words)], blank=BLANK, reduction="sum")
            assert loss.neg().exp().item() == pytest.approx(probability, rel=1e-4)


def test_a_beam_beats_the_likeliest_path_where_many_paths_say_the_same() -> None:
    """The classic: blank .6 in both frames, but the word is said by three of the four paths, .64 in all."""
    scores = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log().tolist()
    assert said([0, 0]) == ()
    assert beam_search(scores, width=4) == (0,)


def test_a_narrow_beam_loses_what_it_did_not_follow() -> None:
    scores = F.log_softmax(2 * torch.randn(40, 12, 6, generator=generator(3)), 2).double().tolist()
    narrow, wide = ([beam_search(frames, width) for frames in scores] for width in (1, 50))
    assert narrow != wide


def test_certain_frames_are_read_as_they_are() -> None:
    path = [0, 2, 2, 0, 2, 1, 0, 0, 3]
    scores = (F.one_hot(torch.tensor(path), 4).float() * 1000).log_softmax(1)
    assert beam_search(scores.tolist(), width=2) == said(path) == (1, 1, 0, 2)
