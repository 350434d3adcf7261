"""Moments of two-arm trials against sums over small steps, and the sizes that come of them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from twins.slow_two_arms import slow_curve_variance, slow_entered, slow_score, slow_steps

from simulate.design import (
    Entry,
    LogrankWeights,
    Question,
    Stratum,
    TwoArms,
    accrual_for_power,
    average_hazard_ratio,
    cox_limit,
    event_probabilities,
    exponential,
    follow_up_for_power,
    in_whole_patients,
    logrank_score,
    logrank_test,
    milestone_test,
    piecewise_exponential,
    power_for_size,
    rmst_test,
    size_for_power,
    survival_test,
    two_arm_trial,
    weibull,
)
from simulate.design.at_risk import at_risk
from simulate.design.expected import Accrual, Group, expected_counts
from simulate.errors import DesignError
from simulate.scenario.hazards import Hazard

ENTRY = Entry(20.0, (0.0, 3.0, 0.0, 9.0), (0.0, 2.0, 6.0, 8.0))
UNEQUAL = Stratum(
    weibull(shape=1.4, median_months=10.0),
    piecewise_exponential((0.07, 0.02), (0.0, 5.0)),
    piecewise_exponential((0.01,)),
    piecewise_exponential((0.05,)),
    share=2.0,
)
DELAYED = Stratum(
    exponential(median_months=6.0),
    exponential(median_months=6.0).times_from((0.0, 3.0), (1.0, 0.5)),
    share=1.0,
)
STRATIFIED = TwoArms((UNEQUAL, DELAYED), ENTRY, 7.0, ratio=2.0)
ALONE = TwoArms((UNEQUAL,), ENTRY, 7.0, ratio=2.0)
DURING_ACCRUAL = TwoArms((DELAYED,), ENTRY, -5.0)
TRIALS = [STRATIFIED, ALONE, DURING_ACCRUAL]
# Hazards change at ends of steps.
STEPS = 8_100


@pytest.mark.parametrize("trial", TRIALS)
@pytest.mark.parametrize(
    "weights",
    [
        LogrankWeights(),
        LogrankWeights(gamma=1.0),
        LogrankWeights(rho=1.0, gamma=0.5),
        LogrankWeights(survival_floor=0.6),
    ],
)
def test_moments_are_those_of_small_steps(trial: TwoArms, weights: LogrankWeights) -> None:
    def weight(survival: float) -> float:
        if weights.survival_floor is not None:
            return 1.0 / max(survival, weights.survival_floor)
        return float(survival**weights.rho * (1.0 - survival) ** weights.gamma)

    coarse, fine = (np.array(slow_score(trial, weight, n)) for n in (STEPS // 2, STEPS))
    found = np.array(logrank_score(trial, weights))
    # The weight before a step is that at its beginning: the error halves with the steps.
    scale = np.array([math.sqrt(found[1]), found[1], 1.0, 1.0])
    assert np.all(np.abs(2.0 * fine - coarse - found) < 3e-6 * scale)


def test_modest_weights_by_their_delay() -> None:
    """The floor is the limit of both arms' Kaplan-Meier curve at the delay."""
    (seen,) = at_risk(ALONE, (4.0,))
    floor = 1.0
    for step in slow_steps(ALONE, UNEQUAL, 27_000):
        if step.begin >= 4.0 - 1e-9:
            floor = step.survival_before
            break
    assert seen.survival_at(4.0) == pytest.approx(floor, rel=1e-6)
    by_delay = logrank_score(ALONE, LogrankWeights(delay_months=4.0))
    by_floor = logrank_score(ALONE, LogrankWeights(survival_floor=seen.survival_at(4.0)))
    np.testing.assert_allclose(by_delay, by_floor, rtol=1e-9)
    # Beyond the look it grows to the end.
    late = logrank_score(ALONE, LogrankWeights(delay_months=500.0))
    np.testing.assert_allclose(late, logrank_score(ALONE, LogrankWeights(survival_floor=1e-9)))
    # With a floor of 1 nothing is weighted.
    plain = logrank_score(STRATIFIED, LogrankWeights(survival_floor=1.0))
    np.testing.assert_allclose(plain, logrank_score(STRATIFIED), rtol=1e-14)


