"""Calibration of one endpoint to one or two published figures, in closed form, with its error.

Months throughout. z is the normal quantile of the published interval's level.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from simulate.calibration.curves import share_followed
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import Median, Survival
from simulate.scenario.distributions import SurvivalPoint, Weibull
from simulate.scenario.figures import composite_of

LOG_2 = math.log(2.0)
_HALVINGS = 60
# Of an exponential, which overflows from 710 on.
MOST_STRETCH = 700.0


class Rate(NamedTuple):
    """A constant hazard, events per patient-month, with its confidence limits.

    Attributes
    ----------
    figure : str
        Name of the figure that it is from.
    rate, lower, upper : float
        The hazard and its limits; a lower limit of 0 belongs to a median whose upper limit is not
        reached.
    how : str
        Where the limits come from: "interval", "events" or "patients".
    """

    figure: str
    rate: float
    lower: float
    upper: float
    how: str


class Curve(NamedTuple):
    """A Weibull survival curve through two points, S(t) = exp(-(t / scale)^shape)."""

    figures: tuple[str, ...]
    points: tuple[tuple[float, float], tuple[float, float]]
    shape: float
    scale_months: float


def exponential_rates(evidence: Evidence, name: str) -> list[Rate]:
    """Constant hazards from a reached median or from survival at a month.

    From a median m the hazard is log 2 / m. Its limits are log 2 over those of the median; and,
    from the events d to be expected of such patients in such follow-up, the hazard times
    exp(-+ z / sqrt(d)), the error of the logarithm of a rate with d events. From survival S at t it
    is -log S / t, with limits from those of S or, without, from the standard error of log(-log S),
    se(S) / (S |log S|), with Peto's se(S) = sqrt(S (1 - S) / (n F)) for n patients of whom the
    share F is followed so long.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    name : str
        Name of a figure of pfs or os.

    Returns
    -------
    list of Rate
        Empty for another kind of figure, a median that is not reached, a survival of 0 or 1.
    """
    figure = evidence.figures[name]
    if figure.endpoint not in {"pfs", "os"}:
        return []
    if isinstance(figure, Median):
        return _from_median(evidence, name, figure)
    if isinstance(figure, Survival) and 0.0 < figure.percent < 100.0:
        return [_from_survival(evidence, name, figure)]
    return []


def _from_median(evidence: Evidence, name: str, figure: Median) -> list[Rate]:
    if isinstance(figure.months, str):
        return []
    rate = LOG_2 / figure.months
    rates = []
    if figure.interval_months is not None and not isinstance(figure.interval_months[0], str):
        earliest, latest = figure.interval_months
        lower = 0.0 if isinstance(latest, str) else LOG_2 / latest
        rates.append(Rate(name, rate, lower, LOG_2 / float(earliest), "interval"))
    events = expected_events(evidence, rate)
    stretch = _stretch(figure.level, 1.0 / math.sqrt(events) if events > 0.0 else math.inf)
    return [*rates, Rate(name, rate, rate / stretch, rate * stretch, "events")]


def _from_survival(evidence: Evidence, name: str, figure: Survival) -> Rate:
    month, share = float(figure.at_months), figure.percent / 100.0
    rate = -math.log(share) / month
    limits = figure.interval_percent
    if limits is not None and limits[0] > 0.0 and limits[1] < 100.0:
        low, high = (-math.log(limit / 100.0) / month for limit in reversed(limits))
        return Rate(name, rate, low, high, "interval")
    at_risk = evidence.trial.patients * share_followed(evidence, month)
    error = math.sqrt((1.0 - share) / (share * at_risk)) / -math.log(share) if at_risk else math.inf
    stretch = _stretch(figure.level, error)
    return Rate(name, rate, rate / stretch, rate * stretch, "patients")


def _stretch(level: float, error: float) -> float:
    """Factor from a rate to its limits, from the standard error of its logarithm; finite."""
    return math.exp(min(_quantile(level) * error, MOST_STRETCH))


def expected_events(evidence: Evidence, rate: float) -> float:
    """Events to be expected at a constant hazard in the trial's follow-up and with its loss.

    A patient followed for c months has had the event, before a loss of rate m, with probability
    h / (h + m) (1 - exp(-(h + m) c)); c is uniform between the quantiles of the follow-up, over
    which it is averaged.

    Parameters
    ----------
    evidence : Evidence
        Its patients, follow-up and loss; those not evaluable are taken for evaluable.
    rate : float
        The hazard h, events per patient-month.

    Returns
    -------
    float
    """
    leaving = rate + evidence.loss_rate
    still_there = sum(
        (part[1] - before[1])
        * (math.exp(-leaving * before[0]) - math.exp(-leaving * part[0]))
        / (leaving * (part[0] - before[0]))
        for before, part in pairwise(evidence.follow_up.quantiles)
    )
    return evidence.trial.patients * rate / leaving * (1.0 - still_there)


def survival_at_limit(patients: float, followed: float, level: float) -> float | None:
    """Survival at the lower limit of a median, which its log-log interval fixes.

    There the lower limit of the curve has just come down to 1/2, so log(-log S) + z se is
    log(log 2), with the standard error se of log(-log S) by Peto's formula, as in
    `exponential_rates`.

    Parameters
    ----------
    patients : float
        Patients of the trial.
    followed : float
        Share of them that is followed to the limit.
    level : float
        Level of the interval.

    Returns
    -------
    float or None
        S; None for so few patients that no S has such a limit.
    """
    z = _quantile(level)
    at_risk = patients * followed
    if at_risk <= 0.0:
        return None

    def excess(cumulative: float) -> float:
        share = math.exp(-cumulative)
        error = math.sqrt((1.0 - share) / (share * at_risk)) / cumulative
        return math.log(cumulative) + z * error - math.log(LOG_2)

    # Below this cumulative hazard the error grows faster than the hazard falls.
    least, most = z * z / (4.0 * at_risk), LOG_2
    if least >= most or excess(least) > 0.0:
        return None
    for _ in range(_HALVINGS):
        middle = 0.5 * (least + most)
        least, most = (least, middle) if excess(middle) > 0.0 else (middle, most)
    return math.exp(-0.5 * (least + most))


def weibull_curves(evidence: Evidence, endpoint: str) -> list[Curve]:
    """Weibull curves through two points of an endpoint's published curve.

    Points are a reached median, survival at a month, and the survival at the lower limit of the
    median that its interval fixes (`survival_at_limit`).

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    endpoint : str
        pfs or os.

    Returns
    -------
    list of Curve
        One a pair of points that follow each other; those that do not fall are left out.
    """
    points = []
    for name, figure in evidence.figures.items():
        if figure.endpoint != endpoint:
            continue
        if isinstance(figure, Survival):
            points.append((float(figure.at_months), figure.percent / 100.0, name))
        elif isinstance(figure, Median) and not isinstance(figure.months, str):
            points.append((float(figure.months), 0.5, name))
            points += _point_at_limit(evidence, name, figure)
    points.sort()
    return [
        _through(first, second)
        for first, second in pairwise(points)
        if first[0] < second[0] and 1.0 > first[1] > second[1] > 0.0
    ]


def _point_at_limit(
    evidence: Evidence, name: str, figure: Median
) -> list[tuple[float, float, str]]:
    limits = figure.interval_months
    if limits is None or isinstance(limits[0], str):
        return []
    month = float(limits[0])
    followed = share_followed(evidence, month)
    share = survival_at_limit(evidence.trial.patients, followed, figure.level)
    return [] if share is None else [(month, share, f"{name}, lower limit")]


def _through(first: tuple[float, float, str], second: tuple[float, float, str]) -> Curve:
    points = (first[:2], second[:2])
    survival = tuple(SurvivalPoint(month=month, probability=share) for month, share in points)
    hazard = composite_of(Weibull(distribution="weibull", survival=survival)).hazards[0]
    return Curve((first[2], second[2]), points, hazard.shape, hazard.scale_months)


def _quantile(level: float) -> float:
    """Normal quantile of a two-sided confidence level."""
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    return -float(ndtri(0.5 * (1.0 - level)))
