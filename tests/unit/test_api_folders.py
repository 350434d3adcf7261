"""Run folders through the Python interface: stored, read, checked, shared by several jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import feature_scenario

import simulate
from simulate.api import Counts, check_shard, expected_bytes, with_simulation
from simulate.api.blocks import work_on
from simulate.api.inputs import Keep
from simulate.engine.statistics import Statistics
from simulate.errors import RefusedError, ScenarioError, StoreError
from simulate.results.result import Result
from simulate.runner.execute import BLOCK_TRIALS, Block
from simulate.runner.folder import RunFolder, open_folder

SCENARIO = feature_scenario("hardly any patients")
TRIALS = 4 * BLOCK_TRIALS + 77
N_BLOCKS = 5
KEEPS: tuple[Keep, ...] = ("rows", "summary")


def json_of(result: Result) -> str:
    return json.dumps(result.to_json(), allow_nan=False)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_same_rows(one: Statistics | None, other: Statistics | None) -> None:
    assert one is not None
    assert other is not None
    for name in Statistics._fields:
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        assert first.tobytes() == second.tobytes(), name


@pytest.fixture(scope="module")
def plain() -> Result:
    """A run without a folder."""
    return simulate.run(SCENARIO, trials=TRIALS, workers=1)


@pytest.fixture(scope="module", params=KEEPS)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder of each kind; never to be changed."""
    folder = tmp_path_factory.mktemp(request.param) / "run"
    simulate.run(SCENARIO, trials=TRIALS, workers=1, out=folder, keep=request.param)
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A run folder to be changed."""
    return shutil.copytree(finished, tmp_path / "copied")


def kept_in(folder: Path) -> Keep:
    return "summary" if open_folder(folder).manifest.keep == "summary" else "rows"


def remove(folder: Path, *numbers: int) -> None:
    present = sorted(open_folder(folder).present().items())
    for number in numbers:
        present[number][1].unlink()


def test_a_folder_changes_nothing_of_the_result(tmp_path: Path, plain: Result) -> None:
    counts = Counts()
    stored = simulate.run(SCENARIO, trials=TRIALS, workers=1, out=tmp_path / "x", counts=counts)
    assert json_of(stored) == json_of(plain)
    assert_same_rows(stored.statistics, plain.statistics)
    size = sum(len(data) for name, data in bytes_of(tmp_path / "x").items() if "trials" in name)
    assert counts == Counts(simulated=N_BLOCKS, found=0, trials=TRIALS, file_bytes=size)


def test_a_summary_is_the_binned_result(
    tmp_path: Path, plain: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = simulate.run(SCENARIO, trials=TRIALS, workers=1, out=tmp_path / "x", keep="summary")
    assert stored.statistics is None
    assert stored.quantiles == "binned to 1/128 month"
    assert json_of(stored) != json_of(plain)
    monkeypatch.setattr("simulate.api.blocks.MOST_TRIALS_IN_MEMORY", 1)
    assert json_of(stored) == json_of(simulate.run(SCENARIO, trials=TRIALS, workers=1))


def test_what_is_loaded_is_what_was_run(finished: Path) -> None:
    keep = kept_in(finished)
    before = bytes_of(finished)
    heard: list[int] = []
    loaded = simulate.load_run(finished, progress=heard.append)
    assert sum(heard) == TRIALS
    counts = Counts()
    # Everything is there: nothing is simulated.
    again = simulate.run(SCENARIO, trials=TRIALS, out=finished, keep=keep, counts=counts)
    assert (counts.simulated, counts.found, counts.trials) == (0, N_BLOCKS, TRIALS)
    assert json_of(loaded) == json_of(again)
    assert loaded.scenario == again.scenario
    if keep == "rows":
        assert_same_rows(loaded.statistics, again.statistics)
    else:
        assert loaded.statistics is None
    assert bytes_of(finished) == before


def test_rows_that_do_not_fit_are_read_block_by_block(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulate.api.blocks.MOST_TRIALS_IN_MEMORY", TRIALS - 1)
    loaded = simulate.load_run(finished)
    assert loaded.statistics is None
    assert json_of(loaded) == json_of(simulate.run(SCENARIO, trials=TRIALS, workers=1))


def test_what_is_missing_is_simulated_and_the_rest_read(copied: Path, plain: Result) -> None:
    keep = kept_in(copied)
    before = bytes_of(copied)
    remove(copied, 1, 4)
    counts = Counts()
    result = simulate.run(SCENARIO, trials=TRIALS, out=copied, keep=keep, counts=counts)
    assert (counts.simulated, counts.found, counts.trials) == (2, N_BLOCKS - 2, TRIALS)
    assert counts.complaints == counts.changes == []
    assert bytes_of(copied) == before
    if keep == "rows":
        assert json_of(result) == json_of(plain)


def test_more_trials_extend_a_folder(copied: Path, tmp_path: Path) -> None:
    keep = kept_in(copied)
    counts = Counts()
    more = TRIALS + BLOCK_TRIALS
    options: dict[str, Any] = {"trials": more, "keep": keep, "workers": 1}
    extended = simulate.run(SCENARIO, out=copied, counts=counts, **options)
    assert (counts.simulated, counts.found) == (2, N_BLOCKS - 1)
    assert counts.changes == [f"extended from {TRIALS:,} to {more:,} trials"]
    at_once = simulate.run(SCENARIO, out=tmp_path / "at once", **options)
    assert json_of(extended) == json_of(at_once)
    assert bytes_of(copied) == bytes_of(tmp_path / "at once")


def test_a_wrong_block_is_told_in_the_counts(copied: Path) -> None:
    keep = kept_in(copied)
    before = bytes_of(copied)
    file = sorted(open_folder(copied).present().values())[2]
    file.write_bytes(file.read_bytes()[:-1])
    counts = Counts()
    simulate.run(SCENARIO, trials=TRIALS, out=copied, keep=keep, counts=counts)
    assert (counts.simulated, counts.found) == (1, N_BLOCKS - 1)
    (complaint,) = counts.complaints
    assert complaint.startswith(f"{file}: truncated or altered: ")
    assert complaint.endswith(f"set aside in {copied}.rejected")
    assert bytes_of(copied) == before
    assert [file.name for file in Path(f"{copied}.rejected").iterdir()] == [file.name]


# Reading what is incomplete or wrong.


def test_an_incomplete_folder_is_loaded_only_if_that_is_asked_for(copied: Path) -> None:
    remove(copied, 3, 4)
    with pytest.raises(StoreError, match=r"2 of 5 blocks are missing, .* trials 60,000 to 79,999"):
        simulate.load_run(copied)
    partial = simulate.load_run(copied, partial=True)
    keep = kept_in(copied)
    as_many = with_simulation(SCENARIO, 3 * BLOCK_TRIALS, None)
    assert partial.scenario == as_many
    assert partial.planned_trials == 4 * BLOCK_TRIALS + 77
    fresh = simulate.run(as_many, out=copied.with_name("fresh"), keep=keep)
    assert fresh.planned_trials is None
    assert json_of(replace(partial, planned_trials=None)) == json_of(fresh)
    assert json_of(partial) != json_of(fresh)


def test_partial_takes_the_blocks_there_are(copied: Path, plain: Result) -> None:
    remove(copied, 0, 2)
    partial = simulate.load_run(copied, partial=True)
    n_trials = 2 * BLOCK_TRIALS + 77
    assert partial.scenario.simulation.trials == n_trials
    assert partial.power().n_trials == n_trials
    if kept_in(copied) == "rows":
        assert partial.statistics is not None
        assert plain.statistics is not None
        z = plain.statistics.z
        there = np.concatenate([z[BLOCK_TRIALS : 2 * BLOCK_TRIALS], z[3 * BLOCK_TRIALS :]])
        assert partial.statistics.z.tobytes() == there.tobytes()


def test_a_complete_folder_is_loaded_in_full_by_partial(finished: Path) -> None:
    loaded = simulate.load_run(finished, partial=True)
    assert json_of(loaded) == json_of(simulate.load_run(finished))


def test_there_is_nothing_to_show_of_an_empty_folder(copied: Path) -> None:
    remove(copied, *range(N_BLOCKS))
    with pytest.raises(StoreError, match="5 of 5 blocks are missing") as caught:
        simulate.load_run(copied, partial=True)
    assert "--partial" not in str(caught.value)


def test_a_wrong_block_is_an_error_when_it_is_read(copied: Path) -> None:
    file = sorted(open_folder(copied).present().values())[3]
    file.write_bytes(file.read_bytes()[:100])
    before = bytes_of(copied)
    for partial in (False, True):
        with pytest.raises(StoreError, match=rf"{file}: truncated or altered"):
            simulate.load_run(copied, partial=partial)
    assert bytes_of(copied) == before
    assert not Path(f"{copied}.rejected").exists()


@pytest.mark.parametrize("read", [simulate.load_run, simulate.verify])
def test_there_must_be_a_run_folder(read: Callable[[Path], object], tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RefusedError, match=f"{place}: is no run folder"):
            read(place)


@pytest.mark.parametrize("workers", [0, -1, 1.0, "2", True])
def test_bad_workers(workers: Any, finished: Path) -> None:
    with pytest.raises(ScenarioError, match="workers: must be a whole number of at least 1"):
        simulate.load_run(finished, workers=workers)


# Verification.


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 5, 9])
def test_a_right_folder_is_found_right(finished: Path, blocks: int) -> None:
    before = bytes_of(finished)
    heard: list[int] = []
    found = simulate.verify(finished, blocks, progress=heard.append)
    assert found == (N_BLOCKS, min(blocks, N_BLOCKS), [], [])
    assert sum(heard) == TRIALS
    assert bytes_of(finished) == before


@pytest.mark.parametrize("blocks", [-1, 1.5, "all", True])
def test_bad_number_of_blocks_to_verify(blocks: Any, finished: Path) -> None:
    with pytest.raises(ScenarioError, match="blocks: must be a whole number of at least 0"):
        simulate.verify(finished, blocks)


def test_what_is_wrong_with_a_folder_is_found(copied: Path) -> None:
    files = sorted(open_folder(copied).present().values())
    data = bytearray(files[1].read_bytes())
    data[len(data) // 2] ^= 1
    files[1].write_bytes(data)
    files[3].unlink()
    notes = copied / "notes.txt"
    notes.write_text("mine")
    before = bytes_of(copied)
    found = simulate.verify(copied, N_BLOCKS)
    assert (found.right, found.repeated) == (3, 3)
    assert found.missing == [Block(3 * BLOCK_TRIALS, 4 * BLOCK_TRIALS)]
    strange, altered = found.wrong
    assert strange == f"{notes}: does not belong here"
    assert altered.startswith(f"{files[1]}: truncated or altered")
    assert bytes_of(copied) == before


@pytest.mark.parametrize("number", [0, N_BLOCKS - 1])
def test_a_block_with_other_statistics_is_found_by_simulating_again(
    copied: Path, number: int
) -> None:
    # Everything about the file is right but what it says.
    folder = open_folder(copied)
    block, file = sorted(folder.present().items())[number]
    scenario = folder.manifest.to_scenario()
    forged = replace(work_on(scenario, folder), seed=scenario.simulation.seed + 1).encoded(block)
    file.unlink()
    file = folder.add(block, forged)
    assert simulate.verify(copied, 0) == (N_BLOCKS, 0, [], [])
    # The first and the last are among the few that are simulated again.
    found = simulate.verify(copied, 2)
    assert found == (N_BLOCKS, 1, [f"{file}: simulated again, its bytes are others"], [])


# Shards.


def test_shards_make_the_folder_that_one_run_makes(finished: Path, tmp_path: Path) -> None:
    keep = kept_in(finished)
    together = tmp_path / "together"
    for number in (2, 3, 1):
        counts, heard = Counts(), list[int]()
        folder = simulate.run_shard(
            SCENARIO,
            together,
            simulate.Shard(number, 3),
            trials=TRIALS,
            keep=keep,
            workers=1,
            counts=counts,
            progress=heard.append,
        )
        assert isinstance(folder, RunFolder)
        assert counts.found == 0
        assert sum(heard) == counts.trials
    assert len(folder.present()) == N_BLOCKS
    assert bytes_of(together) == bytes_of(finished)


def test_a_shard_does_its_own_blocks_only(tmp_path: Path) -> None:
    counts = Counts()
    folder = simulate.run_shard(
        SCENARIO, tmp_path / "x", simulate.Shard(2, 3), trials=TRIALS, counts=counts
    )
    assert [block.start for block in sorted(folder.present())] == [BLOCK_TRIALS, 4 * BLOCK_TRIALS]
    assert (counts.simulated, counts.trials) == (2, BLOCK_TRIALS + 77)
    again = Counts()
    simulate.run_shard(SCENARIO, tmp_path / "x", simulate.Shard(2, 3), trials=TRIALS, counts=again)
    assert (again.simulated, again.found) == (0, 2)


@pytest.mark.parametrize(
    "shard", [(0, 3), (4, 3), (1, 0), (-1, -1), (1.0, 2), (1, "2"), (True, 1)], ids=str
)
def test_shards_that_do_not_exist_are_refused(shard: tuple[Any, Any], tmp_path: Path) -> None:
    asked = simulate.Shard(*shard)
    with pytest.raises(ScenarioError, match=r"shard: must be number/of with 1 <= number <= of"):
        check_shard(asked)
    with pytest.raises(ScenarioError, match=rf"given: {shard[0]}/{shard[1]}"):
        simulate.run_shard(SCENARIO, tmp_path / "x", asked)
    assert not (tmp_path / "x").exists()


# Refusals before anything is written.


def test_bad_input_leaves_no_folder(tmp_path: Path) -> None:
    out, shard = tmp_path / "x", simulate.Shard(1, 1)
    for bad in ({"keep": "all"}, {"trials": 0}, {"seed": -1}, {"workers": 0}):
        options: dict[str, Any] = bad
        with pytest.raises(ScenarioError):
            simulate.run(SCENARIO, out=out, **options)
        with pytest.raises(ScenarioError):
            simulate.run_shard(SCENARIO, out, shard, **options)
    assert not out.exists()


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"trials": TRIALS - 1}, {"keep": "other"}],
    ids=lambda case: next(iter(case)),
)
def test_another_run_is_refused(other: dict[str, Any], finished: Path) -> None:
    keep = kept_in(finished)
    before = bytes_of(finished)
    options: dict[str, Any] = {"trials": TRIALS, "keep": keep} | other
    if options["keep"] == "other":
        options["keep"] = "summary" if keep == "rows" else "rows"
    with pytest.raises(RefusedError, match="holds another run"):
        simulate.run(SCENARIO, out=finished, **options)
    assert bytes_of(finished) == before


@pytest.mark.parametrize("keep", KEEPS)
def test_a_disk_without_room_is_refused(
    keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = expected_bytes(with_simulation(SCENARIO, TRIALS, None), keep)
    monkeypatch.setattr("simulate.api.blocks.free_bytes", lambda _: needed - 1)
    with pytest.raises(StoreError, match=r"more are needed there, and .* are free") as caught:
        simulate.run(SCENARIO, trials=TRIALS, out=tmp_path / "x", keep=keep)
    assert ("--keep summary needs far less" in str(caught.value)) == (keep == "rows")
    monkeypatch.setattr("simulate.api.blocks.free_bytes", lambda _: needed)
    simulate.run(SCENARIO, trials=TRIALS, out=tmp_path / "x", keep=keep)
    # Nothing is missing any more, so no room is needed.
    monkeypatch.setattr("simulate.api.blocks.free_bytes", lambda _: 0)
    simulate.run(SCENARIO, trials=TRIALS, out=tmp_path / "x", keep=keep)
