"""The rules for endpoints and what is said of them, at their edges."""

from __future__ import annotations

from typing import Any

import pytest
from twins.feature_scenarios import Table, events, exponential, piecewise, relative
from twins.joint_scenarios import (
    ARMS,
    ESTIMATES,
    HYPOTHESES,
    by_site,
    compare,
    estimate,
    joint_scenario,
    responding,
)

from simulate.errors import ScenarioError
from simulate.scenario.resolve import endpoints_of


def problems(**tables: Any) -> list[str]:
    """What is wrong with the scenario of every endpoint with these tables; [] if nothing."""
    try:
        joint_scenario(**tables)
    except ScenarioError as error:
        return [str(problem) for problem in error.problems]
    return []


def exponential_rate(rate_per_month: float) -> Table:
    return {"distribution": "exponential", "rate_per_month": rate_per_month}


def two_times(pfs: Table, os: Table, rho: float, **tables: Any) -> list[str]:
    """What is wrong where both arms have these PFS and OS, and no other endpoint."""
    return problems(
        arms={name: {"pfs": pfs, "os": os} for name in ("new", "old")},
        binary_endpoints=None,
        correlations={"progression_os": rho} | tables.pop("correlations", {}),
        hypotheses={"os": compare("os", "logrank")},
        estimates=None,
        **tables,
    )


# Which endpoints there are


def test_the_scenario_of_every_endpoint_is_sound() -> None:
    assert endpoints_of(joint_scenario()) == ("pfs", "os", "response", "clear")


@pytest.mark.parametrize("left", ["pfs", "os", "response", "clear"])
def test_any_single_endpoint_makes_a_scenario(left: str) -> None:
    def only(arm: Table) -> Table:
        return {"binary": arm["binary"]} if left == "clear" else {left: arm[left]}

    scenario = joint_scenario(
        arms={name: only(arm) for name, arm in ARMS.items()},
        binary_endpoints={"clear": {}} if left == "clear" else None,
        correlations=None,
        hypotheses=None,
        estimates={"it": estimate(left, "median" if left in ("pfs", "os") else "rate")},
    )
    assert endpoints_of(scenario) == (left,)


def test_a_scenario_may_have_no_hypotheses_and_no_estimates() -> None:
    assert problems(hypotheses=None) == []
    assert problems(hypotheses={}) == []
    assert problems(estimates=None) == []
    assert problems(hypotheses=None, estimates=None) == []


def test_one_arm_is_enough() -> None:
    one = {"new": ARMS["new"]}
    alone = {name: HYPOTHESES[name] for name in ("landmark", "rate")}
    assert problems(arms=one, hypotheses=alone, estimates={"it": ESTIMATES["share"]}) == []


@pytest.mark.parametrize("endpoint", ["pfs", "os", "response"])
@pytest.mark.parametrize("arm", ["new", "old"])
def test_an_endpoint_of_one_arm_only_is_one_problem(endpoint: str, arm: str) -> None:
    other = "old" if arm == "new" else "new"
    arms = {
        name: {key: table for key, table in tables.items() if (name, key) != (arm, endpoint)}
        for name, tables in ARMS.items()
    }
    rule = f"must have the endpoint '{endpoint}', as the arm {other} has"
    assert problems(arms=arms) == [f"arms.{arm}: {rule}; add [arms.{arm}.{endpoint}]"]


def test_a_broken_arm_makes_no_second_problem() -> None:
    arms = ARMS | {"old": ARMS["old"] | {"os": exponential(-1.0)}}
    assert [line.split(": ")[0] for line in problems(arms=arms)] == ["arms.old.os.median_months"]


def test_every_endpoint_can_trigger_a_look() -> None:
    for endpoint in ("pfs", "os", "response", "clear"):
        trigger = {"trigger": events(20) | {"endpoint": endpoint}}
        assert problems(analyses={"final": trigger}) == []


# Correlations


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_third_correlation_has_the_range_that_is_said(sign: float) -> None:
    def with_third(third: float) -> list[str]:
        triple = {"progression_os": 0.6, "progression_response": 0.8 * sign, "os_response": third}
        return problems(correlations=triple)

    # 0.6 * 0.8 sign -+ 0.8 * 0.6.
    low, high = sorted((0.0, 0.96 * sign))
    assert with_third(low + 1e-6) == with_third(high - 1e-6) == []
    for outside in (low - 1e-6, high + 1e-6):
        (message,) = with_third(outside)
        assert message.startswith("correlations.os_response: cannot hold with the other two: it ")
        for end in (low, high):
            assert f"{end:.4g}" in message


def test_a_correlation_with_a_missing_endpoint_may_be_0() -> None:
    arms = {name: {"pfs": arm["pfs"]} for name, arm in ARMS.items()}
    tables: Table = {
        "arms": arms,
        "binary_endpoints": None,
        "hypotheses": {"pfs": HYPOTHESES["rmst"]},
        "estimates": None,
    }
    assert problems(correlations={"progression_os": 0.0}, **tables) == []
    assert problems(correlations={"progression_os": 0.1}, **tables) == [
        "correlations.progression_os: must be 0 or left out: the arms have no os (given: 0.1)"
    ]


# PFS and OS of one patient


def test_the_lowest_correlation_that_is_named_is_the_edge() -> None:
    pfs, os = exponential(10.0), exponential(10.5)
    (message,) = two_times(pfs, os, -0.6)
    start = "correlations.progression_os: cannot be -0.6: in arm new too many would have to die "
    assert message.startswith(start + "without progression by month ")
    lowest = float(message.split("a correlation above ")[1].split(",")[0])
    assert two_times(pfs, os, lowest + 1e-4) == []
    assert two_times(pfs, os, lowest - 1e-4) != []


