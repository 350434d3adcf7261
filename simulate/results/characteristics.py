"""Operating characteristics: tidy rows, each an estimate with its Monte Carlo standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import (
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_TARGET_NOT_REACHED,
    Statistics,
)
from simulate.results.decisions import (
    NO_LOOK,
    BoolArray,
    Decisions,
    decide,
    last_row_reached,
    rejected_by_end,
)
from simulate.results.estimates import Estimate, mean, mean_and_deviation, proportion, quantiles
from simulate.scenario.comparisons import (
    Comparison,
    constant_log_hazard_ratio,
    planned_comparisons,
    rows_of,
)
from simulate.scenario.models import Scenario

OVERALL = "overall"
ANY = "any"
ALL = "all"
CONFIDENCE_Z = 1.959963984540054
COUNTED = ("patients", "events", "dropouts")
LOOK_QUANTILES = ((0.05, "q05"), (0.5, "q50"), (0.95, "q95"))


class Row(NamedTuple):
    """One operating characteristic.

    Attributes
    ----------
    scenario : str
        Title of the scenario.
    hypothesis : str
        Its name; "any" or "all" for several at once.
    analysis : str
        Its name, or "overall" for what holds by the end of the trial.
    measure : str
        What is estimated; docs/operating-characteristics.md lists them.
    condition : str
        Which trials count: "all", "reached" (the look took place and the trial had not stopped) or
        "stopped_here" (the trial ended at this look).
    estimate, mcse : float
        Estimate and Monte Carlo standard error; NaN where undefined.
    n_trials : int
        Trials behind the estimate.
    """

    scenario: str
    hypothesis: str
    analysis: str
    measure: str
    condition: str
    estimate: float
    mcse: float
    n_trials: int


Measured = tuple[str, Estimate]
Pick = Callable[[NDArray[Any]], NDArray[Any]]
"""From an array of the statistics, (n_trials, n_rows), one value for each trial that counts."""


def operating_characteristics(scenario: Scenario, statistics: Statistics) -> list[Row]:
    """All operating characteristics of a run.

    Parameters
    ----------
    scenario : Scenario
        The design and the assumptions it was simulated under.
    statistics : Statistics
        Arrays of shape (n_trials, n_rows), rows as in `planned_comparisons`.

    Returns
    -------
    list of Row
        By hypothesis; first overall, then by analysis.
    """
    decisions = decide(scenario, statistics)
    comparisons = planned_comparisons(scenario)
    rows = []

    def add(hypothesis: str, analysis: str, condition: str, found: Iterator[Measured]) -> None:
        for measure, estimate in found:
            rows.append(Row(scenario.title, hypothesis, analysis, measure, condition, *estimate))

    for hypothesis in scenario.hypotheses:
        add(hypothesis, OVERALL, "all", _by_end(decisions, statistics, comparisons, hypothesis))
        log_hr = constant_log_hazard_ratio(scenario, hypothesis)
        rejected_so_far = np.zeros(len(decisions.last_look), dtype=np.bool_)
        for row in rows_of(comparisons, hypothesis):
            analysis = comparisons[row].analysis
            rejected_so_far = rejected_so_far | decisions.rejects[:, row]
            add(hypothesis, analysis, "all", _decisions_at(decisions, row, rejected_so_far))
            add(hypothesis, analysis, "all", _failures_at(statistics, row))
            for condition, chosen in _conditions(scenario, decisions, comparisons[row], row):
                pick = _pick_at(row, chosen)
                add(hypothesis, analysis, condition, _look_at(statistics, pick))
                if scenario.hypotheses[hypothesis].test.estimate != "none":
                    add(hypothesis, analysis, condition, _cox_at(statistics, pick, log_hr))
    if len(scenario.hypotheses) > 1:
        add(ANY, OVERALL, "all", _jointly(scenario, decisions, comparisons, np.any))
        add(ALL, OVERALL, "all", _jointly(scenario, decisions, comparisons, np.all))
    return rows


def _conditions(
    scenario: Scenario, decisions: Decisions, comparison: Comparison, row: int
) -> Iterator[tuple[str, BoolArray]]:
    """Which trials count under each condition; with one analysis they are all the same trials."""
    yield "all", decisions.exists[:, row]
    if len(scenario.analyses) > 1:
        reached = decisions.reached[:, row]
        yield "reached", reached
        yield "stopped_here", reached & (decisions.last_look == comparison.analysis_number)


def _pick_at(row: int, chosen: BoolArray) -> Pick:
    """Pick the values of one row in the chosen trials."""
    if chosen.all():
        return lambda values: values[:, row]
    trials = np.flatnonzero(chosen)
    return lambda values: values[trials, row]


def _share(chosen: BoolArray) -> Estimate:
    """Proportion of all trials."""
    return proportion(int(np.count_nonzero(chosen)), len(chosen))


def _by_end(
    decisions: Decisions,
    statistics: Statistics,
    comparisons: tuple[Comparison, ...],
    hypothesis: str,
) -> Iterator[Measured]:
    """What holds by the end of the trial: rejection, and the data of its last look."""
    yield "rejection_probability", _share(rejected_by_end(decisions, comparisons, hypothesis))
    last = last_row_reached(decisions, comparisons, hypothesis)
    trials = np.flatnonzero(last != NO_LOOK)
    rows = last[trials]
    yield from _data(statistics, lambda values: values[trials, rows])


def _decisions_at(decisions: Decisions, row: int, rejected_so_far: BoolArray) -> Iterator[Measured]:
    """How often a look takes place and rejects."""
    crosses = decisions.crosses[:, row]
    reached = decisions.reached[:, row]
    yield "rejection_probability", _share(crosses)
    yield "first_rejection_probability", _share(decisions.rejects[:, row])
    yield "cumulative_rejection_probability", _share(rejected_so_far)
    yield "reached_probability", _share(reached)


def _failures_at(statistics: Statistics, row: int) -> Iterator[Measured]:
    """How often something did not exist."""
    status = statistics.status[:, row]
    yield "look_skipped", _share((status & STATUS_LOOK_SKIPPED) != 0)
    yield "target_not_reached", _share((status & STATUS_TARGET_NOT_REACHED) != 0)
    yield "no_information", _share((status & STATUS_NO_INFORMATION) != 0)


def _look_at(statistics: Statistics, pick: Pick) -> Iterator[Measured]:
    """Data and z statistic at a look."""
    yield from _data(statistics, pick)
    z = pick(statistics.z)
    z = z[np.isfinite(z)]
    average, deviation = mean_and_deviation(z)
    yield "z_mean", average
    yield "z_sd", deviation


def _data(statistics: Statistics, pick: Pick) -> Iterator[Measured]:
    """Mean numbers of patients, events and dropouts by arm, and the calendar month."""
    for counted in COUNTED:
        experimental = pick(getattr(statistics, f"{counted}_experimental"))
        control = pick(getattr(statistics, f"{counted}_control"))
        yield f"{counted}_mean", mean(experimental + control)
        yield f"{counted}_experimental_mean", mean(experimental)
        yield f"{counted}_control_mean", mean(control)
    cutoffs = pick(statistics.cutoff)
    average, deviation = mean_and_deviation(cutoffs)
    yield "look_time_mean", average
    yield "look_time_sd", deviation
    found = quantiles(cutoffs, tuple(p for p, _ in LOOK_QUANTILES))
    for (_, name), estimate in zip(LOOK_QUANTILES, found, strict=True):
        yield f"look_time_{name}", estimate


def _cox_at(statistics: Statistics, pick: Pick, log_hr: float | None) -> Iterator[Measured]:
    """Cox estimate at a look, on the log scale; infinite ones are counted, not averaged."""
    status = pick(statistics.status)
    yield "estimate_infinite", _share((status & STATUS_ESTIMATE_INFINITE) != 0)
    yield "estimate_not_converged", _share((status & STATUS_ESTIMATE_NOT_CONVERGED) != 0)
    beta, se = pick(statistics.estimate), pick(statistics.se)
    finite = np.isfinite(beta)
    beta, se = beta[finite], se[finite]
    average, deviation = mean_and_deviation(beta)
    yield "log_hazard_ratio_mean", average
    yield "log_hazard_ratio_sd", deviation
    yield "log_hazard_ratio_se_mean", mean(se)
    ratio = math.exp(average.value)
    yield "hazard_ratio", Estimate(ratio, ratio * average.mcse, average.n_trials)
    if log_hr is not None:
        # A constant taken away leaves the error as it is.
        yield "log_hazard_ratio_bias", average._replace(value=average.value - log_hr)
        yield "coverage_95", _share(np.abs(beta - log_hr) <= CONFIDENCE_Z * se)


def _jointly(
    scenario: Scenario,
    decisions: Decisions,
    comparisons: tuple[Comparison, ...],
    combine: Callable[..., BoolArray],
) -> Iterator[Measured]:
    """Probability to reject any, or all, of the hypotheses."""
    each = [rejected_by_end(decisions, comparisons, name) for name in scenario.hypotheses]
    yield "rejection_probability", _share(combine(np.array(each), axis=0))
