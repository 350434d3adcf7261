"""Times of responders, disease control and descriptive figures, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from twins.slow_assessments import DAYS_PER_MONTH, Place, slow_control, slow_observe

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.assessments import observe, see_control
from simulate.engine.codes import COUNT_BITS, DROPOUT, EVENT, FOLLOWED_TO_END
from simulate.engine.descriptive import share_event_free
from simulate.engine.follow_up import follow_up_times
from simulate.engine.ordering import PAYLOAD_BITS, ticks_per_month
from simulate.engine.responders import count_responders, duration_keys, response_keys
from simulate.engine.visits import ArmSchedule, draw_patients, new_schedule

NEVER = math.inf
CUTOFF = 20.0
EIGHT_THEN_TWELVE = ((0, 56), (336, 84))


def months(*days: float) -> FloatArray:
    return np.array(days) / DAYS_PER_MONTH


def told(keys: IntArray, n: int, cutoff: float = CUTOFF) -> list[tuple[float, bool]]:
    """Time and whether it is an event of each key, sorted."""
    scale = ticks_per_month(cutoff, 0)
    return [((key >> PAYLOAD_BITS) / scale, not key & 2) for key in sorted(keys[:n].tolist())]


def durations(
    entry: Sequence[float],
    end: Sequence[float],
    outcome: Sequence[int],
    response: Sequence[float],
    confirmed: Sequence[float],
    on_days: bool = True,
    censored_on_days: bool = False,
    cutoff: float = CUTOFF,
) -> list[tuple[float, bool]]:
    """Keys of the durations of arm 1; the last patient is of arm 0."""
    n = len(entry)
    arrays = [np.array(x, dtype=np.float64) for x in (entry, end, response, confirmed)]
    calendar_end, arm = arrays[0] + arrays[1], np.ones(n, dtype=np.int64)
    arm[-1] = 0
    follow_up, keys = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    follow_up_times(arrays[0], arrays[1], calendar_end, n, cutoff, follow_up)
    why = np.array(outcome, dtype=np.int64)
    scale = ticks_per_month(cutoff, 0)
    places = (follow_up, why, calendar_end, arrays[2], arrays[0] + arrays[3], arm, 1)
    return told(
        keys, duration_keys(*places, on_days, censored_on_days, n, cutoff, scale, keys), cutoff
    )


def test_durations_are_of_responders_by_the_cutoff() -> None:
    found = durations(
        # An event; dropout; cut off; confirmed after the cutoff; never; of the other arm.
        entry=[0.0, 1.0, 12.0, 15.0, 2.0, 0.0],
        end=[9.0, 8.0, NEVER, NEVER, 5.0, 9.0],
        outcome=[EVENT, DROPOUT, FOLLOWED_TO_END, FOLLOWED_TO_END, EVENT, EVENT],
        response=[3.0, 2.0, 1.5, 4.0, NEVER, 3.0],
        confirmed=[4.0, 4.0, 5.0, 6.0, NEVER, 4.0],
        on_days=False,
    )
    assert found == [(6.0, True), (6.0, False), (6.5, False)]


def test_equal_days_between_scans_are_equal_times() -> None:
    # 56 days from scans on many days: the months differ in their last bits, the times do not.
    first = np.arange(56, 56 * 40, 5)
    start, end = months(*first).tolist(), months(*(first + 56)).tolist()
    assert len({b - a for a, b in zip(start, end, strict=True)}) > 1
    n = len(first)
    arguments = ([0.0] * n, end, [EVENT] * n, start, start)
    assert {time for time, _ in durations(*arguments, cutoff=100.0)} == {56 / DAYS_PER_MONTH}
    assert len({time for time, _ in durations(*arguments, on_days=False, cutoff=100.0)}) > 1


def test_follow_up_that_ends_at_scans_is_in_whole_days_as_well() -> None:
    first = np.arange(56, 56 * 40, 5)
    start, end = months(*first).tolist(), months(*(first + 56)).tolist()
    n = len(first)
    arguments = ([0.0] * n, end, [DROPOUT] * n, start, start)
    found = durations(*arguments, censored_on_days=True, cutoff=100.0)
    assert set(found) == {(56 / DAYS_PER_MONTH, False)}
    assert len(set(durations(*arguments, cutoff=100.0))) > 1


def test_a_response_at_the_very_cutoff_has_lasted_for_no_time() -> None:
    # The sum is the cutoff, and the difference is less than the month of the response.
    response = 56 / DAYS_PER_MONTH
    entry = next(e for e in np.arange(2.0, 9.0, 0.01) if (e + response) - e < response)
    cutoff = entry + response
    times = [entry] * 2, [NEVER] * 2, [FOLLOWED_TO_END] * 2, [response] * 2, [response] * 2
    found = durations(*times, cutoff=cutoff)
    assert found == [(0.0, False)]


def test_times_to_response_are_events() -> None:
    response = np.array([3.0, 2.0, 5.0, NEVER, 1.0])
    confirmed = np.array([10.0, 20.0, 20.5, NEVER, 4.0])
    arm = np.array([1, 1, 1, 1, 0])
    keys = np.full(5, -1, dtype=np.int64)
    n = response_keys(response, confirmed, arm, 1, 5, CUTOFF, ticks_per_month(CUTOFF, 0), keys)
    assert told(keys, n) == [(2.0, True), (3.0, True)]


def test_counts_are_of_the_responders() -> None:
    arm = np.array([1, 1, 1, 1, 0])
    confirmed = np.array([10.0, 20.0, 20.5, 8.0, 4.0])
    outcome = np.array([EVENT, EVENT, EVENT, DROPOUT, EVENT])
    calendar_end = np.array([20.0, 20.1, 20.6, 19.0, 5.0])
    counts = count_responders(arm, confirmed, outcome, calendar_end, 1, 5, CUTOFF)
    assert counts == 3 + (1 << COUNT_BITS) + (1 << 2 * COUNT_BITS)
    assert count_responders(arm, confirmed, outcome, calendar_end, 1, 1, CUTOFF) == 1 + EVENT


@pytest.mark.parametrize(
    ("month", "free"), [(0.0, 5), (2.0, 4), (2.5, 4), (4.0, 3), (19.0, 1), (20.0, 1), (21.0, 0)]
)
def test_an_event_at_the_month_is_not_free_and_a_censoring_is(month: float, free: int) -> None:
    # An event at 2 and at 4, censored at 4, 12 and 20.
    scale = ticks_per_month(CUTOFF, 0)
    times = [(2.0, 0), (4.0, 0), (4.0, 2), (12.0, 2), (20.0, 2)]
    keys = np.array([int(t * scale) << PAYLOAD_BITS | censored | 1 for t, censored in times])
    found = share_event_free(keys, 5, month, CUTOFF, 0)
    share = free / 5
    assert found[:2] == (free, share)
    assert found[2] == pytest.approx(math.sqrt(share * (1.0 - share) / 5))


@pytest.mark.parametrize(
    ("arm", "pfs_day", "control_day"),
    [
        (ArmSchedule(EIGHT_THEN_TWELVE), 56, 0),
        (ArmSchedule(EIGHT_THEN_TWELVE), 57, 56),
        (ArmSchedule(EIGHT_THEN_TWELVE), NEVER, 56),
        (ArmSchedule(EIGHT_THEN_TWELVE), 1, 0),
        (ArmSchedule(((0, 36519),)), NEVER, 36519),
    ],
)
def test_disease_control_by_hand(arm: ArmSchedule, pfs_day: float, control_day: int) -> None:
    schedule = new_schedule([arm])
    for chosen in (schedule, schedule._replace(is_common_plan=0)):
        out, nobody = np.full(1, np.nan), np.zeros(1)
        first = np.zeros(1, dtype=np.int64)
        pfs = months(pfs_day)
        see_control(chosen, np.uint64(0), np.uint64(0), first, nobody, pfs, 1, out)
        assert out[0] == (months(control_day)[0] if control_day else NEVER)


SCHEDULES = [
    ArmSchedule(EIGHT_THEN_TWELVE, shift_days=55),
    ArmSchedule(((0, 42),), 10, 0.4, shift_days=30),
    ArmSchedule(((0, 30000),), shift_days=20000),
    ArmSchedule(((0, 1),), 0, 0.9),
]


@pytest.mark.parametrize("arm", SCHEDULES)
def test_disease_control_against_the_twin(arm: ArmSchedule) -> None:
    n, key = 100, (np.uint64(2**40 + 3), np.uint64(2**33 + 7))
    rng = np.random.default_rng(5)
    progression = np.where(rng.random(n) < 0.2, NEVER, rng.exponential(3.0, n))
    death = rng.exponential(9.0, n)
    if arm.steps[0][1] > 1000:
        progression, death = progression * 500.0, death * 500.0
    schedule, arms = new_schedule([arm]), np.zeros(n, dtype=np.int64)
    shift, assessable, out = (np.full(n, np.nan) for _ in range(3))
    outs = [progression.copy(), death.copy(), np.full(n, NEVER), np.full(n, np.nan)]
    draw_patients(schedule, *key, 1, n, arms, shift, assessable)
    observe(schedule, *key, arms, shift, n, *outs)
    see_control(schedule, *key, arms, shift, outs[0], n, out)
    for i in range(n):
        place = Place(2**40 + 3, 2**33 + 7, i)
        seen = slow_observe(arm, place, float(progression[i]), float(death[i]), NEVER)
        assert outs[0][i] == seen.pfs
        assert out[i] == slow_control(arm, place, seen.pfs)
    assert 0 < np.isfinite(out).sum() < n
