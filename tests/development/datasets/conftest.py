"""What tests of data sets share: what is in a split."""

from __future__ import annotations

from heredity.development.task import Split


def rows(*splits: Split) -> list[bytes]:
    return sorted(
        image.numpy().tobytes() + bytes([int(y)]) for s in splits for image, y in zip(s.inputs, s.labels, strict=True)
    )
