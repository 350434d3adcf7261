"""Simulated figures against theory, in standard errors; the seeds are fixed.

Expected counts at calendar months are exact for any hazards, strata, dropout and arrivals. Under
the null hypothesis the log-rank score is a martingale, so that its mean is 0 and its variance the
mean of the information, exactly. Other statements hold for many events.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import (
    FOUR_CELLS,
    JOINT,
    OWN_HAZARDS,
    SMALL_AND_LARGE,
    Table,
    arriving,
    delayed,
    dropping_out,
    events,
    exponential,
    hypothesis,
    piecewise,
    relative,
)

from simulate.api import run
from simulate.engine.statistics import Statistics
from simulate.results.closed_forms import expected_looks
from simulate.results.estimates import Moments
from simulate.results.result import Result
from simulate.results.twins import Twin
from simulate.scenario.load import scenario_from_dict

FloatArray = NDArray[np.float64]

PLAIN: Table = {
    "new": {"pfs": relative("old", 0.6), "dropout": dropping_out(0.02)},
    "old": {"pfs": exponential(8.0), "dropout": dropping_out(0.005)},
}
WEIBULL: Table = {
    "new": {
        "pfs": delayed("old", (0.0, 1.0), (2.0, 0.5), (9.0, 0.9)),
        "dropout": {
            "distribution": "weibull",
            "shape": 0.7,
            "survival": {"month": 12, "probability": 0.7},
        },
    },
    "old": {"pfs": {"distribution": "weibull", "shape": 1.6, "median_months": 6.0}},
}
PLATEAUS: Table = {
    "new": {
        "pfs": piecewise((0.0, 0.0), (2.0, 0.2), (4.0, 0.0), (10.0, 0.1)),
        "dropout": piecewise((0.0, 0.05), (3.0, 0.0), (5.0, 0.02)),
    },
    "old": {"pfs": piecewise((0.0, 0.15), (1.5, 0.02), (7.0, 0.3))},
}
EVENLY = arriving(60, "evenly_spaced", (0.0, 6.0))
POISSON = arriving(60, "poisson", (0.0, 6.0))
STEPS = ((0.0, 9.0), (2.5, 0.0), (4.0, 3.0), (7.0, 15.0))

# Arms, accrual, other tables.
CASES: dict[str, tuple[Table, Table, Table]] = {
    "exponential": (PLAIN, EVENLY, {}),
    "exponential, Poisson": (PLAIN, POISSON, {}),
    "Weibull": (WEIBULL, EVENLY, {}),
    "Weibull, Poisson": (WEIBULL, POISSON, {}),
    "plateaus": (PLATEAUS, EVENLY, {}),
    "plateaus, Poisson": (PLATEAUS, POISSON, {}),
    "pause": (PLAIN, arriving(60, "evenly_spaced", *STEPS), {}),
    "pause, Poisson": (PLAIN, arriving(60, "poisson", *STEPS), {}),
    "maximum follow-up": (PLAIN, EVENLY, {"follow_up": {"maximum_months": 4.0}}),
    "maximum follow-up, Poisson": (WEIBULL, POISSON, {"follow_up": {"maximum_months": 4.0}}),
    "strata": (OWN_HAZARDS, EVENLY, {"strata": FOUR_CELLS, "joint_prevalence": JOINT}),
    "strata, Poisson": (OWN_HAZARDS, POISSON, {"strata": FOUR_CELLS}),
    "2:1": (
        PLAIN,
        EVENLY,
        {"randomisation": {"ratio": {"new": 2, "old": 1}, "block_size": 9}},
    ),
    "2:1 across strata": (
        OWN_HAZARDS,
        POISSON,
        {
            "strata": FOUR_CELLS,
            "randomisation": {"ratio": {"new": 2, "old": 1}, "within_strata": False},
        },
    ),
}


def simulated(trials: int, seed: int = 20260101, **tables: Any) -> Result:
    head = {"schema_version": 1, "title": "theory", "purpose": "To compare with theory."}
    usual: Table = {"arms": PLAIN, "accrual": EVENLY}
    simulation = {"simulation": {"trials": trials, "seed": seed}}
    return run(scenario_from_dict(head | usual | tables | simulation), workers=1)


def rows_of(result: Result) -> Statistics:
    assert result.statistics is not None
    return result.statistics


def at_months(*months: float) -> Table:
    """Looks at calendar months, all for one hypothesis without an estimate."""
    names = [f"look{k}" for k in range(len(months))]
    looks = {n: {"trigger": {"calendar_months": m}} for n, m in zip(names, months, strict=True)}
    return {
        "analyses": looks,
        "hypotheses": {"test": hypothesis("new", "old", *names, estimate="none")},
    }


def standardised(twin: Twin) -> float:
    return (twin.estimate - twin.twin) / twin.mcse


# Exact twins


def exact_twins(name: str, trials: int) -> list[Twin]:
    arms, accrual, tables = CASES[name]
    # With one seed for all the cases their patients would be the same.
    seed = list(CASES).index(name)
    result = simulated(
        trials, seed, arms=arms, accrual=accrual, **at_months(2.2, 7.7, 14.0), **tables
    )
    return [twin for twin in result.twins if twin.kind == "exact"]


@pytest.mark.parametrize("name", CASES)
def test_counts_at_calendar_months_are_those_expected(name: str) -> None:
    found = exact_twins(name, 6000)
    assert len(found) == 18
    for twin in found:
        if twin.mcse == 0.0:
            # Entries at even distances in whole blocks are the same in every trial.
            assert twin.estimate == pytest.approx(twin.twin, abs=1e-9)
        else:
            assert abs(standardised(twin)) < 4.0, twin
        assert not twin.flagged


def test_differences_from_exact_twins_are_as_large_as_their_errors_say() -> None:
    # Both too large (a wrong closed form) and too small (a wrong error) would show. Looks and arms
    # of one trial are correlated, so this is less sharp than the number of figures suggests.
    differences = [
        standardised(twin) for name in CASES for twin in exact_twins(name, 2000) if twin.mcse > 0.0
    ]
    assert len(differences) > 200
    root_mean_square = math.sqrt(sum(d * d for d in differences) / len(differences))
    assert 0.85 < root_mean_square < 1.15
    assert abs(sum(differences) / len(differences)) < 0.25


@pytest.mark.parametrize("steps", [((0.0, 6.0),), STEPS], ids=["steady", "pause"])
@pytest.mark.parametrize("patient", [1, 20, 60])
def test_the_mean_month_of_a_poisson_entry(steps: tuple[Any, ...], patient: int) -> None:
    trigger = {"minimum_follow_up_months": 1.0, "after_patients": patient}
    result = simulated(
        20_000,
        accrual=arriving(60, "poisson", *steps),
        analyses={"look": {"trigger": trigger}},
        hypotheses={"test": hypothesis("new", "old", "look", estimate="none")},
    )
    found = result.estimate("look_time_mean", "test", "look")
    (expected,) = expected_looks(result.scenario)
    assert abs(found.value - expected.month) < 4.0 * found.mcse


# The log-rank score under the null hypothesis


NULL: Table = {
    "new": {"pfs": relative("old", 1.0), "dropout": dropping_out(0.03)},
    "old": {"pfs": exponential(8.0), "dropout": dropping_out(0.01)},
}
NULL_STRATA: Table = {
    "new": {"pfs": relative("old", 1.0)},
    "old": {
        "pfs": {
            "by_stratum": {
                "small": exponential(3.0) | {"stratum": {"site": "small"}},
                "large": {"distribution": "weibull", "shape": 1.5, "median_months": 12.0}
                | {"stratum": {"site": "large"}},
            }
        }
    },
}
NULL_CASES: dict[str, tuple[Table, Table]] = {
    "1:1": (NULL, {}),
    "2:1": (NULL, {"randomisation": {"ratio": {"new": 2, "old": 1}}}),
    "blocks across strata, unstratified": (
        NULL_STRATA,
        {
            "strata": SMALL_AND_LARGE,
            "randomisation": {"ratio": {"new": 1, "old": 1}, "within_strata": False},
        },
    ),
    "strata, stratified": (NULL_STRATA, {"strata": SMALL_AND_LARGE, "stratified": True}),
    "null ratio 1.3": (
        NULL | {"new": {"pfs": relative("old", 1.3)}},
        {"null_hazard_ratio": 1.3},
    ),
    "null ratio 0.5, 1:2": (
        NULL | {"new": {"pfs": relative("old", 0.5), "dropout": dropping_out(0.05)}},
        {"null_hazard_ratio": 0.5, "randomisation": {"ratio": {"new": 1, "old": 2}}},
    ),
}


@pytest.mark.parametrize("name", NULL_CASES)
def test_under_the_null_the_score_has_mean_0_and_the_information_as_variance(name: str) -> None:
    arms, more = NULL_CASES[name]
    test = {key: more[key] for key in ("stratified", "null_hazard_ratio") if key in more}
    tables: Table = {key: more[key] for key in ("strata", "randomisation") if key in more}
    tables["hypotheses"] = {"test": hypothesis("new", "old", "look", estimate="none", **test)}
    looks = {"look": {"trigger": {"calendar_months": 15.0}}}
    result = simulated(20_000, arms=arms, accrual=POISSON, analyses=looks, **tables)
    statistics = rows_of(result)
    score = statistics.score[:, 0]
    of_score = Moments.of(score).mean()
    assert abs(of_score.value) < 4.0 * of_score.mcse
    excess = Moments.of(score**2 - statistics.information[:, 0]).mean()
    assert abs(excess.value) < 4.0 * excess.mcse
    # With some 30 events z is nearly standard normal.
    assert abs(result.estimate("z_mean", "test", "look").value) < 0.1
    assert result.estimate("z_sd", "test", "look").value == pytest.approx(1.0, abs=0.04)


def test_an_unstratified_test_after_stratified_blocks_is_conservative() -> None:
    # The arms are balanced in each stratum, of which the test's variance takes no account.
    result = simulated(
        20_000,
        arms=NULL_STRATA,
        accrual=POISSON,
        strata=SMALL_AND_LARGE,
        analyses={"look": {"trigger": {"calendar_months": 15.0}}},
        hypotheses={"test": hypothesis("new", "old", "look", estimate="none")},
    )
    spread = result.estimate("z_sd", "test", "look")
    assert spread.value < 0.95
    centre = result.estimate("z_mean", "test", "look")
    assert abs(centre.value) < 4.0 * centre.mcse


def correlation(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Correlation and its standard error for normal variables, (1 - r**2) / sqrt(n)."""
    r = float(np.corrcoef(one, other)[0, 1])
    return r, (1.0 - r * r) / math.sqrt(len(one))


