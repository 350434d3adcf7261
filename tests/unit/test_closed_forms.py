"""Looks and power as closed forms expect them, against other derivations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm
from twins.feature_scenarios import (
    Table,
    arriving,
    delayed,
    dropping_out,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    relative,
)

from simulate.results.closed_forms import (
    ExpectedLook,
    closed_form_power,
    expected_looks,
    trial_groups,
)
from simulate.scenario.looks import EventTrigger
from simulate.scenario.models import Scenario

EVENT, DROPOUT = 0.08, 0.01
ARMS: Table = {
    "new": {"pfs": relative("old", 0.5), "dropout": dropping_out(DROPOUT)},
    "old": {
        "pfs": {"distribution": "exponential", "rate_per_month": EVENT},
        "dropout": dropping_out(DROPOUT),
    },
}
EVENLY: Table = {"patients": 120, "arrivals": "evenly_spaced", "rate_per_month": 8.0}
POISSON = EVENLY | {"arrivals": "poisson"}


def scenario_of(*triggers: Table, **tables: Any) -> Scenario:
    """A trial of 120 patients with a look a trigger: look1, look2, ..."""
    names = [f"look{k}" for k in range(1, len(triggers) + 1)]
    looks = {name: {"trigger": trigger} for name, trigger in zip(names, triggers, strict=True)}
    tests = {"test": hypothesis("new", "old", *names)}
    usual: Table = {"arms": ARMS, "accrual": EVENLY, "analyses": looks, "hypotheses": tests}
    return feature_scenario("plain", **(usual | tables))


def looks_of(*triggers: Table, **tables: Any) -> list[ExpectedLook]:
    return expected_looks(scenario_of(*triggers, **tables))


def seen(rate: float, follow_up: float) -> float:
    """Probability that an exponential event is seen before an exponential dropout."""
    both = rate + DROPOUT
    return rate / both * (1.0 - math.exp(-both * max(follow_up, 0.0)))


def expected(rate: float, month: float, share: float = 0.5, limit: float = math.inf) -> float:
    """Expected events by a calendar month, patient k entering at month k / 8."""
    return sum(share * seen(rate, min(month - k / 8.0, limit)) for k in range(1, 121))


def test_counts_at_a_calendar_month() -> None:
    (look,) = looks_of({"calendar_months": 12.3})
    assert (look.analysis, look.month, look.fixed, look.typical) == ("look1", 12.3, True, True)
    assert look.patients == {"new": 49.0, "old": 49.0}  # 98 have entered by month 12.3
    assert look.events["old"] == pytest.approx(expected(EVENT, 12.3), rel=1e-9)
    assert look.events["new"] == pytest.approx(expected(EVENT / 2, 12.3), rel=1e-9)
    dropouts = expected(EVENT, 12.3) * DROPOUT / EVENT
    assert look.dropouts["old"] == pytest.approx(dropouts, rel=1e-9)


def test_maximum_follow_up_and_ratio() -> None:
    (look,) = looks_of(
        {"calendar_months": 40.0},
        follow_up={"maximum_months": 6.0},
        randomisation={"ratio": {"new": 2, "old": 1}, "block_size": 3},
    )
    assert look.patients == {"new": pytest.approx(80.0), "old": pytest.approx(40.0)}
    assert look.events["old"] == pytest.approx(expected(EVENT, 40.0, 1 / 3, 6.0), rel=1e-9)
    assert look.events["new"] == pytest.approx(expected(EVENT / 2, 40.0, 2 / 3, 6.0), rel=1e-9)


def test_counts_of_poisson_arrivals() -> None:
    (look,) = looks_of({"calendar_months": 15.0}, accrual=POISSON)
    # The rate times the probability that fewer than 120 have come, integrated over entries.
    from scipy.stats import poisson

    def intensity(entry: float) -> float:
        return float(8.0 * poisson.cdf(119, 8.0 * entry))

    patients = quad(intensity, 0.0, 15.0, limit=200)[0]
    events_seen = quad(lambda s: intensity(s) * seen(EVENT, 15.0 - s), 0.0, 15.0, limit=200)[0]
    assert sum(look.patients.values()) == pytest.approx(patients, rel=1e-8)
    assert look.events["old"] == pytest.approx(events_seen / 2, rel=1e-8)
    assert look.fixed


def test_a_look_after_follow_up_is_fixed_only_if_entries_are() -> None:
    trigger = {"minimum_follow_up_months": 4.0}
    (evenly,) = looks_of(trigger)
    (after_40,) = looks_of(trigger | {"after_patients": 40})
    (poisson,) = looks_of(trigger, accrual=POISSON)
    assert after_40.month == pytest.approx(9.0)
    # The 120th arrival is a gamma variable with a mean of 15 months.
    assert evenly.month == pytest.approx(poisson.month) == pytest.approx(19.0)
    assert evenly.fixed
    assert after_40.fixed
    assert poisson.typical
    assert not poisson.fixed


def test_a_pause_delays_the_last_patient() -> None:
    accrual = arriving(120, "evenly_spaced", (0.0, 8.0), (5.0, 0.0), (8.0, 10.0))
    (look,) = looks_of({"minimum_follow_up_months": 1.0}, accrual=accrual)
    assert look.month == pytest.approx(8.0 + (120 - 40) / 10.0 + 1.0)


def test_a_delay_counts_from_the_look_before() -> None:
    first, second, third = looks_of(
        {"calendar_months": 7.0}, {"months_after_previous": 2.5}, {"months_after_previous": 1.0}
    )
    assert (second.month, third.month) == (9.5, 10.5)
    assert first.fixed
    assert second.fixed
    assert third.fixed
    _, after = looks_of(events(20), {"months_after_previous": 2.0})
    assert (after.fixed, after.typical) == (False, True)


def test_the_month_of_a_number_of_events() -> None:
    (look,) = looks_of(events(50))

    def missing(month: float) -> float:
        return expected(EVENT, month) + expected(EVENT / 2, month) - 50.0

    assert look.month == pytest.approx(brentq(missing, 1.0, 100.0, xtol=1e-12), rel=1e-7)
    assert (look.fixed, look.typical) == (False, True)
    assert sum(look.events.values()) == pytest.approx(50.0, abs=1e-6)


def test_events_of_an_arm_or_a_stratum() -> None:
    (look,) = looks_of(events(20, arms=["old"]))
    assert look.events["old"] == pytest.approx(20.0, abs=1e-6)
    strata: Table = {"site": {"a": 0.25, "b": 0.75}}
    (half,) = looks_of(events(10, stratum={"site": "a"}), strata=strata)
    assert sum(half.events.values()) == pytest.approx(40.0, abs=1e-5)
    scenario = scenario_of(events(9, stratum={"site": "a"}, arms=["new"]), strata=strata)
    trigger = scenario.analyses["look1"].trigger
    assert isinstance(trigger, EventTrigger)
    groups = trial_groups(scenario, trigger)
    assert [(group.arm, group.share) for group in groups] == [("new", 0.125)]


def test_the_latest_and_the_earliest_of_several() -> None:
    two = [{"calendar_months": 9.0}, {"calendar_months": 11.0}]
    (latest,) = looks_of({"latest_of": two})
    (earliest,) = looks_of({"earliest_of": two})
    assert (latest.month, latest.fixed) == (11.0, True)
    assert (earliest.month, earliest.fixed) == (9.0, True)
    (mixed,) = looks_of({"latest_of": [{"calendar_months": 9.0}, events(50)]})
    assert mixed.month == looks_of(events(50))[0].month
    assert (mixed.fixed, mixed.typical) == (False, True)
    nested = {"earliest_of": [{"latest_of": two}, {"calendar_months": 10.0}]}
    assert looks_of(nested)[0].month == 10.0


def test_events_that_are_never_expected() -> None:
    limit = {"follow_up": {"maximum_months": 2.0}}
    (look,) = looks_of(events(60), **limit)
    assert (look.month, look.typical) == (math.inf, False)
    # All that ever happens is expected by then.
    total = expected(EVENT, 1e6, limit=2.0) + expected(EVENT / 2, 1e6, limit=2.0)
    assert sum(look.events.values()) == pytest.approx(total, rel=1e-9)
    (earliest,) = looks_of({"earliest_of": [events(60), {"calendar_months": 8.0}]}, **limit)
    assert (earliest.month, earliest.typical) == (8.0, True)
    (latest,) = looks_of({"latest_of": [events(60), {"calendar_months": 8.0}]}, **limit)
    assert (latest.month, latest.typical) == (math.inf, False)
    _, after = looks_of(events(60), {"months_after_previous": 1.0}, **limit)
    assert (after.month, after.typical) == (math.inf, False)


def test_looks_at_events_without_a_closed_form_are_unknown() -> None:
    scans: Table = {"schedule": [{"from_week": 0, "every_weeks": 8}], "investigator": {}}
    called = events(20, endpoint="pfs_investigator")
    month = {"calendar_months": 8.0}
    looks = looks_of(month, called, {"calendar_months": 9.0}, assessments=scans)
    assert [look.known for look in looks] == [True, False, False]
    assert [look.month for look in looks] == [8.0, math.inf, math.inf]
    for trigger in ({"earliest_of": [called, month]}, {"latest_of": [month, called]}):
        (look,) = looks_of(trigger, assessments=scans)
        assert (look.month, look.known, look.fixed, look.typical) == (math.inf, False, False, False)
    # Who does without the look does not wait for it, but looks then vary between trials.
    skipped = events(20, "skip", endpoint="pfs_investigator")
    unknown, after = looks_of(skipped, {"calendar_months": 9.0}, assessments=scans)
    assert (unknown.known, after.known, after.month, after.typical) == (False, True, 9.0, False)


def test_events_that_many_trials_never_have_make_a_look_untypical() -> None:
    limit = {"follow_up": {"maximum_months": 8.0}}
    total = expected(EVENT, 1e6, limit=8.0) + expected(EVENT / 2, 1e6, limit=8.0)
    sd = math.sqrt(total * (1.0 - total / 120.0))
    for below, typical in ((1.0, False), (2.0, False), (2.7, True), (4.0, True)):
        (look,) = looks_of(events(round(total - below * sd)), **limit)
        assert math.isfinite(look.month)
        assert look.typical is typical
        # The latest needs them; the earliest does not, where another comes anyway.
        two = [events(round(total - below * sd)), {"calendar_months": 5.0}]
        assert looks_of({"latest_of": two}, **limit)[0].typical is typical
        assert looks_of({"earliest_of": two}, **limit)[0].typical


def test_a_look_that_the_one_before_may_delay_is_untypical() -> None:
    month = looks_of(events(50))[0].month
    for share, typical in ((1.2, False), (0.99, False), (0.8, False), (0.7, True), (0.5, True)):
        first = share * month
        _, second = looks_of({"calendar_months": first}, events(50))
        assert second.typical is typical
        assert second.month == pytest.approx(max(first, month))
        assert not second.fixed
    # One number of events after another comes in its order anyway.
    assert looks_of(events(49), events(50))[1].typical
    strata: Table = {"site": {"a": 0.5, "b": 0.5}}
    sites = [events(30, stratum={"site": site}) for site in "ab"]
    assert [look.typical for look in looks_of(*sites, strata=strata)] == [True, False]
    follow_ups = [{"minimum_follow_up_months": months} for months in (4.0, 5.0)]
    assert all(look.typical for look in looks_of(*follow_ups, accrual=POISSON))


def test_power_at_one_look_is_schoenfelds() -> None:
    (power,) = closed_form_power(scenario_of(events(60)), "test") or []
    drift = -math.log(0.5) * math.sqrt(60.0) / 2.0
    assert power == pytest.approx(norm.sf(2.0 - drift), rel=1e-6)


def test_power_with_2_to_1_and_a_null_ratio() -> None:
    scenario = scenario_of(
        events(60),
        randomisation={"ratio": {"new": 2, "old": 1}, "block_size": 3},
        hypotheses={"test": hypothesis("new", "old", "look1", null_hazard_ratio=1.2)},
    )
    drift = math.log(1.2 / 0.5) * math.sqrt(60.0 * 2.0 / 9.0)
    (power,) = closed_form_power(scenario, "test") or []
    assert power == pytest.approx(norm.sf(2.0 - drift), rel=1e-6)


def test_power_at_three_looks_is_that_of_the_joint_distribution() -> None:
    looks = (30, 45, 60)
    tests = {"test": hypothesis("new", "old", "look1", "look2", "look3")}
    tests["test"]["critical_values"] = [2.96, 2.36, 2.01]
    power = closed_form_power(scenario_of(*map(events, looks), hypotheses=tests), "test")
    assert power is not None
    roots = np.sqrt(looks)
    for k in range(1, 4):
        at = np.array([2.96, 2.36, 2.01][:k]) + math.log(0.5) / 2.0 * roots[:k]
        shared = np.minimum.outer(roots[:k], roots[:k]) / np.maximum.outer(roots[:k], roots[:k])
        stays = multivariate_normal.cdf(at, cov=shared, abseps=1e-7, releps=1e-7)
        assert power[k - 1] == pytest.approx(1.0 - stays, abs=2e-5)


def test_no_power_without_a_single_ratio_or_with_untypical_looks() -> None:
    waning: Table = {"new": {"pfs": delayed("old", (0.0, 0.5), (6.0, 1.0))}, "old": ARMS["old"]}
    assert closed_form_power(scenario_of(events(50), arms=waning), "test") is None
    limit = {"follow_up": {"maximum_months": 2.0}}
    assert closed_form_power(scenario_of(events(60), **limit), "test") is None
    assert closed_form_power(scenario_of({"calendar_months": 9.0}, events(5)), "test") is None


def test_no_power_where_a_look_adds_no_events() -> None:
    # Nobody is followed for so long.
    twice = scenario_of(
        {"calendar_months": 80.0}, {"calendar_months": 90.0}, follow_up={"maximum_months": 6.0}
    )
    assert closed_form_power(twice, "test") is None


def test_no_power_where_another_hypothesis_can_stop_the_trial() -> None:
    tests = {
        "a": hypothesis("new", "old", "look1", "look2"),
        "b": hypothesis("old", "new", "look1", "look2"),
    }

    def has_power(rejected: str, *counted: str) -> list[bool]:
        stopping = {"rejected": rejected, "hypotheses": list(counted or tests)}
        scenario = scenario_of(events(30), events(60), hypotheses=tests, stopping=stopping)
        return [closed_form_power(scenario, name) is not None for name in tests]

    assert has_power("all") == [True, True]
    assert has_power("any") == [False, False]
    assert has_power("any", "a") == [True, False]
    assert has_power("all", "a") == [True, False]
    assert has_power("never") == [True, True]


def test_power_with_no_effect_is_the_level() -> None:
    null: Table = {"new": {"pfs": relative("old", 1.0)}, "old": {"pfs": exponential(8.0)}}
    test = {"test": hypothesis("new", "old", "look1") | {"critical_values": [1.96]}}
    (power,) = closed_form_power(scenario_of(events(50), arms=null, hypotheses=test), "test") or []
    assert power == pytest.approx(norm.sf(1.96), rel=1e-9)


def test_a_look_that_is_not_expected_does_not_take_later_ones_with_it() -> None:
    scenario = feature_scenario(
        "plain",
        analyses={
            "first": {"trigger": {"calendar_months": 10.0}},
            "never": {"trigger": events(90, "skip")},
            "last": {"trigger": {"months_after_previous": 6.0}},
        },
        hypotheses={
            "test": hypothesis("new", "old", "first", "never", "last"),
        },
        follow_up={"maximum_months": 4.0},
    )
    first, never, last = expected_looks(scenario)
    assert (first.month, first.typical) == (10.0, True)
    assert (never.month, never.typical) == (math.inf, False)
    assert (last.month, last.typical) == (16.0, False)
