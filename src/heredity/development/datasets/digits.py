"""The embedded digits: 1,797 images of 8x8 pixels (UCI, from scikit-learn)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from heredity.development.task import Split, Task, make_task


def digits(seed: int, data_dir: str | Path | None) -> Task:
    """A fifth for test, a fifth of the rest for validation."""
    from sklearn.datasets import load_digits  # heavy, and needed for this data set only

    pixels, labels = load_digits(return_X_y=True)  # from 0 to 16
    images = torch.from_numpy((pixels * (255 / 16)).round().astype(np.uint8)).reshape(-1, 1, 8, 8)
    everything = Split(images, torch.from_numpy(labels).long())
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed))
    test, validation, train = order[:360], order[360:660], order[660:]
    return make_task("digits", everything.take(train), everything.take(validation), everything.take(test), seed=seed)
