"""Assurance against integrals over truths, its errors against repeated runs, known figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta, norm

from simulate.design.schoenfeld import schoenfeld_power
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row, operating_characteristics
from simulate.results.clusters import clustered_pairs
from simulate.results.members import (
    MemberShares,
    quantiles_given_truth,
    share_of_truths_above,
    spread_of,
)
from simulate.results.pairs import Figure
from simulate.results.tally import tally
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

SEED = 20261122
Table = dict[str, Any]
LOSS: Table = {"distribution": "exponential", "rate_per_month": 0.01}
Z_95 = float(norm.ppf(0.975))


def exponential(median_months: float, **more: Any) -> Table:
    return {"distribution": "exponential", "median_months": median_months, **more}


def confirmatory(
    new: Table,
    old: Table,
    trials: int,
    seed: int = SEED,
    members: int | None = None,
    block_size: int = 4,
    **arm: Any,
) -> Scenario:
    """The trial of 160 patients and 88 events; ``new`` and ``old`` are tables of PFS, or states."""
    own = new if "states" in new else {"pfs": new}
    return scenario_from_dict(
        {
            "schema_version": 1,
            "title": "confirmatory",
            "purpose": "To compare with theory.",
            "arms": {
                "new": own | arm | {"dropout": LOSS},
                "old": {"pfs": old, "dropout": LOSS},
            },
            "accrual": {"patients": 160, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
            "randomisation": {"block_size": block_size},
            "analyses": {
                "final": {
                    "trigger": {"endpoint": "pfs", "events": 88, "if_not_reached": "last_event"}
                }
            },
            "hypotheses": {
                "pfs": {
                    "endpoint": "pfs",
                    "arms": {"experimental": "new", "control": "old"},
                    "test": {"kind": "logrank", "estimate": "none"},
                    "critical_values": [1.96],
                }
            },
            "simulation": {"trials": trials, "seed": seed, "members": members},
        }
    )


def statistics_of(scenario: Scenario) -> Statistics:
    simulation = scenario.simulation
    return simulate_block(pack(scenario), simulation.seed, Block(0, simulation.trials))


def by_end(scenario: Scenario) -> dict[str, Row]:
    """Rows about the end of the trial, by measure."""
    rows = operating_characteristics(scenario, tally(scenario, statistics_of(scenario)))
    return {row.measure: row for row in rows if row.analysis == "overall"}


def power(new: Table, old: Table, trials: int, **more: Any) -> Row:
    return by_end(confirmatory(new, old, trials, **more))["rejection_probability"]


# Known figures: one truth. Their own standard errors are 0.001.


@pytest.mark.parametrize(
    ("new", "arm", "expected"),
    [
        (exponential(22.3), {}, 0.821),
        (
            {
                "distribution": "weibull",
                "median_months": 22.3,
                "survival": {"month": 13.8, "probability": 0.62},
            },
            {},
            0.718,
        ),
        (exponential(22.3), {"discount": 0.74}, 0.319),
    ],
    ids=["exponential", "Weibull through two points", "discounted"],
)
def test_power_of_plug_ins_is_that_of_the_feasibility_study(
    new: Table, arm: Table, expected: float
) -> None:
    # Its randomisation is not stated: large blocks are nearest to none.
    found = power(new, exponential(12.0), 80_000, block_size=20, **arm)
    assert abs(found.estimate - expected) < 4.0 * math.hypot(found.mcse, 0.001)


@pytest.mark.parametrize(("median", "expected"), [(8.9, 0.99), (14.1, 0.57)])
def test_a_control_moves_the_power_at_a_fixed_experimental_median(
    median: float, expected: float
) -> None:
    found = power(exponential(22.3), exponential(median), 20_000)
    assert abs(found.estimate - expected) < 4.0 * found.mcse + 0.005


# Many truths


def test_assurance_is_the_integral_of_the_power_over_the_truths() -> None:
    # The power is smooth in the logarithm of the control's median: 15 nodes are plenty.
    sd, new = 0.2, exponential(22.3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()
    rows = [power(new, exponential(12.0 * math.exp(sd * node)), 10_000) for node in nodes.tolist()]
    expected = float(np.dot(weights, [row.estimate for row in rows]))
    # The nodes share their patients: at worst their errors add up.
    error = float(np.dot(weights, [row.mcse for row in rows]))
    scenario = confirmatory(
        new, exponential(12.0, uncertainty={"sd_log_time": sd}), 40_000, members=2000
    )
    found = by_end(scenario)["assurance"]
    assert abs(found.estimate - expected) < 4.0 * math.hypot(found.mcse, error)
    # And near the normal approximation, integrated over the truths.
    scores = norm.ppf((np.arange(2000) + 0.5) / 2000)
    ratios = 12.0 * np.exp(sd * scores) / 22.3
    approximate = np.mean([schoenfeld_power([88], r, [1.96], 1.0, 0.5)[-1] for r in ratios])
    assert abs(found.estimate - approximate) < 0.015
    # Which is not the power at the median truth.
    assert power(new, exponential(12.0), 10_000).estimate - found.estimate > 0.03


def test_with_a_fixed_hazard_ratio_only_the_time_of_the_look_moves() -> None:
    effect = {"relative_to": "old", "hazard_ratio": 0.55}
    fixed = by_end(confirmatory(effect, exponential(12.0), 20_000))
    scenario = confirmatory(
        effect, exponential(12.0, uncertainty={"sd_log_time": 0.2}), 20_000, members=1000
    )
    moved = by_end(scenario)
    difference = moved["assurance"].estimate - fixed["rejection_probability"].estimate
    assert abs(difference) < 4.0 * math.hypot(moved["assurance"].mcse, 0.003)
    assert moved["look_time_sd"].estimate > 1.5 * fixed["look_time_sd"].estimate


def test_quantiles_of_power_are_those_of_its_distribution() -> None:
    # The power at the quantiles of a control's median, which it falls with.
    sd, new = 0.2, exponential(22.3)
    scenario = confirmatory(
        new, exponential(12.0, uncertainty={"sd_log_time": sd}), 40_000, members=2000
    )
    rows = by_end(scenario)
    for p, name in ((0.05, "p05"), (0.25, "p25"), (0.5, "median"), (0.75, "p75")):
        truth = 12.0 * math.exp(sd * float(norm.ppf(1.0 - p)))
        expected = power(new, exponential(truth), 10_000).estimate
        found = rows[f"conditional_power_{name}"]
        assert abs(found.estimate - expected) < 0.03, name
    # Five trials a truth, uncorrected, are spread far more.
    raw = MemberShares.of(statistics_of(scenario).z[:10_000, 0] >= 1.96, 0, 2000)
    spread = float(np.std(raw.successes / raw.trials))
    scores = norm.ppf((np.arange(2000) + 0.5) / 2000)
    ratios = 12.0 * np.exp(sd * scores) / 22.3
    powers = [schoenfeld_power([88], r, [1.96], 1.0, 0.5)[-1] for r in ratios]
    assert rows["conditional_power_sd"].estimate == pytest.approx(np.std(powers), abs=0.012)
    assert spread > np.std(powers) + 0.015


# The power given the truth: of members at random from a beta distribution, or of stratified
# normal quantiles through a power function.

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
N_RUNS = 200


def power_at(quantile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of 88 events at a hazard ratio of 0.6 in the middle, lognormal by 0.25."""
    log_ratios = math.log(0.6) + 0.25 * norm.ppf(1.0 - quantile)
    return np.asarray(norm.cdf(-log_ratios * math.sqrt(88.0) / 2.0 - 1.96))


