"""Decisions and operating characteristics, trial by trial: the slow twin of the results."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from scipy.stats import norm
from twins.slow_rows import SlowRow

from simulate.engine.codes import (
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_TARGET_NOT_REACHED,
)
from simulate.engine.statistics import Statistics
from simulate.scenario.models import Scenario

Trial = dict[tuple[str, str], SlowRow]
"""Rows of one trial, by analysis and hypothesis."""
Key = tuple[str, str, str, str]
"""Hypothesis, analysis, measure, condition."""
Figure = tuple[float, float, int]
"""Estimate, Monte Carlo standard error, number of trials."""
FEW = 10


class Outcome(NamedTuple):
    """How one trial went: pairs of analysis and hypothesis, and the analysis it ended at."""

    exists: set[tuple[str, str]]
    crosses: set[tuple[str, str]]
    reached: set[tuple[str, str]]
    rejects: set[tuple[str, str]]
    last_look: str | None


def trials_of(scenario: Scenario, found: Statistics) -> list[Trial]:
    """Rows of every trial, by name: analyses in order, and in each the hypotheses."""
    names = [
        (analysis, hypothesis)
        for analysis in scenario.analyses
        for hypothesis, planned in scenario.hypotheses.items()
        if analysis in planned.analyses
    ]
    return [
        {
            name: SlowRow(*(getattr(found, field)[trial, row].item() for field in SlowRow._fields))
            for row, name in enumerate(names)
        }
        for trial in range(len(found.z))
    ]


def slow_outcome(scenario: Scenario, trial: Trial) -> Outcome:
    """Go through one trial look by look."""
    outcome = Outcome(set(), set(), set(), set(), None)
    rejected: set[str] = set()
    stopped, last_look = False, None
    for analysis in scenario.analyses:
        here = [name for name in trial if name[0] == analysis]
        held = [name for name in here if not trial[name].status & STATUS_LOOK_SKIPPED]
        outcome.exists.update(held)
        crossing = [n for n in held if trial[n].z >= limit_of(scenario, *n)]
        outcome.crosses.update(crossing)
        if stopped or not held:
            continue
        last_look = analysis
        outcome.reached.update(held)
        for name in crossing:
            if name[1] not in rejected:
                outcome.rejects.add(name)
        rejected.update(hypothesis for _, hypothesis in crossing)
        counted = [hypothesis in rejected for hypothesis in scenario.stopping.hypotheses]
        rule = scenario.stopping.rejected
        stopped = (rule == "all" and all(counted)) or (rule == "any" and any(counted))
    return outcome._replace(last_look=last_look)


def limit_of(scenario: Scenario, analysis: str, hypothesis: str) -> float:
    """Critical value."""
    chosen = scenario.hypotheses[hypothesis]
    if chosen.alpha is not None:
        return float(norm.isf(chosen.alpha))
    assert chosen.critical_values is not None
    return chosen.critical_values[chosen.analyses.index(analysis)]


def slow_characteristics(
    scenario: Scenario, trials: Sequence[Trial], log_hrs: dict[str, float | None]
) -> dict[Key, Figure]:
    """Every operating characteristic, in order; ``log_hrs`` are the true log hazard ratios."""
    outcomes = [slow_outcome(scenario, trial) for trial in trials]
    figures: dict[Key, Figure] = {}
    for hypothesis, planned in scenario.hypotheses.items():
        for measure, figure in _by_end(hypothesis, trials, outcomes):
            figures[hypothesis, "overall", measure, "all"] = figure
        for analysis in planned.analyses:
            for measure, figure in _of_look(scenario, hypothesis, analysis, trials, outcomes):
                figures[hypothesis, analysis, measure, "all"] = figure
            name = (analysis, hypothesis)
            chosen = {"all": [name in o.exists for o in outcomes]}
            if len(scenario.analyses) > 1:
                chosen["reached"] = [name in o.reached for o in outcomes]
                chosen["stopped_here"] = [
                    name in o.reached and o.last_look == analysis for o in outcomes
                ]
            for condition, counts in chosen.items():
                rows = [t[name] for t, is_in in zip(trials, counts, strict=True) if is_in]
                for measure, figure in _of_rows(scenario, hypothesis, rows, log_hrs[hypothesis]):
                    figures[hypothesis, analysis, measure, condition] = figure
    if len(scenario.hypotheses) > 1:
        ended = [{hypothesis for _, hypothesis in o.rejects} for o in outcomes]
        measure = "rejection_probability"
        figures["any", "overall", measure, "all"] = share([bool(e) for e in ended])
        figures["all", "overall", measure, "all"] = share(
            [e == set(scenario.hypotheses) for e in ended]
        )
    return figures


def _by_end(
    hypothesis: str, trials: Sequence[Trial], outcomes: Sequence[Outcome]
) -> Iterator[tuple[str, Figure]]:
    yield (
        "rejection_probability",
        share([any(h == hypothesis for _, h in o.rejects) for o in outcomes]),
    )
    last = []
    for trial, outcome in zip(trials, outcomes, strict=True):
        reached = [row for name, row in trial.items() if name in outcome.reached]
        own = [row for name, row in trial.items() if row in reached and name[1] == hypothesis]
        last += own[-1:]
    yield from _data(last)


def _of_look(
    scenario: Scenario,
    hypothesis: str,
    analysis: str,
    trials: Sequence[Trial],
    outcomes: Sequence[Outcome],
) -> Iterator[tuple[str, Figure]]:
    name = (analysis, hypothesis)
    looks = list(scenario.analyses)
    so_far = {(a, hypothesis) for a in looks[: looks.index(analysis) + 1]}
    yield "rejection_probability", share([name in o.crosses for o in outcomes])
    yield "first_rejection_probability", share([name in o.rejects for o in outcomes])
    yield "cumulative_rejection_probability", share([bool(so_far & o.rejects) for o in outcomes])
    yield "reached_probability", share([name in o.reached for o in outcomes])
    yield "look_skipped", flagged([t[name] for t in trials], STATUS_LOOK_SKIPPED)
    yield "target_not_reached", flagged([t[name] for t in trials], STATUS_TARGET_NOT_REACHED)
    yield "no_information", flagged([t[name] for t in trials], STATUS_NO_INFORMATION)


def _of_rows(
    scenario: Scenario, hypothesis: str, rows: Sequence[SlowRow], log_hr: float | None
) -> Iterator[tuple[str, Figure]]:
    yield from _data(rows)
    z = [row.z for row in rows if math.isfinite(row.z)]
    yield "z_mean", average(z)
    yield "z_sd", deviation(z)
    if scenario.hypotheses[hypothesis].test.estimate == "none":
        return
    yield "estimate_infinite", flagged(rows, STATUS_ESTIMATE_INFINITE)
    yield "estimate_not_converged", flagged(rows, STATUS_ESTIMATE_NOT_CONVERGED)
    finite = [row for row in rows if math.isfinite(row.estimate)]
    betas = [row.estimate for row in finite]
    of_beta = average(betas)
    yield "log_hazard_ratio_mean", of_beta
    yield "log_hazard_ratio_sd", deviation(betas)
    yield "log_hazard_ratio_se_mean", average([row.se for row in finite])
    ratio = math.exp(of_beta[0])
    yield "hazard_ratio", (ratio, ratio * of_beta[1], of_beta[2])
    if log_hr is not None:
        yield "log_hazard_ratio_bias", average([beta - log_hr for beta in betas])
        margin = float(norm.isf(0.025))
        covers = [
            r.estimate - margin * r.se <= log_hr <= r.estimate + margin * r.se for r in finite
        ]
        yield "coverage_95", share(covers)


def _data(rows: Sequence[SlowRow]) -> Iterator[tuple[str, Figure]]:
    counts: tuple[tuple[str, Callable[[SlowRow], int], Callable[[SlowRow], int]], ...] = (
        ("patients", lambda r: r.patients_experimental, lambda r: r.patients_control),
        ("events", lambda r: r.events_experimental, lambda r: r.events_control),
        ("dropouts", lambda r: r.dropouts_experimental, lambda r: r.dropouts_control),
    )
    for name, experimental, control in counts:
        yield f"{name}_mean", average([experimental(row) + control(row) for row in rows])
        yield f"{name}_experimental_mean", average([experimental(row) for row in rows])
        yield f"{name}_control_mean", average([control(row) for row in rows])
    months = [row.cutoff for row in rows]
    yield "look_time_mean", average(months)
    yield "look_time_sd", deviation(months)
    for p, name in ((0.05, "q05"), (0.5, "q50"), (0.95, "q95")):
        yield f"look_time_{name}", quantile(months, p)


def flagged(rows: Sequence[SlowRow], flag: int) -> Figure:
    """Share of rows with a flag."""
    return share([bool(row.status & flag) for row in rows])


def share(held: Sequence[bool]) -> Figure:
    """Share of trials, with its binomial or Wilson error."""
    n, k = len(held), sum(held)
    if n == 0:
        return math.nan, math.nan, 0
    if min(k, n - k) >= FEW:
        return k / n, math.sqrt(k * (n - k) / n**3), n
    # Wilson: the p with (k - n p)^2 = n p (1 - p), by the formula for a quadratic equation.
    a, b, c = n * n + n, -(2 * n * k + n), k * k
    return k / n, math.sqrt(b * b - 4 * a * c) / (2 * a), n


def average(values: Sequence[float]) -> Figure:
    """Mean, with its error."""
    n = len(values)
    if n == 0:
        return math.nan, math.nan, 0
    error = statistics.stdev(values) / math.sqrt(n) if n > 1 else math.nan
    return statistics.fmean(values), error, n


def deviation(values: Sequence[float]) -> Figure:
    """Standard deviation, with its error."""
    n = len(values)
    if n < 2:
        return math.nan, math.nan, n
    s, center = statistics.stdev(values), statistics.fmean(values)
    if s == 0.0:
        return 0.0, 0.0, n
    fourth = math.fsum((value - center) ** 4 for value in values) / n
    of_square = max((fourth - s**4 * (n - 3) / (n - 1)) / n, 0.0)
    return s, math.sqrt(of_square) / (2 * s), n


def quantile(values: Sequence[float], p: float) -> Figure:
    """Order statistic, with half the distance of those one binomial deviation on either side."""
    n = len(values)
    if n == 0:
        return math.nan, math.nan, 0
    ordered = sorted(values)
    sd = math.sqrt(n * p * (1 - p))
    low, high = math.ceil(n * p - sd), math.ceil(n * p + sd)
    error = (ordered[high - 1] - ordered[low - 1]) / 2 if low >= 1 and high <= n else math.nan
    return ordered[math.ceil(n * p) - 1], error, n
