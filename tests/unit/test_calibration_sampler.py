"""The sampler against posteriors known in closed form, with a simulator that costs nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

from simulate.calibration.fit import Fit, Quality, require_usable, worst
from simulate.calibration.priors import FreeParameter
from simulate.calibration.sampler import Posterior, Round, Sizes, distances, sample_posterior
from simulate.calibration.synthetic import Feature
from simulate.errors import CalibrationError

FloatArray = NDArray[np.float64]
# log(a) is normal with mean log(2) and sd 0.5; log(b) with mean 0 and sd 1.
PRIORS = (FreeParameter("a", 2.0, 0.5), FreeParameter("b", 1.0, 1.0))
NOISE = np.array([[0.3, 0.0], [0.2, 0.4]])
SMALL = Sizes(search_rounds=2, search_draws=2000, importance=((300, 60), (1500, 100)))


def simulate(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
    """log(a) and log(a) + log(b), each with correlated normal noise; a third that is its sum."""
    rng = np.random.default_rng(number)
    logs = np.log(parameters)
    means = np.stack([logs[:, 0], logs.sum(axis=1)], axis=1)
    noise = rng.standard_normal((len(logs), replicates, 2)) @ NOISE.T
    return np.asarray(means[:, None, :] + noise)


def with_limit(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
    """A third feature, log(b) with noise of its own."""
    rng = np.random.default_rng((number, 1))
    limit = np.log(parameters[:, 1])[:, None] + 0.5 * rng.standard_normal(
        (len(parameters), replicates)
    )
    return np.concatenate([simulate(parameters, replicates, number), limit[:, :, None]], axis=2)


FEATURES = (Feature("first", "normal", 1.1), Feature("second", "normal", 1.9))


def exact_posterior(
    targets: FloatArray, noise: FloatArray = NOISE @ NOISE.T
) -> tuple[FloatArray, FloatArray, float]:
    """Mean and covariance of (log a, log b), and the log evidence, by conjugacy."""
    prior_mean, prior = np.array([math.log(2.0), 0.0]), np.diag([0.25, 1.0])
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    marginal = design @ prior @ design.T + noise
    gain = prior @ design.T @ np.linalg.inv(marginal)
    mean = prior_mean + gain @ (targets - design @ prior_mean)
    evidence = stats.multivariate_normal(design @ prior_mean, marginal).logpdf(targets)
    return mean, prior - gain @ design @ prior, float(evidence)


def moments(found: Posterior) -> tuple[FloatArray, FloatArray]:
    logs = np.log(found.draws)
    return found.weights @ logs, np.cov(logs.T, aweights=found.weights, ddof=0)


@pytest.fixture(scope="module")
def conjugate() -> Posterior:
    sizes = Sizes(3, 5000, ((500, 100), (4000, 150)))
    return sample_posterior(PRIORS, FEATURES, simulate, seed=3, sizes=sizes)


def test_conjugate_posterior(conjugate: Posterior) -> None:
    mean, covariance, evidence = exact_posterior(np.array([1.1, 1.9]))
    got_mean, got_covariance = moments(conjugate)
    size = conjugate.quality.effective_size
    assert size > 1500.0
    errors = np.sqrt(np.diag(covariance) / size)
    assert np.all(np.abs(got_mean - mean) < 4.0 * errors)
    np.testing.assert_allclose(
        got_covariance, covariance, atol=4.0 * math.sqrt(2.0 / size) * covariance.max()
    )
    assert conjugate.quality.log_evidence == pytest.approx(evidence, abs=4.0 / math.sqrt(size))
    assert conjugate.quality.problem() == ""
    assert conjugate.quality.largest_weight < 0.005
    require_usable(conjugate.quality, conjugate.fits)


def test_quantiles_and_members(conjugate: Posterior) -> None:
    mean, covariance, _ = exact_posterior(np.array([1.1, 1.9]))
    sds = np.sqrt(np.diag(covariance))
    quantiles = np.log(conjugate.quantiles([0.025, 0.5, 0.975]))
    expected = mean[:, None] + sds[:, None] * stats.norm.ppf([0.025, 0.5, 0.975])
    np.testing.assert_allclose(quantiles, expected, atol=0.15 * sds.max())
    members = conjugate.members(1000)
    assert members.shape == (1000, 2)
    np.testing.assert_allclose(np.log(members).mean(axis=0), mean, atol=4.0 * sds.max() / 30.0)
    assert np.array_equal(members, conjugate.members(1000))


def test_features_among_their_replicates(conjugate: Posterior) -> None:
    mean, covariance, _ = exact_posterior(np.array([1.1, 1.9]))
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    predictive = design @ covariance @ design.T + NOISE @ NOISE.T
    for k, fit in enumerate(conjugate.fits):
        centre, sd = (design @ mean)[k], math.sqrt(predictive[k, k])
        assert fit.median == pytest.approx(centre, abs=0.1 * sd)
        assert fit.lower == pytest.approx(centre - 1.96 * sd, abs=0.15 * sd)
        assert fit.upper == pytest.approx(centre + 1.96 * sd, abs=0.15 * sd)
        assert fit.discrepancy == pytest.approx((fit.target - centre) / sd, abs=0.1)
        assert fit.inside


def test_a_known_side_of_a_threshold() -> None:
    # That log(b) with its noise exceeds 1.2, where without it some 0.55 is expected.
    features = (*FEATURES, Feature("limit", "exceeds", 1.2))
    found = sample_posterior(PRIORS, features, with_limit, seed=4, sizes=SMALL)
    mean, covariance, evidence = exact_posterior(np.array([1.1, 1.9]))
    draws = np.random.default_rng(8).multivariate_normal(mean, covariance, 400_000)
    side = ndtr((draws[:, 1] - 1.2) / 0.5)
    expected = (side @ draws) / side.sum()
    assert abs(expected[1] - mean[1]) > 0.15
    errors = np.sqrt(np.diag(covariance) / found.quality.effective_size)
    assert np.all(np.abs(moments(found)[0] - expected) < 4.0 * errors)
    log_evidence = evidence + math.log(side.mean())
    assert found.quality.log_evidence == pytest.approx(log_evidence, abs=0.15)
    fit = found.fits[2]
    assert 0.0 < fit.exceeds < 0.5 and fit.inside
    assert fit.discrepancy == pytest.approx(-stats.norm.ppf(fit.exceeds))


def test_a_value_known_to_lie_between_two() -> None:
    # The second feature falls by 0.2 to 0.6 in all replicates: known to that, 1.9 is between.
    def steps(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        values = simulate(parameters, replicates, number)
        rng = np.random.default_rng((number, 3))
        width = rng.uniform(0.2, 0.6, values.shape[:2])
        above = values[:, :, 1] + rng.random(values.shape[:2]) * width
        return np.stack([values[:, :, 0], above, above - width], axis=2)

    features = (FEATURES[0], Feature("second", "crosses", 1.9))
    found = sample_posterior(PRIORS, features, steps, seed=9, sizes=SMALL)
    # 1.9 plus a uniform part of the width, less one: the likelihood of both is as if the second
    # value had noise of variance E[w**3] / E[w] / 6 besides.
    width = np.random.default_rng(1).uniform(0.2, 0.6, 400_000)
    spread = (width**3).mean() / width.mean() / 6.0
    targets, noise = np.array([1.1, 1.9]), NOISE @ NOISE.T + np.diag([0.0, spread])
    mean, covariance, evidence = exact_posterior(targets, noise)
    errors = np.sqrt(np.diag(covariance) / found.quality.effective_size)
    assert np.all(np.abs(moments(found)[0] - mean) < 4.0 * errors)
    log_evidence = evidence + math.log(width.mean())
    assert found.quality.log_evidence == pytest.approx(log_evidence, abs=0.15)


def test_replicates_without_a_feature() -> None:
    # The second feature exists with probability 1 / (1 + a).
    def sometimes(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        values = simulate(parameters, replicates, number)
        chance = np.random.default_rng((number, 2)).random(values.shape[:2])
        missing = chance > 1.0 / (1.0 + parameters[:, :1])
        values[:, :, 1] = np.where(missing, np.nan, values[:, :, 1])
        return values

    found = sample_posterior(PRIORS, FEATURES, sometimes, seed=5, sizes=SMALL)
    mean, covariance, _ = exact_posterior(np.array([1.1, 1.9]))
    draws = np.random.default_rng(8).multivariate_normal(mean, covariance, 400_000)
    share = 1.0 / (1.0 + np.exp(draws[:, 0]))
    expected = (share @ draws) / share.sum()
    errors = np.sqrt(np.diag(covariance) / found.quality.effective_size)
    assert np.all(np.abs(moments(found)[0] - expected) < 4.0 * errors)
    assert abs(expected[0] - mean[0]) > 5.0 * errors[0]


def test_intervals_cover_as_often_as_they_say() -> None:
    data_sets, sizes = 150, Sizes(1, 1000, ((200, 40), (400, 50)))
    rng = np.random.default_rng(11)
    ranks = []
    for i in range(data_sets):
        truth = np.exp(np.array([math.log(2.0), 0.0]) + rng.standard_normal(2) * [0.5, 1.0])
        targets = simulate(truth[None, :], 1, 10_000 + i)[0, 0]
        features = tuple(Feature(f"f{k}", "normal", target) for k, target in enumerate(targets))
        found = sample_posterior(PRIORS, features, simulate, seed=i, sizes=sizes)
        ranks.append(found.weights @ (found.draws < truth))
    for level in (0.5, 0.8, 0.95):
        covered = np.abs(np.array(ranks) - 0.5) < 0.5 * level
        error = math.sqrt(level * (1.0 - level) / data_sets)
        assert np.all(np.abs(covered.mean(axis=0) - level) < 4.0 * error), level


def test_equal_seeds_give_equal_bits_however_it_is_simulated() -> None:
    calls: list[tuple[int, int]] = []

    def row_by_row(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        calls.append((replicates, number))
        whole = simulate(parameters, replicates, number)
        return np.concatenate([whole[i : i + 7] for i in range(0, len(whole), 7)])

    reported: list[Round] = []
    sizes = Sizes(2, 1000, ((100, 30), (200, 40)))
    first = sample_posterior(PRIORS, FEATURES, simulate, seed=6, sizes=sizes)
    again = sample_posterior(
        PRIORS, FEATURES, row_by_row, seed=6, sizes=sizes, on_round=reported.append
    )
    assert np.array_equal(first.draws, again.draws)
    assert np.array_equal(first.log_weights, again.log_weights)
    assert first.fits == again.fits and first.quality == again.quality
    assert calls == [(1, 0), (1, 1), (30, 2), (40, 3)]
    assert tuple(reported) == again.rounds
    assert [r.kind for r in reported] == ["search", "search", "importance", "importance"]
    assert sizes.n_replicates == 2 * 1000 + 100 * 30 + 200 * 40
    other = sample_posterior(PRIORS, FEATURES, simulate, seed=7, sizes=sizes)
    assert not np.array_equal(first.draws, other.draws)


def refused(
    features: tuple[Feature, ...],
    by: Callable[[FloatArray, int, int], FloatArray] = simulate,
    described: dict[str, tuple[str, str]] | None = None,
) -> CalibrationError:
    found = sample_posterior(PRIORS, features, by, seed=8, sizes=SMALL)
    with pytest.raises(CalibrationError) as error:
        require_usable(found.quality, found.fits, described)
    return error.value


def twice(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
    """The same quantity measured three times, with independent noise."""
    rng = np.random.default_rng(number)
    noise = 0.1 * rng.standard_normal((len(parameters), replicates, 3))
    return np.asarray(np.log(parameters[:, :1, None]) + noise)


def test_figures_that_cannot_hold_together_are_refused() -> None:
    targets = (0.9, 2.1, 1.0)
    features = tuple(
        Feature(n, "normal", t) for n, t in zip(("one", "odd", "three"), targets, strict=True)
    )
    error = refused(features, twice)
    assert error.worst == "odd"
    assert "cannot hold together" in str(error) and "(3 are expected)" in str(error)
    assert "published 2.1, predicted" in str(error)
    assert "standard deviations above what the other figures let expect" in str(error)
    named = refused(features, twice, {"odd": ("22.3 months", "9.9 months")})
    assert "published 22.3 months, predicted 9.9 months, " in str(named)


def test_published_values_out_of_all_reach_are_refused() -> None:
    error = refused((Feature("first", "normal", 60.0), Feature("second", "normal", -60.0)))
    assert "published" in str(error) and error.worst in {"first", "second"}


def test_figures_that_never_exist_are_refused() -> None:
    def never(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        values = simulate(parameters, replicates, number)
        values[:, :, 1] = np.nan
        return values

    error = refused(FEATURES, never)
    assert error.worst == "second"
    assert "published 1.9, predicted nothing (it exists in no replicate)" in str(error)


def quality(**changes: float) -> Quality:
    good = {"n_draws": 3000, "effective_size": 1400.0, "largest_weight": 0.004, "n_truncated": 0}
    good |= {"log_evidence": -6.0, "distance": 6.0, "n_normal": 9}
    return Quality(**(good | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({}, ""),
        ({"effective_size": 151.0}, ""),
        ({"effective_size": 149.0}, "3,000 draws are worth 149 (at least 150 are needed)"),
        ({"n_draws": 800, "effective_size": 99.0}, "800 draws are worth 99 (at least 100 are"),
        ({"effective_size": 0.0, "distance": np.inf}, "inf squared standard errors away"),
        ({"distance": 27.8}, ""),
        ({"distance": 27.9}, "still 28 squared standard errors away (9 are expected)"),
    ],
)
def test_what_is_no_posterior(changes: dict[str, float], problem: str) -> None:
    found = quality(**changes).problem()
    assert (problem in found) if problem else found == ""


def test_the_worst_feature_is_that_which_the_others_contradict() -> None:
    def fit(name: str, discrepancy: float, given_others: float, kind: str = "normal") -> Fit:
        return Fit(name, kind, 1.0, 0.5, 0.1, 0.9, 0.2, discrepancy, given_others)

    one, two = fit("one", 2.0, 0.5), fit("two", -1.0, -3.0)
    assert worst([one, two]) is two
    none = fit("none", math.nan, math.nan)
    assert worst([one, none, two]) is none
    assert not two.inside
    assert fit("limit", 0.84, 0.84, "exceeds").inside


def test_distance_of_single_replicates() -> None:
    values = np.random.default_rng(1).normal(size=(10_000, 2)) * [2.0, 5.0]
    features = (Feature("a", "normal", 4.0), Feature("b", "exceeds", 5.0))
    found = distances(values, features)
    away = np.hypot((4.0 - values[:, 0]) / 2.0, np.maximum(5.0 - values[:, 1], 0.0) / 5.0)
    np.testing.assert_allclose(found, away, rtol=0.05)
    values[3, 1] = np.nan
    assert distances(values, features)[3] == np.inf
    values[:, 0] = np.nan
    assert np.all(np.isinf(distances(values, features)))
    same = np.zeros((5, 1))
    assert distances(same, features[:1]).tolist() == [4.0] * 5
