"""Operating characteristics of every test and estimate against plain sums and exact ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats
from twins.feature_scenarios import exponential
from twins.joint_scenarios import ESTIMATES, HYPOTHESES, compare, estimate, joint_scenario

from simulate.engine.codes import STATUS_ESTIMATE_INFINITE, STATUS_NOT_ESTIMABLE
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row, operating_characteristics
from simulate.results.tallies import combine
from simulate.results.tally import tally
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.effects import true_value
from simulate.scenario.models import Scenario

N_TRIALS = 200
EFFECTS = {
    "rmst": "rmst_difference",
    "milestone": "survival_difference",
    "log_log": "log_log_difference",
    "landmark": "survival",
    "difference": "rate_difference",
    "cells": "rate_difference",
    "odds": "log_odds_ratio",
    "rate": "rate",
    "median": "median",
    "survival": "survival",
    "mean": "rmst",
    "share": "rate",
    "mature": "rate",
}
LEVELS = {"survival": 0.9, "mature": 0.8}
OF_A_LOOK = {
    "reached_probability",
    "look_skipped",
    "target_not_reached",
    "no_information",
}


def simulated(scenario: Scenario) -> Statistics:
    simulation = scenario.simulation
    return simulate_block(pack(scenario), simulation.seed, Block(0, simulation.trials))


def characteristics(scenario: Scenario, *blocks: Statistics) -> list[Row]:
    return operating_characteristics(scenario, combine(tally(scenario, part) for part in blocks))


def rows_at_look(rows: list[Row], name: str) -> dict[str, Row]:
    return {r.measure: r for r in rows if r.hypothesis == name and r.analysis == "final"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    # Few and short: some medians and limits do not exist.
    return joint_scenario(
        trials=N_TRIALS,
        accrual={"patients": 48, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        analyses={"final": {"trigger": {"calendar_months": 17.0}}},
    )


@pytest.fixture(scope="module")
def statistics(scenario: Scenario) -> Statistics:
    return simulated(scenario)


@pytest.fixture(scope="module")
def rows(scenario: Scenario, statistics: Statistics) -> list[Row]:
    return characteristics(scenario, statistics)


def share(holds: Any) -> tuple[float, int]:
    holds = list(holds)
    return sum(holds) / len(holds), len(holds)


def interval(row: dict[str, Any], name: str) -> tuple[float, float]:
    """Confidence limits of an estimate: the engine's, or by the standard error."""
    if name in ("median", "survival", "mean"):
        return row["lower"], row["upper"]
    margin = stats.norm.isf(0.5 * (1.0 - LEVELS.get(name, 0.95))) * row["se"]
    return row["estimate"] - margin, row["estimate"] + margin


def expected(
    name: str, trials: list[dict[str, Any]], truth: float
) -> Iterator[tuple[str, tuple[float, int]]]:
    """Measures of an effect and what they are, from the statistics of each trial."""
    effect, percent = EFFECTS[name], round(100.0 * LEVELS.get(name, 0.95))
    for measure, flag in (
        ("estimate_infinite", STATUS_ESTIMATE_INFINITE),
        ("not_estimable", STATUS_NOT_ESTIMABLE),
    ):
        yield measure, share(row["status"] & flag != 0 for row in trials)
    finite = [row for row in trials if math.isfinite(row["estimate"])]
    values = [row["estimate"] for row in finite]
    yield f"{effect}_mean", (float(np.mean(values)), len(values))
    yield f"{effect}_sd", (float(np.std(values, ddof=1)), len(values))
    if effect != "median":
        errors = [row["se"] for row in trials if math.isfinite(row["se"])]
        yield f"{effect}_se_mean", (float(np.mean(errors)), len(errors))
    has_limits = name in ("median", "survival", "mean")
    if has_limits:
        yield "upper_limit_infinite", share(math.isinf(row["upper"]) for row in trials)
    yield f"{effect}_bias", (float(np.mean(values)) - truth, len(values))
    inside = (low <= truth <= high for low, high in (interval(r, name) for r in trials))
    covered = [
        is_in for row, is_in in zip(trials, inside, strict=True) if has_limits or row in finite
    ]
    yield f"coverage_{percent}", share(covered)
    if effect == "rate":
        for method in ("clopper_pearson", "wilson"):
            kind = "exact" if method == "clopper_pearson" else "wilson"
            counts = [(row["events_experimental"], row["patients_experimental"]) for row in trials]
            limits = (
                stats.binomtest(x, n).proportion_ci(percent / 100.0, kind) if n else (2.0, 2.0)
                for x, n in counts
            )
            yield (
                f"{method}_coverage_{percent}",
                share(low <= truth <= high for low, high in limits),
            )


