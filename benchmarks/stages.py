"""Where the time of a trial goes: the engine's kernels, one stage more at a time.

Usage: python -m benchmarks.stages [--rounds N]

Each stage is timed by what it adds to the stages before it, since a stage needs what they leave
behind. The last level gives the engine's own z, bit by bit, and that is checked.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from functools import partial

import numpy as np

import simulate
from benchmarks.bench import cost, scenarios
from simulate.engine.allocation import assign_cells, randomise
from simulate.engine.arrays import FloatArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.cutoffs import count_entered, look_cutoff
from simulate.engine.logrank import logrank, scan_risk_sets
from simulate.engine.ordering import build_keys, count_outcomes, sort_keys, unpack_counts
from simulate.engine.philox import draw_core
from simulate.engine.plan import Plan
from simulate.engine.statistics import new_statistics
from simulate.engine.times import end_follow_up, invert_hazards, to_calendar, unit_exponentials
from simulate.engine.trial import simulate_trials
from simulate.engine.workspace import Workspace, new_workspace
from simulate.runner.pack import pack

TRIALS = 20_000
SEED = np.uint64(1)

DRAW, RANDOMISE, TRANSFORM, SELECT, COUNT, SORT, SCAN, LOGRANK = range(1, 9)
STAGES = {
    DRAW: "draw",
    RANDOMISE: "randomise",
    TRANSFORM: "transform",
    SELECT: "select",
    COUNT: "count, keys",
    SORT: "sort",
    SCAN: "scan",
    LOGRANK: "log-rank",
}


@kernel
def run_stages(
    plan: Plan, seed: np.uint64, n_trials: int, last: int, workspace: Workspace, z: FloatArray
) -> None:
    """Run trials 0 to ``n_trials - 1`` as far as stage ``last``; ``z`` (n_trials, n_looks)."""
    for trial in range(n_trials):
        _make_patients(plan, seed, np.uint64(trial), last, workspace)
        if last >= SELECT:
            cutoff = 0.0
            for look in range(len(plan.row_look)):
                cutoff, _ = look_cutoff(plan, workspace.patients, workspace, look, cutoff)
                if last >= COUNT:
                    z[trial, look] = _analyse(plan, workspace, cutoff, last)


@inlined_kernel
def _make_patients(
    plan: Plan, seed: np.uint64, trial: np.uint64, last: int, workspace: Workspace
) -> None:
    """Draw and transform as the engine does without strata, evenly spaced arrivals given."""
    n = plan.n_patients
    patients = workspace.patients
    one_trial = int(np.int64(1))  # typed: a literal would compile a kernel a second time
    draw_core(
        seed,
        trial,
        one_trial,
        n,
        workspace.draw_event,
        workspace.draw_entry,
        workspace.draw_dropout,
    )
    if last >= RANDOMISE:
        randomise(seed, trial, plan.arrangements, n, workspace.picks, patients.arm)
        assign_cells(patients.arm, patients.stratum, plan.n_strata, n, patients.cell)
    if last >= TRANSFORM:
        for i in range(n):
            patients.entry[i] = plan.fixed_entry[i]
        unit_exponentials(workspace.draw_event, n)
        first = plan.course.first_event
        invert_hazards(workspace.draw_event, patients.cell, first, n, patients.event[0])
        unit_exponentials(workspace.draw_dropout, n)
        invert_hazards(workspace.draw_dropout, patients.cell, plan.dropouts, n, patients.dropout)
        end_follow_up(patients, 0, plan.maximum_follow_up, n)
        to_calendar(patients, 0, n)


@inlined_kernel
def _analyse(plan: Plan, workspace: Workspace, cutoff: float, last: int) -> float:
    """Count, order and test as the engine does for two arms without strata or ties."""
    patients = workspace.patients
    risk_sets = workspace.risk_sets
    experimental_arm = plan.hypotheses.experimental_arm[0]
    n = count_entered(patients.entry, plan.n_patients, 0.0, cutoff)
    counts, _ = count_outcomes(
        patients.arm,
        patients.outcome[0],
        patients.calendar_end[0],
        experimental_arm,
        plan.hypotheses.control_arm[0],
        n,
        cutoff,
    )
    build_keys(
        patients.entry,
        patients.end[0],
        patients.calendar_end[0],
        patients.outcome[0],
        patients.arm,
        experimental_arm,
        n,
        cutoff,
        plan.stratum_bits,
        workspace.keys,
    )
    no_sets = int(np.int64(0))  # typed: for a literal, other code than the engine's is compiled
    z = np.nan
    if last >= SORT:
        sort_keys(workspace.keys, n, workspace.buffer, workspace.places)
    if last >= SCAN:
        n_sets, n_tied = scan_risk_sets(workspace.keys, n, no_sets, risk_sets.counts)
        if last >= LOGRANK:
            expected, information = logrank(
                risk_sets,
                n_sets,
                n_tied,
                plan.hypotheses.null_value[0],
                workspace.float_scratch,
                workspace.float_scratch_2,
            )
            z = (expected - unpack_counts(counts)[1]) / math.sqrt(information)
    return z


def measure(scenario: simulate.Scenario, rounds: int) -> tuple[dict[str, float], float]:
    """Microseconds that each stage adds to a trial, and of the whole engine.

    Levels are taken in turn, and each is compared with the engine in its own round; medians.
    What the engine does besides, mostly writing rows, is the stage "rest".

    Raises
    ------
    RuntimeError
        If the stages no longer give the engine's z.
    """
    plan = pack(scenario)
    workspace = new_workspace(plan)
    engine = new_statistics(TRIALS, plan)
    z = np.zeros_like(engine.z)
    work: dict[int, Callable[[], object]] = {
        last: partial(run_stages, plan, SEED, TRIALS, last, workspace, z) for last in STAGES
    }
    whole = max(STAGES) + 1
    work[whole] = partial(simulate_trials, plan, SEED, 0, TRIALS, workspace, engine, 0)
    for call in work.values():
        call()
    work[LOGRANK]()
    if not np.array_equal(z, engine.z):
        raise RuntimeError("the stages do not give the engine's z: bring them up to date")
    seconds: dict[int, list[float]] = {level: [] for level in work}
    for _ in range(rounds):
        for level, call in work.items():
            seconds[level].append(cost(call) / TRIALS)
    total = 1e6 * statistics.median(seconds[whole])
    up_to = {
        level: total * statistics.median(a / b for a, b in zip(s, seconds[whole], strict=True))
        for level, s in seconds.items()
    }
    names = STAGES | {whole: "rest"}
    return {names[k]: up_to[k] - up_to.get(k - 1, 0.0) for k in names}, total


def main() -> int:
    """Print what each stage of W1 and W2 costs, as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="rounds taken in turn")
    rounds = parser.parse_args().rounds
    chosen = scenarios()
    (w1, all_of_w1), (w2, all_of_w2) = (measure(chosen[name], rounds) for name in ("w1", "w2"))
    print("| stage | W1, us a trial | share | W2, us a trial | share |\n|---|--:|--:|--:|--:|")
    for stage, us in w1.items():
        print(
            f"| {stage} | {us:.2f} | {us / all_of_w1:.0%} "
            f"| {w2[stage]:.2f} | {w2[stage] / all_of_w2:.0%} |"
        )
    print(f"| all | {all_of_w1:.2f} | | {all_of_w2:.2f} | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
