"""Scenarios with other looks, with more patients or without estimates; which numbers they hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from simulate.scenario.looks import (
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.reading import Path, path_text
from simulate.scenario.survival_tests import OfRiskSets


def members(path: Path, trigger: Trigger) -> Iterator[tuple[Path, Trigger]]:
    """A trigger and all that it is made of, each with its path."""
    yield path, trigger
    for key in ("latest_of", "earliest_of"):
        for i, part in enumerate(getattr(trigger, key, ())):
            yield from members((*path, key, i), part)


def triggers(scenario: Scenario) -> Iterator[tuple[Path, Trigger]]:
    """All triggers of a scenario with their paths."""
    for name, analysis in scenario.analyses.items():
        yield from members(("analyses", name, "trigger"), analysis.trigger)


def numbers(scenario: Scenario) -> tuple[str, ...]:
    """Paths of all numbers of patients and events, the planned patients first."""
    found = ["accrual.patients"]
    for path, trigger in triggers(scenario):
        if isinstance(trigger, EventTrigger):
            found.append(path_text((*path, "events")))
        elif isinstance(trigger, FollowUpTrigger) and trigger.after_patients is not None:
            found.append(path_text((*path, "after_patients")))
    return tuple(found)


def trigger_at(scenario: Scenario, place: Path) -> Trigger:
    """Find the trigger at a path."""
    return next(trigger for path, trigger in triggers(scenario) if path == place)


def with_trigger(scenario: Scenario, place: Path, change: Callable[[Trigger], Trigger]) -> Scenario:
    """Scenario in which the trigger at a path is changed."""

    def changed(path: Path, trigger: Trigger) -> Trigger:
        return change(trigger) if path == place else trigger

    return each_trigger(scenario, changed)


def each_trigger(scenario: Scenario, change: Callable[[Path, Trigger], Trigger]) -> Scenario:
    """Scenario with every trigger that is made of no others changed."""

    def walk(path: Path, trigger: Trigger) -> Trigger:
        for key in ("latest_of", "earliest_of"):
            if isinstance(trigger, LatestTrigger | EarliestTrigger) and hasattr(trigger, key):
                parts = [walk((*path, key, i), p) for i, p in enumerate(getattr(trigger, key))]
                return trigger.model_copy(update={key: tuple(parts)})
        return change(path, trigger)

    analyses = {
        name: analysis.model_copy(
            update={"trigger": walk(("analyses", name, "trigger"), analysis.trigger)}
        )
        for name, analysis in scenario.analyses.items()
    }
    return scenario.model_copy(update={"analyses": analyses})


def with_patients(scenario: Scenario, n: int) -> Scenario:
    """Scenario of so many patients."""
    accrual = scenario.accrual.model_copy(update={"patients": n})
    return scenario.model_copy(update={"accrual": accrual})


def in_proportion(scenario: Scenario, n_patients: int, factor: float) -> Scenario:
    """Scenario of so many patients, with all numbers of events and patients in proportion.

    They are rounded to the nearest whole number, half up, but are 1 at least and no more than the
    patients.
    """

    def scaled(number: int) -> int:
        return min(max(math.floor(factor * number + 0.5), 1), n_patients)

    def change(_: Path, trigger: Trigger) -> Trigger:
        if isinstance(trigger, EventTrigger):
            return trigger.model_copy(update={"events": scaled(trigger.events)})
        if isinstance(trigger, FollowUpTrigger) and trigger.after_patients is not None:
            return trigger.model_copy(update={"after_patients": scaled(trigger.after_patients)})
        return trigger

    return with_patients(each_trigger(scenario, change), n_patients)


def without_estimates(scenario: Scenario) -> Scenario:
    """Scenario without estimates, which take time and change no test."""
    hypotheses = {
        name: hypothesis.model_copy(
            update={"test": hypothesis.test.model_copy(update={"estimate": "none"})}
        )
        if isinstance(hypothesis.test, OfRiskSets)
        else hypothesis
        for name, hypothesis in scenario.hypotheses.items()
    }
    return scenario.model_copy(update={"hypotheses": hypotheses, "estimates": {}})
