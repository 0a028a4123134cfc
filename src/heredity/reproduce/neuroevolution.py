"""Small networks that grow on parameters which they share, and the ensemble of them.

Source: Painter, "Deep Neuroevolution with Shared Parameters: Ensembling a Better Solution" (proposal and report).
"""

from __future__ import annotations

from heredity.reproduce.study import Arm, Choice, Curve, Study

GENERATIONS, BRIEFLY = 15, 12

STUDY = Study(
    name="neuroevolution",
    title="Neuroevolution with shared parameters",
    source="Painter, Deep Neuroevolution with Shared Parameters, CS231n",
    claims=(
        "From a base of .70 on CIFAR-10, the best network that grew reaches .74, an ensemble of those that grew .75.",
        "Training siblings jointly on what they share pays.",
        "Choosing who is right where others are wrong makes members that an ensemble gains from.",
    ),
    strategy="neuroevolution",
    shows="growth",
    settings={},
    paper={"steps": (5000, 500), "members": 10, "kept": 3},
    best={},
    smoke={"members": 4, "kept": 2, "steps": (60, 20)},
    ensemble=True,
    timed=False,
    arms=(
        Arm(
            "joint",
            "jointly, the most accurate are kept",
            "cifar10",
            GENERATIONS,
            {"selection": "accuracy"},
            model="cnn-small",
            briefly=BRIEFLY,
            small=True,
        ),
        Arm(
            "coevolution",
            "jointly, those are kept who are right where others are wrong",
            "cifar10",
            GENERATIONS,
            {"selection": "coevolution"},
            model="cnn-small",
            briefly=BRIEFLY,
            small=True,
        ),
        Arm(
            "each",
            "each alone, for as many steps as jointly",
            "cifar10",
            GENERATIONS,
            {"training": "each"},
            model="cnn-small",
            briefly=BRIEFLY,
        ),
        Arm(
            "inception",
            "an Inception network that grows by Inception modules",
            "cifar10",
            GENERATIONS,
            {"chances": {"inception": 1.0}},
            model="inception-small",
            briefly=BRIEFLY,
            usual=False,
        ),
    ),
    choices=(
        Choice(
            "the base",
            "convolutions of 15, 33 and 60 filters, linear layers of 128 and 10: 147,194 weights",
            "the number of weights is given, and layers that do not add up to it; these are the nearest that do",
        ),
        Choice(
            "how much a mutation adds",
            "a quarter of the family's clusters, or of the channels at the site",
            "not published",
        ),
        Choice(
            "widening",
            "half of the times a family, half a block beside a convolution",
            "both are forms of the published one",
        ),
        Choice(
            "who may be mutated",
            "those who were kept, once each time",
            "members are drawn at random until there are enough; whether newborns may grow again at once is not said",
        ),
        Choice(
            "joint training",
            "every member has a tenth of the 5,000 steps of a generation, in a random order",
            "published is a member drawn at random for every step",
        ),
        Choice("the optimiser", "its moments go on through growth and into the next generation", "not published"),
        Choice(
            "the ensemble",
            "the mean of the probabilities of all members of a generation",
            "published is the average of the chosen members, and a small network on their answers",
        ),
        Choice(
            "the preset best",
            "images mirrored and moved, weight decay .005, a rate that falls to the end, two lines of four members, "
            "800 steps each a generation, co-evolution unless an arm says otherwise",
            "chosen before any run; one is measured (lab/LOG.md, 2026-11-26)",
        ),
    ),
    curves=(
        Curve(
            "the best network, published",
            "given in the report",
            {"generation": (0, GENERATIONS), "accuracy": (0.70, 0.74)},
        ),
        Curve(
            "the ensemble, published",
            "given in the report",
            {"generation": (GENERATIONS,), "ensemble_accuracy": (0.75,)},
        ),
    ),
)