def test_entries() -> None:
    for month in (0.0, 1.0, 2.0, 3.5, 7.0, 8.0, 12.5, 20.0, 50.0):
        assert float(ENTRY.entered(month)) == pytest.approx(slow_entered(ENTRY, month))
    assert ENTRY.first_month == 2.0
    assert ENTRY.patients == pytest.approx(3.0 * 4.0 + 9.0 * 12.0)
    assert ENTRY.bringing(240.0).patients == pytest.approx(240.0)
    assert ENTRY.bringing(240.0).rates_per_month == pytest.approx((0.0, 6.0, 0.0, 18.0))
    longer = ENTRY.until(129.0)
    assert longer.accrual_months == pytest.approx(21.0)
    assert longer.rates_per_month == ENTRY.rates_per_month
    assert ENTRY.until(120.0) == ENTRY
    assert ENTRY.until(120.0 - 1e-9) == ENTRY
    # A rate that would begin after accrual has no part in it.
    assert Entry(5.0, (2.0, 7.0), (0.0, 6.0)).patients == pytest.approx(10.0)
    assert Entry(5.0, (2.0, 7.0), (0.0, 5.0)).patients == pytest.approx(10.0)


@pytest.mark.parametrize("trial", TRIALS)
def test_events_are_those_of_the_table_of_follow_up(trial: TwoArms) -> None:
    n = round(trial.entry.patients)
    entry = trial.entry
    accrual = Accrual(n, "uniform", entry.from_months, entry.rates_per_month)
    total = sum(stratum.share for stratum in trial.strata)
    p = trial.ratio / (1.0 + trial.ratio)
    groups = []
    for stratum in trial.strata:
        share = stratum.share / total
        groups += [
            Group("control", share * (1.0 - p), stratum.control, stratum.dropout_control),
            Group("experimental", share * p, stratum.experimental, stratum.dropout_experimental),
        ]
    events = expected_counts(groups, accrual, trial.study_months).events[:, 0]
    control, experimental = event_probabilities(trial)
    assert n * control == pytest.approx(events[0::2].sum(), rel=1e-9)
    assert n * experimental == pytest.approx(events[1::2].sum(), rel=1e-9)
    average = average_hazard_ratio(trial)
    assert (average.events_control, average.events_experimental) == pytest.approx(
        (control, experimental), rel=1e-12
    )


