"""What must hold for every size and power: order, symmetry, scale, and what a null effect gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from simulate.design import (
    Entry,
    LogrankWeights,
    NormalTest,
    Question,
    Stratum,
    TwoArms,
    average_hazard_ratio,
    cox_limit,
    logrank_score,
    logrank_test,
    maxcombo_test,
    milestone_test,
    piecewise_exponential,
    required_events,
    rmst_test,
    simon_designs,
    single_arm,
    size_for_power,
    two_proportions_test,
    weibull,
)
from simulate.scenario.hazards import Hazard

alphas = st.floats(0.001, 0.2)
ratios = st.floats(0.2, 5.0)
rates = st.floats(0.005, 0.3)
METHODS = ("schoenfeld", "freedman", "hsieh_freedman", "lachin_foulkes", "bernstein_lagakos")


@st.composite
def hazards(draw: st.DrawFn) -> Hazard:
    """Weibull, or piecewise exponential."""
    if draw(st.booleans()):
        return weibull(shape=draw(st.floats(0.5, 3.0)), median_months=draw(st.floats(3.0, 30.0)))
    gaps = draw(st.lists(st.floats(0.5, 10.0), max_size=2))
    starts = (0.0, *(float(start) for start in np.cumsum(gaps)))
    return piecewise_exponential([draw(rates) for _ in starts], starts)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Up to three rates of entry, pauses among them."""
    gaps = draw(st.lists(st.floats(0.5, 8.0), max_size=2))
    starts = (0.0, *(float(start) for start in np.cumsum(gaps)))
    pace = [draw(st.one_of(st.just(0.0), st.floats(0.5, 20.0))) for _ in gaps]
    return Entry(
        starts[-1] + draw(st.floats(0.5, 20.0)), (*pace, draw(st.floats(0.5, 20.0))), starts
    )


@st.composite
def trials(draw: st.DrawFn, same: bool = False) -> TwoArms:
    """One or two strata, dropout of its own in each arm."""
    strata = []
    for _ in range(draw(st.integers(1, 2))):
        control = draw(hazards())
        experimental = control if same else draw(hazards())
        dropouts = draw(st.one_of(st.none(), hazards())), draw(st.one_of(st.none(), hazards()))
        strata.append(Stratum(control, experimental, dropouts[0], dropouts[1], draw(ratios)))
    return TwoArms(tuple(strata), draw(entries()), draw(st.floats(0.5, 20.0)), draw(ratios))


weights = st.one_of(
    st.builds(LogrankWeights, rho=st.floats(0.0, 2.0), gamma=st.floats(0.0, 2.0)),
    st.builds(LogrankWeights, delay_months=st.floats(0.5, 20.0)),
)
# These suit any trial; a delay may end when nobody is event-free any more.
components = st.lists(
    st.one_of(
        st.builds(LogrankWeights, rho=st.floats(0.0, 2.0), gamma=st.floats(0.0, 2.0)),
        st.builds(LogrankWeights, survival_floor=st.floats(0.05, 1.0)),
    ),
    min_size=1,
    max_size=4,
)


def assume_event_free(trial: TwoArms, weight: LogrankWeights) -> None:
    """That some patients are event-free when the delay ends: others are refused, below 1e-9."""
    if weight.delay_months is not None:
        arms = [hazard for s in trial.strata for hazard in (s.control, s.experimental)]
        assume(min(float(hazard.survival(weight.delay_months)) for hazard in arms) > 1e-8)


tests = st.builds(NormalTest, st.floats(0.01, 2.0), st.floats(0.5, 2.0), st.floats(0.5, 2.0))


@given(tests, st.floats(1.0, 1e4), alphas)
def test_power_rises_with_patients_and_with_alpha(test: NormalTest, n: float, alpha: float) -> None:
    power = test.power(n, alpha)
    assert test.power(1.1 * n, alpha) >= power
    assert test.power(n, 1.1 * alpha) >= power


@given(tests, alphas, st.floats(0.5, 0.99))
def test_size_and_power_invert_each_other(test: NormalTest, alpha: float, power: float) -> None:
    assert test.power(test.n_for(power, alpha), alpha) == pytest.approx(power, abs=1e-12)


