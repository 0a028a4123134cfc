"""Sequences of words, without saying when each is spoken: connectionist temporal classification (Graves et al. 2006).

Loss: -log of what all paths together have that say the words, mean over examples of that for each word. Imitation: KL
divergence frame by frame, as for classes of positions. Error: word error rate - insertions, deletions and substitutions
over words spoken, by jiwer - of what the likeliest path says; it may exceed 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from heredity.development.criteria.classification import PLAIN, softened_divergence
from heredity.development.criteria.criterion import Criterion
from heredity.development.extras import library
from heredity.development.speech.decoding import BLANK, said
from heredity.errors import DataError, ModelError
from heredity.measures.error import classes_of


@dataclass(frozen=True)
class CTC(Criterion):
    """Outputs are logits `(n, 1 + words, frames)`, the first being the blank's, of as many frames as a network likes.

    Labels are numbers of words from 0, int64 `(n, longest)`, filled up with `NOTHING`. All frames count: inputs are
    filled up with silence, in which nothing is said.
    """

    kind: ClassVar[str] = "ctc"
    outputs: ClassVar[str] = "logits for every frame"
    unit: ClassVar[str] = "word error rate"
    framewise: ClassVar[bool] = True

    NOTHING: ClassVar[int] = -1

    words: int = 0
    """How many there are, at least: training may lack some."""

    def stored(self, labels: torch.Tensor, split: str, name: str) -> torch.Tensor:
        if labels.dim() != 2 or labels.is_floating_point() or labels.is_complex():
            came = f"{labels.dtype} of shape {tuple(labels.shape)} in {name}"
            raise DataError.of(f"{split} labels as numbers of words of shape (n, longest)", came, "number the words")
        labels, spoken = labels.long(), labels != self.NOTHING
        behind = spoken[:, 0].all() and (spoken[:, 1:] <= spoken[:, :-1]).all()
        if not bool(behind) or int(labels.min()) < self.NOTHING:
            expected = f"{split} labels from 0, at least one an example, filled up with {self.NOTHING}"
            raise DataError.of(expected, f"others in {name}", "number the words from 0")
        return labels

    def size(self, labels: torch.Tensor) -> int:
        return max(int(labels.max()) + 1, self.words) + 1

    def check(self, labels: torch.Tensor, size: int, split: str, name: str) -> None:
        library("jiwer", "which measures word errors", "speech")
        if int(labels.max()) + 1 >= size:
            came = f"word {int(labels.max())} in the {split} split of {name}"
            raise DataError.of(f"words below {size - 1}, as in training", came, "add such training examples")

    def output_shape(self, labels: torch.Tensor, size: int) -> None:
        return None

    def called(self, size: int) -> str:
        return f"sequences of {size - 1} words"

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        if outputs.dim() != 3 or outputs.shape[2] < labels.shape[1]:
            expected = f"outputs of shape (n, words and a blank, frames), at least {labels.shape[1]} frames"
            raise ModelError.of(expected, f"{tuple(outputs.shape)}", "take acoustic-mlp or tdnn, say")
        frames = torch.full((len(outputs),), outputs.shape[2])
        scores, labels = F.log_softmax(outputs, 1).permute(2, 0, 1).cpu(), labels.cpu()  # on a GPU it adds up by chance
        words = (labels != self.NOTHING).sum(1)
        return F.ctc_loss(scores, labels.clamp_min(0) + 1, frames, words, blank=BLANK, zero_infinity=True)

    def imitation(self, outputs: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
        return softened_divergence(outputs, teacher, temperature)

    def consensus(self, outputs: torch.Tensor) -> torch.Tensor:
        """Frame by frame, as classes of positions: teachers need not agree when a word is spoken."""
        return PLAIN.consensus(outputs)

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        return classes_of(outputs)

    def error(self, answers: torch.Tensor, labels: torch.Tensor) -> float:
        jiwer = library("jiwer", "which measures word errors", "speech")
        spoken = [" ".join(str(word) for word in row if word != self.NOTHING) for row in labels.tolist()]
        heard = [" ".join(map(str, said(path))) for path in answers.tolist()]
        return float(jiwer.wer(spoken, heard))

    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "error": self.unit, "words": self.words}
