"""What the scans see, by hand and against the twin that walks through every visit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from twins.slow_assessments import (
    DAYS_PER_MONTH,
    LAST_DAY,
    Place,
    Seen,
    attended_days,
    drawn_visit,
    planned_visits,
    slow_observe,
    visit_address,
)
from twins.slow_random import PURPOSES, address

from simulate.engine import assessments
from simulate.engine.arrays import FloatArray
from simulate.engine.compile import in_python
from simulate.engine.plan import Schedule
from simulate.engine.visits import (
    ArmSchedule,
    draw_patients,
    draw_visit,
    first_visit,
    new_schedule,
    planned_day,
)
from simulate.scenario.assessments import Assessments

NEVER = math.inf
EIGHT_THEN_TWELVE = ((0, 56), (336, 84))
PLAIN = ArmSchedule(EIGHT_THEN_TWELVE)
CONFIRMED = ArmSchedule(EIGHT_THEN_TWELVE, confirm_response=True)
WINDOWS = ArmSchedule(EIGHT_THEN_TWELVE, window_days=7)
MISSED = ArmSchedule(EIGHT_THEN_TWELVE, missed_probability=0.3, confirm_response=True)
ALL = ArmSchedule(((0, 42), (84, 21), (126, 63)), 10, 0.2, confirm_response=True)
DAILY = ArmSchedule(((0, 1),), missed_probability=0.6)
SHIFTED = ArmSchedule(EIGHT_THEN_TWELVE, confirm_response=True, shift_days=7)
FAR_SHIFTED = ArmSchedule(EIGHT_THEN_TWELVE, shift_days=55, not_evaluable_probability=0.1)
SHIFTED_ALL = ALL._replace(shift_days=25, not_evaluable_probability=0.2)
SCHEDULES = [PLAIN, CONFIRMED, WINDOWS, MISSED, ALL, DAILY, SHIFTED, FAR_SHIFTED, SHIFTED_ALL]


class Latent(NamedTuple):
    """Latent months of some patients."""

    progression: FloatArray
    death: FloatArray
    response: FloatArray


def observed(
    schedule: Schedule, latent: Latent, arms: Sequence[int], seed: int = 5, trial: int = 3
) -> list[Seen]:
    n = len(latent.death)
    outs = [*(months.copy() for months in latent), np.full(n, np.nan)]
    arm = np.array(arms, dtype=np.int64)
    key = np.uint64(seed), np.uint64(trial)
    shift, assessable = np.full(n, np.nan), np.full(n, np.nan)
    draw_patients(schedule, *key, 1, n, arm, shift, assessable)
    assessments.observe(schedule, *key, arm, shift, n, *outs)
    if schedule.has_unevaluable:
        for out in (outs[0], outs[2], outs[3]):
            assessments.leave_unassessed(assessable, n, out)
    return [Seen(*row) for row in np.array(outs).T.tolist()]


def observed_days(arm: ArmSchedule, progression: float, death: float, response: float) -> list[int]:
    """Days seen of one patient whose latent times are in days; 0 for never."""
    times = [np.array([day / DAYS_PER_MONTH]) for day in (progression, death, response)]
    seen = observed(new_schedule([arm]), Latent(*times), [0])[0]
    return [0 if month == NEVER else round(month * DAYS_PER_MONTH) for month in seen]


def random_patients(n: int, seed: int) -> Latent:
    """Latent times: exponential, at a scan's very month, just after it, never, and far away."""
    rng = np.random.default_rng(seed)
    scans = rng.integers(1, 30, (2, n)) * 28 / DAYS_PER_MONTH
    exponential = rng.exponential([[15.0], [40.0]], (2, n))
    kinds = [exponential, scans, np.nextafter(scans, NEVER), 80.0 * exponential]
    progression, death = np.choose(rng.integers(0, 4, (2, n)), kinds)
    progression[rng.random(n) < 0.1] = NEVER
    death[rng.random(n) < 0.1] = NEVER
    end = np.minimum(np.minimum(progression, death), 60.0)
    early = np.minimum(scans[0], 0.999 * end)
    response = np.where(rng.random(n) < 0.5, end * rng.random(n), early)
    response[rng.random(n) < 0.3] = NEVER
    return Latent(progression, death, response)


