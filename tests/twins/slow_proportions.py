"""Tests and estimates of binary endpoints in exact fractions: the slow twin.

A table is the responders and patients of the experimental arm, then of the control arm. Null
variances of counts are summed over all tables with the same margins; restricted rates are found by
halving, on the slope of the likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from simulate.engine.proportions import (
    PROPORTIONS_MIETTINEN_NURMINEN,
    PROPORTIONS_POOLED,
    PROPORTIONS_UNPOOLED,
)

HALVINGS = 100


class Table(NamedTuple):
    """Responders and patients of the experimental arm (1) and of the control arm (0)."""

    x1: int
    n1: int
    x0: int
    n0: int


def informative(strata: Sequence[Table]) -> list[Table]:
    return [table for table in strata if table.n1 > 0 and table.n0 > 0]


def slow_weight(table: Table) -> Fraction:
    return 1 / (Fraction(1, table.n1) + Fraction(1, table.n0))


def slow_weighted_mean(strata: Sequence[Table]) -> Fraction:
    """Difference in proportions, weighted."""
    weights = [slow_weight(table) for table in strata]
    differences = [Fraction(t.x1, t.n1) - Fraction(t.x0, t.n0) for t in strata]
    total = sum(w * d for w, d in zip(weights, differences, strict=True))
    return Fraction(total) / sum(weights)


def variance_at(rate1: Fraction, rate0: Fraction, table: Table) -> Fraction:
    return rate1 * (1 - rate1) / table.n1 + rate0 * (1 - rate0) / table.n0


def slow_own_variance(table: Table) -> Fraction:
    return variance_at(Fraction(table.x1, table.n1), Fraction(table.x0, table.n0), table)


def slow_margins(table: Table) -> dict[int, Fraction]:
    """Probability of every number of experimental responders given both margins."""
    responders, patients = table.x1 + table.x0, table.n1 + table.n0
    every = math.comb(patients, responders)
    return {
        x: Fraction(math.comb(table.n1, x) * math.comb(table.n0, responders - x), every)
        for x in range(max(0, responders - table.n0), min(table.n1, responders) + 1)
    }


def slow_hypergeometric_variance(table: Table) -> Fraction:
    """Variance of the difference in proportions given both margins."""
    margins = slow_margins(table)
    mean = Fraction(sum(x * p for x, p in margins.items()))
    variance = Fraction(sum((x - mean) ** 2 * p for x, p in margins.items()))
    return variance / slow_weight(table) ** 2


def slope_of_likelihood(rate: Fraction, difference: Fraction, table: Table) -> Fraction:
    """Derivative of the log-likelihood in the control rate, if the other is ``difference`` more.

    A term without patients is 0, even where the others divide by 0.
    """
    terms = [
        (table.x1, rate + difference),
        (-(table.n1 - table.x1), 1 - rate - difference),
        (table.x0, rate),
        (-(table.n0 - table.x0), 1 - rate),
    ]
    return Fraction(sum(Fraction(count) / share for count, share in terms if count != 0))


def slow_restricted_rate(difference: Fraction, table: Table) -> Fraction:
    """Most likely control rate if the experimental one is ``difference`` more."""
    low, high = max(Fraction(0), -difference), min(Fraction(1), 1 - difference)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if slope_of_likelihood(middle, difference, table) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def slow_restricted_variance(difference: Fraction, table: Table) -> Fraction:
    rate = slow_restricted_rate(difference, table)
    return variance_at(rate + difference, rate, table)


def slow_null_variance(method: int, null_difference: Fraction, table: Table) -> Fraction:
    if method == PROPORTIONS_UNPOOLED:
        return slow_own_variance(table)
    if method == PROPORTIONS_POOLED:
        rate = Fraction(table.x1 + table.x0, table.n1 + table.n0)
        return variance_at(rate, rate, table)
    if method == PROPORTIONS_MIETTINEN_NURMINEN and null_difference != 0:
        n = table.n1 + table.n0
        return slow_restricted_variance(null_difference, table) * Fraction(n, n - 1)
    return slow_hypergeometric_variance(table)


def slow_z(method: int, null_difference: float, strata: Sequence[Table]) -> float:
    """Test statistic of strata with patients in both arms, but Fisher's; NaN if undefined."""
    null = Fraction(null_difference)
    weights = [slow_weight(table) for table in strata]
    variance = sum(
        weight**2 * slow_null_variance(method, null, table)
        for weight, table in zip(weights, strata, strict=True)
    )
    if variance == 0:
        return math.nan
    distance = (slow_weighted_mean(strata) - null) * sum(weights)
    return float(distance) / math.sqrt(variance)


def slow_se(strata: Sequence[Table]) -> float:
    weights = [slow_weight(table) for table in strata]
    variance = sum(
        weight**2 * slow_own_variance(table) for weight, table in zip(weights, strata, strict=True)
    )
    return math.sqrt(variance) / float(sum(weights))


def slow_fisher(table: Table) -> Fraction:
    """One-sided exact p-value for a benefit."""
    return Fraction(sum(p for x, p in slow_margins(table).items() if x >= table.x1))


def slow_odds(strata: Sequence[Table]) -> tuple[Fraction, Fraction]:
    """Numerator and denominator of Mantel and Haenszel's odds ratio."""
    above = sum(Fraction(t.x1 * (t.n0 - t.x0), t.n1 + t.n0) for t in strata)
    below = sum(Fraction(t.x0 * (t.n1 - t.x1), t.n1 + t.n0) for t in strata)
    return Fraction(above), Fraction(below)


def slow_log_odds_variance(strata: Sequence[Table]) -> Fraction:
    """Robins, Breslow and Greenland's variance as Phillips and Holland (1987) write it."""
    above, below = slow_odds(strata)
    ratio = above / below
    total = Fraction(0)
    for x1, n1, x0, n0 in strata:
        agreeing, other = (x1, n0 - x0), (x0, n1 - x1)
        products = math.prod(agreeing) + ratio * math.prod(other)
        total += products * (sum(agreeing) + ratio * sum(other)) / (n1 + n0) ** 2
    return total / (2 * above**2)


def slow_binomial(x: int, n: int, p0: float) -> Fraction:
    """Probability of ``x`` or more of ``n``, with the double ``p0`` as it is."""
    p = Fraction(p0)
    return Fraction(sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x, n + 1)))
