"""From outputs frame by frame to words (connectionist temporal classification, Graves et al. 2006).

Output 0 of every frame is the *blank*, output k + 1 is word k. A *path* has one output a frame; what it says are its
outputs with repetitions drawn together and blanks left out. Greedy decoding gives what the likeliest path says; a beam
sums over the paths that say the same, prefix by prefix (Hannun et al. 2014), and finds what is likeliest said.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log1p

Words = tuple[int, ...]
"""Numbers of words, in the order in which they are spoken."""

BLANK = 0


def said(path: Sequence[int]) -> Words:
    """What a path says."""
    changes = (output for t, output in enumerate(path) if t == 0 or output != path[t - 1])
    return tuple(output - 1 for output in changes if output != BLANK)


def beam_search(frames: Sequence[Sequence[float]], width: int) -> Words:
    """The likeliest words, of `width` prefixes that are followed from frame to frame.

    `frames` are log probabilities `(frames, outputs)`. For every prefix two numbers are kept: the log probabilities
    that it was said by a path that ends in a blank, and by one that ends in its last word.
    """
    beam: dict[Words, tuple[float, float]] = {(): (0.0, -inf)}
    for frame in frames:
        grown: dict[Words, tuple[float, float]] = {}
        for words, (blank, last) in beam.items():
            either = _added(blank, last)
            _gain(grown, words, either + frame[BLANK], -inf)
            for output in range(1, len(frame)):
                if words and output == words[-1] + 1:
                    _gain(grown, words, -inf, last + frame[output])  # the same word goes on
                    _gain(grown, (*words, output - 1), -inf, blank + frame[output])  # it is said again
                else:
                    _gain(grown, (*words, output - 1), -inf, either + frame[output])
        best = sorted(grown, key=lambda words: _added(*grown[words]), reverse=True)[:width]
        beam = {words: grown[words] for words in best}
    return max(beam, key=lambda words: _added(*beam[words]))


def _gain(grown: dict[Words, tuple[float, float]], words: Words, blank: float, last: float) -> None:
    before = grown.get(words, (-inf, -inf))
    grown[words] = _added(before[0], blank), _added(before[1], last)


def _added(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    high, low = max(a, b), min(a, b)
    return high if low == -inf else high + log1p(exp(low - high))