def test_average_hazard_ratio_is_a_mean_over_events() -> None:
    def mean(steps: int) -> float:
        total = logs = 0.0
        for stratum in STRATIFIED.strata:
            for step in slow_steps(STRATIFIED, stratum, steps):
                middle, events = 0.5 * (step.begin + step.end), sum(step.events)
                ratio = stratum.experimental.rate(middle) / stratum.control.rate(middle)
                logs, total = logs + events * math.log(ratio), total + events
        return logs / total

    # A Weibull's hazard begins at 0: the logarithm there leaves an error that halves with steps.
    expected = 2.0 * mean(STEPS) - mean(STEPS // 2)
    found = average_hazard_ratio(STRATIFIED)
    assert math.log(found.hazard_ratio) == pytest.approx(expected, abs=2e-6)


def test_information_is_summed_over_pieces() -> None:
    sums: dict[tuple[int, int], list[float]] = {}
    for s, stratum in enumerate(STRATIFIED.strata):
        starts = sorted({*stratum.control.starts_months, *stratum.experimental.starts_months})
        for step in slow_steps(STRATIFIED, stratum, STEPS):
            piece = sum(start <= 0.5 * (step.begin + step.end) for start in starts)
            both = sums.setdefault((s, piece), [0.0, 0.0])
            both[0] += step.events[0]
            both[1] += step.events[1]
    information = sum(1.0 / (1.0 / d0 + 1.0 / d1) for d0, d1 in sums.values())
    found = average_hazard_ratio(STRATIFIED)
    assert found.information == pytest.approx(information, rel=1e-4)
    # Two experimental patients to one control patient.
    assert found.null_information == pytest.approx(2.0 / 9.0 * found.events)


@pytest.mark.parametrize("trial", TRIALS)
def test_limit_of_coxs_estimate_maximises_the_expected_likelihood(trial: TwoArms) -> None:
    steps = [step for s in trial.strata for step in slow_steps(trial, s, STEPS)]

    def minus_likelihood(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        return -math.fsum(
            d1 * log_ratio - (d0 + d1) * math.log(y0 + y1 * ratio)
            for _, _, (y0, y1), (d0, d1), _ in steps
            if y0 + y1 > 0.0
        )

    best = minimize_scalar(minus_likelihood, bracket=(-1.0, 0.0), tol=1e-9)
    limit = cox_limit(trial)
    assert math.log(limit.hazard_ratio) == pytest.approx(best.x, abs=3e-5)
    width = 1e-3
    curve = [minus_likelihood(best.x + k * width) for k in (-1, 0, 1)]
    information = (curve[0] - 2.0 * curve[1] + curve[2]) / width**2
    assert limit.variance == pytest.approx(1.0 / information, rel=1e-3)


def test_limit_of_coxs_estimate_under_one_hazard_ratio_is_that_ratio() -> None:
    trial = ALONE.with_experimental(lambda s: s.control.times(0.37))
    for weights in (LogrankWeights(), LogrankWeights(gamma=1.0), LogrankWeights(rho=2.0)):
        assert cox_limit(trial, weights).hazard_ratio == pytest.approx(0.37, rel=1e-12)


@pytest.mark.parametrize(("test", "of_area"), [(rmst_test, True), (milestone_test, False)])
def test_tests_of_curves(test: object, of_area: bool) -> None:
    month = 9.0
    found = rmst_test(ALONE, month) if of_area else milestone_test(ALONE, month)
    hazards = UNEQUAL.experimental, UNEQUAL.control
    if of_area:
        values = [quad(h.survival, 0.0, month, points=[5.0])[0] for h in hazards]
    else:
        values = [float(h.survival(month)) for h in hazards]
    assert found.effect == pytest.approx(values[0] - values[1], rel=1e-9)
    variance = sum(
        slow_curve_variance(ALONE, experimental, month, 2_700, of_area=of_area)
        for experimental in (True, False)
    )
    assert found.sd**2 == pytest.approx(variance, rel=1e-4)
    assert found.null_sd == found.sd


def null_events(trial: TwoArms, hazards: tuple[float, float]) -> tuple[float, float]:
    """Events of exponential arms by a double integral over entry and follow-up, uniform entry."""
    months, look = trial.entry.accrual_months, trial.study_months
    p = trial.ratio / (1.0 + trial.ratio)
    found = []
    for share, hazard in zip((1.0 - p, p), hazards, strict=True):
        both = hazard + 0.02

        def seen(entry: float, hazard: float = hazard, both: float = both) -> float:
            return hazard / both * -math.expm1(-both * (look - entry))

        found.append(share * quad(seen, 0.0, months, epsabs=1e-14)[0] / months)
    return found[0], found[1]


@pytest.mark.parametrize("method", ["lachin_foulkes", "bernstein_lagakos"])
@pytest.mark.parametrize("null_ratio", [1.0, 1.3])
def test_variances_under_both_hypotheses(method: str, null_ratio: float) -> None:
    trial = two_arm_trial(
        control_median_months=9.0,
        hazard_ratio=0.7,
        dropout_rate_per_month=0.02,
        accrual_months=15.0,
        follow_up_months=10.0,
        ratio=2.0,
    )
    rate = math.log(2.0) / 9.0
    # Both methods' null hazards; Lachin and Foulkes's keep the mean hazard of those randomised.
    null = rate
    if method == "lachin_foulkes":
        null = (rate + 2.0 * 0.7 * rate) / (1.0 + 2.0 * null_ratio)
    n = 500
    d0 = null_events(trial, (null, null * null_ratio))
    d1 = null_events(trial, (rate, rate * 0.7))
    null_error = math.sqrt(sum(1.0 / (n * d) for d in d0))
    error = math.sqrt(sum(1.0 / (n * d) for d in d1))
    z = (math.log(null_ratio / 0.7) - 1.959963984540054 * null_error) / error
    power = 0.5 * math.erfc(-z / math.sqrt(2.0))
    found = survival_test(trial, Question(method, 0.025, null_ratio))  # type: ignore[arg-type]
    assert found.power(n, 0.025) == pytest.approx(power, abs=1e-10)


SMALL = two_arm_trial(
    control_median_months=12.0,
    hazard_ratio=0.55,
    dropout_rate_per_month=0.01,
    accrual_months=40.0,
    accrual_rate_per_month=4.0,
    follow_up_months=5.0,
)
METHODS = [
    "schoenfeld",
    "freedman",
    "hsieh_freedman",
    "lachin_foulkes",
    "bernstein_lagakos",
    "logrank",
]


@pytest.mark.parametrize("method", METHODS)
def test_every_direction_reaches_the_power(method: str) -> None:
    question = Question(method, 0.02)  # type: ignore[arg-type]
    size = size_for_power(SMALL, 0.85, question)
    assert size.patients == pytest.approx(size.trial.entry.patients)
    assert size.trial.study_months == SMALL.study_months
    accrual = accrual_for_power(SMALL, 0.85, question)
    assert accrual.trial.entry.rates_per_month == SMALL.entry.rates_per_month
    assert accrual.trial.follow_up_months == SMALL.follow_up_months
    follow_up = follow_up_for_power(SMALL, 0.85, question)
    assert follow_up.patients == pytest.approx(160.0)
    for found in (size, accrual, follow_up):
        assert found.power == pytest.approx(0.85, abs=1e-9)
        again = power_for_size(found.trial, question)
        assert (again.patients, again.power) == pytest.approx((found.patients, found.power))
    # The shortest accrual and follow-up: a little less of them has less power.
    shorter = replace(
        accrual.trial, entry=accrual.trial.entry.lasting(accrual.trial.entry.accrual_months - 0.1)
    )
    assert power_for_size(shorter, question).power < 0.85
    less = follow_up.trial.followed(follow_up.trial.follow_up_months - 0.1)
    assert power_for_size(less, question).power < 0.85


def test_whole_patients_keep_the_ratio() -> None:
    trial = replace(SMALL, ratio=2.0)
    size = size_for_power(trial, 0.8)
    assert size.patients % 3 > 0.01
    faster = in_whole_patients(size)
    assert faster.patients == pytest.approx(math.ceil(size.patients / 3.0) * 3)
    assert faster.trial.entry.accrual_months == 40.0
    assert faster.power > 0.8
    longer = in_whole_patients(accrual_for_power(trial, 0.8), by_longer_accrual=True)
    assert longer.patients % 3 == pytest.approx(0.0, abs=1e-6)
    assert longer.trial.entry.rates_per_month == (4.0,)
    assert longer.power > 0.8


def test_null_information_is_judged_at_the_average_hazard() -> None:
    trial = two_arm_trial(
        control_median_months=8.0,
        hazard_ratio=(1.0, 0.4),
        hazard_ratio_from_months=(0.0, 3.0),
        accrual_months=10.0,
        follow_up_months=6.0,
        ratio=3.0,
    )
    rate = math.log(2.0) / 8.0
    average = piecewise_exponential((rate, rate * (0.25 + 0.75 * 0.4)), (0.0, 3.0))
    null = two_arm_trial(
        control_rate_per_month=average.slopes,
        control_from_months=average.starts_months,
        hazard_ratio=1.0,
        accrual_months=10.0,
        follow_up_months=6.0,
        ratio=3.0,
    )
    score, without = logrank_score(trial), logrank_score(null)
    test = logrank_test(trial, None, "null_information")
    assert test.effect == pytest.approx(score.mean / score.variance)
    assert test.sd == pytest.approx(score.variance**-0.5)
    assert test.null_sd == pytest.approx(without.variance**-0.5)


def test_integrals_run_from_randomisation() -> None:
    (seen,) = at_risk(ALONE, (4.0,))
    running = seen.running_integral(np.cos(seen.months))
    np.testing.assert_allclose(running, np.sin(seen.months), atol=1e-12)
    assert np.all(seen.months[:, 0] < seen.months[:, -1])
    assert all(a[-1] < b[0] for a, b in pairwise(seen.months))


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"hazard_ratio": (1.0, 0.5)}, "hazard_ratio_from_months: must be as many as hazard_ratio"),
        ({"hazard_ratio": 0.0}, r"hazard_ratio: must be a finite .* \(given: 0.0\)"),
        ({"control_rate_per_month": 0.1}, r"control_median_months: .* \(given: both\)"),
        ({"control_median_months": None}, r"control_median_months: .* \(given: neither\)"),
        ({"control_from_months": (0.0, 1.0)}, "control_from_months: must be as many as"),
        (
            {"control_median_months": None, "control_rate_per_month": 0.1, "control_shape": 2.0},
            "control_shape: must be 1",
        ),
        ({"control_shape": 101.0}, "control_shape: must be at most 100"),
        ({"dropout_rate_per_month": -0.1}, "dropout_rate_per_month: must be .* 0 or more"),
        ({"accrual_months": math.inf}, "accrual_months: must be a finite number"),
        ({"accrual_rate_per_month": (0.0,)}, "accrual_rate_per_month: .* not all 0"),
        (
            {"accrual_rate_per_month": (0.0, 1.0), "accrual_from_months": (0.0, 99.0)},
            "rates_per_month: must let patients enter",
        ),
        (
            {"accrual_rate_per_month": (1.0, 1.0), "accrual_from_months": (1.0, 9.0)},
            "accrual_from_months: must begin with 0 and increase",
        ),
        ({"follow_up_months": -40.0}, "follow_up_months: must leave time"),
        ({"ratio": math.nan}, "ratio: must be a finite"),
    ],
)
def test_figures_are_checked(figures: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "control_median_months": 12.0,
        "hazard_ratio": 0.6,
        "accrual_months": 20.0,
        "follow_up_months": 6.0,
    }
    with pytest.raises(DesignError, match=message):
        two_arm_trial(**(good | figures))  # type: ignore[arg-type]