@pytest.mark.parametrize(
    ("arm", "latent", "seen"),
    [
        # Progression at a scan is seen at it, and a moment later at the next.
        (PLAIN, (56.0, NEVER, NEVER), [56, 0, 0, 0]),
        (PLAIN, (56.01, NEVER, NEVER), [112, 0, 0, 0]),
        (PLAIN, (0.5, NEVER, NEVER), [56, 0, 0, 0]),
        (PLAIN, (0.0, NEVER, NEVER), [56, 0, 0, 0]),
        (PLAIN, (335.5, NEVER, NEVER), [336, 0, 0, 0]),
        (PLAIN, (336.5, NEVER, NEVER), [420, 0, 0, 0]),
        (PLAIN, (421.0, 600.5, NEVER), [504, 601, 0, 0]),
        # Death is seen on its day, and is the event if no scan came before it.
        (PLAIN, (57.0, 100.5, NEVER), [101, 101, 0, 0]),
        (PLAIN, (NEVER, 100.0, NEVER), [100, 100, 0, 0]),
        (PLAIN, (57.0, 112.0, NEVER), [112, 112, 0, 0]),
        (PLAIN, (57.0, 112.5, NEVER), [112, 113, 0, 0]),
        (PLAIN, (NEVER, 0.0, NEVER), [1, 1, 0, 0]),
        # A response needs a scan of its own before the end of PFS.
        (PLAIN, (113.0, NEVER, 30.0), [168, 0, 56, 56]),
        (PLAIN, (113.0, NEVER, 56.0), [168, 0, 56, 56]),
        (PLAIN, (113.0, NEVER, 56.5), [168, 0, 112, 112]),
        (PLAIN, (111.0, NEVER, 57.0), [112, 0, 0, 0]),
        (PLAIN, (NEVER, 112.0, 57.0), [112, 112, 0, 0]),
        (PLAIN, (NEVER, 113.0, 57.0), [113, 113, 112, 112]),
        (PLAIN, (NEVER, NEVER, 400.0), [0, 0, 420, 420]),
        # It counts from the scan that confirms it, if there is one.
        (CONFIRMED, (169.0, NEVER, 30.0), [224, 0, 56, 112]),
        (CONFIRMED, (113.0, NEVER, 30.0), [168, 0, 56, 112]),
        (CONFIRMED, (112.0, NEVER, 30.0), [112, 0, 56, 0]),
        (CONFIRMED, (NEVER, 112.0, 30.0), [112, 112, 56, 0]),
        (CONFIRMED, (NEVER, 112.5, 30.0), [113, 113, 56, 112]),
        (CONFIRMED, (NEVER, NEVER, 300.0), [0, 0, 336, 420]),
        (CONFIRMED, (NEVER, NEVER, 337.0), [0, 0, 420, 504]),
        # Later than 1200 months nothing is seen.
        (PLAIN, (NEVER, 36525.0, NEVER), [36525, 36525, 0, 0]),
        (PLAIN, (NEVER, 36525.001, NEVER), [0, 0, 0, 0]),
        (PLAIN, (36456.0, NEVER, NEVER), [36456, 0, 0, 0]),
        (PLAIN, (36457.0, NEVER, NEVER), [0, 0, 0, 0]),
        (PLAIN, (36457.0, 36500.0, 36400.0), [36500, 36500, 36456, 36456]),
        (CONFIRMED, (NEVER, NEVER, 36400.0), [0, 0, 36456, 0]),
    ],
)
def test_by_hand(arm: ArmSchedule, latent: tuple[float, float, float], seen: list[int]) -> None:
    assert observed_days(arm, *latent) == seen
    schedule = new_schedule([arm])
    assert schedule.is_common_plan == 1
    months = Latent(*(np.array([day / DAYS_PER_MONTH]) for day in latent))
    by_visit = observed(schedule._replace(is_common_plan=0), months, [0])
    assert by_visit == observed(schedule, months, [0])


@pytest.mark.parametrize("arm", SCHEDULES)
def test_one_schedule_against_the_twin(arm: ArmSchedule) -> None:
    n = 20 if arm is DAILY else 150
    latent = random_patients(n, 1)
    schedule = new_schedule([arm, arm])
    seen = observed(schedule, latent, [i % 2 for i in range(n)], 2**40 + 3, 2**33 + 7)
    for i, (row, patient) in enumerate(zip(seen, zip(*latent, strict=True), strict=True)):
        assert row == slow_observe(arm, Place(2**40 + 3, 2**33 + 7, i), *map(float, patient))


def test_arms_of_their_own_schedules_against_the_twin() -> None:
    latent = random_patients(200, 2)
    arms = np.random.default_rng(3).integers(0, len(SCHEDULES), 200).tolist()
    schedule = new_schedule(SCHEDULES)
    assert schedule.is_common_plan == 0
    seen = observed(schedule, latent, arms)
    for i, (row, patient) in enumerate(zip(seen, zip(*latent, strict=True), strict=True)):
        assert row == slow_observe(SCHEDULES[arms[i]], Place(5, 3, i), *map(float, patient))


