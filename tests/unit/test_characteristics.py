"""Operating characteristics against plain sums over simulated trials, and against each other."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import (
    FEATURES,
    THREE_ARMS,
    TWO_ARMS,
    Table,
    dropping_out,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    relative,
)
from twins.slow_results import slow_characteristics, trials_of

from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row, operating_characteristics
from simulate.results.tallies import combine
from simulate.results.tally import tally
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

N_TRIALS = 300
# Small, and with looks that stop many a trial.
THREE_LOOKS: Table = {
    "arms": {
        "new": {"pfs": relative("old", 0.5), "dropout": dropping_out(0.01)},
        "old": {"pfs": exponential(10.0), "dropout": dropping_out(0.01)},
    },
    "accrual": {"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 9.0},
    "analyses": {
        "first": {"trigger": events(25)},
        "second": {"trigger": events(40)},
        "final": {"trigger": events(60)},
    },
    "hypotheses": {
        "pfs": hypothesis("new", "old", "first", "second", "final")
        | {"critical_values": [2.96, 2.36, 2.01]}
    },
}
DOSES: Table = {
    "arms": THREE_ARMS,
    "accrual": {"patients": 110, "arrivals": "poisson", "rate_per_month": 15.0},
    "analyses": {
        "early": {"trigger": events(40)},
        "middle": {"trigger": events(78, "skip")},
        "late": {"trigger": {"months_after_previous": 6.0}},
    },
    "hypotheses": {
        "high": hypothesis("high", "placebo", "early", "middle", "late"),
        "low": hypothesis("low", "placebo", "early", "middle", estimate="none"),
        "doses": hypothesis("high", "low", "middle") | {"critical_values": [0.3]},
    },
}
DESIGNS: dict[str, tuple[Table, dict[str, float | None]]] = {
    "three looks": (THREE_LOOKS, {"pfs": math.log(0.5)}),
    "one look": (
        THREE_LOOKS
        | {
            "analyses": {"final": {"trigger": events(60)}},
            "hypotheses": {"pfs": hypothesis("new", "old", "final")},
        },
        {"pfs": math.log(0.5)},
    ),
    "no stopping": (THREE_LOOKS | {"stopping": {"rejected": "never"}}, {"pfs": math.log(0.5)}),
    "always stopping": (
        THREE_LOOKS
        | {
            "hypotheses": {
                "pfs": hypothesis("new", "old", "first", "second", "final")
                | {"critical_values": [-50.0, 0.0, 0.0]}
            }
        },
        {"pfs": math.log(0.5)},
    ),
    "doses": (DOSES, {"high": math.log(0.56), "low": math.log(0.8), "doses": math.log(0.7)}),
    "doses, any stops": (
        DOSES | {"stopping": {"rejected": "any"}},
        {"high": math.log(0.56), "low": math.log(0.8), "doses": math.log(0.7)},
    ),
    "events that never come": (FEATURES["events that never come"], {"test": math.log(0.6)}),
    "hardly any patients": (
        FEATURES["hardly any patients"],
        {"across": math.log(0.6), "within": math.log(0.6)},
    ),
    "stratified": (FEATURES["stratified"], {"within": None, "across": None}),
    "no estimate": (FEATURES["evenly spaced in steps"], {"test": math.log(0.6)}),
}


def scenario_of(tables: Table, trials: int = N_TRIALS, **more: Any) -> Scenario:
    head = {"schema_version": 1, "title": "A title", "purpose": "To test the results."}
    simulation = {"simulation": {"trials": trials, "seed": 11}}
    return scenario_from_dict(head | tables | more | simulation)


def simulated(scenario: Scenario) -> Statistics:
    simulation = scenario.simulation
    return simulate_block(pack(scenario), simulation.seed, Block(0, simulation.trials))


def characteristics(scenario: Scenario, *blocks: Statistics) -> list[Row]:
    return operating_characteristics(scenario, combine(tally(scenario, part) for part in blocks))


def cut(statistics: Statistics, *places: int) -> list[Statistics]:
    """Blocks of the trials: those up to each place, and the rest."""
    ends = (0, *places, len(statistics.z))
    return [
        Statistics._make(column[start:stop] for column in statistics)
        for start, stop in pairwise(ends)
    ]


def assert_as_slow(
    rows: list[Row], scenario: Scenario, statistics: Statistics, truths: dict[str, float | None]
) -> None:
    slow = slow_characteristics(scenario, trials_of(scenario, statistics), truths)
    keys = [(row.hypothesis, row.analysis, row.measure, row.condition) for row in rows]
    assert keys == list(slow)
    for row, key in zip(rows, keys, strict=True):
        estimate, mcse, n_trials = slow[key]
        assert row.scenario == scenario.title
        assert row.n_trials == n_trials, key
        assert row.estimate == pytest.approx(estimate, rel=1e-9, abs=1e-12, nan_ok=True), key
        assert row.mcse == pytest.approx(mcse, rel=1e-7, abs=1e-9, nan_ok=True), key


@pytest.mark.parametrize("name", DESIGNS)
def test_every_row_is_that_of_the_slow_twin(name: str) -> None:
    tables, truths = DESIGNS[name]
    scenario = scenario_of(tables)
    statistics = simulated(scenario)
    rows = characteristics(scenario, statistics)
    assert_as_slow(rows, scenario, statistics, truths)


@pytest.mark.parametrize("name", DESIGNS)
def test_rows_of_blocks_of_any_size_are_those_of_the_slow_twin(name: str) -> None:
    tables, truths = DESIGNS[name]
    scenario = scenario_of(tables)
    statistics = simulated(scenario)
    rows = characteristics(scenario, *cut(statistics, 1, 1, 2, 150, 213))
    assert_as_slow(rows, scenario, statistics, truths)


@pytest.mark.parametrize("trials", [1, 2, 15])
def test_few_trials_are_as_good(trials: int) -> None:
    tables, truths = DESIGNS["three looks"]
    scenario = scenario_of(tables, trials)
    statistics = simulated(scenario)
    assert_as_slow(characteristics(scenario, statistics), scenario, statistics, truths)


def found(rows: list[Row], hypothesis: str, measure: str, condition: str = "all") -> dict[str, Row]:
    """Rows of a measure by analysis."""
    wanted = (hypothesis, measure, condition)
    return {
        row.analysis: row for row in rows if (row.hypothesis, row.measure, row.condition) == wanted
    }


@pytest.mark.parametrize("name", ["three looks", "no stopping", "doses", "doses, any stops"])
def test_identities_between_rows(name: str) -> None:
    tables, truths = DESIGNS[name]
    scenario = scenario_of(tables)
    rows = characteristics(scenario, simulated(scenario))
    for hypothesis_name in truths:
        overall = found(rows, hypothesis_name, "rejection_probability")["overall"].estimate
        looks = scenario.hypotheses[hypothesis_name].analyses
        first = found(rows, hypothesis_name, "first_rejection_probability")
        assert sum(first[look].estimate for look in looks) == pytest.approx(overall, abs=1e-12)
        cumulative = found(rows, hypothesis_name, "cumulative_rejection_probability")
        running = np.cumsum([first[look].estimate for look in looks])
        assert [cumulative[look].estimate for look in looks] == pytest.approx(running.tolist())
        assert cumulative[looks[-1]].estimate == overall
        # Of those reached, the ones that do not end here reach a later look.
        reached = found(rows, hypothesis_name, "reached_probability")
        by_condition = found(rows, hypothesis_name, "events_mean", "reached")
        for look in looks:
            assert by_condition[look].n_trials == round(reached[look].estimate * N_TRIALS)
    both = {r.hypothesis: r.estimate for r in rows if r.analysis == "overall" and r.mcse >= 0.0}
    if len(truths) > 1:
        alone = [found(rows, h, "rejection_probability")["overall"].estimate for h in truths]
        joint = {
            name: found(rows, name, "rejection_probability")["overall"].estimate
            for name in ("any", "all")
        }
        assert joint["all"] <= min(alone) <= max(alone) <= joint["any"] <= sum(alone)
        assert set(both) == {*truths, "any", "all"}


def test_trials_ended_at_a_look_sum_to_all_trials() -> None:
    scenario = scenario_of(THREE_LOOKS)
    rows = characteristics(scenario, simulated(scenario))
    here = found(rows, "pfs", "events_mean", "stopped_here")
    assert sum(row.n_trials for row in here.values()) == N_TRIALS
    overall = found(rows, "pfs", "events_mean")["overall"]
    weighted = sum(row.estimate * row.n_trials for row in here.values()) / N_TRIALS
    assert overall.estimate == pytest.approx(weighted, rel=1e-12)


def test_at_a_look_that_no_trial_reached_there_is_nothing_but_its_probability() -> None:
    tables, _ = DESIGNS["always stopping"]
    scenario = scenario_of(tables)
    rows = characteristics(scenario, simulated(scenario))
    at_end = [row for row in rows if row.analysis == "final" and row.condition != "all"]
    assert {row.n_trials for row in at_end} == {0}
    assert all(math.isnan(row.estimate) and math.isnan(row.mcse) for row in at_end)
    assert found(rows, "pfs", "reached_probability")["final"].estimate == 0.0
    # As if none had stopped, the look has its figures.
    assert found(rows, "pfs", "events_mean")["final"].estimate == 60.0


def test_with_one_analysis_there_is_one_condition() -> None:
    tables, _ = DESIGNS["one look"]
    scenario = scenario_of(tables)
    rows = characteristics(scenario, simulated(scenario))
    assert {row.condition for row in rows} == {"all"}


def test_a_single_look_of_one_hypothesis_among_several_looks_has_all_conditions() -> None:
    tables, _ = DESIGNS["doses, any stops"]
    scenario = scenario_of(tables)
    rows = characteristics(scenario, simulated(scenario))
    everyone = found(rows, "doses", "events_mean")["middle"]
    reached = found(rows, "doses", "events_mean", "reached")["middle"]
    assert 0 < reached.n_trials < everyone.n_trials


def test_a_hypothesis_ends_with_its_last_look_that_took_place() -> None:
    # Its second look is nearly always skipped, while the trial goes on for the other hypothesis.
    looks: Table = {
        "first": {"trigger": events(20)},
        "second": {"trigger": events(89, "skip")},
        "third": {"trigger": {"months_after_previous": 6.0}},
    }
    scenario = scenario_of(
        THREE_LOOKS,
        analyses=looks,
        hypotheses={
            "short": hypothesis("new", "old", "first", "second"),
            "long": hypothesis("new", "old", "first", "third"),
        },
        stopping={"rejected": "never"},
    )
    rows = characteristics(scenario, simulated(scenario))
    skipped = found(rows, "short", "look_skipped")["second"].estimate
    assert skipped > 0.9
    at_end = found(rows, "short", "events_mean")["overall"]
    assert at_end.n_trials == N_TRIALS
    assert at_end.estimate == pytest.approx(20.0 * skipped + 89.0 * (1.0 - skipped))


def test_infinite_and_missing_statistics_are_counted_not_averaged() -> None:
    tables, _ = DESIGNS["hardly any patients"]
    scenario = scenario_of(tables)
    rows = characteristics(scenario, simulated(scenario))
    infinite = found(rows, "across", "estimate_infinite")["second"]
    averaged = found(rows, "across", "log_hazard_ratio_mean")["second"]
    assert infinite.estimate > 0.1
    assert averaged.n_trials == round((1.0 - infinite.estimate) * infinite.n_trials)
    assert math.isfinite(averaged.estimate)
    nothing = found(rows, "across", "no_information")["first"].estimate
    z = found(rows, "across", "z_mean")["first"]
    assert nothing > 0.1
    assert z.n_trials == round((1.0 - nothing) * N_TRIALS)


def test_coverage_and_bias_need_a_single_truth() -> None:
    for name, single in (("plain", True), ("weibull", False), ("stratified", False)):
        scenario = feature_scenario(name)
        rows = characteristics(scenario, simulated(scenario))
        measures = {row.measure for row in rows}
        assert ("coverage_95" in measures) is single
        assert ("log_hazard_ratio_bias" in measures) is single
        assert "log_hazard_ratio_mean" in measures


def test_the_truth_of_an_unstratified_test_over_one_hazard_is_known() -> None:
    strata: Table = {"site": {"small": 0.3, "large": 0.7}}
    scenario = scenario_of(
        {"arms": TWO_ARMS, "strata": strata}
        | {key: THREE_LOOKS[key] for key in ("accrual", "analyses", "hypotheses")}
    )
    rows = characteristics(scenario, simulated(scenario))
    bias = found(rows, "pfs", "log_hazard_ratio_bias")["final"]
    assert abs(bias.estimate) < 4.0 * bias.mcse + 0.02
