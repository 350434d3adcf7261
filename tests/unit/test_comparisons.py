"""Planned tests, critical values, and when there is one true hazard ratio."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import norm
from twins.feature_scenarios import (
    FEATURES,
    TWO_ARMS,
    Table,
    delayed,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    piecewise,
    relative,
)

from simulate.scenario.comparisons import (
    Comparison,
    constant_log_hazard_ratio,
    critical_values,
    planned_comparisons,
    rows_of,
)

STRATA: Table = {"risk": {"high": 0.4, "low": 0.6}}
HIGH = {"stratum": {"risk": "high"}}
LOW = {"stratum": {"risk": "low"}}


def truth(new: Table, old: Table, stratified: bool = False, **tables: Any) -> float | None:
    """True log hazard ratio with these distributions of PFS."""
    test = hypothesis("new", "old", "final", stratified=stratified)
    if stratified or "by_stratum" in new | old:
        tables["strata"] = STRATA
    arms = {"new": {"pfs": new}, "old": {"pfs": old}}
    scenario = feature_scenario("plain", arms=arms, hypotheses={"test": test}, **tables)
    return constant_log_hazard_ratio(scenario, "test")


def test_tests_are_planned_by_analysis_and_then_by_hypothesis() -> None:
    found = planned_comparisons(feature_scenario("three arms"))
    assert found == (
        Comparison("first", "high", 0, 0, 2.0),
        Comparison("first", "doses", 0, 2, 2.0),
        Comparison("second", "high", 1, 0, 2.0),
        Comparison("second", "low", 1, 1, 2.0),
    )
    assert rows_of(found, "high") == [0, 2]
    assert rows_of(found, "low") == [3]
    assert rows_of(found, "doses") == [1]


def test_critical_values_are_those_given_look_by_look() -> None:
    looks = {name: {"trigger": events(n)} for name, n in (("a", 20), ("b", 30), ("c", 40))}
    tests = {
        "every": hypothesis("new", "old", "a", "b", "c") | {"critical_values": [3.0, 2.5, 2.1]},
        "some": hypothesis("new", "old", "a", "c") | {"critical_values": [2.9, -1.5]},
    }
    scenario = feature_scenario("plain", analyses=looks, hypotheses=tests)
    assert critical_values(scenario, "every") == {"a": 3.0, "b": 2.5, "c": 2.1}
    assert critical_values(scenario, "some") == {"a": 2.9, "c": -1.5}
    assert [c.critical_value for c in planned_comparisons(scenario)] == [3.0, 2.9, 2.5, 2.1, -1.5]


@pytest.mark.parametrize("alpha", [1e-9, 0.0005, 0.025, 0.05, 0.4999])
def test_a_level_becomes_a_normal_quantile(alpha: float) -> None:
    test = {k: v for k, v in hypothesis("new", "old", "final").items() if k != "critical_values"}
    scenario = feature_scenario("plain", hypotheses={"test": test | {"alpha": alpha}})
    assert critical_values(scenario, "test")["final"] == pytest.approx(norm.isf(alpha), rel=1e-12)


def test_a_constant_ratio_is_the_truth() -> None:
    assert truth(relative("old", 0.6), exponential(8.0)) == pytest.approx(math.log(0.6))
    assert truth(exponential(16.0), exponential(8.0)) == pytest.approx(math.log(0.5))
    weibull: Table = {"distribution": "weibull", "shape": 1.4, "median_months": 9.0}
    longer = weibull | {"median_months": 18.0}
    assert truth(longer, weibull) == pytest.approx(-1.4 * math.log(2.0))
    assert truth(relative("old", 1.0), exponential(8.0)) == 0.0
    steps = ((0.0, 0.02), (5.0, 0.1), (11.0, 0.04))
    halves = tuple((month, rate / 2) for month, rate in steps)
    assert truth(piecewise(*halves), piecewise(*steps)) == pytest.approx(math.log(0.5))


def test_the_same_ratio_in_every_step_is_constant() -> None:
    same = delayed("old", (0.0, 0.7), (4.0, 0.7))
    assert truth(same, exponential(8.0)) == pytest.approx(math.log(0.7))


def test_a_ratio_that_changes_is_no_single_truth() -> None:
    assert truth(delayed("old", (0.0, 1.0), (4.0, 0.5)), exponential(8.0)) is None
    weibull: Table = {"distribution": "weibull", "shape": 1.4, "median_months": 9.0}
    assert truth(weibull, exponential(9.0)) is None
    assert truth(piecewise((0.0, 0.1), (3.0, 0.05)), exponential(8.0)) is None


def different_hazards(high: float, low: float) -> tuple[Table, Table]:
    """Arms whose hazards differ by stratum; the hazard ratio in each."""
    old = {"by_stratum": {"high": exponential(4.0) | HIGH, "low": exponential(20.0) | LOW}}
    new = {"by_stratum": {"high": relative("old", high) | HIGH, "low": relative("old", low) | LOW}}
    return new, old


def test_ratios_that_differ_by_stratum_are_no_single_truth() -> None:
    new, old = different_hazards(0.5, 0.8)
    assert truth(new, old, stratified=True) is None
    assert truth(new, old, stratified=False) is None


def test_over_different_hazards_only_a_stratified_test_meets_the_one_ratio() -> None:
    new, old = different_hazards(0.6, 0.6)
    assert truth(new, old, stratified=True) == pytest.approx(math.log(0.6))
    assert truth(new, old, stratified=False) is None


def test_without_an_effect_every_test_meets_the_ratio_1() -> None:
    new, old = different_hazards(1.0, 1.0)
    assert truth(new, old, stratified=True) == 0.0
    assert truth(new, old, stratified=False) == 0.0


def test_an_unstratified_test_over_one_hazard_meets_the_ratio() -> None:
    tables = FEATURES["two to one"]
    test = hypothesis("new", "old", "final")
    scenario = feature_scenario("two to one", hypotheses={"test": test})
    assert tables["arms"] == TWO_ARMS
    assert constant_log_hazard_ratio(scenario, "test") == pytest.approx(math.log(0.6))


def test_the_ratio_is_that_of_the_two_arms_compared() -> None:
    scenario = feature_scenario("three arms")
    found = [constant_log_hazard_ratio(scenario, name) for name in scenario.hypotheses]
    assert found == [pytest.approx(math.log(ratio)) for ratio in (0.56, 0.8, 0.7)]