@pytest.mark.parametrize("arm", [PLAIN, CONFIRMED, SHIFTED, FAR_SHIFTED])
def test_the_short_way_sees_the_same(arm: ArmSchedule) -> None:
    latent = random_patients(3000, 4)
    schedule = new_schedule([arm])
    quick = observed(schedule, latent, [0] * 3000)
    assert quick == observed(schedule._replace(is_common_plan=0), latent, [0] * 3000)


@pytest.mark.parametrize(
    ("other", "may_be_common"),
    [
        (PLAIN._replace(window_days=3), 0),
        (PLAIN._replace(missed_probability=0.1), 0),
        (PLAIN._replace(steps=((0, 56),)), 1),
        (CONFIRMED, 1),
    ],
)
def test_arms_that_differ_do_not_go_the_short_way(other: ArmSchedule, may_be_common: int) -> None:
    assert new_schedule([PLAIN, PLAIN]).is_common_plan == 1
    assert new_schedule([PLAIN, other]).is_common_plan == 0
    assert new_schedule([other, PLAIN]).is_common_plan == 0
    assert new_schedule([other, other]).is_common_plan == may_be_common


def test_arms_of_one_plan_may_differ_in_their_shifts() -> None:
    arms = [PLAIN, PLAIN._replace(shift_days=11), FAR_SHIFTED]
    schedule, latent = new_schedule(arms), random_patients(300, 8)
    assert schedule.is_common_plan == 1
    groups = [i % 3 for i in range(300)]
    seen = observed(schedule, latent, groups)
    assert seen == observed(schedule._replace(is_common_plan=0), latent, groups)
    for i, (row, patient) in enumerate(zip(seen, zip(*latent, strict=True), strict=True)):
        assert row == slow_observe(arms[groups[i]], Place(5, 3, i), *map(float, patient))


