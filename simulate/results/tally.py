"""From the statistics of a block of trials to its tallies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulate.design.proportions import clopper_pearson, wilson
from simulate.engine.codes import (
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_NOT_ESTIMABLE,
    STATUS_TARGET_NOT_REACHED,
)
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import ALL, ANY, COUNTED, OVERALL
from simulate.results.decisions import (
    NO_LOOK,
    BoolArray,
    Decisions,
    decide,
    last_row_reached,
    rejected_by_end,
)
from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.measured import COX, DIFFERENCE, MeasuredEffect, measured_effect
from simulate.results.members import MemberShares
from simulate.results.quantiles import Bins, FloatArray, IntArray, Values
from simulate.results.tallies import (
    BIN_MONTHS,
    BY_MEMBER,
    EVERY_TRIAL,
    FATES,
    NOT_REJECTED,
    REJECTED,
    Key,
    Tallies,
    Tally,
    fates_of,
)
from simulate.scenario.comparisons import Comparison, planned_comparisons, rows_of
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

# Of log hazard ratios and of z: a bar of a histogram is many of these wide.
BIN_ESTIMATES = 1.0 / 1024.0

# What may be missing from an estimate, with the flags that say so.
FAILURES_OF = {
    COX: (
        ("estimate_infinite", STATUS_ESTIMATE_INFINITE),
        ("estimate_not_converged", STATUS_ESTIMATE_NOT_CONVERGED),
    ),
    DIFFERENCE: (
        ("estimate_infinite", STATUS_ESTIMATE_INFINITE),
        ("not_estimable", STATUS_NOT_ESTIMABLE),
    ),
}
Interval = Callable[..., tuple[FloatArray, FloatArray]]
Found = Iterator[tuple[str, Tally]]
"""Quantities and their tallies."""


def tally(
    scenario: Scenario,
    statistics: Statistics,
    *,
    first_trial: int = 0,
    quantiles: Literal["exact", "binned"] = "exact",
) -> Tallies:
    """Reduce the statistics of a block of trials to what operating characteristics need.

    Parameters
    ----------
    scenario : Scenario
        The design and the assumptions it was simulated under.
    statistics : Statistics
        Arrays of shape (n_trials, n_rows), rows as in `planned_comparisons`.
    first_trial : int
        Number of the first of these trials, which are consecutive.
    quantiles : str
        "exact" keeps the calendar month of every look; "binned" counts months in bins of
        `BIN_MONTHS`.

    Returns
    -------
    Tallies
        They hold no part of ``statistics``.

    Raises
    ------
    ValueError
        If ``quantiles`` is neither.
    """
    if quantiles not in ("exact", "binned"):
        raise ValueError(f"quantiles must be 'exact' or 'binned', not {quantiles!r}")
    decisions = decide(scenario, statistics)
    comparisons = planned_comparisons(scenario)
    members = n_members(scenario)
    entries: dict[Key, Tally] = {}

    def add(hypothesis: str, analysis: str, condition: str, found: Found) -> None:
        for quantity, entry in found:
            entries[Key(hypothesis, analysis, quantity, condition)] = entry

    def add_shares(hypothesis: str, analysis: str, shares: Iterator[tuple[str, BoolArray]]) -> None:
        found = _of_shares(shares, first_trial, members)
        add(hypothesis, analysis, EVERY_TRIAL, found)

    for name in (*scenario.hypotheses, *scenario.estimates):
        last = last_row_reached(decisions, comparisons, name)
        measured = measured_effect(scenario, name)
        for row in rows_of(comparisons, name):
            analysis = comparisons[row].analysis
            at_row = Statistics._make(column[:, row] for column in statistics)
            add_shares(name, analysis, _shares(at_row, decisions, row))
            if members > 1 and name in scenario.hypotheses:
                by_now = _rejected_by(decisions, comparisons, name, row)
                shares = MemberShares.of(by_now, first_trial, members)
                quantity = "cumulative_rejection_probability" + BY_MEMBER
                add(name, analysis, EVERY_TRIAL, iter([(quantity, shares)]))
            for fate, trials in _by_fate(scenario, decisions, comparisons, row, last):
                add(name, analysis, fate, _data(at_row, trials, quantiles == "exact"))
                add(name, analysis, fate, _effect(at_row, trials, measured))
        if name in scenario.hypotheses:
            rejected = rejected_by_end(decisions, comparisons, name)
            shown = statistics.z if measured.kind == "none" else statistics.estimate
            add(name, OVERALL, REJECTED, _at_last_look(shown, last, rejected))
            add(name, OVERALL, NOT_REJECTED, _at_last_look(shown, last, ~rejected))
    if len(scenario.hypotheses) > 1:
        each = [rejected_by_end(decisions, comparisons, name) for name in scenario.hypotheses]
        for several, joint in ((ANY, np.any(each, axis=0)), (ALL, np.all(each, axis=0))):
            add_shares(several, OVERALL, iter([("rejection_probability", joint)]))
    return Tallies(entries)


def _by_fate(
    scenario: Scenario,
    decisions: Decisions,
    comparisons: tuple[Comparison, ...],
    row: int,
    last: IntArray,
) -> Iterator[tuple[str, IntArray | slice]]:
    """Which trials that have a look belong to each fate."""
    exists, reached = decisions.exists[:, row], decisions.reached[:, row]
    ended = reached & (decisions.last_look == comparisons[row].analysis_number)
    # Each of these implies the one before: their number names the fate, 0 for no look.
    fate = exists.astype(np.int8) + reached + (last == row) + ended
    for name in fates_of(scenario):
        chosen = fate == FATES.index(name) + 1
        yield name, slice(None) if chosen.all() else np.flatnonzero(chosen)


def _shares(at_row: Statistics, decisions: Decisions, row: int) -> Iterator[tuple[str, BoolArray]]:
    """In which trials a look takes place and rejects, and in which something did not exist."""
    yield "rejection_probability", decisions.crosses[:, row]
    yield "first_rejection_probability", decisions.rejects[:, row]
    yield "reached_probability", decisions.reached[:, row]
    yield "look_skipped", (at_row.status & STATUS_LOOK_SKIPPED) != 0
    yield "target_not_reached", (at_row.status & STATUS_TARGET_NOT_REACHED) != 0
    yield "no_information", (at_row.status & STATUS_NO_INFORMATION) != 0


def _rejected_by(
    decisions: Decisions, comparisons: tuple[Comparison, ...], name: str, row: int
) -> BoolArray:
    """Trials that have rejected a hypothesis by the look of a row."""
    rows = [other for other in rows_of(comparisons, name) if other <= row]
    return np.asarray(decisions.rejects[:, rows].any(axis=1))


def _of_shares(shares: Iterator[tuple[str, BoolArray]], first_trial: int, members: int) -> Found:
    """Count trials; by member, too, where there are several truths."""
    for quantity, holds in shares:
        yield quantity, Share.of(holds)
        if members > 1:
            yield quantity + BY_MEMBER, MemberShares.of(holds, first_trial, members)


def _data(at_row: Statistics, trials: IntArray | slice, exact: bool) -> Found:
    """Numbers of patients, events and dropouts by arm, the calendar month, and z at a look."""
    for counted in COUNTED:
        experimental = getattr(at_row, f"{counted}_experimental")[trials]
        control = getattr(at_row, f"{counted}_control")[trials]
        yield counted, WholeMoments.of(experimental + control)
        yield f"{counted}_experimental", WholeMoments.of(experimental)
        yield f"{counted}_control", WholeMoments.of(control)
    months = at_row.cutoff[trials]
    yield "look_time", Moments.of(months)
    yield "look_time_quantiles", Values.of(months) if exact else Bins.of(months, BIN_MONTHS)
    z = at_row.z[trials]
    yield "z", Moments.of(z[np.isfinite(z)])


def _effect(at_row: Statistics, trials: IntArray | slice, measured: MeasuredEffect) -> Found:
    """Estimates at a look; infinite and missing ones are counted, not averaged."""
    if measured.kind == "none":
        return
    status = at_row.status[trials]
    for measure, flag in FAILURES_OF[measured.failures]:
        yield measure, Share.of((status & flag) != 0)
    estimate, se = at_row.estimate[trials], at_row.se[trials]
    finite = np.isfinite(estimate)
    yield measured.kind, Moments.of(estimate[finite])
    if measured.has_se:
        yield f"{measured.kind}_se", Moments.of(se[finite])
    if measured.has_limits:
        lower, upper = at_row.lower[trials], at_row.upper[trials]
        yield "upper_limit_infinite", Share.of(np.isinf(upper))
        if measured.truth is not None:
            yield measured.coverage, Share.of(_within(lower, upper, measured.truth))
    elif measured.truth is not None and measured.has_se:
        within = np.abs(estimate - measured.truth) <= measured.quantile * se
        yield measured.coverage, Share.of(within[finite])
    if measured.is_rate and measured.truth is not None:
        x, n = at_row.events_experimental[trials], at_row.patients_experimental[trials]
        for method, interval in (("clopper_pearson", clopper_pearson), ("wilson", wilson)):
            limits = _limits(interval, x, n, measured.level)
            inside = _within(*limits, measured.truth)
            yield f"{method}_{measured.coverage}", Share.of(inside)


def _within(lower: FloatArray, upper: FloatArray, truth: float) -> BoolArray:
    """Which intervals hold a value; one without limits does not."""
    return np.asarray((lower <= truth) & (truth <= upper))


def _limits(
    interval: Interval, x: NDArray[np.int32], n: NDArray[np.int32], level: float
) -> tuple[FloatArray, FloatArray]:
    """Confidence limits of rates, each different count worked out once; NaN without patients."""
    # Both in one integer, which is sorted much faster than pairs.
    codes, where = np.unique((x.astype(np.int64) << 32) | n, return_inverse=True)
    pairs = np.stack([codes >> 32, codes & 0xFFFFFFFF])
    some = pairs[1] > 0
    lower, upper = np.full(len(some), np.nan), np.full(len(some), np.nan)
    lower[some], upper[some] = interval(pairs[0, some], pairs[1, some], level)
    return lower[where.ravel()], upper[where.ravel()]


def _at_last_look(shown: FloatArray, last: IntArray, concluded: BoolArray) -> Found:
    """Estimates or z at the last look of the hypothesis, of trials with one conclusion."""
    trials = np.flatnonzero(concluded & (last != NO_LOOK))
    values = shown[trials, last[trials]]
    yield "estimate", Bins.of(values[np.isfinite(values)], BIN_ESTIMATES)
