"""`python -m heredity`: the command line without its script."""

from __future__ import annotations

from heredity.cli.main import run

if __name__ == "__main__":
    run()
