from __future__ import annotations

import numpy as np
import pytest

from heredity.development.speech.utterances import LONGEST, PAUSE, Recording, utterances
from heredity.errors import DataError

from .conftest import RATE, tone


def test_utterances_are_recordings_of_one_speaker_with_silences_between(recordings: list[Recording]) -> None:
    """Each is taken apart again: a recording's very samples, then zeros for a pause, then the next."""
    pool = {r.samples.tobytes(): r for r in recordings}
    made = utterances(recordings, 20, (3, 5), RATE, np.random.default_rng(0))
    pauses = list[float]()
    for one in made:
        pieces = [p for p in np.split(one.samples, np.flatnonzero(np.diff(one.samples == 0, prepend=False))) if len(p)]
        pauses += [len(p) / RATE for p in pieces if not p.any()]
        spoken = [pool[piece.tobytes()] for piece in pieces if piece.any()]
        assert tuple(r.word for r in spoken) == one.words
        assert {r.speaker for r in spoken} == {one.speaker}
        assert len({(r.word, r.index) for r in spoken}) == len(spoken), "none comes twice"
    assert {len(one.words) for one in made} == {3, 4, 5}
    assert sum(one.speaker == "low" for one in made) == 10
    assert PAUSE[0] <= min(pauses) < max(pauses) <= PAUSE[1]
    assert max(pauses) - min(pauses) > 0.5 * (PAUSE[1] - PAUSE[0])


def test_utterances_follow_the_seed(recordings: list[Recording]) -> None:
    one, same, other = (utterances(recordings, 5, (3, 7), RATE, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert [u.words for u in one] == [u.words for u in same] != [u.words for u in other]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(one, same, strict=True))


def test_long_ones_are_drawn_again_and_those_that_cannot_be_short_refused() -> None:
    slow = [Recording(tone(d, seconds=1.4), d, "low", 0) for d in range(8)]
    made = utterances(slow, 12, (3, 7), RATE, np.random.default_rng(0))
    assert max(len(u.samples) for u in made) <= LONGEST * RATE
    assert {len(u.words) for u in made} <= {3, 4}
    with pytest.raises(DataError, match=r"^expected utterances of at most 6 seconds; came 6 to 7 words of low"):
        utterances(slow, 1, (6, 7), RATE, np.random.default_rng(0))


def test_few_recordings_may_come_twice() -> None:
    lonely = [Recording(tone(1), 1, "low", 0)]
    assert utterances(lonely, 1, (3, 3), RATE, np.random.default_rng(0))[0].words == (1, 1, 1)
