"""What the scans see: latent times of progression, death and response as a trial records them.

Progression and response are seen at the first scan attended at or after them, death on its day.
Everything seen is on a whole day from randomisation and written in months as the day over 30.4375,
so that equal days are equal floats. Until then days are whole numbers held as floats.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import ROUND
from simulate.engine.plan import Schedule
from simulate.engine.visits import attended, first_visit

DAYS_PER_MONTH = 30.4375
# One over it in two parts: the first of 37 bits, so that a product with a day is exact.
MONTH_HIGH = float.fromhex("0x1.0d24456360000p-5")
MONTH_LOW = float.fromhex("-0x1.8718b4d45e9ecp-43")
# Later than 1200 months, which are 36525 days, nothing is seen.
MOST_MONTHS = 1200.0
NEVER_DAY = 36526.0


@kernel
def observe(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    n: int,
    pfs: FloatArray,
    os: FloatArray,
    response: FloatArray,
    confirmed: FloatArray,
) -> None:
    """Put what is recorded of each patient, if followed for ever, in place of latent months.

    Parameters
    ----------
    schedule : Schedule
        When the scans are.
    seed, trial : np.uint64
        Key and address of the draws of visits.
    arm : IntArray, shape (n,)
        Each patient's arm.
    shift : FloatArray, shape (n,)
        Days by which all visits of each patient are late; read where the schedule has shifts.
    n : int
        Number of patients.
    pfs : FloatArray, shape (n,)
        Latent months of progression; then of the scan that shows it or of death, whichever is
        earlier.
    os : FloatArray, shape (n,)
        Latent months of death; then the months of its day. The two are equal where death is the
        event of PFS.
    response : FloatArray, shape (n,)
        Latent months of a response, which is before both others; then of the scan that first shows
        it, infinite if none does before PFS ends.
    confirmed : FloatArray, shape (n,)
        Filled with the months from which the response counts: of the next scan attended, if that is
        before PFS ends (else infinite), where responses must be confirmed; elsewhere of
        ``response``.

    Notes
    -----
    Latent months run from randomisation, and are infinite for never. Randomisation is on day 0, and
    whatever happens counts from day 1. Later than 1200 months everything is infinite.
    """
    to_days(n, pfs)
    to_days(n, os)
    to_days(n, response)
    if schedule.is_common_plan:
        scan_on_plan(schedule, shift, n, pfs, os, response, confirmed)
    else:
        scan_at_visits(
            schedule,
            seed,
            trial,
            arm,
            shift,
            n,
            pfs,
            os,
            response,
            confirmed,
        )
    to_months(n, pfs)
    to_months(n, os)
    to_months(n, response)
    to_months(n, confirmed)


@inlined_kernel
def month_of(day: float) -> float:
    """A whole day below 2^16 over `DAYS_PER_MONTH`, to the last bit, without the slow division.

    Its one rounding is that of the sum, and no quotient of such a day is near to the middle of two
    floats: the other errors are far too small to matter.
    """
    return day * MONTH_HIGH + day * MONTH_LOW


@kernel
def to_days(n: int, months: FloatArray) -> None:
    """Months to the first day, from 1 to `NEVER_DAY`, whose month is not before, in place, (n,)."""
    for i in range(n):
        month = months[i]
        near = (min(month, MOST_MONTHS) * DAYS_PER_MONTH + ROUND) - ROUND
        # The product may be off in its last bit: the day's own month decides.
        day = near if month_of(near) >= month else near + 1.0
        months[i] = max(day, 1.0) if month <= MOST_MONTHS else NEVER_DAY


@kernel
def to_months(n: int, days: FloatArray) -> None:
    """Whole days to months, infinite from `NEVER_DAY` on, in place, (n,)."""
    for i in range(n):
        days[i] = month_of(days[i]) if days[i] < NEVER_DAY else np.inf


@kernel
def day_of(months: float) -> float:
    """Whole day whose months these are; `NEVER_DAY` if they are infinite."""
    return (min(months * DAYS_PER_MONTH, NEVER_DAY) + ROUND) - ROUND


@kernel
def scan_on_plan(
    schedule: Schedule,
    shift: FloatArray,
    n: int,
    pfs: FloatArray,
    os: FloatArray,
    response: FloatArray,
    confirmed: FloatArray,
) -> None:
    """Latent to seen days, in place, (n,), where all visits are on one plan."""
    to_scans(schedule, shift, n, pfs)
    for i in range(n):
        pfs[i] = min(pfs[i], os[i])
    to_scans(schedule, shift, n, response)
    none_from_end(pfs, n, response)
    if schedule.confirm[0]:
        for i in range(n):
            confirmed[i] = response[i] + 1.0
        to_scans(schedule, shift, n, confirmed)
        none_from_end(pfs, n, confirmed)
    else:
        for i in range(n):
            confirmed[i] = response[i]


@kernel
def to_scans(schedule: Schedule, shift: FloatArray, n: int, days: FloatArray) -> None:
    """First scans on the day or later, on the one plan of all arms, in place, (n,)."""
    if schedule.is_shifted:
        for i in range(n):
            days[i] = max(days[i] - shift[i], 1.0)
    last = schedule.first_step[1] - 1
    for step in range(last + 1):
        from_day = schedule.from_day[step]
        gap = schedule.gap[step]
        # Near enough: what is off by one is mended.
        gaps_per_day = 1.0 / gap
        to_day = schedule.from_day[step + 1] if step < last else np.inf
        for i in range(n):
            since = days[i] - from_day
            near = (since * gaps_per_day + ROUND) - ROUND
            scan = from_day + (near if near * gap >= since else near + 1.0) * gap
            days[i] = scan if since > 0.0 and days[i] <= to_day else days[i]
    if schedule.is_shifted:
        for i in range(n):
            days[i] += shift[i]


@kernel
def none_from_end(pfs: FloatArray, n: int, days: FloatArray) -> None:
    """`NEVER_DAY` for scans that are not before the end of PFS, in place, (n,)."""
    for i in range(n):
        days[i] = days[i] if days[i] < pfs[i] else NEVER_DAY


@kernel
def scan_at_visits(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    n: int,
    pfs: FloatArray,
    os: FloatArray,
    response: FloatArray,
    confirmed: FloatArray,
) -> None:
    """Latent to seen days, in place, (n,), with visits early, late or missed."""
    for i in range(n):
        group = arm[i]
        # By the patient's visits: the clock on which they are planned.
        late = shift[i] if schedule.is_shifted else 0.0
        end = os[i] - late
        progressed = pfs[i] - late
        if progressed < end:
            visit = first_visit(schedule, group, progressed)
            _, end = attended(schedule, seed, trial, i, group, visit, progressed, end)
        pfs[i] = end + late
        seen = counts = NEVER_DAY
        responded = response[i] - late
        if responded < end:
            visit = first_visit(schedule, group, responded)
            visit, scan = attended(schedule, seed, trial, i, group, visit, responded, end)
            seen = counts = scan + late if scan < end else NEVER_DAY
            if schedule.confirm[group] and scan < end:
                _, scan = attended(schedule, seed, trial, i, group, visit + 1, scan, end)
                counts = scan + late if scan < end else NEVER_DAY
        response[i] = seen
        confirmed[i] = counts


@kernel
def see_control(
    schedule: Schedule,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    pfs: FloatArray,
    n: int,
    out: FloatArray,
) -> None:
    """Month of the first scan attended, infinite if it is not before the end of PFS, (n,).

    ``pfs`` (n,) are the months that `observe` has found; the other arguments are as there.
    """
    if schedule.is_common_plan:
        planned = schedule.gap[0]
        for i in range(n):
            day = planned + (shift[i] if schedule.is_shifted else 0.0)
            month = month_of(day)
            out[i] = month if month < pfs[i] and day < NEVER_DAY else np.inf
        return
    first = int(np.int64(1))  # typed: a literal would compile a kernel a second time
    for i in range(n):
        late = shift[i] if schedule.is_shifted else 0.0
        end = day_of(pfs[i]) - late
        _, scan = attended(schedule, seed, trial, i, arm[i], first, 0.0, end)
        out[i] = month_of(scan + late) if scan < end else np.inf


@kernel
def leave_unassessed(assessable: FloatArray, n: int, months: FloatArray) -> None:
    """No event, in place, (n,), for who is not evaluable: ``assessable`` is 0."""
    for i in range(n):
        months[i] = months[i] if assessable[i] > 0.0 else np.inf
