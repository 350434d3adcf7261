"""Measure the engine beside a naive loop, in one process, and gate on the ratios.

Usage: python -m benchmarks.bench [--gate] [--json FILE] [--rounds N]

Only ratios of CPU time taken in turn in one run are compared: they hold on noisy and on shared
machines. The gate compares them with benchmarks/baseline.json for this processor level.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np

import simulate
from benchmarks.floor import floor_trials
from benchmarks.naive import naive_trials
from simulate.engine.workspace import new_workspace
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.json"
TRIALS = 100_000
NAIVE_TRIALS = 20_000
# A change that loses a fifth must fail; what is left is for noise.
LEAST_SHARE = 0.85
LEVEL_OF_NAME = {"haswell": "avx2", "x86-64": "baseline"}


def scenarios() -> dict[str, simulate.Scenario]:
    """The gated workloads by name."""
    w2 = simulate.load_scenario(HERE / "w2.toml")
    return {
        "w1": simulate.load_scenario(HERE / "w1.toml"),
        "w2": w2,
        "w2_cox": simulate.load_scenario(
            HERE / "w2.toml", ['hypotheses.pfs.test.estimate="cox_efron"']
        ),
        "w3": simulate.load_scenario(HERE / "w3.toml"),
        "p2": simulate.load_scenario(HERE / "p2.toml"),
        "base_case": simulate.load_scenario(
            HERE.parent / "scenarios" / "belzutifan-vs-sunitinib.toml"
        ),
    }


def processor_level() -> str:
    """What the compiled code may use: avx512, avx2 or baseline; else the machine's own name."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return platform.machine()
    # Code for another processor than this one, to measure its level here.
    if chosen := os.environ.get("NUMBA_CPU_NAME"):
        return LEVEL_OF_NAME.get(chosen, chosen)
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512dq"):
        return "avx512"
    return "avx2" if features.get("avx2") else "baseline"


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def cost(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = cpu_seconds()
    work()
    return cpu_seconds() - start


def measure_ratios(rounds: int) -> dict[str, Any]:
    """Microseconds a trial and ratios, medians of ``rounds`` rounds taken in turn."""
    chosen = scenarios()
    plan = pack(chosen["w1"])
    workspace = new_workspace(plan)
    seed = np.uint64(1)
    work: dict[str, tuple[Callable[[], object], int]] = {
        name: (partial(simulate.run, scenario, trials=TRIALS, workers=1), TRIALS)
        for name, scenario in chosen.items()
    }
    work["engine_w1"] = (lambda: simulate_block(plan, 1, Block(0, TRIALS)), TRIALS)
    work["floor_w1"] = (lambda: floor_trials(plan, seed, TRIALS, workspace), TRIALS)
    naive = (lambda: naive_trials(NAIVE_TRIALS, 1), NAIVE_TRIALS)
    for call, _ in (*work.values(), naive):
        call()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    ratios: dict[str, list[float]] = {name: [] for name in work}
    naive_seconds = []
    for _ in range(rounds):
        for name, (call, n) in work.items():
            # The naive loop before and after: a machine that slows down slows both.
            before = cost(naive[0]) / naive[1]
            taken = cost(call) / n
            after = cost(naive[0]) / naive[1]
            naive_seconds += [before, after]
            seconds[name].append(taken)
            ratios[name].append(0.5 * (before + after) / taken)
    found = {
        name: {
            "microseconds_per_trial": 1e6 * statistics.median(seconds[name]),
            "times_naive": statistics.median(ratios[name]),
        }
        for name in work
    }
    found["naive_w1"] = {
        "microseconds_per_trial": 1e6 * statistics.median(naive_seconds),
        "times_naive": 1.0,
    }
    by_floor = [a / b for a, b in zip(ratios["floor_w1"], ratios["engine_w1"], strict=True)]
    return {"workloads": found, "engine_over_floor": statistics.median(by_floor)}


def measure_surroundings() -> dict[str, Any]:
    """Scaling over two workers, peak memory, start-up, and first results cold and warm."""
    w1 = scenarios()["w1"]
    n = 20 * TRIALS
    simulate.run(w1, trials=4 * 20_000, workers=2)
    one = wall(lambda: simulate.run(w1, trials=n, workers=1))
    two = wall(lambda: simulate.run(w1, trials=n, workers=2))
    command = [sys.executable, "-c", "from simulate.cli import main; main()"]
    run = [*command, "run", str(HERE / "w1.toml"), "--trials", "1000", "--quiet"]
    with tempfile.TemporaryDirectory() as cache:
        environment = {"SIMULATE_CACHE_DIR": cache, "PATH": "/usr/bin:/bin"}
        cold = wall(lambda: quiet(run, environment))
        warm = statistics.median(wall(lambda: quiet(run, environment)) for _ in range(3))
    counted = subprocess.run(
        [*command[:2], "import sys, simulate.cli; print(len(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {
        "two_workers_speed_up": one / two,
        "modules_loaded_by_help": int(counted.stdout),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        "help_seconds": statistics.median(
            wall(lambda: quiet([*command, "--help"])) for _ in range(5)
        ),
        "first_result_cold_seconds": cold,
        "first_result_warm_seconds": warm,
    }


def wall(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quiet(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a command that must succeed, without its output."""
    subprocess.run(command, check=True, capture_output=True, env=environment)


def environment() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processor_level": processor_level(),
        "processor": llvmlite.binding.get_host_cpu_name(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
        "simulate": simulate.__version__,
    }


def print_report(found: dict[str, Any]) -> None:
    """Print everything measured."""
    print(" ".join(f"{key}={value}" for key, value in found["environment"].items()))
    print(f"{'':14}{'us a trial':>12}{'trials a second':>18}{'times naive':>14}")
    for name, figures in found["workloads"].items():
        us = figures["microseconds_per_trial"]
        print(f"{name:14}{us:12.2f}{1e6 / us:18,.0f}{figures['times_naive']:14.2f}")
    print(f"engine on W1 over its floor: {found['engine_over_floor']:.2f}")
    for key, value in found.get("surroundings", {}).items():
        print(f"{key.replace('_', ' ')}: {value:.2f}")


def gate(found: dict[str, Any]) -> list[str]:
    """Workloads that have become too slow beside the naive loop; empty if none, or if unknown."""
    level = found["environment"]["processor_level"]
    committed = json.loads(BASELINE.read_text(encoding="utf-8")).get(level)
    if committed is None:
        print(f"no committed ratios for the processor level {level}: nothing is gated")
        return []
    return [
        f"{name}: {found['workloads'][name]['times_naive']:.2f} times the naive loop, "
        f"must be at least {LEAST_SHARE * ratio:.2f} ({LEAST_SHARE:.0%} of {ratio:.2f})"
        for name, ratio in committed.items()
        if found["workloads"][name]["times_naive"] < LEAST_SHARE * ratio
    ]


def main() -> int:
    """Measure, report, and gate if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--gate", action="store_true", help="fail if a ratio has become too small")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--rounds", type=int, default=7, help="rounds taken in turn")
    chosen = parser.parse_args()
    found: dict[str, Any] = {"environment": environment(), **measure_ratios(chosen.rounds)}
    if not chosen.gate:
        found["surroundings"] = measure_surroundings()
    print_report(found)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if not chosen.gate:
        return 0
    slow = gate(found)
    if slow:
        print("too slow; once more, since machines are noisy")
        found |= measure_ratios(chosen.rounds)
        print_report(found)
        slow = gate(found)
    print("\n".join(slow) if slow else "speed gate: passed")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
