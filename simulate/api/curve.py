"""Power over one figure of a trial, by simulation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from simulate.api.inputs import check_workers, planned_blocks, with_simulation
from simulate.api.size import named_places, scenario_and_places
from simulate.errors import Problem, ScenarioError
from simulate.results.keep import KeepEachLook, KeepRejections, Rejections
from simulate.runner.execute import Block, Progress
from simulate.runner.pack import pack
from simulate.runner.work import BlockWork, Done
from simulate.runner.workers import over_blocks
from simulate.scenario.models import Scenario
from simulate.studies.changes import without_estimates
from simulate.studies.curve import MOST_VALUES, Curve, Point, can_be_nested, nested
from simulate.studies.levers import Lever, lever_of

T = TypeVar("T")


def power_curve(
    scenario: Scenario | str | os.PathLike[str],
    values: Sequence[float],
    *,
    over: str,
    hypothesis: str | None = None,
    scale: bool | None = None,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Curve:
    """Simulate the power at several values of one figure of a trial.

    Where the figure moves the only look of the trial, one set of trials has a look at each value;
    else each value has a run of its own with the same seed, and so the same patients: of the
    patients of a longer accrual the first are those of a shorter one.

    Parameters
    ----------
    scenario : Scenario or path
        The trial, or the file that says what it is.
    values : sequence of float
        Values, at most 64.
    over, hypothesis, scale
        As for `simulate.size`.
    trials, seed : int, optional
        Of every value, instead of those of the scenario.
    workers : int, optional
        Processes; one a core if not given. The result is the same for any number.
    overrides : sequence of str
        ``path=value`` each, over the values of a file.
    progress : callable, optional
        Called with the number of trials done since it was called last, over all runs.

    Returns
    -------
    Curve

    Raises
    ------
    ScenarioError
        If the scenario or anything else that is given cannot be used; nothing was simulated.
    """
    lever, chosen = planned_curve(
        scenario, values, over, hypothesis, scale, trials, seed, overrides
    )
    check_workers(workers)
    is_nested = can_be_nested(lever)
    if is_nested:
        counts = _looks(lever, chosen, workers, progress)
    else:
        counts = [_run(lever, value, workers, progress) for value in chosen]
    points = tuple(Point(value, found) for value, found in zip(chosen, counts, strict=True))
    return Curve(lever, points, is_nested)


def planned_curve(
    scenario: Scenario | str | os.PathLike[str],
    values: Sequence[float],
    over: str,
    hypothesis: str | None = None,
    scale: bool | None = None,
    trials: int | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> tuple[Lever, list[float]]:
    """What a curve varies, and its values in rising order, all of them checked.

    Raises
    ------
    ScenarioError
        As for `power_curve`.
    """
    chosen, places = scenario_and_places(scenario, overrides)
    chosen = with_simulation(chosen, trials, seed)
    with named_places(places):
        lever = lever_of(chosen, over, hypothesis, scaled=scale)
        rising = _checked_values(lever, values)
        for value in rising:
            lever.at(value)
    return lever, rising


def trials_of_curve(lever: Lever, values: Sequence[float]) -> int:
    """Trials that a curve takes."""
    n_runs = 1 if can_be_nested(lever) else len(values)
    return n_runs * lever.scenario.simulation.trials


def _checked_values(lever: Lever, values: Sequence[float]) -> list[float]:
    """Values in rising order.

    Raises
    ------
    ScenarioError
        If there are none or too many, one appears twice or cannot be set.
    """
    if not 1 <= len(values) <= MOST_VALUES:
        rule = f"must be 1 to {MOST_VALUES}"
        raise ScenarioError([Problem("values", rule, f"{len(values):,}")])
    least, most = lever.limits
    for value in values:
        if lever.is_whole and not float(value).is_integer():
            raise ScenarioError([Problem("values", "must be whole numbers", f"{value:.10g}")])
        if not least <= value <= most:
            rule = f"must be from {least:,.7g} to {most:,.7g}, over {lever.over}"
            raise ScenarioError([Problem("values", rule, f"{value:.10g}")])
    rising = sorted(map(float, values))
    twice = next((a for a, b in pairwise(rising) if a == b), None)
    if twice is not None:
        raise ScenarioError([Problem("values", "must differ from each other", f"{twice:.10g}")])
    return rising


def _looks(
    lever: Lever, values: Sequence[float], workers: int | None, progress: Progress | None
) -> list[Rejections]:
    """Counts at all values, as looks at the same trials."""
    scenario = without_estimates(nested(lever, values))
    keeper = KeepEachLook(scenario, lever.hypothesis)
    work = BlockWork(pack(scenario), scenario.simulation.seed, keeper)
    done = _in_order(work, scenario, workers, progress)
    found = list(done[0])
    for counts in done[1:]:
        found = [own.combined(its) for own, its in zip(found, counts, strict=True)]
    return found


def _run(lever: Lever, value: float, workers: int | None, progress: Progress | None) -> Rejections:
    """Counts of a run with one value."""
    scenario = without_estimates(lever.at(value))
    keeper = KeepRejections(scenario, lever.hypothesis)
    work: BlockWork[Rejections] = BlockWork(pack(scenario), scenario.simulation.seed, keeper)
    done = _in_order(work, scenario, workers, progress)
    found = done[0]
    for counts in done[1:]:
        found = found.combined(counts)
    return found


def _in_order(
    work: BlockWork[T], scenario: Scenario, workers: int | None, progress: Progress | None
) -> list[T]:
    """What is kept of each block, in the order of the trials."""
    blocks = planned_blocks(scenario)
    done: dict[Block, Done[T]] = dict(over_blocks(work, blocks, workers=workers, progress=progress))
    return [done[block].kept for block in blocks]
