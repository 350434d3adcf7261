"""Weighted log-rank tests on the risk sets of one or several strata."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, RiskSets
from simulate.engine.codes import WEIGHTS_FLEMING_HARRINGTON, WEIGHTS_MODEST_BY_MONTH
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp, log
from simulate.engine.kaplan_meier import count_until, running_products
from simulate.engine.logrank import (
    at_risk,
    at_risk_experimental,
    events_experimental,
    lane_sum,
)
from simulate.engine.ordering import CENSORED_BIT, PAYLOAD_BITS


@kernel
def scan_times(keys: IntArray, n: int, scale: float, n_sets: int, months: FloatArray) -> int:
    """Append to ``months`` the distinct event times of one stratum, in months from randomisation.

    ``keys[:n]`` are the stratum's sorted keys and ``scale`` its ticks a month, a power of two. With
    and without ties the rows are those of the risk sets; returns their new number.
    """
    inverse_scale = 1.0 / scale
    place = np.uint64(n_sets)
    previous = -1
    for i in range(n):
        ticks = keys[i] >> PAYLOAD_BITS
        # Written for censorings and tied events, too, and then overwritten: no branch.
        months[place] = ticks * inverse_scale
        is_event = int((keys[i] & CENSORED_BIT) == 0)
        place += np.uint64(is_event & int(ticks != previous))
        previous = ticks
    return int(np.int64(place))


@kernel
def pooled_survival(
    risk_sets: RiskSets,
    n_sets: int,
    n_tied: int,
    first_of_stratum: IntArray,
    n_strata: int,
    survival: FloatArray,
) -> None:
    """S just before each event time, of both arms of a stratum together, (n_sets,).

    Kaplan and Meier's (1958) product of ``(n - d) / n`` over the earlier event times; 1 at the
    first. Stratum ``s`` has the rows from ``first_of_stratum[s]`` to ``first_of_stratum[s + 1]``.
    """
    counts = risk_sets.counts
    after = survival[1:n_sets]
    for j in range(len(after)):
        n = at_risk(counts[j])
        after[j] = (n - 1.0) / n
    if n_tied > 0:
        for j in range(len(after)):
            n = at_risk(counts[j])
            after[j] = (n - risk_sets.events[j]) / n
    for s in range(n_strata):
        stratum = survival[first_of_stratum[s] : first_of_stratum[s + 1]]
        if len(stratum) > 0:
            stratum[0] = 1.0
            running_products(stratum, len(stratum))


@kernel
def event_weights(
    kind: int,
    first_parameter: float,
    second_parameter: float,
    survival: FloatArray,
    months: FloatArray,
    n_sets: int,
    first_of_stratum: IntArray,
    n_strata: int,
    out: FloatArray,
) -> None:
    """Weights of the event times, (n_sets,), from the ``survival`` of `pooled_survival`.

    Fleming and Harrington (1991): ``S**rho (1 - S)**gamma`` of the two parameters, both at least 0,
    where ``0**0`` is 1. Modestly weighted (Magirr and Burman 2019): ``1 / max(S, S*)``, where
    ``S*`` is the first parameter (`WEIGHTS_MODEST_BY_SURVIVAL`) or the stratum's Kaplan-Meier
    estimate at that month, an event at it included (`WEIGHTS_MODEST_BY_MONTH`, which alone needs
    the ``months`` of the event times).
    """
    if kind == WEIGHTS_FLEMING_HARRINGTON:
        has_first = first_parameter > 0.0
        has_second = second_parameter > 0.0
        if has_first:
            _multiply_by_power(survival, 0.0, 1.0, first_parameter, has_first, n_sets, out)
        if has_second:
            is_only = not has_first
            _multiply_by_power(survival, 1.0, -1.0, second_parameter, is_only, n_sets, out)
        if not (has_first or has_second):
            for j in range(n_sets):
                out[j] = 1.0
        return
    for s in range(n_strata):
        first = first_of_stratum[s]
        last = first_of_stratum[s + 1]
        lowest = first_parameter
        if kind == WEIGHTS_MODEST_BY_MONTH:
            n_early = count_until(months[first:last], last - first, first_parameter)
            # Beyond the last event time no weight is capped.
            lowest = survival[first + n_early] if first + n_early < last else 0.0
        stratum = survival[first:last]
        out_of_stratum = out[first:last]
        for j in range(len(stratum)):
            out_of_stratum[j] = 1.0 / max(stratum[j], lowest)


@kernel
def _multiply_by_power(
    survival: FloatArray,
    intercept: float,
    slope: float,
    exponent: float,
    is_first: bool,
    n_sets: int,
    out: FloatArray,
) -> None:
    """Multiply ``out``, or 1 if ``is_first``, by ``(intercept + slope * survival) ** exponent``.

    The base is S or 1 - S, the exponent above 0.
    """
    if exponent == 1.0:
        for j in range(n_sets):
            before = 1.0 if is_first else out[j]
            out[j] = before * (intercept + slope * survival[j])
    elif exponent == 0.5:
        for j in range(n_sets):
            before = 1.0 if is_first else out[j]
            out[j] = before * math.sqrt(intercept + slope * survival[j])
    else:
        for j in range(n_sets):
            before = 1.0 if is_first else out[j]
            base = intercept + slope * survival[j]
            power = exp(exponent * log(base if base > 0.0 else 1.0))
            out[j] = before * (power if base > 0.0 else 0.0)


@kernel
def hypergeometric(
    risk_sets: RiskSets, n_sets: int, n_tied: int, difference: FloatArray, variance: FloatArray
) -> None:
    """Expected less observed experimental events of each event time, and the variance, (n_sets,).

    At an event time with ``d`` events among ``n`` at risk, ``n1`` of them experimental, the number
    of experimental events has mean ``d p`` and variance ``d p (1 - p) (n - d) / (n - 1)`` under the
    null, where ``p = n1 / n`` (Mantel 1966).
    """
    counts = risk_sets.counts
    for j in range(n_sets):
        p = at_risk_experimental(counts[j]) / at_risk(counts[j])
        difference[j] = p - events_experimental(counts[j])
        variance[j] = p * (1.0 - p)
    if n_tied > 0:
        for j in range(n_sets):
            d = risk_sets.events[j]
            if d > 1:
                n = at_risk(counts[j])
                p = at_risk_experimental(counts[j]) / n
                difference[j] = d * p - events_experimental(counts[j])
                variance[j] *= d * ((n - d) / (n - 1.0))


@kernel
def weighted_logrank(
    weights: FloatArray,
    difference: FloatArray,
    variance: FloatArray,
    n_sets: int,
    products: FloatArray,
) -> tuple[float, float]:
    """Score and information of a weighted log-rank test: sums of ``w (d p - d1)`` and ``w**2 v``.

    ``difference`` and ``variance`` are those of `hypergeometric`; the score is positive if the
    experimental arm does better. ``products`` (n_sets,) is scratch.
    """
    for j in range(n_sets):
        products[j] = weights[j] * difference[j]
    score = lane_sum(products, n_sets)
    return score, weighted_covariance(weights, weights, variance, n_sets, products)


@kernel
def weighted_covariance(
    weights: FloatArray,
    other_weights: FloatArray,
    variance: FloatArray,
    n_sets: int,
    products: FloatArray,
) -> float:
    """Covariance of the scores of two weightings of one log-rank test: the sum of ``w_a w_b v``.

    The variances ``v`` are those of `hypergeometric`; ``products`` (n_sets,) is scratch.
    """
    for j in range(n_sets):
        products[j] = weights[j] * other_weights[j] * variance[j]
    return lane_sum(products, n_sets)
