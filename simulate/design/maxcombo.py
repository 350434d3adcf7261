"""MaxCombo under any hazards: the largest of several weighted log-rank statistics.

The statistics are jointly normal, with the means and the covariances of the weighted scores at the
look. The test takes their correlations from the data, so that its critical value is that of the
correlations under the alternative hypothesis itself (Karrison, Stata Journal 16, 2016, 678-690;
gsDesign2's `gs_power_combo`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.design.arguments import check_favourable, check_level, check_positive, check_power
from simulate.design.nonproportional import LogrankWeights, logrank_scores
from simulate.design.normal_orthant import MOST_VARIABLES, probability_any_above
from simulate.design.two_arms import TwoArms
from simulate.errors import DesignError

# Beyond the ends between which a root lies, for what they are rounded.
_BEYOND = 1e-6


class MaxComboTest(NamedTuple):
    """A MaxCombo test: it rejects if the largest of several z exceeds its critical value.

    Attributes
    ----------
    effects : tuple of float
        Means of z with one patient, which grow like the root of the number of patients; positive
        favours the experimental arm.
    correlation : tuple of tuple of float
        Correlation matrix of the z.
    """

    effects: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...]

    @property
    def effect(self) -> float:
        """Largest mean of z with one patient: above 0 if enough patients give any power."""
        return max(self.effects)

    def critical_z(self, alpha: float) -> float:
        """The z that the largest one exceeds with probability ``alpha`` without any effect.

        That probability is accurate to 1e-8.
        """
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        check_level(alpha)
        n_tests = len(self.effects)
        # Between that of one test and Bonferroni's.
        lowest, highest = -float(ndtri(alpha)), -float(ndtri(alpha / n_tests))
        if n_tests == 1:
            return lowest

        def surplus(z: float) -> float:
            return probability_any_above([z] * n_tests, self.correlation) - alpha

        ends = lowest - _BEYOND, highest + _BEYOND
        return float(brentq(surplus, *ends, xtol=1e-12))

    def power(self, n: float, alpha: float) -> float:
        """Probability of rejecting with ``n`` patients at one-sided ``alpha``.

        Accurate to 1e-8, as an integral of the joint normal distribution.
        """
        check_positive(n=n)
        return self._above(self.critical_z(alpha), math.sqrt(n))

    def n_for(self, power: float, alpha: float) -> float:
        """Patients, not rounded, with which the test has ``power``.

        With effects of both signs more patients may first have less power; but the probability of
        not rejecting is log-concave in the root of their number (Prekopa 1973), so that powers
        above alpha are reached once and for all.

        Raises
        ------
        DesignError
            If no effect favours the experimental arm, or a probability is out of range.
        """
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        check_power(power, alpha)
        check_favourable(self.effect, power)
        critical = self.critical_z(alpha)
        # Where one component alone has the power at this critical value.
        enough = (critical + float(ndtri(power))) / self.effect
        root = brentq(
            lambda root_n: self._above(critical, root_n) - power,
            0.0,
            enough * (1.0 + _BEYOND),
            xtol=1e-12 * enough,
        )
        return float(root) ** 2

    def _above(self, critical: float, root_n: float) -> float:
        """Probability that the largest z exceeds a critical value."""
        limits = [critical - effect * root_n for effect in self.effects]
        return probability_any_above(limits, self.correlation)


def maxcombo_test(trial: TwoArms, components: Sequence[LogrankWeights]) -> MaxComboTest:
    """MaxCombo of (weighted, stratified) log-rank tests at the look, by its number of patients.

    Each component is judged by its own variance, as in `logrank_test`.

    Parameters
    ----------
    trial : TwoArms
        The trial.
    components : sequence of LogrankWeights
        Weights of each component, 1 to 4; components that are the same count once.

    Returns
    -------
    MaxComboTest

    Raises
    ------
    DesignError
        If there are no components or too many, or no events are expected.
    """
    distinct = list(dict.fromkeys(components))
    if not 1 <= len(distinct) <= MOST_VARIABLES:
        raise DesignError("components", f"must be 1 to {MOST_VARIABLES}", len(distinct))
    scores = logrank_scores(trial, distinct)
    deviations = np.sqrt(np.diag(scores.covariance))
    correlation = scores.covariance / np.outer(deviations, deviations)
    np.fill_diagonal(correlation, 1.0)
    return MaxComboTest(
        tuple((scores.means / deviations).tolist()), tuple(map(tuple, correlation.tolist()))
    )
