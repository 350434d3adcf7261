"""Workers: every block once, whoever works on it, in whatever order, and though workers die."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError
from twins.feature_scenarios import events, feature_scenario
from unit.sleepers import HalfSender

from simulate.api.blocks import Counts, start, work_on
from simulate.api.inputs import planned_blocks, with_simulation
from simulate.engine.statistics import Statistics
from simulate.errors import SimulateError, StoreError
from simulate.results.keep import Kept
from simulate.runner import workers as workers_module
from simulate.runner.execute import BLOCK_TRIALS, Block, Progress, blocks_of
from simulate.runner.work import BlockWork
from simulate.runner.workers import MOST_RESTARTS, available_cores, over_blocks
from simulate.scenario.models import Scenario

FIVE_BLOCKS = 4 * BLOCK_TRIALS + 1


@dataclass(frozen=True)
class Naming:
    """Work that names its block, and notes in a file that it was done."""

    notes: Path

    def prepare(self) -> None:
        self._note("prepared")

    def alone(self, block: Block) -> Naming:
        return self

    def __call__(self, block: Block, progress: Progress | None = None) -> str:
        self._note(str(block.start))
        if progress:
            progress(block.stop - block.start)
        return f"from {block.start}"

    def noted(self) -> list[str]:
        return self.notes.read_text().split() if self.notes.exists() else []

    def _note(self, text: str) -> None:
        with self.notes.open("a") as file:
            file.write(f"{text}\n")


@pytest.fixture
def work(tmp_path: Path) -> Naming:
    return Naming(tmp_path / "notes")


def starts(n_blocks: int) -> list[str]:
    return [str(number * BLOCK_TRIALS) for number in range(n_blocks)]


def expected(blocks: Iterable[Block]) -> dict[Block, str]:
    return {block: f"from {block.start}" for block in blocks}


class FakePool:
    """Stands for the worker processes: does each task here, in the order that ``order`` says.

    A pool with a number of ``deaths`` loses its workers that many times, each time after it has
    done ``before_death`` tasks.
    """

    def __init__(self) -> None:
        self.order: Callable[[int], Iterable[int]] = range
        self.deaths = 0
        self.death: Exception = TerminatedWorkerError("a worker was killed")
        self.before_death = 0
        self.asked: list[tuple[list[Block], int]] = []
        self.closed = 0

    def __call__(self, workers: int) -> AbstractContextManager[Any]:
        return self._open(workers)

    @contextmanager
    def _open(self, workers: int) -> Iterator[Any]:
        try:
            yield lambda tasks: self._do(list(tasks), workers)
        finally:
            self.closed += 1

    def _do(self, tasks: list[Any], workers: int) -> Iterator[Any]:
        self.asked.append(([arguments[1] for _, arguments, _ in tasks], workers))
        for n_done, place in enumerate(self.order(len(tasks))):
            if self.deaths and n_done == self.before_death:
                self.deaths -= 1
                raise self.death
            function, arguments, keywords = tasks[place]
            yield function(*arguments, **keywords)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> FakePool:
    fake = FakePool()
    monkeypatch.setattr(workers_module, "_local_processes", fake)
    return fake


@pytest.fixture
def long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of any length is worth workers."""
    monkeypatch.setattr(workers_module, "SECONDS_WORTH_WORKERS", 0.0)


def test_no_blocks_no_work(work: Naming, pool: FakePool) -> None:
    for workers in (None, 1, 3):
        assert list(over_blocks(work, [], workers=workers)) == []
    assert pool.asked == []
    assert set(work.noted()) == {"prepared"}


def test_what_workers_need_is_prepared_once_and_first(work: Naming, pool: FakePool) -> None:
    list(over_blocks(work, blocks_of(FIVE_BLOCKS), workers=2))
    assert work.noted() == ["prepared", *starts(5)]


@pytest.mark.parametrize("seed", range(3))
def test_blocks_may_be_done_in_any_order(work: Naming, pool: FakePool, seed: int) -> None:
    places = [int(place) for place in np.random.default_rng(seed).permutation(5)]
    assert places != sorted(places)
    pool.order = lambda _: places
    blocks = blocks_of(FIVE_BLOCKS)
    done = list(over_blocks(work, blocks, workers=3))
    assert [block for block, _ in done] == [blocks[place] for place in places]
    assert dict(done) == expected(blocks)


def test_short_work_starts_no_workers(work: Naming, pool: FakePool) -> None:
    heard: list[int] = []
    blocks = blocks_of(FIVE_BLOCKS)
    done = list(over_blocks(work, blocks, progress=heard.append))
    assert [block for block, _ in done] == blocks
    assert pool.asked == []
    assert sum(heard) == FIVE_BLOCKS


