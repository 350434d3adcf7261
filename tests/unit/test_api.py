"""The public functions: what they take, what they refuse, and in what words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import feature_scenario

import simulate
from simulate import ScenarioError
from simulate.api import MOST_TRIALS, run, with_simulation
from simulate.results.result import Result

W1 = Path(__file__).parents[2] / "benchmarks" / "w1.toml"


def z_of(result: Result) -> NDArray[np.float64]:
    assert result.statistics is not None
    return result.statistics.z


def refused(**arguments: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        run(feature_scenario("plain"), **arguments)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("trials", "given"),
    [(0, "0"), (-5, "-5"), (2.0, "2.0"), ("100", "'100'"), (True, "True"), (MOST_TRIALS + 1, "1")],
)
def test_bad_trials(trials: Any, given: str) -> None:
    (line,) = refused(trials=trials)
    assert line.startswith("simulation.trials: must be a whole number from 1 to 10,000,000,000")
    assert f"(given: {given}" in line


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1", False, float("nan")])
def test_bad_seed(seed: Any) -> None:
    (line,) = refused(seed=seed)
    assert line.startswith("simulation.seed: must be a whole number from 0 to 9,223,372,036,854,")


@pytest.mark.parametrize("workers", [0, -1, 1.0, "2", True])
def test_bad_workers(workers: Any) -> None:
    (line,) = refused(workers=workers)
    assert line.startswith("workers: must be a whole number of at least 1 (given: ")


def test_trials_and_seed_are_reported_together() -> None:
    lines = refused(trials=0, seed=-1)
    assert [line.split(":")[0] for line in lines] == ["simulation.trials", "simulation.seed"]


def test_more_rows_than_fit_into_memory_are_refused() -> None:
    # Four rows a trial.
    with pytest.raises(ScenarioError, match=r"must be at most 5,000,000 .*\(4 a trial\)"):
        run(feature_scenario("three arms"), trials=5_000_001)


def test_numbers_of_numpy_will_do() -> None:
    found = with_simulation(feature_scenario("plain"), np.int64(7), np.uint32(3))  # type: ignore[arg-type]
    assert (found.simulation.trials, found.simulation.seed) == (7, 3)
    assert type(found.simulation.trials) is int
    assert run(feature_scenario("plain"), trials=2, workers=np.int64(1)).power().n_trials == 2  # type: ignore[arg-type]


def test_trials_and_seed_replace_those_of_the_scenario() -> None:
    scenario = feature_scenario("plain")
    result = run(scenario, trials=30, seed=5, workers=1)
    assert (result.scenario.simulation.trials, result.scenario.simulation.seed) == (30, 5)
    assert z_of(result).shape == (30, 1)
    assert (scenario.simulation.trials, scenario.simulation.seed) == (20, 20260101)
    as_given = run(scenario)
    assert z_of(as_given).shape == (20, 1)


def test_a_path_will_do() -> None:
    by_path = run(W1, trials=5)
    by_name = run(str(W1), trials=5)
    by_scenario = run(simulate.load_scenario(W1), trials=5)
    assert by_path.scenario.title == "W1: one look"
    for other in (by_name, by_scenario):
        assert np.array_equal(z_of(by_path), z_of(other))


def test_another_seed_gives_other_trials_and_more_trials_begin_with_the_same() -> None:
    scenario = feature_scenario("plain")
    z = z_of(run(scenario, trials=10, seed=1))
    assert not np.array_equal(z, z_of(run(scenario, trials=10, seed=2)))
    assert np.array_equal(z, z_of(run(scenario, trials=40, seed=1))[:10])


def test_progress_hears_of_every_trial() -> None:
    heard: list[int] = []
    run(feature_scenario("plain"), trials=2500, progress=heard.append)
    assert heard == [1000, 1000, 500]


def test_one_trial_is_enough() -> None:
    result = run(feature_scenario("plain"), trials=1)
    assert result.power().value in {0.0, 1.0}
    assert not any(twin.flagged for twin in result.twins)


def test_public_names_are_there() -> None:
    assert set(simulate.__all__) < set(dir(simulate))
    for name in simulate.__all__:
        assert getattr(simulate, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'runn'"):
        _ = simulate.runn
