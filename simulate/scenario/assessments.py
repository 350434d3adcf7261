"""Assessment schedules: when the scans are that show progression and response."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from simulate.scenario.tables import Probability, Sourced, Table, rule_error

DAYS_PER_WEEK = 7
# Weeks in a file may be sevenths, rounded: to within so much of a whole day.
_DAY_TOLERANCE = 0.01
# A hundred years, beyond which nothing is seen.
MOST_WEEKS = 5217


def days_of(weeks: float) -> int:
    """Whole days nearest to ``weeks``."""
    return round(weeks * DAYS_PER_WEEK)


def _whole_days(weeks: float) -> float:
    days = days_of(weeks)
    if abs(weeks * DAYS_PER_WEEK - days) > _DAY_TOLERANCE:
        raise rule_error(
            "must be a whole number of days, in weeks",
            remedy=f"{days} days are {days / DAYS_PER_WEEK:.6g} weeks",
        )
    return weeks


class ScanStep(Table):
    """The distance of the scans from one week until the next step."""

    from_week: Annotated[float, Field(ge=0, le=MOST_WEEKS), AfterValidator(_whole_days)] = Field(
        description="Weeks from randomisation: 0 in the first step, later a scan's week."
    )
    every_weeks: Annotated[float, Field(gt=0, le=MOST_WEEKS), AfterValidator(_whole_days)] = Field(
        description="Weeks to the next scan; sevenths are days."
    )

    @property
    def days(self) -> tuple[int, int]:
        """From which day from randomisation, and how many days apart."""
        return days_of(self.from_week), days_of(self.every_weeks)


def _scans_in_order(steps: tuple[ScanStep, ...]) -> tuple[ScanStep, ...]:
    """Refuse steps that do not start at 0 and go on from a scan of the step before."""
    if steps[0].days[0] != 0:
        raise rule_error("must be 0 in the first step", (0, "from_week"))
    for i, step in enumerate(steps):
        if step.days[1] < 1:
            raise rule_error("must be at least a day, 0.142857 weeks", (i, "every_weeks"))
    for i, (before, step) in enumerate(pairwise(steps), start=1):
        (start, every), (day, _) = before.days, step.days
        if day <= start:
            rule = f"must be later than the {before.from_week:g} of the step before"
            raise rule_error(rule, (i, "from_week"))
        if (day - start) % every:
            early = day - (day - start) % every
            choices = [d for d in (early, early + every) if d > start]
            weeks = " and ".join(f"{d / DAYS_PER_WEEK:.6g}" for d in choices)
            raise rule_error(
                "must be the week of a scan of the step before",
                (i, "from_week"),
                remedy=f"the nearest: {weeks}",
            )
    return steps


class Investigator(Sourced):
    """How the investigator's reading of the scans differs from central review.

    The errors in progression and in response are independent of each other.
    """

    progression_early_probability: Probability = Field(
        default=0.0,
        description="Probability that progression is called at the scan attended before the one "
        "of central review, if there is one.",
    )
    progression_late_probability: Probability = Field(
        default=0.0,
        description="Probability that progression is called at the next scan attended after the "
        "one of central review; a death before it is the event.",
    )
    response_missed_probability: Probability = Field(
        default=0.0, description="Probability that a response of central review is not called."
    )
    response_added_probability: Probability = Field(
        default=0.0,
        description="Probability that a response is called where central review has none: at the "
        "first scan attended, and confirmed by the next one where responses must be confirmed, "
        "both before progression by the investigator and before death.",
    )

    @model_validator(mode="after")
    def _early_or_late(self) -> Self:
        early, late = self.progression_early_probability, self.progression_late_probability
        # Decimals that make 1 may sum up to a little more.
        if early + late > 1.0 + 1e-12:
            raise rule_error(
                "must not sum to more than 1 with progression_early_probability",
                ("progression_late_probability",),
                remedy=f"at most {1.0 - early:g}",
            )
        return self


class Assessments(Sourced):
    """When scans show progression and response; death is seen on its day."""

    schedule: Annotated[
        tuple[ScanStep, ...], Field(min_length=1), AfterValidator(_scans_in_order)
    ] = Field(description="When the scans are, by steps; the last one continues.")
    window_days: int = Field(
        default=0,
        ge=0,
        description="Every scan is up to so many whole days early or late, all equally likely.",
    )
    missed_probability: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability of missing a scan, each independently of the others.",
    )
    confirm_response: bool = Field(
        default=False,
        description="Whether a response counts only once the next scan attended, before the end of "
        "progression-free survival, has confirmed it; it is dated at the scan that first shows it.",
    )

    shift_days: int = Field(
        default=0,
        ge=0,
        description="All scans of a patient are early or late by the same number of whole days, up "
        "to so many, all equally likely.",
    )
    not_evaluable_probability: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability that a patient is not evaluable: progression-free survival is "
        "censored at randomisation, and there is no response; overall survival is as it is.",
    )

    censor_at: Literal["follow_up_end", "last_scan"] = Field(
        default="follow_up_end",
        description="Where progression-free survival without an event is censored: at the end of "
        "follow-up (dropout, planned end or cutoff), or at the last scan attended by then (at "
        "randomisation if there is none).",
    )

    @property
    def steps_in_days(self) -> tuple[tuple[int, int], ...]:
        """Each step of the schedule: from which day, and how many days apart."""
        return tuple(step.days for step in self.schedule)

    @model_validator(mode="after")
    def _windows_apart(self) -> Self:
        shortest = min(every for _, every in self.steps_in_days)
        if 2 * self.window_days >= shortest:
            most = (shortest - 1) // 2
            raise rule_error(
                f"must be less than half the {shortest} days between scans",
                ("window_days",),
                remedy=f"at most {most}",
            )
        first = self.steps_in_days[0][1]
        if self.shift_days + self.window_days >= first:
            beside = " less window_days" if self.window_days else ""
            raise rule_error(
                f"must be less than the {first} days before the first scan{beside}",
                ("shift_days",),
                remedy=f"at most {first - self.window_days - 1}",
            )
        return self


class TrialAssessments(Assessments):
    """The scans of a trial, and how the investigator reads them beside central review."""

    investigator: Investigator | None = Field(
        default=None,
        description="How the investigator's reading differs from central review; with it there are "
        "the endpoints pfs_investigator and response_investigator.",
    )
