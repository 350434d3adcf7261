"""The n-th event against sorting, and looks against the slow twin."""

import bisect
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import (
    FOUR_CELLS,
    THREE_ARMS,
    events,
    feature_scenario,
    hypothesis,
)
from twins.slow_patients import slow_patients
from twins.slow_trial import cutoff_of

from simulate.engine import cutoffs
from simulate.engine.codes import STATUS_TARGET_NOT_REACHED
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

FloatArray = NDArray[np.float64]


# Where a search may begin: nothing known, far off on both sides, nonsense.
STARTS = [(0.0, 0.0), (3.0, 1e-3), (1e300, 1e300), (5e-324, 5e-324), (math.nan, math.inf)]


def selected(values: FloatArray, rank: int, last_found: FloatArray) -> float:
    before = values.copy()
    found = cutoffs.select(values, len(values), rank, last_found)
    np.testing.assert_array_equal(values, before)
    return float(found)


def uniform(rng: np.random.Generator, n: int) -> FloatArray:
    return rng.uniform(1e-9, 40.0, size=n)


def tied(rng: np.random.Generator, n: int) -> FloatArray:
    return rng.integers(1, 6, size=n) / 4.0


def all_equal(rng: np.random.Generator, n: int) -> FloatArray:
    return np.full(n, rng.uniform(1.0, 9.0))


def heavy_tail(rng: np.random.Generator, n: int) -> FloatArray:
    return rng.uniform(size=n) ** -20.0


def all_magnitudes(rng: np.random.Generator, n: int) -> FloatArray:
    return 10.0 ** rng.uniform(-300.0, 300.0, size=n)


def neighbours(rng: np.random.Generator, n: int) -> FloatArray:
    # Consecutive doubles, which no halving of an interval of reals can separate for long.
    return (np.float64(3.0).view(np.int64) + rng.permutation(n)).view(np.float64)


def one_far_off(rng: np.random.Generator, n: int) -> FloatArray:
    values = rng.uniform(1.0, 2.0, size=n)
    values[rng.integers(0, n)] = 1e300
    return values


