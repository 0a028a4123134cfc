"""What people see of a run: on a terminal a picture, elsewhere lines; never a number torn apart."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from rich.console import Console

from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.cli import anatomy
from heredity.cli.progress import ROWS, Lines, Picture
from heredity.development.birth import Birth, Individual
from heredity.development.recipe import Recipe
from heredity.variation.founding import Founding


def individual(number: int, reason: str | None = None, **measures: float) -> Individual:
    constructor, inputs = Constructor("net.py:net", {}, "structure"), InputForm((4,))
    operator = Founding(constructor, inputs)
    birth = Birth(number, number // 9, (), operator, Genome(constructor, inputs, {}), Recipe(steps=1), seed=0)
    return Individual(birth, "failed" if reason else "developed", measures, reason=reason)


FAMILY = [individual(n, params=431080.0 / 2**n, val_error=0.01 + 0.001 * n) for n in range(18)]


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(None, 3, "params", time.monotonic())
    lines.know(FAMILY[:2], elapsed=65.0)
    lines.asked([FAMILY[0].birth, FAMILY[1].birth], known=2)  # nothing to say
    lines.asked([FAMILY[2].birth, FAMILY[3].birth], known=1)
    lines.beat(2, 0.5)
    lines.recorded(FAMILY[2])
    lines.recorded(individual(3, reason="diverged: the loss is nan"))
    lines.asked([FAMILY[9].birth], known=0)
    lines.finishing(0, 3)
    lines.finishing(1, 3)
    assert capsys.readouterr().out.splitlines() == [
        "generation 0 of 3 · 2 living · best error 1.00 % · within a point of it from 215,540 params · 1:05 so far"
        " · 1 known from before",
        "  0002  founding: 107,770 params, validation error 1.20 %",
        "  0003  founding: failed, diverged: the loss is nan",
        "generation 1 of 3 · 3 living · 1 failed · best error 1.00 % · within a point of it from 107,770 params"
        " · 1:05 so far",
        "measuring and exporting 3 members",
    ]


def test_how_far_the_decoding_of_images_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(None, 4, "params", time.monotonic())
    for images in (999, 2500):
        for done in range(64, images + 64, 64):
            lines.reading(min(done, images), images)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 10
    assert (said[0], said[-1]) == ("256 of 2,500 images decoded", "2,500 of 2,500 images decoded")
    shown, screen = picture(80)
    with shown:
        shown.reading(64, 1280)
    assert "64 of 1,280 images decoded" in screen.getvalue()
    with shown:
        screen.truncate(0)
        shown.reading(1280, 1280)
        shown.asked([FAMILY[0].birth], known=0)
        shown.beat(0, 0.5)
    assert screen.getvalue().rpartition("member")[0].count("images decoded") == 0


def test_how_far_the_reading_of_test_errors_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("heredity.cli.progress.time.monotonic", lambda: now)
    lines = Lines(None, 10, "params", now)
    for done in range(8):  # one takes 12 seconds: every third one is told of
        lines.measuring(done, 7)
        now += 12.0
    said = capsys.readouterr().out.splitlines()
    assert said == ["0 of 7 test errors read", "3 of 7 test errors read", "6 of 7 test errors read"]
    monkeypatch.undo()
    shown, screen = picture(80)
    with shown:
        shown.beat(3, 0.5)
        screen.truncate(0)
        shown.measuring(3, 6)
    assert "reading test errors" in screen.getvalue()
    assert "0003" not in screen.getvalue().rpartition("reading")[2]


def test_the_time_that_is_left_counts_earlier_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(600.0, None, "params", time.monotonic())
    lines.know([], elapsed=400.0)
    lines.asked([FAMILY[0].birth], known=0)
    assert capsys.readouterr().out == "generation 0 · 0 living · 3:20 left\n"


def picture(width: int, cost: str = "params") -> tuple[Picture, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, height=40, color_system=None)
    return Picture(console, 600.0, None, cost, time.monotonic()), screen


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_picture(width: int) -> None:
    shown, screen = picture(width)
    with shown:
        shown.know([], elapsed=0.0)
        shown.asked([i.birth for i in FAMILY], known=0)
        for i in FAMILY:
            shown.beat(i.number, 0.5)
        for i in FAMILY[:-1]:
            shown.recorded(i)
        shown.recorded(individual(18, reason="hung: no sign of life for 300 s"))
        screen.truncate(0)
        shown.finishing(0, 7)
        shown.finishing(3, 7)
    said = screen.getvalue()
    rows = [line for line in said.splitlines() if "founding" in line]
    assert len(rows) >= ROWS, "not everybody fits, but the ends of the front are shown"
    for number in ("431,080", "100.0%", "1.00 %", "1/65536", "2.60 %"):
        assert number in said
    assert "finishing" in said
    assert "failed" in said


def test_a_picture_before_latency_is_known() -> None:
    shown, screen = picture(80, "latency_ms")
    with shown:
        shown.recorded(individual(0, params=9.0, val_error=0.1))
        shown.timed(individual(0, params=9.0, val_error=0.1, latency_ms=0.0123))
    assert "0.012 ms" in screen.getvalue()


RESULT: dict[str, Any] = {
    "ancestor": {"id": "0000", "params": 431080, "val_error": 0.0071, "test_error": 0.0069},
    "individuals": 18,
    "train_flops": 1.234e12,
    "seconds": 3661.2,
    "members": [
        {
            "id": "0003",
            "params": 107770,
            "macs": 2293000,
            "bytes": 432100,
            "latency_ms": 0.1234,
            "val_error": 0.0123,
            "test_error": 0.0134,
            "parents": ["0000"],
        },
        {
            "id": "0017",
            "params": 1234,
            "macs": 56789,
            "bytes": 6789,
            "latency_ms": None,
            "val_error": 0.2345,
            "test_error": 0.3456,
            "parents": ["0003", "0009"],
        },
    ],
}


@pytest.mark.parametrize(
    ("width", "missing"), [(160, []), (80, ["parents"]), (50, ["parents", "of ancestor", "bytes"])]
)
def test_a_narrow_terminal_shows_fewer_columns_and_whole_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, missing: list[str]
) -> None:
    monkeypatch.setattr(anatomy, "console_for_tables", lambda: Console(width=width))
    anatomy.show_front(RESULT)
    header, first, second, _, took = capsys.readouterr().out.splitlines()
    assert took == "training of all 18 individuals: 1.23e+12 FLOPs, 1:01:01 of workers' time"
    columns = {"member", "params", "of ancestor", "MACs", "bytes", "latency", "validation", "test", "parents"}
    assert {name for name in columns if name not in header} >= set(missing)
    for number in ("107,770", "1.34 %"):
        assert number in first
    for number in ("1,234", "34.56 %"):
        assert number in second
    assert max(map(len, (header, first, second))) <= width
