"""When a look takes place: the calendar month at which its data are cut."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import FloatArray, Patients
from simulate.engine.codes import (
    FALL_BACK_LAST_EVENT,
    FALL_BACK_SKIP,
    NODE_AFTER_PREVIOUS,
    NODE_CALENDAR,
    NODE_EVENTS,
    NODE_LATEST,
    NODE_MINIMUM_FOLLOW_UP,
)
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.patients import own_row
from simulate.engine.plan import Plan
from simulate.engine.workspace import Workspace

FEW = 3
FIRST_SPREAD = 8.0
MAX_GUESSES = 60
INFINITY_BITS = 0x7FF0000000000000


@inlined_kernel
def look_cutoff(
    plan: Plan, patients: Patients, workspace: Workspace, look: int, previous_cutoff: float
) -> tuple[float, bool]:
    """Calendar month of a look's cutoff, and whether an event target had to be replaced.

    A number of events that is never reached counts as infinitely late. If that makes the whole
    look infinitely late, the targets are replaced by what their rule says. Still infinite: the look
    does not take place.
    """
    cutoff = _evaluate(plan, patients, workspace, look, previous_cutoff, False)
    replaced = cutoff == np.inf
    if replaced:
        cutoff = _evaluate(plan, patients, workspace, look, previous_cutoff, True)
    return max(cutoff, previous_cutoff), replaced


@inlined_kernel
def _evaluate(
    plan: Plan,
    patients: Patients,
    workspace: Workspace,
    look: int,
    previous_cutoff: float,
    replace: bool,
) -> float:
    """Value of a look's nodes, in postfix order on a stack."""
    stack = workspace.stack
    height = 0
    for node in range(plan.first_node[look], plan.first_node[look + 1]):
        kind = plan.node_kind[node]
        count = plan.node_count[node]
        if kind == NODE_EVENTS:
            value = _event_target(plan, patients, workspace, node, replace)
        elif kind == NODE_CALENDAR:
            value = plan.node_months[node]
        elif kind == NODE_MINIMUM_FOLLOW_UP:
            value = patients.entry[count - 1] + plan.node_months[node]
        elif kind == NODE_AFTER_PREVIOUS:
            value = previous_cutoff + plan.node_months[node]
        else:
            height -= count
            value = stack[height]
            for member in range(height + 1, height + count):
                if kind == NODE_LATEST:
                    value = max(value, stack[member])
                else:
                    value = min(value, stack[member])
        stack[height] = value
        height += 1
    return float(stack[0])


@inlined_kernel
def _event_target(
    plan: Plan, patients: Patients, workspace: Workspace, node: int, replace: bool
) -> float:
    """Calendar month of a node's n-th event; infinite if never reached and not replaced."""
    n = plan.n_patients
    endpoint = plan.node_endpoint[node]
    events = own_row(patients.calendar_event, endpoint, patients)
    times = events
    mask = plan.node_mask[node]
    if mask >= 0:
        times = workspace.float_scratch
        for i in range(n):
            counts = plan.masks[mask, patients.cell[i]] == 1
            times[i] = events[i] if counts else np.inf
    cutoff = select(times, n, plan.node_count[node], workspace.last_cutoff[node])
    rule = plan.node_rule[node]
    if cutoff < np.inf or not replace or rule == FALL_BACK_SKIP:
        return cutoff
    return _fall_back(patients, plan.course.first_endpoint, times, n, rule)


@kernel
def _fall_back(
    patients: Patients, first_endpoint: int, times: FloatArray, n: int, rule: int
) -> float:
    """Calendar month of the last counted event, or of the end of all follow-up.

    Of every endpoint from ``first_endpoint`` on; ``times`` (n,) are the events.
    """
    latest = -1.0
    if rule == FALL_BACK_LAST_EVENT:
        for i in range(n):
            if times[i] < np.inf:
                latest = max(latest, times[i])
    else:
        for endpoint in range(len(patients.calendar_end)):
            calendar_end = own_row(patients.calendar_end, endpoint, patients)
            for i in range(n if endpoint >= first_endpoint else 0):
                latest = max(latest, calendar_end[i])
    return latest if latest >= 0.0 else np.inf


