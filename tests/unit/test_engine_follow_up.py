"""Follow-up that ends at the last scan: by hand, at the very cutoff, and against every visit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from twins.slow_assessments import DAYS_PER_MONTH, Place, attended_days

from simulate.engine.arrays import FloatArray
from simulate.engine.codes import DROPOUT, EVENT, FOLLOWED_TO_END
from simulate.engine.follow_up import back_to_scans, follow_up_times
from simulate.engine.visits import ArmSchedule, draw_patients, new_schedule

SEED, TRIAL = 2**40 + 3, 2**33 + 7
EIGHT_THEN_TWELVE = ((0, 56), (336, 84))
PLAIN = ArmSchedule(EIGHT_THEN_TWELVE, at_last_scan=True)
SCHEDULES = [
    PLAIN,
    PLAIN._replace(shift_days=55),
    PLAIN._replace(window_days=27),
    ArmSchedule(((0, 42), (84, 21)), 10, 0.4, shift_days=30, at_last_scan=True),
    ArmSchedule(((0, 1), (30, 7)), 0, 0.9, at_last_scan=True),
]


def follow_up(
    arms: Sequence[ArmSchedule],
    groups: Sequence[int],
    entry: FloatArray,
    end: FloatArray,
    outcome: Sequence[int],
    cutoff: float,
    short_way: bool = True,
) -> FloatArray:
    """Months of follow-up at a cutoff."""
    n, schedule, key = len(entry), new_schedule(arms), (np.uint64(SEED), np.uint64(TRIAL))
    if not short_way:
        schedule = schedule._replace(is_common_plan=0)
    arm, why = np.array(groups, dtype=np.int64), np.array(outcome, dtype=np.int64)
    calendar_end, out = entry + end, np.full(n, np.nan)
    shift, assessable, days, scans = (np.full(n, np.nan) for _ in range(4))
    draw_patients(schedule, *key, 1, n, arm, shift, assessable)
    follow_up_times(entry, end, calendar_end, n, cutoff, out)
    back_to_scans(schedule, *key, arm, shift, entry, calendar_end, why, n, cutoff, days, scans, out)
    return out


@pytest.mark.parametrize(
    ("day", "scan"),
    [
        (0.0, 0),
        (55.999, 0),
        (56.0, 56),
        (56.001, 56),
        (111.0, 56),
        (335.9, 280),
        (336.0, 336),
        (419.9, 336),
        (420.0, 420),
        (505.0, 504),
        (36456.0, 36456),
        (1e6, 36456),
    ],
)
@pytest.mark.parametrize("short_way", [True, False])
def test_by_hand(day: float, scan: int, short_way: bool) -> None:
    # Out on that day, for two reasons, and cut off on it.
    entry, end = np.zeros(3), np.array([day, day, np.inf]) / DAYS_PER_MONTH
    why = [DROPOUT, FOLLOWED_TO_END, FOLLOWED_TO_END]
    cutoff = day / DAYS_PER_MONTH
    found = follow_up([PLAIN], [0] * 3, entry, end, why, cutoff, short_way)
    assert found.tolist() == [scan / DAYS_PER_MONTH] * 3


def test_events_and_other_arms_stay_where_they_are() -> None:
    entry, end = np.zeros(4), np.array([100.0, 100.0, 100.0, 500.0]) / DAYS_PER_MONTH
    why, cutoff = [EVENT, DROPOUT, DROPOUT, EVENT], 300.5 / DAYS_PER_MONTH
    arms = [PLAIN, PLAIN._replace(at_last_scan=False)]
    found = follow_up(arms, [0, 0, 1, 0], entry, end, why, cutoff)
    # The last event has not been seen by the cutoff.
    assert (found * DAYS_PER_MONTH).round(9).tolist() == [100.0, 56.0, 100.0, 280.0]


def test_a_scan_at_the_very_cutoff_counts_by_the_sum_that_an_event_there_has() -> None:
    month = 224 / DAYS_PER_MONTH
    entries = np.arange(1.0, 40.0, 0.0137)
    before = 0
    for entry in entries.tolist():
        cutoff = entry + month
        before += (cutoff - entry) < month
        one = np.array([entry])
        found = follow_up([PLAIN], [0], one, np.array([np.inf]), [FOLLOWED_TO_END], cutoff)
        assert found[0] == month
        # An event at that scan is seen, too; a moment earlier neither is.
        earlier = np.nextafter(cutoff, 0.0)
        if entry + month > earlier:
            found = follow_up([PLAIN], [0], one, np.array([np.inf]), [FOLLOWED_TO_END], earlier)
            assert found[0] == 168 / DAYS_PER_MONTH
    # The difference alone would have lost some.
    assert before > 100


@pytest.mark.parametrize("arm", SCHEDULES)
def test_against_every_visit(arm: ArmSchedule) -> None:
    n, cutoff, rng = 120, 30.0, np.random.default_rng(3)
    entry, end = rng.uniform(0.0, 30.0, n), rng.exponential(15.0, n)
    # Some leave on a whole day.
    end[::3] = np.round(end[::3] * DAYS_PER_MONTH) / DAYS_PER_MONTH
    why = rng.choice([DROPOUT, FOLLOWED_TO_END], n).tolist()
    found = follow_up([arm], [0] * n, entry, end, why, cutoff)
    for i in range(n):
        last = 0.0
        for day in attended_days(arm, Place(SEED, TRIAL, i)):
            month = day / DAYS_PER_MONTH
            if month > end[i] or entry[i] + month > cutoff:
                break
            last = month
        assert found[i] == last
    assert 0 < np.count_nonzero(found) < n
