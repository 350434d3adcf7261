"""One simulated trial in the scenario's own names: its looks, and its patients at a cutoff."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from simulate.engine.arrays import Patients
from simulate.engine.codes import (
    DROPOUT,
    EVENT,
    STATUS_ESTIMATE_INFINITE,
    STATUS_ESTIMATE_NOT_CONVERGED,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_NOT_ESTIMABLE,
    STATUS_TARGET_NOT_REACHED,
)
from simulate.engine.philox import STREAM_VERSION
from simulate.engine.statistics import Statistics
from simulate.errors import Problem, ScenarioError
from simulate.results.decisions import NO_LOOK, Decisions, decide
from simulate.results.estimates import CONFIDENCE_Z
from simulate.results.kaplan_meier import (
    BoolArray,
    FloatArray,
    IntArray,
    KaplanMeier,
    kaplan_meier,
)
from simulate.results.plain import or_null, plain_row
from simulate.runner.follow_up import censored_at_scans
from simulate.runner.pack import endpoint_numbers, pack, pack_schedule
from simulate.runner.replay import replay
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.endpoints import OF_PATIENTS, PFS, PFS_INVESTIGATOR
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import MOST_TRIALS, Scenario

JSON_VERSION = 1

# Why a patient's follow-up ended: codes of `Cut.ended_by`.
ENDED_BY = ("event", "dropout", "end of follow-up", "cutoff")
BY_EVENT, BY_DROPOUT, BY_END, BY_CUTOFF = range(4)

REJECTED = "rejected"
REJECTED_BEFORE = "rejected before"
NOT_REJECTED = "not rejected"
STOPPED_BEFORE = "trial stopped before"
NOT_HELD = "not held"
ESTIMATED = "estimated"

FLAGS = (
    (STATUS_LOOK_SKIPPED, "look_skipped"),
    (STATUS_TARGET_NOT_REACHED, "target_not_reached"),
    (STATUS_NO_INFORMATION, "no_information"),
    (STATUS_ESTIMATE_INFINITE, "estimate_infinite"),
    (STATUS_ESTIMATE_NOT_CONVERGED, "estimate_not_converged"),
    (STATUS_NOT_ESTIMABLE, "not_estimable"),
)


class Look(NamedTuple):
    """One hypothesis at one analysis of one trial.

    Attributes
    ----------
    analysis, hypothesis : str
        Their names.
    verdict : str
        `REJECTED` (here, for the first time), `REJECTED_BEFORE`, `NOT_REJECTED`, `STOPPED_BEFORE`
        (the look is there, but the trial had stopped) or `NOT_HELD`.
    critical_value : float
        The z at or above which the hypothesis is rejected here.
    cutoff : float
        Calendar month; NaN if the look did not take place.
    patients_experimental, ..., dropouts_control : int
        Counts of the compared arms at the cutoff.
    score, information, z : float
        Log-rank score, its variance under the null, their standardised ratio; positive for benefit.
    estimate, se : float
        Log hazard ratio and its standard error. NaN where undefined, as the three above.
    missing : tuple of str
        What did not exist, by the names of the operating characteristics that count it.
    """

    analysis: str
    hypothesis: str
    verdict: str
    critical_value: float
    cutoff: float
    patients_experimental: int
    patients_control: int
    events_experimental: int
    events_control: int
    dropouts_experimental: int
    dropouts_control: int
    score: float
    information: float
    z: float
    estimate: float
    se: float
    lower: float
    upper: float
    missing: tuple[str, ...]

    @property
    def hazard_ratio(self) -> tuple[float, float, float]:
        """Estimated hazard ratio and its 95% limits, exp(estimate -+ 1.96 se); NaN if undefined."""
        half_width = CONFIDENCE_Z * self.se
        with np.errstate(over="ignore"):  # a limit may be infinite
            ratio, low, high = np.exp(self.estimate + half_width * np.array([0.0, -1.0, 1.0]))
        return float(ratio), float(low), float(high)


class Cut(NamedTuple):
    """The patients who had entered by an analysis's cutoff, as seen then, in order of entry.

    Attributes
    ----------
    analysis, endpoint : str
        Their names; the analysis is empty at a month that is none's.
    cutoff : float
        Calendar month.
    arm, stratum : ndarray of int, shape (n_entered,)
        Their places in the scenario, strata as in `strata_cells`.
    entry : ndarray of float, shape (n_entered,)
        Calendar month of entry.
    months : ndarray of float, shape (n_entered,)
        Follow-up for the endpoint, in months from randomisation.
    ended_by : ndarray of int, shape (n_entered,)
        Why it ended, a place in `ENDED_BY`.
    """

    analysis: str
    endpoint: str
    cutoff: float
    arm: IntArray
    stratum: IntArray
    entry: FloatArray
    months: FloatArray
    ended_by: IntArray

    @property
    def is_event(self) -> BoolArray:
        """Whose follow-up ended with the event, (n_entered,)."""
        return np.asarray(self.ended_by == BY_EVENT)

    def curve(self, arm: int) -> KaplanMeier:
        """Kaplan-Meier estimate of the arm of this number."""
        here = self.arm == arm
        return kaplan_meier(self.months[here], self.is_event[here])


@dataclass(frozen=True)
class ReplayedTrial:
    """One trial of a scenario, made again.

    Attributes
    ----------
    scenario : Scenario
        What was simulated, with its seed.
    trial : int
        Number of the trial, from 0.
    patients : Patients
        All planned patients, in order of entry, as they would be without any cutoff.
    statistics : Statistics
        Arrays of shape (1, n_rows), with the bits of the trial's row in a run.
    """

    scenario: Scenario
    trial: int
    patients: Patients
    statistics: Statistics

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The planned tests of the trial, by analysis and then by hypothesis."""
        decisions = decide(self.scenario, self.statistics)
        values = {name: column[0].tolist() for name, column in self.statistics._asdict().items()}
        status = values.pop("status")
        rejected: set[str] = set()
        looks = []
        for row, planned in enumerate(planned_comparisons(self.scenario)):
            verdict = _verdict(decisions, row, planned.hypothesis in rejected)
            if planned.hypothesis in self.scenario.estimates and verdict == NOT_REJECTED:
                verdict = ESTIMATED
            if verdict == REJECTED:
                rejected.add(planned.hypothesis)
            looks.append(
                Look(
                    analysis=planned.analysis,
                    hypothesis=planned.hypothesis,
                    verdict=verdict,
                    critical_value=planned.critical_value,
                    missing=tuple(name for flag, name in FLAGS if status[row] & flag),
                    **{name: column[row] for name, column in values.items()},
                )
            )
        return tuple(looks)

    @property
    def cutoffs(self) -> dict[str, float]:
        """Calendar month of each analysis by its name; NaN if it did not take place."""
        return {look.analysis: look.cutoff for look in self.looks}

    @property
    def last_analysis(self) -> str | None:
        """Name of the analysis with which the trial ended; None if none took place."""
        last = int(decide(self.scenario, self.statistics).last_look[0])
        return None if last == NO_LOOK else list(self.scenario.analyses)[last]

    def cut(self, analysis: str | None = None, endpoint: str | None = None) -> Cut:
        """Cut the trial's data at an analysis.

        Parameters
        ----------
        analysis : str, optional
            Its name; the one with which the trial ended if not given.
        endpoint : str, optional
            The endpoint to which patients are followed; the first of the scenario if not given.

        Raises
        ------
        ScenarioError
            If the scenario has no such analysis or endpoint, or the analysis did not take place in
            this trial.
        """
        numbers = endpoint_numbers(self.scenario)
        endpoint = next(iter(numbers)) if endpoint is None else endpoint
        if endpoint not in numbers:
            rule = f"must be one of the scenario's: {', '.join(numbers)}"
            raise _refusal("endpoint", rule, repr(endpoint))
        name = self.last_analysis if analysis is None else analysis
        if name is None:
            raise _refusal("", f"no analysis took place in trial {self.trial:,}")
        if name not in self.cutoffs:
            known = ", ".join(self.scenario.analyses)
            raise _refusal("analysis", f"must be one of the scenario's: {known}", repr(name))
        cutoff = self.cutoffs[name]
        if math.isnan(cutoff):
            held = [a for a, month in self.cutoffs.items() if not math.isnan(month)]
            rule = f"must have taken place in trial {self.trial:,}: {', '.join(held) or 'none did'}"
            raise _refusal("analysis", rule, repr(name))
        return cut_patients(self.scenario, self.trial, self.patients, name, endpoint, cutoff)

    def to_json(self, cut: Cut | None) -> dict[str, Any]:
        """Return the trial as plain data for ``json.dumps``, with its arms at a cutoff."""
        scenario = self.scenario
        return {
            "format": "simulate-replay",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "trial": self.trial,
            "seed": scenario.simulation.seed,
            "stream_version": STREAM_VERSION,
            "data_hash": data_hash(scenario),
            "design_hash": design_hash(scenario),
            "looks": [_look_json(scenario, look) for look in self.looks],
            "cut": None if cut is None else _cut_json(self, cut),
        }


