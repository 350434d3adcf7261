"""The triggers of the looks as a program in postfix order."""

from __future__ import annotations

from collections.abc import Sequence

from simulate.engine import codes
from simulate.runner.pack.course import endpoint_numbers
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import matching_cells

FALL_BACKS = {
    "last_event": codes.FALL_BACK_LAST_EVENT,
    "all_data": codes.FALL_BACK_ALL_DATA,
    "skip": codes.FALL_BACK_SKIP,
}


class Nodes:
    """The looks' triggers as a program in postfix order."""

    def __init__(self, scenario: Scenario, arms: list[str], n_cells: int) -> None:
        self.scenario = scenario
        self.arms = arms
        self.n_cells = n_cells
        self.first = [0]
        self.kind: list[int] = []
        self.endpoint: list[int] = []
        self.endpoints = endpoint_numbers(scenario)
        self.count: list[int] = []
        self.rule: list[int] = []
        self.mask: list[int] = []
        self.months: list[float] = []
        self.masks: list[list[int]] = []
        for analysis in scenario.analyses.values():
            self._add_trigger(analysis.trigger)
            self.first.append(len(self.kind))

    def _add(
        self,
        kind: int,
        count: int = 0,
        rule: int = 0,
        mask: int = -1,
        months: float = 0.0,
        endpoint: int = 0,
    ) -> None:
        """Append one node."""
        self.kind.append(kind)
        self.endpoint.append(endpoint)
        self.count.append(count)
        self.rule.append(rule)
        self.mask.append(mask)
        self.months.append(months)

    def _add_trigger(self, trigger: Trigger) -> None:
        """Append a trigger's nodes, members first."""
        match trigger:
            case EventTrigger():
                rule = FALL_BACKS[trigger.if_not_reached]
                endpoint = self.endpoints[trigger.endpoint]
                mask = self._mask(trigger)
                self._add(codes.NODE_EVENTS, trigger.events, rule, mask, endpoint=endpoint)
            case CalendarTrigger():
                self._add(codes.NODE_CALENDAR, months=trigger.calendar_months)
            case FollowUpTrigger():
                patient = trigger.after_patients or self.scenario.accrual.patients
                months = trigger.minimum_follow_up_months
                self._add(codes.NODE_MINIMUM_FOLLOW_UP, patient, months=months)
            case DelayTrigger():
                self._add(codes.NODE_AFTER_PREVIOUS, months=trigger.months_after_previous)
            case LatestTrigger():
                self._add_members(codes.NODE_LATEST, trigger.latest_of)
            case EarliestTrigger():
                self._add_members(codes.NODE_EARLIEST, trigger.earliest_of)

    def _add_members(self, kind: int, members: Sequence[Trigger]) -> None:
        """Append the members and then the node that combines them."""
        for member in members:
            self._add_trigger(member)
        self._add(kind, len(members))

    def _mask(self, trigger: EventTrigger) -> int:
        """Row of the mask of cells whose events count; -1 if all do."""
        if trigger.stratum is None and trigger.arms is None:
            return -1
        cells = range(self.n_cells)
        if trigger.stratum is not None:
            counted = set(matching_cells(self.scenario, trigger.stratum))
        else:
            counted = set(cells)
        arms = trigger.arms or self.arms
        mask = [int(arm in arms and cell in counted) for arm in self.arms for cell in cells]
        if mask not in self.masks:
            self.masks.append(mask)
        return self.masks.index(mask)
