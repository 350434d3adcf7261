"""Tallies: what they keep of a block, what they refuse, and how they are stored."""

from __future__ import annotations

import gc
import json
import math
import pickle
import weakref
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from twins.feature_scenarios import FEATURES, Table, events, feature_scenario, hypothesis
from twins.slow_results import slow_outcome, trials_of

from simulate.engine.statistics import Statistics
from simulate.results.characteristics import operating_characteristics
from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.quantiles import Bins, Values
from simulate.results.tallies import (
    BIN_MONTHS,
    NOT_REJECTED,
    REJECTED,
    Key,
    Tallies,
    combine,
)
from simulate.results.tally import tally
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.models import Scenario

Quantiles = Literal["exact", "binned"]
MONTHS = ("look_time_q05", "look_time_q50", "look_time_q95")


def block_of(scenario: Scenario, n_trials: int, start: int = 0) -> Statistics:
    return simulate_block(pack(scenario), 11, Block(start, start + n_trials))


def tallies_of(name: str, n_trials: int, quantiles: Quantiles = "exact", **more: Any) -> Tallies:
    scenario = feature_scenario(name, **more)
    return tally(scenario, block_of(scenario, n_trials), quantiles=quantiles)


def a_key(quantity: str) -> Key:
    return Key("test", "final", quantity, "all")


# What they keep


@pytest.mark.parametrize("quantiles", ["exact", "binned"])
def test_nothing_of_the_statistics_stays_alive(quantiles: Quantiles) -> None:
    scenario = feature_scenario("three arms")
    statistics = block_of(scenario, 50)
    columns = [weakref.ref(column) for column in statistics]
    tallies = tally(scenario, statistics, quantiles=quantiles)
    rows = operating_characteristics(scenario, tallies)
    gc.disable()
    try:
        del statistics
        assert [column() for column in columns] == [None] * len(columns)
    finally:
        gc.enable()
    assert len(rows) > 0


# The first hypothesis often stops the trial before the look of the second.
ONE_AFTER_THE_OTHER: Table = {
    "analyses": {"early": {"trigger": events(25)}, "late": {"trigger": events(40)}},
    "hypotheses": {
        "first": hypothesis("new", "old", "early") | {"critical_values": [0.5]},
        "second": hypothesis("new", "old", "late"),
    },
    "stopping": {"rejected": "any"},
}


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("plain", {}),
        ("three arms", {}),
        ("nested triggers", {}),
        ("hardly any patients", {}),
        ("plain", ONE_AFTER_THE_OTHER),
    ],
)
def test_estimates_at_the_last_look_are_counted_by_conclusion(name: str, tables: Table) -> None:
    scenario = feature_scenario(name, **tables)
    statistics = block_of(scenario, 120)
    tallies = tally(scenario, statistics)
    trials = trials_of(scenario, statistics)
    for tested, planned in scenario.hypotheses.items():
        expected: dict[str, list[int]] = {REJECTED: [], NOT_REJECTED: []}
        for trial in trials:
            outcome = slow_outcome(scenario, trial)
            own = [trial[pair] for pair in trial if pair in outcome.reached]
            own = [row for pair, row in trial.items() if row in own and pair[1] == tested]
            rejected = any(pair[1] == tested for pair in outcome.rejects)
            for row in own[-1:]:
                value = row.z if planned.test.estimate == "none" else row.estimate
                if math.isfinite(value):
                    expected[REJECTED if rejected else NOT_REJECTED].append(
                        math.floor(value * 1024)
                    )
        for condition, bins in expected.items():
            found = tallies.over(Bins, [Key(tested, "overall", "estimate", condition)])
            assert np.repeat(found.bins, found.counts).tolist() == sorted(bins)
            assert found.width == 1.0 / 1024.0


@pytest.mark.parametrize("name", FEATURES)
def test_binned_quantiles_are_within_half_a_bin_of_exact_ones(name: str) -> None:
    scenario = feature_scenario(name)
    blocks = [block_of(scenario, 150, start) for start in (0, 150)]
    exact, binned = (
        operating_characteristics(
            scenario, combine(tally(scenario, b, quantiles=q) for b in blocks)
        )
        for q in ("exact", "binned")
    )
    for row, other in zip(exact, binned, strict=True):
        assert row[:5] == other[:5]
        if row.measure not in MONTHS:
            assert repr(row) == repr(other)
            continue
        assert row.n_trials == other.n_trials
        assert other.estimate == pytest.approx(row.estimate, abs=BIN_MONTHS / 2, nan_ok=True)
        # Each of the two order statistics is off by half a bin; and half a bin is added.
        assert math.isnan(other.mcse) == math.isnan(row.mcse)
        if not math.isnan(row.mcse):
            assert row.mcse <= other.mcse <= row.mcse + BIN_MONTHS


def test_bins_hold_what_lies_from_their_start_to_below_their_end() -> None:
    found = Bins.of(np.array([0.0, -0.25, -1e-9, 0.49, 0.5, 0.5, 7.75]), 0.5)
    assert found.bins.tolist() == [-1, 0, 1, 15]
    assert found.counts.tolist() == [2, 2, 2, 1]
    assert found.middles().tolist() == [-0.25, 0.25, 0.75, 7.75]
    assert found.n_trials == 7


