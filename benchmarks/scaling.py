"""How the engine's time a trial grows with the number of patients and of looks.

Usage: python -m benchmarks.scaling [--rounds N] [--figure FILE]

W1 with more patients (events and accrual rate in proportion), and with more looks (events evenly
spread up to W1's). CPU time, sizes taken in turn, each compared with W1 in its own round. It exits
with 1 if the time does not grow in proportion to the patients.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import simulate
from benchmarks.bench import HERE, cost
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

FIGURE = HERE.parent / "docs" / "images" / "scaling.png"
PATIENTS = (300, 1_000, 3_000, 10_000)
LOOKS = (1, 2, 3, 5, 8, 10)
# Every size gets about as much time: this many patients' worth of trials.
PATIENTS_A_ROUND = 6_000_000
LEAST_SLOPE, MOST_SLOPE = 0.9, 1.1


class Fit(NamedTuple):
    """``log(time)`` or time as a line in ``log(size)`` or size."""

    intercept: float
    slope: float


def scenario(n_patients: int, n_looks: int) -> simulate.Scenario:
    """W1 with another number of patients and of looks."""
    w1 = tomllib.loads((HERE / "w1.toml").read_text(encoding="utf-8"))
    factor = n_patients / w1["accrual"]["patients"]
    events = factor * w1["analyses"]["final"]["trigger"]["events"]
    data: dict[str, Any] = copy.deepcopy(w1)
    data["accrual"]["patients"] = n_patients
    data["accrual"]["rate_per_month"] *= factor
    names = [f"look_{k}" for k in range(1, n_looks + 1)]
    data["analyses"] = {
        name: {"trigger": w1["analyses"]["final"]["trigger"] | {"events": target}}
        for name, target in zip(names, spread(events, n_looks), strict=True)
    }
    hypothesis = data["hypotheses"]["pfs"]
    del hypothesis["alpha"]
    # The engine's statistics do not depend on the limits.
    hypothesis |= {"analyses": names, "critical_values": [2.0] * n_looks}
    return simulate.scenario_from_dict(data)


def spread(events: float, n_looks: int) -> list[int]:
    """Numbers of events of evenly spread looks, the last at ``events``."""
    return [round(events * k / n_looks) for k in range(1, n_looks + 1)]


def measure(scenarios: Sequence[simulate.Scenario], rounds: int) -> list[float]:
    """Microseconds of CPU time a trial, each scenario's as a ratio to the first's times it."""
    work = []
    for chosen in scenarios:
        n_trials = PATIENTS_A_ROUND // chosen.accrual.patients
        work.append((partial(simulate_block, pack(chosen), 1, Block(0, n_trials)), n_trials))
        work[-1][0]()
    taken = np.array([[cost(call) / n for call, n in work] for _ in range(rounds)])
    first = 1e6 * statistics.median(taken[:, 0])
    return [float(first * np.median(column / taken[:, 0])) for column in taken.T]


def fit(sizes: Sequence[float], times: Sequence[float]) -> Fit:
    """Least squares line."""
    slope, intercept = np.polyfit(sizes, times, 1)
    return Fit(float(intercept), float(slope))


def draw(
    by_patients: Sequence[float],
    power: Fit,
    by_looks: Sequence[float],
    line: Fit,
    path: Path,
) -> None:
    """Draw both measurements with their fits."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    axes: list[Axes] = list(figure.subplots(1, 2))
    left, right = axes
    n = np.geomspace(PATIENTS[0], PATIENTS[-1], 50)
    left.plot(
        n,
        np.exp(power.intercept) * n**power.slope,
        color="0.6",
        label=f"fit: patients to the power {power.slope:.2f}",
    )
    left.plot(PATIENTS, by_patients, "o", color="black", label="measured")
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xticks(PATIENTS, [f"{size:,}" for size in PATIENTS])
    ticks = [us for us in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if us <= 2 * max(by_patients)]
    left.set_yticks(ticks, [f"{us:,}" for us in ticks])
    left.set_ylim(0.7 * min(by_patients), 1.5 * max(by_patients))
    left.minorticks_off()
    left.set_xlabel("patients in the trial")
    left.set_title("one look, when two thirds have had an event", fontsize=10)
    k = np.array([0.0, LOOKS[-1]])
    right.plot(
        k,
        line.intercept + line.slope * k,
        color="0.6",
        label=f"fit: {line.intercept:.1f} + {line.slope:.1f} microseconds a look",
    )
    right.plot(LOOKS, by_looks, "o", color="black", label="measured")
    right.set_xlim(0, LOOKS[-1] + 0.5)
    right.set_ylim(0, None)
    right.set_xlabel("looks in the trial")
    right.set_title("300 patients, looks evenly spread up to 200 events", fontsize=10)
    for panel in axes:
        panel.set_ylabel("CPU time a trial (microseconds)")
        panel.legend(frameon=False, loc="upper left")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="0.9")
        panel.set_axisbelow(True)
    figure.savefig(path, dpi=150)


def print_table(title: str, sizes: Sequence[int], times: Sequence[float]) -> None:
    """Print times and ratios as a Markdown table."""
    print(f"| {title} | us a trial | times the first |\n|--:|--:|--:|")
    for size, us in zip(sizes, times, strict=True):
        print(f"| {size:,} | {us:.2f} | {us / times[0]:.2f} |")
    print()


def main() -> int:
    """Measure, print, draw; 1 if the time is not in proportion to the patients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="rounds taken in turn")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the picture goes")
    chosen = parser.parse_args()
    by_patients = measure([scenario(n, 1) for n in PATIENTS], chosen.rounds)
    by_looks = measure([scenario(PATIENTS[0], k) for k in LOOKS], chosen.rounds)
    power = fit(list(np.log(PATIENTS)), list(np.log(by_patients)))
    line = fit(LOOKS, by_looks)
    print_table("patients", PATIENTS, by_patients)
    print_table("looks", LOOKS, by_looks)
    print(f"time grows with the patients to the power {power.slope:.2f}")
    print(f"time is {line.intercept:.2f} us + {line.slope:.2f} us a look")
    draw(by_patients, power, by_looks, line, chosen.figure)
    if LEAST_SLOPE <= power.slope <= MOST_SLOPE:
        return 0
    print(f"the power must be {LEAST_SLOPE} to {MOST_SLOPE}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
