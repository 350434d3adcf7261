"""The patients of one trial, and the cutoffs of its looks, without any analysis."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray
from simulate.engine.compile import kernel
from simulate.engine.cutoffs import look_cutoff
from simulate.engine.plan import Plan
from simulate.engine.trial import make_patients
from simulate.engine.workspace import Workspace


@kernel
def make_cohort(
    plan: Plan, seed: np.uint64, trial: np.uint64, workspace: Workspace, cutoffs: FloatArray
) -> None:
    """Make the patients of one trial in ``workspace.patients``, and find its cutoffs.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed, trial : np.uint64
        Key of the random numbers; number of the trial.
    workspace : Workspace
        Scratch memory made for this plan.
    cutoffs : FloatArray, shape (n_looks,)
        Filled with the calendar month of each look; NaN for one that does not take place.
    """
    one_trial = int(np.int64(1))  # typed: a literal would compile kernels a second time
    make_patients(plan, seed, trial, one_trial, workspace)
    previous_cutoff = 0.0
    for look in range(len(cutoffs)):
        cutoff, _ = look_cutoff(plan, workspace.patients, workspace, look, previous_cutoff)
        if cutoff < np.inf:
            previous_cutoff = cutoff
            cutoffs[look] = cutoff
        else:
            cutoffs[look] = np.nan
