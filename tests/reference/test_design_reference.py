"""Closed forms against the answers of gsDesign, gsDesign2, lrstat and rpact."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from simulate.design.crossing import crossing_probabilities
from simulate.design.expected import (
    Accrual,
    Group,
    entry_month,
    expected_counts,
    probability_by,
    time_to_events,
)
from simulate.design.schoenfeld import logrank_drift, schoenfeld_power
from simulate.scenario.hazards import Hazard

CASES: dict[str, Any] = json.loads(
    Path(__file__).with_name("design_cases.json").read_text(encoding="utf-8")
)
# Rejection probabilities at a package's own bounds: how finely each solves for them.
SPENT_WITHIN = {"gsDesign": 1e-10, "rpact": 2e-9, "lrstat": 2e-8}
BOUNDS = ["bounds_eq2", "bounds_eq3", "bounds_eq5", "bounds_un3", "bounds_un4"]


def exponential(rate: float) -> Hazard:
    return Hazard(1.0, 1.0, (0.0,), (rate,))


def uniform_accrual(n_patients: int, rate_per_month: float) -> Accrual:
    return Accrual(n_patients, "uniform", (0.0,), (rate_per_month,))


def two_arms(hazard_ratio: float, median: float, share: float = 0.5) -> tuple[Group, Group]:
    control = exponential(math.log(2.0) / median)
    dropout = exponential(0.01)
    return (
        Group("experimental", share, control.times(hazard_ratio), dropout),
        Group("control", 1.0 - share, control, dropout),
    )


def test_expected_counts_of_w1() -> None:
    case = CASES["expected_events_W1"]
    values, times = case["values"], case["params"]["calendar_times"]
    counts = expected_counts(two_arms(0.65, 10.0), uniform_accrual(300, 12.5), times)
    np.testing.assert_allclose(counts.events[0], values["gsDesign_exp"], rtol=1e-12)
    np.testing.assert_allclose(counts.events[1], values["gsDesign_control"], rtol=1e-12)
    np.testing.assert_allclose(counts.events.T, values["lrstat_nevent"], rtol=1e-12)
    np.testing.assert_allclose(counts.events.sum(axis=0), values["lrstat_nevents"], rtol=1e-12)
    np.testing.assert_allclose(counts.dropouts.sum(axis=0), values["lrstat_ndropouts"], rtol=1e-11)
    np.testing.assert_allclose(counts.patients.sum(axis=0), values["lrstat_subjects"], rtol=1e-14)


def test_expected_counts_under_a_maximum_follow_up() -> None:
    case = CASES["expected_events_fixed_followup"]
    values, times = case["values"], case["params"]["calendar_times"]
    groups = two_arms(0.7, 9.0, share=2.0 / 3.0)
    counts = expected_counts(groups, uniform_accrual(240, 20.0), times, maximum_months=12.0)
    np.testing.assert_allclose(counts.patients.sum(axis=0), values["subjects"], rtol=1e-14)
    np.testing.assert_allclose(counts.events[0], values["nevents1"], rtol=1e-12)
    np.testing.assert_allclose(counts.events[1], values["nevents2"], rtol=1e-12)
    np.testing.assert_allclose(counts.dropouts.sum(axis=0), values["ndropouts"], rtol=1e-11)


def test_event_probability_under_a_weibull() -> None:
    case = CASES["rpact_weibull_event_prob"]
    values, times = case["values"], case["params"]["times"]
    control = Hazard(1.3, 1.0 / values["lambda2"], (0.0,), (1.0,))
    groups = [Group("1", 0.5, control.times(0.65**1.3)), Group("2", 0.5, control)]
    counts = expected_counts(groups, uniform_accrual(1000, 1000 / 24.0), times)
    # Of all the planned patients; the package integrates the Weibull to about 1e-7.
    np.testing.assert_allclose(counts.events[0] / 500.0, values["arm1"], rtol=1e-7)
    np.testing.assert_allclose(counts.events[1] / 500.0, values["arm2"], rtol=1e-7)
    np.testing.assert_allclose(counts.events.sum(axis=0) / 1000.0, values["overall"], rtol=1e-7)


def test_piecewise_exponential_distribution() -> None:
    case = CASES["ptpwexp"]
    params, values = case["params"], case["values"]
    hazard = Hazard(1.0, 1.0, tuple(params["piecewise_times"]), tuple(params["rates"]))
    np.testing.assert_allclose(hazard.survival(params["q"]), values["surv_gsDesign2"], rtol=1e-12)
    np.testing.assert_allclose(hazard.quantile(params["p"]), values["quantile"], rtol=1e-12)
    observed, dropped = probability_by(hazard, None, params["q"])
    np.testing.assert_allclose(observed, values["cdf"], rtol=1e-12)
    assert not np.any(dropped)


@pytest.mark.parametrize("hazard_ratio", [0.65, 0.8])
def test_group_sequential_power_of_w2(hazard_ratio: float) -> None:
    values = CASES[f"lrpower_W2_hr{hazard_ratio}"]["values"]["schoenfeld"]
    events, bounds = np.array(values["events"]), values["bounds"]
    power = schoenfeld_power(events, hazard_ratio, bounds)
    np.testing.assert_allclose(power, values["cumulativeRejection"], rtol=1e-6)

    groups, accrual = two_arms(hazard_ratio, 10.0), uniform_accrual(300, 12.5)
    looks = [time_to_events(groups, accrual, n) for n in events]
    np.testing.assert_allclose(looks, values["analysisTime"], rtol=1e-9)
    patients = expected_counts(groups, accrual, looks).patients.sum(axis=0)
    np.testing.assert_allclose(patients, values["subjects"], rtol=1e-9)

    drift = logrank_drift(hazard_ratio)
    first = crossing_probabilities(bounds, events, drift).upper
    stopped = np.append(first[:-1], 1.0 - first[:-1].sum())
    assert stopped @ events == pytest.approx(values["expectedEvents"], rel=1e-6)
    assert stopped @ looks == pytest.approx(values["expectedDuration"], rel=1e-6)
    assert stopped @ patients == pytest.approx(values["expectedSubjects"], rel=1e-6)


def test_last_entry_of_w2() -> None:
    assert entry_month(uniform_accrual(300, 12.5), 300) == 24.0


@pytest.mark.parametrize("column", range(5))
def test_crossing_of_given_bounds(column: int) -> None:
    case = CASES["gsProbability_given_bounds"]
    params, values = case["params"], case["values"]
    first = crossing_probabilities(
        params["upper"], params["information"], params["theta"][column], params["lower"]
    )
    np.testing.assert_allclose(first.upper, np.array(values["upper"])[:, column], atol=5e-10)
    np.testing.assert_allclose(first.lower, np.array(values["lower"])[:, column], atol=5e-10)


@pytest.mark.parametrize("name", BOUNDS)
def test_every_design_spends_its_alpha(name: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    designs = [
        (family, package, bounds)
        for family, answers in values.items()
        if isinstance(answers, dict)
        for package, bounds in answers.items()
    ]
    assert len(designs) > 30
    for family, package, bounds in designs:
        spent = crossing_probabilities(bounds, params["information_rates"]).upper.sum()
        tolerance = SPENT_WITHIN[package]
        assert spent == pytest.approx(0.025, abs=tolerance), f"{family} by {package}"


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("family", ["LDOF", "LDPocock", "HSD-4"])
def test_spending_look_by_look(name: str, family: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    stated = values["cum_alpha_" + family.replace("-", "_")]
    bounds = values[family]["gsDesign"]
    spent = np.cumsum(crossing_probabilities(bounds, params["information_rates"]).upper)
    np.testing.assert_allclose(spent, stated, atol=1e-10, rtol=0.0)


@pytest.mark.parametrize("name", BOUNDS)
def test_power_and_average_information_of_obrien_fleming_spending(name: str) -> None:
    params, values = CASES[name]["params"], CASES[name]["values"]
    rates, inflation = np.array(params["information_rates"]), values["LDOF_inflation_factor_beta.1"]
    drift = (ndtri(0.975) + ndtri(0.9)) * math.sqrt(inflation)
    first = crossing_probabilities(values["LDOF"]["rpact"], rates, drift).upper
    np.testing.assert_allclose(np.cumsum(first), values["LDOF_power"], atol=2e-9, rtol=0.0)
    stopped = np.append(first[:-1], 1.0 - first[:-1].sum())
    assert inflation * (stopped @ rates) == pytest.approx(values["LDOF_aveSampleNumber1"], abs=1e-8)
