"""What is observed, in words."""

from __future__ import annotations

from typing import Any

import pytest
from twins.feature_scenarios import feature_scenario
from twins.scenario_tables import estimate, of_rates

from simulate.report.arms_in_words import scans_text
from simulate.report.contents import counted_name, result_lines
from simulate.report.words import comparison_text, estimated_text
from simulate.results.measured import measured_effect
from simulate.scenario.assessments import Assessments
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
