"""Teachers answer from memory or online, alone or as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from heredity.anatomy.body import build
from heredity.anatomy.constructor import describe, provide
from heredity.development.culture import Taught
from heredity.development.datasets import as_task
from heredity.development.recipe import Culture, Recipe
from heredity.development.task import Split, normalised
from heredity.development.teaching import Mentor, is_online, make_teacher, remembered
from heredity.errors import InputError
from heredity.variation import Founding

COINS = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (60, 1, 8, 8), generator=COINS, dtype=torch.uint8)
PARTS = [(IMAGES[part], torch.arange(len(IMAGES[part])) % 4) for part in (slice(40), slice(40, 50), slice(50, 60))]
TASK = as_task(tuple(PARTS), seed=0, name="noise")
FOUNDING = Founding(describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 4}), TASK.inputs)
MENTORS = [Mentor(digest * 64, FOUNDING.conceive([], seed)) for seed, digest in enumerate("abc")]
INDEX = torch.tensor([5, 39, 0])
BATCH = normalised(TASK.train.inputs[INDEX], TASK.inputs)


def test_teachers_answer_from_memory_or_online(tmp_path: Path) -> None:
    remembered = make_teacher(MENTORS[:1], TASK.train, Recipe(steps=1), tmp_path)(INDEX, BATCH).outputs
    assert len(list(tmp_path.iterdir())) == 1
    online = make_teacher(MENTORS[:1], TASK.train, Recipe(steps=1, augmentation=("shift1",)), tmp_path / "none")
    answers = online(INDEX, BATCH).outputs
    assert not answers.requires_grad
    assert torch.allclose(answers, remembered, atol=1e-4)
    assert not torch.allclose(online(INDEX, BATCH + 1).outputs, remembered, atol=1e-2), "it answers what it is shown"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("augmentation", [(), ("shift1",)])
def test_several_teachers_answer_with_the_mean_of_their_probabilities(
    tmp_path: Path, augmentation: tuple[str, ...]
) -> None:
    teacher = make_teacher(MENTORS, TASK.train, Recipe(steps=1, augmentation=augmentation), tmp_path)
    with torch.no_grad():
        own = [build(m.organism.genome, m.organism.tensors).eval()(BATCH).softmax(1) for m in MENTORS]
    assert torch.allclose(teacher(INDEX, BATCH).outputs.softmax(1), torch.stack(own).mean(0), atol=1e-5)
    assert not torch.allclose(own[0], own[1], atol=1e-3)


@pytest.mark.parametrize("augmentation", [(), ("shift1",)])
def test_hidden_features_are_those_that_outputs_come_from(tmp_path: Path, augmentation: tuple[str, ...]) -> None:
    recipe = Recipe(steps=1, augmentation=augmentation, culture=Culture(hidden=1.0))
    one, several = (make_teacher(who, TASK.train, recipe, tmp_path)(INDEX, BATCH) for who in (MENTORS[:1], MENTORS))
    last = build(MENTORS[0].organism.genome, MENTORS[0].organism.tensors).get_submodule("fc3")
    assert one.hidden is not None
    assert several.hidden is not None
    with torch.no_grad():
        torch.testing.assert_close(last(one.hidden), one.outputs)
    assert several.hidden.shape == (3, 3 * 84)
    torch.testing.assert_close(several.hidden[:, :84], one.hidden)
    plain = make_teacher(MENTORS, TASK.train, Recipe(steps=1, augmentation=augmentation), tmp_path)(INDEX, BATCH)
    assert plain.hidden is None
    torch.testing.assert_close(plain.outputs, several.outputs)


def test_each_one_of_several_is_remembered_by_itself(tmp_path: Path) -> None:
    recipe = Recipe(steps=1)
    make_teacher(MENTORS[:2], TASK.train, recipe, tmp_path)
    first = {path.name for path in tmp_path.iterdir()}
    assert {name.split("-")[1] for name in first} == {"a" * 16, "b" * 16}
    make_teacher(MENTORS[1:], TASK.train, recipe, tmp_path)
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {"a" * 16, "b" * 16, "c" * 16}


def test_answers_that_are_too_many_to_remember_are_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genomes, recipe = [mentor.organism.genome for mentor in MENTORS], Recipe(steps=1)
    monkeypatch.setattr("heredity.development.teaching.REMEMBERED", 2 * len(TASK.train) * 4)
    assert not is_online(genomes[:2], recipe, len(TASK.train))
    assert is_online(genomes, recipe, len(TASK.train))
    make_teacher(MENTORS, TASK.train, recipe, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr("heredity.development.teaching.REMEMBERED", len(TASK.train) * (4 + 84))
    taught = Recipe(steps=1, culture=Culture(hidden=0.1))
    assert not is_online(genomes[:1], taught, len(TASK.train))
    assert is_online(genomes[:1], taught, len(TASK.train) + 1)


class TestMemory:
    split = Split(torch.rand(7, 3), torch.arange(7) % 2)
    taught = Taught(torch.rand(7, 2), torch.rand(7, 5))

    def teach(self, asked: list[bool], *, hidden: bool) -> Taught:
        asked.append(hidden)
        return self.taught if hidden else Taught(self.taught.outputs)

    def test_a_teacher_answers_once(self, tmp_path: Path) -> None:
        asked, folder = list[bool](), tmp_path / "new"

        def ask(teacher: str = "a", split: Split = self.split, hidden: bool = False) -> Taught:
            return remembered(folder, teacher * 64, split, lambda: self.teach(asked, hidden=hidden), hidden=hidden)

        for _ in range(2):
            answer = ask()
            assert torch.equal(answer.outputs, self.taught.outputs)
            assert answer.hidden is None
        assert asked == [False]
        assert [path.suffix for path in folder.iterdir()] == [".safetensors"]
        ask("b")
        ask(split=Split(self.split.inputs + 1, self.split.labels))
        assert len(asked) == len(list(folder.iterdir())) == 3
        for _ in range(2):
            answer = ask(hidden=True)
            assert answer.hidden is not None
            assert torch.equal(answer.hidden, self.taught.hidden)
        assert ask().hidden is None
        assert asked == [False, False, False, True], "hidden features, once, which come with the outputs"
        assert len(list(folder.iterdir())) == 3

    @pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
    def test_damaged_memory_is_made_anew(self, tmp_path: Path, damage: str) -> None:
        def ask() -> torch.Tensor:
            return remembered(tmp_path, "a" * 64, self.split, lambda: self.teach([], hidden=False)).outputs

        outputs = ask()
        (path,) = tmp_path.iterdir()
        raw = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "noise": b"\xff" * len(raw)}[damage])
        assert torch.equal(ask(), outputs)
        assert path.read_bytes() == raw


class TwoHeads(nn.Module):
    """Its outputs are a sum, and come of no one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.one, self.other = nn.Flatten(), nn.Linear(64, 4), nn.Linear(64, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flat(x)
        return self.one(x) + self.other(x.relu())


def test_outputs_are_taught_whatever_they_come_from(tmp_path: Path) -> None:
    organism = Founding(provide(TwoHeads()), TASK.inputs).conceive([], 0)
    taught = make_teacher([Mentor("d" * 64, organism)], TASK.train, Recipe(steps=1), tmp_path)(INDEX, BATCH)
    assert taught.outputs.shape == (3, 4)
    hidden = Recipe(steps=1, culture=Culture(hidden=1.0))
    with pytest.raises(InputError, match=r"one layer that makes the outputs.*came one, other"):
        make_teacher([Mentor("d" * 64, organism)], TASK.train, hidden, tmp_path)