@pytest.mark.usefixtures("long_work")
def test_long_work_starts_a_worker_a_core_after_the_first_block(
    work: Naming, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "available_cores", lambda: 3)
    heard: list[int] = []
    blocks = blocks_of(FIVE_BLOCKS)
    done = list(over_blocks(work, blocks, progress=heard.append))
    assert pool.asked == [(blocks[1:], 3)]
    assert dict(done) == expected(blocks)
    assert len(done) == 5
    assert sum(heard) == FIVE_BLOCKS


@pytest.mark.parametrize(
    ("n_blocks", "workers", "asked"),
    [
        (3, 2, []),  # fewer than four blocks
        (4, 1, []),
        (4, 2, [2]),
        (4, 9, [4]),  # no more workers than blocks
    ],
)
def test_workers_asked_for_are_started_from_four_blocks_on(
    work: Naming, pool: FakePool, n_blocks: int, workers: int, asked: list[int]
) -> None:
    heard: list[int] = []
    blocks = blocks_of(n_blocks * BLOCK_TRIALS)
    done = list(over_blocks(work, blocks, workers=workers, progress=heard.append))
    assert [number for _, number in pool.asked] == asked
    assert dict(done) == expected(blocks)
    assert sum(heard) == n_blocks * BLOCK_TRIALS


@pytest.mark.usefixtures("long_work")
def test_on_one_core_long_work_stays_in_this_process(
    work: Naming, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "available_cores", lambda: 1)
    assert dict(over_blocks(work, blocks_of(FIVE_BLOCKS))) == expected(blocks_of(FIVE_BLOCKS))
    assert pool.asked == []


def test_there_is_a_core() -> None:
    assert available_cores() >= 1


@pytest.mark.parametrize("before_death", [0, 1, 2])
def test_a_pool_whose_workers_die_is_started_again_with_what_is_left(
    work: Naming, pool: FakePool, before_death: int, caplog: pytest.LogCaptureFixture
) -> None:
    pool.deaths, pool.before_death = 2, before_death
    heard: list[int] = []
    blocks = blocks_of(FIVE_BLOCKS)
    with caplog.at_level(logging.WARNING, logger="simulate"):
        done = list(over_blocks(work, blocks, workers=2, progress=heard.append))
    assert [block for block, _ in done] == blocks
    assert [left for left, _ in pool.asked] == [
        blocks,
        blocks[before_death:],
        blocks[2 * before_death :],
    ]
    assert work.noted() == ["prepared", *starts(5)]  # none was worked on twice
    assert sum(heard) == FIVE_BLOCKS
    assert caplog.messages == ["a worker process died; its block is taken up again"] * 2
    assert pool.closed == 3


def test_a_pool_may_die_as_often_as_is_allowed(work: Naming, pool: FakePool) -> None:
    pool.deaths = MOST_RESTARTS
    blocks = blocks_of(FIVE_BLOCKS)
    assert dict(over_blocks(work, blocks, workers=2)) == expected(blocks)
    assert len(pool.asked) == MOST_RESTARTS + 1


def test_workers_that_die_again_and_again_are_an_error(work: Naming, pool: FakePool) -> None:
    pool.deaths = MOST_RESTARTS + 1
    with pytest.raises(
        SimulateError,
        match=rf"a worker process died {MOST_RESTARTS + 1} times, .*memory; try fewer --workers",
    ):
        list(over_blocks(work, blocks_of(FIVE_BLOCKS), workers=2))
    assert len(pool.asked) == MOST_RESTARTS + 1
    assert work.noted() == ["prepared"]


def test_workers_that_cannot_read_their_work_are_not_said_to_want_memory(
    work: Naming, pool: FakePool
) -> None:
    pool.deaths = MOST_RESTARTS + 1
    pool.death = BrokenProcessPool("A task has failed to un-serialize.")
    trace = '"""\nTraceback (most recent call last):\n  File "x"\nImportError: no such name\n"""'
    pool.death.__cause__ = RuntimeError(trace)  # as joblib hands it on
    with pytest.raises(
        SimulateError, match=r"its block: ImportError: no such name; .* try --workers 1$"
    ) as caught:
        list(over_blocks(work, blocks_of(FIVE_BLOCKS), workers=2))
    assert "memory" not in str(caught.value)


class Failing:
    """Work that cannot be done."""

    def prepare(self) -> None:
        pass

    def alone(self, block: Block) -> Failing:
        return self

    def __call__(self, block: Block, progress: Progress | None = None) -> None:
        raise StoreError("the disk is full")


