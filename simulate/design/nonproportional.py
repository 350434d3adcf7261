"""Weighted log-rank tests under any hazards: what they detect, by their asymptotic moments.

With y(u) the probability of being at risk u months after randomisation and q(u) the experimental
share of those at risk, the weighted log-rank score has per patient

    mean        integral of w y q (1 - q) (h0 - h1) du
    variance    integral of w**2 q (1 - q) dN,   dN = y ((1 - q) h0 + q h1) du

(Yung and Liu, Biometrics 76, 2020, 939-950; Lu, Pharmaceutical Statistics 20, 2021, 229-244). The
variance is that which the test itself estimates. A positive mean favours the experimental arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from simulate.design.arguments import check_not_negative, check_positive
from simulate.design.at_risk import AtRisk, at_risk
from simulate.design.normal_power import NormalTest
from simulate.design.two_arms import Stratum, TwoArms
from simulate.errors import DesignError
from simulate.scenario.hazards import FloatArray, Hazard

# Below, weights are too unequal for their squares to say anything.
_LEAST_FLOOR = 1e-9
Judged = Literal["own_variance", "null_information"]


@dataclass(frozen=True)
class LogrankWeights:
    """Weights of event times, by the survival S of both arms together.

    ``S**rho (1 - S)**gamma`` (Fleming and Harrington 1981), or ``1 / max(S, floor)`` (Magirr and
    Burman 2019), the floor being S at ``delay_months`` or given. The default is the log-rank test.

    Parameters
    ----------
    rho, gamma : float
        Exponents of S and of 1 - S, 0 or more.
    delay_months : float, optional
        Months from randomisation up to which modest weights grow.
    survival_floor : float, optional
        The floor of modest weights itself, 1e-9 to 1.

    Raises
    ------
    DesignError
        If a number is out of its range, or two kinds of weights are named.
    """

    rho: float = 0.0
    gamma: float = 0.0
    delay_months: float | None = None
    survival_floor: float | None = None

    def __post_init__(self) -> None:
        check_not_negative(rho=self.rho, gamma=self.gamma)
        if self.delay_months is not None:
            check_positive(delay_months=self.delay_months)
        floor = self.survival_floor
        if floor is not None and not _LEAST_FLOOR <= floor <= 1.0:
            raise DesignError("survival_floor", f"must be from {_LEAST_FLOOR:g} to 1", floor)
        named = [self.rho > 0.0 or self.gamma > 0.0, self.delay_months is not None]
        if sum([*named, floor is not None]) > 1:
            raise DesignError(
                "delay_months", "must stand alone, without rho, gamma and survival_floor"
            )

    def of(self, seen: AtRisk) -> FloatArray:
        """Weights at the nodes of a stratum."""
        survival = seen.survival
        if self.delay_months is not None:
            floor = seen.survival_at(self.delay_months)
            if floor < _LEAST_FLOOR:
                raise DesignError(
                    "delay_months",
                    f"must come while patients are event-free: {floor:.2g} of them are then",
                    self.delay_months,
                )
            return 1.0 / np.maximum(survival, floor)
        if self.survival_floor is not None:
            return 1.0 / np.maximum(survival, self.survival_floor)
        return np.asarray(survival**self.rho * (1.0 - survival) ** self.gamma)

    def cuts(self, trial: TwoArms) -> tuple[float, ...]:
        """Months since randomisation at which the weights have a kink, in any stratum."""
        if self.delay_months is not None:
            return (self.delay_months,)
        if self.survival_floor is None:
            return ()
        strata = range(len(trial.strata))
        return tuple(_month_of(trial, stratum, self.survival_floor) for stratum in strata)


def _month_of(trial: TwoArms, stratum: int, survival: float) -> float:
    """Month at which the survival of both arms of a stratum is ``survival``, or the longest."""
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

    def surplus(months: float) -> float:
        return at_risk(trial, (months,))[stratum].survival_at(months) - survival

    longest = trial.study_months - trial.entry.first_month
    if surplus(longest) >= 0.0:
        return longest
    return float(brentq(surplus, 0.0, longest, xtol=1e-12))


class Score(NamedTuple):
    """Moments of a weighted log-rank score, for one patient.

    Attributes
    ----------
    mean : float
        Positive favours the experimental arm.
    variance : float
        As the test estimates it.
    events_control, events_experimental : float
        Probabilities of an observed event in either arm, of any patient.
    """

    mean: float
    variance: float
    events_control: float
    events_experimental: float

    @property
    def events(self) -> float:
        """Probability of an observed event."""
        return self.events_control + self.events_experimental


class Scores(NamedTuple):
    """Moments of several weighted log-rank scores of one trial, for one patient.

    Attributes
    ----------
    means : array, shape (n_tests,)
        Positive favours the experimental arm.
    covariance : array, shape (n_tests, n_tests)
        As the tests estimate it.
    events_control, events_experimental : float
        Probabilities of an observed event in either arm, of any patient.
    """

    means: FloatArray
    covariance: FloatArray
    events_control: float
    events_experimental: float


def logrank_scores(trial: TwoArms, weights: Sequence[LogrankWeights]) -> Scores:
    """Joint moments of (weighted, stratified) log-rank scores at the look.

    Two tests have the covariance ``integral of w1 w2 q (1 - q) dN``, as one has its variance.

    Parameters
    ----------
    trial : TwoArms
        The trial; several strata are those of the tests, with weights of their own.
    weights : sequence of LogrankWeights
        Those of each test.

    Returns
    -------
    Scores

    Raises
    ------
    DesignError
        If no events are expected.
    """
    n = len(weights)
    means, covariance, events = np.zeros(n), np.zeros((n, n)), np.zeros(2)
    cuts = [cut for each in weights for cut in each.cuts(trial)]
    for seen in at_risk(trial, cuts):
        both = seen.share * (1.0 - seen.share)
        mean = both * seen.probability * (seen.hazard_control - seen.hazard_experimental)
        variance = both * seen.events
        at_nodes = [each.of(seen) for each in weights]
        means += [seen.integral(w * mean) for w in at_nodes]
        covariance += [[seen.integral(w * v * variance) for v in at_nodes] for w in at_nodes]
        events += [seen.integral(seen.events_control), seen.integral(seen.events_experimental)]
    if not np.all(np.diag(covariance) > 0.0):
        raise DesignError("trial", "must expect events at the look", f"{events.sum():g} a patient")
    return Scores(means, covariance, float(events[0]), float(events[1]))


def logrank_score(trial: TwoArms, weights: LogrankWeights | None = None) -> Score:
    """Moments of the (weighted, stratified) log-rank score at the look.

    Parameters
    ----------
    trial : TwoArms
        The trial; several strata are those of the test, with weights of their own.
    weights : LogrankWeights, optional
        By default all are 1.

    Returns
    -------
    Score

    Raises
    ------
    DesignError
        If no events are expected.
    """
    found = logrank_scores(trial, [weights or LogrankWeights()])
    mean, variance = float(found.means[0]), float(found.covariance[0, 0])
    return Score(mean, variance, found.events_control, found.events_experimental)


def logrank_test(
    trial: TwoArms,
    weights: LogrankWeights | None = None,
    judged: Judged = "own_variance",
) -> NormalTest:
    """(Weighted, stratified) log-rank test at the look, by its number of patients.

    Parameters
    ----------
    trial : TwoArms
        The trial.
    weights : LogrankWeights, optional
        By default all are 1.
    judged : {"own_variance", "null_information"}
        "own_variance": Z is the score over the root of the variance above (Lu 2021; lrstat).
        "null_information": the score over that variance is judged by the information under the
        null hypothesis, where both arms have the average of the two hazards (gsDesign2's
        "h0_h1_info"); without strata.

    Returns
    -------
    NormalTest
        Its ``n`` is the number of patients.

    Raises
    ------
    DesignError
        If no events are expected, or strata are given with "null_information".
    """
    weights = weights or LogrankWeights()
    score = logrank_score(trial, weights)
    if judged not in get_args(Judged):
        raise DesignError("judged", f"must be one of {', '.join(get_args(Judged))}", judged)
    if judged == "own_variance":
        error = math.sqrt(score.variance)
        return NormalTest(score.mean, error, error)
    if len(trial.strata) > 1:
        raise DesignError("judged", "must be own_variance with strata", judged)
    null = logrank_score(_without_effect(trial), weights)
    return NormalTest(score.mean / score.variance, null.variance**-0.5, score.variance**-0.5)


def _without_effect(trial: TwoArms) -> TwoArms:
    """Return the trial with the average of both hazards in either arm."""
    (stratum,) = trial.strata
    p = trial.share_experimental
    average = _sum_of(stratum.control.times(1.0 - p), stratum.experimental.times(p))
    changed = Stratum(
        average, average, stratum.dropout_control, stratum.dropout_experimental, stratum.share
    )
    return TwoArms((changed,), trial.entry, trial.follow_up_months, trial.ratio)


def _sum_of(one: Hazard, other: Hazard) -> Hazard:
    """Sum of two hazards on one clock."""
    if (one.shape, one.scale_months) != (other.shape, other.scale_months):
        raise DesignError(
            "judged", "must be own_variance unless both arms have Weibulls of one shape and scale"
        )
    starts = tuple(sorted(set(one.starts_months) | set(other.starts_months)))
    slopes = tuple(one.slope_at(start) + other.slope_at(start) for start in starts)
    return Hazard(one.shape, one.scale_months, starts, slopes)
