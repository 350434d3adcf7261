"""The search itself, on powers that are known, without a trial simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from twins.scenario_tables import events, of_curves
from twins.study_tables import study_tables

from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.keep import Rejections
from simulate.scenario.load import scenario_from_dict
from simulate.studies.levers import Lever, lever_of
from simulate.studies.points import Found, Goal, Points
from simulate.studies.search import search

Power = Callable[[float], float]


def lever(over: str = "events", patients: int = 400, n_events: int = 100, **how: Any) -> Lever:
    tables = study_tables(analyses={"final": {"trigger": events(n_events)}})
    del tables["study"]
    tables["accrual"]["patients"] = patients
    return lever_of(scenario_from_dict(tables), over, **how)


def months_lever(**hypotheses: Any) -> Lever:
    tables = study_tables(analyses={"final": {"trigger": {"minimum_follow_up_months": 6.0}}})
    del tables["study"]
    tables["hypotheses"] |= hypotheses
    return lever_of(scenario_from_dict(tables), "follow-up")


def counting(
    power: Power, seed: int, seen: Power = lambda value: value, lacking: Power = lambda _: 0.0
) -> Callable[[Mapping[float, int]], dict[float, Rejections]]:
    """Counts of trials that reject with a known probability."""
    random = np.random.default_rng(seed)
    month = Moments.of(np.array([12.0, 13.0]))

    def simulate(trials: Mapping[float, int]) -> dict[float, Rejections]:
        return {
            value: Rejections(
                Share(int(random.binomial(n, power(value))), n),
                Share(round(n * lacking(value)), n),
                month,
                seen_by_all(n, seen(value)),
                None,
            )
            for value, n in sorted(trials.items())
        }

    return simulate


def seen_by_all(n: int, mean: float) -> WholeMoments:
    """Events of trials that see about as many."""
    total = round(n * mean)
    return WholeMoments(n, total, -(-total * total // n))


def schoenfeld(ratio: float) -> Power:
    return lambda d: float(norm.cdf(-math.log(ratio) * math.sqrt(d) / 2.0 - 2.0))


def searched(
    power: Power,
    target: float = 0.9,
    varied: Lever | None = None,
    *,
    seed: int = 0,
    start: float | None = None,
    precision: float = 0.01,
    most: int = 1_000_000,
    ends: tuple[float, float] | None = None,
    seen: Power = lambda value: value,
    lacking: Power = lambda _: 0.0,
) -> tuple[Found, Points]:
    varied = varied or lever()
    low, high = ends or varied.searched
    points = Points(counting(power, seed, seen, lacking), most)
    goal = Goal(target, low, high, precision)
    return search(varied, goal, points, varied.given if start is None else start), points


def covers(found: Found, truth: float) -> bool:
    low, high = found.interval
    return (low is None or low <= truth) and (high is None or truth <= high)


def test_finds_the_smallest_number_and_its_interval_holds_as_often_as_it_says() -> None:
    power = schoenfeld(0.65)
    truth = next(d for d in range(1, 1_000) if power(d) >= 0.9)
    n = 300
    found = [searched(power, seed=seed)[0] for seed in range(n)]
    missed = sum(not covers(one, truth) for one in found)
    # The binomial distribution's 0.001 and 0.999 quantiles; whole limits cover a bit more often.
    assert 1 <= missed <= 28
    values = np.array([one.value for one in found])
    assert abs(values.mean() - truth) < 0.5
    widths = np.array([one.interval.high - one.interval.low for one in found])  # type: ignore[operator]
    assert np.quantile(widths, 0.98) <= 2.0 * 0.01 * truth + 2.0


@pytest.mark.parametrize("start", [2.0, 30.0, 390.0])
def test_where_it_starts_does_not_matter(start: float) -> None:
    power = schoenfeld(0.65)
    truth = next(d for d in range(1, 1_000) if power(d) >= 0.9)
    found, points = searched(power, start=start)
    assert covers(found, truth)
    assert points.n_trials < 200_000


def test_half_the_width_takes_four_times_the_trials() -> None:
    power = schoenfeld(0.65)
    wide, narrow = (searched(power, precision=p)[1].n_trials for p in (0.008, 0.004))
    assert 2.5 < narrow / wide < 7.0


def test_it_ends_with_its_trials() -> None:
    found, points = searched(schoenfeld(0.65), precision=0.0001, most=50_000)
    assert points.n_trials <= 50_000
    assert points.n_trials > 48_000
    assert found.value is not None


def test_trials_come_in_whole_rounds_of_the_truths() -> None:
    points = Points(counting(lambda _: 0.5, 1), 10_000, n_truths=700)
    points.add({1.0: 2_000})
    assert points.n_trials == 2_100
    points.add({1.0: 900, 2.0: 20_000})
    assert points.n_trials <= 10_000
    assert all(point.power.n_trials % 700 == 0 for point in points.in_order())
    points.add({3.0: 699})
    assert points.is_spent


def test_hazard_ratios_fall() -> None:
    varied = lever("hazard-ratio")
    found, _ = searched(lambda hr: schoenfeld(hr)(100.0), 0.8, varied)
    truth = math.exp(-2.0 * (2.0 + norm.ppf(0.8)) / 10.0)
    assert found.value == pytest.approx(truth, rel=0.01)
    assert covers(found, truth)
    low, high = found.interval
    assert low is not None
    assert high is not None
    assert low < truth + 0.01
    assert low < high


def followed(months: float) -> float:
    """Mean number of events after so many months."""
    return 100.0 * (1.0 - math.exp(-0.1 * (months + 5.0)))


def test_months_need_not_be_whole() -> None:
    def power(months: float) -> float:
        return schoenfeld(math.exp(-0.7))(followed(months))

    truth = -math.log(1.0 - (2.0 * (2.0 + norm.ppf(0.8)) / 7.0) ** 2) / 0.1 - 5.0
    found = [
        searched(power, 0.8, months_lever(), seed=seed, seen=followed, start=start, precision=0.03)[
            0
        ]
        for seed in range(40)
        for start in (1.0, 100.0)
    ]
    # Were it a line in months, far more would miss, most on one side.
    assert sum(not covers(one, truth) for one in found) <= 10
    values = np.array([one.value for one in found])
    assert abs(values.mean() - truth) < 0.03


def test_points_far_from_the_answer_do_not_end_the_search() -> None:
    """Of another test than those by events the power bends over months."""
    restricted = of_curves("new", "old", "final", kind="rmst", tau_months=6.0)
    varied = months_lever(pfs=restricted)

    def power(months: float) -> float:
        return schoenfeld(math.exp(-0.7))(followed(months))

    truth = -math.log(1.0 - (2.0 * (2.0 + norm.ppf(0.8)) / 7.0) ** 2) / 0.1 - 5.0
    found = [searched(power, 0.8, varied, seed=s, start=100.0, precision=0.1)[0] for s in range(40)]
    assert sum(not covers(one, truth) for one in found) <= 8
    values = np.array([one.value for one in found])
    assert abs(values.mean() - truth) < 0.1


def test_a_range_without_the_power() -> None:
    found, points = searched(schoenfeld(0.65), varied=lever(patients=150, n_events=90))
    assert (found.value, found.interval, found.line) == (None, (None, None), None)
    assert found.reason.startswith("the power at 150 events is 0.")
    assert "150 patients have no more events" in found.reason
    assert points.n_trials < 10_000


def test_an_effect_the_wrong_way() -> None:
    found, _ = searched(schoenfeld(1.2))
    assert found.value is None
    assert "hardly above alpha: the effect does not favour the experimental arm" in found.reason


def test_a_ceiling_of_follow_up() -> None:
    found, _ = searched(lambda m: 0.8 * (1.0 - math.exp(-m)), 0.9, months_lever())
    assert found.value is None
    assert "the power has its ceiling there: 40 patients are too few" in found.reason


def test_follow_up_that_could_be_longer() -> None:
    found, _ = searched(lambda m: 0.8 * m / (m + 30.0), 0.9, months_lever(), ends=(0.0, 50.0))
    assert found.value is None
    assert found.reason.endswith("a larger --to looks further")


def test_patients_whose_events_stay() -> None:
    varied = lever("patients", scaled=False)
    found, _ = searched(lambda _: 0.7, 0.9, varied)
    assert found.value is None
    assert "the numbers of events stay (--scale lets them grow in proportion)" in found.reason


def test_all_of_the_range_has_the_power() -> None:
    found, _ = searched(lambda _: 0.97, ends=(50.0, 200.0))
    assert (found.value, found.interval) == (50.0, (50.0, 50.0))
    assert "the range begins there: the power at 50 events is 0.9" in found.reason


def test_a_power_at_the_end_that_is_the_target_is_not_told() -> None:
    power = schoenfeld(0.65)
    truth = next(d for d in range(1, 1_000) if power(d) >= 0.9)
    found, points = searched(power, ends=(1.0, truth), most=100_000)
    assert points.n_trials <= 100_000
    low, high = found.interval
    assert low is not None
    assert low <= truth
    assert high is None or high == truth


def test_trials_that_end_before_the_range_does_are_the_reason() -> None:
    # As with ten times the patients and no more events: far from the power, wherever one looks.
    varied = lever("patients", 160, 88, scaled=False)
    found, _ = searched(lambda _: 0.78, varied=varied, start=160.0, ends=(88, 1600), most=10_000)
    assert found.value is None
    assert "too close" not in found.reason
    assert "the search ended after 10,000 trials (--max-trials), before 1,600" in found.reason


def test_an_interval_wider_than_asked_for_is_told() -> None:
    found, _ = searched(schoenfeld(0.7), most=20_000, precision=0.001)
    assert found.value is not None
    assert found.reason.endswith("before the interval was as narrow as asked for")
    assert searched(schoenfeld(0.7))[0].reason == ""


def test_power_that_levels_off_with_the_events_that_are_seen() -> None:
    """More than 126 events are hardly ever seen; the answer is just before that."""

    def seen(d: float) -> float:
        return 126.0 - math.log1p(math.exp(0.5 * (126.0 - d))) / 0.5

    def lacking(d: float) -> float:
        return 1.0 / (1.0 + math.exp(0.5 * (126.0 - d)))

    def power(d: float) -> float:
        return schoenfeld(0.55)(seen(d))

    varied = lever(patients=160, n_events=88)
    truth = next(d for d in range(1, 400) if power(d) >= 0.905)
    assert truth - seen(truth) > 0.5
    found = [
        searched(power, 0.905, varied, seed=seed, seen=seen, lacking=lacking, most=300_000)[0]
        for seed in range(40)
    ]
    assert sum(not covers(one, truth) for one in found) <= 5


def surely(points: Points, ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """Last value surely below a power of 0.9 and first surely above it, by Bonferroni."""
    every = points.in_order()
    quantile = norm.isf(0.025 / len(every))
    z = [(point.power.value - 0.9) / point.power.mcse for point in every]
    below = [p.value for p, one in zip(every, z, strict=True) if one < -quantile]
    above = [p.value for p, one in zip(every, z, strict=True) if one > quantile]
    return max(below, default=ends[0]), min(above, default=None)


def test_a_ceiling_at_the_power_is_bounded_by_what_is_sure() -> None:
    """At 121 events the power is a hair above the target, and then it rises no more."""

    def seen(d: float) -> float:
        return min(d, 120.7)

    def power(d: float) -> float:
        return schoenfeld(0.55)(seen(d))

    truth = 121
    assert power(truth - 1) < 0.9 < power(truth) < 0.901
    varied = lever(patients=160, n_events=88)
    runs = [
        searched(
            power,
            seed=s,
            varied=varied,
            most=200_000,
            seen=seen,
            lacking=lambda d: float(d > 120.7),
        )
        for s in range(20)
    ]
    level = [(found, points) for found, points in runs if found.levels_off]
    assert len(level) >= 10
    assert sum(not covers(found, truth) for found, _ in runs) <= 3
    for found, points in level:
        assert found.interval == surely(points, varied.searched)


def test_a_ceiling_that_is_reached_slowly_is_not_taken_for_a_line() -> None:
    """The base case with 160 patients: late events, waited for by few trials, hardly tell more."""
    planned = [88, 114, 122, 124, 126, 128, 130, 132, 134, 136, 140, 160]
    powers = [0.777, 0.871, 0.889, 0.8933, 0.8956, 0.8974, 0.8987, 0.8996, 0.9001, 0.9003, 0.9004]
    lacks = [0.0, 0.002, 0.07, 0.133, 0.234, 0.37, 0.529, 0.685, 0.815, 0.906, 0.986, 1.0]

    def power(d: float) -> float:
        return float(np.interp(d, planned, [*powers, 0.9005]))

    def lacking(d: float) -> float:
        return float(np.interp(d, planned, lacks))

    def seen(d: float) -> float:
        return sum(1.0 - lacking(k) for k in range(round(d)))

    truth = next(d for d in range(1, 161) if power(d) >= 0.9)
    varied = lever(patients=160, n_events=88)
    found = [
        searched(power, varied=varied, seed=s, seen=seen, lacking=lacking)[0] for s in range(20)
    ]
    assert sum(not covers(one, truth) for one in found) <= 1
    assert all(one.levels_off or one.value is None for one in found)


def test_powers_in_steps_are_uneven_and_the_interval_holds_the_first_step() -> None:
    """As those of exact tests: up by 0.04 at once, then down again a little."""

    def power(d: float) -> float:
        return schoenfeld(0.65)(10.0 * round(d / 10.0)) + 0.01 * ((d % 10.0) / 10.0)

    runs = [searched(power, seed=seed, precision=0.002) for seed in range(30)]
    uneven = [found for found, _ in runs if found.is_uneven]
    assert len(uneven) >= 15
    for found, points in runs:
        if found.is_uneven:
            assert found.interval == surely(points, lever().searched)
    reached = [d for d in range(100, 400) if power(d) >= 0.9]
    lasting = next(d for d in range(reached[0], 400) if all(power(e) >= 0.9 for e in range(d, 400)))
    for one in uneven:
        low, high = one.interval
        assert low is None or low <= lasting
        assert high is None or high >= reached[0]


def test_told_after_each_round() -> None:
    told: list[str] = []
    varied = lever()
    goal = Goal(0.9, *varied.searched, 0.01)
    search(varied, goal, Points(counting(schoenfeld(0.65), 1), 100_000), 100.0, told.append)
    assert len(told) >= 3
    assert all(" trials: about " in line and " events (" in line for line in told)
