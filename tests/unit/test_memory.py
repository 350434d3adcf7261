"""Memory does not grow with the number of trials once rows are not kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FEW, MANY = 40_000, 400_000
MOST_MORE_MIB = 30.0
# The peak of this process's own memory: that of `getrusage` may be the peak of the process that
# started it.
PROGRAM = """
import re, sys
from pathlib import Path
from twins.feature_scenarios import feature_scenario
import simulate
import simulate.api.blocks

task, limit, trials, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
simulate.api.blocks.MOST_TRIALS_IN_MEMORY = limit
if task == "load":
    result = simulate.load_run(folder, workers=1)
else:
    options = {} if task == "run" else {"out": folder, "keep": task}
    scenario = feature_scenario("hardly any patients")
    result = simulate.run(scenario, trials=trials, workers=1, **options)
assert result.power().n_trials == trials
assert (result.statistics is None) == (trials > limit)
status = Path("/proc/self/status").read_text()
print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc"),
]


def peak_mib(task: str, limit: int, trials: int, folder: Path) -> float:
    """Peak memory of a process that runs or loads a scenario with four rows a trial."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, task, str(limit), str(trials), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1024


def growth(task: str, limit: int, folder: Path) -> float:
    """How much more memory ten times the trials need."""
    return peak_mib(task, limit, MANY, folder / "many") - peak_mib(task, limit, FEW, folder / "few")


@pytest.mark.parametrize("task", ["run", "rows", "summary"])
def test_memory_does_not_grow_with_trials_beyond_the_limit(task: str, tmp_path: Path) -> None:
    assert growth(task, 1, tmp_path) < MOST_MORE_MIB
    if task == "rows":  # the folders are there now
        assert growth("load", 1, tmp_path) < MOST_MORE_MIB


def test_rows_that_are_kept_would_show(tmp_path: Path) -> None:
    assert growth("run", MANY, tmp_path) > MOST_MORE_MIB
