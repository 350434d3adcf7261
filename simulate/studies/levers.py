"""What a search or a curve of power changes in a scenario, and which of its paths that is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from simulate.errors import Problem, ScenarioError
from simulate.scenario.checks import cross_checks
from simulate.scenario.draft import draft_of
from simulate.scenario.effects import null_value
from simulate.scenario.endpoints import TIMES
from simulate.scenario.kinds import EndpointRelative
from simulate.scenario.looks import (
    CalendarTrigger,
    EventTrigger,
    FollowUpTrigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.reading import Path, did_you_mean, path_text
from simulate.scenario.tables import MAX_PATIENTS
from simulate.studies.changes import (
    in_proportion,
    members,
    numbers,
    trigger_at,
    triggers,
    with_patients,
    with_trigger,
)

EVENTS = "events"
PATIENTS = "patients"
HAZARD_RATIO = "hazard-ratio"
FOLLOW_UP = "follow-up"
LEVERS = (EVENTS, PATIENTS, HAZARD_RATIO, FOLLOW_UP)

# How far a search goes where nothing in the scenario bounds it, times what the scenario has.
PATIENTS_BEYOND = 10
MONTHS_BEYOND = 10.0
MONTHS_AT_LEAST = 120.0
SMALLEST_RATIO = 0.05
# Beyond which a hazard ratio is no assumption but a slip.
LARGEST_RATIO = 20.0
ROUNDING = 1e-9
# Share of a coordinate over which a line may be trusted.
PROPORTIONAL_REACH = 0.06


@dataclass(frozen=True)
class Lever(ABC):
    """One figure of a scenario that is varied.

    Attributes
    ----------
    scenario : Scenario
        The scenario, without its study.
    hypothesis : str
        Whose power is asked for.
    scaled : bool
        Whether the numbers of patients and of events all change in proportion.
    """

    scenario: Scenario
    hypothesis: str
    scaled: bool = False

    over: ClassVar[str]
    label: ClassVar[str]
    unit: ClassVar[str]
    is_whole: ClassVar[bool] = True
    # Whether power rises with the value.
    rises: ClassVar[bool] = True

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """Dotted paths of the scenario that are set, the varied one first."""

    @property
    @abstractmethod
    def given(self) -> float:
        """The value that the scenario has."""

    @property
    @abstractmethod
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that can be set."""

    @property
    def searched(self) -> tuple[float, float]:
        """Smallest and largest value that a search looks at, if not told others."""
        return self.limits

    @property
    def has_events(self) -> bool:
        """Whether any look of the scenario is at a number of events."""
        return any(isinstance(trigger, EventTrigger) for _, trigger in triggers(self.scenario))

    @property
    def widest(self) -> tuple[float, float]:
        """Smallest and largest value at which a closed form is asked."""
        return self.searched

    @abstractmethod
    def with_value(self, value: float) -> Scenario:
        """Return the scenario with a value, not yet checked."""

    def coordinate(self, value: float) -> float:
        """Scale on which the probit of the power is about linear, and rises."""
        return math.sqrt(value)

    def value_at(self, coordinate: float) -> float:
        """Value at a coordinate, not rounded."""
        return max(coordinate, 0.0) ** 2

    def at(self, value: float) -> Scenario:
        """Return the scenario with a value, checked as if it came from a file.

        Raises
        ------
        ScenarioError
            If there is no such scenario; the message names the value.
        """
        varied = self.with_value(value)
        problems = [
            Problem(path_text(f.path), f.rule, f.given or "", f.remedy, f"{self.label} {value:g}")
            for f in cross_checks(draft_of(varied))
        ]
        if problems:
            raise ScenarioError(problems)
        return varied

    @property
    def is_proportional(self) -> bool:
        """Whether the mean of a test statistic is about proportional to the coordinate."""
        return True

    def reach(self, coordinate: float) -> float:
        """Distance, in coordinates, over which the probit is linear even where power levels off.

        Of coordinates that are proportional to the mean of the test statistic, a power of 0.9 at
        level 0.025 lies 3.24 from 0 in probits: this is a fifth of a probit.
        """
        return PROPORTIONAL_REACH * abs(coordinate)

    def rounded_up(self, value: float) -> float:
        """Value with at least the power of one that need not be whole."""
        if not self.is_whole or not math.isfinite(value):
            return value
        return float(math.ceil(value - ROUNDING * max(abs(value), 1.0)))


