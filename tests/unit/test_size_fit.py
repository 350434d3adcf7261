"""The probit line through counts, and the limits of where it reaches a power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chi2, norm

from simulate.studies.fit import ProbitLine, fit_probit

X = [9.0, 10.0, 10.5, 11.2]
HITS = [840, 1_790, 900, 2_850]
TRIALS = [1_000, 2_000, 1_000, 3_000]


def _loss(beta: np.ndarray, x: np.ndarray, hits: np.ndarray, n: np.ndarray) -> float:
    eta = beta[0] + beta[1] * x
    return float(-np.sum(hits * norm.logcdf(eta) + (n - hits) * norm.logsf(eta)))


def fitted(x: list[float], hits: list[int], n: list[int]) -> ProbitLine:
    line = fit_probit(x, hits, n)
    assert line is not None
    return line


def test_line_has_the_greatest_likelihood() -> None:
    line = fitted(X, HITS, TRIALS)
    arrays = np.array(X), np.array(HITS), np.array(TRIALS)
    found = minimize(
        _loss,
        [0.0, 0.1],
        arrays,
        "Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4_000},
    )
    for x in X:
        assert line.probit(x) == pytest.approx(found.x[0] + found.x[1] * x, abs=1e-5)


def test_covariance_is_the_inverse_of_the_expected_information() -> None:
    line = fitted(X, HITS, TRIALS)
    information = np.zeros((2, 2))
    for x, n in zip(X, TRIALS, strict=True):
        row = np.array([1.0, x - line.center])
        eta = line.probit(x)
        weight = n * norm.pdf(eta) ** 2 / (norm.cdf(eta) * norm.sf(eta))
        information += weight * np.outer(row, row)
    assert line.covariance == pytest.approx(np.linalg.inv(information))


def test_points_with_one_coordinate_count_as_one() -> None:
    split = fitted([*X, 10.0], [840, 900, 900, 2_850, 890], [1_000, 1_000, 1_000, 3_000, 1_000])
    whole = fitted(X, HITS, TRIALS)
    assert split.n_points == whole.n_points == 4
    assert split.limits_of(1.2) == pytest.approx(whole.limits_of(1.2))


@pytest.mark.parametrize("probit", [0.9, 1.2, 1.6])
def test_limits_are_where_the_line_is_a_quantile_of_its_error_from_the_power(probit: float) -> None:
    line = fitted(X, HITS, TRIALS)
    low, high = line.limits_of(probit)
    assert low < line.place_of(probit) < high
    for at in (low, high):
        row = np.array([1.0, at - line.center])
        error = math.sqrt(row @ line.covariance @ row)
        assert abs(line.probit(at) - probit) == pytest.approx(norm.ppf(0.975) * error)


def test_a_slope_that_may_be_nought_bounds_nothing() -> None:
    line = fitted([9.0, 9.1], [890, 900], [1_000, 1_000])
    assert line.limits_of(1.28) == (-math.inf, math.inf)


def test_scattered_points_are_uneven() -> None:
    hits = [840, 1_900, 800, 2_850]
    line = fitted(X, hits, TRIALS)
    p = norm.cdf([line.probit(x) for x in X])
    n = np.array(TRIALS)
    expected = np.sum((np.array(hits) - n * p) ** 2 / (n * p * (1.0 - p)))
    assert line.chi_squared == pytest.approx(expected)
    assert chi2.sf(expected, 2) < 0.001
    assert line.is_uneven
    assert not fitted(X, HITS, TRIALS).is_uneven
    # Two points lie on every line.
    assert not fitted(X[:2], hits[:2], TRIALS[:2]).is_uneven


@pytest.mark.parametrize(
    ("x", "hits"), [([9.0, 9.0], [10, 20]), ([9.0, 10.0], [0, 0]), ([9.0, 10.0], [100, 100])]
)
def test_counts_that_determine_no_line(x: list[float], hits: list[int]) -> None:
    assert fit_probit(x, hits, [100, 100]) is None


@given(
    st.floats(0.3, 3.0),
    st.floats(-1.5, 1.5),
    st.lists(st.floats(-1.2, 1.2), min_size=2, max_size=8, unique_by=lambda x: round(x, 2)),
)
def test_line_is_found_again(slope: float, at_nought: float, x: list[float]) -> None:
    n = 10_000_000
    hits = [round(n * norm.cdf(at_nought + slope * value)) for value in x]
    line = fit_probit(x, hits, [n] * len(x))
    if line is None:
        # All but every trial rejects, or none.
        assert max(x) - min(x) < 0.1 or not 10 < sum(hits) < n * len(x) - 10
        return
    spread = np.ptp(np.array(x))
    assert line.slope == pytest.approx(slope, rel=0.1 / spread)
    # A line that rises gives back the coordinates of its probits.
    for value in x:
        assert line.place_of(line.probit(value)) == pytest.approx(value, abs=1e-6)