@given(trials(same=True), weights, alphas)
@settings(deadline=None, max_examples=40)
def test_without_an_effect_the_power_is_alpha(
    trial: TwoArms, weight: LogrankWeights, alpha: float
) -> None:
    assume_event_free(trial, weight)
    assert logrank_test(trial, weight).power(1000.0, alpha) == pytest.approx(alpha, rel=1e-9)
    assert cox_limit(trial, weight).hazard_ratio == pytest.approx(1.0, abs=1e-9)
    assert average_hazard_ratio(trial).hazard_ratio == pytest.approx(1.0, abs=1e-12)
    if len(trial.strata) == 1:
        for test in (rmst_test(trial, 0.4), milestone_test(trial, 0.4)):
            assert test.effect == pytest.approx(0.0, abs=1e-12)


@given(trials(), components, alphas, st.floats(1.0, 1e4))
@settings(deadline=None, max_examples=25)
def test_maxcombo_lies_between_its_components_and_bonferroni(
    trial: TwoArms, combined: list[LogrankWeights], alpha: float, n: float
) -> None:
    singles = [logrank_test(trial, weight) for weight in combined]
    test = maxcombo_test(trial, combined)
    power = test.power(n, alpha)
    if len(set(combined)) == 1:
        assert power == pytest.approx(singles[0].power(n, alpha), rel=1e-9, abs=1e-13)
    highest = singles[0].critical_z(alpha / len(combined))
    assert singles[0].critical_z(alpha) - 1e-9 <= test.critical_z(alpha) <= highest + 1e-9
    # At least as often as one component at the same critical value, at most as all together.
    at_critical = [
        float(ndtr(single.effect / single.sd * math.sqrt(n) - test.critical_z(alpha)))
        for single in singles
    ]
    assert max(at_critical) - 1e-7 <= power <= sum(at_critical) + 1e-7
    if 1.01 * alpha < power < 0.999:
        # More patients never have less power once it is above alpha.
        assert test.power(1.2 * n, alpha) > power
        assert test.power(test.n_for(power, alpha), alpha) == pytest.approx(power, abs=1e-9)


@given(trials(same=True), components, alphas)
@settings(deadline=None, max_examples=15)
def test_without_an_effect_maxcombo_rejects_with_alpha(
    trial: TwoArms, combined: list[LogrankWeights], alpha: float
) -> None:
    test = maxcombo_test(trial, combined)
    assert test.power(1000.0, alpha) == pytest.approx(alpha, rel=1e-6)


@given(trials(), weights)
@settings(deadline=None, max_examples=40)
def test_arms_exchanged_change_the_sign(trial: TwoArms, weight: LogrankWeights) -> None:
    assume_event_free(trial, weight)
    strata = tuple(
        Stratum(s.experimental, s.control, s.dropout_experimental, s.dropout_control, s.share)
        for s in trial.strata
    )
    other = replace(trial, strata=strata, ratio=1.0 / trial.ratio)
    one, two = logrank_score(trial, weight), logrank_score(other, weight)
    assert one.mean == pytest.approx(-two.mean, abs=1e-11)
    assert one.variance == pytest.approx(two.variance, rel=1e-9)
    assert one.events_control == pytest.approx(two.events_experimental, rel=1e-9)
    limits = cox_limit(trial, weight).hazard_ratio, cox_limit(other, weight).hazard_ratio
    assert limits[0] * limits[1] == pytest.approx(1.0, rel=1e-8)


@given(trials(), weights, st.floats(0.2, 5.0))
@settings(deadline=None, max_examples=30)
def test_time_has_no_unit(trial: TwoArms, weight: LogrankWeights, factor: float) -> None:
    assume_event_free(trial, weight)
    strata = tuple(
        Stratum(
            s.control.stretched(factor),
            s.experimental.stretched(factor),
            None if s.dropout_control is None else s.dropout_control.stretched(factor),
            None if s.dropout_experimental is None else s.dropout_experimental.stretched(factor),
            s.share,
        )
        for s in trial.strata
    )
    entry = Entry(
        trial.entry.accrual_months * factor,
        trial.entry.rates_per_month,
        tuple(start * factor for start in trial.entry.from_months),
    )
    longer = TwoArms(strata, entry, trial.follow_up_months * factor, trial.ratio)
    if weight.delay_months is not None:
        stretched = replace(weight, delay_months=weight.delay_months * factor)
    else:
        stretched = weight
    found, expected = logrank_score(longer, stretched), logrank_score(trial, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-11)