def told_of_truths(
    shape: tuple[float, float] | None, n_members: int, n_each: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Truth, estimates (N_RUNS, 7) and errors: deviation, quantiles, share with at least 0.8."""
    rng = np.random.default_rng(SEED)
    figures = []
    for _ in range(N_RUNS):
        strata = rng.permutation(n_members)
        quantiles = rng.random(n_members) if shape else (strata + 0.5) / n_members
        powers = beta.ppf(quantiles, *shape) if shape else power_at(quantiles)
        shares = MemberShares(rng.binomial(n_each, powers), np.full(n_members, n_each))
        found = spread_of(shares, [] if shape else [strata])
        figures.append(
            [found.sd, *quantiles_given_truth(found, LEVELS), share_of_truths_above(found, 0.8)]
        )
    fine = (np.arange(100_000) + 0.5) / 100_000
    powers = beta.ppf(fine, *shape) if shape else power_at(fine)
    truth = [np.std(powers), *np.quantile(powers, LEVELS), np.mean(powers >= 0.8)]
    values, errors = (np.array([[e[k] for e in row] for row in figures]) for k in (0, 1))
    return np.array(truth), values, errors


@pytest.mark.parametrize(
    ("shape", "n_members", "n_each", "off"),
    [
        ((8.0, 3.0), 1000, 20, 0.003),
        ((8.0, 3.0), 400, 4, 0.015),
        ((0.7, 0.5), 400, 10, 0.01),
        ((3.0, 1.2), 100, 50, 0.01),
        (None, 400, 10, 0.01),
        (None, 300, 50, 0.003),
    ],
)
def test_what_is_told_of_truths_is_right_and_so_are_its_errors(
    shape: tuple[float, float] | None, n_members: int, n_each: int, off: float
) -> None:
    truth, values, errors = told_of_truths(shape, n_members, n_each)
    spread = np.std(values, axis=0, ddof=1)
    # Drawing towards the mean is linear, the posterior is not: right but for ``off``.
    assert np.all(np.abs(values.mean(axis=0) - truth) < 4.0 * spread / math.sqrt(N_RUNS) + off)
    stated = np.sqrt(np.mean(errors**2, axis=0))
    # A standard deviation of 200 runs is right to 5%; where a power is all but 1, it has no spread.
    ratio = stated[spread > 0.004] / spread[spread > 0.004]
    assert np.all((ratio > 0.8) & (ratio < 1.35)), ratio
    held = np.mean(np.abs(values - truth) < 1.96 * errors, axis=0)[spread > 0.004]
    assert np.all(held > 0.85), held


def test_truths_that_do_not_differ_have_a_deviation_within_its_error() -> None:
    rng = np.random.default_rng(SEED)
    deviations = [
        spread_of(MemberShares(rng.binomial(20, 0.7, 200), np.full(200, 20))).sd for _ in range(200)
    ]
    # Of a normal variance about 0, cut off there, the root is as much spread as it says.
    stated = math.sqrt(np.mean([d.mcse**2 for d in deviations]))
    assert stated == pytest.approx(np.std([d.value for d in deviations]), rel=0.25)
    assert np.mean([d.value == 0.0 for d in deviations]) > 0.3


# The error over repeated runs


def random_ensemble(rng: np.random.Generator, n_members: int) -> Table:
    shape: NDArray[np.float64] = np.ones(n_members)
    cumulative = 0.373 * np.exp(0.4 * rng.standard_normal(n_members))
    members = {"shape": shape.tolist(), "cumulative_12": cumulative.tolist()}
    return {"states": {"members": {"stable_to_progression": members}}}


def spread_over_runs(scenarios: list[Scenario]) -> tuple[float, float]:
    """Standard deviation of the assurance over runs, and the root mean square of its error."""
    rows = [by_end(scenario)["assurance"] for scenario in scenarios]
    stated = math.sqrt(np.mean([row.mcse**2 for row in rows]))
    return float(np.std([row.estimate for row in rows], ddof=1)), stated


@pytest.mark.parametrize(("n_members", "trials"), [(20, 300), (40, 100), (60, 60)])
def test_the_error_over_ensembles_is_the_spread_of_repeated_runs(
    n_members: int, trials: int
) -> None:
    rng = np.random.default_rng(SEED)
    runs = [
        confirmatory(random_ensemble(rng, n_members), exponential(12.0), trials, seed)
        for seed in range(200)
    ]
    spread, stated = spread_over_runs(runs)
    # A standard deviation of 200 runs is right to 5%.
    assert stated == pytest.approx(spread, rel=0.2)


def test_the_error_over_stratified_truths_is_the_spread_of_repeated_runs() -> None:
    runs = [
        confirmatory(
            exponential(22.3, uncertainty={"sd_log_time": 0.4}),
            exponential(12.0, uncertainty={"sd_log_time": 0.3}),
            400,
            seed,
            members=80,
        )
        for seed in range(200)
    ]
    spread, stated = spread_over_runs(runs)
    assert stated == pytest.approx(spread, rel=0.2)
    # Truths drawn at random would have made it larger.
    found = by_end(runs[0])
    at_random = found["conditional_power_sd"].estimate / math.sqrt(80)
    assert math.hypot(at_random, found["assurance_within_se"].estimate) > 1.15 * spread


@pytest.mark.parametrize(
    "measure", ["rejection_probability", "cumulative_rejection_probability", "z_mean"]
)
def test_the_error_of_a_difference_allows_for_truths_that_trials_share(measure: str) -> None:
    rng = np.random.default_rng(SEED)
    n_members, trials = 25, 250
    figure = Figure("pfs", "overall" if measure == "rejection_probability" else "final", measure)
    found, alone = [], []
    for seed in range(200):
        new = random_ensemble(rng, n_members)
        pair = [confirmatory(new, exponential(m), trials, seed) for m in (12.0, 9.0)]
        statistics = [statistics_of(scenario) for scenario in pair]
        both = (pair[0], statistics[0], pair[1], statistics[1], 0)
        found.append(clustered_pairs(*both, n_members)[figure].estimates().difference)
        alone.append(clustered_pairs(*both, 0)[figure].estimates().difference)
    assert [one.value for one in found] == [one.value for one in alone]
    spread = float(np.std([one.value for one in found], ddof=1))
    stated, independent = (
        math.sqrt(float(np.mean([one.mcse**2 for one in differences])))
        for differences in (found, alone)
    )
    assert stated == pytest.approx(spread, rel=0.2)
    if measure != "z_mean":
        assert independent < 0.9 * spread