def test_looks_are_correlated_as_their_information_fractions_say() -> None:
    numbers = (100, 150, 200)
    names = [f"at{number}" for number in numbers]
    result = simulated(
        15_000,
        arms=NULL,
        accrual=arriving(300, "evenly_spaced", (0.0, 12.5)),
        analyses={name: {"trigger": events(n)} for name, n in zip(names, numbers, strict=True)},
        hypotheses={"test": hypothesis("new", "old", *names, estimate="none")},
    )
    z, score = rows_of(result).z, rows_of(result).score
    for k, early in enumerate(numbers):
        for j, late in enumerate(numbers[k + 1 :], start=k + 1):
            r, error = correlation(z[:, k], z[:, j])
            assert abs(r - math.sqrt(early / late)) < 4.0 * error
            # Increments are independent of what was before.
            r, error = correlation(score[:, k], score[:, j] - score[:, k])
            assert abs(r) < 4.0 * error


def test_comparisons_with_one_control_are_correlated_by_their_share_of_it() -> None:
    # With a ratio of k : k : 1 the correlation of the two comparisons is k / (k + 1).
    dropout = {"dropout": dropping_out(0.02)}
    treated = {"pfs": relative("old", 1.0)} | dropout
    arms = {"low": treated, "high": treated, "old": {"pfs": exponential(8.0)} | dropout}
    for copies, ratio in ((1, 0.5), (2, 2.0 / 3.0)):
        result = simulated(
            15_000,
            arms=arms,
            accrual=arriving(240, "evenly_spaced", (0.0, 20.0)),
            randomisation={"ratio": {"low": copies, "high": copies, "old": 1}},
            analyses={"look": {"trigger": {"calendar_months": 20.0}}},
            hypotheses={
                name: hypothesis(name, "old", "look", estimate="none") for name in ("low", "high")
            },
        )
        r, error = correlation(rows_of(result).z[:, 0], rows_of(result).z[:, 1])
        assert abs(r - ratio) < 4.0 * error + 0.005


