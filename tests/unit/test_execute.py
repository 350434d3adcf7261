"""Blocks, calls and workers: the same rows however the work is cut up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from twins.feature_scenarios import events, feature_scenario

from simulate.engine.arrays import Plan, Statistics
from simulate.runner import execute
from simulate.runner.execute import (
    BLOCK_TRIALS,
    CALL_TRIALS,
    Block,
    Progress,
    available_cores,
    blocks_of,
    simulate,
    simulate_block,
)
from simulate.runner.pack import pack

SEED = 5
FIVE_BLOCKS = 4 * BLOCK_TRIALS + 1


@pytest.fixture(scope="module")
def small_plan() -> Plan:
    """Eight patients: many trials take no time."""
    return pack(feature_scenario("plain", 8, analyses={"final": {"trigger": events(4)}}))


@pytest.fixture(scope="module")
def in_one_process(small_plan: Plan) -> Statistics:
    return simulate(small_plan, SEED, FIVE_BLOCKS, workers=1)


def assert_same(one: Statistics, other: Statistics) -> None:
    for name in Statistics._fields:
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        assert first.tobytes() == second.tobytes(), name


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


def test_a_block_holds_the_trials_of_its_numbers(
    small_plan: Plan, in_one_process: Statistics
) -> None:
    # Neither aligned nor a multiple of a call.
    part = simulate_block(small_plan, SEED, Block(20_500, 22_001))
    for name in Statistics._fields:
        of_whole = getattr(in_one_process, name)[20_500:22_001]
        assert getattr(part, name).tobytes() == of_whole.tobytes(), name


def test_a_block_is_simulated_a_call_at_a_time(small_plan: Plan) -> None:
    heard: list[int] = []
    simulate_block(small_plan, SEED, Block(500, 500 + 2 * CALL_TRIALS + 1), heard.append)
    assert heard == [CALL_TRIALS, CALL_TRIALS, 1]


def test_workers_give_the_same_rows(small_plan: Plan, in_one_process: Statistics) -> None:
    heard: list[int] = []
    assert_same(simulate(small_plan, SEED, FIVE_BLOCKS, 2, heard.append), in_one_process)
    assert sum(heard) == FIVE_BLOCKS


@pytest.mark.parametrize("seed", range(3))
def test_parts_may_come_in_any_order(
    small_plan: Plan,
    in_one_process: Statistics,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    order: list[int] = []

    def shuffled(
        plan: Plan, key: int, blocks: Sequence[Block], workers: int, progress: Progress | None
    ) -> Iterator[tuple[Block, Statistics]]:
        for place in np.random.default_rng(seed).permutation(len(blocks)):
            order.append(int(place))
            yield blocks[place], simulate_block(plan, key, blocks[place], progress)

    monkeypatch.setattr(execute, "_parts_of_workers", shuffled)
    assert_same(simulate(small_plan, SEED, FIVE_BLOCKS, workers=3), in_one_process)
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert order != sorted(order)


class Recorder:
    """Stands for the pool of workers: notes what it is asked for, and does it."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[Block], int]] = []

    def __call__(
        self, plan: Plan, seed: int, blocks: Sequence[Block], workers: int, progress: Progress
    ) -> Iterator[tuple[Block, Statistics]]:
        self.asked.append((list(blocks), workers))
        for block in blocks:
            yield block, simulate_block(plan, seed, block, progress)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(execute, "_parts_of_workers", recorder)
    return recorder


def test_short_work_starts_no_workers(small_plan: Plan, pool: Recorder) -> None:
    heard: list[int] = []
    simulate(small_plan, SEED, FIVE_BLOCKS, progress=heard.append)
    assert pool.asked == []
    assert sum(heard) == FIVE_BLOCKS


def test_long_work_starts_a_worker_a_core_after_the_first_block(
    small_plan: Plan, in_one_process: Statistics, pool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "SECONDS_WORTH_WORKERS", 0.0)
    monkeypatch.setattr(execute, "available_cores", lambda: 3)
    heard: list[int] = []
    found = simulate(small_plan, SEED, FIVE_BLOCKS, progress=heard.append)
    assert pool.asked == [(blocks_of(FIVE_BLOCKS)[1:], 3)]
    assert_same(found, in_one_process)
    assert sum(heard) == FIVE_BLOCKS


@pytest.mark.parametrize(
    ("n_trials", "workers", "asked"),
    [
        (3 * BLOCK_TRIALS, 2, []),  # fewer than four blocks
        (4 * BLOCK_TRIALS, 1, []),
        (4 * BLOCK_TRIALS, 2, [2]),
        (4 * BLOCK_TRIALS, 9, [4]),  # no more workers than blocks
    ],
)
def test_workers_asked_for_are_started_from_four_blocks_on(
    small_plan: Plan, pool: Recorder, n_trials: int, workers: int, asked: list[int]
) -> None:
    simulate(small_plan, SEED, n_trials, workers)
    assert [number for _, number in pool.asked] == asked


def test_on_one_core_long_work_stays_in_this_process(
    small_plan: Plan, pool: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "SECONDS_WORTH_WORKERS", 0.0)
    monkeypatch.setattr(execute, "available_cores", lambda: 1)
    simulate(small_plan, SEED, FIVE_BLOCKS)
    assert pool.asked == []


def test_there_is_a_core() -> None:
    assert available_cores() >= 1
