"""Times of the responders confirmed by a cutoff: duration of response, and time to response.

They have no rows among the endpoints: who is a responder depends on the cutoff. So their keys are
made at each look, of the responders of one arm alone, and sorted and scanned like others.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray, Patients
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
from simulate.engine.patients import own_row
from simulate.engine.plan import Plan
from simulate.engine.workspace import Workspace


@inlined_kernel
def count_in_arm(
    plan: Plan, patients: Patients, hypothesis: int, n_entered: int, cutoff: float
) -> int:
    """Responders of an estimate's arm, and their events and dropouts, three counts in one."""
    response = plan.course.response
    of_duration = plan.hypotheses.endpoint[hypothesis] == ENDPOINT_DURATION_OF_RESPONSE
    counted = 0 if of_duration else response
    return count_responders(
        patients.arm,
        own_row(patients.calendar_event, response, patients),
        own_row(patients.outcome, counted, patients),
        own_row(patients.calendar_end, counted, patients),
        plan.hypotheses.experimental_arm[hypothesis],
        n_entered,
        cutoff,
    )


@inlined_kernel
def put_responders_in_order(
    plan: Plan,
    patients: Patients,
    workspace: Workspace,
    hypothesis: int,
    n_entered: int,
    cutoff: float,
) -> int:
    """Sort the keys of the responders of one estimate; returns how many these are.

    Needs the follow-up for PFS in ``workspace.follow_up``, where it is their duration that counts.
    """
    course = plan.course
    keys = workspace.keys
    bits = plan.stratum_bits
    scale = ticks_per_month(cutoff, bits)
    own_arm = plan.hypotheses.experimental_arm[hypothesis]
    response = patients.response
    if not course.is_assessed:
        response = own_row(patients.event, course.response, patients)
    confirmed = own_row(patients.calendar_event, course.response, patients)
    if plan.hypotheses.endpoint[hypothesis] == ENDPOINT_DURATION_OF_RESPONSE:
        n = duration_keys(
            workspace.follow_up,
            own_row(patients.outcome, 0, patients),
            own_row(patients.calendar_end, 0, patients),
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
    for i in range(n_entered):
        is_event = (calendar_end[i] <= cutoff) & (outcome[i] == EVENT)
        # A response at the very cutoff may come out a rounding error after it.
        months = max(follow_up[i] - response[i], 0.0)
        on_day = month_of((months * DAYS_PER_MONTH + ROUND) - ROUND)
        is_on_day = events_on_days if is_event else censored_on_days
        months = on_day if is_on_day else months
        censored = 0 if is_event else CENSORED_BIT
        keys[i] = (int(months * scale) << PAYLOAD_BITS) | censored | EXPERIMENTAL_BIT
    return keep_responders(confirmed, arm, own_arm, n_entered, cutoff, keys)


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
    for i in range(n_entered):
        months = min(response[i], cutoff)
        keys[i] = (int(months * scale) << PAYLOAD_BITS) | EXPERIMENTAL_BIT
    return keep_responders(confirmed, arm, own_arm, n_entered, cutoff, keys)


@kernel
def keep_responders(
    confirmed: FloatArray,
    arm: IntArray,
    own_arm: int,
    n_entered: int,
    cutoff: float,
    keys: IntArray,
) -> int:
    """Move the keys of an arm's responders to the front of ``keys``; returns how many they are.

    ``confirmed``, ``arm`` and ``keys`` (n_entered,); calendar months from which responses count.
    """
    place = np.uint64(0)
    for i in range(n_entered):
        # Written for the others, too, and then overwritten: cheaper than a branch.
        keys[place] = keys[i]
        place += ONE if (arm[i] == own_arm) & (confirmed[i] <= cutoff) else np.uint64(0)
    return int(np.int64(place))
