"""Runs that stop once the power is known well enough: the same for any workers and any past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twins.scenario_tables import events, hypothesis
from twins.study_tables import study_tables

import simulate
from simulate.api import Counts, until
from simulate.errors import ScenarioError
from simulate.results.result import Result
from simulate.runner import execute
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

BLOCK = 500


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 500 trials; those of a run are 20,000."""
    from simulate.api import blocks, inputs

    for module in (blocks, inputs, execute):
        monkeypatch.setattr(module, "BLOCK_TRIALS", BLOCK)


def made(**changes: Any) -> Scenario:
    data = study_tables(analyses={"final": {"trigger": events(25)}}, **changes)
    del data["study"]
    return scenario_from_dict(data)


def enough(scenario: Scenario, target: float, most: int) -> int:
    """Trials by the rule itself: every number of whole blocks in turn, each a run of its own."""
    for n in range(BLOCK, most, BLOCK):
        found = simulate.run(scenario, trials=n)
        errors = [found.power(name).mcse for name in scenario.hypotheses]
        if max(errors) <= target:
            return n
    return most


def same(one: Result, other: Result) -> bool:
    return one.to_json() == other.to_json()


@pytest.mark.parametrize("target", [0.03, 0.011, 0.008, 0.00751])
def test_it_is_the_run_with_the_fewest_blocks_that_are_enough(target: float) -> None:
    scenario = made()
    n = enough(scenario, target, 6_000)
    found = simulate.run(scenario, until_mcse=target)
    assert found.scenario.simulation.trials == n
    assert same(found, simulate.run(scenario, trials=n))


def test_every_hypothesis_counts() -> None:
    both = {"pfs": hypothesis("new", "old", "final"), "other": hypothesis("new", "old", "final")}
    both["other"]["critical_values"] = [0.8]
    scenario = made(hypotheses=both)
    found = simulate.run(scenario, until_mcse=0.009)
    errors = {name: found.power(name).mcse for name in both}
    assert max(errors.values()) <= 0.009
    n = found.scenario.simulation.trials
    assert n == enough(scenario, 0.009, 10_000)
    assert n > enough(made(hypotheses={"pfs": both["other"]}), 0.009, 10_000)


def test_the_most_trials_need_not_be_whole_blocks() -> None:
    found = simulate.run(made(), until_mcse=0.001, trials=1_700)
    assert same(found, simulate.run(made(), trials=1_700))
    assert found.power().mcse > 0.001


def test_workers_change_nothing() -> None:
    found = [simulate.run(made(), until_mcse=0.006, workers=workers) for workers in (1, 2)]
    assert same(*found)


@pytest.mark.parametrize("before", [700, 1_000, 20_000])
@pytest.mark.parametrize("target", [0.015, 0.008])
def test_what_a_folder_held_before_changes_nothing(
    before: int, target: float, tmp_path: Path
) -> None:
    simulate.run(made(), trials=before, out=tmp_path / "run")
    counts = Counts()
    found = simulate.run(made(), until_mcse=target, out=tmp_path / "run", counts=counts)
    assert same(found, simulate.run(made(), until_mcse=target))
    assert counts.simulated + counts.found == found.scenario.simulation.trials / BLOCK
    assert counts.found == min(before, found.scenario.simulation.trials) // BLOCK
    # Again, nothing is simulated.
    again = Counts()
    simulate.run(made(), until_mcse=target, out=tmp_path / "run", counts=again)
    assert again.simulated == 0


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(_: int) -> None:
        if len(list((tmp_path / "run").glob("trials-*"))) >= 2:
            raise StopError

    with pytest.raises(StopError):
        simulate.run(made(), until_mcse=0.008, out=tmp_path / "run", progress=stop)
    counts = Counts()
    found = simulate.run(made(), until_mcse=0.008, out=tmp_path / "run", counts=counts)
    assert counts.found == 2
    assert same(found, simulate.run(made(), until_mcse=0.008))
    # The folder is that of a run with so many trials, to the byte.
    n = found.scenario.simulation.trials
    simulate.run(made(), trials=n, out=tmp_path / "other")
    files = [
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("run", "other")
    ]
    assert files[0] == files[1]


def test_hardly_more_is_done_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts()
    found = simulate.run(made(), until_mcse=0.004, counts=counts)
    assert counts.trials - found.scenario.simulation.trials <= BLOCK
    # Even if far too much is done at once, what is told is the same.
    monkeypatch.setattr(until, "SHARE_AT_ONCE", 3.0)
    more = Counts()
    assert same(found, simulate.run(made(), until_mcse=0.004, counts=more))
    assert more.trials > counts.trials


@pytest.mark.parametrize("target", [0.0, -0.1, 0.5, float("nan")])
def test_standard_errors_that_are_none(target: float) -> None:
    with pytest.raises(ScenarioError, match=r"until_mcse: must be above 0 and below 0\.5"):
        simulate.run(made(), until_mcse=target)