@kernel
def select(values: FloatArray, n: int, rank: int, last_found: FloatArray) -> float:
    """The ``rank``-th smallest (from 1) of positive ``values`` (n,), infinite if there are too few.

    Keeps an interval ``(low, high]`` that holds it and counts, in each round, up to three limits
    around where it should lie by the count and the gap between values there; the last few ranks
    are stepped through. Only passes that vectorise, and ``values`` is not changed.

    ``last_found`` (2,) is where the search begins and what it leaves for the next one: a value, and
    the gap. It has no influence on the result, only on the number of rounds.
    """
    low = 0.0
    below_low = int(np.int64(0))  # typed: a literal would compile a kernel a second time
    high, below_high = _largest_finite(values, n)
    if below_high < rank:
        return np.inf
    middle = last_found[0]
    gap = last_found[1]
    spread = FIRST_SPREAD
    for guess in range(MAX_GUESSES):
        if rank - below_low <= FEW:
            break
        if not low < middle < high or guess % 4 == 3:
            # Nothing to go by, or a tail too heavy for steps by the gap: halve the interval.
            middle = 0.5 * (low + high)
            gap = (high - low) / (below_high - below_low)
        lower = middle - spread * gap
        upper = middle + spread * gap
        up_to_lower, up_to_middle, up_to_upper = _count_up_to_three(values, n, lower, middle, upper)
        for limit, count in ((lower, up_to_lower), (middle, up_to_middle), (upper, up_to_upper)):
            if count >= rank and limit < high:
                high = limit
                below_high = count
            elif count < rank and limit > low:
                low = limit
                below_low = count
        # Next, aim just below the rank, and as far to both sides as chance may have put it.
        missing = rank - 1 - up_to_middle
        gap = (upper - lower) / max(up_to_upper - up_to_lower, 1)
        middle += missing * gap
        spread = 1.0 + 0.5 * math.sqrt(abs(missing))
    value = _step_up(values, n, low, below_low, rank)
    last_found[0] = value
    last_found[1] = gap
    return value


@kernel
def _count_up_to_three(
    values: FloatArray, n: int, first: float, second: float, third: float
) -> tuple[int, int, int]:
    """Numbers of ``values`` (n,) that are at most each of three limits."""
    up_to_first = 0
    up_to_second = 0
    up_to_third = 0
    for i in range(n):
        up_to_first += int(values[i] <= first)
        up_to_second += int(values[i] <= second)
        up_to_third += int(values[i] <= third)
    return up_to_first, up_to_second, up_to_third


@kernel
def _count_up_to(values: FloatArray, n: int, limit: float) -> int:
    """Number of ``values`` (n,) that are at most ``limit``."""
    count = 0
    for i in range(n):
        count += int(values[i] <= limit)
    return count


# The bits of positive doubles have their order, and extremes of integers vectorise.


@kernel
def _largest_finite(values: FloatArray, n: int) -> tuple[float, int]:
    """Largest finite of positive ``values`` (n,), 0 if there is none, and how many are finite."""
    bits = values.view(np.int64)
    largest = 0
    n_finite = 0
    for i in range(n):
        largest = max(largest, int(bits[i]) if bits[i] < INFINITY_BITS else 0)
        n_finite += int(bits[i] < INFINITY_BITS)
    return float(np.int64(largest).view(np.float64)), n_finite


@kernel
def _next_above(values: FloatArray, n: int, limit: float) -> float:
    """Smallest of positive ``values`` (n,) above ``limit``; infinite if there is none."""
    bits = values.view(np.int64)
    limit_bits = np.float64(limit).view(np.int64)
    smallest = INFINITY_BITS
    for i in range(n):
        smallest = min(smallest, int(bits[i]) if bits[i] > limit_bits else INFINITY_BITS)
    return float(np.int64(smallest).view(np.float64))


@kernel
def _step_up(values: FloatArray, n: int, low: float, below_low: int, rank: int) -> float:
    """Value of ``rank``, going up from ``low``, at or below which there are ``below_low``."""
    value = low
    for _ in range(rank - below_low):
        value = _next_above(values, n, value)
    if value < np.inf and _count_up_to(values, n, value) == rank:
        return value
    # Equal values on the way: count after every step.
    while below_low < rank:
        low = _next_above(values, n, low)
        below_low = _count_up_to(values, n, low)
    return low


@kernel
def count_entered(entry: FloatArray, n: int, months: float, cutoff: float) -> int:
    """Number of patients who entered at least so many ``months`` before ``cutoff``.

    ``entry`` (n,) is in order. The sum is that of a look at a minimum follow-up, so that whoever
    triggers it is counted.
    """
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if entry[middle] + months <= cutoff:
            low = middle + 1
        else:
            high = middle
    return low
