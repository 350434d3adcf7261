"""Trials whose power is known exactly, by adding up every outcome."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm
from twins.scenario_tables import Table, exponential, relative

CONTROL, EXPERIMENTAL = 0.3, 0.5
NULL_SURVIVAL, MONTHS, MEDIAN = 0.3, 12.0, 12.0
PATIENTS_OF_ONE_ARM = 60


def two_rates(seed: int) -> Table:
    """Two arms, an immediate binary endpoint, the pooled test."""
    arms = {name: {"binary": {"cr": {"rate": rate}}} for name, rate in ARMS.items()}
    test = {"kind": "proportions", "method": "z_pooled"}
    chosen = {"endpoint": "cr", "arms": {"experimental": "new", "control": "old"}, "test": test}
    return {
        "schema_version": 1,
        "title": "Two rates",
        "purpose": "To be solved exactly.",
        "arms": arms,
        "binary_endpoints": {"cr": {}},
        "accrual": {"patients": 150, "arrivals": "evenly_spaced", "rate_per_month": 10.0},
        "randomisation": {"block_size": 2},
        "analyses": {"final": {"trigger": {"minimum_follow_up_months": 1.0}}},
        "hypotheses": {"cr": {**chosen, "alpha": 0.025}},
        "simulation": {"trials": 1_000, "seed": seed},
    }


ARMS = {"new": EXPERIMENTAL, "old": CONTROL}


def power_of_two_rates(n: int) -> float:
    """Exact power of `two_rates` with n patients; of an odd one either arm may have more."""
    sizes = {(n // 2, n - n // 2), (n - n // 2, n // 2)}
    return sum(_pooled(*both) for both in sizes) / len(sizes)


def _pooled(n_new: int, n_old: int) -> float:
    x, y = np.arange(n_new + 1)[:, None], np.arange(n_old + 1)[None, :]
    rate = (x + y) / (n_new + n_old)
    variance = rate * (1.0 - rate) * (1.0 / n_new + 1.0 / n_old)
    difference = x / n_new - y / n_old
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0.0, difference / np.sqrt(variance), 0.0)
    outcomes = binomial(n_new, EXPERIMENTAL)[:, None] * binomial(n_old, CONTROL)[None, :]
    return float(outcomes[z >= norm.isf(0.025)].sum())


def size_of_two_rates(power: float, upto: int = 600) -> tuple[int, int]:
    """Smallest number of patients with a power, and the smallest from which on all have it."""
    powers = np.array([power_of_two_rates(n) for n in range(2, upto + 1)])
    reached = powers >= power
    return int(np.argmax(reached)) + 2, upto - int(np.argmax(~reached[::-1])) + 1


def one_survival(seed: int) -> Table:
    """One arm, whose survival at a month is tested, and nobody is censored before it."""
    test = {"kind": "landmark_survival", "at_months": MONTHS, "null_survival": NULL_SURVIVAL}
    chosen: dict[str, Any] = {"endpoint": "pfs", "arms": {"experimental": "new"}, "test": test}
    return {
        "schema_version": 1,
        "title": "Survival at a month",
        "purpose": "To be solved exactly.",
        "arms": {"new": {"pfs": relative("old", 0.6)}, "old": {"pfs": exponential(MEDIAN)}},
        "accrual": {
            "patients": 2 * PATIENTS_OF_ONE_ARM,
            "arrivals": "evenly_spaced",
            "rate_per_month": 20.0,
        },
        "randomisation": {"block_size": 2},
        "analyses": {"final": {"trigger": {"minimum_follow_up_months": MONTHS + 1.0}}},
        "hypotheses": {"pfs": {**chosen, "alpha": 0.025}},
        "simulation": {"trials": 1_000, "seed": seed},
    }


def power_of_one_survival(ratio: float) -> float:
    """Exact power of `one_survival` at a hazard ratio: Greenwood's variance is the binomial one."""
    n = PATIENTS_OF_ONE_ARM
    survival = 0.5 ** (MONTHS / MEDIAN * ratio)
    free = np.arange(1, n)
    rate = free / n
    log = np.log(rate)
    error = np.sqrt((1.0 - rate) / (n * rate)) / np.abs(log)
    z = (math.log(-math.log(NULL_SURVIVAL)) - np.log(-log)) / error
    return float(binomial(n, survival)[free][z >= norm.isf(0.025)].sum())


def binomial(n: int, rate: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Probabilities of 0 to n successes."""
    k = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.asarray(np.exp(ways + k * math.log(rate) + (n - k) * math.log1p(-rate)))
