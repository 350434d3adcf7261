"""The table of assessments: what it takes, what it refuses and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulate.scenario.assessments import MOST_WEEKS, Assessments, Investigator, TrialAssessments

Steps = tuple[dict[str, float], ...]


def steps(*pairs: tuple[float, float]) -> Steps:
    return tuple({"from_week": week, "every_weeks": every} for week, every in pairs)


STEPS = steps((0, 8), (48, 12))


def read(schedule: Any = STEPS, **others: Any) -> Assessments:
    return Assessments.model_validate({"schedule": schedule, **others})


def refusal(schedule: Any = STEPS, **others: Any) -> tuple[tuple[str | int, ...], str, str]:
    """Where, rule and remedy of the one thing wrong."""
    with pytest.raises(ValidationError) as caught:
        read(schedule, **others)
    # A tuple with a wrong entry is said to be short of it, too; the loader leaves that out.
    (error,) = (e for e in caught.value.errors() if e["type"] != "too_short" or not e["input"])
    context = error.get("ctx", {})
    return (*error["loc"], *context.get("at", ())), error["msg"], context.get("remedy", "")


def test_steps_in_days_and_defaults() -> None:
    table = read()
    assert table.steps_in_days == ((0, 56), (336, 84))
    assert (table.window_days, table.missed_probability) == (0, 0.0)
    assert table.confirm_response is False
    assert (table.shift_days, table.not_evaluable_probability) == (0, 0.0)
    others = {"window_days": 27, "missed_probability": 0.999, "confirm_response": True}
    assert read(**others, source="protocol", status="published").window_days == 27


@pytest.mark.parametrize(
    ("weeks", "days"), [(1 / 7, 1), (0.143, 1), (0.142857, 1), (4.285714, 30), (8.571, 60), (6, 42)]
)
def test_sevenths_of_weeks_are_days(weeks: float, days: int) -> None:
    assert read(steps((0, weeks))).steps_in_days == ((0, days),)


def test_a_step_may_begin_on_a_day_of_a_scan() -> None:
    table = read(steps((0, 30 / 7), (8.571, 6), (8.571 + 12, 1)))
    assert table.steps_in_days == ((0, 30), (60, 42), (144, 7))


@pytest.mark.parametrize(
    ("schedule", "at", "rule", "remedy"),
    [
        (steps((8, 8)), (0, "from_week"), "must be 0 in the first step", ""),
        (steps((0, 8), (0, 4)), (1, "from_week"), "must be later than the 0 of the step", ""),
        (
            steps((0, 8), (48, 12), (24, 12)),
            (2, "from_week"),
            "must be later than the 48 of the step before",
            "",
        ),
        (
            steps((0, 8), (50, 12)),
            (1, "from_week"),
            "must be the week of a scan of the step before",
            "the nearest: 48 and 56",
        ),
        (
            steps((0, 8), (48, 12), (56, 12)),
            (2, "from_week"),
            "must be the week of a scan of the step before",
            "the nearest: 60",
        ),
        (
            steps((0, 8.5)),
            (0, "every_weeks"),
            "must be a whole number of days, in weeks",
            "60 days are 8.57143 weeks",
        ),
        (
            steps((0, 8), (8.3, 8)),
            (1, "from_week"),
            "must be a whole number of days, in weeks",
            "58 days are 8.28571 weeks",
        ),
        (steps((0, 0.001)), (0, "every_weeks"), "must be at least a day", ""),
        (steps((0, 0)), (0, "every_weeks"), "Input should be greater than 0", ""),
        (steps((-8, 8)), (0, "from_week"), "Input should be greater than or equal to 0", ""),
        (steps((0, MOST_WEEKS + 1)), (0, "every_weeks"), "Input should be less than or equal", ""),
        ((), (), "Tuple should have at least 1 item", ""),
    ],
)
def test_schedules_refused(
    schedule: Steps, at: tuple[str | int, ...], rule: str, remedy: str
) -> None:
    where, said, how = refusal(schedule)
    assert where == ("schedule", *at)
    assert said.startswith(rule)
    assert how == remedy


@pytest.mark.parametrize(
    ("key", "value", "rule", "remedy"),
    [
        ("window_days", 28, "must be less than half the 56 days between scans", "at most 27"),
        ("window_days", -1, "Input should be greater than or equal to 0", ""),
        ("window_days", 3.5, "Input should be a valid integer", ""),
        ("missed_probability", 1.0, "Input should be less than 1", ""),
        ("missed_probability", -0.1, "Input should be greater than or equal to 0", ""),
        ("confirm_response", 1, "Input should be a valid boolean", ""),
        ("shift_days", 56, "must be less than the 56 days before the first scan", "at most 55"),
        ("shift_days", -1, "Input should be greater than or equal to 0", ""),
        ("shift_days", 0.5, "Input should be a valid integer", ""),
        ("not_evaluable_probability", 1.0, "Input should be less than 1", ""),
        ("not_evaluable_probability", -0.1, "Input should be greater than or equal to 0", ""),
    ],
)
def test_other_values_refused(key: str, value: Any, rule: str, remedy: str) -> None:
    where, said, how = refusal(**{key: value})
    assert where == (key,)
    assert said.startswith(rule)
    assert how == remedy


def test_no_scan_is_before_the_first_day() -> None:
    # With both, the first scan may be on day 1.
    assert read(shift_days=45, window_days=10).shift_days == 45
    where, said, how = refusal(shift_days=46, window_days=10)
    assert where == ("shift_days",)
    assert said.startswith("must be less than the 56 days before the first scan less window_days")
    assert how == "at most 45"


def test_windows_leave_visits_in_order_at_the_shortest_gap() -> None:
    assert read(steps((0, 12), (24, 3)), window_days=10).window_days == 10
    assert refusal(steps((0, 12), (24, 3)), window_days=11)[1].startswith("must be less than half")
    assert refusal(steps((0, 1 / 7)), window_days=1)[2] == "at most 0"


def test_an_investigator_agrees_unless_said_otherwise() -> None:
    table = TrialAssessments.model_validate({"schedule": STEPS, "investigator": {}})
    assert table.investigator == Investigator()
    assert set(Investigator().model_dump(exclude={"status", "source"}).values()) == {0.0}
    assert TrialAssessments.model_validate({"schedule": STEPS}).investigator is None


@pytest.mark.parametrize("early", [0.0, 0.1, 0.3, 0.6, 0.7, 1.0])
def test_early_and_late_may_make_up_one(early: float) -> None:
    keys = {"progression_early_probability": early, "progression_late_probability": 1.0 - early}
    assert Investigator.model_validate(keys).progression_late_probability == 1.0 - early


@pytest.mark.parametrize("key", [k for k in Investigator.model_fields if "probability" in k])
def test_probabilities_of_an_investigator(key: str) -> None:
    assert getattr(Investigator.model_validate({key: 1.0}), key) == 1.0
    for value in (1.000001, -1e-9):
        with pytest.raises(ValidationError):
            Investigator.model_validate({key: value})


def test_early_and_late_above_one_are_refused() -> None:
    keys = {"progression_early_probability": 0.6, "progression_late_probability": 0.41}
    with pytest.raises(ValidationError, match="must not sum to more than 1") as caught:
        Investigator.model_validate(keys)
    assert caught.value.errors()[0]["ctx"]["remedy"] == "at most 0.4"
