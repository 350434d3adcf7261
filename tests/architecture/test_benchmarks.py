"""The benchmarks still run, and the gate can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench

ROOT = Path(__file__).parents[2]


def measured(shares: dict[str, float], level: str) -> dict[str, Any]:
    """Figures as `bench` finds them, each a share of the committed ratio."""
    committed = json.loads(bench.BASELINE.read_text(encoding="utf-8"))["avx512"]
    workloads = {
        name: {"times_naive": ratio * shares.get(name, 1.0)} for name, ratio in committed.items()
    }
    return {"environment": {"processor_level": level}, "workloads": workloads}


def test_the_gate_passes_what_was_committed() -> None:
    assert bench.gate(measured({}, "avx512")) == []


@pytest.mark.parametrize("name", ["w1", "w2", "w2_cox", "w3", "p2", "base_case"])
def test_the_gate_fails_when_a_fifth_is_lost(name: str) -> None:
    (line,) = bench.gate(measured({name: 0.8}, "avx512"))
    assert line.startswith(f"{name}: ")


def test_an_unknown_level_is_reported_and_not_gated(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.gate(measured({"w1": 0.1}, "riscv64")) == []
    assert "nothing is gated" in capsys.readouterr().out


def test_every_level_has_every_workload() -> None:
    committed = json.loads(bench.BASELINE.read_text(encoding="utf-8"))
    assert set(committed) == {"avx512", "avx2", "baseline"}
    assert all(set(ratios) == set(bench.scenarios()) for ratios in committed.values())


@pytest.mark.slow
def test_the_stages_add_up_to_the_engines_own_trials() -> None:
    # It stops with an error if its z is not the engine's, bit for bit.
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stages", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sort" in done.stdout
