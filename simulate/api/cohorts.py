"""The patients of simulated trials, for statistics of one's own in Python."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulate.api.inputs import chosen_scenario, is_whole
from simulate.errors import Problem, ScenarioError
from simulate.results.kaplan_meier import BoolArray, FloatArray, IntArray
from simulate.results.replayed import Cut, cut_patients
from simulate.runner.cohorts import MadeCohort, made_cohorts
from simulate.runner.pack import endpoint_numbers, pack
from simulate.scenario.endpoints import (
    DISEASE_CONTROL,
    OS,
    PFS,
    PFS_INVESTIGATOR,
    RESPONSE,
    RESPONSE_INVESTIGATOR,
)
from simulate.scenario.models import MOST_TRIALS, Scenario
from simulate.scenario.resolve import is_assessed, strata_cells


@dataclass(frozen=True, eq=False)
class Cohort:
    """All planned patients of one simulated trial, in order of entry, with their whole courses.

    Arrays have a place for each patient, (n_patients,), and are read-only. Times are those that a
    patient would have without dropout, end of follow-up or cutoff; infinite is never. Where there
    are scans, progression-free survival and response are what the scans show: both never happen in
    a patient who is not evaluable.

    Attributes
    ----------
    scenario : Scenario
        What is simulated.
    trial : int
        Number of the trial, from 0: the one of a run, and of a replay.
    """

    scenario: Scenario = field(repr=False)
    trial: int
    _made: MadeCohort = field(repr=False)
    _rows: Mapping[str, int] = field(repr=False)

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self._made.patients.entry)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(self.scenario.arms)

    @property
    def strata(self) -> tuple[Mapping[str, str], ...]:
        """Levels of the factors in each stratum; one without levels where there are no factors."""
        return tuple(cell.levels for cell in strata_cells(self.scenario))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints."""
        return tuple(self._rows)

    @property
    def arm(self) -> IntArray:
        """Arm of each patient, a place in ``arms``."""
        return self._made.patients.arm

    @property
    def stratum(self) -> IntArray:
        """Stratum of each patient, a place in ``strata``."""
        return self._made.patients.stratum

    @property
    def entry(self) -> FloatArray:
        """Calendar month of entry."""
        return self._made.patients.entry

    @property
    def dropout(self) -> FloatArray:
        """Months from randomisation to dropout."""
        return self._made.patients.dropout

    @property
    def pfs(self) -> FloatArray:
        """Months from randomisation to progression or death."""
        return self._event(PFS)

    @property
    def pfs_investigator(self) -> FloatArray:
        """Months from randomisation to progression by the investigator, or death."""
        return self._event(PFS_INVESTIGATOR)

    @property
    def os(self) -> FloatArray:
        """Months from randomisation to death."""
        return self._event(OS)

    @property
    def progression(self) -> FloatArray:
        """Months to progression itself, seen or not, also after death; needs ``pfs`` and ``os``."""
        for endpoint in (PFS, OS):
            self._event(endpoint)
        return self._made.patients.progression

    @property
    def response_time(self) -> FloatArray:
        """Months from randomisation to response, or to the scan that first shows it."""
        if not is_assessed(self.scenario):
            return self._event(RESPONSE)
        first_shown = self._made.patients.response
        return _read_only(np.where(self.responded, first_shown, np.inf))

    @property
    def responded(self) -> BoolArray:
        """Who responds, ever; where responses must be confirmed, who has one that is."""
        return _read_only(np.isfinite(self._event(RESPONSE)))

    @property
    def duration_of_response(self) -> FloatArray:
        """Months from response to progression or death; NaN for who never responds."""
        responded = self.responded
        months = np.full(len(self), np.nan)
        months[responded] = self.pfs[responded] - self.response_time[responded]
        return _read_only(months)

    @property
    def binary(self) -> dict[str, BoolArray]:
        """Who has each of the binary endpoints beside response, by its name.

        Among them disease control, where a hypothesis or an estimate is about it, and response by
        the investigator, where there is one.
        """
        possible = (DISEASE_CONTROL, RESPONSE_INVESTIGATOR)
        observed = [name for name in possible if name in self._rows]
        names = [*observed, *self.scenario.binary_endpoints]
        return {name: _read_only(np.isfinite(self._event(name))) for name in names}

    def cutoff(self, analysis: str) -> float:
        """Calendar month at which an analysis takes place in this trial.

        Parameters
        ----------
        analysis : str
            Its name. Whether an analysis before has stopped the trial plays no part.

        Returns
        -------
        float
            NaN if it does not take place.

        Raises
        ------
        ScenarioError
            If the scenario has no such analysis.
        """
        names = list(self.scenario.analyses)
        if analysis not in names:
            raise _refusal(
                "analysis", f"must be one of the scenario's: {', '.join(names)}", analysis
            )
        return float(self._made.cutoffs[names.index(analysis)])

    def cut(self, month: float, endpoint: str | None = None) -> Cut:
        """Cut the data at a calendar month: what is known of an endpoint by then.

        Parameters
        ----------
        month : float
            Calendar month, from the start of accrual.
        endpoint : str, optional
            Its name; the first of the scenario if not given.

        Returns
        -------
        Cut
            The patients who have entered by then, in order of entry: ``arm``, ``stratum``,
            ``entry``, follow-up in ``months``, ``is_event``. The first patients of the cohort: cuts
            of several endpoints at one month have the same.

        Raises
        ------
        ScenarioError
            If the month is not finite, or there is no such endpoint.
        """
        if not isinstance(month, Real) or isinstance(month, bool) or not math.isfinite(month):
            raise _refusal("month", "must be a finite calendar month", month)
        endpoint = self.endpoints[0] if endpoint is None else endpoint
        self._event(endpoint)
        made = self._made
        return cut_patients(self.scenario, self.trial, made.patients, "", endpoint, float(month))

    def _event(self, endpoint: str) -> FloatArray:
        """Months to the event of an endpoint."""
        if endpoint not in self._rows:
            rule = f"must be one of the scenario's: {', '.join(self._rows)}"
            raise _refusal("endpoint", rule, endpoint)
        months: FloatArray = self._made.patients.event[self._rows[endpoint]]
        return months


