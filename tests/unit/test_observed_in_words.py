"""What is observed, in words."""

from __future__ import annotations

from typing import Any

import pytest
from twins.feature_scenarios import feature_scenario
from twins.scenario_tables import Table, estimate, exponential, hypothesis, of_rates, relative

from simulate.report.arms_in_words import reading_text, scans_text
from simulate.report.contents import counted_name, rejection_name, result_lines
from simulate.report.words import comparison_text, describe, estimated_text, events_name
from simulate.results.measured import measured_effect
from simulate.scenario.assessments import Assessments, Investigator
from simulate.scenario.effects import null_holds

STEPS = ({"from_week": 0, "every_weeks": 8}, {"from_week": 48, "every_weeks": 12})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, ""),
        ({"window_days": 3}, ", up to 3 days early or late"),
        (
            {"shift_days": 7, "confirm_response": True},
            ", all of a patient's shifted by up to 7 days; responses need confirmation",
        ),
        (
            {"censor_at": "last_scan"},
            "; PFS without an event is censored at the last scan attended",
        ),
        (
            {"missed_probability": 0.1, "not_evaluable_probability": 0.04},
            ", each missed with probability 0.1; a patient is not evaluable with probability 0.04",
        ),
    ],
)
def test_scans_in_words(keys: dict[str, Any], words: str) -> None:
    table = Assessments.model_validate({"schedule": STEPS, **keys})
    assert scans_text(table) == f"scanned every 8 weeks, every 12 weeks from week 48{words}"


DURATION, ONSET = "duration_of_response", "time_to_response"


@pytest.mark.parametrize(
    ("table", "words", "counts"),
    [
        (
            estimate("high", "last_survival"),
            "high, PFS: Kaplan-Meier estimate after the last event",
            ("patients", "events"),
        ),
        (
            estimate("high", "share_event_free", DURATION, at_months=12.0),
            "high, duration of response: share of the patients seen event-free up to month 12",
            ("responders", "seen event-free"),
        ),
        (
            estimate("high", "median", DURATION),
            "high, duration of response: Kaplan-Meier median",
            ("responders", "events"),
        ),
        (
            estimate("low", "minimum", ONSET),
            "low, time to response: shortest time seen",
            ("responders", "events"),
        ),
        (estimate("low", "maximum", "os"), "low, OS: longest time seen", ("patients", "events")),
        (
            estimate("low", "rate", "disease_control"),
            "low, disease control: rate",
            ("patients", "patients with disease control"),
        ),
    ],
)
def test_estimates_in_words(table: dict[str, Any], words: str, counts: tuple[str, str]) -> None:
    scenario = feature_scenario("observed through scans", estimates={"it": table})
    assert estimated_text(scenario, "it") == words
    assert tuple(counted_name(scenario, "it", what) for what in ("patients", "events")) == counts
    # What depends on follow-up and scans has no true value to compare with.
    assert measured_effect(scenario, "it").truth is None
    lines = [measure for _, measure, _, _ in result_lines(scenario, "it", False)]
    assert f"{table['kind']}_mean" in lines
    assert not [measure for measure in lines if "bias" in measure or "coverage" in measure]


def test_disease_control_compared_in_words() -> None:
    test = of_rates("high", "low", "last", endpoint="disease_control", method="fisher")
    scenario = feature_scenario("observed through scans", hypotheses={"it": test})
    assert comparison_text(scenario, "it") == (
        "high against low, disease control, Fisher's exact test"
    )
    assert measured_effect(scenario, "it").truth is None
    assert null_holds(scenario, "it") is None


EARLY = {"progression_early_probability": 0.1}
LATE = {"progression_late_probability": 0.12}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "as central review does"),
        ({"status": "inferred"} | EARLY, "progression called a scan early with probability 0.1"),
        (
            EARLY | LATE,
            "progression called a scan early with probability 0.1 and a scan late with probability "
            "0.12",
        ),
        (
            LATE | {"response_missed_probability": 0.2, "response_added_probability": 0.08},
            "progression called a scan late with probability 0.12; a response missed with "
            "probability 0.2 and added where there is none with probability 0.08",
        ),
        (
            {"response_added_probability": 0.08},
            "a response added where there is none with probability 0.08",
        ),
    ],
)
def test_an_investigator_in_words(keys: dict[str, Any], words: str) -> None:
    known = " [inferred]" if "status" in keys else ""
    lines = list(reading_text(Investigator.model_validate(keys)))
    assert lines == [f"read by the investigator, too{known}: {words}"]
    assert not list(reading_text(None))


def test_readers_are_told_apart_by_arm() -> None:
    parts = dict(describe(feature_scenario("read by the investigator")))
    lines = [line for line in parts["Arms"] if "read by the investigator" in line]
    assert lines == [
        "  read by the investigator, too: progression called a scan early with probability 0.5 and "
        "a scan late with probability 0.1; a response missed with probability 0.4 and added where "
        "there is none with probability 0.3"
    ]
    assert any("scan late with probability 0.3" in line for line in parts["Patients"])
    assert any("at 25 investigator-assessed PFS events in" in line for line in parts["Analyses"])


@pytest.mark.parametrize(
    ("table", "words", "events"),
    [
        (
            estimate("high", "median", "pfs_investigator"),
            "high, investigator-assessed PFS: Kaplan-Meier median",
            "events",
        ),
        (
            estimate("low", "rate", "response_investigator"),
            "low, investigator-assessed response: rate",
            "responders",
        ),
    ],
)
def test_estimates_by_the_investigator_have_no_true_value(
    table: dict[str, Any], words: str, events: str
) -> None:
    scenario = feature_scenario("read by the investigator", estimates={"it": table})
    assert estimated_text(scenario, "it") == words
    assert counted_name(scenario, "it", "events") == events
    assert measured_effect(scenario, "it").truth is None
    lines = [measure for _, measure, _, _ in result_lines(scenario, "it", False)]
    assert not [measure for measure in lines if "bias" in measure or "coverage" in measure]


@pytest.mark.parametrize("ratio", [1.0, 0.6])
def test_what_is_true_does_not_depend_on_the_reader(ratio: float) -> None:
    # A bias of the reading is a type I error where there is no effect, and no power.
    arms: Table = {"new": {"pfs": relative("old", ratio)}, "old": {"pfs": exponential(6.0)}}
    scenario = feature_scenario(
        "progression through scans",
        arms=arms,
        assessments={"schedule": STEPS, "investigator": EARLY},
        hypotheses={
            e: hypothesis("new", "old", "part", "final", endpoint=e)
            for e in ("pfs", "pfs_investigator")
        },
        estimates={},
    )
    assert comparison_text(scenario, "pfs_investigator") == (
        "new against old, investigator-assessed PFS, log-rank test"
    )
    for name in ("pfs", "pfs_investigator"):
        assert null_holds(scenario, name) is (ratio == 1.0)
        assert rejection_name(scenario, name) == ("type I error" if ratio == 1.0 else "power")
    assert measured_effect(scenario, "pfs").truth is not None
    assert measured_effect(scenario, "pfs_investigator").truth is None


def test_a_rate_by_the_investigator_has_the_null_hypothesis_of_response() -> None:
    test = of_rates("high", "low", "last", endpoint="response_investigator", method="fisher")
    scenario = feature_scenario("read by the investigator", hypotheses={"it": test})
    assert null_holds(scenario, "it") is False
    assert measured_effect(scenario, "it").truth is None


def test_events_by_the_investigator_have_names() -> None:
    assert events_name("pfs_investigator") == "investigator-assessed PFS events"
    assert events_name("response_investigator") == "investigator-assessed responses"
