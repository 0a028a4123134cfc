"""What tests of data sets share: how refusals read, and what is in a split."""

from __future__ import annotations

import pytest

from heredity.development.task import Split
from heredity.errors import HeredityError


def one_line(caught: pytest.ExceptionInfo[HeredityError], *words: str) -> None:
    message = str(caught.value)
    assert message.startswith("expected ")
    assert "\n" not in message
    assert message.count("; ") >= 2, message
    for word in words:
        assert word in message


def rows(*splits: Split) -> list[bytes]:
    return sorted(
        image.numpy().tobytes() + bytes([int(y)]) for s in splits for image, y in zip(s.inputs, s.labels, strict=True)
    )