def test_bins_far_apart_are_as_good() -> None:
    near, far = np.array([3.0, 1.0, 3.0]), np.array([1e12, 1.5, -1e12, 1e12])
    whole = Bins.of(np.concatenate((near, far)), 1.0)
    found = Bins.of(near, 1.0).combined(Bins.of(far, 1.0))
    for bins in (whole, found):
        assert bins.bins.tolist() == [-(10**12), 1, 3, 10**12]
        assert bins.counts.tolist() == [1, 2, 2, 2]


# Adding up


def test_blocks_are_added_up_one_after_the_other() -> None:
    given: list[weakref.ref[Tallies]] = []
    most = 0

    def parts() -> Iterator[Tallies]:
        nonlocal most
        for _ in range(6):
            most = max(most, sum(part() is not None for part in given))
            part = tallies_of("plain", 3)
            given.append(weakref.ref(part))
            yield part
            del part

    combined = combine(parts())
    share = combined.over(Share, [a_key("rejection_probability")])
    assert share.n_trials == 18
    # The first block, which is the sum at first, and the one just added.
    assert most <= 2


def test_the_order_of_blocks_is_kept() -> None:
    scenario = feature_scenario("plain")
    blocks = [block_of(scenario, 4, start) for start in (0, 4, 8)]
    key = Key("test", "final", "look_time_quantiles", "stopped_here")
    found = combine(tally(scenario, block) for block in blocks).over(Values, [key])
    months = np.concatenate([block.cutoff[:, 0] for block in blocks])
    assert np.concatenate(found.parts).tolist() == months.tolist()


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="no tallies to combine"):
        combine([])
    plain = tallies_of("plain", 3)
    with pytest.raises(ValueError, match=r"different quantities cannot be combined: Key\("):
        combine([plain, tallies_of("three arms", 3)])
    with pytest.raises(ValueError, match="different kinds cannot be combined: Values and Bins"):
        combine([plain, tallies_of("plain", 3, "binned")])
    with pytest.raises(ValueError, match=r"bins of width 1\.0 and 0\.5 cannot be combined"):
        Bins.of(np.ones(2), 1.0).combined(Bins.of(np.ones(2), 0.5))
    with pytest.raises(TypeError, match="is Share, not Moments"):
        plain.over(Moments, [a_key("reached_probability")])
    with pytest.raises(KeyError):
        plain.over(Share, [a_key("nothing")])
    with pytest.raises(KeyError, match="no keys"):
        plain.over(Share, [])
    with pytest.raises(ValueError, match="must be 'exact' or 'binned', not 'rough'"):
        tallies_of("plain", 3, "rough")  # type: ignore[arg-type]


def test_whole_numbers_are_exact_beyond_any_float() -> None:
    part = WholeMoments.of(np.full(1000, 999_999, dtype=np.int32))
    for _ in range(40):
        part = part.combined(part)
    n = 1000 * 2**40
    assert part == (n, n * 999_999, n * 999_999**2)
    assert part.mean() == (999_999.0, 0.0, n)
    assert Share(3, 2**60).combined(Share(1, 2**60)) == (4, 2**61)


# Storing


@pytest.mark.parametrize("name", FEATURES)
def test_columns_hold_everything(name: str) -> None:
    scenario = feature_scenario(name)
    tallies = tally(scenario, block_of(scenario, 60), quantiles="binned")
    columns = json.loads(json.dumps(tallies.to_columns(), allow_nan=False))
    assert {len(column) for column in columns.values()} == {len(tallies)}
    again = Tallies.from_columns(columns)
    assert list(again) == list(tallies)
    assert [type(entry) for entry in again.values()] == [type(e) for e in tallies.values()]
    assert again.to_columns() == columns
    rows = operating_characteristics(scenario, tallies)
    assert repr(operating_characteristics(scenario, again)) == repr(rows)
    both = combine([again, tallies]), combine([tallies, tallies])
    assert both[0].to_columns() == both[1].to_columns()


def test_columns_are_plain_values() -> None:
    columns = tallies_of("three arms", 20, "binned").to_columns()
    for name in ("hypothesis", "analysis", "quantity", "condition", "kind"):
        assert {type(cell) for cell in columns[name]} == {str}
    for name, kind in (
        ("whole_numbers", int),
        ("bins", int),
        ("counts", int),
        ("real_numbers", float),
    ):
        assert {type(number) for cell in columns[name] for number in cell} == {kind}


def test_exact_quantiles_are_not_stored() -> None:
    tallies = tallies_of("plain", 3)
    assert tallies.are_exact
    with pytest.raises(ValueError, match="exact quantiles are not stored"):
        tallies.to_columns()
    assert not tallies_of("plain", 3, "binned").are_exact


def test_columns_that_are_none_are_refused() -> None:
    columns = tallies_of("plain", 3, "binned").to_columns()
    with pytest.raises(ValueError, match="unknown kind of tally: 'median'"):
        Tallies.from_columns(columns | {"kind": ["median"] * len(columns["kind"])})
    with pytest.raises(ValueError, match="shorter"):
        Tallies.from_columns(columns | {"bins": columns["bins"][:-1]})
    with pytest.raises(KeyError, match="counts"):
        Tallies.from_columns({name: columns[name] for name in columns if name != "counts"})


@pytest.mark.parametrize("quantiles", ["exact", "binned"])
def test_tallies_travel_between_processes(quantiles: Quantiles) -> None:
    scenario = feature_scenario("nested triggers")
    tallies = tally(scenario, block_of(scenario, 30), quantiles=quantiles)
    again = pickle.loads(pickle.dumps(tallies))
    assert repr(operating_characteristics(scenario, again)) == repr(
        operating_characteristics(scenario, tallies)
    )