def test_stratified_scores_do_not_depend_on_other_strata() -> None:
    # A stratified score is a sum over strata: with both strata alike, twice the variance of one.
    strata = {"site": {"one": 0.5, "two": 0.5}}
    both = {"test": hypothesis("new", "old", "look", estimate="none", stratified=True)}
    looks = {"look": {"trigger": {"calendar_months": 40.0}}}
    result = simulated(
        10_000,
        arms=NULL,
        accrual=arriving(200, "evenly_spaced", (0.0, 20.0)),
        strata=strata,
        analyses=looks,
        hypotheses=both,
    )
    single = simulated(
        10_000,
        seed=1,
        arms=NULL,
        accrual=arriving(100, "evenly_spaced", (0.0, 10.0)),
        analyses=looks,
        hypotheses={"test": hypothesis("new", "old", "look", estimate="none")},
    )
    two, one = (float(rows_of(r).information[:, 0].mean()) for r in (result, single))
    assert two == pytest.approx(2.0 * one, rel=0.01)


# The Cox estimate


def estimated(n_events: int, trials: int, ratio: float, **tables: Any) -> Result:
    patients = round(1.5 * n_events)
    return simulated(
        trials,
        arms={"new": {"pfs": relative("old", ratio)}, "old": {"pfs": exponential(10.0)}},
        accrual=arriving(patients, "evenly_spaced", (0.0, patients / 12.0)),
        analyses={"final": {"trigger": events(n_events)}},
        hypotheses={"test": hypothesis("new", "old", "final")},
        **tables,
    )


