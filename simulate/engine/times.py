"""From uniforms to calendar: entry, event and dropout times, and the end of follow-up."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, Patients, UintArray
from simulate.engine.codes import DROPOUT, EVENT, FOLLOWED_TO_END
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import exp, log
from simulate.engine.plan import Hazards

# Up to so many cells a vectorised pass a cell is quicker than looking each patient's up.
FEW_CELLS = 4


@kernel
def unit_exponentials(values: FloatArray, n: int) -> None:
    """Turn uniforms into exponential times of rate 1, ``-log(u)``, in place, (n,)."""
    for i in range(n):
        values[i] = -log(values[i])


@kernel
def poisson_entries(
    gaps: FloatArray,
    start: FloatArray,
    cumulative: FloatArray,
    inverse_rate: FloatArray,
    n: int,
    entry: FloatArray,
) -> None:
    """Entry times (calendar months) of a Poisson process with a rate that changes in steps, (n,).

    On the scale of the cumulative accrual the process has rate 1: the running sum of the unit
    exponential ``gaps``, mapped back through the steps.
    """
    step = 0
    last = len(start) - 1
    total = 0.0
    for i in range(n):
        total += gaps[i]
        # A pause has the same cumulative accrual at both ends; nobody enters in it.
        while step < last and total >= cumulative[step + 1]:
            step += 1
        entry[i] = start[step] + (total - cumulative[step]) * inverse_rate[step]


@kernel
def weibull_scales(
    months: float, cumulative: FloatArray, inverse_shape: FloatArray, n: int, out: FloatArray
) -> None:
    """Weibull scales in months, from the cumulative hazard at ``months`` and one over the shape."""
    for i in range(n):
        out[i] = months / exp(inverse_shape[i] * log(cumulative[i]))


@inlined_kernel
def of_member(hazards: Hazards, member: int, n_cells: int) -> Hazards:
    """Hazards of the cells under one of the plan's truths; see `Plan.n_members`."""
    low = member * n_cells
    high = low + n_cells
    # With single rates a piece's number is that of its cell among those of the member.
    first = low if hazards.single_rates else 0
    stop = high if hazards.single_rates else len(hazards.clock)
    return Hazards(
        hazards.first_piece[low:high],
        hazards.stop_piece[low:high],
        hazards.clock[first:stop],
        hazards.cumulative[first:stop],
        hazards.inverse_slope[first:stop],
        hazards.scale[low:high],
        hazards.inverse_shape[low:high],
        hazards.single_rates,
        hazards.at_most_two,
        hazards.all_linear,
        hazards.never,
    )


@kernel
def invert_hazards(
    exponentials: FloatArray, cell: UintArray, hazards: Hazards, n: int, out: FloatArray
) -> None:
    """Months at which the cumulative hazard of each patient's cell reaches ``exponentials``, (n,).

    Infinite where it never does. ``out`` is another array than ``exponentials``.
    """
    if hazards.never:
        for i in range(n):
            out[i] = np.inf
        return
    if hazards.single_rates:
        _invert_single_rates(exponentials, cell, hazards.inverse_slope, n, out)
    elif hazards.at_most_two:
        _invert_two_pieces(exponentials, cell, hazards, n, out)
    else:
        _invert_pieces(exponentials, cell, hazards, n, out)
    if not hazards.all_linear:
        _unstretch_clock(cell, hazards, n, out)


@kernel
def _invert_single_rates(
    exponentials: FloatArray, cell: UintArray, inverse_slope: FloatArray, n: int, out: FloatArray
) -> None:
    """Clock at which a cumulative hazard of one piece reaches ``exponentials``, (n,)."""
    if len(inverse_slope) <= FEW_CELLS:
        first = inverse_slope[0]
        for i in range(n):
            out[i] = exponentials[i] * first
        for c in range(1, len(inverse_slope)):
            if inverse_slope[c] != first:
                _invert_single_rate_of(exponentials, cell, c, inverse_slope[c], n, out)
    else:
        for i in range(n):
            out[i] = exponentials[i] * inverse_slope[cell[i]]


@kernel
def _invert_single_rate_of(
    exponentials: FloatArray, cell: UintArray, chosen: int, slope: float, n: int, out: FloatArray
) -> None:
    """As `_invert_single_rates`, for the patients of one cell, in a pass that vectorises."""
    own = np.uint64(chosen)
    for i in range(n):
        reached = exponentials[i] * slope
        out[i] = reached if cell[i] == own else out[i]


@kernel
def _invert_two_pieces(
    exponentials: FloatArray, cell: UintArray, hazards: Hazards, n: int, out: FloatArray
) -> None:
    """Clock at which a cumulative hazard of one or two pieces reaches ``exponentials``, (n,)."""
    if len(hazards.first_piece) <= 2 * FEW_CELLS:
        for c in range(len(hazards.first_piece)):
            _invert_two_pieces_of(exponentials, cell, c, hazards, n, out)
        return
    for i in range(n):
        target = exponentials[i]
        first = hazards.first_piece[cell[i]]
        last = hazards.stop_piece[cell[i]] - 1
        piece = np.uint64(last if target > hazards.cumulative[np.uint64(last)] else first)
        excess = target - hazards.cumulative[piece]
        out[i] = hazards.clock[piece] + excess * hazards.inverse_slope[piece]