@dataclass(frozen=True)
class Events(Lever):
    """Number of events at which the final look of a hypothesis takes place."""

    over = EVENTS
    label = "events"
    unit = "events"

    @property
    def look(self) -> str:
        """Final look of the hypothesis."""
        return self.scenario.hypotheses[self.hypothesis].analyses[-1]

    @property
    def place(self) -> Path:
        """Path of the trigger whose events are varied."""
        return _only_place(self.scenario, self.look, (EventTrigger,), EVENTS)

    @property
    def _trigger(self) -> EventTrigger:
        found = trigger_at(self.scenario, self.place)
        assert isinstance(found, EventTrigger)
        return found

    @property
    def paths(self) -> tuple[str, ...]:
        """The number of events, and what changes in proportion."""
        own = path_text((*self.place, "events"))
        others = numbers(self.scenario) if self.scaled else ()
        return (own, *(path for path in others if path != own))

    @property
    def given(self) -> float:
        """Events of the scenario."""
        return float(self._trigger.events)

    @property
    def limits(self) -> tuple[float, float]:
        """At most as many events as patients, who grow with them if scaled."""
        patients = self.scenario.accrual.patients
        if not self.scaled:
            return 1.0, float(patients)
        return 1.0, float(math.floor(MAX_PATIENTS * self.given / patients))

    @property
    def searched(self) -> tuple[float, float]:
        """All that can be; scaled, up to ten times the scenario's patients."""
        low, high = self.limits
        return low, min(high, PATIENTS_BEYOND * self.given) if self.scaled else high

    @property
    def widest(self) -> tuple[float, float]:
        """Closed forms know no patients."""
        return 1.0, float(MAX_PATIENTS)

    def with_value(self, value: float) -> Scenario:
        """Scenario with so many events, and if scaled with patients and events in proportion."""
        n_events = int(value)
        scenario = self.scenario
        if self.scaled:
            factor = value / self.given
            # Never fewer patients than the ratio of the scenario asks for.
            patients = math.ceil(scenario.accrual.patients * factor - ROUNDING)
            scenario = in_proportion(scenario, max(patients, 2), factor)
        return with_trigger(
            scenario, self.place, lambda t: t.model_copy(update={"events": n_events})
        )


@dataclass(frozen=True)
class Patients(Lever):
    """Planned number of patients."""

    over = PATIENTS
    label = "patients"
    unit = "patients"

    @property
    def paths(self) -> tuple[str, ...]:
        """The number of patients, and what changes in proportion."""
        return numbers(self.scenario) if self.scaled else ("accrual.patients",)

    @property
    def given(self) -> float:
        """Patients of the scenario."""
        return float(self.scenario.accrual.patients)

    @property
    def limits(self) -> tuple[float, float]:
        """From as few as any number of events needs; scaled from two."""
        if self.scaled:
            return 2.0, float(MAX_PATIENTS)
        needed = [
            trigger.events if isinstance(trigger, EventTrigger) else trigger.after_patients or 2
            for _, trigger in triggers(self.scenario)
            if isinstance(trigger, EventTrigger | FollowUpTrigger)
        ]
        return float(max([2, *needed])), float(MAX_PATIENTS)

    @property
    def searched(self) -> tuple[float, float]:
        """Up to ten times the scenario's."""
        low, high = self.limits
        return low, min(high, PATIENTS_BEYOND * self.given)

    @property
    def widest(self) -> tuple[float, float]:
        """All numbers of patients."""
        return self.limits

    def with_value(self, value: float) -> Scenario:
        """Scenario with so many patients, and if scaled with events in proportion."""
        n = int(value)
        if self.scaled:
            return in_proportion(self.scenario, n, value / self.given)
        return with_patients(self.scenario, n)


