"""Blocks and calls: the same rows however the trials are cut up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from twins.feature_scenarios import FEATURES, events, feature_scenario

from simulate.engine.plan import Plan
from simulate.engine.statistics import Statistics, new_statistics
from simulate.engine.trial import simulate_trials
from simulate.engine.workspace import can_be_made_at_once, new_workspace, trials_at_once
from simulate.runner.execute import BLOCK_TRIALS, CALL_PATIENTS, Block, blocks_of, simulate_block
from simulate.runner.pack import pack

SEED = 5


@pytest.fixture(scope="module")
def small_plan() -> Plan:
    """Eight patients: many trials take no time."""
    return pack(feature_scenario("plain", 8, analyses={"final": {"trigger": events(4)}}))


@pytest.mark.parametrize("n_trials", [1, 999, 20_000, 20_001, 40_000, 123_456])
def test_blocks_are_aligned_and_cover_all_trials(n_trials: int) -> None:
    blocks = blocks_of(n_trials)
    assert blocks[0].start == 0
    assert blocks[-1].stop == n_trials
    assert all(one.stop == other.start for one, other in pairwise(blocks))
    assert all(block.start % BLOCK_TRIALS == 0 for block in blocks)
    assert all(block.stop - block.start == BLOCK_TRIALS for block in blocks[:-1])
    assert 0 < blocks[-1].stop - blocks[-1].start <= BLOCK_TRIALS


def test_blocks_of_another_size() -> None:
    assert blocks_of(7, 3) == [Block(0, 3), Block(3, 6), Block(6, 7)]
    assert blocks_of(0) == []


def test_a_block_holds_the_trials_of_its_numbers(small_plan: Plan) -> None:
    whole = simulate_block(small_plan, SEED, Block(0, 23_000))
    # Neither aligned nor a multiple of a call.
    part = simulate_block(small_plan, SEED, Block(20_500, 22_001))
    for name in Statistics._fields:
        of_whole = getattr(whole, name)[20_500:22_001]
        assert getattr(part, name).dtype == of_whole.dtype
        assert getattr(part, name).tobytes() == of_whole.tobytes(), name


def test_another_seed_gives_other_trials(small_plan: Plan) -> None:
    one = simulate_block(small_plan, SEED, Block(0, 10))
    other = simulate_block(small_plan, SEED + 1, Block(0, 10))
    assert one.cutoff.tobytes() != other.cutoff.tobytes()


def test_a_block_is_simulated_a_call_at_a_time() -> None:
    heard: list[int] = []
    trials = CALL_PATIENTS // 1_000
    simulate_block(
        pack(feature_scenario("plain", 1_000)), SEED, Block(500, 501 + 2 * trials), heard.append
    )
    assert heard == [trials, trials, 1]


@pytest.mark.parametrize("name", FEATURES)
def test_how_many_trials_are_made_at_once_does_not_matter(name: str) -> None:
    scenario = feature_scenario(name)
    plan = pack(scenario)
    seed, n_trials = np.uint64(scenario.simulation.seed), 23

    def simulated(at_once: int) -> Statistics:
        statistics = new_statistics(n_trials, plan)
        workspace = new_workspace(plan, at_once)
        simulate_trials(plan, seed, 0, n_trials, workspace, statistics, 0)
        return statistics

    if not can_be_made_at_once(plan):
        assert trials_at_once(plan) == 1
        with pytest.raises(ValueError, match="one trial at a time"):
            simulated(2)
        return
    one_by_one = simulated(1)
    for at_once in (2, 7):
        several = simulated(at_once)
        for field in Statistics._fields:
            expected = getattr(one_by_one, field).tobytes()
            assert getattr(several, field).tobytes() == expected, (field, at_once)


def test_small_trials_are_made_several_at_once() -> None:
    found = [trials_at_once(pack(feature_scenario("plain", n))) for n in (60, 72, 300, 301, 5000)]
    assert found == [10, 8, 2, 1, 1]
    can = [can_be_made_at_once(pack(feature_scenario(name))) for name in FEATURES]
    assert any(can)
    assert not all(can)


def test_scratch_memory_begins_at_cache_lines() -> None:
    workspace = new_workspace(pack(feature_scenario("plain", 61)))
    long = [
        workspace.keys,
        workspace.survival,
        workspace.patients.stratum,
        workspace.patients.cell,
        *workspace.control_curve,
        *workspace.maxcombo.weights,
    ]
    assert [array.ctypes.data % 64 for array in long] == [0] * len(long)
    assert all(not array.any() for array in long)