@pytest.mark.parametrize("name", EFFECTS)
def test_measures_of_an_effect_are_plain_sums(
    name: str, scenario: Scenario, statistics: Statistics, rows: list[Row]
) -> None:
    place = [c.hypothesis for c in planned_comparisons(scenario)].index(name)
    columns = {key: column[:, place].tolist() for key, column in statistics._asdict().items()}
    trials = [{key: column[i] for key, column in columns.items()} for i in range(N_TRIALS)]
    truth = true_value(scenario, name)
    assert truth is not None
    found = rows_at_look(rows, name)
    measures = dict(expected(name, trials, truth))
    for measure, (value, n_trials) in measures.items():
        assert found[measure].n_trials == n_trials, measure
        assert found[measure].estimate == pytest.approx(value, rel=1e-9, abs=1e-12), measure
    # Nothing else is told about the effect.
    data = {m for m in found if m.startswith(("patients", "events", "dropouts", "look_time"))}
    tests = {"z_mean", "z_sd", *(m for m in found if m.endswith("rejection_probability"))}
    is_tested = name in HYPOTHESES
    assert set(found) == {*measures, *data, *OF_A_LOOK, *(tests if is_tested else ())}
    assert is_tested or not tests & set(found) - {"z_mean", "z_sd"}


def test_a_test_without_an_estimate_tells_none(rows: list[Row]) -> None:
    scenario = joint_scenario(
        trials=20, hypotheses={"it": compare("os", "logrank", estimate="none")}, estimates=None
    )
    measures = set(rows_at_look(characteristics(scenario, simulated(scenario)), "it"))
    assert not [m for m in measures if "hazard" in m or "coverage" in m or "estimate" in m]
    assert {"log_hazard_ratio_mean", "hazard_ratio"} <= set(rows_at_look(rows, "logrank"))


def test_the_small_trials_lack_what_the_measures_count(rows: list[Row]) -> None:
    assert rows_at_look(rows, "median")["upper_limit_infinite"].estimate > 0.02
    assert 0.0 < rows_at_look(rows, "rmst")["not_estimable"].estimate < 1.0
    assert rows_at_look(rows, "mature")["patients_mean"].estimate < 24.0


def test_blocks_of_any_size_add_up(
    scenario: Scenario, statistics: Statistics, rows: list[Row]
) -> None:
    ends = (0, 1, 1, 70, N_TRIALS)
    blocks = [
        Statistics._make(column[start:stop] for column in statistics)
        for start, stop in pairwise(ends)
    ]
    for one, other in zip(rows, characteristics(scenario, *blocks), strict=True):
        assert one[:5] == other[:5]
        assert one.n_trials == other.n_trials
        assert other.estimate == pytest.approx(one.estimate, rel=1e-9, nan_ok=True)


def test_estimates_have_no_say_in_the_rejections(rows: list[Row]) -> None:
    overall = {
        r.hypothesis
        for r in rows
        if (r.analysis, r.measure) == ("overall", "rejection_probability")
    }
    assert overall == {*HYPOTHESES, "any", "all"}
    of_estimates = {r.measure for r in rows if r.hypothesis in ESTIMATES}
    assert not [measure for measure in of_estimates if "rejection" in measure]


# Against exact sums over the binomial distribution


