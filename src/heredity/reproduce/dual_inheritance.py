"""Genes and culture, each with the other and without, on spoken digits; random search and NSGA-II beside.

Sources: Shinozaki, "DNN Optimization Based on Dual Inheritance Theory"; Shinozaki & Watanabe, ICASSP 2015.

An arm at preset paper is 100 networks of 400 steps, on batches of 32 utterances: 33 and 45 minutes of a core were
measured, most of it convolutions, and more where sizes drift upwards (lab/LOG.md, 2026-11-27 and 28). So the usual arms
are those that the claims, and the comparison with random search, are about, with one seed. The other arms of the 2x2,
and NSGA-II, are run when asked for. The preset best has three times the steps, of the ancestor five.
"""

from __future__ import annotations

from typing import Any

from heredity.reproduce.study import Arm, Choice, Curve, Study

DATA, MODEL, GENERATIONS = "fsdd:connected", "acoustic-mlp", 10

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")

TEACHERS = {
    "ancestor": "the ancestor",
    "larger": "the next larger of the front",
    "ensemble": "the best three of the front",
}
"""Whoever errs least (`best`) is the teacher of the main arm."""


def _arm(name: str, says: str, settings: dict[str, Any], *, small: bool = False, usual: bool = True) -> Arm:
    """One of those that are compared."""
    return Arm(name, says, DATA, GENERATIONS, settings, MODEL, small=small, usual=usual)


def _further(
    name: str,
    says: str,
    settings: dict[str, Any] | None = None,
    *,
    data: str = DATA,
    model: str = MODEL,
    kind: str = "",
) -> Arm:
    """One that is run when asked for: genes and culture, but for what it is there for."""
    return Arm(name, f"genes and culture; {says}", data, GENERATIONS, settings or {}, model, kind=kind, usual=False)


STUDY = Study(
    name="dual-inheritance",
    title="Dual inheritance: genes and culture",
    source="Shinozaki, DNN Optimization Based on Dual Inheritance Theory; Shinozaki & Watanabe, ICASSP 2015",
    claims=(
        "Evolved networks are 59 % smaller at equal error, or err 0.48 % less.",
        "With culture networks are smaller and better than by CMA-ES alone.",
        "Individuals that learn culture well are reinforced.",
    ),
    strategy="dual_inheritance",
    shows="fronts",
    within=60_000,
    seeds=1,
    timed=False,
    smoke_model="lenet-300-100",
    smoke={"population": 5, "steps": (60, 30)},
    settings={"batch_size": 32},
    paper={"population": 10, "steps": (400, 400)},
    best={"population": 10, "steps": (2000, 1200)},
    arms=(
        _arm("genes+culture", "genes that are learnt, and a teacher: who errs least so far", {}, small=True),
        _arm("genes", "genes alone: lambda = 0", {"culture": None}),
        _arm("culture", "a teacher alone: theta stays as it is", {"frozen": True}, usual=False),
        _arm("neither", "theta stays as it is, lambda = 0", {"frozen": True, "culture": None}, usual=False),
        _arm("random", "random search, without a teacher", {"distribution": "random", "culture": None}, small=True),
        _arm("random+culture", "random search, with a teacher", {"distribution": "random"}, usual=False),
        _arm("nsga2", "NSGA-II, without a teacher", {"distribution": "nsga2", "culture": None}, usual=False),
        *(
            _further(f"teacher-{teacher}", f"the teacher is {says}", {"teacher": teacher})
            for teacher, says in TEACHERS.items()
        ),
        _further("tdnn", "the ancestor is a small time-delay network", model="tdnn"),
        *(
            _further(
                f"without-{speaker}",
                f"{speaker} is heard in the test alone",
                data=f"{DATA},speaker={speaker}",
                kind="leave one speaker out",
            )
            for speaker in SPEAKERS
        ),
        _further("mnist", "on MNIST", {"batch_size": 64}, data="mnist", model="lenet5-caffe"),
    ),
    choices=(
        Choice(
            "the task",
            "connected digits, 3 to 7 recordings of a speaker joined, word error rate by CTC and greedy decoding",
            "the paper's are hundreds of hours of speech, by a hybrid recogniser",
        ),
        Choice(
            "the ancestor",
            "six hidden layers of 128 units on frames spliced ±5: 151,051 weights (arm tdnn: 53,131)",
            "published are six of 2,048 for much more speech",
        ),
        Choice(
            "the speaker's vector",
            "means of cepstra over the utterance",
            "an i-vector is learnt from thousands of speakers; here are six",
        ),
        Choice(
            "training",
            "400 steps on 32 utterances for everybody, the ancestor too (best: 2,000 for the ancestor and 1,200 for "
            "others); AdamW, one cycle",
            "not published; three arms of 100 networks are to take less than 90 minutes on two cores",
        ),
        Choice(
            "the population",
            "10 a generation, for 10 generations",
            "published are 30 for 5 to 10: up to three times as many networks",
        ),
        Choice(
            "genes",
            "width 8 to 256, depth 2 to 8, splice 1 to 12, whether hidden layers read their neighbours (0 to 2 on "
            "either side), activation, dropout, learning rate, weight decay, initial scale",
            "published are splice, depth, width, initial deviation, learning rate, decay and momentum, "
            "which is AdamW's beta_1 and stays .9 here; runs before 2026-11-28 read no neighbours but in arm context",
        ),
        Choice(
            "what is taught, and by whom",
            "probabilities, by whoever has the least validation error so far (arms teacher-...: others)",
            "the form of culture is not published",
        ),
        Choice(
            "lambda and T",
            "genes: 0 to 1, from 0.9, and 1 to 16, from 4",
            "not published",
        ),
        Choice(
            "ties within a front",
            "stay as they were drawn (best: the lonelier first)",
            "as published; see docs/dual_inheritance.md",
        ),
        Choice(
            "genes off",
            "theta is frozen: all generations are drawn around the ancestor, with deviation 0.1",
            "so as many networks are trained, of as many kinds as in generation 1",
        ),
        Choice(
            "random search and NSGA-II",
            "without culture, all over the space of genes; in arm random+culture with a teacher",
            "they are what one would do otherwise, and are to be compared with genes alone as well",
        ),
        Choice(
            "the preset best",
            "three times the steps, of the ancestor five; sigma .4, ties by loneliness, weights from the teacher, a "
            "fifth synthesised from the front",
            "chosen before any run, but for sigma, by a model of earlier runs; lab/LOG.md, 2026-11-26 and 27",
        ),
    ),
    curves=(
        Curve(
            "59 % smaller at equal error, published",
            "abstract",
            {"share": (0.41,)},
            "of a recogniser of 2,048 units a layer; drawn where that share of our ancestor's weights is",
        ),
    ),
)
