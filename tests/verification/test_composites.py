"""Event and dropout times that the engine draws have the composite distributions stated.

The closed forms are written out here; the seed is fixed, and the bounds are those of p-values near
1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from twins.feature_scenarios import Table, arriving, feature_scenario, hypothesis, relative

from simulate.engine.arrays import Patients
from simulate.runner.cohorts import made_cohorts
from simulate.runner.pack import pack

FloatArray = NDArray[np.float64]
N = 400_000
SEED = 20260301
SMALLEST_P = 1e-4
STANDARD_ERRORS = 4.0
WEIBULL: Table = {"distribution": "weibull", "shape": 1.4, "scale_months": 10.0}
MIXTURE: Table = {
    "distribution": "mixture",
    "components": [
        {"weight": 0.6, "distribution": "exponential", "rate_per_month": 0.2},
        WEIBULL | {"weight": 0.4},
    ],
}
ARMS: dict[str, Table] = {
    "frail": {"pfs": WEIBULL | {"frailty_variance": 0.7}},
    "cured": {"pfs": WEIBULL | {"cured": 0.3}},
    "mixture": {"pfs": MIXTURE, "dropout": WEIBULL | {"cured": 0.5, "frailty_variance": 0.4}},
    "both": {"pfs": MIXTURE | {"cured": 0.2, "frailty_variance": 0.5}},
    "effect": {"pfs": relative("both", 0.6) | {"cured": 0.35}},
}
NAMES = list(ARMS)


def weibull(t: FloatArray) -> FloatArray:
    return np.asarray((t / 10.0) ** 1.4)


def frail(cumulative: FloatArray, variance: float) -> FloatArray:
    return np.asarray((1.0 + variance * cumulative) ** (-1.0 / variance))


def frail_mixture(t: FloatArray, ratio: float = 1.0) -> FloatArray:
    return 0.6 * frail(ratio * 0.2 * t, 0.5) + 0.4 * frail(ratio * weibull(t), 0.5)


# Survival of those who have the event, and the share that never has it.
EXPECTED: dict[str, tuple[Callable[[FloatArray], FloatArray], float]] = {
    "frail": (lambda t: frail(weibull(t), 0.7), 0.0),
    "cured": (lambda t: np.exp(-weibull(t)), 0.3),
    "mixture": (lambda t: 0.6 * np.exp(-0.2 * t) + 0.4 * np.exp(-weibull(t)), 0.0),
    "both": (frail_mixture, 0.2),
    "effect": (lambda t: frail_mixture(t, 0.6), 0.35),
}


@pytest.fixture(scope="module")
def patients() -> Patients:
    scenario = feature_scenario(
        "plain",
        arms=ARMS,
        accrual=arriving(N, "evenly_spaced", (0.0, 1000.0)),
        hypotheses={"test": hypothesis("cured", "frail", "final")},
    )
    plan = pack(scenario)
    return next(made_cohorts(plan, SEED, 0, 1)).patients


def assert_share(found: float, share: float, n: int) -> None:
    assert abs(found - share) <= STANDARD_ERRORS * math.sqrt(share * (1.0 - share) / n)


@pytest.mark.parametrize("arm", NAMES)
def test_event_times(patients: Patients, arm: str) -> None:
    survival, cured = EXPECTED[arm]
    times = patients.event[0, patients.arm == NAMES.index(arm)]
    had_it = np.isfinite(times)
    assert_share(1.0 - had_it.mean(), cured, len(times))
    assert stats.kstest(survival(times[had_it]), "uniform").pvalue > SMALLEST_P


def test_dropout_times(patients: Patients) -> None:
    dropout = patients.dropout[patients.arm == NAMES.index("mixture")]
    left = np.isfinite(dropout)
    assert_share(1.0 - left.mean(), 0.5, len(dropout))
    uniforms = frail(weibull(dropout[left]), 0.4)
    assert stats.kstest(uniforms, "uniform").pvalue > SMALLEST_P
