"""Data sets: what `--data` may name, and tasks from what a user has in Python. One file a form.

| file | form |
| --- | --- |
| `reference` | which form a reference such as `mnist:10%` names |
| `digits`, `mnist`, `cifar10`, `stl10`, `fsdd` | data sets by name |
| `folder` | a folder of class folders of images |
| `table` | parquet files |
| `hub` | data sets on the Hugging Face hub |
| `given` | tensors, torch data sets and tasks, from Python or from a `file.py:callable` |
| `images`, `labels`, `options`, `place` | what several of them need: decoding, named labels, options, folders |
| `cache` | images that are decoded into a file |
"""

from __future__ import annotations

from heredity.development.datasets.given import as_task
from heredity.development.datasets.reference import DATASETS, load_task

__all__ = ["DATASETS", "as_task", "load_task"]
