"""One self-contained page from a run's facts: no network, no other file.

What the page looks like and does is in `page.html`, `page.css` and the scripts beside this file; here they are joined
with Plotly and with the facts, which go in as one block of JSON. Pages of other kinds are made of the same parts.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template

import msgspec
from msgspec import Struct
from plotly.offline import get_plotlyjs

from heredity.report.facts import gather
from heredity.report.records import Facts
from heredity.run.run import Run
from heredity.store.files import write_atomically

SCRIPTS = ("kit.js", "members.js", "page.js", "drawing.js", "priors.js", "genes.js", "charts.js")


def write_report(run: Run) -> Path:
    """Writes `report.html` into a run's folder, finished or not, and gives its path.

    Raises:
        StoreError: the run cannot be read, or the page not be written.
    """
    write_atomically(run.folder.report, render(gather(run)).encode())
    return run.folder.report


def render(facts: Facts) -> str:
    """The page as HTML."""
    title = f"{facts.title}: a family by heredity"
    return assembled(facts, title=title, body=asset("page.html"), scripts=[asset(name) for name in SCRIPTS])


def assembled(facts: Struct, *, title: str, body: str, scripts: Sequence[str]) -> str:
    """A page of this body, whose scripts find `facts` in its block of JSON; `title` is plain text."""
    return Template(asset("shell.html")).substitute(
        title=html.escape(title),
        version=html.escape(version("heredity")),
        style=asset("page.css"),
        body=body,
        facts=as_script_data(facts),
        plotly=get_plotlyjs(),
        script="\n".join(scripts),
    )


def as_script_data(facts: Struct) -> str:
    """JSON that is safe inside a `<script>`: no string in it can end the element or open another."""
    text = msgspec.json.encode(facts).decode()
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def asset(name: str) -> str:
    """The text of a file beside this one."""
    return resources.files("heredity.report").joinpath(name).read_text("utf-8")
