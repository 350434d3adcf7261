"""Which figures have an analytic twin, and when the two are said to differ."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twins.feature_scenarios import (
    TWO_ARMS,
    Table,
    dropping_out,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    relative,
)

from simulate.api import run
from simulate.results.characteristics import Row
from simulate.results.result import Result
from simulate.results.twins import Twin, twins
from simulate.scenario.models import Scenario

COUNTS = [
    f"{counted}_{part}_mean"
    for counted in ("patients", "events", "dropouts")
    for part in ("experimental", "control")
]
STRATA: Table = {"site": {"a": 0.5, "b": 0.5}}


def scenario_of(*triggers: Table, stratified: bool = False, **tables: Any) -> Scenario:
    names = [f"look{k}" for k in range(1, len(triggers) + 1)]
    looks = {name: {"trigger": trigger} for name, trigger in zip(names, triggers, strict=True)}
    test = hypothesis("new", "old", *names, stratified=stratified, estimate="none")
    usual: Table = {"analyses": looks, "hypotheses": {"test": test}}
    if stratified:
        usual["strata"] = STRATA
    return feature_scenario("plain", **(usual | tables))


def simulated(*triggers: Table, trials: int = 2000, **tables: Any) -> Result:
    return run(scenario_of(*triggers, **tables), trials=trials, workers=1)


def by_key(found: list[Twin] | tuple[Twin, ...]) -> dict[tuple[str, str], Twin]:
    return {(twin.analysis, twin.measure): twin for twin in found}


def moved(result: Result, analysis: str, measure: str, by: float) -> Twin:
    """Twin of one figure after it was moved by an amount."""
    rows: list[Row] = [
        row._replace(estimate=row.estimate + by)
        if (row.analysis, row.measure, row.condition) == (analysis, measure, "all")
        else row
        for row in result.operating_characteristics
    ]
    return by_key(twins(result.scenario, rows))[analysis, measure]


def test_a_look_at_a_fixed_month_has_exact_twins_of_its_counts() -> None:
    result = simulated({"calendar_months": 12.0})
    found = by_key(result.twins)
    exact = [measure for (_, measure), twin in found.items() if twin.kind == "exact"]
    assert exact == COUNTS
    assert {twin.method for twin in found.values() if twin.kind == "exact"} == {"expected counts"}
    assert ("look1", "look_time_mean") not in found


def test_a_look_at_a_number_of_events_has_an_approximate_twin_of_its_month() -> None:
    result = simulated(events(50))
    found = by_key(result.twins)
    assert list(found) == [
        ("look1", "cumulative_rejection_probability"),
        ("overall", "rejection_probability"),
        ("look1", "look_time_mean"),
    ]
    month = found["look1", "look_time_mean"]
    assert (month.kind, month.method) == ("approximate", "expected events")
    assert month.tolerance == pytest.approx(0.02 * month.twin + 0.005)
    power = found["overall", "rejection_probability"]
    assert power.kind == "approximate"
    # Ten rejections in 2000 trials are beside the 0.015 of the approximation.
    assert power.tolerance == pytest.approx(0.015 + 0.005)


def test_the_tolerance_in_power_is_larger_for_a_stratified_test() -> None:
    found = by_key(simulated(events(50), stratified=True, trials=500).twins)
    assert found["overall", "rejection_probability"].tolerance == pytest.approx(0.03 + 0.02)


def test_a_twin_stands_beside_the_row_it_is_of() -> None:
    result = simulated({"calendar_months": 9.0}, events(50), trials=300)
    for twin in result.twins:
        row = result.estimate(twin.measure, twin.hypothesis, twin.analysis, twin.condition)
        assert (twin.estimate, twin.mcse) == (row.value, row.mcse)
        assert twin.allowed == pytest.approx(4.0 * twin.mcse + twin.tolerance)
    assert list(result.twins) == twins(result.scenario, result.operating_characteristics)


@pytest.mark.parametrize(
    "trigger",
    [
        {"latest_of": [events(40), {"calendar_months": 9.0}]},
        {"minimum_follow_up_months": 3.0},
    ],
)
def test_other_random_months_have_no_twin(trigger: Table) -> None:
    accrual = {"patients": 90, "arrivals": "poisson", "rate_per_month": 7.0}
    found = by_key(simulated(trigger, trials=50, accrual=accrual).twins)
    assert not [measure for _, measure in found if "probability" not in measure]


def test_events_that_may_never_come_have_no_twins() -> None:
    result = simulated(events(40, "skip"), trials=300, follow_up={"maximum_months": 9.0})
    assert 0.02 < result.estimate("target_not_reached", "test", "look1").value < 0.98
    assert result.twins == ()


def test_a_look_that_waits_for_the_one_before_has_no_twin_of_its_month() -> None:
    both = [events(25, stratum={"site": site}) for site in "ab"]
    result = simulated(*both, stratified=True, trials=300)
    found = by_key(result.twins)
    assert ("look1", "look_time_mean") in found
    assert ("look2", "look_time_mean") not in found
    # Its mean is indeed later than that of the first, although the expected months are equal.
    second = result.estimate("look_time_mean", "test", "look2")
    assert second.value > 1.02 * found["look1", "look_time_mean"].twin + 4.0 * second.mcse


@pytest.mark.parametrize("measure", COUNTS[:4])
def test_a_wrong_count_is_flagged_and_a_right_one_is_not(measure: str) -> None:
    result = simulated({"calendar_months": 9.0})
    right = by_key(result.twins)["look1", measure]
    assert not right.flagged
    off = right.twin - right.estimate
    # Ten patients in 2000 trials are the rest of what is allowed.
    inside, outside = 4.0 * right.mcse + 0.0049, 4.0 * right.mcse + 0.0051
    for sign in (1.0, -1.0):
        assert not moved(result, "look1", measure, off + sign * inside).flagged
        assert moved(result, "look1", measure, off + sign * outside).flagged


@pytest.mark.parametrize(
    ("analysis", "measure"),
    [("look1", "look_time_mean"), ("overall", "rejection_probability")],
)
def test_a_wrong_approximate_figure_is_flagged_and_a_right_one_is_not(
    analysis: str, measure: str
) -> None:
    result = simulated(events(50))
    right = by_key(result.twins)[analysis, measure]
    assert not right.flagged
    off = right.twin - right.estimate
    inside, outside = 3.9 * right.mcse + right.tolerance, 4.1 * right.mcse + right.tolerance
    for sign in (1.0, -1.0):
        assert not moved(result, analysis, measure, off + sign * inside).flagged
        assert moved(result, analysis, measure, off + sign * outside).flagged


def test_rare_and_nearly_certain_counts_raise_no_alarm() -> None:
    rare: Table = {
        "new": {"pfs": relative("old", 0.6), "dropout": dropping_out(1e-5)},
        "old": {"pfs": exponential(8.0), "dropout": dropping_out(1e-5)},
    }
    found = by_key(simulated({"calendar_months": 12.0}, arms=rare, trials=200).twins)
    dropouts = found["look1", "dropouts_control_mean"]
    assert dropouts.mcse < 0.01
    assert dropouts.twin > 0.001
    assert not dropouts.flagged
    # All have entered in every trial, though that is not quite certain.
    poisson: Table = {"patients": 88, "arrivals": "poisson", "rate_per_month": 7.0}
    found = by_key(simulated({"calendar_months": 18.3}, accrual=poisson, trials=30).twins)
    patients = found["look1", "patients_control_mean"]
    assert patients.mcse == 0.0
    assert patients.estimate - patients.twin > 1e-5
    assert not patients.flagged


@pytest.mark.parametrize("trials", [1, 2, 3, 5])
def test_few_trials_raise_no_alarm(trials: int) -> None:
    for trigger in ({"calendar_months": 12.0}, events(20), events(50)):
        scenario = scenario_of(trigger, arms=TWO_ARMS)
        for seed in range(10):
            result = run(scenario, trials=trials, seed=seed, workers=1)
            assert not [twin for twin in result.twins if twin.flagged]


def test_without_an_error_there_is_no_flag() -> None:
    found = by_key(simulated({"calendar_months": 12.0}, trials=1).twins)
    events_seen = found["look1", "events_control_mean"]
    assert math.isnan(events_seen.mcse)
    assert math.isnan(events_seen.allowed)
    assert not events_seen.flagged


def test_changing_ratios_have_no_twin_of_power_but_of_counts() -> None:
    found = run(feature_scenario("poisson with a pause"), trials=50, workers=1).twins
    assert {twin.method for twin in found} >= {"expected counts"}
    weibull = run(feature_scenario("weibull"), trials=50, workers=1).twins
    assert [twin.method for twin in weibull] == ["expected events"]
