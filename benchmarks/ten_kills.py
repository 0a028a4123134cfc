"""Kills one run again and again at random moments, resumes it each time, and compares it with an unbroken one.

    python benchmarks/ten_kills.py [--kills 10] [--workers 2] [--data digits] [--model lenet5] [--generations 3]

By turns SIGKILL hits the loop alone and its whole process group. A second after each kill nothing may be written any
more, and soon nothing of the run may be alive (a fork server that is importing torch ends only when it has done so).
At the end everything but times and latencies must be equal: the records of all individuals, their weights,
`front.json`, and every exported file. Exit code 1 if not, or if the run ended before it was killed so often.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from heredity.testing.processes import family
from heredity.testing.runs import essence

PATIENCE = 15.0
"""Seconds in which everything must be gone."""


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "heredity", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def finish(*arguments: str) -> float:
    """Seconds that a command takes, which must succeed."""
    began = time.monotonic()
    process = start(*arguments)
    _, complaint = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}: {complaint.decode()}")
    return time.monotonic() - began


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def progress(out: Path) -> int:
    """Grows with every individual, and with every file that is exported."""
    return sum(len(list(out.glob(pattern))) for pattern in ("blobs/*.safetensors", "front/*/*"))


def kill_later(process: subprocess.Popen[bytes], births: int, seconds: float, group: bool, out: Path) -> bool:
    """Kills it when it has got so much further, and so many seconds later; False if it has ended before."""
    before = progress(out)
    while process.poll() is None and progress(out) < before + births:
        time.sleep(0.01)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(1)
        before, until = contents(out), time.monotonic() + PATIENCE
        while left := family(process.pid):
            if time.monotonic() > until:
                sys.exit(f"processes {left} outlive the loop")
            time.sleep(0.1)
        if contents(out) != before:
            sys.exit("somebody writes although the loop is dead")
        return True
    if process.returncode:
        sys.exit(f"it ended with {process.returncode}: {process.communicate()[1].decode()}")
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--dice", type=int, default=None, help="seed of the moments; else they are new each time")
    given = parser.parse_args()
    dice = random.Random(given.dice)
    with tempfile.TemporaryDirectory() as folder:
        out, unbroken = Path(folder) / "killed", Path(folder) / "unbroken"
        options = ["--model", given.model, "--data", given.data, "--generations", str(given.generations)]
        options += ["--workers", str(given.workers), "--out"]
        whole = finish("evolve", *options, str(unbroken))
        print(f"unbroken: {whole:.0f} s", flush=True)
        kills = 0
        while kills < given.kills and not (out / "front.json").exists():
            begun = (out / "run.json").exists()
            process = start("resume", str(out)) if begun else start("evolve", *options, str(out))
            # soon, so that there is something left for the next kill; half of them perhaps before any progress
            births, seconds = dice.choice((0, 0, 1, 1)), dice.uniform(0, whole / given.kills / 2)
            if kill_later(process, births, seconds, group=kills % 2 == 1, out=out):
                kills += 1
                born = len(list(out.glob("blobs/*.safetensors")))
                at = "exporting" if (out / "front").exists() else f"{born} born" if begun else "beginning"
                print(f"kill {kills}: {at}", flush=True)
        if not (out / "front.json").exists():
            finish("resume", str(out))
        same = essence(out) == essence(unbroken)
        print(f"{kills} kills; the run is {'equal to' if same else 'ANOTHER than'} the unbroken one")
        finish("verify", str(out))
        print("verified")
    return 0 if same and kills == given.kills else 1


if __name__ == "__main__":
    sys.exit(main())