def test_an_error_of_the_work_is_not_tried_again(pool: FakePool) -> None:
    for workers in (1, 2):
        with pytest.raises(StoreError, match="the disk is full"):
            list(over_blocks(Failing(), blocks_of(FIVE_BLOCKS), workers=workers))
    assert len(pool.asked) == pool.closed == 1


def test_work_given_up_closes_the_pool(work: Naming, pool: FakePool) -> None:
    blocks = over_blocks(work, blocks_of(FIVE_BLOCKS), workers=2)
    next(blocks)
    assert pool.closed == 0
    blocks.close()  # type: ignore[attr-defined]
    assert pool.closed == 1
    assert work.noted() == ["prepared", *starts(1)]


# Real processes.


def small_scenario(trials: int) -> Scenario:
    """Eight patients: many trials take no time."""
    scenario = feature_scenario("plain", 8, analyses={"final": {"trigger": events(4)}})
    return with_simulation(scenario, trials, None)


def test_worker_processes_give_the_same_rows() -> None:
    work = work_on(small_scenario(FIVE_BLOCKS), None)
    blocks = blocks_of(FIVE_BLOCKS)
    heard: list[int] = []
    found = dict(over_blocks(work, blocks, workers=2, progress=heard.append))
    assert set(found) == set(blocks)
    assert sum(heard) == FIVE_BLOCKS
    for block in blocks:
        here, there = work(block).kept.statistics, found[block].kept.statistics
        assert here is not None
        assert there is not None
        for name in Statistics._fields:
            one, other = getattr(here, name), getattr(there, name)
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes(), name


@dataclass(frozen=True)
class Deadly(Naming):
    """Work whose process is killed, once, at its third block."""

    def __call__(self, block: Block, progress: Progress | None = None) -> str:
        killed = self.notes.with_name("killed")
        if block.start == 2 * BLOCK_TRIALS and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(block, progress)


def test_a_killed_worker_process_costs_no_block(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = Deadly(tmp_path / "notes")
    blocks = blocks_of(12 * BLOCK_TRIALS)
    with caplog.at_level(logging.WARNING, logger="simulate"):
        done = list(over_blocks(work, blocks, workers=2))
    assert (tmp_path / "killed").exists()
    assert len(done) == 12
    assert dict(done) == expected(blocks)
    assert caplog.messages == ["a worker process died; its block is taken up again"]


# What is sent with a block.


@pytest.fixture
def stored(tmp_path: Path) -> BlockWork[Kept]:
    """Work on a long run whose every block has a file, by name."""
    scenario = small_scenario(500 * BLOCK_TRIALS)
    blocks = planned_blocks(scenario)
    work = work_on(scenario, start(scenario, tmp_path / "folder", "summary", blocks, Counts()))
    assert work.folder is not None
    files = {block: work.folder.path / str(block.start) for block in work.folder.planned()}
    return replace(work, present=files)


def test_a_block_is_sent_with_its_own_file_only(stored: BlockWork[Kept]) -> None:
    block = Block(7 * BLOCK_TRIALS, 8 * BLOCK_TRIALS)
    alone = stored.alone(block)
    assert alone == replace(stored, present={block: stored.present[block]})
    assert stored.alone(Block(3, 4)).present == {}
    assert len(stored.present) == 500


def test_what_is_sent_with_a_block_is_small(stored: BlockWork[Kept]) -> None:
    few = replace(stored, present=dict(list(stored.present.items())[:4]))
    blocks = list(few.present)
    assert len(pickle.dumps(stored)) > len(pickle.dumps(few)) + 10_000
    tasks = [
        sum(len(pickle.dumps(arguments)) for _, arguments, _ in workers_module._tasks(one, blocks))
        for one in (few, stored)
    ]
    assert tasks[0] == tasks[1] < len(blocks) * 20_000


PARENT = """
import os, signal, sys
from pathlib import Path
from unit.sleepers import Sleeper
from simulate.runner.workers import over_blocks
from simulate.runner.execute import blocks_of
for _ in over_blocks(Sleeper(Path(sys.argv[1])), blocks_of(200_000), workers=2):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    workers = [int(file.name) for file in tmp_path.iterdir()]
    assert len(workers) == 2
    limit = time.monotonic() + 20.0
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_worker_killed_in_the_midst_of_its_result_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocks = blocks_of(FIVE_BLOCKS)
    with caplog.at_level(logging.WARNING, "simulate"):
        done = dict(over_blocks(HalfSender(tmp_path), blocks, workers=2))
    assert done == {block: block.start for block in blocks}
    assert [r.getMessage() for r in caplog.records] == [
        "a worker process died; its block is taken up again"
    ]
