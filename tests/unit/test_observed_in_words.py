"""What is observed, in words."""

from __future__ import annotations

from typing import Any

import pytest

from simulate.report.arms_in_words import scans_text
from simulate.scenario.assessments import Assessments

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
