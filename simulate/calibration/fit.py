"""What a calibration found, feature by feature, and whether it may be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtri

from simulate.calibration.synthetic import Feature
from simulate.calibration.weights import LIMITS, FloatArray, weighted_quantiles
from simulate.errors import CalibrationError

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
        Published less predicted, in standard deviations of the replicates over the posterior:
        positive where the published value is above what is predicted. For a feature of kind
        "exceeds", 0 if at least half of the replicates do, and else the normal score that is
        exceeded as often.
    given_others : float
        The same given the other published values: what is left of it where figures are related.
        Weighted mean over the draws; for "exceeds", `discrepancy`.
    """

    name: str
    kind: str
    target: float
    median: float
    lower: float
    upper: float
    exceeds: float
    discrepancy: float
    given_others: float

    @property
    def inside(self) -> bool:
        """Whether the published value is in the interval; whether 2.5% exceed a threshold."""
        if self.kind == "exceeds":
            return self.exceeds >= 0.025
        return self.lower <= self.target <= self.upper


def fits(
    values: FloatArray, given_others: FloatArray, weights: FloatArray, features: Sequence[Feature]
) -> tuple[Fit, ...]:
    """Compare each feature with the replicates over the posterior.

    Parameters
    ----------
    values : FloatArray, shape (N, R, K)
        Features of R replicates of each draw; NaN where one does not exist.
    given_others : FloatArray, shape (N, K)
        As in `simulate.calibration.synthetic.Likelihood`.
    weights : FloatArray, shape (N,)
        Weights of the draws; all count the same if all are 0.
    features : sequence of Feature
        The K features.
    """
    if not weights.any():
        weights = np.full_like(weights, 1.0 / len(weights))
    used = weights > 0.0
    each = np.repeat(weights[used] / values.shape[1], values.shape[1])
    return tuple(
        _fit(
            values[used, :, k].ravel(),
            each,
            float(np.sum(weights[used] * given_others[used, k])),
            feature,
        )
        for k, feature in enumerate(features)
    )


def _fit(values: FloatArray, weights: FloatArray, given_others: float, feature: Feature) -> Fit:
    """Compare one feature with the replicates (n,) in which it exists."""
    known = np.isfinite(values)
    x, w = values[known], weights[known]
    if not w.sum() > 0.0:
        return Fit(feature.name, feature.kind, feature.target, *([math.nan] * 6))
    w = w / w.sum()
    lower, median, upper = map(float, weighted_quantiles(x, w, LIMITS))
    above = float(np.sum(w[x > feature.target]))
    if feature.kind == "exceeds":
        # Of so many replicates none is no probability of 0.
        given_others = discrepancy = -float(ndtri(min(max(above, 0.5 / len(x)), 0.5)))
    else:
        mean = float(np.sum(w * x))
        sd = math.sqrt(float(np.sum(w * (x - mean) ** 2)))
        discrepancy = (feature.target - mean) / sd if sd > 0.0 else math.nan
        if math.isnan(given_others):
            given_others = discrepancy
    return Fit(
        name=feature.name,
        kind=feature.kind,
        target=feature.target,
        median=median,
        lower=lower,
        upper=upper,
        exceeds=above,
        discrepancy=discrepancy,
        given_others=given_others,
    )


def worst(found: Sequence[Fit]) -> Fit:
    """The feature whose published value is farthest from what the others let expect.

    A feature that exists in no replicate comes before all others.
    """
    return max(
        found, key=lambda fit: math.inf if math.isnan(fit.given_others) else abs(fit.given_others)
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
        Number of features that are not of the kind "exceeds". Under a model that is true the
        distance is at most about that of a chi-square with so many degrees of freedom.
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
    raise CalibrationError(
        f"the published figures cannot hold together under this model: {problem}; "
        f"worst: {fit.name}, published {published}, predicted {predicted}{_how_far(fit)}",
        worst=fit.name,
    )


def _how_far(fit: Fit) -> str:
    """How far off a feature is, in words."""
    if math.isnan(fit.given_others):
        return ""
    side = "above" if fit.given_others > 0.0 else "below"
    far = f"{abs(fit.given_others):.1f} standard deviations"
    return f", {far} {side} what the other figures let expect"


def _in_own_units(fit: Fit) -> tuple[str, str]:
    """Published and predicted value of a feature, as texts."""
    if math.isnan(fit.discrepancy):
        return f"{fit.target:g}", "nothing (it exists in no replicate)"
    if fit.kind == "exceeds":
        return f"above {fit.target:g}", f"so in {fit.exceeds:.1%}"
    return f"{fit.target:g}", f"{fit.median:.3g} ({fit.lower:.3g} to {fit.upper:.3g})"
