"""What a calibration found, feature by feature, and whether it may be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtri

from simulate.calibration.synthetic import Feature
from simulate.calibration.weights import FloatArray, weighted_quantiles
from simulate.errors import CalibrationError

INTERVAL = (0.5, 0.025, 0.975)
# An effective size below this, or below this share of the draws, is no posterior.
LEAST_EFFECTIVE = 100.0
LEAST_SHARE = 0.05
# Probability of a published value as far away as that, if the model and its parameters were true.
IMPLAUSIBLE = 1e-3


@dataclass(frozen=True)
class Fit:
    """One feature: its published value among the replicates of the posterior.

    Attributes
    ----------
    name, kind, target
        Those of the feature.
    median, lower, upper : float
        Median and 95% interval of the replicates, over the posterior.
    exceeds : float
        Share of the replicates above the target.
    discrepancy : float
        Published less predicted, in standard deviations of the replicates over the posterior; for a
        feature of kind "exceeds", the normal score above which its probability is. Positive: the
        published value is above what is predicted.
    """

    name: str
    kind: str
    target: float
    median: float
    lower: float
    upper: float
    exceeds: float
    discrepancy: float

    @property
    def inside(self) -> bool:
        """Whether the published value is in the interval; whether 2.5% exceed a threshold."""
        if self.kind == "exceeds":
            return self.exceeds >= 0.025
        return self.lower <= self.target <= self.upper


def fits(values: FloatArray, weights: FloatArray, features: Sequence[Feature]) -> tuple[Fit, ...]:
    """Compare each feature with replicates (N, R, K) of draws with weights (N,)."""
    used = weights > 0.0
    each = np.repeat(weights[used] / values.shape[1], values.shape[1])
    return tuple(
        _fit(values[used, :, k].ravel(), each, feature) for k, feature in enumerate(features)
    )


def _fit(values: FloatArray, weights: FloatArray, feature: Feature) -> Fit:
    """Compare one feature with the replicates (n,) in which it exists."""
    known = np.isfinite(values)
    x, w = values[known], weights[known]
    if not w.sum() > 0.0:
        nan = math.nan
        return Fit(feature.name, feature.kind, feature.target, nan, nan, nan, nan, nan)
    w = w / w.sum()
    median, lower, upper = weighted_quantiles(x, w, INTERVAL)
    above = float(w @ (x > feature.target))
    if feature.kind == "exceeds":
        # Of so many replicates none, or all, is no probability of 0 or 1.
        least = 0.5 / len(x)
        discrepancy = -float(ndtri(min(max(above, least), 1.0 - least)))
    else:
        mean = float(w @ x)
        sd = math.sqrt(float(w @ (x - mean) ** 2))
        discrepancy = (feature.target - mean) / sd if sd > 0.0 else math.nan
    return Fit(
        feature.name,
        feature.kind,
        feature.target,
        float(median),
        float(lower),
        float(upper),
        above,
        discrepancy,
    )


def worst(found: Sequence[Fit]) -> Fit:
    """The feature whose published value is farthest from what is predicted.

    A feature that hardly exists in any replicate comes before all others.
    """
    return max(
        found, key=lambda fit: math.inf if math.isnan(fit.discrepancy) else abs(fit.discrepancy)
    )


@dataclass(frozen=True)
class Quality:
    """How good a calibration is.

    Attributes
    ----------
    n_draws : int
        Draws of the last round.
    effective_size : float
        What their weights are worth in equal ones.
    largest_weight : float
        Largest share of one draw.
    n_truncated : int
        Draws whose weight was cut.
    log_evidence : float
        Logarithm of the likelihood's mean under the prior, up to a constant that depends on the
        features alone.
    distance : float
        Squared Mahalanobis distance of the published values from the replicates' at the draws
        that fit best: its weighted median over the posterior.
    n_normal : int
        Number of normal features, to which the distance compares: under a model that is true it is
        at most about that of a chi-square with so many degrees of freedom.
    """

    n_draws: int
    effective_size: float
    largest_weight: float
    n_truncated: int
    log_evidence: float
    distance: float
    n_normal: int

    def problem(self) -> str:
        """Why the posterior is not to be used; empty if it is."""
        if self.distance > float(chdtri(self.n_normal, IMPLAUSIBLE)):
            return (
                f"where the model fits best, the published values are still {self.distance:.0f} "
                f"squared standard errors away ({self.n_normal} are expected)"
            )
        least = max(LEAST_EFFECTIVE, LEAST_SHARE * self.n_draws)
        if not self.effective_size >= least:
            return (
                f"{self.n_draws:,} draws are worth {self.effective_size:.0f} "
                f"(at least {least:.0f} are needed)"
            )
        return ""


def require_usable(
    quality: Quality,
    found: Sequence[Fit],
    described: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Refuse a posterior that is none, and name the feature that fits worst.

    Parameters
    ----------
    quality : Quality
        How good the calibration is.
    found : sequence of Fit
        Its features.
    described : mapping of str to (str, str), optional
        By feature, published and predicted value in the words and units of the publication; where
        absent, the feature's own are given.

    Raises
    ------
    CalibrationError
        If the effective size is below 100 or 5% of the draws, or if the published values are
        farther from the replicates than in one trial of 1,000 where the model fits best.
    """
    problem = quality.problem()
    if not problem:
        return
    fit = worst(found)
    published, predicted = (described or {}).get(fit.name, _in_own_units(fit))
    size = (
        "" if math.isnan(fit.discrepancy) else f", {abs(fit.discrepancy):.1f} standard deviations"
    )
    side = "" if not size else (" above" if fit.discrepancy > 0.0 else " below")
    raise CalibrationError(
        f"the published figures cannot hold together under this model: {problem}; "
        f"worst: {fit.name}, published {published}, predicted {predicted}{size}{side}",
        worst=fit.name,
    )


def _in_own_units(fit: Fit) -> tuple[str, str]:
    """Published and predicted value of a feature, as texts."""
    if math.isnan(fit.discrepancy):
        return f"{fit.target:g}", "nothing (it exists in no replicate)"
    if fit.kind == "exceeds":
        return f"above {fit.target:g}", f"so in {fit.exceeds:.1%}"
    return f"{fit.target:g}", f"{fit.median:.3g} ({fit.lower:.3g} to {fit.upper:.3g})"