def cohorts(
    scenario: Scenario | str | os.PathLike[str],
    trials: int | None = None,
    *,
    seed: int | None = None,
    start: int = 0,
) -> Iterator[Cohort]:
    """Simulate the patients of trials, and nothing else, for a statistic of one's own.

    Parameters
    ----------
    scenario : Scenario or path
        What to simulate, or the file that says so.
    trials : int, optional
        How many; those of the scenario if not given.
    seed : int, optional
        Instead of the scenario's.
    start : int
        Number of the first.

    Returns
    -------
    iterator of Cohort
        Trials ``start`` to ``start + trials - 1``, with the patients that they have in a run. Each
        is simulated when it is asked for.

    Raises
    ------
    ScenarioError
        If a parameter is out of range, or the scenario is not sound.
    """
    chosen = chosen_scenario(scenario, trials, seed, None)
    trials, seed = chosen.simulation.trials, chosen.simulation.seed
    if not is_whole(start) or not 0 <= start <= MOST_TRIALS - trials:
        rule = f"must be a whole number from 0 to {MOST_TRIALS - trials:,}"
        raise _refusal("start", rule, start)
    rows = endpoint_numbers(chosen)
    made = made_cohorts(pack(chosen), seed, int(start), int(start) + trials)
    return (Cohort(chosen, one.trial, one, rows) for one in made)


def _refusal(path: str, rule: str, given: object) -> ScenarioError:
    return ScenarioError([Problem(path, rule, repr(given))])


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, closed to changes."""
    array.flags.writeable = False
    return array
