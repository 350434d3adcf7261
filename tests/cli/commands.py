"""Commands as their users run them: in this process, or in one of their own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from reproducibility.stored_runs import in_process

ROOT = Path(__file__).parents[2]
BASE = "scenarios/belzutifan-vs-sunitinib.toml"


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line from the repository's root, in this process: it starts at once.

    That it ends as in a process of its own is tested (`tests/cli/test_folders.py`).
    """
    with contextlib.chdir(ROOT):
        ended = in_process(*arguments)
    return subprocess.CompletedProcess(["simulate", *arguments], *ended)


def simulate_apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line from the repository's root in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "from simulate.cli import main; main()", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
