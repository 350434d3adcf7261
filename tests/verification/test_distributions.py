"""Times, strata and arms of a million patients of one trial have the distributions stated.

The seed is fixed, so a test passes or fails once and for all; the bounds are those of p-values near
1e-4.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from twins.feature_scenarios import (
    FOUR_CELLS,
    JOINT,
    arriving,
    delayed,
    feature_scenario,
    hypothesis,
    piecewise,
)

from simulate.engine.arrays import Patients
from simulate.runner.cohorts import made_cohorts
from simulate.runner.pack import pack
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import dropout_hazards, event_hazards

FloatArray = NDArray[np.float64]
N = 1_000_000
SEED = 20260101
SMALLEST_P = 1e-4
STANDARD_ERRORS = 4.0
TAILS = (1e-4, 1e-2)
ACCRUAL = ((0.0, 10_000.0), (5.0, 0.0), (7.0, 50_000.0))
ARMS = {
    "exponential": {
        "pfs": {"distribution": "exponential", "rate_per_month": 0.05},
        "dropout": {"distribution": "exponential", "rate_per_month": 0.02},
    },
    "weibull": {
        "pfs": {"distribution": "weibull", "shape": 1.4, "scale_months": 10.0},
        "dropout": {"distribution": "weibull", "shape": 0.6, "scale_months": 40.0},
    },
    "pieces": {
        "pfs": piecewise((0.0, 0.02), (4.0, 0.0), (6.0, 0.2), (20.0, 0.05))
        | {
            "by_stratum": {
                "high": delayed("weibull", (0.0, 1.0), (3.0, 0.5)) | {"stratum": {"risk": "high"}}
            }
        },
        "dropout": piecewise((0.0, 0.03), (12.0, 0.0)),
    },
}
NAMES = list(ARMS)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return feature_scenario(
        "plain",
        arms=ARMS,
        strata=FOUR_CELLS,
        joint_prevalence=JOINT,
        accrual=arriving(N, "poisson", *ACCRUAL),
        randomisation={"ratio": {"exponential": 1, "weibull": 2, "pieces": 1}, "block_size": 4},
        hypotheses={"test": hypothesis("weibull", "exponential", "final")},
    )


@pytest.fixture(scope="module")
def patients(scenario: Scenario) -> Patients:
    return made(scenario, SEED, trial=0)


@pytest.fixture(scope="module")
def uniforms(scenario: Scenario, patients: Patients) -> dict[str, FloatArray]:
    """Times turned into what must be independent uniforms: survival at them."""
    gaps = np.diff(expected_accrual(patients.entry), prepend=0.0)
    return {"event": event_uniforms(scenario, patients), "gap": np.exp(-gaps)}


def made(scenario: Scenario, seed: int, trial: int) -> Patients:
    plan = pack(scenario)
    return next(made_cohorts(plan, seed, trial, trial + 1)).patients


def event_uniforms(scenario: Scenario, patients: Patients) -> FloatArray:
    result = np.full(N, np.nan)
    for arm, hazards in enumerate(event_hazards(scenario).values()):
        for stratum, hazard in enumerate(hazards):
            members = (patients.arm == arm) & (patients.stratum == stratum)
            result[members] = hazard.survival(patients.event[0, members])
    return result


def dropout_uniforms(scenario: Scenario, arm: str, months: FloatArray) -> FloatArray:
    hazard = dropout_hazards(scenario)[arm]
    assert hazard is not None
    return hazard.survival(months)


def expected_accrual(months: FloatArray) -> FloatArray:
    ends = [start for start, _ in ACCRUAL[1:]] + [math.inf]
    total = np.zeros(len(months))
    for (start, rate), end in zip(ACCRUAL, ends, strict=True):
        total += rate * np.clip(months - start, 0.0, end - start)
    return total


def assert_uniform(values: FloatArray) -> None:
    assert np.all((values > 0.0) & (values < 1.0))
    assert stats.kstest(values, "uniform").pvalue > SMALLEST_P
    for share in TAILS:
        error = math.sqrt(share * (1.0 - share) / len(values))
        for tail in (values < share, values > 1.0 - share):
            assert abs(tail.mean() - share) < STANDARD_ERRORS * error


def assert_uncorrelated(first: FloatArray, second: FloatArray) -> None:
    correlation = np.corrcoef(first, second)[0, 1]
    assert abs(correlation) < STANDARD_ERRORS / math.sqrt(len(first))


@pytest.mark.parametrize(
    ("arm", "distribution"),
    [
        ("exponential", stats.expon(scale=1.0 / 0.05)),
        ("weibull", stats.weibull_min(1.4, scale=10.0)),
    ],
)
def test_event_times_against_scipy(
    patients: Patients, arm: str, distribution: stats.rv_continuous
) -> None:
    times = patients.event[0, patients.arm == NAMES.index(arm)]
    assert_uniform(distribution.sf(times))


@pytest.mark.parametrize(
    ("arm", "distribution"),
    [
        ("exponential", stats.expon(scale=1.0 / 0.02)),
        ("weibull", stats.weibull_min(0.6, scale=40.0)),
    ],
)
def test_dropout_times_against_scipy(
    patients: Patients, arm: str, distribution: stats.rv_continuous
) -> None:
    assert_uniform(distribution.sf(patients.dropout[patients.arm == NAMES.index(arm)]))


def test_event_times_in_every_cell(patients: Patients, uniforms: dict[str, FloatArray]) -> None:
    assert_uniform(uniforms["event"])
    for arm, stratum in itertools.product(range(3), range(4)):
        members = (patients.arm == arm) & (patients.stratum == stratum)
        assert stats.kstest(uniforms["event"][members], "uniform").pvalue > SMALLEST_P


def test_those_without_dropout(scenario: Scenario, patients: Patients) -> None:
    # The hazard of the last arm ends at month 12, with survival exp(-0.36).
    dropout = patients.dropout[patients.arm == NAMES.index("pieces")]
    never = np.isinf(dropout)
    share = math.exp(-0.36)
    error = math.sqrt(share * (1.0 - share) / len(dropout))
    assert abs(never.mean() - share) < STANDARD_ERRORS * error
    assert dropout[~never].max() <= 12.0 * (1.0 + 1e-15)
    survival = dropout_uniforms(scenario, "pieces", dropout[~never])
    assert_uniform((survival - share) / (1.0 - share))


def test_gaps_between_arrivals(uniforms: dict[str, FloatArray]) -> None:
    # Differences of entries near month 25 lose 1e-15 of a month, 1e-10 of a gap.
    assert_uniform(uniforms["gap"])


def test_arrivals_by_month(patients: Patients) -> None:
    assert not np.any((patients.entry > 5.0) & (patients.entry < 7.0))
    # Poisson counts: their variance is their mean.
    edges = np.concatenate([np.arange(0.0, 5.0, 0.01), np.arange(7.0, 24.0, 0.01)])
    counts = np.histogram(patients.entry, bins=edges)[0]
    expected = np.diff(expected_accrual(edges))
    squares = (counts - expected) ** 2 / expected
    assert abs(squares.mean() - 1.0) < STANDARD_ERRORS * math.sqrt(2.0 / len(squares))


def test_strata_have_their_prevalences(patients: Patients) -> None:
    counts = np.bincount(patients.stratum, minlength=4)
    shares = np.array([entry["prevalence"] for entry in JOINT.values()])
    assert stats.chisquare(counts, shares * N).pvalue > SMALLEST_P


def test_arms_have_their_shares_in_every_stratum(patients: Patients) -> None:
    for stratum in range(4):
        counts = np.bincount(patients.arm[patients.stratum == stratum], minlength=3)
        # Blocks of four, the last one perhaps not full.
        assert np.all(np.abs(counts - counts.sum() * np.array([0.25, 0.5, 0.25])) <= 2.0)


def test_every_place_of_a_block_has_every_arm_alike(patients: Patients) -> None:
    for stratum in range(4):
        arms = patients.arm[patients.stratum == stratum]
        blocks = arms[: len(arms) // 4 * 4].reshape(-1, 4)
        orders = np.unique(blocks, axis=0, return_counts=True)[1]
        # Four patients, two of one arm: 4! / 2! orders.
        assert len(orders) == 12
        assert stats.chisquare(orders).pvalue > SMALLEST_P


def test_draws_of_a_patient_are_independent(
    scenario: Scenario, patients: Patients, uniforms: dict[str, FloatArray]
) -> None:
    event, gap, stratum = uniforms["event"], uniforms["gap"], patients.stratum.astype(np.float64)
    arm = (patients.arm == NAMES.index("weibull")).astype(np.float64)
    for first, second in itertools.combinations([event, gap, stratum, arm], 2):
        assert_uncorrelated(first, second)
    for name in ("exponential", "weibull"):
        members = patients.arm == NAMES.index(name)
        dropout = dropout_uniforms(scenario, name, patients.dropout[members])
        for other in (event, gap, stratum):
            assert_uncorrelated(dropout, other[members])
        grid = np.histogram2d(event[members], dropout, bins=32, range=[[0, 1], [0, 1]])[0]
        assert stats.chisquare(grid.ravel()).pvalue > SMALLEST_P


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 7, 256, 65_536])
def test_patients_are_independent(uniforms: dict[str, FloatArray], lag: int) -> None:
    for values in uniforms.values():
        assert_uncorrelated(values[lag:], values[:-lag])
    assert_uncorrelated(uniforms["event"][lag:], uniforms["gap"][:-lag])


@pytest.mark.parametrize(("seed", "trial"), [(SEED, 1), (SEED, 2**32), (SEED + 1, 0)])
def test_neighbouring_trials_and_seeds_are_independent(
    scenario: Scenario, uniforms: dict[str, FloatArray], seed: int, trial: int
) -> None:
    other = made(scenario, seed, trial)
    assert_uncorrelated(uniforms["event"], event_uniforms(scenario, other))
    gaps = np.exp(-np.diff(expected_accrual(other.entry), prepend=0.0))
    assert_uncorrelated(uniforms["gap"], gaps)
