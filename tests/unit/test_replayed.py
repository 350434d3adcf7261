"""A trial made again: the run's own bits, and patients from whom its statistics can be found."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import (
    FEATURES,
    dropping_out,
    events,
    exponential,
    feature_scenario,
    hypothesis,
)
from twins.slow_logrank import Observed
from twins.slow_rows import answer, rule_of, z_error

from simulate.engine.statistics import Statistics
from simulate.errors import ScenarioError
from simulate.report.replay import write_csv
from simulate.results.decisions import decide
from simulate.results.replayed import (
    NOT_HELD,
    NOT_REJECTED,
    REJECTED,
    REJECTED_BEFORE,
    STOPPED_BEFORE,
    Cut,
    ReplayedTrial,
    replay_trial,
)
from simulate.runner.execute import BLOCK_TRIALS, Block, simulate_block
from simulate.runner.pack import endpoint_numbers, pack
from simulate.scenario.comparisons import arms_of, planned, planned_comparisons
from simulate.scenario.endpoints import OF_RESPONDERS, READINGS
from simulate.scenario.models import Scenario


def csv_rows(trial: ReplayedTrial, cut: Cut) -> list[dict[str, str]]:
    stream = io.StringIO()
    write_csv(trial, cut, stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def held_cuts(trial: ReplayedTrial) -> list[Cut]:
    return [trial.cut(name) for name, month in trial.cutoffs.items() if not math.isnan(month)]


def statistics_of(scenario: Scenario, start: int, stop: int) -> Statistics:
    return simulate_block(pack(scenario), scenario.simulation.seed, Block(start, stop))


def assert_same_bits(alone: Statistics, run: Statistics, place: int) -> None:
    for name, column in run._asdict().items():
        assert getattr(alone, name)[0].tobytes() == column[place].tobytes(), name


@pytest.mark.parametrize("name", FEATURES)
def test_statistics_have_the_bits_of_the_run(name: str) -> None:
    scenario = feature_scenario(name)
    run = statistics_of(scenario, 0, 12)
    for trial in (0, 7, 11):
        assert_same_bits(replay_trial(scenario, trial).statistics, run, trial)


@pytest.mark.parametrize("name", ["stratified", "three arms", "hardly any patients"])
def test_trials_beyond_the_first_block_have_the_bits_of_the_run(name: str) -> None:
    scenario = feature_scenario(name)
    run = statistics_of(scenario, BLOCK_TRIALS, BLOCK_TRIALS + 1_500)
    for place in (0, 1, 1_234):
        assert_same_bits(replay_trial(scenario, BLOCK_TRIALS + place).statistics, run, place)


def observed_in(
    rows: list[dict[str, str]], scenario: Scenario, name: str, cutoff: float
) -> list[Observed]:
    """The patients that a hypothesis or an estimate is about, in the rows of a CSV."""
    chosen = planned(scenario)[name]
    arms, rule = arms_of(chosen), rule_of(chosen)
    at_least = getattr(rule, "minimum_follow_up_months", None) or 0.0
    factors = list(scenario.strata) if getattr(rule, "stratified", False) else []
    strata = sorted({tuple(row[factor] for factor in factors) for row in rows})
    return [
        Observed(
            float(row[f"{chosen.endpoint}_months"]),
            row[f"{chosen.endpoint}_event"] == "1",
            row["arm"] == arms[0],
            strata.index(tuple(row[factor] for factor in factors)),
        )
        for row in rows
        if row["arm"] in arms and float(row["entry_calendar_months"]) + at_least <= cutoff
    ]


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("number", [0, 1, 2**33 + 7])
def test_figures_follow_from_the_csv(name: str, number: int) -> None:
    scenario = feature_scenario(name)
    trial = replay_trial(scenario, number)
    for cut in held_cuts(trial):
        rows = csv_rows(trial, cut)
        for look in (look for look in trial.looks if look.analysis == cut.analysis):
            chosen = planned(scenario)[look.hypothesis]
            if chosen.endpoint in OF_RESPONDERS:
                continue  # no columns: the rows of the engine's twin are checked
            fields = answer(observed_in(rows, scenario, look.hypothesis, cut.cutoff), chosen)
            z = pytest.approx(fields.get("z", math.nan), rel=0.0, abs=z_error(chosen), nan_ok=True)
            assert look.z == z
            for figure in ("estimate", "se", "lower", "upper"):
                expected = fields.get(figure, math.nan)
                found = pytest.approx(expected, rel=1e-10, abs=1e-12, nan_ok=True)
                assert getattr(look, figure) == found, figure


@pytest.mark.parametrize("name", FEATURES)
def test_counts_follow_from_the_csv(name: str) -> None:
    scenario = feature_scenario(name)
    trial = replay_trial(scenario, 3)
    assert held_cuts(trial)
    for cut in held_cuts(trial):
        rows = csv_rows(trial, cut)
        for look in (look for look in trial.looks if look.analysis == cut.analysis):
            chosen = planned(scenario)[look.hypothesis]
            if chosen.endpoint in OF_RESPONDERS:
                continue
            at_least = getattr(rule_of(chosen), "minimum_follow_up_months", None) or 0.0
            sides = zip(("experimental", "control"), arms_of(chosen), strict=False)
            for side, arm in sides:
                here = [
                    row
                    for row in rows
                    if row["arm"] == arm
                    and float(row["entry_calendar_months"]) + at_least <= cut.cutoff
                ]
                why = [row[f"{chosen.endpoint}_ended_by"] for row in here]
                assert getattr(look, f"patients_{side}") == len(here)
                if rule_of(chosen).kind != "share_event_free":
                    assert getattr(look, f"events_{side}") == why.count("event")
                assert getattr(look, f"dropouts_{side}") == why.count("dropout")
                events = [row for row in here if row[f"{chosen.endpoint}_event"] == "1"]
                assert len(events) == why.count("event")


@pytest.mark.parametrize("name", FEATURES)
def test_every_patients_follow_up_ends_for_its_reason(name: str) -> None:
    scenario = feature_scenario(name)
    limit = scenario.follow_up.maximum_months if scenario.follow_up else math.inf
    trial = replay_trial(scenario, 5)
    numbers = endpoint_numbers(scenario)
    for cut in held_cuts(trial):
        for n, row in enumerate(csv_rows(trial, cut)):
            entry, dropout = float(row["entry_calendar_months"]), trial.patients.dropout[n]
            assert 0.0 <= entry <= cut.cutoff
            assert float(row["cutoff_calendar_months"]) == cut.cutoff
            for endpoint, number in numbers.items():
                months, event = float(row[f"{endpoint}_months"]), trial.patients.event[number, n]
                last = limit
                if endpoint in ("response", "disease_control"):
                    last = min(limit, trial.patients.event[0, n])
                elif endpoint == "response_investigator":
                    last = min(limit, trial.patients.event[numbers.get("pfs_investigator", 0), n])
                elif endpoint in scenario.binary_endpoints:
                    last = min(limit, scenario.binary_endpoints[endpoint].assessed_months)
                arm = scenario.arms[row["arm"]]
                scans = arm.assessments or scenario.assessments
                is_seen = endpoint in ("pfs", "response", "disease_control", *READINGS)
                if scans and scans.not_evaluable_probability and is_seen:
                    last = min(last, trial.patients.assessable[n])
                if is_seen and arm.states is not None and arm.states.discontinuation is not None:
                    last = min(last, trial.patients.discontinuation[n])
                why = row[f"{endpoint}_ended_by"]
                expected = {
                    "event": event,
                    "dropout": dropout,
                    "end of follow-up": last,
                    "cutoff": cut.cutoff - entry,
                }
                if (
                    endpoint in ("pfs", "pfs_investigator")
                    and why != "event"
                    and scans
                    and scans.censor_at == "last_scan"
                ):
                    assert round(months * 30.4375) / 30.4375 == months <= expected[why]
                else:
                    assert months == expected[why]
                assert months <= min(event, dropout, last)
                assert (row[f"{endpoint}_event"] == "1") == (why == "event")


def test_the_csv_names_trial_patients_arms_and_levels() -> None:
    scenario = feature_scenario("stratified")
    trial = replay_trial(scenario, 1234)
    rows = csv_rows(trial, trial.cut("interim"))
    assert list(rows[0]) == [
        "trial",
        "patient",
        "arm",
        "risk",
        "site",
        "entry_calendar_months",
        "pfs_months",
        "pfs_event",
        "pfs_ended_by",
        "cutoff_calendar_months",
    ]
    assert [row["patient"] for row in rows] == [str(n + 1) for n in range(len(rows))]
    assert {row["trial"] for row in rows} == {"1234"}
    patients = trial.patients
    cells = [("high", "a"), ("high", "b"), ("low", "a"), ("low", "b")]
    for n, row in enumerate(rows):
        assert row["arm"] == ["new", "old"][patients.arm[n]]
        assert (row["risk"], row["site"]) == cells[patients.stratum[n]]
    # All digits: the doubles themselves.
    assert [float(row["entry_calendar_months"]) for row in rows] == patients.entry.tolist()[
        : len(rows)
    ]
    assert len(set(patients.stratum[: len(rows)].tolist())) == 4


def test_who_had_not_entered_is_not_in_the_cut() -> None:
    trial = replay_trial(feature_scenario("evenly spaced in steps"), 2)
    cut = trial.cut("part")
    assert 30 <= len(cut.arm) < 70
    assert trial.patients.entry[len(cut.arm)] > cut.cutoff
    assert len(trial.cut("whole").arm) == 70


def test_a_patient_who_enters_at_the_cutoff_is_in_with_no_follow_up() -> None:
    # Patient k enters at month k / 7.
    at_entry = {"final": {"trigger": {"calendar_months": 3.0}}}
    trial = replay_trial(feature_scenario("plain", analyses=at_entry), 0)
    cut = trial.cut()
    assert len(cut.entry) == 21
    assert (cut.entry[-1], cut.months[-1]) == (3.0, 0.0)


# Looks and verdicts


def several_looks(z: list[float], stop: str = "all", seed: int = 1) -> Scenario:
    """Looks at fixed months with critical values of one's choice, for two hypotheses."""
    return feature_scenario(
        "plain",
        seed=seed,
        analyses={f"look{n}": {"trigger": {"calendar_months": 10.0 + n}} for n in range(len(z))},
        hypotheses={
            "one": hypothesis("new", "old", *(f"look{n}" for n in range(len(z))))
            | {"critical_values": z},
            "two": hypothesis("new", "old", "look0") | {"critical_values": [30.0]},
        },
        stopping={"rejected": stop, "hypotheses": ["one"] if stop != "never" else ["one", "two"]},
    )