@dataclass(frozen=True)
class HazardRatio(Lever):
    """True hazard ratio of the experimental arm."""

    over = HAZARD_RATIO
    label = "hazard ratio"
    unit = ""
    is_whole = False
    rises = False

    @property
    def _table(self) -> EndpointRelative:
        chosen = self.scenario.hypotheses[self.hypothesis]
        arm = self.scenario.arms[chosen.arms.experimental]
        path = f"arms.{chosen.arms.experimental}.{chosen.endpoint}"
        table = getattr(arm, chosen.endpoint, None) if chosen.endpoint in TIMES else None
        if not isinstance(table, EndpointRelative) or table.hazard_ratio is None:
            rule = "needs one hazard_ratio, relative to another arm, for --over hazard-ratio"
            raise ScenarioError([Problem(path, rule, "", "write it so, or vary another figure")])
        if table.by_stratum:
            rule = "must not differ by stratum for --over hazard-ratio"
            raise ScenarioError([Problem(f"{path}.by_stratum", rule)])
        return table

    @property
    def paths(self) -> tuple[str, ...]:
        """The hazard ratio of the arm's table."""
        chosen = self.scenario.hypotheses[self.hypothesis]
        return (f"arms.{chosen.arms.experimental}.{chosen.endpoint}.hazard_ratio",)

    @property
    def given(self) -> float:
        """Hazard ratio of the scenario."""
        assert self._table.hazard_ratio is not None
        return self._table.hazard_ratio

    @property
    def limits(self) -> tuple[float, float]:
        """What a hazard ratio may be."""
        return 1.0 / LARGEST_RATIO / LARGEST_RATIO, LARGEST_RATIO

    @property
    def searched(self) -> tuple[float, float]:
        """From a twentieth of the null value to the null value, where power is alpha.

        A test of one arm has its null value elsewhere.
        """
        null = self._null
        return SMALLEST_RATIO * null, null if self.is_proportional else LARGEST_RATIO

    @property
    def is_proportional(self) -> bool:
        """Where two arms are compared."""
        return self.scenario.hypotheses[self.hypothesis].arms.control is not None

    def reach(self, coordinate: float) -> float:
        """As where it is proportional; else a tenth of the hazard ratio."""
        return super().reach(coordinate) if self.is_proportional else 0.1

    @property
    def widest(self) -> tuple[float, float]:
        """Any ratio up to the null value."""
        return self.limits[0], self._null

    @property
    def _null(self) -> float:
        chosen = self.scenario.hypotheses[self.hypothesis]
        return null_value(chosen) if chosen.test.kind == "logrank" else 1.0

    def with_value(self, value: float) -> Scenario:
        """Scenario with a hazard ratio."""
        chosen = self.scenario.hypotheses[self.hypothesis]
        name = chosen.arms.experimental
        table = self._table.model_copy(update={"hazard_ratio": float(value)})
        arm = self.scenario.arms[name].model_copy(update={chosen.endpoint: table})
        return self.scenario.model_copy(update={"arms": {**self.scenario.arms, name: arm}})

    def coordinate(self, value: float) -> float:
        """Log of the null over the true hazard ratio."""
        return math.log(self._null / value)

    def value_at(self, coordinate: float) -> float:
        """Hazard ratio at a coordinate."""
        return self._null * math.exp(-coordinate)


@dataclass(frozen=True)
class FollowUp(Lever):
    """Month of the final look: since the last entry, or since the start of accrual."""

    over = FOLLOW_UP
    unit = "months"
    is_whole = False
    label = "follow-up"

    @property
    def _place(self) -> Path:
        look = self.scenario.hypotheses[self.hypothesis].analyses[-1]
        return _only_place(self.scenario, look, (FollowUpTrigger, CalendarTrigger), FOLLOW_UP)

    @property
    def _key(self) -> str:
        is_calendar = isinstance(trigger_at(self.scenario, self._place), CalendarTrigger)
        return "calendar_months" if is_calendar else "minimum_follow_up_months"

    @property
    def paths(self) -> tuple[str, ...]:
        """The months of the trigger."""
        return (path_text((*self._place, self._key)),)

    @property
    def given(self) -> float:
        """Months of the scenario."""
        return float(getattr(trigger_at(self.scenario, self._place), self._key))

    @property
    def limits(self) -> tuple[float, float]:
        """Any number of months; a calendar month is above 0."""
        return (ROUNDING if self._key == "calendar_months" else 0.0), math.inf

    @property
    def searched(self) -> tuple[float, float]:
        """Up to ten years, or ten times the scenario's."""
        low = 0.0 if self._key == "minimum_follow_up_months" else self.given / MONTHS_BEYOND
        return low, max(MONTHS_BEYOND * self.given, MONTHS_AT_LEAST)

    def with_value(self, value: float) -> Scenario:
        """Scenario with so many months."""
        update = {self._key: float(value)}
        return with_trigger(self.scenario, self._place, lambda t: t.model_copy(update=update))

    def coordinate(self, value: float) -> float:
        """Months as they are."""
        return value

    def value_at(self, coordinate: float) -> float:
        """Months as they are."""
        return coordinate

    @property
    def is_proportional(self) -> bool:
        """Never: patients are followed from their entries on."""
        return False

    def reach(self, coordinate: float) -> float:
        """A tenth, and a month."""
        return 0.1 * abs(coordinate) + 1.0


