"""How to load a member: lines to copy from its page, into Python or a shell."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from msgspec import Struct

from heredity.anatomy.inputs import InputForm


class Snippet(Struct, frozen=True):
    """Lines that work as they are, and where they belong."""

    title: str
    code: str


def loading(
    run: Path, member: str, inputs: InputForm, *, exported: Path | None, handed_over: bool
) -> tuple[Snippet, ...]:
    """The ways to a living member's network.

    `exported` is the folder that has its files, if it was exported at the run's end. Whoever was `handed_over` as a
    module is needed again, and out of reach of the command line.
    """
    if exported is not None:
        found = f"heredity.load({_quoted(exported)}{', model=network' * handed_over})"
    elif handed_over:
        found = f"heredity.load({_quoted(run)}, model=network).member({_quoted(member)}).module()"
    else:
        found = f"heredity.load({_quoted(run / 'export' / member)})"
    export = Snippet("Shell", f"heredity export {shlex.quote(str(run))} {member}")
    torch = Snippet("PyTorch", _torch(found, inputs, handed_over))
    if exported is None:
        return (torch,) if handed_over else (export, torch)  # in the order in which they are needed
    onnx = Snippet("onnxruntime", _onnx(exported / "model.onnx", inputs))
    return (torch, onnx) if handed_over else (torch, onnx, export)


def _torch(found: str, inputs: InputForm, handed_over: bool) -> str:
    sizes = ", ".join(map(str, (1, *inputs.shape)))
    made = f"rand({sizes})" if inputs.vocabulary is None else f"randint({inputs.vocabulary}, ({sizes}))"
    return "\n".join(
        (
            "import torch",
            "import heredity",
            "",
            *(["# network: the module that the run began with"] * handed_over),
            f"member = {found}",
            f"outputs = member(torch.{made})",
        )
    )


def _onnx(file: Path, inputs: InputForm) -> str:
    kind = "float32" if inputs.vocabulary is None else "int64"
    return "\n".join(
        (
            "import numpy as np",
            "import onnxruntime",
            "",
            f"session = onnxruntime.InferenceSession({_quoted(file)})",
            f"batch = np.zeros({(1, *inputs.shape)}, np.{kind})",
            "outputs = session.run(None, {session.get_inputs()[0].name: batch})[0]",
        )
    )


def _quoted(text: str | Path) -> str:
    """A string as Python and JSON write it."""
    return json.dumps(str(text), ensure_ascii=False)
