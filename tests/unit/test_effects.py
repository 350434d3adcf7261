"""True values of tests and estimates against integrals, roots and averages made otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, special
from twins.feature_scenarios import Table, exponential, piecewise, relative
from twins.joint_scenarios import (
    ARMS,
    alone,
    by_site,
    compare,
    estimate,
    joint_scenario,
    responding,
)

from simulate.scenario.effects import (
    arm_rate,
    arm_survival,
    median,
    null_holds,
    null_value,
    restricted_mean,
    true_value,
)
from simulate.scenario.models import Scenario

SMALL = 0.3
Survival = Callable[[float], float]


def new_pfs(month: float) -> float:
    return math.exp(-math.pow(month / 16.0, 0.9))


def old_pfs(month: float) -> float:
    large = 0.04 * min(month, 5.0) + 0.12 * min(max(month - 5.0, 0.0), 6.0)
    large += 0.06 * max(month - 11.0, 0.0)
    return float(SMALL * 0.5 ** (month / 4.0) + (1.0 - SMALL) * math.exp(-large))


def new_os(month: float) -> float:
    return float(0.5 ** (month / 40.0))


def old_os(month: float) -> float:
    return float(0.5 ** (month / 30.0))


def mean_until(survival: Survival, month: float) -> float:
    edges = [0.0, 0.01, *(bend for bend in (5.0, 11.0) if bend < month), month]
    parts = (integrate.quad(survival, a, b, epsabs=1e-12)[0] for a, b in pairwise(edges))
    return math.fsum(parts)


def average(small: float, large: float) -> float:
    return SMALL * small + (1.0 - SMALL) * large


def log_odds(p: float) -> float:
    return math.log(p) - math.log(1.0 - p)


def with_hypothesis(table: Table, **more: Any) -> Scenario:
    return joint_scenario(hypotheses={"it": table}, **more)


def with_arms(new: Table, old: Table, *, hypotheses: Table | None = None) -> Scenario:
    """Two arms of one endpoint or more, without the copula and the other endpoints."""
    return joint_scenario(
        arms={"new": new, "old": old},
        correlations=None,
        binary_endpoints=None,
        hypotheses=hypotheses,
        estimates={"an": estimate(next(iter(new)), "median" if "pfs" in new else "rate")},
    )


TRUTHS: dict[str, float] = {
    "rmst": mean_until(new_pfs, 15.0) - mean_until(old_pfs, 15.0),
    "milestone": new_pfs(8.0) - old_pfs(8.0),
    "log_log": math.log(-math.log(old_os(12.0))) - math.log(-math.log(new_os(12.0))),
    "landmark": new_pfs(10.0),
    "difference": average(0.3, 0.5) - average(0.1, 0.2),
    "cells": average(0.3, 0.5) - average(0.1, 0.2),
    "odds": log_odds(0.4) - log_odds(0.25),
    "rate": average(0.3, 0.5),
    "logrank": math.log(30.0 / 40.0),
    "median": float(optimize.brentq(lambda t: old_pfs(t) - 0.5, 0.1, 50.0, xtol=1e-13)),
    "survival": new_os(12.0),
    "mean": mean_until(new_pfs, 15.0),
    "share": average(0.3, 0.5),
    "mature": average(0.3, 0.5),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_true_values(name: str) -> None:
    assert true_value(joint_scenario(), name) == pytest.approx(TRUTHS[name], rel=1e-10)


def test_a_weighted_test_has_the_truth_of_its_unweighted_estimate() -> None:
    # The hazards of PFS are not proportional, those of OS are.
    test = {"fleming_harrington": {"rho": 1, "gamma": 0}}
    assert true_value(joint_scenario(), "late") is None
    proportional = with_hypothesis(compare("os", "weighted_logrank", **test))
    assert true_value(proportional, "it") == pytest.approx(math.log(0.75))


@pytest.mark.parametrize("shape", [0.3, 0.5, 1.4])
def test_a_steep_start_costs_a_restricted_mean_no_digits(shape: float) -> None:
    pfs = {"distribution": "weibull", "shape": shape, "scale_months": 16.0}
    # The integral by the clock (t / 16)^shape: an incomplete gamma function.
    expected = 16.0 / shape * special.gamma(1.0 / shape)
    expected *= special.gammainc(1.0 / shape, (24.0 / 16.0) ** shape)
    found = restricted_mean(with_arms({"pfs": pfs}, {"pfs": pfs}), "pfs", "new", 24.0)
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("tau", [0.5, 5.0, 7.3, 11.0, 60.0])
@pytest.mark.parametrize(("arm", "survival"), [("new", new_pfs), ("old", old_pfs)])
def test_restricted_means(arm: str, survival: Survival, tau: float) -> None:
    found = restricted_mean(joint_scenario(), "pfs", arm, tau)
    assert found == pytest.approx(mean_until(survival, tau), rel=1e-9)


def test_survival_of_an_arm_is_that_over_its_strata() -> None:
    months = np.array([[0.0, 3.0, 5.0], [8.0, 11.0, 40.0]])
    found = arm_survival(joint_scenario(), "pfs", "old", months)
    np.testing.assert_allclose(found, np.vectorize(old_pfs)(months), rtol=1e-13)
    assert arm_survival(joint_scenario(), "os", "old", [12.0])[0] == pytest.approx(old_os(12.0))


def cured(share: float, median_months: float) -> Table:
    return exponential(median_months) | {"cured": share}


@pytest.mark.parametrize(
    ("large", "small"),
    [((0.0, 9.0), (0.0, 9.0)), ((0.6, 9.0), (0.0, 1.0)), ((0.0, 1.0), (0.9, 3.0))],
)
def test_medians_over_strata(large: tuple[float, float], small: tuple[float, float]) -> None:
    def above_half(month: float) -> float:
        in_large, in_small = (c + (1.0 - c) * 0.5 ** (month / m) for c, m in (large, small))
        return average(in_small, in_large) - 0.5

    pfs = by_site(cured(*large), cured(*small))
    scenario = with_arms({"pfs": pfs}, {"pfs": pfs})
    expected = optimize.brentq(above_half, 0.1, 100.0, xtol=1e-13)
    # Cured fractions are tabulated to 1e-7 of survival.
    assert median(scenario, "pfs", "new") == pytest.approx(expected, rel=1e-5)
    assert true_value(scenario, "an") == median(scenario, "pfs", "new")


def test_a_median_that_is_never_reached_is_infinite() -> None:
    pfs = by_site(cured(0.8, 9.0), exponential(1.0))
    assert median(with_arms({"pfs": pfs}, {"pfs": pfs}), "pfs", "new") == math.inf


def test_without_strata_a_median_is_that_of_the_distribution() -> None:
    pfs = exponential(9.0)
    scenario = with_arms({"pfs": pfs}, {"pfs": pfs})
    assert median(scenario, "pfs", "new") == pytest.approx(9.0, rel=1e-15)


def test_rates_of_an_arm() -> None:
    scenario = joint_scenario()
    assert arm_rate(scenario, "response", "old") == pytest.approx(average(0.1, 0.2))
    assert arm_rate(scenario, "clear", "old") == pytest.approx(0.25)


def test_a_stratified_odds_ratio_needs_the_same_in_all_cells() -> None:
    test = {"method": "mantel_haenszel", "stratified": True, "estimate": "odds_ratio"}
    differing = with_hypothesis(compare("response", "proportions", **test))
    assert true_value(differing, "it") is None
    common = {
        "new": ARMS["new"] | {"response": responding(0.5, 0.2, 2.0)},
        "old": ARMS["old"] | {"response": responding(0.2, 0.2 / 3.4, 2.0)},
    }
    # Odds of 1 and 1/4 against 1/4 and 1/16.
    same = with_hypothesis(compare("response", "proportions", **test), arms=common)
    assert true_value(same, "it") == pytest.approx(math.log(4.0))


def test_infinite_odds_have_no_true_value() -> None:
    sure = {"new": {"response": responding(1.0, 1.0, 2.0)}}
    test = {"method": "z_pooled", "estimate": "odds_ratio"}
    scenario = with_arms(
        sure["new"],
        {"response": responding(0.2, 0.2, 2.0)},
        hypotheses={"it": compare("response", "proportions", **test)},
    )
    assert true_value(scenario, "it") is None


def test_a_log_log_difference_needs_survival_within_0_and_1() -> None:
    late = piecewise((0.0, 0.0), (10.0, 0.1))  # nobody before month 10
    test = compare("pfs", "milestone", at_months=5.0, transform="log_log")
    scenario = with_arms({"pfs": late}, {"pfs": exponential(9.0)}, hypotheses={"it": test})
    assert true_value(scenario, "it") is None


NULLS: list[tuple[Table, float]] = [
    (compare("os", "logrank"), 1.0),
    (compare("os", "logrank", null_hazard_ratio=1.3), 1.3),
    (compare("os", "weighted_logrank", fleming_harrington={"rho": 0, "gamma": 1}), 1.0),
    (compare("os", "rmst", tau_months=9.0), 0.0),
    (compare("os", "milestone", at_months=9.0, transform="log_log"), 0.0),
    (alone("os", "landmark_survival", at_months=9.0, null_survival=0.6), 0.6),
    (compare("clear", "proportions", method="z_unpooled", null_difference=-0.1), -0.1),
    (alone("clear", "exact_binomial", null_rate=0.3), 0.3),
]


@pytest.mark.parametrize(("table", "expected"), NULLS)
def test_null_values(table: Table, expected: float) -> None:
    assert null_value(with_hypothesis(table).hypotheses["it"]) == expected


HOLDS: list[tuple[Table, bool | None]] = [
    (compare("os", "logrank"), False),
    (compare("os", "logrank", null_hazard_ratio=0.75), True),
    (compare("os", "logrank", null_hazard_ratio=0.7), True),
    (compare("os", "logrank", null_hazard_ratio=0.76), False),
    (compare("os", "logrank", estimate="none"), False),
    (compare("pfs", "logrank"), None),
    (compare("os", "rmst", tau_months=9.0), False),
    (compare("os", "milestone", at_months=9.0), False),
    (alone("os", "landmark_survival", at_months=40.0, null_survival=0.5), True),
    (alone("os", "landmark_survival", at_months=40.0, null_survival=0.51), True),
    (alone("os", "landmark_survival", at_months=40.0, null_survival=0.49), False),
    (compare("clear", "proportions", method="z_unpooled", null_difference=0.15), True),
    (compare("clear", "proportions", method="z_unpooled", null_difference=0.14), False),
    (compare("clear", "proportions", method="fisher", estimate="odds_ratio"), False),
    (alone("clear", "exact_binomial", null_rate=0.4), True),
    (alone("clear", "exact_binomial", null_rate=0.39), False),
]


@pytest.mark.parametrize(("table", "expected"), HOLDS)
def test_whether_the_null_hypothesis_holds(table: Table, expected: bool | None) -> None:
    assert null_holds(with_hypothesis(table), "it") is expected


@pytest.mark.parametrize(
    "test",
    [
        compare("pfs", "rmst", tau_months=9.0),
        compare("pfs", "milestone", at_months=9.0),
        compare("pfs", "milestone", at_months=9.0, transform="log_log"),
        compare("pfs", "logrank"),
    ],
)
def test_equal_arms_are_the_null_hypothesis(test: Table) -> None:
    scenario = with_arms(
        {"pfs": relative("old", 1.0)},
        {"pfs": by_site(exponential(9.0), exponential(3.0))},
        hypotheses={"it": test},
    )
    assert null_holds(scenario, "it") is True
