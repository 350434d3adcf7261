"""What published figures say of survival curves: shares from below and from above, by month."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from simulate.calibration.counts import possible_counts, responders
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DURATION,
    NOT_REACHED,
    TIME_TO_RESPONSE,
    AnyFigure,
    Median,
    Range,
    ShareEventFree,
    Survival,
)

PFS = "pfs"
OS = "os"
# Share of the patients who may be censored for reasons that the file does not tell.
UNTOLD = 0.1


@dataclass(frozen=True)
class Bound:
    """A bound of a published survival curve.

    Attributes
    ----------
    figure : str
        Name of the figure that gives it.
    month : float
        A lower bound holds until then, an upper bound from then on.
    share : float
        The bound, rounding taken off or added.
    variance : float
        What censoring adds to the share of these patients; 0 where the share is a plain count.
    words : str
        The bound in words.
    """

    figure: str
    month: float
    share: float
    variance: float
    words: str


def share_followed(evidence: Evidence, month: float) -> float:
    """Share of the patients whose follow-up is at least so long, from its median and range."""
    share = 1.0
    quantiles = evidence.follow_up.quantiles
    for (start, above), (stop, below) in pairwise(quantiles):
        if month > start:
            part = min(1.0, (month - start) / (stop - start))
            share = 1.0 - (above + part * (below - above))
    return share


def survival_variance(share: float, patients: float, followed: float) -> float:
    """Variance of a Kaplan-Meier estimate by Peto's formula, S (1 - S) / (n F).

    With n F S patients at risk, n the patients and F the share of them that is followed so long
    (Peto et al., British Journal of Cancer 35, 1977, 1-39). Infinite where nobody is.
    """
    at_risk = patients * followed
    return share * (1.0 - share) / at_risk if at_risk > 0.0 else math.inf


def censoring_variance(evidence: Evidence, share: float, patients: float, month: float) -> float:
    """Variance of a Kaplan-Meier estimate about the share that complete follow-up would give.

    S (1 - S) / n (1 / F - 1): that of the estimate less that of the plain share of the same
    patients, since the share is efficient and so not correlated with what censoring adds. F is the
    share that is followed so long by the follow-up and the rate of loss, less a tenth, for patients
    censored for reasons that the file does not tell. Infinite where nobody is followed so long.
    """
    followed = (1.0 - UNTOLD) * share_followed(evidence, month)
    followed *= math.exp(-evidence.loss_rate * min(month, evidence.follow_up.longest_possible))
    complete = survival_variance(share, patients, 1.0)
    return survival_variance(share, patients, followed) - complete


def lower_bounds(evidence: Evidence, endpoint: str) -> Iterator[Bound]:
    """Bounds from below of the curve of an endpoint, by the figures in use.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose percentages are sound.
    endpoint : str
        Of pfs, os and duration_of_response.

    Yields
    ------
    Bound
        The curve is at least ``share`` until ``month``.
    """
    for name, figure in evidence.used.items():
        if getattr(figure, "endpoint", "") == endpoint:
            yield from _lower(name, figure, evidence)


def upper_bounds(evidence: Evidence, endpoint: str) -> Iterator[Bound]:
    """Bounds from above, likewise: the curve is at most ``share`` from ``month`` on."""
    for name, figure in evidence.used.items():
        if getattr(figure, "endpoint", "") != endpoint:
            continue
        if isinstance(figure, Median) and figure.months != NOT_REACHED:
            month = float(figure.months) + figure.half_unit(float(figure.months))
            words = f"at most 0.5 from month {month:g} on, after the median"
            yield Bound(name, month, 0.5, _variance(evidence, endpoint, 0.5, month), words)
        elif isinstance(figure, Survival) or _is_curve(figure):
            assert isinstance(figure, Survival | ShareEventFree)
            share = (figure.percent + figure.half_unit(figure.percent)) / 100.0
            month = float(figure.at_months)
            words = f"at most {share:.4g} from month {month:g} on"
            variance = _variance(evidence, endpoint, min(share, 1.0), month)
            yield Bound(name, month, share, variance, words)


def _lower(name: str, figure: AnyFigure, evidence: Evidence) -> Iterator[Bound]:
    if isinstance(figure, Median):
        if isinstance(figure.months, str):
            month, words = math.inf, "above 0.5 throughout, the median not being reached"
        else:
            month = float(figure.months) - figure.half_unit(figure.months)
            words = f"at least 0.5 until month {month:g}, before the median"
        variance = _variance(evidence, figure.endpoint, 0.5, min(month, _longest(evidence)))
        yield Bound(name, month, 0.5, variance, words)
    elif isinstance(figure, Survival | ShareEventFree):
        month = float(figure.at_months)
        share = max(0.0, figure.percent - figure.half_unit(figure.percent)) / 100.0
        if isinstance(figure, ShareEventFree) and figure.method == "raw":
            least = min(possible_counts(figure, evidence), key=lambda c: c.n / c.of)
            share = least.n / least.of
            words = f"at least {least.n}/{least.of} until month {month:g}"
            yield Bound(name, month, share, 0.0, words)
            return
        words = f"at least {share:.4g} until month {month:g}"
        yield Bound(name, month, share, _variance(evidence, figure.endpoint, share, month), words)


def _is_curve(figure: AnyFigure) -> bool:
    return isinstance(figure, ShareEventFree) and figure.method == "kaplan_meier"


def _longest(evidence: Evidence) -> float:
    return float(evidence.follow_up.range_months[1])


def _variance(evidence: Evidence, endpoint: str, share: float, month: float) -> float:
    patients = evidence.trial.patients
    if endpoint == DURATION:
        known = responders(evidence)
        patients = min(known) if known else 0
        month += typical_response(evidence)
    return censoring_variance(evidence, share, patients, month)


def first_response(evidence: Evidence) -> float:
    """Month before which nobody responded, by the published range; 0 if there is none."""
    ranges = (f for f in evidence.used.values() if isinstance(f, Range))
    least = next((float(f.months[0]) - f.half_unit(f.months[0]) for f in ranges), 0.0)
    return max(0.0, least)


def typical_response(evidence: Evidence) -> float:
    """Month by which half of the responses came, or of their range the middle; 0 if unknown."""
    used = [f for f in evidence.used.values() if f.endpoint == TIME_TO_RESPONSE]
    medians = [f.months for f in used if isinstance(f, Median) and not isinstance(f.months, str)]
    middles = [0.5 * sum(f.months) for f in used if isinstance(f, Range)]
    return next((float(month) for month in [*medians, *middles]), 0.0)


def responders_bounds(evidence: Evidence) -> Iterator[Bound]:
    """Bounds from below of the curve of PFS that responders alone give.

    Who responds at r and for d months is progression-free for r + d. So S_PFS(r + t) is at least
    the response rate times the share of the responses that last t months, with r the first time to
    response; and half of the responders are progression-free at their median time to response.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose percentages are sound.

    Yields
    ------
    Bound
        Exact in the trial's own data where the share is a count.
    """
    known = responders(evidence)
    if not known:
        return
    n, patients = min(known), evidence.trial.patients
    rate, first = n / patients, first_response(evidence)
    for bound in lower_bounds(evidence, DURATION):
        share = rate * bound.share
        month = first + bound.month
        words = (
            f"the durations of response of {n}/{patients} are {bound.words}, after month {first:g} "
            f"at the earliest, so {n}/{patients} x {bound.share:.4g} = {share:.4g} until month "
            f"{month:g}"
        )
        # Not reached is no bound beyond what can be seen.
        if math.isfinite(bound.month):
            yield Bound(bound.figure, month, share, rate**2 * bound.variance, words)
    for name, figure in evidence.used.items():
        if (
            isinstance(figure, Median)
            and figure.endpoint == TIME_TO_RESPONSE
            and not isinstance(figure.months, str)
        ):
            month = float(figure.months) - figure.half_unit(figure.months)
            half = (n + 1) // 2
            share = half / patients
            words = (
                f"{half} of the {n} responders respond at month {month:g} or later, so {half}/"
                f"{patients} = {share:.4g} until then"
            )
            yield Bound(name, month, share, 0.0, words)
