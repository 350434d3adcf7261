"""Figures of the same trials in two runs, and sums over these pairs that can be added up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import OVERALL
from simulate.results.decisions import (
    NO_LOOK,
    BoolArray,
    decide,
    last_row_reached,
    rejected_by_end,
)
from simulate.results.estimates import FEW, Estimate, Moments, Share
from simulate.scenario.comparisons import planned_comparisons, rows_of
from simulate.scenario.models import Scenario


class Figure(NamedTuple):
    """What each trial has a value of.

    Attributes
    ----------
    hypothesis, analysis, measure : str
        Names as in the rows of operating characteristics.
    """

    hypothesis: str
    analysis: str
    measure: str


class PairEstimates(NamedTuple):
    """What pairs of trials say of two runs.

    Attributes
    ----------
    a, b : Estimate
        Of each run alone, with the error that it has alone.
    difference : Estimate
        B less A, with the error of paired trials.
    correlation : float
        Of the two values of a trial; NaN if one does not vary.
    """

    a: Estimate
    b: Estimate
    difference: Estimate
    correlation: float


class RejectionPairs(NamedTuple):
    """Trials by whether they rejected a hypothesis in both runs, in one, in neither; exact."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, a: BoolArray, b: BoolArray) -> RejectionPairs:
        """Count trials; ``a`` and ``b`` (n_trials,) say which ones rejected."""
        n_both, n_a, n_b = (int(np.count_nonzero(holds)) for holds in (a & b, a, b))
        return cls(n_both, n_a - n_both, n_b - n_both, len(a) - n_a - n_b + n_both)

    def combined(self, other: RejectionPairs) -> RejectionPairs:
        """Both parts of the trials together."""
        return RejectionPairs(*(own + its for own, its in zip(self, other, strict=True)))

    @property
    def without_value(self) -> tuple[int, int, int]:
        """Every trial rejects or does not."""
        return 0, 0, 0

    def estimates(self) -> PairEstimates:
        """Probabilities and their difference.

        With ``d = only_a + only_b`` discordant pairs and the difference ``D``, its error is
        ``sqrt(d / n - D**2) / sqrt(n)``, the standard error of a difference of two proportions of
        the same trials (McNemar 1947; Agresti 2013, section 11.1). Below ten discordant pairs it is
        the half-width of Wilson's 68.3 % interval for their share, which is not 0 without any.
        """
        n = sum(self)
        discordant = self.only_a + self.only_b
        surplus = self.only_b - self.only_a
        if discordant < FEW:
            error = Share(discordant, n).estimate().mcse
        else:
            error = math.sqrt((n * discordant - surplus * surplus) / n) / n
        n_a, n_b = self.both + self.only_a, self.both + self.only_b
        spread = n_a * (n - n_a) * n_b * (n - n_b)
        return PairEstimates(
            Share(n_a, n).estimate(),
            Share(n_b, n).estimate(),
            Estimate(surplus / n, error, n),
            (n * self.both - n_a * n_b) / math.sqrt(spread) if spread else math.nan,
        )


class ValuePairs(NamedTuple):
    """Moments of a figure over the trials in which both runs have it.

    Attributes
    ----------
    a, b, difference : Moments
        Of the values in A, in B, and of B less A, over these trials.
    only_a, only_b, neither : int
        The other trials: those with a finite value in one run or in none.
    """

    a: Moments
    b: Moments
    difference: Moments
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, a: FloatArray, b: FloatArray) -> ValuePairs:
        """Sum up values (n_trials,); what is not finite is undefined."""
        in_a, in_b = np.isfinite(a), np.isfinite(b)
        counts = RejectionPairs.of(in_a, in_b)
        in_both = in_a & in_b
        a, b = a[in_both], b[in_both]
        return cls(Moments.of(a), Moments.of(b), Moments.of(b - a), *counts[1:])

    def combined(self, other: ValuePairs) -> ValuePairs:
        """Both parts of the trials together."""
        return ValuePairs(
            self.a.combined(other.a),
            self.b.combined(other.b),
            self.difference.combined(other.difference),
            self.only_a + other.only_a,
            self.only_b + other.only_b,
            self.neither + other.neither,
        )

    @property
    def without_value(self) -> tuple[int, int, int]:
        """Trials with a finite value in A only, in B only, in none."""
        return self.only_a, self.only_b, self.neither

    def estimates(self) -> PairEstimates:
        """Means and their difference, each with its standard deviation over the root of n.

        The correlation follows from ``Var(B - A) = Var(A) + Var(B) - 2 Cov(A, B)``.
        """
        spread = math.sqrt(self.a.second) * math.sqrt(self.b.second)
        covariation = (self.a.second + self.b.second - self.difference.second) / 2.0
        return PairEstimates(
            self.a.mean(),
            self.b.mean(),
            self.difference.mean(),
            max(-1.0, min(1.0, covariation / spread)) if spread else math.nan,
        )