def verdicts(trial: ReplayedTrial, name: str) -> list[str]:
    return [look.verdict for look in trial.looks if look.hypothesis == name]


def test_verdicts_of_a_trial_that_stops_and_of_one_that_goes_on() -> None:
    limits = [30.0, -30.0, -30.0]
    stopped = replay_trial(several_looks(limits), 0)
    assert verdicts(stopped, "one") == [NOT_REJECTED, REJECTED, STOPPED_BEFORE]
    assert stopped.last_analysis == "look1"
    assert stopped.cut().analysis == "look1"
    # The data of a later look are there all the same.
    assert stopped.cut("look2").cutoff == 12.0
    going_on = replay_trial(several_looks(limits, "never"), 0)
    assert verdicts(going_on, "one") == [NOT_REJECTED, REJECTED, REJECTED_BEFORE]
    assert verdicts(going_on, "two") == [NOT_REJECTED]
    assert going_on.cut().analysis == "look2"


@pytest.mark.parametrize("name", FEATURES)
def test_verdicts_are_the_decisions(name: str) -> None:
    scenario = feature_scenario(name)
    rejected = decide(scenario, statistics_of(scenario, 0, 15)).rejects
    for trial in range(15):
        looks = replay_trial(scenario, trial).looks
        assert [look.verdict == REJECTED for look in looks] == rejected[trial].tolist()
    names = [(look.analysis, look.hypothesis) for look in looks]
    assert names == [(c.analysis, c.hypothesis) for c in planned_comparisons(scenario)]


