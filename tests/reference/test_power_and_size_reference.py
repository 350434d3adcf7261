"""Closed forms of size and power against gsDesign, gsDesign2, rpact, lrstat, clinfun and npsurvSS.

Each tolerance is what the package solves or integrates to; where none is needed, 1e-11, since the
answers are given to twelve digits or so.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulate.design import (
    Entry,
    LogrankWeights,
    NormalTest,
    Question,
    Stratum,
    TwoArms,
    accrual_for_power,
    average_hazard_ratio,
    cox_limit,
    event_probabilities,
    exponential,
    follow_up_for_power,
    logrank_score,
    logrank_test,
    maxcombo_test,
    milestone_test,
    piecewise_exponential,
    required_events,
    rmst_test,
    simon_designs,
    size_for_power,
    survival_test,
    two_arm_trial,
    two_proportions_test,
    two_stage,
)
from simulate.design.normal_orthant import probability_any_above

CASES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("power_and_size_cases.json").read_text(encoding="utf-8")
)
DIGITS = 1e-11
# What lrstat solves sizes and events for: power to about 1e-8.
LRSTAT_SOLVED = 3e-8
ALPHA = 0.025


def cases(kind: str) -> list[str]:
    return [name for name, case in CASES.items() if case["kind"] == kind]


def test_every_case_is_used() -> None:
    used = {
        *cases("events"),
        *cases("sample-size-survival"),
        *cases("simon-two-stage"),
        *LRSTAT_WEIGHTED,
        *GSDESIGN2_FIXED,
        *("nBinomial_0.2_0.4_r1", "nBinomial_0.5_0.65_r2", "binomial_noninferiority"),
        *("lrstat_rmst_km_power_D1", "lrstat_rmst_km_power_D3", "gsDesign2_ahr"),
        "lrpower_W3_FH01",
    }
    assert used == set(CASES)


@pytest.mark.parametrize("name", cases("events"))
def test_events(name: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    given = (
        params["hr"],
        1.0 - params["beta"],
        params["alpha_one_sided"],
        params["ratio_exp_to_ctl"],
        params["hr0"],
    )
    schoenfeld = required_events(*given)
    for package in ("gsDesign_nEvents", "closed_form", "rpact"):
        if (key := f"schoenfeld_{package}") in values:
            assert schoenfeld == pytest.approx(values[key], rel=DIGITS)
    assert schoenfeld == pytest.approx(values["lrstat_getNevents_unrounded"], rel=LRSTAT_SOLVED)
    if params["hr0"] == 1.0:
        freedman = required_events(*given, method="freedman")
        assert freedman == pytest.approx(values["freedman_rpact"], rel=DIGITS)
        assert freedman == pytest.approx(values["freedman_closed_form"], rel=DIGITS)
        hsieh = required_events(*given, method="hsieh_freedman")
        assert hsieh == pytest.approx(values["hsieh_freedman_rpact"], rel=DIGITS)


METHODS: dict[str, Any] = {
    "Schoenfeld": "schoenfeld",
    "schoenfeld": "schoenfeld",
    "Schoenfeld events / event probability": "schoenfeld",
    "LachinFoulkes": "lachin_foulkes",
    "Freedman": "freedman",
    "BernsteinLagakos": "bernstein_lagakos",
    "direct": "logrank",
}


@pytest.mark.parametrize("name", cases("sample-size-survival"))
def test_sample_size(name: str) -> None:
    case = CASES[name]
    params, values = case["params"], case["values"]
    within = LRSTAT_SOLVED if case["source"].startswith("lrstat") else DIGITS
    trial = two_arm_trial(
        control_median_months=params["median_control"],
        hazard_ratio=params["hr"],
        dropout_rate_per_month=params["dropout_hazard"],
        accrual_months=params["accrual_duration"],
        follow_up_months=params["study_duration"] - params["accrual_duration"],
        ratio=params["ratio_exp_to_ctl"],
    )
    method = METHODS[params.get("method", params.get("computation"))]
    question = Question(method, params["alpha_one_sided"])
    power = 1.0 - params["beta"]
    size = size_for_power(trial, power, question)
    assert size.power == pytest.approx(power, abs=1e-12)
    assert size.patients == pytest.approx(values["n"], rel=within)
    assert size.events == pytest.approx(values.get("d", values.get("events")), rel=within)
    if "eDC" in values:
        assert size.events_control == pytest.approx(values["eDC"], rel=within)
        assert size.events_experimental == pytest.approx(values["eDE"], rel=within)
        (rate,) = size.trial.entry.rates_per_month
        assert rate == pytest.approx(values["accrual_rate"], rel=within)
    # The other directions find the same trial.
    accrual = accrual_for_power(size.trial, power, question)
    assert accrual.trial.entry.accrual_months == pytest.approx(params["accrual_duration"], abs=1e-9)
    followed = follow_up_for_power(size.trial, power, question)
    assert followed.trial.study_months == pytest.approx(params["study_duration"], abs=1e-8)


def test_average_hazard_ratio() -> None:
    params, values = CASES["gsDesign2_ahr"]["params"], CASES["gsDesign2_ahr"]["values"]
    control = piecewise_exponential((math.log(2.0) / 9.0, math.log(2.0) / 18.0), (0.0, 3.0))
    dropout = piecewise_exponential((params["dropout_hazard"],))
    stratum = Stratum(control, control.times_from((0.0, 3.0), (0.9, 0.6)), dropout, dropout)
    entry = Entry(14.0, (6.0, 12.0, 18.0), (0.0, 2.0, 4.0))
    for row, month in enumerate(values["time"]):
        found = average_hazard_ratio(TwoArms((stratum,), entry, month - 14.0))
        n = entry.patients
        assert found.hazard_ratio == pytest.approx(values["ahr"][row], rel=DIGITS)
        assert n * found.events == pytest.approx(values["event"][row], rel=DIGITS)
        assert n * found.information == pytest.approx(values["info"][row], rel=DIGITS)
        assert n * found.null_information == pytest.approx(values["info0"][row], rel=DIGITS)
        assert entry.entered(month) == pytest.approx(values["n"][row], rel=DIGITS)


def scenario(name: str) -> TwoArms:
    """Hazards of the designs D1 to D4, as their words say."""
    median, ratios, starts = {
        "D1": (12.0, (1.0, 0.55), (0.0, 4.0)),
        "D2": (10.0, (0.5, 1.2), (0.0, 6.0)),
        "D3": (10.0, (0.55, 1.0), (0.0, 6.0)),
        "D4": (10.0, (0.65,), (0.0,)),
    }[name]
    return two_arm_trial(
        control_median_months=median,
        hazard_ratio=ratios,
        hazard_ratio_from_months=starts,
        dropout_rate_per_month=0.01,
        accrual_months=24.0,
        accrual_rate_per_month=12.5,
        follow_up_months=12.0,
    )


LRSTAT_WEIGHTED = {
    f"lrpower_{design}_{label}": (design, LogrankWeights(gamma=gamma))
    for design in ("D1", "D2", "D3", "D4")
    for label, gamma in (("FH01", 1.0), ("FH00.5", 0.5))
}


@pytest.mark.parametrize("name", LRSTAT_WEIGHTED)
def test_weighted_logrank_power_of_lrstat(name: str) -> None:
    design, weights = LRSTAT_WEIGHTED[name]
    trial, values = scenario(design), CASES[name]["values"]
    score, n = logrank_score(trial, weights), trial.entry.patients
    assert n * score.events == pytest.approx(values["events"], rel=DIGITS)
    # Its score is negative for benefit, and crossing hazards make it a difference of larger parts.
    assert n * score.mean == pytest.approx(-values["uscore"], abs=1e-11)
    assert n * score.variance == pytest.approx(values["vscore"], rel=DIGITS)
    z = score.mean * math.sqrt(n / score.variance)
    assert z == pytest.approx(-values["mean_logrankZ"], abs=1e-11)
    power = logrank_test(trial, weights).power(n, ALPHA)
    assert power == pytest.approx(values["power"], abs=1e-11)
    # lrstat's root finding leaves about 1e-7 in the log hazard ratio.
    limit = cox_limit(trial, weights)
    assert limit.hazard_ratio == pytest.approx(values["HR_cox_limit"], rel=2e-7)
    assert limit.variance / n == pytest.approx(values["vlogHR"], rel=2e-7)


def test_stratified_weighted_logrank_power_of_lrstat() -> None:
    values = CASES["lrpower_W3_FH01"]["values"]
    dropout = piecewise_exponential((0.01,))
    strata = []
    for median, share in ((7.0, 0.4), (14.0, 0.6)):
        control = exponential(median_months=median)
        experimental = control.times_from((0.0, 4.0), (1.0, 0.55))
        strata.append(Stratum(control, experimental, dropout, dropout, share))
    trial = TwoArms(tuple(strata), Entry(24.0, (400.0 / 24.0,)), values["time"] - 24.0)
    n = trial.entry.patients
    # lrstat solves for the time of 280 events, and says how many it comes to.
    assert n * sum(event_probabilities(trial)) == pytest.approx(values["events"], rel=DIGITS)
    power = logrank_test(trial, LogrankWeights(gamma=1.0)).power(n, ALPHA)
    assert power == pytest.approx(values["power"], abs=1e-11)


GSDESIGN2_FIXED = [f"gsDesign2_fixed_{design}" for design in ("D1", "D2", "D3", "D4")]


def fixed_tests(trial: TwoArms) -> dict[str, tuple[NormalTest, float]]:
    """Test and tolerance by gsDesign2's names.

    R's ``integrate`` stops at a relative error of 1.2e-4 of the variance where nothing else is
    asked for, across the kinks of the integrand. With means of Z up to 3.2 that is up to 8e-5 in
    power; of Kaplan-Meier tests, whose integrands are smooth up to the month, less than 1e-5.
    """
    late, modest = LogrankWeights(gamma=1.0), LogrankWeights(delay_months=4.0)
    return {
        "ahr": (average_hazard_ratio(trial).test(), 1e-12),
        "fh01": (logrank_test(trial, late, "null_information"), 8e-5),
        "fh00": (logrank_test(trial, None, "null_information"), 8e-5),
        "mb": (logrank_test(trial, modest, "null_information"), 8e-5),
        "rmst18": (rmst_test(trial, 18.0), 1e-5),
        "milestone18": (milestone_test(trial, 18.0), 1e-5),
    }


@pytest.mark.parametrize("name", GSDESIGN2_FIXED)
def test_powers_of_gsdesign2(name: str) -> None:
    trial, values = scenario(name[-2:]), CASES[name]["values"]
    n = trial.entry.patients
    events = n * sum(event_probabilities(trial))
    tests = fixed_tests(trial)
    for test_name, (test, within) in tests.items():
        if values[test_name] is None:
            continue  # gsDesign2 refuses a test whose effect has the wrong sign
        assert test.power(n, ALPHA) == pytest.approx(values[test_name]["power"], abs=within)
        assert events == pytest.approx(values[test_name]["event"], rel=2e-7)
    # "lf": Lachin and Foulkes with the average hazard ratio as if it were constant.
    ratio = average_hazard_ratio(trial).hazard_ratio
    constant = trial.with_experimental(lambda stratum: stratum.control.times(ratio))
    expected = n * sum(event_probabilities(constant))
    assert expected == pytest.approx(values["lf"]["event"], rel=DIGITS)
    assert survival_test(constant).power(n, ALPHA) == pytest.approx(
        values["lf"]["power"], abs=1e-12
    )
    assert set(values) == {*tests, "lf", "maxcombo4"}


@pytest.mark.parametrize("design", ["D1", "D3", "D4"])
def test_maxcombo_of_gsdesign2(design: str) -> None:
    values = CASES[f"gsDesign2_fixed_{design}"]["values"]["maxcombo4"]
    components = [LogrankWeights(rho, gamma) for rho, gamma in ((0, 0), (0, 1), (1, 0), (1, 1))]
    test, n = maxcombo_test(scenario(design), components), 300.0
    # R's ``uniroot`` stops within 1.2e-4 of the bound, and the level there is a random integral,
    # to 1e-5: together they leave less than 2e-5 of alpha.
    bound = values["bound"]
    assert test.critical_z(ALPHA) == pytest.approx(bound, abs=3e-4)
    level = probability_any_above([bound] * 4, test.correlation)
    assert level == pytest.approx(ALPHA, abs=2e-5)
    # The power is one more such integral, with moments as in `fixed_tests`.
    limits = [bound - effect * math.sqrt(n) for effect in test.effects]
    at_bound = probability_any_above(limits, test.correlation)
    assert at_bound == pytest.approx(values["power"], abs=9e-5)
    assert test.power(n, ALPHA) == pytest.approx(values["power"], abs=2e-4)


def test_maxcombo_that_gsdesign2_refuses() -> None:
    # Late differences are against the experimental arm there.
    assert CASES["gsDesign2_fixed_D2"]["values"]["maxcombo4"] is None
    test = maxcombo_test(scenario("D2"), [LogrankWeights(), LogrankWeights(gamma=1.0)])
    assert test.effects[1] < 0.0 < test.effects[0]
    single = logrank_test(scenario("D2"))
    assert ALPHA < test.power(300.0, ALPHA) < single.power(300.0, ALPHA)


@pytest.mark.parametrize("design", ["D1", "D3"])
def test_powers_of_curves_by_lrstat(design: str) -> None:
    trial, values = scenario(design), CASES[f"lrstat_rmst_km_power_{design}"]["values"]
    n = trial.entry.patients
    rmst, milestone = rmst_test(trial, 18.0), milestone_test(trial, 18.0)
    assert rmst.power(n, ALPHA) == pytest.approx(values["rmst"]["overallReject"], abs=1e-12)
    assert rmst.effect == pytest.approx(values["rmst"]["rmstDiff"], rel=DIGITS)
    assert n / rmst.sd**2 == pytest.approx(values["rmst"]["information"], rel=DIGITS)
    assert milestone.power(n, ALPHA) == pytest.approx(values["km"]["overallReject"], abs=1e-12)
    assert milestone.effect == pytest.approx(values["km"]["survDiff"], rel=DIGITS)
    assert n / milestone.sd**2 == pytest.approx(values["km"]["information"], rel=DIGITS)


@pytest.mark.parametrize("name", cases("simon-two-stage"))
def test_simons_designs(name: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    rates = params["p0"], params["p1"]
    found = simon_designs(*rates, 1.0 - params["beta"], params["alpha"])
    for design, expected in zip(found, values["lrstat"], strict=True):
        stages = [design.first_patients, design.first_responders]
        stages += [design.patients, design.responders]
        assert stages == [expected[key] for key in ("n1", "r1", "n", "r")]
        figures = [design.alpha, design.power, design.early_stop, design.expected_patients]
        figures += [design.weight_from, design.weight_to]
        names = ["attainedAlpha", "attainedPower", "PET0", "EN0", "w_lower", "w_upper"]
        np.testing.assert_allclose(figures, [expected[key] for key in names], rtol=DIGITS)
        again = two_stage(stages[0], stages[1], stages[2], stages[3], *rates)
        np.testing.assert_allclose(again[:8], design[:8], rtol=1e-13)
    for design, expected in ((found[0], values["minimax"]), (found[-1], values["optimal"])):
        assert [design.first_responders, design.first_patients] == [expected["r1"], expected["n1"]]
        assert [design.responders, design.patients] == [expected["r"], expected["n"]]
        assert design.expected_patients == pytest.approx(expected["EN_p0"], rel=DIGITS)
        assert design.early_stop == pytest.approx(expected["PET_p0"], rel=DIGITS)


@pytest.mark.parametrize("name", ["nBinomial_0.2_0.4_r1", "nBinomial_0.5_0.65_r2"])
def test_two_proportions(name: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    # gsDesign's group 2 is the experimental arm here.
    given = (params["p1"], params["p2"], params["ratio_n2_over_n1"])
    power, alpha = 1.0 - params["beta"], params["alpha_one_sided"]
    n = two_proportions_test(*given).n_for(power, alpha)
    assert n == pytest.approx(values["gsDesign_FarringtonManning_total"], rel=DIGITS)
    assert n == pytest.approx(values["rpact_normal_total"], rel=DIGITS)
    assert n == pytest.approx(values["lrstat_riskdiff_nullvar"], rel=LRSTAT_SOLVED)
    n = two_proportions_test(*given, method="unpooled").n_for(power, alpha)
    assert n == pytest.approx(values["lrstat_riskdiff_unpooled"], rel=LRSTAT_SOLVED)


def test_non_inferiority_of_two_proportions() -> None:
    params = CASES["binomial_noninferiority"]["params"]
    values = CASES["binomial_noninferiority"]["values"]
    test = two_proportions_test(params["p1"], params["p2"], params["ratio"], params["delta0"])
    alpha = params["alpha_one_sided"]
    assert test.n_for(1.0 - params["beta"], alpha) == pytest.approx(values["total_n"], rel=DIGITS)
    assert test.power(400, alpha) == pytest.approx(values["power_n400"], rel=DIGITS)
