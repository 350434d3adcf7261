"""What a run gives back: JSON, data frame, look-up."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from twins.feature_scenarios import FEATURES, Table, events, feature_scenario, hypothesis

from simulate.api import run
from simulate.results.characteristics import Row
from simulate.results.result import Result
from simulate.results.tally import tally
from simulate.results.twins import Twin
from simulate.runner.execute import BLOCK_TRIALS
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.load import scenario_from_dict


def result_of(name: str, trials: int = 50, **tables: Any) -> Result:
    return run(feature_scenario(name, **tables), trials=trials, workers=1)


def refuse(constant: str) -> None:
    raise AssertionError(f"not JSON: {constant}")


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("trials", [1, 40])
def test_json_is_valid_and_holds_every_row(name: str, trials: int) -> None:
    result = result_of(name, trials)
    text = json.dumps(result.to_json(), allow_nan=False)
    found = json.loads(text, parse_constant=refuse)
    assert len(found["operating_characteristics"]) == len(result.operating_characteristics)
    for plain, row in zip(
        found["operating_characteristics"], result.operating_characteristics, strict=True
    ):
        assert list(plain) == list(Row._fields)
        for key, value in row._asdict().items():
            undefined = isinstance(value, float) and math.isnan(value)
            assert plain[key] == (None if undefined else value)
    for plain, twin in zip(found["twins"], result.twins, strict=True):
        assert list(plain) == list(Twin._fields)
        assert plain["twin"] == twin.twin
        assert plain["flagged"] is twin.flagged


def test_json_says_what_was_simulated() -> None:
    result = result_of("stratified", 30)
    found = result.to_json()
    assert (found["format"], found["format_version"]) == ("simulate-run", 1)
    assert (found["title"], found["trials"], found["seed"]) == ("stratified", 30, 20260101)
    assert found["data_hash"] == data_hash(result.scenario)
    assert found["design_hash"] == design_hash(result.scenario)
    assert set(found["packages"]) == {"simulate-trials", "numba", "numpy", "scipy"}


def test_json_says_how_good_quantiles_are() -> None:
    result = result_of("plain", 30)
    assert result.to_json()["quantiles"] == result.quantiles == "exact"
    assert result.statistics is not None
    tallies = tally(result.scenario, result.statistics, quantiles="binned")
    binned = replace(result, tallies=tallies, blocks=[])
    assert binned.to_json()["quantiles"] == binned.quantiles == "binned to 1/128 month"


@pytest.mark.parametrize("name", FEATURES)
def test_the_scenario_in_the_json_can_be_simulated_again(name: str) -> None:
    result = result_of(name, 3)
    again = scenario_from_dict(json.loads(json.dumps(result.to_json()["scenario"])))
    assert again == result.scenario
    assert data_hash(again) == data_hash(result.scenario)
    assert design_hash(again) == design_hash(result.scenario)


def test_undefined_figures_are_null() -> None:
    result = result_of("events that never come", 1)
    rows = result.to_json()["operating_characteristics"]
    errors = [row["mcse"] for row in rows if row["measure"] == "events_mean"]
    assert None in errors
    nobody = [row for row in rows if row["n_trials"] == 0]
    assert nobody
    assert all(row["estimate"] is None and row["mcse"] is None for row in nobody)


def test_table_and_data_frame_are_the_rows() -> None:
    result = result_of("three arms")
    assert [tuple(row.values()) for row in result.table] == list(result.operating_characteristics)
    frame = result.to_pandas()
    assert list(frame.columns) == list(Row._fields)
    assert len(frame) == len(result.operating_characteristics)
    chosen = frame[
        (frame.hypothesis == "low")
        & (frame.analysis == "second")
        & (frame.measure == "events_mean")
        & (frame.condition == "all")
    ]
    assert chosen.estimate.tolist() == [45.0]
    assert frame.n_trials.dtype.kind == "i"


def test_an_estimate_is_looked_up() -> None:
    result = result_of("three arms")
    by_row = {
        (r.hypothesis, r.analysis, r.measure, r.condition): r
        for r in result.operating_characteristics
    }
    row = by_row["low", "second", "z_mean", "reached"]
    found = result.estimate("z_mean", "low", "second", "reached")
    assert (found.value, found.mcse, found.n_trials) == (row.estimate, row.mcse, row.n_trials)
    power = by_row["high", "overall", "rejection_probability", "all"]
    assert result.power().value == power.estimate
    assert result.power("low") == result.estimate("rejection_probability", "low")
    assert result.estimate("rejection_probability", "any").value >= result.power("low").value


@pytest.mark.parametrize(
    "wanted",
    [
        ("powr", "high"),
        ("z_mean", "higher"),
        ("z_mean", "high", "third"),
        ("z_mean", "high", "second", "some"),
        ("z_mean", "high"),
    ],
)
def test_an_estimate_that_is_not_there_names_what_is(wanted: tuple[str, ...]) -> None:
    result = result_of("three arms", 5)
    with pytest.raises(KeyError) as caught:
        result.estimate(*wanted)
    message = str(caught.value)
    assert wanted[0] in message
    assert "['high', 'low', 'doses', 'any', 'all']" in message
    assert "['overall', 'first', 'second']" in message
    assert "'reached_probability'" in message


def test_several_hypotheses_with_a_look_each() -> None:
    looks: Table = {n: {"trigger": events(k)} for n, k in (("a", 20), ("b", 40))}
    tests = {"x": hypothesis("new", "old", "a"), "y": hypothesis("old", "new", "b")}
    result = result_of("plain", 100, analyses=looks, hypotheses=tests)
    assert result.estimate("events_mean", "x").value == 20.0
    # The trial goes on, as x and y are never both rejected.
    assert result.estimate("events_mean", "y").value == 40.0


def test_rows_are_joined_once_when_asked_for() -> None:
    scenario = feature_scenario("plain", 8, analyses={"final": {"trigger": events(4)}})
    result = run(scenario, trials=2 * BLOCK_TRIALS + 7, workers=1)
    assert [len(block.z) for block in result.blocks] == [BLOCK_TRIALS, BLOCK_TRIALS, 7]
    expected = [block.z.tobytes() for block in result.blocks]
    joined = result.statistics
    assert joined is not None
    assert joined.z.tobytes() == b"".join(expected)
    assert result.statistics is joined
    assert len(result.blocks) == 1
