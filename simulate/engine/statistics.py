"""What comes out of the engine: a row of figures a trial, look and hypothesis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray
from simulate.engine.plan import Plan


class Statistics(NamedTuple):
    """What comes out: a row a (trial, look, hypothesis); each array (n_trials, n_rows).

    ``status`` is a sum of the STATUS flags. ``cutoff`` is a calendar month. Counts are of the
    compared arms at the cutoff; of a binary endpoint, patients are those of the analysis set and
    events the responders. ``score`` is positive if the experimental arm does better;
    ``information`` is its variance under the null. ``estimate`` is the log hazard ratio, or
    whatever else a test or an estimate is about, ``se`` its standard error, ``lower`` and ``upper``
    the confidence limits of an estimate without a test. NaN where undefined.
    """

    status: NDArray[np.uint8]
    cutoff: FloatArray
    patients_experimental: NDArray[np.int32]
    patients_control: NDArray[np.int32]
    events_experimental: NDArray[np.int32]
    events_control: NDArray[np.int32]
    dropouts_experimental: NDArray[np.int32]
    dropouts_control: NDArray[np.int32]
    score: FloatArray
    information: FloatArray
    z: FloatArray
    estimate: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray


def new_statistics(n_trials: int, plan: Plan) -> Statistics:
    """Output arrays for ``n_trials`` trials of ``plan``."""
    shape = (n_trials, len(plan.row_look))

    def counts() -> NDArray[np.int32]:
        return np.zeros(shape, dtype=np.int32)

    def values() -> FloatArray:
        return np.zeros(shape, dtype=np.float64)

    return Statistics(
        status=np.zeros(shape, dtype=np.uint8),
        cutoff=values(),
        patients_experimental=counts(),
        patients_control=counts(),
        events_experimental=counts(),
        events_control=counts(),
        dropouts_experimental=counts(),
        dropouts_control=counts(),
        score=values(),
        information=values(),
        z=values(),
        estimate=values(),
        se=values(),
        lower=values(),
        upper=values(),
    )
