"""Analyses, and what triggers them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from simulate.scenario.reading import closest, quoted
from simulate.scenario.tables import (
    MAX_PATIENTS,
    NotNegative,
    Positive,
    Selector,
    Sourced,
    Table,
    Text,
    rule_error,
)


class EventTrigger(Sourced):
    """A look at a number of events."""

    endpoint: str = Field(description="The endpoint whose events count: a time or a response.")
    events: int = Field(
        ge=1, le=MAX_PATIENTS, description="Number of events that triggers the look."
    )
    if_not_reached: Literal["last_event", "all_data", "skip"] = Field(
        description="The look of a trial that never has so many events: at its last event, when "
        "all follow-up has ended, or not at all.",
    )
    stratum: Selector | None = Field(
        default=None, description="Count events in these strata only: factor = level."
    )
    arms: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="Count events in these arms only."
    )


class CalendarTrigger(Sourced):
    """A look at a calendar time."""

    calendar_months: Positive = Field(description="Months since the start of accrual.")


class FollowUpTrigger(Sourced):
    """A look at a minimum follow-up."""

    minimum_follow_up_months: NotNegative = Field(
        description="Months since the last planned entry, or since the entry of the patient named."
    )
    after_patients: int | None = Field(
        default=None,
        ge=1,
        le=MAX_PATIENTS,
        description="Count from the entry of the patient of this number, not from the last.",
    )


class DelayTrigger(Sourced):
    """A look some time after the one before."""

    months_after_previous: Positive = Field(description="Months since the previous analysis.")


class LatestTrigger(Sourced):
    """A look when all of several triggers have come."""

    latest_of: tuple[Trigger, ...] = Field(
        min_length=2, description="The triggers that must all have come."
    )


class EarliestTrigger(Sourced):
    """A look when the first of several triggers comes."""

    earliest_of: tuple[Trigger, ...] = Field(
        min_length=2, description="The triggers of which the first counts."
    )


TRIGGER_KEYS = (
    "events",
    "calendar_months",
    "minimum_follow_up_months",
    "months_after_previous",
    "latest_of",
    "earliest_of",
)


def _kinds(data: Any) -> list[str]:
    """List the kinds of trigger that a table could be; one if it is sound."""
    if isinstance(data, Table):
        return [key for key in TRIGGER_KEYS if key in type(data).model_fields]
    if not isinstance(data, dict):
        return []
    kinds = [key for key in TRIGGER_KEYS if key in data]
    if not kinds and ("endpoint" in data or "if_not_reached" in data):
        return ["events"]
    if not kinds:
        kinds = [kind for key in data if (kind := closest(key, TRIGGER_KEYS)) is not None]
    return kinds


def _kind(data: Any) -> str:
    return f"<{_kinds(data)[0]}>"


def _check_trigger(data: Any) -> Any:
    """Refuse a table of no kind, or of several, in words."""
    if not isinstance(data, dict | Table):
        raise rule_error("must be a table, such as { calendar_months = 30 }")
    if isinstance(data, dict) and len(_kinds(data)) != 1:
        raise rule_error(
            f"must have exactly one of {quoted(TRIGGER_KEYS)}",
            given=" and ".join(key for key in data if key in TRIGGER_KEYS) or ", ".join(data),
            remedy="combine several with latest_of or earliest_of" if _kinds(data) else "",
        )
    return data


Trigger = Annotated[
    Annotated[EventTrigger, Tag("<events>")]
    | Annotated[CalendarTrigger, Tag("<calendar_months>")]
    | Annotated[FollowUpTrigger, Tag("<minimum_follow_up_months>")]
    | Annotated[DelayTrigger, Tag("<months_after_previous>")]
    | Annotated[LatestTrigger, Tag("<latest_of>")]
    | Annotated[EarliestTrigger, Tag("<earliest_of>")],
    Discriminator(_kind),
    BeforeValidator(_check_trigger),
]


class Analysis(Sourced):
    """A planned look at the data."""

    label: Text | None = Field(default=None, description="Name for reports.")
    trigger: Trigger = Field(description="What triggers the look.")
