"""Event times, ends of follow-up and entries, against the hazards' own quantiles."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import arriving, feature_scenario
from twins.slow_course import time_at
from twins.slow_patients import entries_of

from simulate.engine import codes, times
from simulate.engine.workspace import new_workspace
from simulate.runner.pack import evenly_spaced_entries, pack, pack_hazards
from simulate.scenario.hazards import Hazard

FloatArray = NDArray[np.float64]
PROBABILITIES = np.concatenate(
    [10.0 ** np.arange(-16.0, -1.0), np.linspace(0.05, 0.95, 19), 1.0 - 10.0 ** np.arange(-15, -1)]
)
EXPONENTIAL = Hazard(1.0, 1.0, (0.0,), (0.08,))
WEIBULL = Hazard(1.4, 9.0, (0.0,), (1.0,))
FLAT_WEIBULL = Hazard(0.3, 20.0, (0.0,), (1.0,))
SHAPE_ONE = Hazard(1.0, 14.0, (0.0,), (1.0,))
PIECES = Hazard(1.0, 1.0, (0.0, 3.0, 8.0), (0.02, 0.3, 0.05))
ZERO_PIECES = Hazard(1.0, 1.0, (0.0, 2.0, 4.0, 10.0), (0.0, 0.2, 0.0, 0.1))
ENDS_AT_ZERO = Hazard(1.0, 1.0, (0.0, 3.0), (0.125, 0.0))
WEIBULL_PIECES = Hazard(1.7, 12.0, (0.0, 4.0, 6.0, 20.0), (1.0, 0.0, 0.5, 0.8))
HAZARDS = [
    EXPONENTIAL,
    WEIBULL,
    FLAT_WEIBULL,
    SHAPE_ONE,
    PIECES,
    ZERO_PIECES,
    ENDS_AT_ZERO,
    WEIBULL_PIECES,
]


def inverted(hazards: list[Hazard | None], cell: list[int], exponentials: FloatArray) -> FloatArray:
    n = len(exponentials)
    out = np.full(n, np.nan)
    packed = pack_hazards(hazards)
    times.invert_hazards(exponentials.copy(), np.array(cell, dtype=np.uint64), packed, n, out)
    return out


@pytest.mark.parametrize("hazard", HAZARDS)
def test_times_are_the_quantiles(hazard: Hazard) -> None:
    exponentials = -np.log1p(-PROBABILITIES)
    months = inverted([hazard], [0] * len(PROBABILITIES), exponentials)
    np.testing.assert_allclose(months, hazard.quantile(PROBABILITIES), rtol=1e-13)


def test_each_patient_has_the_hazard_of_its_cell() -> None:
    hazards: list[Hazard | None] = [*HAZARDS, None]
    rng = np.random.default_rng(4)
    cell = rng.integers(0, len(hazards), size=400).tolist()
    exponentials = rng.exponential(size=400)
    months = inverted(hazards, cell, exponentials)
    slow = [time_at(hazards[c], target) for c, target in zip(cell, exponentials, strict=True)]
    np.testing.assert_allclose(months, slow, rtol=1e-13)
    assert np.isinf(months).any()


@pytest.mark.parametrize(
    "group",
    [
        [EXPONENTIAL, PIECES],
        [WEIBULL, EXPONENTIAL, None],
        [None],
        [SHAPE_ONE, EXPONENTIAL, SHAPE_ONE, None],
        [EXPONENTIAL, EXPONENTIAL, WEIBULL, SHAPE_ONE, FLAT_WEIBULL],
        [ENDS_AT_ZERO, EXPONENTIAL, ENDS_AT_ZERO],
        [*[EXPONENTIAL, ENDS_AT_ZERO, None] * 3],
    ],
)
def test_groups_of_one_kind_take_the_same_times(group: list[Hazard | None]) -> None:
    # Kinds that are all linear, all of few pieces, or never, and few cells, take shorter ways.
    exponentials = np.random.default_rng(5).exponential(size=60)
    cell = [i % len(group) for i in range(60)]
    months = inverted(group, cell, exponentials)
    alone = [
        inverted([*HAZARDS, group[c]], [len(HAZARDS)], exponentials[i : i + 1])[0]
        for i, c in enumerate(cell)
    ]
    np.testing.assert_array_equal(months, alone)


def test_nobody_has_the_event_while_the_hazard_is_zero() -> None:
    months = inverted([ZERO_PIECES], [0] * 5000, np.random.default_rng(6).exponential(size=5000))
    assert months.min() >= 2.0
    assert not np.any((months > 4.0) & (months < 10.0))
    # Exactly the cumulative hazard of the plateau is reached where it begins.
    assert inverted([ZERO_PIECES], [0], np.array([0.4]))[0] == 4.0
    assert inverted([ENDS_AT_ZERO], [0], np.array([0.375]))[0] == 3.0
    assert inverted([ENDS_AT_ZERO], [0], np.array([0.3750001]))[0] == math.inf


EVENT, DROPOUT, TO_END = codes.EVENT, codes.DROPOUT, codes.FOLLOWED_TO_END
NEVER = math.inf


@pytest.mark.parametrize(
    ("event", "dropout", "limit", "end", "outcome"),
    [
        (3.0, 4.0, 5.0, 3.0, EVENT),
        (4.0, 3.0, 5.0, 3.0, DROPOUT),
        (4.0, 5.0, 3.0, 3.0, TO_END),
        (3.0, 3.0, 5.0, 3.0, EVENT),
        (3.0, 4.0, 3.0, 3.0, EVENT),
        (3.0, 3.0, 3.0, 3.0, EVENT),
        (4.0, 3.0, 3.0, 3.0, DROPOUT),
        (3.0, NEVER, NEVER, 3.0, EVENT),
        (NEVER, 3.0, NEVER, 3.0, DROPOUT),
        (NEVER, NEVER, 3.0, 3.0, TO_END),
        (NEVER, NEVER, NEVER, NEVER, TO_END),
    ],
)
def test_the_end_of_follow_up(
    event: float, dropout: float, limit: float, end: float, outcome: int
) -> None:
    patients = new_workspace(pack(feature_scenario("plain"))).patients
    patients.entry[0], patients.event[0, 0], patients.dropout[0] = 7.25, event, dropout
    times.end_follow_up(patients, 0, limit, 1)
    times.to_calendar(patients, 0, 1)
    assert patients.end[0, 0] == end
    assert patients.outcome[0, 0] == outcome
    assert patients.calendar_end[0, 0] == 7.25 + end
    assert patients.calendar_event[0, 0] == (7.25 + end if outcome == EVENT else math.inf)


STEPS = ((0.0, 0.0), (1.0, 10.0), (3.0, 0.0), (6.0, 4.0), (6.5, 0.0), (7.0, 20.0))


def poisson(gaps: FloatArray, steps: tuple[tuple[float, float], ...]) -> FloatArray:
    starts = np.array([start for start, _ in steps])
    rates = np.array([rate for _, rate in steps])
    cumulative = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(starts))])
    inverse = np.array([1.0 / rate if rate > 0.0 else math.inf for rate in rates])
    entry = np.full(len(gaps), np.nan)
    times.poisson_entries(gaps, starts, cumulative, inverse, len(gaps), entry)
    return entry


def expected_by(months: FloatArray, steps: tuple[tuple[float, float], ...]) -> FloatArray:
    """Cumulative accrual by a calendar month."""
    ends = [start for start, _ in steps[1:]] + [math.inf]
    total = np.zeros(len(months))
    for (start, rate), end in zip(steps, ends, strict=True):
        total += rate * np.clip(months - start, 0.0, end - start)
    return total


@pytest.mark.parametrize("steps", [STEPS, STEPS[1:2], ((0.0, 3.0), (2.0, 30.0), (4.0, 1.0))])
def test_poisson_entries_undo_the_cumulative_accrual(
    steps: tuple[tuple[float, float], ...],
) -> None:
    steps = tuple((start - steps[0][0], rate) for start, rate in steps)
    gaps = np.random.default_rng(7).exponential(size=500)
    entry = poisson(gaps, steps)
    np.testing.assert_allclose(expected_by(entry, steps), np.cumsum(gaps), rtol=1e-12)
    assert np.all(np.diff(entry) >= 0.0)


def test_nobody_enters_in_a_pause() -> None:
    for seed in range(50):
        entry = poisson(np.random.default_rng(seed).exponential(size=60), STEPS)
        for start, end in [(0.0, 1.0), (3.0, 6.0), (6.5, 7.0)]:
            assert not np.any((entry > start) & (entry < end))
    # Exactly the accrual by a pause: the patient enters at its end, as soon as anybody can.
    assert poisson(np.array([20.0, 1.0]), STEPS).tolist() == [6.0, 6.25]


@pytest.mark.parametrize(
    "steps",
    [
        ((0.0, 7.0),),
        ((0.0, 3.3), (4.0, 0.0), (5.0, 8.7), (9.0, 21.1)),
        ((0.0, 0.0), (2.0, 4.0), (5.0, 0.0), (6.0, 0.1), (9.0, 8.0)),
    ],
)
def test_evenly_spaced_entries(steps: tuple[tuple[float, float], ...]) -> None:
    scenario = feature_scenario("plain", accrual=arriving(90, "evenly_spaced", *steps))
    entries = evenly_spaced_entries(scenario.accrual)
    np.testing.assert_allclose(entries, entries_of(scenario, 0), rtol=1e-14)
    np.testing.assert_allclose(expected_by(np.array(entries), steps), np.arange(1, 91), rtol=1e-12)
    np.testing.assert_array_equal(pack(scenario).fixed_entry, entries)


def test_an_entry_at_a_pause_is_at_its_start() -> None:
    steps = ((0.0, 4.0), (3.0, 0.0), (5.0, 2.0))
    scenario = feature_scenario("plain", accrual=arriving(55, "evenly_spaced", *steps))
    entries = evenly_spaced_entries(scenario.accrual)
    assert entries[11:14] == [3.0, 5.5, 6.0]
