"""Workers of the tests compile the engine together, each its share; the longest come first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from simulate.engine.plan import Plan

# Set by pytest-xdist in its workers: gw0, gw1, ...
WORKER = "PYTEST_XDIST_WORKER"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the engine before the tests, or load it from the cache.

    Every second worker begins at the other end. What another one is compiling a worker waits for,
    and finds in the cache. One process alone compiles what its tests need, when they do.
    """
    worker = os.environ.get(WORKER)
    if worker is None or session.config.option.collectonly:
        return
    from simulate.engine.compile import CACHE_FOLDER

    if CACHE_FOLDER is None:
        return
    # What takes longest first, since all wait for it.
    shares: list[Callable[[], object]] = [_simulating, _making_cohorts, _analysing]
    is_second = int(worker.removeprefix("gw")) % 2 == 1
    for share in reversed(shares) if is_second else shares:
        with _alone(CACHE_FOLDER / f"{share.__name__}.lock"):
            share()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: at the end one worker would wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("anew") is None)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock, which the system takes back when the process ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _simulating() -> None:
    from simulate.runner.warmup import warm_up

    warm_up()


def _making_cohorts() -> None:
    from simulate.runner.cohorts import made_cohorts

    next(made_cohorts(_smallest(), seed=0, start=0, stop=1))


def _analysing() -> None:
    """Of no looks. Tests that give the patients call this kernel; a run has it inside another."""
    from simulate.engine.statistics import new_statistics
    from simulate.engine.trial import analyse
    from simulate.engine.workspace import new_workspace

    plan = _smallest()
    none = plan._replace(row_look=plan.row_look[:0])
    zero = np.uint64(0)
    workspace = new_workspace(plan)
    analyse(none, zero, zero, workspace.patients, workspace, new_statistics(1, plan), 0)


def _smallest() -> Plan:
    from simulate.runner.pack import pack
    from simulate.runner.warmup import SMALLEST
    from simulate.scenario.load import scenario_from_dict

    return pack(scenario_from_dict(SMALLEST))
