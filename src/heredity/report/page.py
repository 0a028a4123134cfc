"""One self-contained page from a run's facts: no network, no other file.

What the page looks like and does is in `page.html`, `page.css` and the scripts beside this file; here they are joined
with Plotly and with the facts, which go in as one block of JSON.
"""

from __future__ import annotations

import html
from importlib import resources
from pathlib import Path
from string import Template

import msgspec
from plotly.offline import get_plotlyjs

from heredity.report.facts import gather
from heredity.report.records import Facts
from heredity.run.run import Run
from heredity.store.files import write_atomically

SCRIPTS = ("kit.js", "page.js", "charts.js")


def write_report(run: Run) -> Path:
    """Writes `report.html` into a run's folder, finished or not, and gives its path.

    Raises:
        StoreError: the run cannot be read, or the page not be written.
    """
    write_atomically(run.folder.report, render(gather(run)).encode())
    return run.folder.report


def render(facts: Facts) -> str:
    """The page as HTML."""
    return Template(_asset("page.html")).substitute(
        title=html.escape(f"{facts.title}: a family by heredity"),
        version=html.escape(facts.version),
        style=_asset("page.css"),
        facts=as_script_data(facts),
        plotly=get_plotlyjs(),
        script="\n".join(map(_asset, SCRIPTS)),
    )


def as_script_data(facts: Facts) -> str:
    """JSON that is safe inside a `<script>`: no string in it can end the element or open another."""
    text = msgspec.json.encode(facts).decode()
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _asset(name: str) -> str:
    return resources.files("heredity.report").joinpath(name).read_text("utf-8")
