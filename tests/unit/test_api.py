"""The public functions: what they take, what they refuse, and in what words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import feature_scenario

import simulate
from simulate import ScenarioError
from simulate.api import Counts, run, trials_to_do, with_simulation
from simulate.api.inputs import shard_blocks
from simulate.results.result import Result
from simulate.runner.execute import BLOCK_TRIALS, blocks_of
from simulate.scenario.models import MOST_TRIALS

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


def test_a_summary_is_for_run_folders() -> None:
    (line,) = refused(keep="summary")
    assert line == "keep: is for run folders only (given: 'summary'); give a folder as out"
    (line,) = refused(keep="everything")
    assert line == 'keep: must be "rows" or "summary" (given: \'everything\')'


@pytest.mark.parametrize("cluster", ["local", "tcp://nowhere:8786"])
def test_a_cluster_needs_the_extra(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # as if it were not installed
    (line,) = refused(cluster=cluster)
    assert line.startswith(f"--cluster: needs the extra dask (given: {cluster}); install it: ")


def without_quantiles(result: Result) -> list[str]:
    """Rows but for quantiles, to the last digit; NaN equals itself."""
    rows = result.operating_characteristics
    return [repr(row) for row in rows if not re.search(r"_q\d\d$", row.measure)]


@pytest.mark.parametrize(
    ("limit", "value"),
    # Four rows a trial.
    [("MOST_TRIALS_IN_MEMORY", 100), ("MOST_ROWS_IN_MEMORY", 400)],
)
def test_above_the_limits_rows_do_not_stay_and_quantiles_are_binned(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = feature_scenario("hardly any patients")
    unlimited = run(scenario, trials=101)
    assert unlimited.statistics is not None
    monkeypatch.setattr(f"simulate.api.blocks.{limit}", value)
    below = run(scenario, trials=100)
    assert below.quantiles == "exact"
    assert z_of(below).shape == (100, 4)
    above = run(scenario, trials=101)
    assert above.statistics is None
    assert above.quantiles == "binned to 1/128 month"
    assert above.to_json()["quantiles"] == "binned to 1/128 month"
    assert without_quantiles(above) == without_quantiles(unlimited)
    for one, other in zip(
        above.operating_characteristics, unlimited.operating_characteristics, strict=True
    ):
        if one.measure.startswith("look_time_q"):
            assert one.estimate == pytest.approx(other.estimate, abs=1 / 128, nan_ok=True)


def test_counts_tell_what_was_simulated() -> None:
    counts = Counts()
    run(feature_scenario("plain"), trials=2500, counts=counts)
    assert counts == Counts(simulated=1, found=0, trials=2500, file_bytes=0)


@pytest.mark.parametrize("n_blocks", [1, 2, 7, 20])
@pytest.mark.parametrize("of", [1, 2, 3, 9])
def test_shards_share_all_blocks_evenly(n_blocks: int, of: int) -> None:
    scenario = with_simulation(feature_scenario("plain"), n_blocks * BLOCK_TRIALS - 1, None)
    blocks = blocks_of(scenario.simulation.trials)
    shards = [shard_blocks(blocks, simulate.Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(block for shard in shards for block in shard) == blocks
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    to_do = [trials_to_do(scenario, simulate.Shard(number, of)) for number in range(1, of + 1)]
    assert sum(to_do) == trials_to_do(scenario, None) == scenario.simulation.trials
    assert to_do == [sum(block.stop - block.start for block in shard) for shard in shards]


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
    run(feature_scenario("plain", 1000), trials=2500, progress=heard.append)
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
    assert {"RefusedError", "Shard", "StoreError", "load_run", "run_shard", "verify"} <= set(
        simulate.__all__
    )
    assert simulate.__all__ == sorted(simulate.__all__)


def test_errors_have_one_base() -> None:
    assert issubclass(simulate.RefusedError, simulate.StoreError)
    assert issubclass(simulate.StoreError, simulate.SimulateError)
    assert issubclass(simulate.ScenarioError, simulate.SimulateError)


def test_public_names_are_loaded_when_they_are_used() -> None:
    code = (
        "import sys, simulate\n"
        "simulate.StoreError, simulate.RefusedError, simulate.Problem\n"
        "assert 'numpy' not in sys.modules and 'simulate.api' not in sys.modules\n"
        "simulate.load_run, simulate.run_shard, simulate.Shard, simulate.verify\n"
        "assert 'simulate.api' in sys.modules and 'pyarrow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
