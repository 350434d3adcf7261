"""The rules that span tables, where they allow as well as where they refuse."""

import copy
import tomllib
from typing import Any

import pytest

from simulate.errors import ScenarioError
from simulate.scenario.load import scenario_from_dict

TEXT = """\
schema_version = 1
title = "Small"
purpose = "To test the rules."
[arms.a.pfs]
distribution = "exponential"
median_months = 12
[arms.b.pfs]
relative_to = "a"
hazard_ratio = 0.5
[arms.c.pfs]
relative_to = "b"
hazard_ratio = 0.5
[strata.risk]
high = 0.5
low = 0.5
[strata.site]
east = 0.25
west = 0.75
[accrual]
patients = 100
arrivals = "poisson"
rate_per_month = 4
[analyses.first]
trigger = { endpoint = "pfs", events = 40, if_not_reached = "skip" }
[analyses.last]
trigger = { endpoint = "pfs", events = 80, if_not_reached = "skip" }
[hypotheses.ab]
endpoint = "pfs"
arms = { experimental = "b", control = "a" }
test = { kind = "logrank", stratified = true }
analyses = ["first", "last"]
critical_values = [2.9, 2.0]
[simulation]
trials = 10
seed = 1
"""
EVENTS = {"endpoint": "pfs", "events": 40, "if_not_reached": "skip"}
HIGH = {"stratum": {"risk": "high"}, "distribution": "exponential", "median_months": 5}
LOW = {"stratum": {"risk": "low"}, "distribution": "exponential", "median_months": 9}


def _problems(path: str, value: Any) -> list[str]:
    """Messages of the scenario with one value set; none if it loads."""
    data = tomllib.loads(TEXT)
    table: Any = data
    *parents, last = path.split(".")
    for part in parents:
        table = table.setdefault(part, {})
    table[last] = copy.deepcopy(value)
    try:
        scenario_from_dict(data)
    except ScenarioError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_base_is_sound() -> None:
    assert _problems("title", "Small") == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # Looks of other kinds, strata or arms do not order each other.
        ("analyses.last.trigger", {"calendar_months": 3}),
        ("analyses.last.trigger", EVENTS | {"events": 30, "stratum": {"risk": "high"}}),
        ("analyses.last.trigger", EVENTS | {"events": 30, "arms": ["a", "b"]}),
        ("analyses.last.trigger", {"latest_of": [EVENTS | {"events": 10}, {"calendar_months": 1}]}),
        ("analyses.last.trigger", {"months_after_previous": 10}),
        ("analyses.last.trigger", {"minimum_follow_up_months": 0}),
        ("analyses.last.trigger", {"minimum_follow_up_months": 6, "after_patients": 100}),
        ("analyses.last.trigger", EVENTS | {"events": 100}),
        (
            "analyses.last.trigger",
            {"earliest_of": [{"months_after_previous": 1}, {"calendar_months": 40}]},
        ),
        # Strata: entries that together cover, in part cover over a base, or match by two factors.
        ("arms.a.pfs", {"by_stratum": {"high": HIGH, "low": LOW}}),
        ("arms.a.pfs.by_stratum.high", HIGH),
        ("arms.a.pfs.by_stratum.corner", HIGH | {"stratum": {"site": "east", "risk": "high"}}),
        (
            "arms.a.pfs.by_stratum.high",
            {"stratum": {"risk": "high"}, "distribution": "weibull", "shape": 2, "scale_months": 3},
        ),
        (
            "joint_prevalence",
            {
                "he": {"stratum": {"risk": "high", "site": "east"}, "prevalence": 0.25},
                "hw": {"stratum": {"site": "west", "risk": "high"}, "prevalence": 0.25},
                "le": {"stratum": {"risk": "low", "site": "east"}, "prevalence": 0},
                "lw": {"stratum": {"risk": "low", "site": "west"}, "prevalence": 0.5},
            },
        ),
        ("randomisation", {"ratio": {"c": 2, "b": 1, "a": 3}, "block_size": 6}),
        ("stopping", {"rejected": "never", "hypotheses": ["ab"]}),
        ("randomisation", {"block_size": 12}),
        ("strata.third", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
    ],
)
def test_allowed(path: str, value: Any) -> None:
    assert _problems(path, value) == []


