"""How to load a member: lines to copy from its page, into Python or a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from msgspec import Struct

from heredity.anatomy.inputs import InputForm
from heredity.export.loading import heredity_lines, onnx_lines, quoted
from heredity.export.member import FILES


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
        found = f"heredity.load({quoted(exported)}{', model=network' * handed_over})"
    elif handed_over:
        found = f"heredity.load({quoted(run)}, model=network).member({quoted(member)}).module()"
    else:
        found = f"heredity.load({quoted(run / 'export' / member)})"
    export = Snippet("Shell", f"heredity export {shlex.quote(str(run))} {member}")
    torch = Snippet("PyTorch", heredity_lines(found, inputs, handed_over=handed_over))
    if exported is None:
        return (torch,) if handed_over else (export, torch)  # in the order in which they are needed
    onnx = Snippet("onnxruntime", onnx_lines(exported / FILES["onnx"], inputs))
    return (torch, onnx) if handed_over else (torch, onnx, export)