def test_the_month_from_which_survival_is_too_low_is_where_the_curves_cross() -> None:
    # 0.05 t = 0.01 t + 0.09 (t - 5) from month 5 on.
    (message,) = two_times(exponential_rate(0.05), piecewise((0.0, 0.01), (5.0, 0.1)), 0.5)
    level = "(PFS 0.6376, OS 0.6376)"
    assert message == (
        "arms.new.os: must nowhere be below progression-free survival, as it is from month 9 "
        f"{level} on; make survival longer or progression earlier, or the horizon shorter"
    )


def test_what_happens_after_the_horizon_or_the_follow_up_is_free() -> None:
    pfs, os = exponential_rate(0.05), piecewise((0.0, 0.01), (5.0, 0.1))
    assert two_times(pfs, os, 0.5) != []
    assert two_times(pfs, os, 0.9, correlations={"horizon_months": 4.9}) == []
    assert two_times(pfs, os, 0.9, follow_up={"maximum_months": 4.9}) == []


def test_survival_that_is_too_low_from_the_start() -> None:
    (message,) = two_times(exponential(10.0), exponential(9.0), 0.5)
    assert message == (
        "arms.new.os: must nowhere be below progression-free survival, as it is from the start on; "
        "make survival longer or progression earlier"
    )


def test_the_cell_is_named_if_the_others_differ() -> None:
    pfs = by_site(exponential(10.0), exponential(25.0))
    (message,) = two_times(pfs, exponential(20.0), 0.5)
    assert "as it is where site=small from the start on" in message


def test_each_arm_that_cannot_be_is_named() -> None:
    arms = {
        "new": {"pfs": exponential(10.0), "os": exponential(9.0)},
        "old": {"pfs": relative("new", 2.0), "os": relative("new", 2.5)},
    }
    found = problems(
        arms=arms,
        binary_endpoints=None,
        correlations=None,
        hypotheses={"os": compare("os", "logrank")},
        estimates=None,
    )
    assert [message.split(": ")[0] for message in found] == ["arms.new.os", "arms.old.os"]


def test_equal_survival_is_feasible_and_nobody_progresses() -> None:
    assert two_times(exponential(10.0), exponential(10.0), 0.5) == []


# Rates and times of response


def test_rates_by_stratum_may_not_overlap() -> None:
    response = responding(0.2, 0.1, 3.0)
    response["by_stratum"]["t"] = {"stratum": {"site": "small"}, "rate": 0.3}
    found = problems(arms=ARMS | {"old": ARMS["old"] | {"response": response}})
    assert [message.split(" (given")[0] for message in found] == [
        "arms.old.response.by_stratum.t.stratum: must not match a cell that by_stratum.s matches "
        "too (site=small)"
    ]


# Tests and estimates


@pytest.mark.parametrize("endpoint", ["pfs", "os", "response", "clear"])
@pytest.mark.parametrize("name", HYPOTHESES)
def test_every_test_is_for_times_or_for_binary_endpoints(name: str, endpoint: str) -> None:
    table = HYPOTHESES[name] | {"endpoint": endpoint}
    kind = table["test"]["kind"]
    of_times, is_time = kind not in ("proportions", "exact_binomial"), endpoint in ("pfs", "os")
    found = problems(hypotheses={"it": table})
    if of_times == is_time:
        assert found == []
        return
    needed = "a binary endpoint" if of_times else "a time to an event"
    remedy = "use" if of_times else "use another than"
    joined = f"proportions {'or' if of_times else 'and'} exact_binomial"
    assert found == [
        f"hypotheses.it.test.kind: must be for {needed}, which '{endpoint}' is "
        f'(given: "{kind}"); {remedy} {joined}'
    ]


@pytest.mark.parametrize("endpoint", ["pfs", "os", "response", "clear"])
@pytest.mark.parametrize("name", ESTIMATES)
def test_every_estimate_is_for_times_or_for_binary_endpoints(name: str, endpoint: str) -> None:
    found = problems(estimates={"it": ESTIMATES[name] | {"endpoint": endpoint}})
    is_sound = (ESTIMATES[name]["kind"] == "rate") == (endpoint in ("response", "clear"))
    assert [message.split(": ")[0] for message in found] == ["estimates.it.kind"] * (not is_sound)


@pytest.mark.parametrize("name", HYPOTHESES)
def test_every_test_has_its_number_of_arms(name: str) -> None:
    table = HYPOTHESES[name]
    has_control = "control" in table["arms"]
    arms = {"experimental": "new"} if has_control else {"experimental": "new", "control": "old"}
    (message,) = problems(hypotheses={"it": table | {"arms": arms}})
    rule = "required key is missing" if has_control else "must be left out"
    assert message.startswith(f"hypotheses.it.arms.control: {rule}")


def test_an_estimate_is_made_at_every_analysis_unless_it_names_some() -> None:
    looks = {
        "first": {"trigger": {"calendar_months": 12.0}},
        "second": {"trigger": {"calendar_months": 24.0}},
    }
    some = {"every": ESTIMATES["median"], "one": ESTIMATES["share"] | {"analyses": ["second"]}}
    scenario = joint_scenario(analyses=looks, hypotheses=None, estimates=some)
    assert scenario.estimates["every"].analyses == ("first", "second")
    assert scenario.estimates["one"].analyses == ("second",)