@kernel
def _invert_two_pieces_of(
    exponentials: FloatArray,
    cell: UintArray,
    chosen: int,
    hazards: Hazards,
    n: int,
    out: FloatArray,
) -> None:
    """As `_invert_two_pieces`, for the patients of one cell, in a pass that vectorises."""
    own = np.uint64(chosen)
    first = hazards.first_piece[chosen]
    last = hazards.stop_piece[chosen] - 1
    clock = hazards.clock[first]
    cumulative = hazards.cumulative[first]
    inverse_slope = hazards.inverse_slope[first]
    later_clock = hazards.clock[last]
    later_cumulative = hazards.cumulative[last]
    later_inverse_slope = hazards.inverse_slope[last]
    for i in range(n):
        target = exponentials[i]
        early = clock + (target - cumulative) * inverse_slope
        late = later_clock + (target - later_cumulative) * later_inverse_slope
        reached = late if target > later_cumulative else early
        out[i] = reached if cell[i] == own else out[i]


@kernel
def _invert_pieces(
    exponentials: FloatArray, cell: UintArray, hazards: Hazards, n: int, out: FloatArray
) -> None:
    """Clock at which a cumulative hazard of several pieces reaches ``exponentials``, (n,)."""
    for i in range(n):
        target = exponentials[i]
        # The last piece that starts below the target, or the first.
        piece = hazards.first_piece[cell[i]]
        stop = hazards.stop_piece[cell[i]]
        while stop - piece > 1:
            middle = (piece + stop) >> 1
            is_later = target > hazards.cumulative[middle]
            piece = middle if is_later else piece
            stop = stop if is_later else middle
        excess = target - hazards.cumulative[piece]
        out[i] = hazards.clock[piece] + excess * hazards.inverse_slope[piece]


@kernel
def cumulative_hazards(
    months: FloatArray, cell: UintArray, hazards: Hazards, n: int, out: FloatArray
) -> None:
    """Cumulative hazard of each patient's cell at ``months``, (n,); infinite at infinite months."""
    for i in range(n):
        power = hazards.inverse_shape[cell[i]]
        clock = months[i]
        if power != 1.0 and 0.0 < clock < np.inf:
            clock = exp(log(clock / hazards.scale[cell[i]]) / power)
        # The last piece that starts at or before the month.
        piece = hazards.first_piece[cell[i]]
        stop = hazards.stop_piece[cell[i]]
        while stop - piece > 1:
            middle = (piece + stop) >> 1
            is_later = clock >= hazards.clock[middle]
            piece = middle if is_later else piece
            stop = stop if is_later else middle
        inverse_slope = hazards.inverse_slope[piece]
        # An infinite inverse slope is a slope of 0.
        rise = (clock - hazards.clock[piece]) / inverse_slope if inverse_slope < np.inf else 0.0
        out[i] = hazards.cumulative[piece] + rise


@kernel
def _unstretch_clock(cell: UintArray, hazards: Hazards, n: int, out: FloatArray) -> None:
    """Weibull clock to months, ``scale * y ** (1 / shape)``, in place, (n,)."""
    for i in range(n):
        y = out[i]
        power = hazards.inverse_shape[cell[i]]
        if power != 1.0 and y < np.inf:
            out[i] = hazards.scale[cell[i]] * exp(power * log(y))


@inlined_kernel
def end_follow_up(patients: Patients, endpoint: int, maximum_follow_up: float, n: int) -> None:
    """When and why each patient's follow-up for an endpoint ends if no cutoff comes first.

    At equal times an event precedes a dropout, and a dropout the end of planned follow-up.
    """
    event = patients.event[endpoint]
    end = patients.end[endpoint]
    earliest(event, patients.dropout, maximum_follow_up, n, end)
    why_ended(event, patients.dropout, end, n, patients.outcome[endpoint])


@inlined_kernel
def to_calendar(patients: Patients, endpoint: int, n: int) -> None:
    """Calendar months of the end of follow-up for an endpoint, and of the event."""
    calendar_end = patients.calendar_end[endpoint]
    add(patients.entry, patients.end[endpoint], n, calendar_end)
    event_months(calendar_end, patients.outcome[endpoint], n, patients.calendar_event[endpoint])


# Separate passes: LLVM vectorises a loop only over a few arrays that might overlap.


@kernel
def earliest(
    event: FloatArray, dropout: FloatArray, maximum_follow_up: float, n: int, end: FloatArray
) -> None:
    """End of follow-up, in months from randomisation, (n,)."""
    for i in range(n):
        end[i] = min(event[i], dropout[i], maximum_follow_up)


@kernel
def add(entry: FloatArray, end: FloatArray, n: int, calendar: FloatArray) -> None:
    """Calendar month of a time from randomisation, (n,)."""
    for i in range(n):
        calendar[i] = entry[i] + end[i]


@kernel
def end_by(limit: FloatArray, n: int, end: FloatArray, outcome: IntArray) -> None:
    """End follow-up for an endpoint, without its event, where ``limit`` is earlier, (n,)."""
    for i in range(n):
        outcome[i] = FOLLOWED_TO_END if limit[i] < end[i] else outcome[i]
    for i in range(n):
        end[i] = min(end[i], limit[i])


@kernel
def why_ended(
    event: FloatArray, dropout: FloatArray, end: FloatArray, n: int, outcome: IntArray
) -> None:
    """Event, dropout or neither, (n,)."""
    for i in range(n):
        other = DROPOUT if dropout[i] == end[i] else FOLLOWED_TO_END
        why = EVENT if event[i] == end[i] else other
        outcome[i] = why if end[i] < np.inf else FOLLOWED_TO_END


@kernel
def event_months(
    calendar_end: FloatArray, outcome: IntArray, n: int, calendar_event: FloatArray
) -> None:
    """Calendar month of the event, infinite if there is none, (n,)."""
    for i in range(n):
        calendar_event[i] = calendar_end[i] if outcome[i] == EVENT else np.inf
