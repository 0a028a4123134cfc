"""Evolutionary synthesis with synaptic-cluster-driven genetic encoding, asexual.

Source: Shafiee & Wong, "Evolutionary Synthesis of Deep Neural Networks via Synaptic Cluster-driven Genetic Encoding",
arXiv 1609.01360.
"""

from __future__ import annotations

from heredity.reproduce.study import (
    BEST_CLUSTER,
    BEST_TRAINING,
    BRIEF,
    CALIBRATION,
    COUNTS,
    TRAINING,
    Arm,
    Choice,
    Curve,
    Study,
    keeps,
    shares,
)

STUDY = Study(
    name="synaptic-clusters",
    title="Synaptic-cluster-driven genetic encoding",
    source="Shafiee & Wong, arXiv 1609.01360",
    claims=(
        "On MNIST, generation 13 has 125.09 times fewer synapses in 9.71 times fewer clusters, for 1.7 points of "
        "accuracy.",
        "On STL-10, early generations are more accurate than their ancestor.",
    ),
    settings={"cluster": "kernel", "steps": (2700, 540)},
    paper={**shares(0.97, 0.72), "population": 1},
    best={**keeps(125.09, 9.71, 13), **BRIEF},
    arms=(
        Arm("mnist", "LeNet on MNIST", "mnist", 14, small=True),
        Arm(
            "stl10",
            "LeNet on STL-10",
            "stl10",
            10,
            {**keeps(56.27, 5.96, 10), "steps": (1500, 300)},
            usual=False,
        ),
        Arm(
            "cifar10",
            "AlexNet on CIFAR-10",
            "cifar10",
            6,
            {**keeps(14.39, 2.82, 6), "steps": (9000, 1800)},
            model="alexnet-cifar",
            usual=False,
        ),
    ),
    choices=(
        Choice(
            "environment",
            "the same shares every time: on MNIST 97 % of the kernels and 72 % of their synapses, 70 % together",
            "so a line without training comes near the published totals, as kernels also die with their last synapse; "
            "the papers speak of 70 % and 80 % of the parent's synapses",
        ),
        CALIBRATION,
        Choice("offspring a generation", "1 (best: 2, the fittest is the parent)", "one parent, the last offspring"),
        BEST_CLUSTER,
        BEST_TRAINING,
        Choice("generations on MNIST", "14", "13 are published; what is kept of each is so only on average"),
        Choice("what a cluster is", "a kernel, a filter's weights for one input", "published counts are of kernels"),
        Choice("training", "5 epochs for the ancestor, 1 for an offspring on MNIST", "not published"),
        TRAINING,
        COUNTS,
        Choice(
            "AlexNet for CIFAR-10",
            "one half's filters, 48-128-192-192-128, and two dense layers of 512",
            "not published; every layer but the last counts",
        ),
        Choice(
            "LeNet for STL-10",
            "the same, which sees the middle 32x32 pixels",
            "how images of 96x96 were brought to 32x32 is not published",
        ),
    ),
    curves=(
        Curve(
            "MNIST, published",
            "text",
            {"generation": (13,), "architectural_efficiency": (125.09,), "cluster_efficiency": (9.71,)},
            "accuracy 1.7 points below the ancestor's",
            ("mnist",),
        ),
        Curve(
            "STL-10, published",
            "text",
            {"generation": (10,), "architectural_efficiency": (56.27,), "cluster_efficiency": (5.96,)},
            "accuracy 1.2 points below the ancestor's",
            ("stl10",),
        ),
        Curve(
            "CIFAR-10, published",
            "text",
            {"generation": (6,), "architectural_efficiency": (14.39,), "cluster_efficiency": (2.82,)},
            "accuracy 2 points below the ancestor's",
            ("cifar10",),
        ),
    ),
)