def test_cox_intervals_cover_and_standard_errors_are_right_with_many_events() -> None:
    result = estimated(400, 4000, ratio=0.5)
    coverage = result.estimate("coverage_95", "test", "final")
    assert abs(coverage.value - 0.95) < 4.0 * coverage.mcse
    spread = result.estimate("log_hazard_ratio_sd", "test", "final")
    claimed = result.estimate("log_hazard_ratio_se_mean", "test", "final")
    assert abs(spread.value - claimed.value) < 4.0 * spread.mcse
    # 4 / events is the variance at a ratio of 1, a little more at 0.5.
    assert math.sqrt(4.0 / 400) < claimed.value < 1.08 * math.sqrt(4.0 / 400)


def test_the_bias_of_the_cox_estimate_falls_as_events_increase() -> None:
    two_to_one = {"ratio": {"new": 2, "old": 1}}
    biases = [
        estimated(n, trials, ratio=0.4, randomisation=two_to_one).estimate(
            "log_hazard_ratio_bias", "test", "final"
        )
        for n, trials in ((25, 20_000), (100, 20_000), (400, 4000))
    ]
    few, more, many = biases
    # Away from 1, by some 1 / events.
    assert few.value < -4.0 * few.mcse
    assert abs(more.value) < abs(few.value) / 2.0
    assert abs(many.value) < 4.0 * many.mcse
    assert few.value * 25 == pytest.approx(
        more.value * 100, abs=4.0 * (25 * few.mcse + 100 * more.mcse)
    )


def test_without_an_effect_the_estimate_is_symmetric() -> None:
    result = estimated(60, 20_000, ratio=1.0)
    found = result.estimate("log_hazard_ratio_mean", "test", "final")
    assert abs(found.value) < 4.0 * found.mcse
    beta = rows_of(result).estimate[:, 0]
    above, error = float(np.mean(beta > 0.0)), 0.5 / math.sqrt(len(beta))
    assert abs(above - 0.5) < 4.0 * error


# Power


def test_with_many_events_and_a_small_effect_power_is_schoenfelds() -> None:
    result = simulated(
        10_000,
        arms={"new": {"pfs": relative("old", 0.85)}, "old": {"pfs": exponential(10.0)}},
        accrual=arriving(700, "evenly_spaced", (0.0, 50.0)),
        analyses={name: {"trigger": events(n)} for name, n in (("early", 250), ("late", 500))},
        hypotheses={
            "test": hypothesis("new", "old", "early", "late", estimate="none")
            | {"critical_values": [2.2, 1.9]}
        },
    )
    power = [t for t in result.twins if t.measure == "cumulative_rejection_probability"]
    assert [twin.analysis for twin in power] == ["early", "late"]
    for twin in power:
        assert abs(standardised(twin)) < 4.0
