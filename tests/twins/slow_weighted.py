"""Weighted log-rank tests from the list of patients: the slow twin.

Survival is a product of exact fractions, walked through patient by patient for each event time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from twins.slow_kaplan_meier import slow_survival
from twins.slow_logrank import Observed

# A weight from the survival just before the event time, and the stratum's survival curve.
WeightFunction = Callable[[Fraction, Callable[[float], Fraction]], float]


class Term(NamedTuple):
    """One event time of one stratum: weight, expected less observed events, variance."""

    weight: float
    difference: Fraction
    variance: Fraction


def fleming_harrington(rho: float, gamma: float) -> WeightFunction:
    return lambda before, _: float(before) ** rho * float(1 - before) ** gamma


def modest_by_month(month: float) -> WeightFunction:
    return lambda before, survival: float(1 / max(before, survival(month)))


def modest_by_survival(lowest: float) -> WeightFunction:
    return lambda before, _: float(1 / max(before, Fraction(lowest)))


def slow_terms(observed: Sequence[Observed], weight: WeightFunction) -> Iterator[Term]:
    """Terms of every distinct event time of every stratum."""
    for stratum in sorted({o.stratum for o in observed}):
        members = [o for o in observed if o.stratum == stratum]
        survival = partial(slow_survival, [(o.time, o.is_event) for o in members])
        for time in sorted({o.time for o in members if o.is_event}):
            at_risk = [o.is_experimental for o in members if o.time >= time]
            events = [o.is_experimental for o in members if o.time == time and o.is_event]
            n, d = len(at_risk), len(events)
            p = Fraction(sum(at_risk), n)
            shrunk = Fraction(n - d, n - 1) if n > 1 else Fraction(0)
            before = survival(math.nextafter(time, -math.inf))
            yield Term(
                weight(before, survival),
                d * p - sum(events),
                d * p * (1 - p) * shrunk,
            )


def slow_weighted_logrank(
    observed: Sequence[Observed], weight: WeightFunction
) -> tuple[float, float]:
    """Score and information."""
    terms = list(slow_terms(observed, weight))
    score = math.fsum(term.weight * float(term.difference) for term in terms)
    return score, math.fsum(term.weight**2 * float(term.variance) for term in terms)


def slow_covariance(
    observed: Sequence[Observed], weight: WeightFunction, other: WeightFunction
) -> float:
    """Covariance of the scores of two weightings."""
    pairs = zip(slow_terms(observed, weight), slow_terms(observed, other), strict=True)
    return math.fsum(a.weight * b.weight * float(a.variance) for a, b in pairs)
