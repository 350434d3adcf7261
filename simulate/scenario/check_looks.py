"""The rules for looks: what triggers the analyses, and which hypotheses are tested at them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import pairwise

from simulate.scenario.draft import Draft
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    Hypothesis,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.reading import Finding, Path
from simulate.scenario.references import check_distinct, check_name, check_selector

MAX_TRIGGER_DEPTH = 8

# Names that results have for themselves.
OVERALL = "overall"
ANY = "any"
ALL = "all"


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
    hypotheses = None if draft.hypotheses is None else list(draft.hypotheses.values())
    sound = [hypothesis for hypothesis in hypotheses or () if hypothesis is not None]
    used = {name for hypothesis in sound for name in hypothesis.analyses}
    # A hypothesis that is broken, names none or misspells one may have meant any of them.
    is_told = len(sound) == len(hypotheses or ()) and all(h.analyses for h in sound)
    if hypotheses and is_told and used <= analyses.keys():
        for name in analyses:
            if name not in used:
                remedy = "add it to the analyses of a hypothesis, or remove it"
                rule = "must be an analysis of at least one hypothesis"
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


def check_hypotheses(draft: Draft) -> Iterator[Finding]:
    """Check what each hypothesis compares, when, and at which level.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    for name in draft.analyses or {}:
        if name == OVERALL:
            rule = f"must not be '{OVERALL}', which in results is the end of the trial"
            yield Finding(("analyses", name), rule)
    for name, hypothesis in (draft.hypotheses or {}).items():
        path = ("hypotheses", name)
        if name in {ANY, ALL}:
            rule = f"must not be '{name}', which in results stands for several hypotheses"
            yield Finding(path, rule)
        if hypothesis is None:
            continue
        for role in ("experimental", "control"):
            arm = getattr(hypothesis.arms, role)
            yield from check_name(arm, draft.arms, "an arm", (*path, "arms", role))
        if hypothesis.arms.experimental == hypothesis.arms.control:
            yield Finding((*path, "arms", "control"), "must differ from the experimental arm")
        if hypothesis.test.stratified and draft.strata == {}:
            rule = "needs [strata], and there are none"
            yield Finding((*path, "test", "stratified"), rule, remedy="set it to false")
        if draft.analyses:
            yield from _check_looks_of(path, hypothesis, list(draft.analyses))


def _check_looks_of(path: Path, hypothesis: Hypothesis, planned: list[str]) -> Iterator[Finding]:
    """Check a hypothesis's analyses, and its level at each."""
    looks, at = hypothesis.analyses, (*path, "analyses")
    if not looks:
        rule = "required key is missing where the scenario has several analyses"
        yield Finding(at, rule, remedy=f"name some of {', '.join(planned)}")
        return
    for i, look in enumerate(looks):
        yield from check_name(look, planned, "an analysis", (*at, i))
    yield from check_distinct(looks, at)
    positions = [planned.index(look) for look in looks if look in planned]
    if any(later < earlier for earlier, later in pairwise(positions)):
        yield Finding(at, f"must follow the order of [analyses]: {', '.join(planned)}")
    if hypothesis.alpha is not None and len(looks) > 1:
        rule = "cannot be spent over several looks: a spending function is not available yet"
        remedy = f"name critical_values instead, the z of each of the {len(looks)} looks"
        yield Finding((*path, "alpha"), rule, remedy=remedy)
    values = hypothesis.critical_values
    if values is not None and len(values) != len(looks):
        rule = f"must have one value for each look, {len(looks)} in all"
        yield Finding((*path, "critical_values"), rule)


def check_stopping(draft: Draft) -> Iterator[Finding]:
    """Check that the hypotheses named for stopping exist.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    path = ("stopping", "hypotheses")
    named = draft.stopping.hypotheses if draft.stopping is not None else ()
    for i, name in enumerate(named):
        yield from check_name(name, draft.hypotheses, "a hypothesis", (*path, i))
    yield from check_distinct(named, path)
