"""Observed patients as the engine scans them: sorted keys, risk sets, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from twins.slow_logrank import Observed

from simulate.engine.arrays import Curve, FloatArray, IntArray, RiskSets
from simulate.engine.kaplan_meier import arm_curves, last_follow_up
from simulate.engine.logrank import scan_risk_sets, scan_tied_risk_sets
from simulate.engine.ordering import CENSORED_BIT, PAYLOAD_BITS, ticks_per_month
from simulate.engine.weighted import (
    event_weights,
    hypergeometric,
    pooled_survival,
    scan_times,
    weighted_covariance,
    weighted_logrank,
)


class Scanned(NamedTuple):
    """Risk sets of all strata, their months, and where each stratum begins."""

    risk_sets: RiskSets
    months: FloatArray
    n_sets: int
    n_tied: int
    first_of_stratum: IntArray
    n_strata: int


class Curves(NamedTuple):
    """Arguments of the comparisons of two curves: curve, rows and last follow-up of each arm."""

    experimental: Curve
    n_experimental: int
    last_experimental: float
    control: Curve
    n_control: int
    last_control: float


def scratch(n: int) -> FloatArray:
    """Array that spoils whatever reads it before it is written."""
    return np.full(n, np.nan)


def scale_of(observed: Sequence[Observed]) -> float:
    return float(ticks_per_month(max(patient.time for patient in observed), 0))


def sorted_keys(observed: Sequence[Observed], scale: float) -> IntArray:
    keys = [
        int(time * scale) << PAYLOAD_BITS | (0 if is_event else CENSORED_BIT) | int(is_experimental)
        for time, is_event, is_experimental, _ in observed
    ]
    return np.array(sorted(keys), dtype=np.int64)


def scanned(observed: Sequence[Observed], n_strata: int = 1) -> Scanned:
    """Scan stratum after stratum, as the trial loop does."""
    n, scale = len(observed), scale_of(observed)
    integers = (np.full(n + 1, -1, dtype=np.int64) for _ in range(2))
    risk_sets, months = RiskSets(*integers), scratch(n + 1)
    parts = [
        sorted_keys([patient for patient in observed if patient.stratum == s], scale)
        for s in range(n_strata)
    ]
    n_sets, n_tied, n_times, firsts = 0, 0, 0, [0]
    for part in parts:
        n_sets, tied = scan_risk_sets(part, len(part), n_sets, risk_sets.counts)
        n_tied += tied
        n_times = scan_times(part, len(part), scale, n_times, months)
        firsts.append(n_times)
    if n_tied:
        n_sets = 0
        for part in parts:
            n_sets = scan_tied_risk_sets(part, len(part), n_sets, risk_sets)
    assert n_times == n_sets
    first_of_stratum = np.array(firsts, dtype=np.int64)
    return Scanned(risk_sets, months, n_sets, n_tied, first_of_stratum, n_strata)


class Weighting(NamedTuple):
    """Kind of weights and its two parameters, as the kernel takes them."""

    kind: int
    first: float
    second: float = 0.0


def weights_of(sets: Scanned, weighting: Weighting) -> FloatArray:
    n = sets.n_sets
    strata = (sets.first_of_stratum, sets.n_strata)
    survival, out = scratch(n + 1), scratch(n + 1)
    pooled_survival(sets.risk_sets, n, sets.n_tied, *strata, survival)
    event_weights(*weighting, survival, sets.months, n, *strata, out)
    return out[:n]


def terms_of(sets: Scanned) -> tuple[FloatArray, FloatArray]:
    """Difference and variance of each event time."""
    difference, variance = scratch(sets.n_sets), scratch(sets.n_sets)
    hypergeometric(sets.risk_sets, sets.n_sets, sets.n_tied, difference, variance)
    return difference, variance


def weighted_test(sets: Scanned, weighting: Weighting) -> tuple[float, float]:
    """Score and information."""
    difference, variance = terms_of(sets)
    n = sets.n_sets
    return weighted_logrank(weights_of(sets, weighting), difference, variance, n, scratch(n))


def covariance_of(sets: Scanned, weighting: Weighting, other: Weighting) -> float:
    w, v = weights_of(sets, weighting), weights_of(sets, other)
    return weighted_covariance(w, v, terms_of(sets)[1], sets.n_sets, scratch(sets.n_sets))


def curves_of(observed: Sequence[Observed], until: float = math.inf) -> Curves:
    """Both arms' curves up to a month; the stratum does not matter."""
    n, scale = len(observed), scale_of(observed)
    keys = sorted_keys(observed, scale)
    both = Curve(*(scratch(2 * n + 2) for _ in range(3)))
    experimental = Curve(*(part[: n + 1] for part in both))
    control = Curve(*(part[n + 1 :] for part in both))
    rows = arm_curves(keys, n, scale, until, both)
    last = last_follow_up(keys, n, scale, True)
    return Curves(experimental, rows[0], last[0], control, rows[1], last[1])
