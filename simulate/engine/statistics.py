"""What comes out of the engine: a row of figures a trial, look and hypothesis."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray, aligned, whole_lines
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


# What the fields of `Statistics` are made of, in their order.
KINDS = (np.uint8, np.float64, *[np.int32] * 6, *[np.float64] * 7)


def new_statistics(n_trials: int, plan: Plan) -> Statistics:
    """Output arrays for ``n_trials`` trials of ``plan``."""
    shape = (n_trials, len(plan.row_look))
    size = math.prod(shape)
    # One piece of memory: the system gives a large one in large pages, which takes less time.
    memory = aligned((len(Statistics._fields), whole_lines(size)))
    columns = (numbers.view(kind)[:size] for numbers, kind in zip(memory, KINDS, strict=True))
    return Statistics(*(column.reshape(shape) for column in columns))
