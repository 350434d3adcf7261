"""Log-rank tests and Cox estimates from the list of patients: the slow twin.

Every event time gathers its risk set anew, and the Cox estimate is a root found by
`scipy.optimize.brentq`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from scipy.optimize import brentq

FAR = 40.0


class Observed(NamedTuple):
    """One patient as seen at a cutoff: follow-up in months, event or not, arm, stratum."""

    time: float
    is_event: bool
    is_experimental: bool
    stratum: int = 0


class RiskSet(NamedTuple):
    """Experimental and control patients at risk at an event time, and how many have the event."""

    at_risk: tuple[int, int]
    events: tuple[int, int]


def risk_sets(observed: Sequence[Observed]) -> list[RiskSet]:
    """Risk set at every distinct event time of every stratum, each gathered from scratch."""
    sets = []
    for _, group in groupby(sorted(observed, key=lambda o: o.stratum), key=lambda o: o.stratum):
        members = list(group)
        for time in {o.time for o in members if o.is_event}:
            # Whoever is censored at the time is still at risk: events precede censorings.
            at_risk = [o.is_experimental for o in members if o.time >= time]
            events = [o.is_experimental for o in members if o.time == time and o.is_event]
            sets.append(
                RiskSet(
                    (sum(at_risk), len(at_risk) - sum(at_risk)),
                    (sum(events), len(events) - sum(events)),
                )
            )
    return sets


def slow_logrank(sets: list[RiskSet], null_hazard_ratio: float = 1.0) -> tuple[float, float]:
    """Expected less observed experimental events, and the variance, under the null."""
    differences, variances = [], []
    for (n1, n0), (d1, d0) in sets:
        n, d = n1 + n0, d1 + d0
        p = null_hazard_ratio * n1 / (n0 + null_hazard_ratio * n1)
        differences.append(d * p - d1)
        variances.append(d * p * (1.0 - p) * (n - d) / (n - 1) if n > 1 else 0.0)
    return math.fsum(differences), math.fsum(variances)


def cox_terms(sets: list[RiskSet], beta: float, efron: bool) -> tuple[float, float]:
    """Score and information of the Cox partial likelihood at log hazard ratio ``beta``."""
    theta = math.exp(beta)
    scores, variances = [], []
    for (n1, n0), (d1, d0) in sets:
        scores.append(float(d1))
        for k in range(d1 + d0):
            # Efron: the k-th of d tied events finds the tied patients present by (d - k) / d.
            gone = k / (d1 + d0) if efron else 0.0
            s1 = theta * (n1 - gone * d1)
            s0 = n0 - gone * d0
            scores.append(-s1 / (s1 + s0))
            variances.append(s1 * s0 / (s1 + s0) ** 2)
    return math.fsum(scores), math.fsum(variances)


def slow_cox(sets: list[RiskSet], efron: bool) -> tuple[float, float] | None:
    """Log hazard ratio and its standard error; None where the estimate is infinite.

    The score falls from one whole number to another as beta runs from minus to plus infinity; far
    out it is within 1/2 of them, and a limit of 0 means that there is no root.
    """
    if not cox_terms(sets, -FAR, efron)[0] > 0.5 or not cox_terms(sets, FAR, efron)[0] < -0.5:
        return None
    beta = brentq(lambda b: cox_terms(sets, b, efron)[0], -FAR, FAR, xtol=1e-15, rtol=1e-15)
    return float(beta), 1.0 / math.sqrt(cox_terms(sets, beta, efron)[1])
