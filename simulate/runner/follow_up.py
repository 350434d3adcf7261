"""Follow-up for PFS that ends at the last scan, of patients that have been made."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, Patients
from simulate.engine.follow_up import back_to_scans
from simulate.engine.plan import Schedule


def censored_at_scans(
    schedule: Schedule,
    seed: int,
    trial: int,
    patients: Patients,
    endpoint: int,
    months: FloatArray,
    cutoff: float,
) -> FloatArray:
    """Take follow-up for PFS without an event back to the last scan, by the rule of the engine.

    Parameters
    ----------
    schedule : Schedule
        When the scans are.
    seed, trial : int
        Key of the random numbers, and number of the trial.
    patients : Patients
        Of that trial, in order of entry.
    endpoint : int
        Number of PFS, by central review or by the investigator.
    months : FloatArray, shape (n_entered,)
        Follow-up at the cutoff of those who have entered, in months from randomisation.
    cutoff : float
        Calendar month.

    Returns
    -------
    FloatArray, shape (n_entered,)
        Months from randomisation.
    """
    n = len(months)
    follow_up = months.copy()
    back_to_scans(
        schedule,
        np.uint64(seed),
        np.uint64(trial),
        # Copies: kernels are compiled for arrays that may be written to.
        patients.arm.copy(),
        patients.shift.copy(),
        patients.entry.copy(),
        patients.calendar_end[endpoint].copy(),
        patients.outcome[endpoint].copy(),
        n,
        cutoff,
        np.zeros(n),
        np.zeros(n),
        follow_up,
    )
    return follow_up
