"""Weights, and the proposals fitted to weighted draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simulate.calibration.priors import FreeParameter
from simulate.calibration.proposals import (
    Proposal,
    fitted,
    from_prior,
    log_prior,
    to_parameters,
)
from simulate.calibration.weights import (
    effective_size,
    log_mean,
    normalised,
    systematic_members,
    tempered,
    truncated,
    weighted_quantiles,
)

NEVER = -np.inf


def test_weights_of_any_size() -> None:
    logs = np.array([-2000.0, -2000.0 + math.log(3.0), NEVER])
    np.testing.assert_allclose(normalised(logs), [0.25, 0.75, 0.0])
    assert log_mean(logs) == pytest.approx(-2000.0 + math.log(4.0 / 3.0))
    assert effective_size(normalised(logs)) == pytest.approx(1.6)


def test_no_weight_at_all() -> None:
    logs = np.full(3, NEVER)
    assert normalised(logs).tolist() == truncated(logs).tolist() == [0.0, 0.0, 0.0]
    assert tempered(logs, 2.0).tolist() == [0.0, 0.0, 0.0]
    assert effective_size(normalised(logs)) == 0.0
    assert log_mean(logs) == NEVER
    assert np.isnan(weighted_quantiles([1.0, 2.0, 3.0], normalised(logs), [0.5])).all()
    with pytest.raises(ValueError, match="all be 0"):
        systematic_members(normalised(logs), 10, np.random.default_rng(1))


def test_truncation_at_the_root_of_the_number_times_the_mean() -> None:
    logs = np.log(np.array([1.0] * 99 + [101.0]))
    # The mean is 2, so the cut is at 20.
    np.testing.assert_allclose(truncated(logs), np.array([1.0] * 99 + [20.0]) / 119.0)
    even = np.zeros(10)
    np.testing.assert_allclose(truncated(even), np.full(10, 0.1))


def test_tempered_weights_are_worth_what_is_asked() -> None:
    logs = np.append(np.random.default_rng(1).normal(0.0, 20.0, 500), NEVER)
    assert effective_size(normalised(logs)) < 3.0
    found = tempered(logs, 50.0)
    assert effective_size(found) == pytest.approx(50.0, rel=1e-3)
    assert found[-1] == 0.0
    assert np.array_equal(np.argsort(found[:-1]), np.argsort(logs[:-1]))
    gentle = np.array([0.0, 0.1])
    assert tempered(gentle, 1.5).tolist() == normalised(gentle).tolist()


def test_weighted_quantiles_need_no_interpolation() -> None:
    values = [3.0, np.inf, 1.0, np.nan, 2.0]
    weights = np.array([0.25, 0.25, 0.25, 9.0, 0.25])
    found = weighted_quantiles(values, weights, [0.0, 0.25, 0.26, 0.5, 0.75, 0.76, 1.0])
    assert found.tolist() == [1.0, 1.0, 2.0, 2.0, 3.0, np.inf, np.inf]
    skewed = weighted_quantiles([1.0, 2.0, 3.0], np.array([0.0, 0.1, 0.9]), [0.0, 0.05, 0.5])
    assert skewed.tolist() == [2.0, 2.0, 3.0]


def test_members_come_as_often_as_their_weights_say() -> None:
    weights = np.random.default_rng(2).dirichlet(np.full(40, 0.3))
    members = systematic_members(weights, 1000, np.random.default_rng(3))
    counts = np.bincount(members, minlength=40)
    assert counts.sum() == 1000
    assert np.all(np.abs(counts - 1000.0 * weights) < 1.0)
    # In no order: the first half is a sample of all, not the first draws.
    assert abs(np.corrcoef(members, np.arange(1000))[0, 1]) < 0.15


PRIORS = (FreeParameter("a", 2.0, 0.5), FreeParameter("b", 0.1, 1.0))


def test_prior_scores() -> None:
    scores = np.array([[0.0, 0.0], [1.0, -1.0]])
    expected = [[2.0, 0.1], [2.0 * math.exp(0.5), 0.1 / math.e]]
    np.testing.assert_allclose(to_parameters(scores, PRIORS), expected)
    np.testing.assert_allclose(log_prior(scores), stats.norm.logpdf(scores).sum(axis=1))


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_density_of_a_proposal(share: float) -> None:
    factor = np.array([[0.5, 0.0], [0.3, 0.2]])
    mean = np.array([0.4, -1.0])
    proposal = Proposal(share, mean, factor)
    scores = np.random.default_rng(4).normal(size=(50, 2))
    fit = stats.multivariate_t(mean, factor @ factor.T, df=5).pdf(scores)
    expected = share * np.exp(log_prior(scores)) + (1.0 - share) * fit
    np.testing.assert_allclose(np.exp(proposal.log_density(scores)), expected, rtol=1e-10)


def test_draws_are_from_the_density() -> None:
    proposal = Proposal(0.1, np.array([0.5, -0.5]), np.array([[0.8, 0.0], [0.5, 0.6]]))
    scores = proposal.draw(200_000, np.random.default_rng(5))
    weights = np.exp(log_prior(scores) - proposal.log_density(scores))
    assert weights.max() <= 10.0
    # The prior's own mean and covariance come out.
    for values, expected in (
        (np.ones(len(scores)), 1.0),
        (scores[:, 0], 0.0),
        (scores[:, 1] ** 2, 1.0),
        (scores[:, 0] * scores[:, 1], 0.0),
    ):
        products = weights * values
        error = products.std() / math.sqrt(len(scores))
        assert abs(products.mean() - expected) < 4.0 * error


def test_fit_to_weighted_draws() -> None:
    scores = np.random.default_rng(6).normal(size=(1000, 3)) * [1.0, 0.5, 0.2] + [0.0, 1.0, 2.0]
    weights = normalised(-scores[:, 0])
    found = fitted(scores, weights, 0.05)
    np.testing.assert_allclose(found.mean, np.average(scores, axis=0, weights=weights))
    covariance = np.cov(scores.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(found.factor @ found.factor.T, covariance, atol=2e-4)
    # Draws that are all the same are no reason to stop.
    same = fitted(np.zeros((5, 2)), np.full(5, 0.2), 0.0)
    assert np.all(np.isfinite(same.log_density(np.zeros((1, 2)))))
    assert from_prior(2).log_density(scores[:, :2]) == pytest.approx(log_prior(scores[:, :2]))
