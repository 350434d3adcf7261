"""The synthetic likelihood against densities that are known, and its formula written otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

from simulate.calibration.synthetic import (
    Blurred,
    Feature,
    Likelihood,
    blurred,
    log_likelihood,
)

FloatArray = NDArray[np.float64]
MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
TARGETS = (2.5, -1.0, 0.8)


def replicates(draws: int, n: int, seed: int = 1) -> FloatArray:
    """Features (draws, n, 3) that are jointly normal."""
    rng = np.random.default_rng(seed)
    normals = rng.standard_normal((draws, n, 3))
    return MEAN + normals @ np.linalg.cholesky(COVARIANCE).T


def likelihood(values: FloatArray, features: Sequence[Feature]) -> Likelihood:
    """Of values that nothing is spread over."""
    return log_likelihood(Blurred(values, np.ones_like(values)), features)


def normal_features(*targets: float) -> tuple[Feature, ...]:
    return tuple(Feature(f"f{i}", "normal", target) for i, target in enumerate(targets))


def test_estimates_have_no_bias_however_few_the_replicates() -> None:
    draws = 40_000
    found = likelihood(replicates(draws, 12), normal_features(*TARGETS))
    density = stats.multivariate_normal(MEAN, COVARIANCE).pdf(TARGETS)
    estimates = np.exp(found.log_unbiased)
    error = estimates.std() / math.sqrt(draws)
    assert error < 0.01 * density
    assert abs(estimates.mean() - density) < 4.0 * error
    # That with the estimates put in is far off here: the check can fail.
    assert abs(np.exp(found.log_plug_in).mean() - density) > 10.0 * error


def slow_unbiased(sample: FloatArray, targets: FloatArray) -> float:
    """The estimate as it is printed in Price and others (2018), determinant by determinant."""
    n, d = sample.shape
    squares = (n - 1) * np.cov(sample.T).reshape(d, d)
    away = (targets - sample.mean(axis=0))[:, None]
    inner = squares - away @ away.T / (1.0 - 1.0 / n)
    if np.linalg.eigvalsh(inner)[0] <= 0.0:
        return -np.inf

    def log_c(k: int, v: int) -> float:
        gammas = float(sum(gammaln(0.5 * (v - i + 1)) for i in range(1, k + 1)))
        return -0.5 * k * v * math.log(2.0) - 0.25 * k * (k - 1) * math.log(math.pi) - gammas

    return float(
        -0.5 * d * math.log(2.0 * math.pi)
        + log_c(d, n - 2)
        - log_c(d, n - 1)
        - 0.5 * d * math.log(1.0 - 1.0 / n)
        - 0.5 * (n - d - 2) * math.log(np.linalg.det(squares))
        + 0.5 * (n - d - 3) * math.log(np.linalg.det(inner))
    )


@pytest.mark.parametrize("targets", [TARGETS, (20.0, 0.0, 0.0), tuple(MEAN)])
def test_formula_written_otherwise(targets: tuple[float, ...]) -> None:
    values = replicates(5, 25)
    found = likelihood(values, normal_features(*targets))
    for i, sample in enumerate(values):
        expected = slow_unbiased(sample, np.array(targets))
        assert found.log_unbiased[i] == pytest.approx(expected, rel=1e-10)
        covariance = np.cov(sample.T)
        plug_in = stats.multivariate_normal(sample.mean(axis=0), covariance).logpdf(targets)
        assert found.log_plug_in[i] == pytest.approx(plug_in, rel=1e-10)
        away = np.array(targets) - sample.mean(axis=0)
        assert found.distance[i] == pytest.approx(away @ np.linalg.solve(covariance, away))


def test_what_the_other_features_let_expect() -> None:
    found = likelihood(replicates(1, 200_000), normal_features(*TARGETS))
    for k in range(3):
        others = [i for i in range(3) if i != k]
        slope = np.linalg.solve(COVARIANCE[np.ix_(others, others)], COVARIANCE[others, k])
        expected = MEAN[k] + slope @ (np.array(TARGETS) - MEAN)[others]
        variance = COVARIANCE[k, k] - slope @ COVARIANCE[others, k]
        score = (TARGETS[k] - expected) / math.sqrt(variance)
        assert found.given_others[0, k] == pytest.approx(score, abs=0.02)


def test_one_side_of_a_threshold_given_the_others() -> None:
    features = (*normal_features(*TARGETS[:2]), Feature("limit", "exceeds", 0.9))
    values = replicates(1, 200_000)
    found = likelihood(values, features)
    first = COVARIANCE[:2, :2]
    slope = np.linalg.solve(first, COVARIANCE[:2, 2])
    expected = MEAN[2] + slope @ (np.array(TARGETS[:2]) - MEAN[:2])
    sd = math.sqrt(COVARIANCE[2, 2] - slope @ COVARIANCE[:2, 2])
    density = stats.multivariate_normal(MEAN[:2], first).logpdf(TARGETS[:2])
    side = stats.norm.logsf((0.9 - expected) / sd)
    assert found.log_unbiased[0] == pytest.approx(density + side, abs=0.02)
    assert np.isnan(found.given_others[0, 2])


@pytest.mark.parametrize("thresholds", [(-2.0, 0.5), (-3.0, 0.0), (-1.0, 1.5)])
def test_two_sides_that_are_correlated(thresholds: tuple[float, float]) -> None:
    features = (
        Feature("first", "exceeds", thresholds[0]),
        *normal_features(1.0),
        Feature("third", "exceeds", thresholds[1]),
    )
    order = [1, 0, 2]
    found = likelihood(replicates(1, 200_000)[:, :, order], features)
    slope = COVARIANCE[0, 1:] / COVARIANCE[0, 0]
    covariance = COVARIANCE[1:, 1:] - np.outer(slope, slope) * COVARIANCE[0, 0]
    both = stats.multivariate_normal(-MEAN[1:], covariance).cdf(-np.array(thresholds))
    density = stats.norm(MEAN[0], math.sqrt(COVARIANCE[0, 0])).logpdf(1.0)
    assert found.log_unbiased[0] == pytest.approx(density + math.log(both), abs=0.02)


def test_a_side_is_predicted_with_the_error_of_a_new_replicate() -> None:
    values = replicates(1, 14)
    features = (*normal_features(5.0, 0.0), Feature("limit", "exceeds", 0.9))
    design = np.column_stack([np.ones(14), values[0, :, :2]])
    fitted, squares, _, _ = np.linalg.lstsq(design, values[0, :, 2])
    new = np.array([1.0, 5.0, 0.0])
    inverse = np.linalg.inv(design.T @ design)
    sd = math.sqrt(squares[0] / (14 - 3) * (1.0 + new @ inverse @ new))
    alone = likelihood(values[:, :, :2], features[:2]).log_unbiased[0]
    found = likelihood(values, features).log_unbiased[0]
    side = stats.norm.logsf((0.9 - new @ fitted) / sd)
    assert found == pytest.approx(alone + side, rel=1e-9)


def test_few_replicates_do_not_make_a_side_impossible() -> None:
    values = replicates(1, 50)
    features = (*normal_features(*TARGETS[:2]), Feature("limit", "exceeds", 50.0))
    alone = likelihood(values[:, :, :2], features[:2]).log_unbiased[0]
    found = likelihood(values, features).log_unbiased[0]
    assert found == pytest.approx(alone + math.log(0.5 / 51.0))


def test_replicates_without_a_feature_count_as_misses() -> None:
    values = replicates(2, 60)
    values[1, ::3, 2] = np.nan
    features = normal_features(*TARGETS)
    found = likelihood(values, features)
    kept = likelihood(values[1:, ~np.isnan(values[1, :, 2])], features)
    assert found.log_unbiased[1] == pytest.approx(kept.log_unbiased[0] + math.log(2.0 / 3.0))
    assert found.log_unbiased[0] == likelihood(values[:1], features).log_unbiased[0]


def test_where_there_is_no_likelihood() -> None:
    values = replicates(3, 40)
    values[0, 6:, 0] = np.nan
    values[1, :, 1] = 7.0
    values[2] = np.nan
    found = likelihood(values, normal_features(*TARGETS))
    assert found.log_unbiased.tolist() == found.log_plug_in.tolist() == [-np.inf] * 3
    assert found.distance.tolist() == [np.inf] * 3
    assert np.isnan(found.given_others).all()
    with pytest.raises(ValueError, match="all be of the kind"):
        likelihood(values, [Feature("limit", "exceeds", 0.0)])


def test_a_rounded_count_has_the_probability_of_what_rounds_to_it() -> None:
    rng = np.random.default_rng(9)
    count = rng.binomial(72, 0.25, (4, 50_000, 1)).astype(np.float64)
    features = (Feature("responders", "normal", 19.0, half_width=0.5),)
    found = log_likelihood(blurred(count, features, rng), features)
    assert found.log_unbiased == pytest.approx(stats.binom(72, 0.25).logpmf(19), abs=0.03)
    # A count that is always the same still has a density.
    same = log_likelihood(blurred(np.full((1, 50, 1), 19.0), features, rng), features)
    assert -1.0 < same.log_unbiased[0] < 1.0
    untouched = (Feature("z", "normal", 0.0), Feature("limit", "exceeds", 0.0, half_width=0.5))
    pair = np.zeros((2, 3, 2))
    spread = blurred(pair, untouched, rng)
    assert np.array_equal(spread.values, pair)
    assert np.array_equal(spread.widths, np.ones_like(pair))
    with pytest.raises(ValueError, match=r"2 columns \(given: 1\)"):
        blurred(pair[:, :, :1], untouched, rng)


def test_a_curve_that_crosses_between_two_months() -> None:
    # Often there is no step at all.
    rng = np.random.default_rng(10)
    n = 400_000
    other = rng.standard_normal((1, n))
    first = 0.6 * other + rng.normal(0.3, 0.8, (1, n))
    step = np.where(rng.random((1, n)) < 0.4, 0.0, rng.gamma(4.0, 0.08, (1, n)))
    columns = np.stack([other, first, first - step], axis=2)
    features = (Feature("other", "normal", 0.5), Feature("median", "crosses", 0.1))
    found = log_likelihood(blurred(columns, features, rng), features)
    near = np.abs(other - 0.5) < 0.1
    crossed = (first > 0.1) & (first - step <= 0.1)
    share = (near & crossed).sum() / near.sum()
    density = stats.norm.logpdf(0.5)
    assert found.log_unbiased[0] == pytest.approx(density + math.log(share), abs=0.04)
    # Without the mean width it would be off by far more.
    assert abs(math.log(step.mean())) > 1.0


def test_a_value_that_crosses_is_between_its_two() -> None:
    rng = np.random.default_rng(11)
    columns = np.array([[[3.0, 1.0], [2.0, 2.0], [1.0, 1.5], [np.nan, np.nan]]])
    features = (Feature("median", "crosses", 0.0),)
    found = blurred(np.repeat(columns, 2000, axis=0), features, rng)
    assert found.widths[0, :3, 0].tolist() == [2.0, 0.0, 0.0]
    first = found.values[:, 0, 0]
    assert np.all((first >= 1.0) & (first <= 3.0)) and abs(first.mean() - 2.0) < 0.06
    assert np.all(found.values[:, 1, 0] == 2.0) and np.all(found.values[:, 2, 0] == 1.5)
    assert np.isnan(found.values[:, 3, 0]).all()


@pytest.mark.parametrize("target, half_width", [(math.inf, 0.0), (math.nan, 0.0), (1.0, -0.5)])
def test_features_that_are_none(target: float, half_width: float) -> None:
    with pytest.raises(ValueError, match="os_24: target and half_width"):
        Feature("os_24", "normal", target, half_width)
