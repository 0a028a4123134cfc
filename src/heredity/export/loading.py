"""Lines of Python that load an exported network and run it, for the pages that show them to users."""

from __future__ import annotations

import json
from pathlib import Path

from heredity.anatomy.inputs import InputForm
from heredity.export.onnx import INPUT, OUTPUT


def heredity_lines(found: str, inputs: InputForm, *, handed_over: bool) -> str:
    """Runs what the expression `found` gives, on PyTorch; the module `network` it needs if one was handed over."""
    needed = "# network: the module that the run began with\n" * handed_over
    return f"import torch\n\nimport heredity\n\n{needed}member = {found}\noutputs = member({_torch_batch(inputs)})"


def program_lines(file: str | Path, inputs: InputForm) -> str:
    """Runs a `torch.export` program, which needs neither heredity nor the network's source."""
    loaded = f"member = torch.export.load({quoted(file)}).module()"
    return f"import torch\n\n{loaded}\noutputs = member({_torch_batch(inputs)})"


def onnx_lines(file: str | Path, inputs: InputForm) -> str:
    """Runs an ONNX file in onnxruntime."""
    kind = "float32" if inputs.vocabulary is None else "int64"
    return (
        "import numpy as np\nimport onnxruntime\n\n"
        f"session = onnxruntime.InferenceSession({quoted(file)})\n"
        f"batch = np.zeros({(1, *inputs.shape)}, np.{kind})\n"
        f"(outputs,) = session.run({quoted([OUTPUT])}, {{{quoted(INPUT)}: batch}})"
    )


def quoted(value: str | Path | list[str]) -> str:
    """Strings as both Python and JSON write them."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _torch_batch(inputs: InputForm) -> str:
    sizes = ", ".join(map(str, (1, *inputs.shape)))
    return f"torch.zeros({sizes}{', dtype=torch.int64' * (inputs.vocabulary is not None)})"
