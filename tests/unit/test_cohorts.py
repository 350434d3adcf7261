"""Cohorts: the patients and cutoffs of the run, what is known of them at a month, and refusals."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import FEATURES, feature_scenario
from twins.slow_patients import slow_patients
from twins.slow_rows import observe

import simulate
from simulate.api.cohorts import Cohort, cohorts
from simulate.errors import ScenarioError
from simulate.results.replayed import replay_trial
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario


def _arm(pfs: float, os: float, rate: float) -> dict[str, Any]:
    return {
        "pfs": {"distribution": "exponential", "median_months": pfs},
        "os": {"distribution": "exponential", "median_months": os},
        "response": {
            "rate": rate,
            "time_to_response": {"distribution": "exponential", "median_months": 4.0},
        },
        "binary": {"pain": {"rate": 0.5}},
        "dropout": {"distribution": "exponential", "rate_per_month": 0.02},
    }


JOINT: dict[str, Any] = {
    "schema_version": 1,
    "title": "All endpoints",
    "purpose": "Cohorts.",
    "arms": {"new": _arm(12.0, 30.0, 0.4), "old": _arm(8.0, 25.0, 0.2)},
    "correlations": {"progression_os": 0.5, "progression_response": 0.3, "os_response": 0.2},
    "binary_endpoints": {"pain": {"assessed_months": 3.0, "response_correlation": 0.4}},
    "strata": {"risk": {"high": 0.3, "low": 0.7}, "site": {"a": 0.5, "b": 0.5}},
    "accrual": {"patients": 120, "arrivals": "poisson", "rate_per_month": 8.0},
    "analyses": {
        "first": {"trigger": {"endpoint": "pfs", "events": 40, "if_not_reached": "skip"}},
        "never": {"trigger": {"endpoint": "os", "events": 118, "if_not_reached": "skip"}},
        "last": {"trigger": {"months_after_previous": 9.0}},
    },
    "hypotheses": {
        "pfs": {
            "endpoint": "pfs",
            "arms": {"experimental": "new", "control": "old"},
            "test": {"kind": "logrank"},
            "analyses": ["first", "never", "last"],
            "critical_values": [2.0, 2.0, 2.0],
        }
    },
    "simulation": {"trials": 5, "seed": 8},
}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return scenario_from_dict(JOINT)


@pytest.fixture(scope="module")
def cohort(scenario: Scenario) -> Cohort:
    return next(cohorts(scenario))


def _assert_is_replay(scenario: Scenario, cohort: Cohort) -> None:
    again = replay_trial(scenario, cohort.trial)
    for name, column in again.patients._asdict().items():
        own = getattr(cohort._made.patients, name)
        assert np.asarray(own).tobytes() == np.asarray(column).tobytes(), name
    for analysis, month in again.cutoffs.items():
        assert np.float64(cohort.cutoff(analysis)).tobytes() == np.float64(month).tobytes()


@pytest.mark.parametrize("name", FEATURES)
def test_patients_and_cutoffs_are_those_of_the_run(name: str) -> None:
    scenario = feature_scenario(name)
    for cohort in cohorts(scenario, 3, start=5):
        _assert_is_replay(scenario, cohort)


def test_patients_with_all_endpoints_are_those_of_the_run(scenario: Scenario) -> None:
    for cohort in cohorts(scenario):
        _assert_is_replay(scenario, cohort)


def test_trials_come_in_order_and_stay_what_they_are(scenario: Scenario) -> None:
    kept = list(cohorts(scenario, 4, start=2))
    assert [cohort.trial for cohort in kept] == [2, 3, 4, 5]
    assert len(list(cohorts(scenario))) == 5
    # The first is still itself after the others were made.
    alone = next(cohorts(scenario, 1, start=2))
    assert np.array_equal(kept[0].os, alone.os)
    assert not np.array_equal(kept[0].os, kept[1].os)


def test_another_seed_makes_other_patients(scenario: Scenario, cohort: Cohort) -> None:
    other = next(cohorts(scenario, seed=9))
    assert not np.array_equal(other.pfs, cohort.pfs)
    assert other.scenario.simulation.seed == 9


def test_course_of_a_patient_holds_together(cohort: Cohort) -> None:
    assert len(cohort) == 120
    assert np.all(cohort.pfs == np.minimum(cohort.progression, cohort.os))
    assert np.any(cohort.pfs < cohort.os)
    responded = cohort.responded
    assert 0 < responded.sum() < 120
    assert np.all(np.isinf(cohort.response_time[~responded]))
    assert np.all(cohort.response_time[responded] <= cohort.pfs[responded])
    duration = cohort.duration_of_response
    assert np.array_equal(np.isnan(duration), ~responded)
    assert np.array_equal(duration[responded], (cohort.pfs - cohort.response_time)[responded])
    assert list(cohort.binary) == ["pain"]
    assert 0 < cohort.binary["pain"].sum() < 120
    assert np.all(np.diff(cohort.entry) >= 0)


@pytest.mark.parametrize(
    "name",
    ["censored at the last of the scans", "censored at the last attended of the scans"],
)
def test_a_cut_ends_at_the_last_scan_as_in_the_engine(name: str) -> None:
    scenario = feature_scenario(name)
    cohort = next(simulate.cohorts(scenario, start=3, trials=1))
    patients = slow_patients(scenario, 3)
    for month in (2.0, cohort.cutoff("first"), 15.0):
        cut = cohort.cut(month, "pfs")
        entered = [p for p in patients if p.entry <= month]
        slow = [observe(p, "pfs", month, True, 0) for p in entered]
        assert cut.months.tolist() == [o.time for o in slow]
        assert cut.is_event.tolist() == [o.is_event for o in slow]
    replayed = replay_trial(scenario, 3).cut("first", "pfs")
    assert replayed.months.tolist() == cohort.cut(replayed.cutoff, "pfs").months.tolist()
    # Some are back at a scan, and nobody's events have changed.
    scans = FEATURES[name]["assessments"] | {"censor_at": "follow_up_end"}
    later = dataclasses.replace(cohort, scenario=feature_scenario(name, assessments=scans))
    free = later.cut(15.0, "pfs")
    assert np.array_equal(free.is_event, cut.is_event)
    assert np.all(cut.months <= free.months)
    assert np.any(cut.months < free.months)
    assert np.array_equal(cohort.cut(15.0, "os").months, later.cut(15.0, "os").months)


def test_observed_endpoints_and_who_is_not_evaluable() -> None:
    data = JOINT | {
        "assessments": {
            "schedule": [{"from_week": 0, "every_weeks": 8}],
            "shift_days": 7,
            "not_evaluable_probability": 0.3,
            "confirm_response": True,
        },
        "estimates": {"control": {"endpoint": "disease_control", "arm": "new", "kind": "rate"}},
    }
    cohort = next(simulate.cohorts(scenario_from_dict(data)))
    assert cohort.endpoints == ("pfs", "os", "response", "disease_control", "pain")
    control = cohort.binary["disease_control"]
    unseen = np.isinf(cohort.pfs)
    assert 20 < unseen.sum() < 55
    assert not cohort.responded[unseen].any()
    assert not control[unseen].any()
    assert np.isfinite(cohort.os[unseen]).any()
    assert np.all(cohort.pfs[control] > 49 / 30.4375)
    assert np.all(control[cohort.responded])
    # Nobody of them is followed for what scans would show, and everybody for survival.
    cut = cohort.cut(30.0, "pfs")
    gone = unseen[: len(cut.months)]
    assert np.all(cut.months[gone] == 0.0)
    assert not cut.is_event[gone].any()
    assert np.all(cohort.cut(30.0, "os").months[gone] > 0.0)


def test_the_investigators_reading_stands_beside_central_review(cohort: Cohort) -> None:
    errors = {
        "progression_early_probability": 0.3,
        "progression_late_probability": 0.2,
        "response_missed_probability": 0.4,
        "response_added_probability": 0.2,
    }
    scans = {"schedule": [{"from_week": 0, "every_weeks": 8}], "investigator": errors}
    read = next(cohorts(scenario_from_dict(JOINT | {"assessments": scans})))
    names = ("pfs", "os", "response", "pfs_investigator", "response_investigator", "pain")
    assert read.endpoints == names
    assert np.all(read.pfs_investigator <= read.os)
    early, late = read.pfs_investigator < read.pfs, read.pfs_investigator > read.pfs
    assert 10 < early.sum() < 60
    assert 5 < late.sum() < 40
    responded = read.binary["response_investigator"]
    assert np.any(responded & ~read.responded)
    assert np.any(~responded & read.responded)
    cut = read.cut(1000.0, "pfs_investigator")
    assert np.array_equal(cut.months, np.minimum(read.pfs_investigator, read.dropout))
    with pytest.raises(ScenarioError, match="must be one of the scenario's: pfs, os, response"):
        _ = cohort.pfs_investigator


def test_scans_show_responses_that_count_once_confirmed() -> None:
    scan = {"from_week": 0, "every_weeks": 8}
    seen = {"schedule": [scan], "window_days": 3, "confirm_response": True}
    for cohort in cohorts(scenario_from_dict(JOINT | {"assessments": seen})):
        _assert_is_replay(cohort.scenario, cohort)
        responded = cohort.responded
        assert 0 < responded.sum() < 120
        assert np.all(np.isinf(cohort.response_time[~responded]))
        assert np.all(cohort.duration_of_response[responded] > 0)
        # It counts from a later scan than it is dated at.
        counts = cohort.cut(1000.0, "response")
        known = counts.is_event
        assert np.all(responded[known])
        assert np.all(counts.months[known] > cohort.response_time[known])
        # Deaths are seen on their day, progression by a scan.
        assert np.all(cohort.pfs >= np.minimum(cohort.progression, cohort.os) - 1 / 30)


def test_names_are_those_of_the_scenario(cohort: Cohort) -> None:
    assert cohort.arms == ("new", "old")
    assert cohort.endpoints == ("pfs", "os", "response", "pain")
    assert cohort.strata[1] == {"risk": "high", "site": "b"}
    assert np.isin(cohort.stratum, range(4)).all()
    assert set(cohort.arm) == {0, 1}
    assert repr(cohort) == "Cohort(trial=0)"


def test_arrays_cannot_be_changed() -> None:
    scans = {"schedule": [{"from_week": 0, "every_weeks": 8}], "investigator": {}}
    cohort = next(cohorts(scenario_from_dict(JOINT | {"assessments": scans})))
    arrays = {
        name: value
        for name in dir(Cohort)
        if isinstance(getattr(Cohort, name), property)
        and isinstance(value := getattr(cohort, name), np.ndarray)
    }
    assert len(arrays) == 11
    for array in [*arrays.values(), *cohort.binary.values()]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(AttributeError):
        cohort.trial = 3  # type: ignore[misc]


@pytest.mark.parametrize("month", [9.5, 14, np.float64(25.0), 500.0])
def test_cut_shows_what_is_known_at_a_month(cohort: Cohort, month: float) -> None:
    cut = cohort.cut(month)
    entered = cohort.entry <= month
    since = month - cohort.entry
    ends = np.minimum(cohort.pfs, cohort.dropout)
    assert cut.endpoint == "pfs"
    assert np.array_equal(cut.arm, cohort.arm[entered])
    assert np.array_equal(cut.months, np.minimum(ends, since)[entered])
    seen = (cohort.pfs <= cohort.dropout) & (cohort.pfs <= since)
    assert np.array_equal(cut.is_event, seen[entered])
    response = cohort.cut(month, "response")
    known = cohort.response_time <= np.minimum(np.minimum(cohort.dropout, cohort.pfs), since)
    assert np.array_equal(response.is_event, known[entered])
    pain = cohort.cut(month, "pain")
    known = cohort.binary["pain"] & (np.minimum(cohort.dropout, since) >= 3.0)
    assert np.array_equal(pain.is_event, known[entered])


def test_cut_at_a_cutoff_is_that_of_the_replay(scenario: Scenario, cohort: Cohort) -> None:
    replayed = replay_trial(scenario, 0)
    for endpoint in cohort.endpoints:
        at = cohort.cut(cohort.cutoff("last"), endpoint)
        again = replayed.cut("last", endpoint)
        assert np.array_equal(at.months, again.months)
        assert np.array_equal(at.ended_by, again.ended_by)


def test_nobody_has_entered_before_the_start(cohort: Cohort) -> None:
    assert len(cohort.cut(-1.0).months) == 0


def test_a_look_that_does_not_take_place_has_no_cutoff(cohort: Cohort) -> None:
    assert np.isnan(cohort.cutoff("never"))
    assert cohort.cutoff("last") == cohort.cutoff("first") + 9.0


def test_looks_are_timed_where_nothing_is_tested(cohort: Cohort) -> None:
    estimates = {"estimates": {"median": {"endpoint": "pfs", "arm": "new", "kind": "median"}}}
    untested = next(cohorts(scenario_from_dict(JOINT | {"hypotheses": {}} | estimates)))
    for analysis in JOINT["analyses"]:
        months = np.array([untested.cutoff(analysis), cohort.cutoff(analysis)])
        assert np.array_equal(months[0], months[1], equal_nan=True)


def test_scenarios_may_lack_endpoints() -> None:
    data = deepcopy(JOINT)
    del data["correlations"], data["binary_endpoints"], data["analyses"]["first"]
    data["analyses"]["never"]["trigger"]["events"] = 50
    for arm in data["arms"].values():
        del arm["pfs"], arm["response"], arm["binary"]
    data["hypotheses"]["pfs"] |= {"endpoint": "os", "analyses": ["never", "last"]}
    data["hypotheses"]["pfs"]["critical_values"] = [2.0, 2.0]
    cohort = next(cohorts(scenario_from_dict(data)))
    assert cohort.cut(30.0).endpoint == "os"
    assert cohort.binary == {}
    for name in ("pfs", "progression", "response_time", "responded", "duration_of_response"):
        with pytest.raises(ScenarioError, match="endpoint: must be one of the scenario's: os "):
            getattr(cohort, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "simulation.trials: must be a whole number from 1 to 10,000,000,000"),
        ({"trials": 2.0}, r"simulation.trials: must be a whole number .* \(given: 2.0\)"),
        ({"seed": -1}, "simulation.seed: must be a whole number from 0"),
        ({"start": -1}, r"start: must be a whole number from 0 to 9,999,999,995 \(given: -1\)"),
        ({"start": True}, r"start: must be .* \(given: True\)"),
        ({"start": 9_999_999_996}, "start: must be a whole number from 0 to 9,999,999,995"),
    ],
)
def test_bad_arguments_are_refused_at_once(
    scenario: Scenario, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        cohorts(scenario, **arguments)


def test_last_of_all_trials_can_be_made(scenario: Scenario) -> None:
    assert next(cohorts(scenario, 1, start=9_999_999_999)).trial == 9_999_999_999


def test_unknown_names_and_months_are_refused(cohort: Cohort) -> None:
    rule = "analysis: must be one of the scenario's: first, never, last"
    with pytest.raises(ScenarioError, match=rule + r" \(given: 'final'\)"):
        cohort.cutoff("final")
    rule = "endpoint: must be one of the scenario's: pfs, os, response, pain"
    with pytest.raises(ScenarioError, match=rule + r" \(given: 'relapse'\)"):
        cohort.cut(10.0, "relapse")
    for month in (np.nan, np.inf, "10", True):
        with pytest.raises(ScenarioError, match="month: must be a finite calendar month"):
            cohort.cut(month)  # type: ignore[arg-type]


def test_cohorts_is_public() -> None:
    assert simulate.cohorts is cohorts
    assert simulate.Cohort is Cohort