FAST = Stratum(piecewise_exponential((3.0,)), piecewise_exponential((2.0,)))
NEVER = Hazard(1.0, 1.0, (0.0,), (0.0,))


def test_what_cannot_be_computed_is_said() -> None:
    delayed = two_arm_trial(
        control_median_months=12.0,
        hazard_ratio=(1.0, 0.5),
        hazard_ratio_from_months=(0.0, 4.0),
        accrual_months=20.0,
        follow_up_months=6.0,
    )
    with pytest.raises(DesignError, match="method: must be logrank where the hazard ratio"):
        survival_test(delayed)
    two = TwoArms((UNEQUAL, replace(UNEQUAL, experimental=UNEQUAL.control)), ENTRY, 1.0)
    with pytest.raises(DesignError, match="method: must be logrank"):
        survival_test(two)
    with pytest.raises(DesignError, match="null_hazard_ratio: must be 1 with logrank"):
        survival_test(SMALL, Question("logrank", 0.025, 1.2))
    with pytest.raises(DesignError, match="method: must be one of"):
        survival_test(SMALL, Question("wald"))  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="judged: must be own_variance with strata"):
        logrank_test(STRATIFIED, None, "null_information")
    with pytest.raises(DesignError, match="judged: must be own_variance unless"):
        logrank_test(ALONE, None, "null_information")
    with pytest.raises(DesignError, match="strata: must be one"):
        rmst_test(STRATIFIED, 5.0)
    with pytest.raises(DesignError, match="at_months: must be below the longest follow-up, 25"):
        milestone_test(ALONE, 25.0)
    with pytest.raises(DesignError, match="trial: must expect events"):
        logrank_score(TwoArms((Stratum(NEVER, NEVER),), ENTRY, 1.0))
    with pytest.raises(DesignError, match="trial: must expect events in both arms"):
        cox_limit(TwoArms((Stratum(UNEQUAL.control, NEVER),), ENTRY, 1.0))
    with pytest.raises(DesignError, match="trial: must have a hazard above 0 in both"):
        average_hazard_ratio(TwoArms((Stratum(UNEQUAL.control, NEVER),), ENTRY, 1.0))
    with pytest.raises(DesignError, match="delay_months: must stand alone"):
        LogrankWeights(gamma=1.0, delay_months=3.0)
    with pytest.raises(DesignError, match="delay_months: must come while patients are event-free"):
        logrank_score(replace(SMALL, strata=(FAST,)), LogrankWeights(delay_months=30.0))
    with pytest.raises(DesignError, match="survival_floor: must be from 1e-09 to 1"):
        LogrankWeights(survival_floor=1.5)


def test_powers_out_of_reach_are_refused() -> None:
    with pytest.raises(DesignError, match=r"accrual_months: must be shorter: .* 0\.7"):
        follow_up_for_power(SMALL, 0.3)
    few = replace(SMALL, entry=SMALL.entry.bringing(20))
    with pytest.raises(DesignError, match="power: cannot be reached: 1200 months of follow-up"):
        follow_up_for_power(few, 0.9)
    worse = SMALL.with_experimental(lambda s: s.control.times(1.2))
    for solve in (size_for_power, accrual_for_power, follow_up_for_power):
        with pytest.raises(DesignError, match="does not favour the experimental arm"):
            solve(worse, 0.9)
    with pytest.raises(DesignError, match="power: must be above alpha"):
        accrual_for_power(SMALL, 0.02)
