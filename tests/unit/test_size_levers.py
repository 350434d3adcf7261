"""Which paths of a scenario are varied, and what is refused."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from twins.scenario_tables import Table, estimate, events, exponential, hypothesis, relative
from twins.study_tables import TWO_LOOKS, study_tables

from simulate.errors import ScenarioError
from simulate.results.settings import settings_that_differ
from simulate.scenario.checks import cross_checks
from simulate.scenario.draft import draft_of
from simulate.scenario.load import load_scenario, scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.studies.changes import without_estimates
from simulate.studies.levers import Lever, lever_of

ROOT = Path(__file__).parents[2]
SKIP: Table = {"analyses": {"final": {"trigger": {"calendar_months": 20.0}}}}
BOTH = {"latest_of": [events(30), {"minimum_follow_up_months": 3.0}]}


def tables(**changes: Any) -> Table:
    data = deepcopy(study_tables() | changes)
    del data["study"]
    return data


def made(**changes: Any) -> Scenario:
    return scenario_from_dict(tables(**changes))


def set_by(lever: Lever, value: float) -> dict[str, Any]:
    """What differs from the scenario with a value, by path."""
    plain = [
        s.model_dump(exclude_none=True, mode="json") for s in (lever.scenario, lever.at(value))
    ]
    return {setting.path: setting.b for setting in settings_that_differ(*plain)}


def test_events_of_the_final_look() -> None:
    lever = lever_of(made(), "events")
    assert lever.paths == ("analyses.final.trigger.events",)
    assert (lever.given, lever.limits, lever.searched) == (25.0, (1.0, 40.0), (1.0, 40.0))
    assert set_by(lever, 30.0) == {"analyses.final.trigger.events": 30}


def test_events_of_the_last_of_several_looks() -> None:
    lever = lever_of(made(**TWO_LOOKS), "events", "pfs")
    assert lever.paths == ("analyses.final.trigger.events",)
    assert set_by(lever, 30.0) == {"analyses.final.trigger.events": 30}
    with pytest.raises(ScenarioError, match=r"must exceed the 12 of analyses\.interim"):
        lever.at(11.0)


def test_events_among_other_triggers() -> None:
    lever = lever_of(made(analyses={"final": {"trigger": BOTH}}), "events")
    assert set_by(lever, 33.0) == {"analyses.final.trigger.latest_of.0.events": 33}
    assert lever.paths == ("analyses.final.trigger.latest_of.0.events",)
    months = lever_of(made(analyses={"final": {"trigger": BOTH}}), "follow-up")
    path = "analyses.final.trigger.latest_of.1.minimum_follow_up_months"
    assert months.paths == (path,)
    assert set_by(months, 4.5) == {path: 4.5}


def test_events_with_patients_in_proportion() -> None:
    lever = lever_of(made(**TWO_LOOKS), "events", "pfs", scaled=True)
    assert lever.paths == (
        "analyses.final.trigger.events",
        "accrual.patients",
        "analyses.interim.trigger.events",
    )
    assert set_by(lever, 54.0) == {
        "analyses.final.trigger.events": 54,
        "accrual.patients": 60,
        "analyses.interim.trigger.events": 18,
    }
    # 41 patients would be a little fewer than in proportion, and the next number is not.
    assert lever.at(37.0).accrual.patients == 42
    assert lever.searched == (1.0, 360.0)


def test_patients_with_events_in_proportion() -> None:
    after = {"minimum_follow_up_months": 3.0, "after_patients": 20}
    looks = {"first": {"trigger": after}, "final": {"trigger": events(25)}}
    scenario = made(analyses=looks, hypotheses={"pfs": hypothesis("new", "old", "first", "final")})
    lever = lever_of(scenario, "patients")
    assert lever.scaled
    assert lever.paths[1:] == (
        "analyses.first.trigger.after_patients",
        "analyses.final.trigger.events",
    )
    assert set_by(lever, 100.0) == {
        "accrual.patients": 100,
        "analyses.first.trigger.after_patients": 50,
        "analyses.final.trigger.events": 63,
    }


def test_patients_alone() -> None:
    lever = lever_of(made(), "patients", scaled=False)
    assert lever.paths == ("accrual.patients",)
    assert set_by(lever, 90.0) == {"accrual.patients": 90}
    assert lever.limits[0] == 25.0
    assert not lever_of(made(**SKIP), "patients").scaled


def test_hazard_ratio_of_the_experimental_arm() -> None:
    lever = lever_of(made(), "hazard-ratio")
    assert set_by(lever, 0.7) == {"arms.new.pfs.hazard_ratio": 0.7}
    assert lever.searched == (0.05, 1.0)
    assert lever.value_at(lever.coordinate(0.7)) == pytest.approx(0.7)
    assert lever.coordinate(0.6) > lever.coordinate(0.7)
    shifted = hypothesis("new", "old", "final", null_hazard_ratio=1.3)
    assert lever_of(made(hypotheses={"pfs": shifted}), "hazard-ratio").searched[1] == 1.3


def test_calendar_months() -> None:
    lever = lever_of(made(**SKIP), "follow-up")
    assert set_by(lever, 33.25) == {"analyses.final.trigger.calendar_months": 33.25}
    assert lever.searched == (2.0, 200.0)


def test_whole_numbers_are_rounded_up_but_for_rounding_errors() -> None:
    lever = lever_of(made(), "events")
    assert [lever.rounded_up(x) for x in (30.0000000001, 30.1, 29.9999)] == [30.0, 31.0, 30.0]
    assert lever_of(made(), "hazard-ratio").rounded_up(0.555) == 0.555


def test_estimates_are_dropped_and_nothing_else() -> None:
    scenario = made(estimates={"median": estimate("new", "median")})
    bare = without_estimates(scenario)
    assert bare.hypotheses["pfs"].test.estimate == "none"
    assert not bare.estimates
    assert bare.analyses == scenario.analyses


REFUSED = [
    ({}, "event", {}, "over: must be one of events, patients, hazard-ratio, follow-up"),
    ({}, "follow-up", {}, "analyses.final.trigger: must have a calendar month or a minimum"),
    (SKIP, "events", {}, "analyses.final.trigger: must have a number of events, exactly one"),
    ({}, "follow-up", {}, "vary events or patients instead"),
    (TWO_LOOKS, "events", {}, "hypothesis: must be named, since there are several"),
    (TWO_LOOKS, "events", {"hypothesis": "pfz"}, "did you mean 'pfs'?"),
    ({}, "hazard-ratio", {"scaled": True}, "scale: is for --over events and --over patients only"),
    (
        {"arms": {"new": {"pfs": exponential(12.0)}, "old": {"pfs": exponential(8.0)}}},
        "hazard-ratio",
        {},
        "arms.new.pfs: needs one hazard_ratio, relative to another arm",
    ),
    (
        {"hypotheses": {}, "estimates": {"median": estimate("new", "median")}},
        "events",
        {},
        "hypotheses: needs a hypothesis: estimates have no power",
    ),
    (
        {"analyses": {"final": {"trigger": {"latest_of": [events(9), events(12, arms=["new"])]}}}},
        "events",
        {},
        "exactly one, for --over events (given: 2)",
    ),
]


@pytest.mark.parametrize(("changes", "over", "how", "message"), REFUSED)
def test_what_is_refused(changes: Table, over: str, how: dict[str, Any], message: str) -> None:
    scenario = made(**changes)
    with pytest.raises(ScenarioError) as caught:
        lever_of(scenario, over, **how)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_ratio_that_differs_by_stratum_is_refused() -> None:
    table = relative("old", 0.5)
    table["by_stratum"] = {"one": {"stratum": {"f": "a"}, **relative("old", 0.8)}}
    arms = {"new": {"pfs": table}, "old": {"pfs": exponential(8.0)}}
    with pytest.raises(ScenarioError, match="must not differ by stratum"):
        lever_of(made(arms=arms, strata={"f": {"a": 0.5, "b": 0.5}}), "hazard-ratio")


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_whole_scenarios_pass_the_checks_again(path: Path) -> None:
    assert not list(cross_checks(draft_of(load_scenario(path))))
