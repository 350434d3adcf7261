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

FEW = 6
AIM = 1.5
MAX_GUESSES = 60
INFINITY_BITS = 0x7FF0000000000000


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
    n_events = 0
    for i in range(n):
        n_events += int(times[i] < np.inf)
    if n_events >= plan.node_count[node]:
        return select(times, n, plan.node_count[node], workspace.float_scratch_2)
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
def select(values: FloatArray, n: int, rank: int, few: FloatArray) -> float:
    """The ``rank``-th smallest (from 1) of positive ``values`` (n,), at least that many finite.

    Keeps an interval ``(low, high]`` that holds it, guesses where it should lie from the counts at
    both ends, and counts again: passes that vectorise. Once few values are left in the interval,
    they are copied to ``few`` and sorted. ``values`` is not changed.
    """
    # The bits of positive doubles have their order, and a maximum of integers vectorises.
    bits = values.view(np.int64)
    high_bits = 0
    below_high = 0
    for i in range(n):
        finite = bits[i] < INFINITY_BITS
        high_bits = max(high_bits, int(bits[i]) if finite else 0)
        below_high += int(finite)
    high = np.int64(high_bits).view(np.float64)
    low = 0.0
    below_low = 0
    for guess in range(MAX_GUESSES):
        if below_high - below_low <= FEW:
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
        count = 0
        for i in range(n):
            count += int(values[i] <= middle)
        if count >= rank:
            high = middle
            below_high = count
        else:
            low = middle
            below_low = count
    return _select_between(values, n, low, high, rank - below_low, few)


@kernel
def _select_between(
    values: FloatArray, n: int, low: float, high: float, rank: int, few: FloatArray
) -> float:
    """The ``rank``-th smallest of the values in ``(low, high]``, by insertion into ``few``."""
    kept = 0
    for i in range(n):
        value = values[i]
        if low < value <= high:
            j = min(kept, rank)
            # Only the `rank` smallest matter.
            if j == rank and value >= few[rank - 1]:
                continue
            if j == rank:
                j = rank - 1
            while j > 0 and few[j - 1] > value:
                few[j] = few[j - 1]
                j -= 1
            few[j] = value
            kept = min(kept + 1, rank)
    return float(few[rank - 1])


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