def test_shifts_are_one_a_patient_and_uniform() -> None:
    n, most = 40_000, 3
    arm = np.zeros(n, dtype=np.int64)
    arm[n // 2 :] = 1
    schedule = new_schedule(
        [PLAIN._replace(shift_days=most), PLAIN._replace(not_evaluable_probability=0.2)]
    )
    shift, assessable = np.zeros(n), np.zeros(n)
    draw_patients(schedule, np.uint64(1), np.uint64(2), 1, n, arm, shift, assessable)
    shifts = shift[: n // 2]
    counts = np.array([np.sum(shifts == days) for days in range(-most, most + 1)])
    assert counts.sum() == n // 2
    expected = n / 2 / (2 * most + 1)
    # Chi-square with 6 degrees of freedom: below 27.9 but for one time in 10,000.
    assert np.sum((counts - expected) ** 2 / expected) < 27.9
    assert not shift[n // 2 :].any()
    assert np.isinf(assessable[: n // 2]).all()
    share = np.mean(assessable[n // 2 :] == 0.0)
    assert abs(share - 0.2) < 4.0 * math.sqrt(0.16 / (n / 2))
    # All scans of a patient are as late as the first.
    days = [
        observed_days(PLAIN._replace(shift_days=7), day, NEVER, NEVER)[0] for day in (1, 200, 900)
    ]
    planned = [observed_days(PLAIN, day, NEVER, NEVER)[0] for day in (1, 200, 900)]
    assert len(set(np.subtract(days, planned).tolist())) == 1
    assert 0 < abs(days[0] - planned[0]) <= 7


@pytest.mark.parametrize("arm", SCHEDULES)
def test_visits_are_numbered_and_planned_as_walked_through(arm: ArmSchedule) -> None:
    schedule = new_schedule([DAILY, arm])
    days = dict(itertools.islice(planned_visits(arm), 1000))
    assert [planned_day(schedule, 1, visit) for visit in days] == list(days.values())
    for day in range(1, 900):
        earliest = next(v for v, planned in days.items() if planned >= day - arm.window_days)
        assert first_visit(schedule, 1, float(day)) == earliest


def test_days_and_months_fit_exactly() -> None:
    # Every whole day's month stays that day; a moment later is the next day.
    days = np.arange(1.0, LAST_DAY + 1.0)
    out = days / DAYS_PER_MONTH
    assessments.to_days(len(days), out)
    np.testing.assert_array_equal(out, days)
    out = np.nextafter(days / DAYS_PER_MONTH, NEVER)
    assessments.to_days(len(days), out)
    np.testing.assert_array_equal(out, days + 1.0)
    assessments.to_months(len(days), out)
    np.testing.assert_array_equal(out[:-1], days[1:] / DAYS_PER_MONTH)
    assert out[-1] == NEVER


def test_months_of_days_are_quotients_to_the_last_bit() -> None:
    days = np.arange(2.0**16)
    months = np.array([in_python(assessments.month_of)(day) for day in days])
    np.testing.assert_array_equal(months, days / assessments.DAYS_PER_MONTH)
    assert days[-1] > assessments.NEVER_DAY


def test_a_patient_is_seen_the_same_among_others() -> None:
    latent = random_patients(80, 7)
    schedule = new_schedule([ALL])
    everyone = observed(schedule, latent, [0] * 80)
    first = Latent(*(times[:30] for times in latent))
    assert observed(schedule, first, [0] * 30) == everyone[:30]
    # What happened to others, or later in the same patient, does not change the visits.
    alive = latent._replace(death=np.full(80, NEVER))
    longer = observed(schedule, alive, [0] * 80)
    for short, long in zip(everyone, longer, strict=True):
        assert short.pfs == min(long.pfs, short.os)


def test_draws_are_at_their_addresses() -> None:
    places = [(0, 0, 0), (2**63 - 1, 10**10, 999_999), (17, 2**32, 2**32 - 1)]
    visits = [1, 2, 255, 256, 257, 511, 512, LAST_DAY]
    for place, visit, window in itertools.product(places, visits, [0, 1, 27]):
        seed, trial, patient = place
        drawn = draw_visit(np.uint64(seed), np.uint64(trial), patient, visit, float(window))
        assert drawn == drawn_visit(Place(*place), visit, window)


def test_visits_share_no_address() -> None:
    patients = [0, 1, 255, 256, 999_999]
    visits = range(LAST_DAY + 1)
    words = {visit_address(Place(0, 0, 0), visit)[3] for visit in visits}
    others = {
        address(0, 0, purpose, draw)[3]
        for purpose in PURPOSES
        if purpose != "visit"
        for draw in range(256)
    }
    # The purpose stays readable, so that no other purpose, present or future, collides.
    assert len(words) == len(visits)
    assert not words & others
    assert {word // 256 % 256 for word in words} == {PURPOSES["visit"]}
    assert max(words) < 2**32
    assert len({visit_address(Place(0, 9, p), v) for p in patients for v in visits[:300]}) == 1500


def test_windows_and_misses_have_their_probabilities() -> None:
    window, n = 3, 40_000
    drawn = [draw_visit(np.uint64(1), np.uint64(2), i % 200, 1 + i // 200, 3.0) for i in range(n)]
    late, uniform = np.array(drawn).T
    counts = np.array([np.sum(late == days) for days in range(-window, window + 1)])
    assert counts.sum() == n
    expected = n / (2 * window + 1)
    # Chi-square with 6 degrees of freedom: below 27.9 but for one time in 10,000.
    assert np.sum((counts - expected) ** 2 / expected) < 27.9
    # Share missed by day late, each within four standard errors.
    for days, count in zip(range(-window, window + 1), counts, strict=True):
        share = np.mean(uniform[late == days] < 0.2)
        assert abs(share - 0.2) < 4.0 * math.sqrt(0.16 / count)
    # Neighbouring visits of a patient are independent.
    by_visit = uniform.reshape(-1, 200)
    assert abs(np.corrcoef(by_visit[:-1].ravel(), by_visit[1:].ravel())[0, 1]) < 4.0 / math.sqrt(n)


def test_scans_are_on_their_days_within_windows() -> None:
    days = list(itertools.islice(attended_days(WINDOWS, Place(1, 2, 3)), 20))
    planned = [day for _, day in itertools.islice(planned_visits(WINDOWS), 20)]
    late = np.subtract(days, planned)
    assert late.min() >= -7
    assert late.max() <= 7
    assert len(set(late.tolist())) > 5


def test_most_months_are_the_last_day() -> None:
    assert assessments.MOST_MONTHS * DAYS_PER_MONTH == LAST_DAY
    assert assessments.NEVER_DAY == LAST_DAY + 1


def test_a_scenario_table_gives_the_schedule() -> None:
    table = Assessments.model_validate(
        {
            "schedule": (
                {"from_week": 0, "every_weeks": 8},
                {"from_week": 48, "every_weeks": 12},
            ),
            "window_days": 7,
        }
    )
    assert ArmSchedule(table.steps_in_days, table.window_days) == WINDOWS
