"""Latent and observed survival: through the grid and back, and against the engine's scans."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulate.engine import assessments
from simulate.engine.visits import ArmSchedule, new_schedule
from simulate.scenario.assessed import (
    DAYS_PER_MONTH,
    latent_landmark,
    latent_median_range,
    observed_survival,
    scans_around,
)
from simulate.scenario.hazards import FloatArray, Hazard

EIGHT_THEN_TWELVE = ((0, 56), (336, 84))
DAILY = ((0, 1),)
MIXED = ((0, 42), (84, 21), (126, 63))
GRIDS = [EIGHT_THEN_TWELVE, DAILY, MIXED]
WEIBULL = Hazard(1.4, 17.0, (0.0,), (1.0,))


def exponential(median: float) -> Hazard:
    return Hazard(1.0, 1.0, (0.0,), (math.log(2.0) / median,))


def months(day: float) -> float:
    return day / DAYS_PER_MONTH


def observed_median(hazard: Hazard, steps: tuple[tuple[int, int], ...]) -> float:
    """First day's month at which the survival seen is 1/2 or less, searched day by day."""
    seen = observed_survival(hazard, steps)(np.arange(3000) / DAYS_PER_MONTH)
    return months(int(np.argmax(seen <= 0.5)))


def test_medians_that_are_all_observed_as_one() -> None:
    low, high = latent_median_range(13.8, EIGHT_THEN_TWELVE)
    assert (low, high) == (336 / 30.4375, 420 / 30.4375)
    assert low == pytest.approx(11.04, abs=0.005)
    assert high == pytest.approx(13.80, abs=0.005)
    for latent in (11.1, 12.0, 13.7, high - 1e-9, low + 1e-9):
        assert observed_median(exponential(latent), EIGHT_THEN_TWELVE) == high
    assert observed_median(exponential(low - 1e-9), EIGHT_THEN_TWELVE) == low
    assert observed_median(exponential(high + 1e-9), EIGHT_THEN_TWELVE) == months(504)


@pytest.mark.parametrize("steps", GRIDS)
@pytest.mark.parametrize("median", [1.3, 4.2, 8.9, 14.1, 22.3])
def test_the_range_holds_the_median_it_came_from(
    steps: tuple[tuple[int, int], ...], median: float
) -> None:
    seen = observed_median(exponential(median), steps)
    low, high = latent_median_range(seen, steps)
    assert low < median <= high == seen
    # As printed, too, where one decimal tells the scans apart.
    if steps != DAILY:
        assert latent_median_range(round(seen, 1), steps) == (low, high)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (12.0, "no scan shows a median of 12 months; the nearest scans are at 11.04 and 13.80"),
        (1.7, "no scan shows a median of 1.7 months; the nearest scans are at 1.84 months"),
        (0.02, "the nearest scans are at 1.84 months"),
        (13.74, "the nearest scans are at 11.04 and 13.80 months"),
        (13.86, "the nearest scans are at 13.80 and 16.56 months"),
        (0.0, "observed_median_months must be above 0 and at most 1200"),
        (math.inf, "observed_median_months must be above 0 and at most 1200"),
        (math.nan, "observed_median_months must be above 0 and at most 1200"),
    ],
)
def test_medians_that_no_scan_shows(given: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_median_range(given, EIGHT_THEN_TWELVE)


@pytest.mark.parametrize("given", [13.75, 13.8, 13.84, months(420)])
def test_a_printed_median_is_that_of_its_scan(given: float) -> None:
    assert latent_median_range(given, EIGHT_THEN_TWELVE)[1] == months(420)


def test_landmarks_are_the_latent_curve_at_the_last_scan() -> None:
    assert latent_landmark(12.0, EIGHT_THEN_TWELVE) == months(336)
    assert latent_landmark(24.0, EIGHT_THEN_TWELVE) == months(672)
    assert latent_landmark(months(336), EIGHT_THEN_TWELVE) == months(336)
    below = math.nextafter(months(336), 0.0)
    assert latent_landmark(below, EIGHT_THEN_TWELVE) == months(280)
    survival = observed_survival(WEIBULL, EIGHT_THEN_TWELVE)
    assert float(survival(24.0)) == float(WEIBULL.survival(months(672)))
    with pytest.raises(ValueError, match=r"1\.8 months is before the first scan, at 1\.84 months"):
        latent_landmark(1.8, EIGHT_THEN_TWELVE)
    with pytest.raises(ValueError, match="month must be above 0"):
        latent_landmark(math.inf, EIGHT_THEN_TWELVE)


def test_scans_around_a_month() -> None:
    assert scans_around(12.0, EIGHT_THEN_TWELVE) == (months(336), months(420))
    assert scans_around(months(336), EIGHT_THEN_TWELVE) == (months(336), months(420))
    assert scans_around(1.0, EIGHT_THEN_TWELVE) == (0.0, months(56))
    assert scans_around(10.0, EIGHT_THEN_TWELVE) == (months(280), months(336))


@pytest.mark.parametrize("steps", GRIDS)
def test_every_day_has_the_last_scan_by_then(steps: tuple[tuple[int, int], ...]) -> None:
    scans = [0]
    while scans[-1] < 36_525:
        scans.append(scans[-1] + next(gap for day, gap in steps[::-1] if day <= scans[-1]))
    days = np.arange(36_526)
    expected = np.array(scans)[np.searchsorted(scans, days, side="right") - 1]
    survival = observed_survival(WEIBULL, steps)
    np.testing.assert_array_equal(
        survival(days / DAYS_PER_MONTH), WEIBULL.survival(expected / DAYS_PER_MONTH)
    )
    # A moment before a day is the day before.
    np.testing.assert_array_equal(
        survival(np.nextafter(days[1:] / DAYS_PER_MONTH, 0.0)),
        WEIBULL.survival(expected[:-1] / DAYS_PER_MONTH),
    )
    assert survival(math.inf) == survival(1200.0)
    assert survival(0.0) == 1.0
    assert survival([[1.0], [30.0]]).shape == (2, 1)


def engine_sees(steps: tuple[tuple[int, int], ...], latent: FloatArray) -> FloatArray:
    n = len(latent)
    death, response, confirmed = (np.full(n, np.inf) for _ in range(3))
    seen = latent.copy()
    schedule = new_schedule([ArmSchedule(steps)])
    zeros = np.uint64(0), np.uint64(0), np.zeros(n, dtype=np.int64)
    assessments.observe(schedule, *zeros, np.zeros(n), n, seen, death, response, confirmed)
    return seen


@pytest.mark.parametrize("steps", GRIDS)
def test_the_engine_sees_the_same_curve(steps: tuple[tuple[int, int], ...]) -> None:
    n = 20_000
    latent = WEIBULL.quantile((np.arange(n) + 0.5) / n)
    seen = np.sort(engine_sees(steps, latent))
    at = np.linspace(0.0, 60.0, 500)
    shares = 1.0 - np.searchsorted(seen, at, side="right") / n
    np.testing.assert_allclose(observed_survival(WEIBULL, steps)(at), shares, atol=0.51 / n)


def test_months_are_those_of_the_engine() -> None:
    assert DAYS_PER_MONTH == assessments.DAYS_PER_MONTH
