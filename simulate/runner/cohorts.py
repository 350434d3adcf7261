"""The patients of one trial after the other, without any analysis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray, Patients
from simulate.engine.cohort import make_cohort
from simulate.engine.plan import Plan
from simulate.engine.workspace import new_workspace


class MadeCohort(NamedTuple):
    """What the engine made of one trial number; arrays are read-only.

    Attributes
    ----------
    trial : int
        Number of the trial.
    patients : Patients
        All planned patients, in order of entry, as they would be without any cutoff.
    cutoffs : FloatArray, shape (n_looks,)
        Calendar month of each look; NaN for one that does not take place.
    """

    trial: int
    patients: Patients
    cutoffs: FloatArray


def made_cohorts(plan: Plan, seed: int, start: int, stop: int) -> Iterator[MadeCohort]:
    """Make the patients of trials ``start`` to ``stop - 1``, each when it is asked for.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed : int
        Key of the random numbers, below 2**64.
    start, stop : int
        Range of trial numbers.

    Yields
    ------
    MadeCohort
    """
    workspace = new_workspace(plan)
    cutoffs = np.empty(len(plan.first_node) - 1)
    for trial in range(start, stop):
        make_cohort(plan, np.uint64(seed), np.uint64(trial), workspace, cutoffs)
        patients = Patients._make(
            _read_only(column) if isinstance(column, np.ndarray) else column
            for column in workspace.patients
        )
        yield MadeCohort(trial, patients, _read_only(cutoffs))


def _read_only(column: NDArray[Any]) -> NDArray[Any]:
    """Copy of a column of the workspace, which the next trial fills anew."""
    kept = column.copy()
    kept.flags.writeable = False
    return kept