@pytest.mark.parametrize(
    ("path", "value", "messages"),
    [
        (
            "arms.a.pfs",
            {"relative_to": "c", "hazard_ratio": 2},
            [
                "arms.a.pfs.relative_to: must not lead back to the arm itself (a → c → b → a) "
                '(given: "c")'
            ],
        ),
        (
            "arms.a.pfs.by_stratum.high",
            {"stratum": {"risk": "high"}, "relative_to": "b", "hazard_ratio": 2},
            [
                "arms.a.pfs.by_stratum.high.relative_to: must not lead back to the arm itself "
                '(a → b → a) (given: "b")'
            ],
        ),
        (
            "arms.a.pfs.by_stratum",
            {"high": HIGH, "east": HIGH | {"stratum": {"site": "east"}}},
            [
                "arms.a.pfs.by_stratum.east.stratum: must not match a cell that by_stratum.high "
                'matches too (risk=high, site=east) (given: { site = "east" })'
            ],
        ),
        (
            "arms.a.pfs",
            {"by_stratum": {"high": HIGH}},
            [
                "arms.a.pfs: must cover every cell: none of its entries by_stratum matches "
                "risk=low, site=east; add an entry, or a distribution to fall back on"
            ],
        ),
        (
            "arms.a.pfs.by_stratum.high",
            HIGH | {"by_stratum": {}},
            [
                "arms.a.pfs.by_stratum.high.by_stratum: unknown key (given: {}); did you mean "
                "'stratum'?"
            ],
        ),
        (
            "hypotheses.ab.arms",
            {"experimental": "d", "control": "d"},
            [
                "hypotheses.ab.arms.experimental: must name an arm of this scenario "
                "('a', 'b', 'c') (given: \"d\")",
                "hypotheses.ab.arms.control: must name an arm of this scenario "
                "('a', 'b', 'c') (given: \"d\")",
                'hypotheses.ab.arms.control: must differ from the experimental arm (given: "d")',
            ],
        ),
        (
            "analyses.last.trigger",
            {"latest_of": [{"calendar_months": 3}, EVENTS | {"arms": ["a", "d", "a"]}]},
            [
                "analyses.last.trigger.latest_of.1.arms.1: must name an arm of this scenario "
                "('a', 'b', 'c') (given: \"d\")",
                'analyses.last.trigger.latest_of.1.arms.2: must not be named twice (given: "a")',
            ],
        ),
        (
            "analyses.last.trigger",
            EVENTS | {"arms": None, "stratum": None},
            [
                "analyses.last.trigger.events: must exceed the 40 of analyses.first (given: 40); "
                "put the analyses in the order of time"
            ],
        ),
        (
            "analyses.first.trigger",
            {"earliest_of": [{"months_after_previous": 1}, {"calendar_months": 40}]},
            [
                "analyses.first.trigger.earliest_of.0.months_after_previous: needs an analysis "
                "before it, and this is the first (given: 1)"
            ],
        ),
        (
            "randomisation",
            {"ratio": {"c": 20, "b": 19, "a": 17}},
            [
                "randomisation.block_size: must leave at most 200,000 ways to arrange the arms in "
                "a block (given: 112); use fewer arms or a simpler ratio"
            ],
        ),
        (
            "strata.site.east",
            0.2,
            ["strata.site: prevalences must sum to 1 (given: a sum of 0.95)"],
        ),
        (
            "strata.site.status",
            "known",
            [
                "strata.site.status: must be one of 'published', 'derived', 'inferred' "
                '(given: "known")'
            ],
        ),
        (
            "stopping.hypotheses",
            ["ab", "ab", "ac"],
            [
                "stopping.hypotheses.2: must name a hypothesis of this scenario ('ab') "
                '(given: "ac")',
                'stopping.hypotheses.1: must not be named twice (given: "ab")',
            ],
        ),
    ],
)
def test_refused(path: str, value: Any, messages: list[str]) -> None:
    assert _problems(path, value) == messages


@pytest.mark.parametrize(
    ("ratio", "block_size", "is_allowed"),
    [
        ({"a": 1, "b": 1}, 20, True),  # 184,756 arrangements
        ({"a": 1, "b": 1}, 22, False),  # 705,432
        ({"a": 1, "b": 20}, 63, True),  # 39,711
        ({"a": 1, "b": 20}, 84, False),  # 1,929,501
        ({"a": 1, "b": 1, "c": 1}, 12, True),  # 34,650
        ({"a": 1, "b": 1, "c": 1}, 15, False),  # 756,756
    ],
)
def test_arrangements_of_a_block(ratio: dict[str, int], block_size: int, is_allowed: bool) -> None:
    data = tomllib.loads(TEXT)
    data["arms"] = {name: data["arms"][name] for name in ratio}
    data["randomisation"] = {"ratio": ratio, "block_size": block_size}
    if is_allowed:
        assert scenario_from_dict(data).randomisation.block_size == block_size
    else:
        with pytest.raises(ScenarioError, match="ways to arrange"):
            scenario_from_dict(data)


def test_no_arms_at_all() -> None:
    assert _problems("arms", {})[0] == (
        "arms: must have at least 1 entry (given: 0); each is a table of its own, [arms.NAME]"
    )


def test_too_many_arms_are_one_problem() -> None:
    data = tomllib.loads(TEXT)
    data["arms"] = {f"a{i}": data["arms"]["a"] for i in range(17)}
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    assert str(caught.value) == "arms: must have at most 16 entries (given: 17)"


def test_a_broken_factor_hides_no_other_problem_and_makes_none() -> None:
    data = tomllib.loads(TEXT)
    data["strata"]["risk"]["high"] = "half"
    data["arms"]["a"]["pfs"]["by_stratum"] = {"high": HIGH, "x": HIGH | {"stratum": {"six": "a"}}}
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    assert [problem.path for problem in caught.value.problems] == [
        "strata.risk.high",
        "arms.a.pfs.by_stratum.x.stratum.six",
    ]


@pytest.mark.parametrize(
    "distribution",
    [
        {"distribution": "exponential", "median_months": 1e-320},
        {"distribution": "weibull", "shape": 1e-3, "median_months": 9},
        {"distribution": "weibull", "shape": 101, "median_months": 9},
        {"distribution": "exponential", "survival": {"month": 1e308, "probability": 1 - 1e-16}},
    ],
)
def test_figures_that_no_computer_can_hold(distribution: dict[str, Any]) -> None:
    (problem,) = _problems("arms.a.pfs", distribution)
    assert problem.startswith("arms.a.pfs: must give ")


def test_relative_arm_that_overflows() -> None:
    (problem,) = _problems("arms.b.pfs.hazard_ratio", 1e-323)
    assert problem.startswith("arms.b.pfs: must give hazards that are neither 0 nor infinite")


def test_dropout_that_overflows() -> None:
    table = {"distribution": "weibull", "shape": 200, "median_months": 9}
    (problem,) = _problems("arms.b.dropout", table)
    assert problem.startswith("arms.b.dropout: must give a Weibull shape from 0.01 to 100")
