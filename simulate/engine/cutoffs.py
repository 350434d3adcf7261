"""When a look takes place: the calendar month at which its data are cut."""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import (
    FALL_BACK_LAST_EVENT,
    FALL_BACK_SKIP,
    NODE_AFTER_PREVIOUS,
    NODE_CALENDAR,
    NODE_EVENTS,
    NODE_LATEST,
    NODE_MINIMUM_FOLLOW_UP,
    FloatArray,
    Patients,
    Plan,
    Workspace,
)
from simulate.engine.compile import inlined_kernel, kernel

FEW = 2
AIM = 1.5
MAX_GUESSES = 60
INFINITY_BITS = 0x7FF0000000000000
LARGEST = 1.7976931348623157e308


@inlined_kernel
def look_cutoff(
    plan: Plan, workspace: Workspace, look: int, previous_cutoff: float
) -> tuple[float, bool]:
    """Calendar month of a look's cutoff, and whether an event target had to be replaced.

    A number of events that is never reached counts as infinitely late. If that makes the whole
    look infinitely late, the targets are replaced by what their rule says. Still infinite: the look
    does not take place.
    """
    cutoff = _evaluate(plan, workspace, look, previous_cutoff, False)
    replaced = cutoff == np.inf
    if replaced:
        cutoff = _evaluate(plan, workspace, look, previous_cutoff, True)
    return max(cutoff, previous_cutoff), replaced


@inlined_kernel
def _evaluate(
    plan: Plan, workspace: Workspace, look: int, previous_cutoff: float, replace: bool
) -> float:
    """Value of a look's nodes, in postfix order on a stack."""
    stack = workspace.stack
    height = 0
    for node in range(plan.first_node[look], plan.first_node[look + 1]):
        kind = plan.node_kind[node]
        count = plan.node_count[node]
        if kind == NODE_EVENTS:
            value = _event_target(plan, workspace, node, replace)
        elif kind == NODE_CALENDAR:
            value = plan.node_months[node]
        elif kind == NODE_MINIMUM_FOLLOW_UP:
            value = workspace.patients.entry[count - 1] + plan.node_months[node]
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
def _event_target(plan: Plan, workspace: Workspace, node: int, replace: bool) -> float:
    """Calendar month of a node's n-th event; infinite if never reached and not replaced."""
    n = plan.n_patients
    patients = workspace.patients
    times = patients.calendar_event
    mask = plan.node_mask[node]
    if mask >= 0:
        times = workspace.float_scratch
        for i in range(n):
            counts = plan.masks[mask, patients.cell[i]] == 1
            times[i] = patients.calendar_event[i] if counts else np.inf
    n_events = _count_up_to(times, n, LARGEST)
    if n_events >= plan.node_count[node]:
        return select(times, n, plan.node_count[node])
    rule = plan.node_rule[node]
    if not replace or rule == FALL_BACK_SKIP:
        return np.inf
    return _fall_back(patients, times, n, rule)


@inlined_kernel
def _fall_back(patients: Patients, times: FloatArray, n: int, rule: int) -> float:
    """Calendar month of the last counted event, or of the end of all follow-up."""
    latest = -1.0
    for i in range(n):
        if rule == FALL_BACK_LAST_EVENT:
            if times[i] < np.inf:
                latest = max(latest, times[i])
        else:
            latest = max(latest, patients.calendar_end[i])
    return latest if latest >= 0.0 else np.inf


@kernel
def select(values: FloatArray, n: int, rank: int) -> float:
    """The ``rank``-th smallest (from 1) of positive ``values`` (n,), at least that many finite.

    Keeps an interval ``(low, high]`` that holds it, guesses where it should lie from the counts at
    both ends, and counts again; the last few ranks are stepped through. Only passes that vectorise,
    and ``values`` is not changed.
    """
    low = 0.0
    below_low = int(np.int64(0))  # typed: a literal would compile a kernel a second time
    high = _largest_finite(values, n)
    below_high = _count_up_to(values, n, high)
    for guess in range(MAX_GUESSES):
        if min(rank - below_low, below_high - rank) <= FEW:
            break
        # Aimed a little above the rank and a little below in turn, so that both ends close in;
        # every third guess halves the interval, so that a heavy tail cannot stall the search.
        aim = rank - below_low + (AIM if guess % 2 == 0 else -AIM)
        fraction = min(max(aim / (below_high - below_low), 0.02), 0.98)
        if guess % 3 == 2:
            fraction = 0.5
        middle = low + (high - low) * fraction
        if not low < middle < high:
            break
        count = _count_up_to(values, n, middle)
        if count >= rank:
            high = middle
            below_high = count
        else:
            low = middle
            below_low = count
    if rank - below_low <= below_high - rank:
        return _step_up(values, n, low, below_low, rank)
    return _step_down(values, n, high, below_high, rank)


@kernel
def _count_up_to(values: FloatArray, n: int, limit: float) -> int:
    """Number of ``values`` (n,) that are at most ``limit``."""
    count = 0
    for i in range(n):
        count += int(values[i] <= limit)
    return count


# The bits of positive doubles have their order, and extremes of integers vectorise.


@kernel
def _largest_finite(values: FloatArray, n: int) -> float:
    """Largest finite of positive ``values`` (n,); 0 if there is none."""
    bits = values.view(np.int64)
    largest = 0
    for i in range(n):
        largest = max(largest, int(bits[i]) if bits[i] < INFINITY_BITS else 0)
    return float(np.int64(largest).view(np.float64))


@kernel
def _step_up(values: FloatArray, n: int, low: float, below_low: int, rank: int) -> float:
    """Value of ``rank``, going up from ``low``, at or below which there are ``below_low``."""
    bits = values.view(np.int64)
    while below_low < rank:
        low_bits = np.float64(low).view(np.int64)
        smallest = INFINITY_BITS
        for i in range(n):
            smallest = min(smallest, int(bits[i]) if bits[i] > low_bits else INFINITY_BITS)
        low = float(np.int64(smallest).view(np.float64))
        below_low = _count_up_to(values, n, low)
    return low


@kernel
def _step_down(values: FloatArray, n: int, high: float, below_high: int, rank: int) -> float:
    """Value of ``rank``, going down from ``high``, at or below which there are ``below_high``."""
    bits = values.view(np.int64)
    while True:
        # The largest value at or below the upper end, and how many lie below it.
        high_bits = np.float64(high).view(np.int64)
        largest = 0
        for i in range(n):
            largest = max(largest, int(bits[i]) if bits[i] <= high_bits else 0)
        high = float(np.int64(largest).view(np.float64))
        equal = 0
        for i in range(n):
            equal += int(values[i] == high)
        if below_high - equal < rank:
            return high
        below_high -= equal
        high = float(np.int64(largest - 1).view(np.float64))


@kernel
def count_entered(entry: FloatArray, n: int, cutoff: float) -> int:
    """Number of patients who entered by ``cutoff``; ``entry`` (n,) is in order."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if entry[middle] <= cutoff:
            low = middle + 1
        else:
            high = middle
    return low
