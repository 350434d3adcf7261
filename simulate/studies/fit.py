"""A probit line through simulated powers, and where it reaches a target.

Close to the target the probit of the power is about linear in a coordinate such as the root of the
number of events: there a test statistic is about normal, with a mean proportional to it
(Schoenfeld, Biometrika 68, 1981, 316-319). The line is fitted by maximum likelihood to the counts,
whose points are independent; the limits of the place where it reaches the target are Fieller's
(Journal of the Royal Statistical Society B 16, 1954, 175-185; Finney, Probit Analysis, 1971,
chapter 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.results.quantiles import FloatArray

MOST_STEPS = 50
CONVERGED = 1e-10
# A probability of 0 or 1 has no probit.
SMALLEST = 1e-10
# Chance alone gives a larger chi-squared once in a thousand searches.
UNEVEN = 0.001


class Limits(NamedTuple):
    """An interval of coordinates; infinite where the slope does not bound it."""

    low: float
    high: float


class ProbitLine(NamedTuple):
    """Probit of the power as a line over a coordinate.

    Attributes
    ----------
    center : float
        Coordinate at which the intercept is.
    intercept, slope : float
        Probit at the center, and its rise.
    covariance : FloatArray, shape (2, 2)
        Of both, by the Fisher information.
    chi_squared : float
        Pearson's, of the points about the line.
    n_points : int
        Points of different coordinates.
    """

    center: float
    intercept: float
    slope: float
    covariance: FloatArray
    chi_squared: float
    n_points: int

    def probit(self, coordinate: float) -> float:
        """Probit of the power at a coordinate."""
        return self.intercept + self.slope * (coordinate - self.center)

    def place_of(self, probit: float) -> float:
        """Coordinate at which the line reaches a probit; infinite if it does not rise."""
        if self.slope <= 0.0:
            return math.inf
        return self.center + (probit - self.intercept) / self.slope

    @property
    def is_uneven(self) -> bool:
        """Whether the points lie further from the line than chance explains."""
        from scipy.special import chdtrc  # noqa: PLC0415 - slow to import

        spare = self.n_points - 2
        return spare > 0 and float(chdtrc(spare, self.chi_squared)) < UNEVEN

    def limits_of(self, probit: float, level: float = 0.95) -> Limits:
        """Fieller's limits of the coordinate at which the power has a probit."""
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        covariance, quantile = self.covariance, float(ndtri(0.5 + 0.5 * level))
        # Coordinates x with (a + b x - probit)**2 <= q**2 Var(a + b x), about the center.
        distance, squared = self.intercept - probit, quantile * quantile
        c2 = self.slope**2 - squared * covariance[1, 1]
        c1 = self.slope * distance - squared * covariance[0, 1]
        c0 = distance**2 - squared * covariance[0, 0]
        discriminant = c1 * c1 - c2 * c0
        if self.slope <= 0.0 or c2 <= 0.0 or discriminant < 0.0:
            return Limits(-math.inf, math.inf)
        root = math.sqrt(discriminant)
        middle, half = self.center - c1 / c2, root / c2
        return Limits(float(middle - half), float(middle + half))


def fit_probit(
    coordinates: Sequence[float], successes: Sequence[int], trials: Sequence[int]
) -> ProbitLine | None:
    """Fit a probit line by maximum likelihood, by Fisher's scoring.

    Parameters
    ----------
    coordinates : sequence of float
        Where each point is.
    successes, trials : sequence of int
        Trials of each point that reject, and all of them; points are independent.

    Returns
    -------
    ProbitLine or None
        None if there are fewer than two coordinates, or the counts determine no line.
    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 - slow to import

    x, places = np.unique(np.asarray(coordinates, dtype=float), return_inverse=True)
    hits = np.bincount(places, weights=np.asarray(successes, dtype=float))
    n = np.bincount(places, weights=np.asarray(trials, dtype=float))
    if len(x) < 2 or hits.sum() in {0.0, n.sum()}:
        return None
    center = float(np.average(x, weights=n))
    design = np.stack([np.ones_like(x), x - center])
    beta = np.array([float(ndtri(hits.sum() / n.sum())), 0.0])
    for _ in range(MOST_STEPS):
        eta = beta @ design
        p = np.clip(ndtr(eta), SMALLEST, 1.0 - SMALLEST)
        density = np.exp(-0.5 * eta * eta) / math.sqrt(2.0 * math.pi)
        weight = n * density**2 / (p * (1.0 - p))
        information = (design * weight) @ design.T
        if not np.linalg.cond(information) < 1.0 / CONVERGED**1.5:
            return None
        score = design @ ((hits - n * p) * density / (p * (1.0 - p)))
        step = np.linalg.solve(information, score)
        # Far from the counts a full step may leave the range in which probits differ.
        step *= min(1.0, 2.0 / max(float(np.max(np.abs(step @ design))), 1e-300))
        beta += step
        if np.max(np.abs(step @ design)) < CONVERGED:
            break
    else:
        return None
    chi_squared = float(np.sum((hits - n * p) ** 2 / (n * p * (1.0 - p))))
    intercept, slope = map(float, beta)
    return ProbitLine(center, intercept, slope, np.linalg.inv(information), chi_squared, len(x))