_KINDS: dict[str, type[Lever]] = {kind.over: kind for kind in (Events, Patients, HazardRatio)}


def lever_of(
    scenario: Scenario, over: str, hypothesis: str | None = None, *, scaled: bool | None = None
) -> Lever:
    """Find what is varied.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    over : str
        One of `LEVERS`.
    hypothesis : str, optional
        Whose power is asked for; needed where there are several.
    scaled : bool, optional
        Whether patients and events change in proportion; if not given, over patients where looks
        are at numbers of events. Over anything else it must not be true.

    Returns
    -------
    Lever

    Raises
    ------
    ScenarioError
        If there is no such hypothesis, or the scenario does not have what is to be varied.
    """
    if over not in LEVERS:
        rule = f"must be one of {', '.join(LEVERS)}"
        raise ScenarioError([Problem("over", rule, over, did_you_mean(over, LEVERS))])
    name = chosen_hypothesis(scenario, hypothesis)
    if scaled and over in {HAZARD_RATIO, FOLLOW_UP}:
        rule = "is for --over events and --over patients only"
        raise ScenarioError([Problem("scale", rule, f"over {over}")])
    if scaled is None:
        scaled = over == PATIENTS and len(numbers(scenario)) > 1
    kind = _KINDS.get(over, FollowUp)
    lever = kind(scenario.model_copy(update={"study": None}), name, scaled)
    # What it lacks shows here, not after minutes of simulation.
    _ = lever.given, lever.paths
    return lever


def chosen_hypothesis(scenario: Scenario, hypothesis: str | None) -> str:
    """Name of the hypothesis that was asked for, or of the only one.

    Raises
    ------
    ScenarioError
        If there is none of this name, none at all, or several to choose from.
    """
    known = list(scenario.hypotheses)
    if not known:
        rule = "needs a hypothesis: estimates have no power"
        raise ScenarioError([Problem("hypotheses", rule)])
    if hypothesis is None and len(known) > 1:
        rule = "must be named, since there are several"
        raise ScenarioError([Problem("hypothesis", rule, "", f"one of {', '.join(known)}")])
    if hypothesis is not None and hypothesis not in known:
        remedy = did_you_mean(hypothesis, known)
        rule = f"must be one of {', '.join(known)}"
        raise ScenarioError([Problem("hypothesis", rule, f"'{hypothesis}'", remedy)])
    return hypothesis or known[0]


def _only_place(scenario: Scenario, look: str, kinds: tuple[type, ...], over: str) -> Path:
    """Path of the one trigger of some kinds that a look has.

    Raises
    ------
    ScenarioError
        If it has none, or several.
    """
    path = ("analyses", look, "trigger")
    trigger = scenario.analyses[look].trigger
    places = [at for at, member in members(path, trigger) if isinstance(member, kinds)]
    if len(places) == 1:
        return places[0]
    what = "a number of events" if over == EVENTS else "a calendar month or a minimum follow-up"
    number = "none" if not places else f"{len(places)}"
    rule = f"must have {what}, exactly one, for --over {over}"
    others = {
        EVENTS: any(isinstance(m, EventTrigger) for _, m in members(path, trigger)),
        FOLLOW_UP: any(
            isinstance(m, FollowUpTrigger | CalendarTrigger) for _, m in members(path, trigger)
        ),
    }
    offered = [name for name, there in others.items() if there and name != over]
    remedy = f"vary {' or '.join((*offered, PATIENTS))} instead"
    raise ScenarioError([Problem(path_text(path), rule, number, remedy)])
