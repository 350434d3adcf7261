"""Pairs of trials that share truths: their differences are not independent of each other.

Trials of one member of either run have a truth in common. Sums by cluster, members that no other
cluster shares, give errors that allow for it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.statistics import Statistics
from simulate.results.estimates import FEW, Estimate
from simulate.results.pairs import (
    Figure,
    PairEstimates,
    Pairs,
    RejectionPairs,
    ValuePairs,
    paired,
    values_of,
)
from simulate.results.quantiles import FloatArray
from simulate.scenario.models import Scenario


class ClusterSums(NamedTuple):
    """Sums over pairs of trials, by cluster; each (n_clusters,).

    Attributes
    ----------
    n_trials, a, b : FloatArray
        Number of pairs with a value in both runs, and the sums of the values in A and in B.
    """

    n_trials: FloatArray
    a: FloatArray
    b: FloatArray

    @classmethod
    def of(cls, a: NDArray[Any], b: NDArray[Any], first_trial: int, n_clusters: int) -> ClusterSums:
        """Sum up consecutive trials, from ``first_trial`` on; ``a``, ``b`` (n_trials,)."""
        cluster = (first_trial + np.arange(len(a))) % n_clusters
        in_both = np.isfinite(a) & np.isfinite(b)

        def sums(values: NDArray[Any]) -> FloatArray:
            found = np.bincount(cluster[in_both], values[in_both], minlength=n_clusters)
            return found.astype(np.float64)

        return cls(sums(np.ones(len(a))), sums(a), sums(b))

    def combined(self, other: ClusterSums) -> ClusterSums:
        """Both parts of the trials together."""
        return ClusterSums(*(own + its for own, its in zip(self, other, strict=True)))

    def error(self, sums: FloatArray) -> float:
        """Standard error of the mean that sums by cluster give; NaN with fewer than two clusters.

        The mean is a ratio of two sums over independent clusters: with ``S_c`` of ``n_c`` trials
        and the mean ``m``, ``Var(m) = C / (C - 1) * sum of (S_c - n_c m)**2 / n**2`` (Cochran,
        Sampling Techniques, 1977, chapter 6).
        """
        seen = self.n_trials > 0
        n_clusters, n = int(np.count_nonzero(seen)), float(np.sum(self.n_trials))
        if n_clusters < 2:
            return math.nan
        residuals = sums[seen] - self.n_trials[seen] * (float(np.sum(sums)) / n)
        squares = float(np.sum(residuals * residuals))
        return math.sqrt(n_clusters / (n_clusters - 1) * squares) / n


class ClusteredPairs(NamedTuple):
    """Pairs of trials with the sums by cluster that their errors come from."""

    pairs: RejectionPairs | ValuePairs
    sums: ClusterSums

    def combined(self, other: ClusteredPairs) -> ClusteredPairs:
        """Both parts of the trials together."""
        # Both parts are of one kind, which types cannot say.
        pairs = self.pairs.combined(other.pairs)  # type: ignore[arg-type]
        return ClusteredPairs(pairs, self.sums.combined(other.sums))

    @property
    def without_value(self) -> tuple[int, int, int]:
        """Trials with a finite value in A only, in B only, in none."""
        return self.pairs.without_value

    def estimates(self) -> PairEstimates:
        """Means and their difference, with errors that allow for truths that trials share."""
        found = self.pairs.estimates()
        sums = self.sums
        errors = [sums.error(values) for values in (sums.a, sums.b, sums.b - sums.a)]
        if isinstance(self.pairs, RejectionPairs):
            # Of few trials that differ, the spread tells too little.
            _, only_a, only_b, _ = self.pairs
            few = [min(sum(s), sum(sums.n_trials) - sum(s)) < FEW for s in (sums.a, sums.b)]
            few.append(only_a + only_b < FEW)
            errors = [
                max(error, alone.mcse) if is_few else error
                for error, alone, is_few in zip(errors, found[:3], few, strict=True)
            ]
        a, b, difference = (
            Estimate(alone.value, error, alone.n_trials)
            for alone, error in zip(found[:3], errors, strict=True)
        )
        return PairEstimates(a, b, difference, found.correlation)


AnyPairs = Pairs | ClusteredPairs


def clustered_pairs(
    scenario_a: Scenario,
    statistics_a: Statistics,
    scenario_b: Scenario,
    statistics_b: Statistics,
    first_trial: int,
    n_clusters: int,
) -> dict[Figure, AnyPairs]:
    """Pair every figure that both runs have, over consecutive trials; see `values_of`.

    Parameters
    ----------
    scenario_a, statistics_a, scenario_b, statistics_b
        As for `values_of`.
    first_trial : int
        Number of the first trial.
    n_clusters : int
        Trials ``t`` of one ``t % n_clusters`` share truths; 0 if none does.
    """
    found: dict[Figure, AnyPairs] = {}
    for figure, (a, b) in values_of(scenario_a, statistics_a, scenario_b, statistics_b):
        pairs = paired(a, b)
        found[figure] = pairs
        if n_clusters > 1:
            sums = ClusterSums.of(a, b, first_trial, n_clusters)
            found[figure] = ClusteredPairs(pairs, sums)
    return found


def combined_pairs(
    first: dict[Figure, AnyPairs], second: dict[Figure, AnyPairs]
) -> dict[Figure, AnyPairs]:
    """Add up the pairs of two parts of the trials."""
    # A figure has the same kind in every part, which types cannot say.
    return {
        figure: pairs.combined(second[figure])  # type: ignore[arg-type]
        for figure, pairs in first.items()
    }
