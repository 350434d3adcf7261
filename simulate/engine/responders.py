"""Times of the responders confirmed by a cutoff: duration of response, and time to response.

They have no rows among the endpoints: who is a responder depends on the cutoff. So their keys are
made at each look, of the responders of one arm alone, and sorted and scanned like others.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.assessments import DAYS_PER_MONTH, month_of
from simulate.engine.codes import ENDPOINT_DURATION_OF_RESPONSE, EVENT, FOLLOWED_TO_END
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import ROUND
from simulate.engine.ordering import (
    CENSORED_BIT,
    EXPERIMENTAL_BIT,
    ONE,
    PAYLOAD_BITS,
    sort_keys,
    ticks_per_month,
)
from simulate.engine.plan import Plan
from simulate.engine.workspace import Workspace


@inlined_kernel
def count_in_arm(
    plan: Plan, workspace: Workspace, hypothesis: int, n_entered: int, cutoff: float
) -> int:
    """Responders of an estimate's arm, and their events and dropouts, three counts in one."""
    patients = workspace.patients
    response = plan.course.response
    of_duration = plan.hypotheses.endpoint[hypothesis] == ENDPOINT_DURATION_OF_RESPONSE
    counted = 0 if of_duration else response
    return count_responders(
        patients.arm,
        patients.calendar_event[response],
        patients.outcome[counted],
        patients.calendar_end[counted],
        plan.hypotheses.experimental_arm[hypothesis],
        n_entered,
        cutoff,
    )


@inlined_kernel
def put_responders_in_order(
    plan: Plan, workspace: Workspace, hypothesis: int, n_entered: int, cutoff: float
) -> int:
    """Sort the keys of the responders of one estimate; returns how many these are.

    Needs the follow-up for PFS in ``workspace.follow_up``, where it is their duration that counts.
    """
    course = plan.course
    patients = workspace.patients
    keys = workspace.keys
    bits = plan.stratum_bits
    scale = ticks_per_month(cutoff, bits)
    own_arm = plan.hypotheses.experimental_arm[hypothesis]
    response = patients.response if course.is_assessed else patients.event[course.response]
    confirmed = patients.calendar_event[course.response]
    if plan.hypotheses.endpoint[hypothesis] == ENDPOINT_DURATION_OF_RESPONSE:
        n = duration_keys(
            workspace.follow_up,
            patients.outcome[0],
            patients.calendar_end[0],
            response,
            confirmed,
            patients.arm,
            own_arm,
            course.is_assessed == 1,
            course.schedule.at_last_scan[own_arm] == 1,
            n_entered,
            cutoff,
            scale,
            keys,
        )
    else:
        n = response_keys(
            response, confirmed, patients.arm, own_arm, n_entered, cutoff, scale, keys
        )
    for i in range(n):
        # No strata among responders: the place where others have theirs.
        keys[i] <<= bits
    sort_keys(keys, n, workspace.buffer, workspace.places)
    return n


@kernel
def count_responders(
    arm: IntArray,
    confirmed: FloatArray,
    outcome: IntArray,
    calendar_end: FloatArray,
    own_arm: int,
    n_entered: int,
    cutoff: float,
) -> int:
    """Responders of an arm by ``cutoff``, their events and dropouts, three counts in one integer.

    ``confirmed`` are the calendar months from which responses count, ``outcome`` and
    ``calendar_end`` those of the endpoint whose events are counted.
    """
    counts = 0
    for i in range(n_entered):
        own = 1 + (outcome[i] if calendar_end[i] <= cutoff else FOLLOWED_TO_END)
        counts += own if (arm[i] == own_arm) & (confirmed[i] <= cutoff) else 0
    return counts


@kernel
def duration_keys(
    follow_up: FloatArray,
    outcome: IntArray,
    calendar_end: FloatArray,
    response: FloatArray,
    confirmed: FloatArray,
    arm: IntArray,
    own_arm: int,
    events_on_days: bool,
    censored_on_days: bool,
    n_entered: int,
    cutoff: float,
    scale: float,
    keys: IntArray,
) -> int:
    """Keys of the duration of response of an arm's responders, unsorted; returns their number.

    The duration is the follow-up for PFS less the month of ``response``, and ends as that does.
    With ``events_on_days`` the event and the response are on whole days, and so is the time between
    them: equal days are equal keys. Likewise ``censored_on_days`` of follow-up that ends at a scan.
    ``keys`` is as long as there are patients.
    """
    place = np.uint64(0)
    for i in range(n_entered):
        is_event = (calendar_end[i] <= cutoff) & (outcome[i] == EVENT)
        # A response at the very cutoff may come out a rounding error after it.
        months = max(follow_up[i] - response[i], 0.0)
        on_day = month_of((months * DAYS_PER_MONTH + ROUND) - ROUND)
        is_on_day = events_on_days if is_event else censored_on_days
        months = on_day if is_on_day else months
        censored = 0 if is_event else CENSORED_BIT
        # Written wherever the next one goes, and overwritten unless it is a responder's.
        keys[place] = (int(months * scale) << PAYLOAD_BITS) | censored | EXPERIMENTAL_BIT
        place += ONE if (arm[i] == own_arm) & (confirmed[i] <= cutoff) else np.uint64(0)
    return int(np.int64(place))


@kernel
def response_keys(
    response: FloatArray,
    confirmed: FloatArray,
    arm: IntArray,
    own_arm: int,
    n_entered: int,
    cutoff: float,
    scale: float,
    keys: IntArray,
) -> int:
    """Keys of the time to response of an arm's responders, unsorted; returns their number.

    All of them have responded, so that each has an event.
    """
    place = np.uint64(0)
    for i in range(n_entered):
        months = min(response[i], cutoff)
        keys[place] = (int(months * scale) << PAYLOAD_BITS) | EXPERIMENTAL_BIT
        place += ONE if (arm[i] == own_arm) & (confirmed[i] <= cutoff) else np.uint64(0)
    return int(np.int64(place))