def test_a_look_not_held_has_no_figures_and_says_why() -> None:
    trial = replay_trial(feature_scenario("events that never come"), 7)
    last, skipped, after, at_the_end = trial.looks
    assert skipped.verdict == NOT_HELD
    assert skipped.missing == ("look_skipped", "target_not_reached")
    assert all(math.isnan(value) for value in (skipped.cutoff, skipped.z, *skipped.hazard_ratio))
    assert last.missing == at_the_end.missing == ("target_not_reached",)
    assert after.missing == ()
    assert list(trial.cutoffs) == ["last", "skipped", "after", "all"]


def test_limits_of_the_hazard_ratio() -> None:
    (look,) = replay_trial(feature_scenario("plain"), 0).looks
    ratio, low, high = look.hazard_ratio
    assert ratio == pytest.approx(math.exp(look.estimate), rel=1e-14)
    assert math.log(high / low) == pytest.approx(2.0 * 1.959963984540054 * look.se, rel=1e-12)
    assert math.sqrt(low * high) == pytest.approx(ratio, rel=1e-12)
    overflowing = look._replace(se=1e4)
    assert overflowing.hazard_ratio == (ratio, 0.0, math.inf)


def test_the_median_of_an_arm_is_that_of_its_patients() -> None:
    trial = replay_trial(feature_scenario("three arms"), 0)
    cut = trial.cut("second")
    for place in range(3):
        curve = cut.curve(place)
        here = cut.arm == place
        assert curve.events.sum() == cut.is_event[here].sum()
        assert curve.at_risk[0] == np.count_nonzero(cut.months[here] >= curve.months[0])


