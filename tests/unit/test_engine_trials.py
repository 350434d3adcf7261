"""Whole trials against the slow twin, on scenarios that use every feature between them."""

import math

import pytest
from twins.feature_scenarios import FEATURES, feature_scenario, piecewise
from twins.slow_rows import SlowRow, z_error
from twins.slow_trial import slow_trial

from simulate.engine.codes import (
    STATUS_ESTIMATE_INFINITE,
    STATUS_LOOK_SKIPPED,
    STATUS_NO_INFORMATION,
    STATUS_NOT_ESTIMABLE,
    STATUS_TARGET_NOT_REACHED,
)
from simulate.engine.statistics import Statistics
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.comparisons import planned, planned_comparisons
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis
from simulate.scenario.models import Scenario

N_TRIALS = 10
AT_FIVE = {"pfs": piecewise((0.0, 0.0), (5.0, 1e20))}
COUNTS = ("status", *(name for name in SlowRow._fields if "_experimental" in name))
COUNTS += tuple(name for name in SlowRow._fields if "_control" in name)


def engine_row(statistics: Statistics, trial: int, row: int) -> SlowRow:
    return SlowRow(*(getattr(statistics, name)[trial, row].item() for name in SlowRow._fields))


def assert_same(engine: SlowRow, slow: SlowRow, chosen: Hypothesis | ArmEstimate) -> None:
    for name in COUNTS:
        assert getattr(engine, name) == getattr(slow, name), name
    assert engine.cutoff == pytest.approx(slow.cutoff, rel=1e-12, abs=0.0, nan_ok=True)
    root = math.sqrt(slow.information) if slow.information > 0.0 else 1.0
    assert engine.score == pytest.approx(slow.score, rel=0.0, abs=1e-12 * root, nan_ok=True)
    assert engine.information == pytest.approx(slow.information, rel=1e-12, abs=1e-15, nan_ok=True)
    assert engine.z == pytest.approx(slow.z, rel=0.0, abs=z_error(chosen), nan_ok=True)
    assert engine.estimate == pytest.approx(slow.estimate, rel=1e-10, abs=1e-12, nan_ok=True)
    for name in ("se", "lower", "upper"):
        found, expected = getattr(engine, name), getattr(slow, name)
        assert found == pytest.approx(expected, rel=1e-10, abs=0.0, nan_ok=True), name


def run(scenario: Scenario, start: int = 0, n_trials: int = N_TRIALS) -> Statistics:
    block = Block(start, start + n_trials)
    return simulate_block(pack(scenario), scenario.simulation.seed, block)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("start", [0, pytest.param(N_TRIALS, marks=pytest.mark.slow)])
def test_trials_are_those_of_the_slow_twin(name: str, start: int) -> None:
    scenario = feature_scenario(name)
    statistics = run(scenario, start)
    comparisons, chosen = planned_comparisons(scenario), planned(scenario)
    for trial in range(N_TRIALS):
        slow = slow_trial(scenario, start + trial)
        assert len(slow) == len(comparisons)
        for row, comparison in enumerate(comparisons):
            assert_same(
                engine_row(statistics, trial, row),
                slow[comparison.analysis, comparison.hypothesis],
                chosen[comparison.hypothesis],
            )


def test_a_trial_far_along_is_that_of_the_slow_twin() -> None:
    # A trial number above 2**32 and a seed above it use all words of the counter and the key.
    scenario = feature_scenario("stratified", seed=2**62 + 12345)
    trial = 2**33 + 7
    statistics = run(scenario, trial, 2)
    for row, ((_, name), slow) in enumerate(slow_trial(scenario, trial + 1).items()):
        assert_same(engine_row(statistics, 1, row), slow, scenario.hypotheses[name])


def test_every_kind_of_row_occurs() -> None:
    # Otherwise the comparison above would say nothing about some of them.
    seen = set()
    for name in FEATURES:
        seen |= set(run(feature_scenario(name), n_trials=200).status.ravel().tolist())
    flags = {
        STATUS_LOOK_SKIPPED,
        STATUS_TARGET_NOT_REACHED,
        STATUS_NO_INFORMATION,
        STATUS_ESTIMATE_INFINITE,
        STATUS_NOT_ESTIMABLE,
    }
    assert 0 in seen
    assert all(any(status & flag for status in seen) for flag in flags)


def test_a_calendar_look_at_a_tied_event_counts_it() -> None:
    # Patient 20 enters at month 5 and, if event-free, has the event at month 5 + 5 = the cutoff.
    scenario = feature_scenario(
        "plain",
        arms={"new": AT_FIVE, "old": AT_FIVE},
        accrual={"patients": 64, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        analyses={"final": {"trigger": {"calendar_months": 10.0}}},
    )
    statistics = run(scenario, n_trials=1)
    assert statistics.cutoff[0, 0] == 10.0
    assert statistics.events_experimental[0, 0] + statistics.events_control[0, 0] == 20
    assert statistics.patients_experimental[0, 0] + statistics.patients_control[0, 0] == 40