def exact_coverage(n: int, p: float, limits: Callable[[int], tuple[float, float]]) -> float:
    counts = range(n + 1)
    inside = [low <= p <= high for low, high in map(limits, counts)]
    return float(np.sum(stats.binom.pmf(counts, n, p)[inside]))


@pytest.mark.parametrize(("p", "level"), [(0.1, 0.95), (0.35, 0.95), (0.35, 0.8)])
def test_coverage_of_a_rate_is_the_sum_over_the_binomial(p: float, level: float) -> None:
    n, n_trials = 30, 4000
    arm = {"binary": {"clear": {"rate": p}}}
    scenario = joint_scenario(
        trials=n_trials,
        arms={"new": arm},
        correlations=None,
        binary_endpoints={"clear": {}},
        strata=None,
        accrual={"patients": n, "arrivals": "evenly_spaced", "rate_per_month": 10.0},
        hypotheses=None,
        estimates={"it": estimate("clear", "rate", level=level)},
    )
    found = rows_at_look(characteristics(scenario, simulated(scenario)), "it")
    margin = stats.norm.isf(0.5 * (1.0 - level))

    def by_standard_error(x: int) -> tuple[float, float]:
        half = margin * math.sqrt(x * (n - x) / n**3)
        return x / n - half, x / n + half

    def clopper_pearson(x: int) -> tuple[float, float]:
        tail = 0.5 * (1.0 - level)
        low = stats.beta.ppf(tail, x, n - x + 1) if x > 0 else 0.0
        high = stats.beta.isf(tail, x + 1, n - x) if x < n else 1.0
        return float(low), float(high)

    def wilson(x: int) -> tuple[float, float]:
        centre = (x + 0.5 * margin**2) / (n + margin**2)
        half = margin * math.sqrt(x * (n - x) / n + 0.25 * margin**2) / (n + margin**2)
        return centre - half, centre + half

    for prefix, limits in (
        ("", by_standard_error),
        ("clopper_pearson_", clopper_pearson),
        ("wilson_", wilson),
    ):
        row = found[f"{prefix}coverage_{100.0 * level:g}"]
        exact = exact_coverage(n, p, limits)
        assert abs(row.estimate - exact) < 4.0 * math.sqrt(exact * (1.0 - exact) / n_trials)
    bias = found["rate_bias"]
    assert abs(bias.estimate) < 4.0 * bias.mcse
    assert found["rate_sd"].estimate == pytest.approx(math.sqrt(p * (1.0 - p) / n), rel=0.05)


def test_estimates_are_about_their_true_values() -> None:
    # Large enough for the bias of ratios and curves to vanish beside the bound.
    arms = {
        "new": {"pfs": exponential(12.0), "binary": {"clear": {"rate": 0.5}}},
        "old": {"pfs": exponential(8.0), "binary": {"clear": {"rate": 0.3}}},
    }
    names = {
        "rmst": "pfs",
        "milestone": "pfs",
        "log_log": "pfs",
        "landmark": "pfs",
        "odds": "clear",
    }
    scenario = joint_scenario(
        trials=1000,
        arms=arms,
        correlations=None,
        binary_endpoints={"clear": {}},
        strata=None,
        accrual={"patients": 400, "arrivals": "evenly_spaced", "rate_per_month": 20.0},
        analyses={"final": {"trigger": {"calendar_months": 40.0}}},
        hypotheses={name: HYPOTHESES[name] | {"endpoint": e} for name, e in names.items()},
        estimates={"median": ESTIMATES["median"], "mean": ESTIMATES["mean"]},
    )
    all_rows = characteristics(scenario, simulated(scenario))
    for name in (*names, "median", "mean"):
        found = rows_at_look(all_rows, name)
        bias, deviation = found[f"{EFFECTS[name]}_bias"], found[f"{EFFECTS[name]}_sd"]
        assert abs(bias.estimate) < 4.0 * bias.mcse + 0.05 * deviation.estimate, name
        coverage = found["coverage_95"]
        assert abs(coverage.estimate - 0.95) < 4.0 * coverage.mcse + 0.01, name
