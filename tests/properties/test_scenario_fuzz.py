"""No input, however broken, ends in anything but a scenario or messages a reader understands."""

import copy
import datetime
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulate.errors import ScenarioError
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.load import load_scenario, scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import dropout_hazards, event_hazards, strata_cells

TEXT = """\
schema_version = 1
title = "Everything"
purpose = "To be broken."
[arms.a]
label = "A"
[arms.a.pfs]
distribution = "weibull"
survival = [{ month = 6, probability = 0.6 }, { month = 12, probability = 0.4 }]
[arms.a.pfs.by_stratum.high]
stratum = { risk = "high", site = "x" }
distribution = "piecewise_exponential"
rates_per_month = [{ from_month = 0, rate = 0.1 }, { from_month = 6, rate = 0.2 }]
[arms.a.dropout]
distribution = "exponential"
survival = { month = 12, probability = 0.9 }
[arms.b.pfs]
relative_to = "a"
hazard_ratios = [{ from_month = 0, hazard_ratio = 1.0 }, { from_month = 4, hazard_ratio = 0.5 }]
[strata.risk]
high = 0.5
low = 0.5
[strata.site]
x = 0.5
y = 0.5
[joint_prevalence]
a = { stratum = { risk = "high", site = "x" }, prevalence = 0.25 }
b = { stratum = { risk = "high", site = "y" }, prevalence = 0.25 }
c = { stratum = { risk = "low", site = "x" }, prevalence = 0.25 }
d = { stratum = { risk = "low", site = "y" }, prevalence = 0.25 }
[accrual]
patients = 100
arrivals = "poisson"
rates_per_month = [{ from_month = 0, rate = 4 }, { from_month = 6, rate = 8 }]
[randomisation]
ratio = { a = 1, b = 2 }
block_size = 6
[follow_up]
maximum_months = 24
[analyses.first]
trigger = { latest_of = [{ calendar_months = 9 }, { minimum_follow_up_months = 1 }] }
[analyses.last]
trigger = { endpoint = "pfs", events = 80, if_not_reached = "skip", arms = ["a", "b"] }
[hypotheses.ab]
endpoint = "pfs"
arms = { experimental = "b", control = "a" }
test = { kind = "logrank", stratified = true }
analyses = ["first", "last"]
critical_values = [2.9, 2.0]
[stopping]
rejected = "any"
[simulation]
trials = 10
seed = 1
"""
DATA = tomllib.loads(TEXT)
NASTY: list[Any] = [
    0, -1, 1, 2, 10**30, 10**400, -0.0, 0.5, 1.0, 1e-320, 1e308, float("nan"), float("inf"),
    True, False, "", " ", "a", "b", "pfs", "high", "exponential", "weibull", "relative_to", "\n",
    "\ud800", "é" * 200, [], [[]], {}, {"": 1}, {"a": 1}, [{}], [1, "a"], ["a", "a"],
    {"distribution": "exponential"}, {"relative_to": "b", "hazard_ratio": 1}, {"by_stratum": {}},
    {"calendar_months": 1}, {"latest_of": [{"calendar_months": 1}] * 2}, {"events": 1},
    {"stratum": {"risk": "low"}}, {"month": 1, "probability": 0.5}, None, b"bytes", 1j,
    datetime.date(2020, 1, 1), datetime.time(1), np.float64(2), np.int64(3), np.array([1.0, 2.0]),
    object(), {1: 2}, (1, 2), {"a"},
]  # fmt: skip
KEYS = [
    "a", "b", "pfs", "median_months", "rate_per_month", "survival", "shape", "distribution",
    "distributon", "relative_to", "by_stratum", "stratum", "status", "source", "label", "alpha",
    "events", "trigger", "calendar_months", "hazard_ratio", "x y", "<tag>", "[key]", "", "é", "0",
]  # fmt: skip
JARGON = ("Input should", "pydantic", "value that can stand here", "validation", "NoneType has")


