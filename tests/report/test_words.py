from __future__ import annotations

from pathlib import Path

import pytest

from heredity.report.records import Measures, Portrait
from heredity.report.words import headline, notes, within_a_point
from heredity.run.account import Spent

ANCESTOR: Measures = {"val_error": 0.02, "params": 431_080.0, "latency_ms": 0.109}


def member(error: float, params: float, **more: float) -> Measures:
    return {"val_error": error, "params": params, **more}


def test_the_smallest_within_a_point() -> None:
    front = {"0000": ANCESTOR, "0003": member(0.03, 1782.0), "0004": member(0.0301, 900.0), "0005": member(0.01, 2e5)}
    assert within_a_point(ANCESTOR, front, "params") == "0003", "0.02 + 0.01 is a point, whatever floats make of it"
    assert headline(ANCESTOR, front, "params") == (
        "The smallest network within 1 point of the ancestor has 1,782 weights, 1/242 of the ancestor’s, "
        "at 3.00 % validation error (ancestor: 2.00 %)."
    )


def test_a_share_that_is_no_small_fraction() -> None:
    front = {"0003": member(0.02, 1e5, latency_ms=0.040)}
    assert "has 0.040 ms an example, 37 % of the ancestor’s" in headline(ANCESTOR, front, "latency_ms")


@pytest.mark.parametrize(
    "front", [{"0000": ANCESTOR}, {"0000": ANCESTOR, "0003": member(0.0301, 900.0)}], ids=["alone", "all worse"]
)
def test_nobody_smaller_is_as_good(front: dict[str, Measures]) -> None:
    assert headline(ANCESTOR, front, "params") == (
        "No smaller network is within 1 point of the ancestor; "
        "the lowest validation error is 2.00 %, with 431,080 weights."
    )


def test_nobody_lives() -> None:
    assert headline({}, {}, "params") == "Nobody lives: no newborn developed."
    assert within_a_point({}, {}, "params") is None


def test_the_ancestor_failed() -> None:
    assert headline({}, {"0001": member(0.5, 10.0)}, "params").startswith("No smaller network is within 1 point")


NOTHING = Spent(0.0, 0.0)


def portrait(number: int, **more: object) -> Portrait:
    return Portrait(f"{number:04d}", 0, (), "cloning", 0.0, NOTHING, NOTHING, (), **more)  # type: ignore[arg-type]


def said(*individuals: Portrait, finished: bool = True) -> str:
    return " ".join(notes(individuals, Path("my runs/x"), finished=finished, front=[i.id for i in individuals]))


def test_notes() -> None:
    whole = {"params": 10.0, "synapses": 10.0}
    assert said(portrait(0, measures=whole), portrait(1, measures=whole)) == ""
    assert "Nobody but the ancestor" in said(portrait(0, measures=whole))
    assert "heredity resume 'my runs/x'" in said(portrait(0), finished=False)
    assert "1 of 2 newborns failed" in said(portrait(0), portrait(1, reason="diverged"))
    assert "live weights" in said(portrait(0), portrait(1, measures={"params": 10.0, "synapses": 9.0}))
    assert "refused: 0001" in said(portrait(0), portrait(1, refused="it differs"))