def replay_trial(scenario: Scenario, trial: int) -> ReplayedTrial:
    """Make one trial of a scenario again.

    Parameters
    ----------
    scenario : Scenario
        What is simulated; its seed is used.
    trial : int
        Number of the trial in a run, from 0; it need not be one that the scenario asks for.

    Raises
    ------
    ScenarioError
        If the number is none of a trial.
    """
    if isinstance(trial, bool) or not isinstance(trial, Integral) or not 0 <= trial < MOST_TRIALS:
        rule = f"must be a whole number from 0 to {MOST_TRIALS - 1:,}"
        raise _refusal("trial", rule, repr(trial))
    made = replay(pack(scenario), scenario.simulation.seed, int(trial))
    return ReplayedTrial(scenario, int(trial), made.patients, made.statistics)


def _refusal(path: str, rule: str, given: str = "") -> ScenarioError:
    return ScenarioError([Problem(path, rule, given)])


def _verdict(decisions: Decisions, row: int, rejected_before: bool) -> str:
    """What became of a hypothesis at a look."""
    if not decisions.exists[0, row]:
        return NOT_HELD
    if not decisions.reached[0, row]:
        return STOPPED_BEFORE
    if decisions.rejects[0, row]:
        return REJECTED
    return REJECTED_BEFORE if rejected_before else NOT_REJECTED


