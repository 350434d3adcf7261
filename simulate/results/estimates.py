"""Estimates from independent trials, from sums over parts of the trials that can be added up.

Each kind of sum has a constructor ``of`` (one part of the trials), ``combined`` (two disjoint
parts) and the estimates that follow, each with its Monte Carlo standard error.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FEW = 10
# Half-width of a 68.3 % interval in standard errors: one.
ONE_SE = 1.0
# Of a two-sided 95% interval.
CONFIDENCE_Z = 1.959963984540054


class Estimate(NamedTuple):
    """An estimate, its Monte Carlo standard error and the number of trials behind it.

    NaN where there are too few trials to say.
    """

    value: float
    mcse: float
    n_trials: int


UNKNOWN = Estimate(math.nan, math.nan, 0)


class Share(NamedTuple):
    """Trials of which something holds, among all; exact.

    Attributes
    ----------
    successes, n_trials : int
        Their number, and that of all.
    """

    successes: int
    n_trials: int

    @classmethod
    def of(cls, holds: NDArray[np.bool_]) -> Share:
        """Count the trials of which it holds; ``holds`` (n_trials,)."""
        return cls(int(np.count_nonzero(holds)), len(holds))

    def combined(self, other: Share) -> Share:
        """Both parts of the trials together."""
        return Share(self.successes + other.successes, self.n_trials + other.n_trials)

    def estimate(self) -> Estimate:
        """Proportion of trials.

        The error is binomial, ``sqrt(p (1 - p) / n)``; with fewer than ten successes or failures it
        is the half-width of Wilson's 68.3 % interval (Wilson 1927), which is not 0 at 0 or 1.
        """
        successes, n = self
        if n == 0:
            return UNKNOWN
        p = successes / n
        variance = p * (1.0 - p) / n
        if min(successes, n - successes) >= FEW:
            return Estimate(p, math.sqrt(variance), n)
        return Estimate(p, wilson_half_width(p, n), n)


def wilson_half_width(p: float, n: int) -> float:
    """Half of Wilson's 68.3 % interval (1927) of a proportion ``p`` of ``n``."""
    widening = ONE_SE**2 / n
    variance = p * (1.0 - p) / n
    return ONE_SE * math.sqrt(variance + widening / (4.0 * n)) / (1.0 + widening)


class WholeMoments(NamedTuple):
    """Sums of whole numbers and of their squares; exact.

    Attributes
    ----------
    n_trials, total, squares : int
        Number of trials, sum of the numbers, sum of their squares.
    """

    n_trials: int
    total: int
    squares: int

    @classmethod
    def of(cls, values: NDArray[Any]) -> WholeMoments:
        """Sums over whole numbers (n_trials,), the sum of whose squares is below 2**63."""
        whole = values.astype(np.int64)
        return cls(len(whole), int(whole.sum()), int(np.dot(whole, whole)))

    def combined(self, other: WholeMoments) -> WholeMoments:
        """Both parts of the trials together."""
        return WholeMoments(
            self.n_trials + other.n_trials, self.total + other.total, self.squares + other.squares
        )

    def mean(self) -> Estimate:
        """Mean, with the standard deviation over the root of n."""
        n, total, squares = self
        if n == 0:
            return UNKNOWN
        deviations = n * squares - total * total
        error = math.sqrt(deviations / (n * n * (n - 1))) if n > 1 else math.nan
        return Estimate(total / n, error, n)


class Moments(NamedTuple):
    """Mean of numbers, and sums of powers of their deviations from it.

    Attributes
    ----------
    n_trials : int
        Number of trials.
    center : float
        Mean; 0 if there are no trials.
    second, third, fourth : float
        Sums of the second, third and fourth powers of the deviations.
    """

    n_trials: int
    center: float
    second: float
    third: float
    fourth: float

    @classmethod
    def of(cls, values: NDArray[Any]) -> Moments:
        """Moments of numbers (n_trials,)."""
        n = len(values)
        if n == 0:
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        # From the first value on: what never varies has deviations of exactly 0.
        first = float(values[0])
        deviations = values - first
        shift = float(np.mean(deviations))
        deviations -= shift
        squares = deviations * deviations
        second = float(np.sum(squares))
        # A power of 3 or 4 is far slower.
        deviations *= squares
        third = float(np.sum(deviations))
        squares *= squares
        return cls(n, first + shift, second, third, float(np.sum(squares)))

    def combined(self, other: Moments) -> Moments:
        """Both parts of the trials together.

        Chan, Golub and LeVeque 1979 for the second power, Pebay 2008 for the third and fourth.
        """
        a, b = self.n_trials, other.n_trials
        n = a + b
        if n == 0:
            return self
        d = other.center - self.center
        d2 = d * d
        second = self.second + other.second + d2 * (a * b / n)
        third = self.third + other.third + d2 * d * (a * b * (a - b) / n**2)
        third += 3.0 * d * (a * other.second - b * self.second) / n
        fourth = self.fourth + other.fourth + d2 * d2 * (a * b * (a * a - a * b + b * b) / n**3)
        fourth += 6.0 * d2 * (a * a * other.second + b * b * self.second) / n**2
        fourth += 4.0 * d * (a * other.third - b * self.third) / n
        return Moments(n, self.center + d * (b / n), second, third, fourth)

    def mean(self) -> Estimate:
        """Mean, with the standard deviation over the root of n."""
        n = self.n_trials
        if n == 0:
            return UNKNOWN
        error = math.sqrt(self.second / (n - 1)) / math.sqrt(n) if n > 1 else math.nan
        return Estimate(self.center, error, n)

    def deviation(self) -> Estimate:
        """Standard deviation.

        Its error comes from ``Var(s**2) = (m4 - s**4 (n - 3) / (n - 1)) / n``, with the fourth
        central moment ``m4``, by the delta method.
        """
        n = self.n_trials
        if n < 2:
            return Estimate(math.nan, math.nan, n)
        variance = self.second / (n - 1)
        if variance == 0.0:
            return Estimate(0.0, 0.0, n)
        deviation = math.sqrt(variance)
        of_variance = max(self.fourth / n - variance**2 * (n - 3) / (n - 1), 0.0) / n
        return Estimate(deviation, math.sqrt(of_variance) / (2.0 * deviation), n)
