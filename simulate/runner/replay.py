"""One trial of a run, made again with its patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import Patients
from simulate.engine.plan import Plan
from simulate.engine.statistics import Statistics, new_statistics
from simulate.engine.trial import simulate_trials
from simulate.engine.workspace import new_workspace


class Replay(NamedTuple):
    """What the engine made of one trial number.

    Attributes
    ----------
    patients : Patients
        All planned patients, in order of entry, as they would be without any cutoff.
    statistics : Statistics
        Arrays of shape (1, n_rows): the bits of the trial's row in a run.
    """

    patients: Patients
    statistics: Statistics


def replay(plan: Plan, seed: int, trial: int) -> Replay:
    """Simulate one trial alone and keep its patients.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed : int
        Key of the random numbers, below 2**64.
    trial : int
        Its number in a run, from 0.

    Returns
    -------
    Replay
    """
    workspace = new_workspace(plan)
    statistics = new_statistics(1, plan)
    simulate_trials(plan, np.uint64(seed), trial, trial + 1, workspace, statistics, 0)
    return Replay(workspace.patients, statistics)
