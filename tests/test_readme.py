"""The README tells the truth: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from heredity.cli.main import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "example.py"
    shorter = example.replace("generations=2", "generations=1, strategy_options={'population': 2, 'steps': (40, 20)}")
    assert shorter != example
    script.write_text(shorter)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "weights" in done.stdout


def test_every_command_that_is_mentioned_exists_with_its_options() -> None:
    commands = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    names = "evolve|resume|verify|export|ensemble|inspect|report|watch|reproduce"
    mentioned = re.findall(rf"heredity ({names})\b([^\n`#]*)", README)
    assert mentioned
    for name, rest in mentioned:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


def test_every_command_is_documented() -> None:
    for name in get_command(app).commands:  # pyright: ignore[reportAttributeAccessIssue]
        assert f"heredity {name}" in README


def test_links_lead_somewhere() -> None:
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md"):
        place = ROOT / document
        for target in re.findall(r"\]\(([^)#:]+)\)", place.read_text()):
            assert (place.parent / target).exists(), f"{document} links to {target}"
