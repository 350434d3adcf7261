"""MaxCombo by closed form: joint moments against small steps, power against random draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from twins.slow_two_arms import slow_score
from unit.test_design_two_arms import DELAYED, ENTRY, STEPS, STRATIFIED, TRIALS

from simulate.design import (
    LogrankWeights,
    MaxComboTest,
    Stratum,
    TwoArms,
    logrank_score,
    logrank_test,
    maxcombo_test,
)
from simulate.design.nonproportional import logrank_scores
from simulate.errors import DesignError
from simulate.scenario.hazards import Hazard

FOUR = [LogrankWeights(rho, gamma) for rho, gamma in ((0, 0), (0, 1), (1, 0), (1, 1))]
ALPHA = 0.025
# One effect for the experimental arm, one against it.
MIXED = MaxComboTest((0.02, -0.2), ((1.0, 0.3), (0.3, 1.0)))


def slow_covariance(trial: TwoArms, one: LogrankWeights, two: LogrankWeights, steps: int) -> float:
    """Covariance of two scores, from the variances of their sum and their difference."""

    def weight(survival: float, sign: float) -> float:
        first, second = (survival**each.rho * (1.0 - survival) ** each.gamma for each in (one, two))
        return float(first + sign * second)

    of_sum, of_difference = (
        slow_score(trial, lambda survival, sign=sign: weight(survival, sign), steps)[1]  # type: ignore[misc]
        for sign in (1.0, -1.0)
    )
    return 0.25 * (of_sum - of_difference)


@pytest.mark.parametrize("trial", TRIALS)
def test_covariances_are_those_of_small_steps(trial: TwoArms) -> None:
    scores = logrank_scores(trial, FOUR)
    for i, one in enumerate(FOUR):
        single = logrank_score(trial, one)
        assert scores.means[i] == pytest.approx(single.mean, rel=1e-13)
        assert scores.covariance[i, i] == pytest.approx(single.variance, rel=1e-13)
        for j in range(i):
            coarse, fine = (slow_covariance(trial, one, FOUR[j], n) for n in (STEPS // 2, STEPS))
            scale = math.sqrt(scores.covariance[i, i] * scores.covariance[j, j])
            found = scores.covariance[i, j]
            assert abs(2.0 * fine - coarse - found) < 1e-5 * scale
            assert found == scores.covariance[j, i]
    assert (scores.events_control, scores.events_experimental) == pytest.approx(
        (single.events_control, single.events_experimental), rel=1e-14
    )


def test_the_test_is_that_of_the_standardised_scores() -> None:
    scores, test = logrank_scores(STRATIFIED, FOUR), maxcombo_test(STRATIFIED, FOUR)
    for i, weights in enumerate(FOUR):
        assert test.effects[i] == pytest.approx(scores.means[i] / scores.covariance[i, i] ** 0.5)
        alone = logrank_test(STRATIFIED, weights)
        assert test.effects[i] == pytest.approx(alone.effect / alone.sd, rel=1e-13)
        for j in range(4):
            of_both = scores.covariance[i, i] * scores.covariance[j, j]
            r = scores.covariance[i, j] / math.sqrt(of_both)
            assert test.correlation[i][j] == pytest.approx(r, rel=1e-14)
        assert test.correlation[i][i] == 1.0
    assert test.effect == max(test.effects)
    # Each weight has a kink of its own.
    kinks = [LogrankWeights(delay_months=3.3), LogrankWeights(survival_floor=0.6)]
    found = maxcombo_test(STRATIFIED, kinks)
    for effect, weights in zip(found.effects, kinks, strict=True):
        alone = logrank_test(STRATIFIED, weights)
        assert effect == pytest.approx(alone.effect / alone.sd, rel=1e-9)


def test_power_and_level_are_those_of_random_draws() -> None:
    test = maxcombo_test(TwoArms((DELAYED,), ENTRY, 8.0), FOUR)
    critical, n, draws = test.critical_z(0.1), 60.0, 400_000
    values, vectors = np.linalg.eigh(np.array(test.correlation))
    loadings = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.random.default_rng(3).standard_normal((draws, 4)) @ loadings.T
    shifted = z + np.array(test.effects) * math.sqrt(n)
    for largest, expected in (
        (z.max(axis=1), 0.1),
        (shifted.max(axis=1), test.power(n, 0.1)),
    ):
        found = float((largest > critical).mean())
        assert abs(found - expected) < 3.5 * math.sqrt(expected * (1.0 - expected) / draws)
    assert 0.4 < test.power(n, 0.1) < 0.9


@pytest.mark.parametrize("alpha", [1e-12, 1e-4, 0.025, 0.3, 0.499])
def test_critical_values_lie_between_those_of_one_test_and_bonferronis(alpha: float) -> None:
    test = maxcombo_test(STRATIFIED, FOUR)
    assert -ndtri(alpha) < test.critical_z(alpha) < -ndtri(alpha / 4.0)
    # Independent tests: exactly Sidak's.
    independent = MaxComboTest((0.1, 0.1), ((1.0, 0.0), (0.0, 1.0)))
    sidak = -ndtri(-math.expm1(0.5 * math.log1p(-alpha)))
    assert independent.critical_z(alpha) == pytest.approx(sidak, rel=1e-9)
    without = MaxComboTest((0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)))
    assert without.power(100.0, alpha) == pytest.approx(alpha, rel=1e-6)


def test_components_that_are_the_same_count_once() -> None:
    late = LogrankWeights(gamma=1.0)
    assert maxcombo_test(STRATIFIED, [late, late]) == maxcombo_test(STRATIFIED, [late])
    # Not the same words, but the same weights.
    plain = [LogrankWeights(), LogrankWeights(survival_floor=1.0)]
    twice, once = maxcombo_test(STRATIFIED, plain), logrank_test(STRATIFIED)
    assert twice.critical_z(ALPHA) == pytest.approx(-ndtri(ALPHA), abs=1e-7)
    assert twice.power(200, ALPHA) == pytest.approx(once.power(200, ALPHA), abs=1e-7)
    assert twice.n_for(0.9, ALPHA) == pytest.approx(once.n_for(0.9, ALPHA), rel=1e-6)


def test_a_power_is_reached_although_more_patients_first_have_less() -> None:
    assert MIXED.power(20.0, ALPHA) < MIXED.power(1.0, ALPHA) < ALPHA
    for power in (0.026, 0.3, 0.999):
        n = MIXED.n_for(power, ALPHA)
        assert MIXED.power(n, ALPHA) == pytest.approx(power, abs=1e-9)
        # The other component has no part in it by then.
        alone = (MIXED.critical_z(ALPHA) + ndtri(power)) / 0.02
        assert n == pytest.approx(alone**2, rel=1e-3)


NOBODY = Stratum(Hazard(1.0, 1.0, (0.0,), (0.0,)), Hazard(1.0, 1.0, (0.0,), (0.0,)))


def test_what_cannot_be_computed_is_said() -> None:
    with pytest.raises(DesignError, match=r"components: must be 1 to 4 \(given: 0\)"):
        maxcombo_test(STRATIFIED, [])
    with pytest.raises(DesignError, match=r"components: must be 1 to 4 \(given: 5\)"):
        maxcombo_test(STRATIFIED, [*FOUR, LogrankWeights(rho=2.0)])
    with pytest.raises(DesignError, match="trial: must expect events"):
        maxcombo_test(TwoArms((NOBODY,), ENTRY, 1.0), FOUR)
    worse = MIXED._replace(effects=(0.0, -0.1))
    with pytest.raises(DesignError, match="power: cannot be reached: the assumed effect does not"):
        worse.n_for(0.9, ALPHA)
    with pytest.raises(DesignError, match="power: must be above alpha"):
        MIXED.n_for(ALPHA, ALPHA)
    with pytest.raises(DesignError, match="alpha: must be above 0"):
        MIXED.power(10.0, 0.5)
    with pytest.raises(DesignError, match="n: must be a finite number"):
        MIXED.power(0.0, ALPHA)