def some_never(rng: np.random.Generator, n: int) -> FloatArray:
    values = rng.exponential(10.0, size=n) + 1e-9
    values[rng.permutation(n)[: n // 2]] = math.inf
    return values


def two_values(rng: np.random.Generator, n: int) -> FloatArray:
    return rng.choice(np.array([5e-324, 1.7e308]), size=n)


def rising(rng: np.random.Generator, n: int) -> FloatArray:
    return np.sort(uniform(rng, n))


def falling(rng: np.random.Generator, n: int) -> FloatArray:
    return rising(rng, n)[::-1].copy()


KINDS: list[Callable[[np.random.Generator, int], FloatArray]] = [
    uniform,
    tied,
    all_equal,
    heavy_tail,
    all_magnitudes,
    neighbours,
    one_far_off,
    some_never,
    two_values,
    rising,
    falling,
]


@pytest.mark.parametrize("n", [1, 2, 6, 7, 8, 40, 301])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_rank_is_selected(
    kind: Callable[[np.random.Generator, int], FloatArray], n: int
) -> None:
    for seed in range(3):
        values = kind(np.random.default_rng([seed, n]), n)
        finite = sorted(values[np.isfinite(values)].tolist())
        # As in the trial loop, each search begins where the last one ended.
        last_found = np.zeros(2)
        for rank in range(1, len(finite) + 1):
            assert selected(values, rank, last_found) == finite[rank - 1]
        assert selected(values, len(finite) + 1, last_found) == math.inf


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_where_the_search_begins_does_not_change_what_it_finds(
    kind: Callable[[np.random.Generator, int], FloatArray], start: tuple[float, float]
) -> None:
    values = kind(np.random.default_rng(5), 120)
    finite = sorted(values[np.isfinite(values)].tolist())
    for rank in (1, len(finite) // 2, len(finite)):
        assert selected(values, rank, np.array(start)) == finite[rank - 1]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_ranks_among_many(kind: Callable[[np.random.Generator, int], FloatArray]) -> None:
    values = kind(np.random.default_rng(3), 20_000)
    finite = sorted(values[np.isfinite(values)].tolist())
    for rank in [1, 2, len(finite) // 3, len(finite) // 2, len(finite) - 1, len(finite)]:
        assert selected(values, rank, np.zeros(2)) == finite[rank - 1]


def test_entered_patients_are_counted_up_to_and_at_the_cutoff() -> None:
    entry = np.sort(np.random.default_rng(2).integers(0, 30, size=100) / 4.0)
    for cutoff in [-1.0, 0.0, 0.25, 3.3, entry[50], entry[-1], 99.0]:
        n = cutoffs.count_entered(entry, 100, 0.0, cutoff)
        assert n == bisect.bisect_right(entry.tolist(), cutoff)
        for months in (0.25, 2.0):
            n = cutoffs.count_entered(entry, 100, months, cutoff)
            assert n == bisect.bisect_right(entry.tolist(), cutoff - months)


def test_who_triggers_a_look_at_a_follow_up_has_been_followed_so_long() -> None:
    # Rounded, 50 / 7 + 2.9 - 2.9 is below 50 / 7.
    entry = np.arange(1, 51) / 7.0
    assert entry[-1] + 2.9 - 2.9 < entry[-1]
    assert cutoffs.count_entered(entry, 50, 2.9, entry[-1] + 2.9) == 50


def random_trigger(rng: random.Random, depth: int, first: bool) -> dict[str, Any]:
    """Return any trigger, with members to the given depth."""
    kind = rng.choice(["events", "events", "calendar", "follow-up", "delay", "several", "several"])
    if kind == "delay" and not first:
        return {"months_after_previous": rng.uniform(0.1, 8.0)}
    if kind == "calendar":
        return {"calendar_months": rng.uniform(0.5, 25.0)}
    if kind == "follow-up":
        last = {} if rng.random() < 0.3 else {"after_patients": rng.randint(1, 24)}
        return {"minimum_follow_up_months": rng.uniform(0.0, 12.0)} | last
    if kind == "several" and depth > 0:
        members = [random_trigger(rng, depth - 1, first) for _ in range(rng.randint(2, 4))]
        return {rng.choice(["latest_of", "earliest_of"]): members}
    which: dict[str, Any] = {}
    if rng.random() < 0.5:
        which["stratum"] = {"risk": rng.choice(["high", "low"])}
    if rng.random() < 0.5:
        which["arms"] = rng.sample(list(THREE_ARMS), rng.randint(1, 2))
    rule = rng.choice(["last_event", "all_data", "skip"])
    return events(rng.randint(1, 16), rule, **which)


@pytest.mark.parametrize("seed", range(40))
def test_looks_take_place_when_the_slow_twin_says(seed: int) -> None:
    rng = random.Random(seed)
    names = ["a", "b", "c", "d"]
    # Each look also waits for the one before it, so that no scenario is refused as going backwards.
    triggers = [
        {"latest_of": [random_trigger(rng, 2, look == 0), random_trigger(rng, 1, look == 0)]}
        for look in range(4)
    ]
    scenario = feature_scenario(
        "three arms",
        strata=FOUR_CELLS,
        patients=24,
        follow_up={"maximum_months": 14.0},
        analyses={
            name: {"trigger": trigger} for name, trigger in zip(names, triggers, strict=True)
        },
        hypotheses={"test": hypothesis("high", "placebo", *names)},
    )
    statistics = simulate_block(pack(scenario), scenario.simulation.seed, Block(0, 4))
    for trial in range(4):
        patients = slow_patients(scenario, trial)
        previous = 0.0
        for look, analysis in enumerate(scenario.analyses.values()):
            cutoff, missed = cutoff_of(scenario, patients, analysis.trigger, previous)
            previous = previous if cutoff == math.inf else cutoff
            expected = math.nan if cutoff == math.inf else cutoff
            found = float(statistics.cutoff[trial, look])
            assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
            flag = int(statistics.status[trial, look]) & STATUS_TARGET_NOT_REACHED
            assert bool(flag) == missed


def cutoff_at(*triggers: dict[str, Any], **tables: Any) -> list[float]:
    """Cutoffs of the first trial of a plain scenario; its entries are at 0.25, 0.5, …, 10."""
    names = [f"look{k}" for k in range(len(triggers))]
    scenario = feature_scenario(
        "plain",
        accrual={"patients": 40, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        analyses={name: {"trigger": t} for name, t in zip(names, triggers, strict=True)},
        hypotheses={"test": hypothesis("new", "old", *names)},
        **tables,
    )
    statistics = simulate_block(pack(scenario), 1, Block(0, 1))
    return [float(cutoff) for cutoff in statistics.cutoff[0]]


def test_times_of_looks_by_hand() -> None:
    assert cutoff_at({"calendar_months": 5.5}, {"months_after_previous": 2.0}) == [5.5, 7.5]
    assert cutoff_at({"minimum_follow_up_months": 6.0}) == [16.0]
    assert cutoff_at({"minimum_follow_up_months": 6.0, "after_patients": 10}) == [8.5]
    assert cutoff_at({"latest_of": [{"calendar_months": 3.0}, {"calendar_months": 9.0}]}) == [9.0]
    # A look is never earlier than the one before it.
    early = {"minimum_follow_up_months": 0.5, "after_patients": 2}
    assert cutoff_at({"calendar_months": 7.0}, early) == [7.0, 7.0]


def test_a_skipped_look_leaves_the_one_before_it_in_place() -> None:
    looks = [{"calendar_months": 5.0}, events(40, "skip"), {"months_after_previous": 1.0}]
    first, second, third = cutoff_at(*looks, follow_up={"maximum_months": 2.0})
    assert (first, third) == (5.0, 6.0)
    assert math.isnan(second)


def test_all_data_is_the_end_of_the_last_follow_up() -> None:
    looks = [events(40, "all_data")]
    (cutoff,) = cutoff_at(*looks, follow_up={"maximum_months": 1e-3})
    # The patient who entered last is followed for a thousandth of a month.
    assert cutoff == pytest.approx(10.001, rel=1e-15)