def _check(load: Callable[[], Scenario]) -> None:
    """Check that the outcome is a sound scenario or sound messages."""
    try:
        scenario = load()
    except ScenarioError as error:
        assert error.problems
        for problem in error.problems:
            message = str(problem)
            assert problem.rule
            assert len(problem.given) <= 60
            assert "\n" not in message.removeprefix(problem.where)
            assert not [word for word in JARGON if word in message.removeprefix(problem.where)]
        return
    n_cells = len(strata_cells(scenario))
    hazards = event_hazards(scenario)
    assert all(len(cells) == n_cells for cells in hazards.values())
    assert dropout_hazards(scenario).keys() == hazards.keys()
    assert scenario_from_dict(scenario.model_dump()) == scenario
    assert data_hash(scenario) != design_hash(scenario)


def _containers(value: Any) -> list[Any]:
    """Every table and array that is not empty."""
    if not isinstance(value, dict | list) or not value:
        return []
    items = list(value.values()) if isinstance(value, dict) else value
    return [value, *(inner for item in items for inner in _containers(item))]


def mutate(data: dict[str, Any], where: int, what: int, how: int) -> None:
    """Delete, replace, rename, add or copy one thing of the data."""
    containers = _containers(data)
    table = containers[where % len(containers)]
    keys = list(table) if isinstance(table, dict) else list(range(len(table)))
    key = keys[what % len(keys)]
    if how == 0:
        del table[key]
    elif how == 1:
        table[key] = copy.deepcopy(NASTY[what % len(NASTY)])
    elif how == 2 and isinstance(table, dict):
        table[KEYS[what % len(KEYS)]] = table.pop(key)
    elif how == 3 and isinstance(table, dict):
        table[KEYS[what % len(KEYS)]] = copy.deepcopy(NASTY[where % len(NASTY)])
    else:
        table[key] = copy.deepcopy(containers[what % len(containers)])


NUMBERS = st.integers(0, 2**20)
MUTATIONS = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 4)), min_size=1, max_size=4)


def test_the_base_is_sound() -> None:
    scenario_from_dict(DATA)


@settings(deadline=None, max_examples=600)
@given(MUTATIONS)
def test_mutated_tables(mutations: list[tuple[int, int, int]]) -> None:
    data = copy.deepcopy(DATA)
    for where, what, how in mutations:
        mutate(data, where, what, how)
    _check(lambda: scenario_from_dict(data))


def test_every_value_replaced_by_nasty_ones() -> None:
    n_containers = len(_containers(DATA))
    for where in range(n_containers):
        n_keys = len(_containers(DATA)[where])
        for number in range(n_keys):
            # A third of them each, all over the scenario.
            for nasty in NASTY[(where + number) % 3 :: 3]:
                data = copy.deepcopy(DATA)
                table = _containers(data)[where]
                key = list(table)[number] if isinstance(table, dict) else number
                table[key] = copy.deepcopy(nasty)
                _check(lambda data=data: scenario_from_dict(data))  # type: ignore[misc]


def _load_text(content: bytes, overrides: list[str]) -> Scenario:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fuzz.toml"
        file.write_bytes(content)
        return load_scenario(file, overrides)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
@example(b"a = 1\n" * 2)
@example(b"\x00")
@example(b"\xef\xbb\xbf")
def test_random_bytes(content: bytes) -> None:
    _check(lambda: _load_text(content, []))


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(NUMBERS, st.integers(0, 8), st.sampled_from('[]{}=."#,\n01ae -_')), max_size=4
    )
)
def test_text_with_slips_of_the_pen(slips: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for position, n_lost, typed in slips:
        at = position % len(text)
        text = text[:at] + typed + text[at + n_lost :]
    _check(lambda: _load_text(text.encode(), []))


PATHS = ["accrual", "accrual.patients", "arms.a.pfs.survival.0.month", "arms.c.pfs", "simulation.x"]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PATHS) | st.text("ab.0= é", max_size=8),
            st.sampled_from(
                ["3", "true", "{}", "[[1]]", "nan", "a = b", "'", "[" * 999, "9" * 5000]
            )
            | st.text(max_size=6),
        ),
        max_size=3,
    )
)
def test_overrides(pairs: list[tuple[str, str]]) -> None:
    overrides = [f"{path}={value}" for path, value in pairs]
    _check(lambda: _load_text(TEXT.encode(), overrides))
