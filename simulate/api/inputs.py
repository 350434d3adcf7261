"""What is asked for: which scenario with how many trials, and which of its blocks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Literal, NamedTuple

from simulate.errors import Problem, ScenarioError
from simulate.runner.execute import BLOCK_TRIALS, Block, blocks_of
from simulate.runner.manifest import ROWS, SUMMARY
from simulate.scenario.load import load_scenario
from simulate.scenario.models import MOST_TRIALS, Scenario, Simulation

Keep = Literal["rows", "summary"]


class Shard(NamedTuple):
    """One of several jobs that share a run: number ``number``, from 1, of ``of``."""

    number: int
    of: int


def chosen_scenario(
    scenario: Scenario | str | os.PathLike[str],
    trials: int | None,
    seed: int | None,
    workers: int | None,
) -> Scenario:
    """Scenario with the trials and the seed that were asked for."""
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    check_workers(workers)
    return with_simulation(scenario, trials, seed)


def check_reported(scenario: Scenario) -> None:
    """Refuse to run what reports nothing.

    Raises
    ------
    ScenarioError
        If the scenario has neither hypotheses nor estimates.
    """
    if not scenario.hypotheses and not scenario.estimates:
        rule = "needs at least one, or [estimates], for a run to report"
        remedy = "name one, or take the patients from simulate.cohorts"
        raise ScenarioError([Problem("hypotheses", rule, "", remedy)])


def check_workers(workers: int | None) -> None:
    """Refuse a number of workers that is none.

    Raises
    ------
    ScenarioError
        If it is given and not a whole number of at least 1.
    """
    if workers is not None and (not is_whole(workers) or workers < 1):
        raise ScenarioError(
            [Problem("workers", "must be a whole number of at least 1", repr(workers))]
        )


def check_keep(keep: Keep, *, has_folder: bool) -> None:
    """Refuse what cannot be kept.

    Raises
    ------
    ScenarioError
        If it is neither "rows" nor "summary", or a summary without a run folder.
    """
    if keep not in {ROWS, SUMMARY}:
        raise ScenarioError([Problem("keep", 'must be "rows" or "summary"', repr(keep))])
    if keep == SUMMARY and not has_folder:
        problem = Problem("keep", "is for run folders only", repr(keep), "give a folder as out")
        raise ScenarioError([problem])


def with_simulation(scenario: Scenario, trials: int | None, seed: int | None) -> Scenario:
    """Return the scenario with another number of trials or another seed.

    Raises
    ------
    ScenarioError
        If either is out of its range.
    """
    chosen = scenario.simulation
    trials = chosen.trials if trials is None else trials
    seed = chosen.seed if seed is None else seed
    problems = [
        Problem(path, f"must be a whole number from {lowest:,} to {highest:,}", repr(value))
        for path, value, lowest, highest in (
            ("simulation.trials", trials, 1, MOST_TRIALS),
            ("simulation.seed", seed, 0, 2**63 - 1),
        )
        if not is_whole(value) or not lowest <= value <= highest
    ]
    if problems:
        raise ScenarioError(problems)
    simulation = Simulation(trials=int(trials), seed=int(seed), members=chosen.members)
    return scenario.model_copy(update={"simulation": simulation})


def planned_blocks(scenario: Scenario) -> list[Block]:
    """All blocks of a run."""
    return blocks_of(scenario.simulation.trials, BLOCK_TRIALS)


def shard_blocks(blocks: Sequence[Block], shard: Shard) -> list[Block]:
    """Blocks of one shard: those whose place, from 0, leaves ``number - 1`` when divided."""
    return list(blocks[shard.number - 1 :: shard.of])


def check_shard(shard: Shard) -> None:
    """Refuse a shard that does not exist.

    Raises
    ------
    ScenarioError
        If the numbers are not whole or not ``1 <= number <= of``.
    """
    if not all(is_whole(value) for value in shard) or not 1 <= shard.number <= shard.of:
        given = f"{shard.number}/{shard.of}"
        raise ScenarioError([Problem("shard", "must be number/of with 1 <= number <= of", given)])


def trials_to_do(scenario: Scenario, shard: Shard | None) -> int:
    """Trials of a run, or of one shard of it."""
    blocks = planned_blocks(scenario)
    chosen = blocks if shard is None else shard_blocks(blocks, shard)
    return sum(block.stop - block.start for block in chosen)


def is_whole(value: object) -> bool:
    """Whether it is a whole number, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)