Pairs = RejectionPairs | ValuePairs


Values = tuple[NDArray[Any], NDArray[Any]]
"""Values of a figure in A and in B, (n_trials,); whether it rejects, or numbers."""


def values_of(
    scenario_a: Scenario, statistics_a: Statistics, scenario_b: Scenario, statistics_b: Statistics
) -> Iterator[tuple[Figure, Values]]:
    """Every figure that both runs have, over the same trials.

    Parameters
    ----------
    scenario_a, scenario_b : Scenario
        What was simulated; each run is judged by its own design.
    statistics_a, statistics_b : Statistics
        Arrays of shape (n_trials, n_rows), trial by trial the same patients.

    Yields
    ------
    Figure, pair of arrays
        By hypothesis; first overall, then by analysis.
    """
    in_b = dict(_figures(scenario_b, statistics_b))
    for figure, a in _figures(scenario_a, statistics_a):
        b = in_b.get(figure)
        if b is not None:
            yield figure, (a, b)


def paired(a: NDArray[Any], b: NDArray[Any]) -> Pairs:
    """Pairs of the values of one figure."""
    return RejectionPairs.of(a, b) if a.dtype == np.bool_ else ValuePairs.of(a, b)


def combined(first: dict[Figure, Pairs], second: dict[Figure, Pairs]) -> dict[Figure, Pairs]:
    """Add up the pairs of two parts of the trials."""
    # `pairs_of` gives a figure the same kind in every part, which types cannot say.
    return {
        figure: pairs.combined(second[figure])  # type: ignore[arg-type]
        for figure, pairs in first.items()
    }


def _figures(scenario: Scenario, statistics: Statistics) -> Iterator[tuple[Figure, NDArray[Any]]]:
    """Every figure of a run, (n_trials,): whether it rejects, or a value, if finite."""
    decisions = decide(scenario, statistics)
    comparisons = planned_comparisons(scenario)
    counted = statistics.events_experimental + statistics.events_control
    events = np.where(decisions.exists, counted, np.nan)
    trials = np.arange(len(counted))
    for name, hypothesis in scenario.hypotheses.items():
        by_end = rejected_by_end(decisions, comparisons, name)
        yield Figure(name, OVERALL, "rejection_probability"), by_end
        last = last_row_reached(decisions, comparisons, name)
        for measure, values in (("look_time_mean", statistics.cutoff), ("events_mean", events)):
            at_end = np.where(last == NO_LOOK, np.nan, values[trials, last])
            yield Figure(name, OVERALL, measure), at_end
        rejected = np.zeros(len(trials), dtype=np.bool_)
        for row in rows_of(comparisons, name):
            look = comparisons[row].analysis
            rejected = rejected | decisions.rejects[:, row]
            yield Figure(name, look, "cumulative_rejection_probability"), rejected
            yield Figure(name, look, "look_time_mean"), statistics.cutoff[:, row]
            yield Figure(name, look, "events_mean"), events[:, row]
            yield Figure(name, look, "z_mean"), statistics.z[:, row]
            effect = hypothesis.test.effect
            if effect != "none":
                yield Figure(name, look, f"{effect}_mean"), statistics.estimate[:, row]
