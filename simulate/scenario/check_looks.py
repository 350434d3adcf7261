"""The rules for looks: what triggers the analyses, and that each is of use."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from simulate.scenario.check_observed import check_known
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import READINGS
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.reading import Finding, Path
from simulate.scenario.references import check_distinct, check_name, check_selector

MAX_TRIGGER_DEPTH = 8


def check_analyses(draft: Draft) -> Iterator[Finding]:
    """Check the triggers of all analyses, and that each analysis is used.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    analyses = draft.analyses or {}
    for position, (name, analysis) in enumerate(analyses.items()):
        if analysis is not None:
            path = ("analyses", name, "trigger")
            for at, trigger in _members(path, analysis.trigger):
                yield from _check_trigger(at, trigger, draft, is_first=position == 0)
    yield from _check_order(draft)
    users = (
        None
        if draft.hypotheses is None or draft.estimates is None
        else [
            *draft.hypotheses.values(),
            *draft.estimates.values(),
        ]
    )
    sound = [user for user in users or () if user is not None]
    used = {name for user in sound for name in user.analyses}
    # One that is broken, names none or misspells one may have meant any of them.
    is_told = len(sound) == len(users or ()) and all(user.analyses for user in sound)
    if users and is_told and used <= analyses.keys():
        for name in analyses:
            if name not in used:
                remedy = "add it to the analyses of a hypothesis or an estimate, or remove it"
                rule = "must be an analysis of at least one hypothesis or estimate"
                yield Finding(("analyses", name), rule, "", remedy)


def _members(path: Path, trigger: Trigger) -> Iterator[tuple[Path, Trigger]]:
    """Walk through a trigger and all that it is made of, each with its place."""
    yield path, trigger
    if isinstance(trigger, LatestTrigger | EarliestTrigger):
        key = "latest_of" if isinstance(trigger, LatestTrigger) else "earliest_of"
        parts = trigger.latest_of if isinstance(trigger, LatestTrigger) else trigger.earliest_of
        for i, part in enumerate(parts):
            yield from _members((*path, key, i), part)


def _check_trigger(path: Path, trigger: Trigger, draft: Draft, is_first: bool) -> Iterator[Finding]:
    n_patients = None if draft.accrual is None else draft.accrual.patients
    # A nested trigger lies two steps (key and position) below the one that holds it.
    if len(path) == 3 + 2 * MAX_TRIGGER_DEPTH:
        yield Finding(path, f"must not be nested deeper than {MAX_TRIGGER_DEPTH} levels", "")
    if isinstance(trigger, EventTrigger):
        at = (*path, "endpoint")
        yield from check_known(at, trigger.endpoint, tuple(READINGS), draft)
        if trigger.stratum is not None:
            yield from check_selector(trigger.stratum, draft.strata, (*path, "stratum"))
        for i, arm in enumerate(trigger.arms or ()):
            yield from check_name(arm, draft.arms, "an arm", (*path, "arms", i))
        yield from check_distinct(trigger.arms or (), (*path, "arms"))
        if n_patients is not None and trigger.events > n_patients:
            rule = f"must be at most the number of patients, {n_patients}"
            yield Finding((*path, "events"), rule)
    elif isinstance(trigger, FollowUpTrigger):
        after = trigger.after_patients
        if n_patients is not None and after is not None and after > n_patients:
            rule = f"must be at most the number of patients, {n_patients}"
            yield Finding((*path, "after_patients"), rule)
    elif isinstance(trigger, DelayTrigger) and is_first:
        rule = "needs an analysis before it, and this is the first"
        yield Finding((*path, "months_after_previous"), rule)


def _check_order(draft: Draft) -> Iterator[Finding]:
    """Check that looks of the same kind follow each other in time."""
    latest: dict[Hashable, tuple[str, float]] = {}
    for name, analysis in (draft.analyses or {}).items():
        comparable = None if analysis is None else _comparable(analysis.trigger)
        if comparable is None:
            continue
        kind, key, value = comparable
        before, most = latest.get(kind, ("", -1.0))
        if value <= most:
            rule = f"must exceed the {most:g} of analyses.{before}"
            remedy = "put the analyses in the order of time"
            yield Finding(("analyses", name, "trigger", key), rule, remedy=remedy)
        else:
            latest[kind] = (name, value)


def _comparable(trigger: Trigger) -> tuple[Hashable, str, float] | None:
    """Tell what a plain trigger counts, its key and its value; None for one made of others."""
    if isinstance(trigger, EventTrigger):
        stratum = frozenset((trigger.stratum or {}).items())
        arms = None if trigger.arms is None else frozenset(trigger.arms)
        return (trigger.endpoint, stratum, arms), "events", trigger.events
    if isinstance(trigger, CalendarTrigger):
        return "calendar", "calendar_months", trigger.calendar_months
    if isinstance(trigger, FollowUpTrigger):
        kind = ("follow-up", trigger.after_patients)
        return kind, "minimum_follow_up_months", trigger.minimum_follow_up_months
    return None
