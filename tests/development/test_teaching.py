"""Teachers answer from memory or online, alone or as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from heredity.anatomy.body import build
from heredity.anatomy.constructor import describe
from heredity.development.datasets import as_task
from heredity.development.recipe import Recipe
from heredity.development.task import Split, normalised
from heredity.development.teaching import Mentor, is_online, make_teacher, remembered_outputs
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
    remembered = make_teacher(MENTORS[:1], TASK.train, Recipe(steps=1), tmp_path)(INDEX, BATCH)
    assert len(list(tmp_path.iterdir())) == 1
    online = make_teacher(MENTORS[:1], TASK.train, Recipe(steps=1, augmentation=("shift1",)), tmp_path / "none")
    answers = online(INDEX, BATCH)
    assert not answers.requires_grad
    assert torch.allclose(answers, remembered, atol=1e-4)
    assert not torch.allclose(online(INDEX, BATCH + 1), remembered, atol=1e-2), "it answers what it is shown"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("augmentation", [(), ("shift1",)])
def test_several_teachers_answer_with_the_mean_of_their_probabilities(
    tmp_path: Path, augmentation: tuple[str, ...]
) -> None:
    teacher = make_teacher(MENTORS, TASK.train, Recipe(steps=1, augmentation=augmentation), tmp_path)
    with torch.no_grad():
        own = [build(m.organism.genome, m.organism.tensors).eval()(BATCH).softmax(1) for m in MENTORS]
    assert torch.allclose(teacher(INDEX, BATCH).softmax(1), torch.stack(own).mean(0), atol=1e-5)
    assert not torch.allclose(own[0], own[1], atol=1e-3)


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


class TestMemory:
    split = Split(torch.rand(7, 3), torch.arange(7) % 2)

    @pytest.fixture
    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))

    def test_a_teacher_answers_once(self, tmp_path: Path, network: nn.Module) -> None:
        built: list[int] = []

        def build() -> nn.Module:
            built.append(1)
            return network

        one = remembered_outputs(tmp_path / "new", "a" * 64, build, self.split)
        two = remembered_outputs(tmp_path / "new", "a" * 64, build, self.split)
        assert len(built) == 1
        assert torch.equal(one, two)
        with torch.no_grad():
            assert torch.equal(one, network.eval()(self.split.inputs))
        assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".safetensors"]
        remembered_outputs(tmp_path / "new", "b" * 64, build, self.split)
        other = Split(self.split.inputs + 1, self.split.labels)
        remembered_outputs(tmp_path / "new", "a" * 64, build, other)
        assert len(built) == 3
        assert len(list((tmp_path / "new").iterdir())) == 3

    @pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
    def test_damaged_memory_is_made_anew(self, tmp_path: Path, network: nn.Module, damage: str) -> None:
        logits = remembered_outputs(tmp_path, "a" * 64, lambda: network, self.split)
        (path,) = tmp_path.iterdir()
        raw = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "noise": b"\xff" * len(raw)}[damage])
        assert torch.equal(remembered_outputs(tmp_path, "a" * 64, lambda: network, self.split), logits)
        assert path.read_bytes() == raw
