"""Commands and their exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heredity.api import evolve as facade
from heredity.executors.base import Nursery
from heredity.testing.runs import QUICK

from .conftest import Heredity

COMMANDS = ("evolve", "resume", "verify", "export", "ensemble", "transcribe", "report", "genes", "reproduce", "inspect")


@pytest.fixture(scope="session")
def finished(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, begun from Python with quick settings."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    model, data = f"{users}:sound", f"{users}:data"
    facade.evolve(model, data, generations=1, strategy_options=QUICK, workers=0, out=out).store.close()
    return out


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strategies take quick settings where the command line names none."""
    whole = facade.strategy_settings
    monkeypatch.setattr(facade, "strategy_settings", lambda name, given: whole(name, {**QUICK, **given}))


def test_help_is_there_at_once() -> None:
    fastest = 9.0
    for _ in range(3):
        start = time.monotonic()
        found = subprocess.run([sys.executable, "-m", "heredity", "--help"], capture_output=True, text=True, check=True)
        fastest = min(fastest, time.monotonic() - start)
    assert fastest < 1, "it loads torch"
    for command in COMMANDS:
        assert f"\n  {command} " in found.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_explained(heredity: Heredity, command: str) -> None:
    code, out, _ = heredity(command, "--help")
    assert code == 0
    from heredity.cli.main import app

    (info,) = (c for c in app.registered_commands if c.callback is not None and c.callback.__name__ == command)
    assert info.callback is not None
    assert info.callback.__doc__ is not None
    assert " ".join(info.callback.__doc__.split()) in " ".join(out.split())
    rows = out.partition("Options:")[2].replace("\n" + " " * 12, " ").splitlines()
    assert all(len(row.split("  ")) > 1 for row in rows if row.startswith("  --"))


