"""Arrays of patients, curves and risk sets, which kernels fill again for every trial."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
UintArray = NDArray[np.uint64]

# Numbers in a cache line of 64 bytes.
LINE = 8


class Patients(NamedTuple):
    """Patients of one trial or of several; arrays (n,), or by endpoint (n_endpoints, n).

    Patients of small trials are made for several trials at once, and stand trial after trial. To
    the analysis of one trial go only its own; in arrays by endpoint they begin at ``first``. See
    `simulate.engine.patients`.

    ``entry``, ``calendar_end`` and ``calendar_event`` are calendar months; the other times run from
    randomisation. ``progression`` is the latent time to progression, filled where there are both
    PFS and OS; ``response`` the month of the scan that first shows a response, filled where there
    are scans; ``discontinuation`` is filled where there are states. ``shift`` is by how many days
    all visits are late, and ``assessable`` 0 if the patient is not evaluable, else infinite: both
    filled where they are drawn, ``shift`` else 0. By endpoint: ``event`` is when it happens
    (infinite: never), ``end`` when follow-up would end without a cutoff, ``outcome`` why.
    ``calendar_event`` is infinite without an event. ``cell`` is unsigned, which makes it the
    quickest of indices.
    """

    stratum: IntArray
    arm: IntArray
    cell: UintArray
    entry: FloatArray
    dropout: FloatArray
    progression: FloatArray
    response: FloatArray
    discontinuation: FloatArray
    shift: FloatArray
    assessable: FloatArray
    event: FloatArray
    end: FloatArray
    outcome: IntArray
    calendar_end: FloatArray
    calendar_event: FloatArray
    first: int


class Curve(NamedTuple):
    """Kaplan-Meier curve of one arm, a row an event; arrays (n_patients + 1,), from the front.

    Attributes
    ----------
    months : FloatArray
        Times of the events, ascending, in months from randomisation.
    survival : FloatArray
        S after the event; before the first it is 1.
    greenwood : FloatArray
        The event's term ``1 / (n (n - 1))`` of Greenwood's sum, ``n`` at risk. Some finite number
        for ``n = 1``: S is 0 from there on, and with it whatever the term is multiplied by.
    """

    months: FloatArray
    survival: FloatArray
    greenwood: FloatArray


class RiskSets(NamedTuple):
    """Risk sets at the distinct event times of one analysis, stratum after stratum.

    ``counts`` holds three numbers of `COUNT_BITS` bits each, from the lowest: patients at risk just
    before the time, how many of them are experimental, and experimental events at the time.
    ``events`` counts all events at the time; without ties it is not filled: it is 1 throughout.
    Shape (n_patients + 1,), filled from the front.
    """

    counts: IntArray
    events: IntArray


def whole_lines(size: int) -> int:
    """Smallest number of numbers, at least ``size``, that ends at the end of a cache line."""
    return -(-size // LINE) * LINE


def aligned(shape: tuple[int, ...]) -> UintArray:
    """Zeros that begin where a cache line does, to view as 64 bits of any type.

    A vector of 512 bits then lies in one line. NumPy's arrays begin at any multiple of 16 bytes,
    where it mostly lies in two: by that chance, a trial takes up to 8% longer.
    """
    size = math.prod(shape)
    spare = np.zeros(size + LINE, dtype=np.uint64)
    first = -(spare.ctypes.data // spare.itemsize) % LINE
    return spare[first : first + size].reshape(shape)