@given(trials())
@settings(deadline=None, max_examples=40)
def test_averages_lie_between_the_hazard_ratios(trial: TwoArms) -> None:
    if any(s.control.shape != s.experimental.shape for s in trial.strata):
        return  # the ratio may be anything near randomisation
    months = np.linspace(0.001, trial.study_months, 4000)
    found = [s.experimental.rate(months) / s.control.rate(months) for s in trial.strata]
    low, high = np.min(found) * (1.0 - 1e-6), np.max(found) * (1.0 + 1e-6)
    assert low <= average_hazard_ratio(trial).hazard_ratio <= high
    assert low <= cox_limit(trial).hazard_ratio <= high


@given(st.floats(0.3, 0.9), st.floats(0.5, 0.95), alphas, ratios)
def test_equal_arms_need_the_fewest_events(
    hazard_ratio: float, power: float, alpha: float, ratio: float
) -> None:
    equal = required_events(hazard_ratio, power, alpha)
    assert required_events(hazard_ratio, power, alpha, ratio) >= equal * (1.0 - 1e-12)
    inverse = required_events(hazard_ratio, power, alpha, 1.0 / ratio)
    assert required_events(hazard_ratio, power, alpha, ratio) == pytest.approx(inverse)
    assert required_events(min(0.99, 1.05 * hazard_ratio), power, alpha) > equal


@given(
    hazards(),
    entries(),
    st.floats(0.3, 0.9),
    st.floats(0.5, 0.95),
    ratios,
    st.sampled_from(METHODS),
)
@settings(deadline=None, max_examples=40)
def test_larger_effects_need_fewer_patients(
    control: Hazard, entry: Entry, hazard_ratio: float, power: float, ratio: float, method: str
) -> None:
    def patients(hazard_ratio: float, power: float) -> float:
        stratum = Stratum(control, control.times(hazard_ratio))
        trial = TwoArms((stratum,), entry, 5.0, ratio)
        return size_for_power(trial, power, Question(method)).patients  # type: ignore[arg-type]

    needed = patients(hazard_ratio, power)
    assert patients(0.95 * hazard_ratio, power) < needed
    assert patients(hazard_ratio, power + 0.01) > needed


@given(st.floats(0.05, 0.9), st.floats(0.05, 0.9), ratios, st.floats(-0.3, 0.3), alphas)
def test_proportions_at_the_null_difference_give_alpha(
    control: float, experimental: float, ratio: float, difference: float, alpha: float
) -> None:
    if 0.01 < control + difference < 0.99:
        test = two_proportions_test(control, control + difference, ratio, difference)
        assert test.power(500, alpha) == pytest.approx(alpha, rel=1e-6)
    # Responders and others exchanged, the arms change places.
    one = two_proportions_test(control, experimental, ratio, difference)
    two = two_proportions_test(1.0 - experimental, 1.0 - control, 1.0 / ratio, difference)
    assert one == pytest.approx(two, rel=1e-7, abs=1e-12)


@given(st.floats(0.05, 0.5), st.floats(0.2, 0.4), alphas, st.floats(0.6, 0.9))
@settings(deadline=None, max_examples=15)
def test_simons_designs_keep_to_alpha_and_power(
    null: float, gain: float, alpha: float, power: float
) -> None:
    if power <= alpha:
        return
    found = simon_designs(null, null + gain, power, max(alpha, 0.02), 110)
    for design in found:
        assert design.alpha <= max(alpha, 0.02) + 1e-11
        assert design.power >= power - 1e-11
        assert design.first_patients < design.expected_patients < design.patients
    patients = [design.patients for design in found]
    expected = [design.expected_patients for design in found]
    assert patients == sorted(set(patients))
    assert expected == sorted(set(expected), reverse=True)


@given(st.integers(1, 200), st.floats(0.02, 0.9), alphas)
def test_exact_tests_keep_to_alpha(patients: int, null: float, alpha: float) -> None:
    design = single_arm(patients, null, 0.5 * (1.0 + null), alpha)
    assert design.alpha <= alpha + 1e-11
    assert design.alpha <= design.power or math.isclose(design.alpha, design.power)
