"""The page of facts, from records out of thin air."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from heredity.anatomy.body import Ancestor, ancestor
from heredity.anatomy.constructor import INSTANCE, Constructor, describe
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Culture, Recipe
from heredity.export.facts import facts_page
from heredity.export.member import File
from heredity.run.account import line_of
from heredity.run.settings import RunSettings
from heredity.testing.runs import some_settings
from heredity.variation import Founding, MagnitudeRemoval
from heredity.variation.environment import Environment

FORM = InputForm((1, 8, 8), (0.3,), (0.25,))
SPOKEN = InputForm((3, 40))
LENET = describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 10})
FILES = [
    File("model.onnx", b"1234", "equals its module"),
    File("model.int8.onnx", b"12", "agrees | mostly"),
    File("model.pt2", b"123456"),
]


def settings(**changes: Any) -> RunSettings:
    given: dict[str, Any] = {
        "constructor": LENET,
        "inputs": FORM,
        "data": "/home/me/my_data.py:splits",
        "seed": 7,
        "generations": 2,
        "workers": 1,
        "graph_bytes": 900,
    }
    return some_settings(**{**given, **changes})


def family() -> dict[int, Individual]:
    first = ancestor(LENET, FORM).genome
    smaller = first.select({"conv1": [0, 2, 5]})  # pyright: ignore[reportArgumentType]  # any integers do
    recipe = Recipe(steps=40, culture=Culture(weight=0.8, temperature=2.0))
    removal = MagnitudeRemoval(Environment(0.25))
    births = (
        Birth(0, 0, (), Founding(LENET, FORM), first, recipe, seed=1),
        Birth(3, 1, (0,), removal, first, recipe, seed=2, teachers=(0,)),
        Birth(11, 2, (3, 0), removal, smaller, recipe, seed=99, teachers=(0,)),
    )
    measures = {"params": 1000.0, "synapses": 900.0, "macs": 12345.0, "bytes": 5000.0, "val_error": 0.02}
    known = (measures | {"test_error": 0.025, "latency_ms": 0.5}, measures, measures | {"params": 250.0})
    pairs = zip(births, known, strict=True)
    return {
        birth.number: Individual(birth, "developed", dict(found), seconds=birth.number + 0.5, train_flops=2e9)
        for birth, found in pairs
    }


def page(number: int = 11, files: list[File] = FILES, **changes: Any) -> str:
    everybody = family()
    return facts_page(settings(**changes), line_of(everybody[number], everybody), files).decode()


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n\n")[2].partition("\n\n## ")[0]


def cells(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_what_it_is() -> None:
    text = page()
    assert text.startswith("# 0011, evolved from lenet5\n\n")
    assert r"from lenet5 on my\_data.py:splits by synthesis, seed 7. Generation 2, made by magnitude-removal (" in text
    assert "/home/me" not in text, "paths are nobody's business"
    assert page(0).startswith("# 0000, the ancestor lenet5\n\n")
    assert page() == text


def test_sizes_and_errors_beside_the_ancestors() -> None:
    rows = {row[0]: row[1:] for row in cells(section(page(), "Size and error"))}
    assert rows["weights"] == ["250", "1,000", "25.00 %"]
    assert rows["bytes of the ONNX file"] == ["4", "5,000", "0.08 %"], "the file's own"
    assert rows["milliseconds for one example"] == ["not measured", "0.500", ""]
    assert rows["error on the validation split"] == ["2.00 %", "2.00 %", ""]
    assert rows["error on the test split"] == ["not measured", "2.50 %", ""]
    assert rows["multiply-accumulates per example"] == ["12,345", "12,345", "100.00 %"]
    assert "one example, 1 thread, 20 warm-up calls, median of 100" in page()
    assert "Errors: share of wrong answers;" in page()
    assert "Errors: 1 - R² of\\_it;" in page(criterion={"kind": "regression", "error": "1 - R² of_it"})


def test_layers_of_members_that_have_others_than_the_ancestor() -> None:
    everybody = family()
    deep = ancestor(describe("acoustic-mlp", {"input_shape": (3, 40), "n_classes": 4, "width": 8, "depth": 3}), SPOKEN)
    flat = ancestor(describe("acoustic-mlp", {"input_shape": (3, 40), "n_classes": 4, "width": 6, "depth": 2}), SPOKEN)

    def layers(member: Ancestor, first: Ancestor) -> list[list[str]]:
        line = [
            replace(one, birth=replace(one.birth, genome=own.genome))
            for one, own in ((everybody[3], member), (everybody[0], first))
        ]
        return cells(section(facts_page(settings(), line, FILES).decode(), "Layers"))[2:]

    first, second, third = (f"layers.layer{k}.conv" for k in (1, 2, 3))
    kept = [[first, "6", "8", "75.00 %"], [second, "6", "8", "75.00 %"]]
    assert layers(flat, deep) == [*kept, [third, "0", "8", "0.00 %"]]
    assert layers(deep, flat)[2:] == [[third, "8", "0", ""]]


def test_layers_descent_and_training() -> None:
    text = page()
    rows = {row[0]: row[1:] for row in cells(section(text, "Layers"))}
    assert rows["conv1"] == ["3", "6", "50.00 %"]
    assert rows["fc2"] == ["84", "84", "100.00 %"]
    assert "- fc3, 10: output of the network" in section(text, "Layers")
    assert cells(section(text, "Descent"))[2:] == [
        ["0011", "2", "0003, 0000", "magnitude-removal", "250", "2.00 %"],
        ["0003", "1", "0000", "magnitude-removal", "1,000", "2.00 %"],
        ["0000", "0", "-", "founding", "1,000", "2.00 %"],
    ]
    training = section(text, "Training")
    assert "- steps: 40\n" in training
    assert "- culture: weight 0.8, temperature 2, hidden 0\n" in training
    assert training.endswith("Teacher: 0000. Seed of the birth: 99.")
    assert "culture" not in section(page(0), "Training"), "there was nobody to learn from"
    assert "No teacher. Seed of the birth: 1." in page(0)
    everybody = family()
    several = replace(everybody[11].birth, teachers=(0, 3))
    taught = replace(everybody[11], birth=several)
    text = facts_page(settings(), line_of(taught, everybody), FILES).decode()
    assert "Teachers, as one: 0000, 0003. Seed of the birth: 99." in text


def test_what_it_took() -> None:
    text = section(page(), "What it took")
    assert cells(text) == [
        ["", "this network alone", "with its line of descent, 3 in all"],
        ["---", "---:", "---:"],
        ["FLOPs of training", "2.00e+09", "6.00e+09"],
        ["seconds of development", "11.5", "15.5"],
    ]
    assert "One answer takes 24,690 FLOPs" in text


@pytest.mark.parametrize(
    ("changes", "given", "returned"),
    [
        (
            {},
            r"float32 `(batch, 1, 8, 8)`, pixels in \[0, 1\]. The batch size is free. Normalisation is inside, do not "
            "repeat it: mean 0.3, deviation 0.25.",
            "float32 `(batch, 10)`, logits: the largest along dimension 1 is the answer. Class numbers are those of "
            "the data, from 0.",
        ),
        (
            {"inputs": InputForm((5,)), "classes": ("cat", "a|b")},
            "float32 `(batch, 5)`, as it is in the data. The batch size is free.",
            r"float32 `(batch, 10)`, logits: the largest along dimension 1 is the answer. The classes are, from 0: "
            r"cat, a\|b.",
        ),
        (
            {"inputs": InputForm((12,), vocabulary=100), "criterion": {"kind": "regression", "error": "variance"}},
            "int64 tokens `(batch, 12)`, from 0 to 99. The batch size is free.",
            "float32 `(batch, 10)`, numbers in the units of the data.",
        ),
        (
            {"criterion": {"kind": "multi-label", "error": "e"}, "classes": ("on", "off")},
            "float32 `(batch, 1, 8, 8)`, pixels in",
            "float32 `(batch, 10)`, logits: a label is likelier on than off above 0. Labels: on, off.",
        ),
        ({"criterion": {"kind": "custom"}}, "float32", "float32 `(batch, 10)`, as the task has it."),
    ],
)
def test_input_and_output(changes: dict[str, Any], given: str, returned: str) -> None:
    ends = section(page(**changes), "Input and output").splitlines()
    assert ends[0].startswith(f"- Input: {given}")
    assert ends[1] == f"- Output: {returned}"


def test_how_to_load_what_there_is() -> None:
    blocks = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "page", "exec")
    assert "(1, 1, 8, 8), np.float32)" in blocks[2]
    weights_only = re.findall(r"```python\n(.*?)```", page(files=[]), re.DOTALL)
    assert len(weights_only) == 1
    tokens = page(inputs=InputForm((12,), vocabulary=9))
    assert "torch.zeros(1, 12, dtype=torch.int64)" in tokens
    assert "np.zeros((1, 12), np.int64)" in tokens
    module = page(constructor=Constructor(INSTANCE, {}, LENET.structure))
    assert 'heredity.load(".", model=network)' in module
    assert module.startswith("# 0011, evolved from a module handed over in Python\n")


def test_files_with_their_digests() -> None:
    text = section(page(), "Files")
    assert cells(text)[2] == [
        *("model.onnx", "4", "`03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4`")
    ]
    assert "- model.onnx equals its module\n- model.int8.onnx agrees \\| mostly\n\nMade by heredity " in text


def test_tables_are_whole() -> None:
    """Whatever the user's names are, every row has as many cells as its header."""
    rows = [
        cells(part) for part in page(strategy="a|b\n*c*", criterion={"error": "x|y"}).split("\n\n") if part[0] == "|"
    ]
    assert len(rows) == 5
    assert all(len({len(row) for row in table}) == 1 for table in rows)