def cut_patients(
    scenario: Scenario,
    trial: int,
    patients: Patients,
    analysis: str,
    endpoint: str,
    cutoff: float,
) -> Cut:
    """Patients as seen at a cutoff, by the rule with which the engine builds its risk sets.

    Whose calendar month of the end is after the cutoff is censored there, ``cutoff - entry`` months
    from randomisation; for PFS at the last scan before, where the scenario says so.

    Parameters
    ----------
    scenario : Scenario
        What was simulated, with its seed.
    trial : int
        Number of the trial.
    patients : Patients
        Of that trial.
    analysis, endpoint : str
        Their names; the analysis is empty at a month that is none's.
    cutoff : float
        Calendar month.

    Returns
    -------
    Cut
    """
    number = endpoint_numbers(scenario)[endpoint]
    entered = patients.entry <= cutoff
    seen = patients.calendar_end[number, entered] <= cutoff
    entry = patients.entry[entered]
    outcome = patients.outcome[number, entered]
    months = np.where(seen, patients.end[number, entered], cutoff - entry)
    schedule = pack_schedule(scenario)
    if endpoint in (PFS, PFS_INVESTIGATOR) and schedule.ends_at_scans:
        seed = scenario.simulation.seed
        months = censored_at_scans(schedule, seed, trial, patients, number, months, cutoff)
    return Cut(
        analysis=analysis,
        endpoint=endpoint,
        cutoff=cutoff,
        arm=patients.arm[entered],
        stratum=patients.stratum[entered],
        entry=entry,
        months=months,
        ended_by=np.select(
            [~seen, outcome == EVENT, outcome == DROPOUT],
            [BY_CUTOFF, BY_EVENT, BY_DROPOUT],
            BY_END,
        ),
    )


def _look_json(scenario: Scenario, look: Look) -> dict[str, Any]:
    """A look as plain data, null where a figure is undefined."""
    tested = scenario.hypotheses.get(look.hypothesis)
    is_ratio = tested is not None and tested.test.effect == "log_hazard_ratio"
    ratio, low, high = look.hazard_ratio if is_ratio else (math.nan,) * 3
    fields = look._asdict() | {"missing": list(look.missing)}
    fields |= {"hazard_ratio": ratio, "hazard_ratio_lower": low, "hazard_ratio_upper": high}
    return plain_row(fields)


def _cut_json(trial: ReplayedTrial, cut: Cut) -> dict[str, Any]:
    """Patients of each arm at a cutoff, and by endpoint their events and median."""
    scenario = trial.scenario
    cuts = [trial.cut(cut.analysis, endpoint) for endpoint in endpoint_numbers(scenario)]
    return {
        "analysis": cut.analysis,
        "cutoff": cut.cutoff,
        "arms": [
            {
                "arm": arm,
                "patients": int(np.count_nonzero(cut.arm == number)),
                "endpoints": {by.endpoint: _arm_json(by, number) for by in cuts},
            }
            for number, arm in enumerate(scenario.arms)
        ],
    }


def _arm_json(cut: Cut, number: int) -> dict[str, Any]:
    """Events of an arm, and the median of a time to an event."""
    found: dict[str, Any] = {"events": int(np.count_nonzero(cut.is_event[cut.arm == number]))}
    if cut.endpoint in OF_PATIENTS:
        found["median_months"] = or_null(cut.curve(number).median_months)
    return found
