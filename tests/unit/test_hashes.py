"""The two hashes: which changes of a scenario change which."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.load import load_scenario, scenario_from_dict

TEXT = """\
schema_version = 1
title = "Small"
purpose = "To test hashes."
[arms.a.pfs]
distribution = "exponential"
median_months = 12
[arms.b.pfs]
relative_to = "a"
hazard_ratio = 0.5
[strata.risk]
high = 0.5
low = 0.5
[strata.stratum]
east = 0.5
west = 0.5
[accrual]
patients = 100
arrivals = "poisson"
rate_per_month = 4
[analyses.first]
trigger = { calendar_months = 20 }
[analyses.last]
trigger = { endpoint = "pfs", events = 80, if_not_reached = "skip", stratum = { risk = "high", stratum = "east" } }
[hypotheses.ab]
endpoint = "pfs"
arms = { experimental = "b", control = "a" }
test = { kind = "logrank" }
analyses = ["first", "last"]
critical_values = [2.9, 2]
[hypotheses.once]
endpoint = "pfs"
arms = { experimental = "b", control = "a" }
test = { kind = "logrank", estimate = "none" }
analyses = ["last"]
alpha = 0.01
[simulation]
trials = 10
seed = 1
"""  # noqa: E501  (an inline table is one line)


def _hashes(path: str = "title", value: Any = "Small") -> tuple[str, str]:
    data = tomllib.loads(TEXT)
    table: Any = data
    *parents, last = path.split(".")
    for part in parents:
        table = table.setdefault(part, {})
    table[last] = value
    scenario = scenario_from_dict(data)
    return data_hash(scenario), design_hash(scenario)


def _reordered(change: Callable[[dict[str, Any]], None]) -> tuple[str, str]:
    data = copy.deepcopy(tomllib.loads(TEXT))
    change(data)
    scenario = scenario_from_dict(data)
    return data_hash(scenario), design_hash(scenario)


BASE = _hashes()


def test_hashes_are_sha256_in_hexadecimal() -> None:
    assert all(len(h) == 64 and set(h) <= set("0123456789abcdef") for h in BASE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Another"),
        ("purpose", "Another."),
        ("arms.a.label", "A"),
        ("arms.a.source", "A paper."),
        ("arms.a.pfs.source", "A paper."),
        ("arms.a.pfs.status", "published"),
        ("arms.a.pfs.scale", "latent"),
        ("arms.a.pfs.median_months", 12.0),
        ("strata.risk.source", "A paper."),
        ("analyses.first.label", "Interim"),
        ("hypotheses.ab.label", "PFS"),
        ("hypotheses.ab.critical_values", [2.9, 2.0]),
        ("hypotheses.ab.test.stratified", False),
        ("simulation.trials", 20),
        ("simulation.seed", 2),
        # What the loader fills in.
        ("randomisation.ratio", {"b": 1, "a": 1}),
        ("randomisation.block_size", 4),
        ("randomisation.within_strata", True),
        ("stopping.rejected", "all"),
        ("stopping.hypotheses", ["ab", "once"]),
        (
            "analyses.last.trigger.stratum",
            {"stratum": "east", "risk": "high"},
        ),
    ],
)
def test_neither_changes(path: str, value: Any) -> None:
    assert _hashes(path, value) == BASE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("arms.a.pfs.median_months", 12.5),
        ("arms.a.dropout", {"distribution": "exponential", "rate_per_month": 0.01}),
        ("arms.b.pfs.hazard_ratio", 0.55),
        ("arms.a.pfs.cured", 0.1),
        ("arms.b.pfs.frailty_variance", 0.5),
        (
            "arms.b.pfs.by_stratum.h",
            {"stratum": {"risk": "high"}, "relative_to": "a", "hazard_ratio": 0.5},
        ),
        ("strata.risk", {"high": 0.4, "low": 0.6}),
        ("strata.third", {"c": 0.5, "d": 0.5}),
        ("accrual.patients", 101),
        ("accrual.arrivals", "evenly_spaced"),
        ("accrual.rate_per_month", 5),
        ("randomisation.block_size", 8),
        ("randomisation.within_strata", False),
        ("follow_up.maximum_months", 10),
        ("analyses.first.trigger.calendar_months", 21),
        ("analyses.last.trigger.if_not_reached", "all_data"),
        ("hypotheses.ab.arms", {"experimental": "a", "control": "b"}),
        ("hypotheses.ab.test.stratified", True),
        ("hypotheses.ab.test.estimate", "none"),
        ("hypotheses.ab.test.null_hazard_ratio", 1.1),
        ("hypotheses.once.analyses", ["first"]),
    ],
)
def test_only_the_data_hash_changes(path: str, value: Any) -> None:
    data, design = _hashes(path, value)
    assert data != BASE[0]
    assert design == BASE[1]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hypotheses.once.alpha", 0.02),
        ("hypotheses.ab.critical_values", [2.9, 2.1]),
        ("stopping.rejected", "any"),
        ("stopping.hypotheses", ["ab"]),
    ],
)
def test_only_the_design_hash_changes(path: str, value: Any) -> None:
    data, design = _hashes(path, value)
    assert data == BASE[0]
    assert design != BASE[1]


SCANS: dict[str, Any] = {"schedule": [{"from_week": 0, "every_weeks": 8}]}


def test_keys_of_scans_that_came_later_change_nothing_at_their_defaults() -> None:
    # The hash that such a scenario had before there were these keys.
    base = _hashes("assessments", SCANS)[0]
    assert base == "8849911b2d908f4a7aaaebd77b568b7cb99dce08a65fab8e10c3a4525d23ac03"
    for key, default, other in [
        ("shift_days", 0, 1),
        ("not_evaluable_probability", 0.0, 0.1),
        ("censor_at", "follow_up_end", "last_scan"),
    ]:
        assert _hashes("assessments", SCANS | {key: default})[0] == base
        assert _hashes("assessments", SCANS | {key: other})[0] != base


def test_an_investigator_is_data() -> None:
    read = _hashes("assessments", SCANS | {"investigator": {}})[0]
    assert read != _hashes("assessments", SCANS)[0]
    for key in ("progression_early_probability", "progression_late_probability"):
        assert _hashes("assessments", SCANS | {"investigator": {key: 0.1}})[0] != read
    told = {"status": "inferred", "source": "Assumed."}
    assert _hashes("assessments", SCANS | {"investigator": told})[0] == read


@pytest.mark.parametrize("table", ["arms", "strata", "hypotheses"])
def test_order_of_names_matters(table: str) -> None:
    def turn(data: dict[str, Any]) -> None:
        data[table] = dict(reversed(data[table].items()))

    assert _reordered(turn)[0] != BASE[0]


@pytest.mark.parametrize("factor", ["risk", "stratum"])
def test_order_of_levels_matters(factor: str) -> None:
    def turn(data: dict[str, Any]) -> None:
        data["strata"][factor] = dict(reversed(data["strata"][factor].items()))

    assert _reordered(turn)[0] != BASE[0]


def test_order_of_tables_and_keys_does_not_matter() -> None:
    def turn(data: dict[str, Any]) -> None:
        data["accrual"] = dict(reversed(data["accrual"].items()))
        tables = dict(reversed(data.items()))
        data.clear()
        data.update(tables)

    assert _reordered(turn) == BASE


def test_hash_of_a_benchmark_stays() -> None:
    """A change of this value makes stored runs unusable; it needs a decision, not a new value."""
    scenario = load_scenario(Path(__file__).parents[2] / "benchmarks" / "w1.toml")
    assert data_hash(scenario) == "39ecd96a303de56c502d23a633b7120cd8e1f08956508c3402df39b98c4fc3d9"
    assert (
        design_hash(scenario) == "fa4c5712aabe59e8c49240bcc516c2c670a4792b30c213fca2c41b531fc4ede7"
    )