# Bad input


@pytest.mark.parametrize("trial", [-1, 10_000_000_000, True, 1.0, "1"])
def test_a_number_that_is_no_trials_is_refused(trial: Any) -> None:
    with pytest.raises(ScenarioError, match=r"^trial: must be a whole number from 0 to 9,999,"):
        replay_trial(feature_scenario("plain"), trial)


def test_the_last_possible_trial_can_be_replayed() -> None:
    assert len(replay_trial(feature_scenario("plain"), np.int64(9_999_999_999)).looks) == 1  # type: ignore[arg-type]


def test_an_unknown_analysis_is_refused_with_those_there_are() -> None:
    trial = replay_trial(feature_scenario("stratified"), 0)
    message = r"^analysis: must be one of the scenario's: interim, final \(given: 'end'\)$"
    with pytest.raises(ScenarioError, match=message):
        trial.cut("end")


def test_a_look_that_was_not_held_is_refused_with_those_that_were() -> None:
    trial = replay_trial(feature_scenario("events that never come"), 7)
    message = r"^analysis: must have taken place in trial 7: last, after, all \(given: 'skipped'\)$"
    with pytest.raises(ScenarioError, match=message):
        trial.cut("skipped")


def never_held() -> ReplayedTrial:
    """A trial of which no look takes place."""
    arms = {
        arm: {"pfs": exponential(900.0), "dropout": dropping_out(0.5)} for arm in ("new", "old")
    }
    never = {"final": {"trigger": events(90, "skip")}}
    return replay_trial(feature_scenario("plain", arms=arms, analyses=never), 0)


def test_a_trial_without_looks_cannot_be_cut() -> None:
    trial = never_held()
    assert trial.last_analysis is None
    with pytest.raises(ScenarioError, match=r"^no analysis took place in trial 0$"):
        trial.cut()
    with pytest.raises(ScenarioError, match=r"in trial 0: none did \(given: 'final'\)"):
        trial.cut("final")


def test_a_factor_with_the_name_of_a_column_is_refused() -> None:
    strata = {"arm": {"left": 0.5, "right": 0.5}}
    trial = replay_trial(feature_scenario("plain", strata=strata), 0)
    with pytest.raises(ScenarioError, match=r"^strata\.arm: must not have the name of another"):
        write_csv(trial, trial.cut(), io.StringIO())


# Plain data


def test_plain_data_hold_the_looks_and_the_arms() -> None:
    trial = replay_trial(feature_scenario("events that never come"), 7)
    found = trial.to_json(trial.cut("last"))
    assert (found["format"], found["format_version"], found["trial"]) == ("simulate-replay", 1, 7)
    last, skipped, *_ = found["looks"]
    assert last["z"] == trial.looks[0].z
    assert last["hazard_ratio"] == trial.looks[0].hazard_ratio[0]
    assert (skipped["cutoff"], skipped["z"], skipped["hazard_ratio_upper"]) == (None, None, None)
    assert skipped["missing"] == ["look_skipped", "target_not_reached"]
    cut = found["cut"]
    assert (cut["analysis"], cut["cutoff"]) == ("last", trial.looks[0].cutoff)
    new, old = cut["arms"]
    assert (new["arm"], new["patients"]) == ("new", 30)
    assert new["endpoints"] == {"pfs": {"events": 6, "median_months": None}}
    assert (old["arm"], old["patients"]) == ("old", 30)
    assert old["endpoints"]["pfs"]["events"] == 11
    assert never_held().to_json(None)["cut"] is None