@pytest.mark.usefixtures("quick")
def test_evolve_and_all_that_follows(heredity: Heredity, users: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--model", f"{users}:sound", "--data", f"{users}:data", "--generations", 2, "--workers", 0)
    code, said, complaint = heredity("evolve", *options, "--seed", 3, "--out", out)
    assert (code, complaint) == (0, "")
    front = json.loads((out / "front.json").read_text())
    lines = said.splitlines()
    assert lines[0] == f"evolving {users}:sound on {users}:data into {out}"
    assert lines[1].startswith("generation 0 of 2 · 0 living · ")
    assert lines[2].startswith("  0000  founding: 259 params, validation error ")
    assert sum(line.startswith("  0") for line in lines) == 7
    assert lines.count(f"measuring and exporting {len(front['members'])} members") == 1
    header = next(k for k, line in enumerate(lines) if line.split()[:2] == ["member", "params"])
    assert " ".join(lines[header].split()) == "member params of ancestor MACs bytes latency validation test parents"
    assert [line.split()[0] for line in lines[header + 1 : header + 1 + len(front["members"])]] == [
        member["id"] for member in front["members"]
    ]

    content = (out / "front.json").read_bytes()
    code, said, complaint = heredity("resume", out)
    assert (code, complaint) == (0, "")
    assert "generation" not in said
    assert (out / "front.json").read_bytes() == content

    code, said, complaint = heredity("verify", out)
    assert (code, said, complaint) == (0, "7 individuals verified, 0 differences\n", "")
    assert heredity("verify", out, "--sample", 2).out == "2 individuals verified, 0 differences\n"

    code, said, complaint = heredity("export", out, "0002")
    assert (code, complaint) == (0, "")
    assert {path.name for path in (out / "export" / "0002").iterdir()} == {
        *("model.onnx", "model.safetensors", "genome.json", "facts.md")
    }
    assert heredity("export", out, "2", "--out", tmp_path / "mine").code == 0
    for name in ("model.onnx", "model.safetensors", "genome.json", "facts.md"):
        assert (tmp_path / "mine" / name).read_bytes() == (out / "export" / "0002" / name).read_bytes()


def test_inspect(heredity: Heredity, users: Path) -> None:
    code, out, err = heredity("inspect", f"{users}:sound", "--input", "12")
    assert (code, err) == (0, "")
    assert "259 params, 240 MACs" in out
    assert heredity("inspect", f"{users}:sound").err.startswith("heredity: expected the shape of ")
    assert heredity("inspect", f"{users}:sound", "--input", "12x").code == 2


def test_inspect_at_the_default_input(heredity: Heredity, tmp_path: Path) -> None:
    """Which may be tokens."""
    file = tmp_path / "words.py"
    file.write_text(
        "from torch import nn\n"
        "def words(input_shape=(7,), vocabulary=11):\n"
        "    return nn.Sequential(nn.Embedding(vocabulary, 3), nn.Flatten(), nn.Linear(3 * input_shape[0], 2))\n"
    )
    assert heredity("inspect", f"{file}:words").out.startswith(f"{file}:words on 7: {11 * 3 + 21 * 2 + 2} params")
    assert heredity("inspect", f"{file}:words", "--input", "5").out.startswith(f"{file}:words on 5: {33 + 32} params")
    assert heredity("inspect", f"{file}:words", "--vocabulary", "12").out.startswith(
        f"{file}:words on 7: {36 + 44} params"
    )
    assert heredity("inspect", f"{file}:words", "--vocabulary", "0").code == 2


def test_inspect_offers_a_number_of_classes(heredity: Heredity, tmp_path: Path) -> None:
    """As `evolve` does, which knows it from the data."""
    file = tmp_path / "asks.py"
    file.write_text(
        "from torch import nn\ndef make(input_shape, n_classes):\n    return nn.Linear(*input_shape, n_classes)\n"
    )
    assert heredity("inspect", f"{file}:make", "--input", "7").out.startswith(f"{file}:make on 7: {8 * 10} params")
    told = heredity("inspect", f"{file}:make", "--input", "7", "--classes", "3")
    assert told.out.startswith(f"{file}:make on 7: {8 * 3} params")


@pytest.mark.slow
def test_inspect_the_zoo(heredity: Heredity) -> None:
    code, out, err = heredity("inspect")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["lenet5-caffe", "1x28x28", "431,080"] in [row[:3] for row in rows]
    assert ["lstm-small", "28x28"] in [row[:2] for row in rows]
    assert "torchvision's and timm's networks work by name too" in out


class TestExport:
    def test_every_format(
        self, heredity: Heredity, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A line a file, equal files whenever it is asked for, and a page whose lines work in the folder."""
        member = min((finished / "front").iterdir()).name
        code, said, complaint = heredity("export", finished, member, "--format", "all", "--out", tmp_path / "all")
        assert (code, complaint) == (0, "")
        files = ["model.onnx", "model.int8.onnx", "model.pt2", "model.safetensors", "genome.json", "facts.md"]
        assert {path.name for path in (tmp_path / "all").iterdir()} == {*files}
        for line, name in zip(said.splitlines(), files, strict=True):
            assert line.startswith(f"{tmp_path / 'all' / name}: {(tmp_path / 'all' / name).stat().st_size:,} bytes")
        assert "differs from its module by " in said
        assert "agrees with its module on " in said
        assert said.count(" ms an example") == 2
        page = (tmp_path / "all" / "facts.md").read_text()
        blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        assert len(blocks) == 4
        monkeypatch.chdir(tmp_path / "all")
        for block in blocks:
            exec(block, found := dict[str, Any]())
            assert found["outputs"].shape == (1, 3)
        digests = [hashlib.sha256((tmp_path / "all" / name).read_bytes()).hexdigest() for name in files[:-1]]
        assert all(f"`{digest}`" in page for digest in digests)

        code, said, _ = heredity("export", finished, member, "--format", "int8", "--out", tmp_path / "all")
        assert code == 0
        assert {path.name for path in (tmp_path / "all").iterdir()} == {*files} - {"model.onnx", "model.pt2"}
        assert hashlib.sha256((tmp_path / "all" / "model.int8.onnx").read_bytes()).hexdigest() == digests[1]

    def test_the_fronts_pages_are_those_of_an_export(self, heredity: Heredity, finished: Path, tmp_path: Path) -> None:
        for place in (finished / "front").iterdir():
            assert heredity("export", finished, place.name, "--out", tmp_path / place.name).code == 0
            for file in place.iterdir():
                assert (tmp_path / place.name / file.name).read_bytes() == file.read_bytes()

    def test_int8_without_the_data(self, heredity: Heredity, finished: Path, users: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(finished, tmp_path / "copy"))
        settings = json.loads((copy / "run.json").read_text())
        for data, came in (("gone.py:data", "FileNotFoundError: no file"), (f"{users}:images", "other data; restore")):
            (copy / "run.json").write_text(json.dumps({**settings, "data": data}))
            code, said, complaint = heredity("export", copy, "0", "--format", "int8")
            assert (code, said, complaint.count("\n")) == (2, "", 1)
            assert f"; came {came}" in complaint
        assert not (copy / "export").exists()
        assert heredity("export", copy, "0", "--format", "torch").code == 0, "which needs none"

    def test_bad_input(self, heredity: Heredity, finished: Path) -> None:
        code, _, complaint = heredity("export", finished, "0", "--format", "tflite")
        assert (code, complaint) == (
            2,
            "heredity: expected a format; came 'tflite'; choose among onnx, int8, torch, all\n",
        )
        assert heredity("export", finished, "99").err.startswith("heredity: expected a member's id; came '99'; on the")


class TestEnsemble:
    def test_it_is_written_and_told_of(self, heredity: Heredity, finished: Path, tmp_path: Path) -> None:
        out = tmp_path / "made"
        code, said, complaint = heredity("ensemble", finished, "0", "1", "2", "--method", "mean", "--out", out)
        assert (code, complaint) == (0, "")
        record = json.loads((out / "ensemble.json").read_text())
        header, *rows, best, flops, last = said.splitlines()
        assert header.split() == ["member", "weight", "params", "MACs", "bytes", "latency", "validation", "test"]
        assert [row.split()[:2] for row in rows[:-1]] == [[f"000{k}", "0.333"] for k in range(3)]
        whole = record["measures"]
        assert rows[-1].split()[:3] == ["ensemble", f"{whole['params']:,.0f}", f"{whole['macs']:,.0f}"]
        assert rows[-1].rstrip().endswith(f"{100 * whole['val_error']:.2f} %  {100 * whole['test_error']:.2f} %")
        assert best.startswith(f"best single member {record['best']['id']}: validation error ")
        assert flops.startswith(f"FLOPs of an answer {record['inference_flops']:.2e}, of training ")
        assert flops.endswith(
            f"{record['train_flops']:.2e}, with all that members come from {record['line_flops']:.2e}"
        )
        assert last == f"the ensemble is in {out}: model.onnx, model.safetensors and ensemble.json"

        said = heredity("ensemble", finished, "0", "1", "--method", "mlp", "--out", out).out
        assert "examples, from which the MLP has not learnt" in said

        code, _, complaint = heredity("ensemble", finished, "--generation", "last", "--method", "mean", "--out", out)
        assert (code, complaint) == (0, "")
        record = json.loads((out / "ensemble.json").read_text())
        assert [part["id"] for part in record["members"]] == ["0001", "0002", "0003"]

    def test_one_member_alone_is_said_to_be(self, heredity: Heredity, finished: Path, tmp_path: Path) -> None:
        fewest = min(json.loads((finished / "front.json").read_text())["members"], key=lambda m: m["params"])
        options = ("--max-params", fewest["params"], "--out", tmp_path / "made")
        code, said, _ = heredity("ensemble", finished, "0", fewest["id"], *options)
        assert code == 0
        assert said.startswith(f"no second member helps {fewest['id']}, or fits: the ensemble is that one alone\n")

    def test_bad_input(self, heredity: Heredity, finished: Path, tmp_path: Path) -> None:
        for arguments, expected in (
            (("0", "99"), "expected a member's id; came '99'; on the front are "),
            (("0",), "expected at least 2 members; came 0000; name more, or evolve on"),
            (("--method", "vote"), "expected a method; came 'vote'; choose among mean, weighted, mlp, greedy"),
            (
                ("--max-params", "1"),
                "expected a member to begin with that takes at most 1 params; came none",
            ),
            (("--max-bytes", "0"), "expected max bytes above 0; came 0"),
            (("--generation", "first"), "expected a generation; came 'first'; give its number, or last"),
        ):
            code, said, complaint = heredity("ensemble", finished, *arguments, "--out", tmp_path / "made")
            assert (code, said, complaint.count("\n")) == (2, "", 1)
            assert complaint.startswith(f"heredity: {expected}")
        assert heredity("ensemble", tmp_path / "nowhere").err.startswith("heredity: expected a run in ")
        assert not (tmp_path / "made").exists()


class TestVerify:
    def test_a_truncated_blob(self, heredity: Heredity, finished: Path, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(finished, tmp_path / "copy"))
        blob = next((copy / "blobs").iterdir())
        blob.write_bytes(blob.read_bytes()[:-1])
        code, out, err = heredity("verify", copy)
        assert (code, err) == (1, "")
        assert "what is stored is recorded as whole, found StoreError: expected" in out
        assert out.splitlines()[-1].startswith("4 individuals verified, ")

    def test_a_sample_of_none(self, heredity: Heredity, finished: Path) -> None:
        assert heredity("verify", finished, "--sample", 0).err.startswith("heredity: expected a sample of at least 1")


class TestTargets:
    def evolve(
        self, heredity: Heredity, users: Path, out: Path, *options: object
    ) -> tuple[int, str, dict[str, object]]:
        common = ("--model", f"{users}:sound", "--data", f"{users}:data", "--workers", 0, "--out", out)
        code, _, complaint = heredity("evolve", *common, "--generations", 1, *options)
        return code, complaint, json.loads((out / "front.json").read_text())

    @pytest.mark.usefixtures("quick")
    @pytest.mark.parametrize(
        ("options", "measure", "ceiling"),
        [
            (("--max-params", 100, "--max-error", "90%"), "params", 100),
            (("--max-macs", 100), "macs", 100),
            (("--max-bytes", 1200), "bytes", 1200),
        ],
    )
    def test_met(
        self, heredity: Heredity, users: Path, tmp_path: Path, options: tuple[object, ...], measure: str, ceiling: int
    ) -> None:
        code, complaint, front = self.evolve(heredity, users, tmp_path / "run", *options)
        assert (code, complaint) == (0, "")
        targets, members = front["targets"], front["members"]
        assert isinstance(targets, dict)
        assert isinstance(members, list)
        (keeper,) = (member for member in members if member["id"] == targets["nearest"])
        assert (targets["met"], targets[f"max_{measure}"]) == (True, ceiling)
        assert keeper[measure] <= ceiling
        assert json.loads((tmp_path / "run" / "run.json").read_text())["cost"] == measure

    @pytest.mark.usefixtures("quick")
    def test_not_met(self, heredity: Heredity, users: Path, tmp_path: Path) -> None:
        options = ("--max-error", "0.0001%", "--max-params", 60)
        code, complaint, front = self.evolve(heredity, users, tmp_path / "run", *options)
        assert code == 3
        targets = front["targets"]
        assert isinstance(targets, dict)
        assert targets["met"] is False
        assert complaint.startswith(
            "heredity: no member keeps the targets (60 params, validation error 0.00 %); nearest is "
        )
        assert f"nearest is {targets['nearest']} with " in complaint
        assert complaint.count("\n") == 1
        assert heredity("resume", tmp_path / "run").code == 3

    def test_nobody_lives(self, heredity: Heredity, tmp_path: Path) -> None:
        common = ("--model", "lenet-300-100", "--data", "digits", "--workers", 0, "--out", tmp_path / "run")
        genes = ("--set", "population=4", "--set", "genes.recipe.learning_rate=1e8..1e9 from 5e8")
        settings = ("--strategy", "dual_inheritance", *genes, "--set", "steps=[20,20]", "--generations", 1)
        code, _, complaint = heredity("evolve", *common, *settings)
        assert code == 3
        assert complaint.startswith("heredity: expected newborns that live; all 4 failed, the last one: diverged: ")
        assert complaint.count("\n") == 1
        assert heredity("verify", tmp_path / "run").code == 0

    @pytest.mark.usefixtures("quick")
    def test_latency_is_a_cost_and_a_ceiling(self, heredity: Heredity, users: Path, tmp_path: Path) -> None:
        code, complaint, front = self.evolve(heredity, users, tmp_path / "run", "--max-latency-ms", 1e-7)
        assert code == 3
        assert "no member keeps the targets (0.000 ms); nearest is " in complaint
        members = front["members"]
        assert isinstance(members, list)
        assert json.loads((tmp_path / "run" / "run.json").read_text())["cost"] == "latency_ms"
        assert [m["latency_ms"] for m in members] == sorted((m["latency_ms"] for m in members), reverse=True)


@pytest.mark.slow
def test_misbehaving_newborns_are_recorded_and_the_run_goes_on(
    heredity: Heredity, users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "Nursery", partial(Nursery, patience=4.0))
    options = {"population": 12, "steps": (60, 40), "scarcest": 0.3}
    whole = facade.strategy_settings
    monkeypatch.setattr(facade, "strategy_settings", lambda name, given: whole(name, {**options, **given}))
    out = tmp_path / "run"
    model, data = f"{users}:mischievous", f"{users}:data"
    code, said, complaint = heredity(
        *("evolve", "--model", model, "--data", data, "--generations", 2, "--workers", 2, "--out", out)
    )
    assert (code, complaint) == (0, "")
    expected = {
        **dict.fromkeys((5, 6), "ValueError: two lines of grief"),
        **dict.fromkeys((7, 8), "diverged: the loss is nan"),
        **dict.fromkeys((9, 10, 11), "worker died: signal 9, perhaps out of memory"),
        **dict.fromkeys((12, 13, 14, 15), "hung: no sign of life for 4 s"),
    }
    kinds: set[str] = set()
    run = facade.Run.open(facade.RunFolder(out))
    individuals = run.individuals
    run.store.close()
    assert len(individuals) == 25
    for individual in individuals:
        (width,) = individual.birth.genome.sizes.values()
        assert individual.developed == (width not in expected)
        if not individual.developed:
            assert individual.reason is not None
            assert individual.reason.startswith(expected[width])
            assert f"failed, {individual.reason}" in said
            kinds.add(expected[width])
    assert len(kinds) >= 3, "the plan is too narrow for this test"
    assert heredity("verify", out).code == 0


def test_an_interrupt_elsewhere(heredity: Heredity, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("heredity.run.verify.verify", interrupt)
    code, _, err = heredity("verify", finished)
    assert (code, err) == (130, "")


SAYS = """
from heredity.cli import main
from heredity.errors import InputError
def app(**_):
    raise InputError("expected ·; came ·")
main.app = app
main.run()
"""


def test_a_stream_that_shows_ascii_only() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", SAYS]
    found = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (2, "", "heredity: expected ?; came ?\n")
