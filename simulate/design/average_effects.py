"""Averages of a hazard ratio that changes: over the expected events, and Cox's estimate."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simulate.design.at_risk import at_risk
from simulate.design.nonproportional import LogrankWeights
from simulate.design.normal_power import NormalTest
from simulate.design.two_arms import TwoArms
from simulate.errors import DesignError

# Hazard ratios between which the limit of Cox's estimate is looked for, on the log scale.
_LOG_RATIOS = 40.0


class AverageHazardRatio(NamedTuple):
    """Average hazard ratio at a look, with counts for one patient.

    Attributes
    ----------
    hazard_ratio : float
        Geometric mean of the hazard ratio over the expected events.
    events_control, events_experimental : float
        Probabilities of an observed event in either arm, of any patient.
    information, null_information : float
        Of the log hazard ratio: the sum over strata and over pieces of time of ``1 / (1 / d1 + 1 /
        d0)`` with the events of both arms, and ``p (1 - p) d``.
    """

    hazard_ratio: float
    events_control: float
    events_experimental: float
    information: float
    null_information: float

    @property
    def events(self) -> float:
        """Probability of an observed event."""
        return self.events_control + self.events_experimental

    def test(self) -> NormalTest:
        """Test of the log hazard ratio, judged by the null information."""
        return NormalTest(
            -math.log(self.hazard_ratio), self.null_information**-0.5, self.information**-0.5
        )


def average_hazard_ratio(trial: TwoArms) -> AverageHazardRatio:
    """Average hazard ratio at the look, ``exp(integral of log(h1 / h0) dN / integral of dN)``.

    An average hazard ratio (Kalbfleisch and Prentice, Biometrika 68, 1981, 105-112), with the
    expected events as weights as in gsDesign2's ``ahr``. Pieces of time begin where a hazard of the
    stratum changes.

    Parameters
    ----------
    trial : TwoArms
        The trial.

    Returns
    -------
    AverageHazardRatio

    Raises
    ------
    DesignError
        If no events are expected, or an arm has no hazard while the other has one.
    """
    p = trial.share_experimental
    log_sum, control, experimental, information = 0.0, 0.0, 0.0, 0.0
    for stratum, seen in zip(trial.strata, at_risk(trial), strict=True):
        happens = seen.events > 0.0
        if np.any(happens & ~((seen.hazard_control > 0.0) & (seen.hazard_experimental > 0.0))):
            raise DesignError("trial", "must have a hazard above 0 in both arms at the same times")
        ratio = np.ones_like(seen.share)
        np.divide(seen.hazard_experimental, seen.hazard_control, out=ratio, where=happens)
        log_sum += seen.integral(np.log(ratio) * seen.events)
        starts = {*stratum.control.starts_months, *stratum.experimental.starts_months}
        edges = [*sorted(starts), math.inf]
        for begin, end in pairwise(edges):
            inside = (seen.months > begin) & (seen.months < end)
            d0 = seen.integral(inside * seen.events_control)
            d1 = seen.integral(inside * seen.events_experimental)
            control, experimental = control + d0, experimental + d1
            information += d0 * d1 / (d0 + d1) if d0 + d1 > 0.0 else 0.0
    events = control + experimental
    if not events > 0.0:
        raise DesignError("trial", "must expect events at the look", f"{events:g} a patient")
    return AverageHazardRatio(
        math.exp(log_sum / events), control, experimental, information, p * (1.0 - p) * events
    )


class CoxLimit(NamedTuple):
    """What Cox's estimate comes to in large trials.

    Attributes
    ----------
    hazard_ratio : float
        Limit of the estimate.
    variance : float
        Of its logarithm, times the number of patients, as the model reports it.
    """

    hazard_ratio: float
    variance: float


def cox_limit(trial: TwoArms, weights: LogrankWeights | None = None) -> CoxLimit:
    """Limit of Cox's (weighted, stratified) estimate of the hazard ratio at the look.

    The hazard ratio at which the expected score is 0 (Struthers and Kalbfleisch, Biometrika 73,
    1986, 363-369): under non-proportional hazards it depends on the look, on accrual and on
    dropout.

    Parameters
    ----------
    trial : TwoArms
        The trial.
    weights : LogrankWeights, optional
        By default all are 1.

    Returns
    -------
    CoxLimit

    Raises
    ------
    DesignError
        If one arm has no events.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

    weights = weights or LogrankWeights()
    seen_and_weights = [(seen, weights.of(seen)) for seen in at_risk(trial, weights.cuts(trial))]

    def expected(log_ratio: float) -> tuple[float, float, float]:
        """Score, its variance, and the information (minus its derivative)."""
        score = variance = information = 0.0
        for seen, w in seen_and_weights:
            odds = seen.share * math.exp(log_ratio)
            q = odds / (1.0 - seen.share + odds)
            score += seen.integral(w * (seen.events_experimental - q * seen.events))
            information += seen.integral(w * q * (1.0 - q) * seen.events)
            variance += seen.integral(w**2 * q * (1.0 - q) * seen.events)
        return score, variance, information

    if expected(-_LOG_RATIOS)[0] <= 0.0 or expected(_LOG_RATIOS)[0] >= 0.0:
        raise DesignError("trial", "must expect events in both arms, so that Cox's estimate exists")
    root = float(brentq(lambda b: expected(b)[0], -_LOG_RATIOS, _LOG_RATIOS, xtol=1e-13))
    _, variance, information = expected(root)
    return CoxLimit(math.exp(root), variance / information**2)
