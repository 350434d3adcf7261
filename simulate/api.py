"""The public functions: they put the rooms together."""

from __future__ import annotations

import os
from numbers import Integral

from simulate.errors import Problem, ScenarioError
from simulate.results.characteristics import operating_characteristics
from simulate.results.result import Result
from simulate.results.twins import twins
from simulate.runner.execute import Progress, simulate
from simulate.runner.pack import pack
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.load import load_scenario, scenario_from_dict
from simulate.scenario.models import Scenario, Simulation

__all__ = ["load_scenario", "run", "scenario_from_dict"]

MOST_TRIALS = 10_000_000_000
# About 85 bytes a row: some 2 GB.
MOST_ROWS = 20_000_000


def run(
    scenario: Scenario | str | os.PathLike[str],
    *,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario and work out its operating characteristics.

    Parameters
    ----------
    scenario : Scenario or path
        What to simulate, or the file that says so.
    trials, seed : int, optional
        Instead of those of the scenario.
    workers : int, optional
        Processes; one a core if not given. The result is the same for any number.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Returns
    -------
    Result

    Raises
    ------
    ScenarioError
        If the scenario, the number of trials, the seed or the number of workers cannot be used.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    scenario = with_simulation(scenario, trials, seed)
    _check_workers(workers)
    _check_memory(scenario)
    simulation = scenario.simulation
    statistics = simulate(pack(scenario), simulation.seed, simulation.trials, workers, progress)
    rows = operating_characteristics(scenario, statistics)
    return Result(scenario, statistics, tuple(rows), tuple(twins(scenario, rows)))


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
        if not _is_whole(value) or not lowest <= value <= highest
    ]
    if problems:
        raise ScenarioError(problems)
    simulation = Simulation(trials=int(trials), seed=int(seed))
    return scenario.model_copy(update={"simulation": simulation})


def _is_whole(value: object) -> bool:
    """Whether it is a whole number, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_workers(workers: int | None) -> None:
    """Refuse a number of workers that is none."""
    if workers is not None and (not _is_whole(workers) or workers < 1):
        raise ScenarioError(
            [Problem("workers", "must be a whole number of at least 1", repr(workers))]
        )


def _check_memory(scenario: Scenario) -> None:
    """Refuse a run whose rows would not fit into memory."""
    rows_a_trial = len(planned_comparisons(scenario))
    most = MOST_ROWS // rows_a_trial
    if scenario.simulation.trials > most:
        raise ScenarioError(
            [
                Problem(
                    "simulation.trials",
                    f"must be at most {most:,} in this version, which keeps the rows of all trials "
                    f"in memory ({rows_a_trial} a trial)",
                    f"{scenario.simulation.trials:,}",
                )
            ]
        )
