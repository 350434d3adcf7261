"""Cells and hazards of a scenario, against scipy and arithmetic by hand."""

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulate.scenario.hazards import Hazard
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    Cell,
    dropout_hazards,
    event_hazards,
    matching_cells,
    strata_cells,
)

TEXT = """\
schema_version = 1
title = "Small"
purpose = "To test what it resolves to."
[arms.a.pfs]
distribution = "exponential"
median_months = 12
[arms.b.pfs]
relative_to = "a"
hazard_ratio = 0.5
[accrual]
patients = 100
arrivals = "poisson"
rate_per_month = 4
[analyses.final]
trigger = { calendar_months = 30 }
[hypotheses.ab]
endpoint = "pfs"
arms = { experimental = "b", control = "a" }
test = { kind = "logrank" }
alpha = 0.025
[simulation]
trials = 10
seed = 1
"""
STRATA = {"risk": {"high": 0.25, "low": 0.75}, "site": {"x": 0.2, "y": 0.3, "z": 0.5}}


def _scenario(pfs: dict[str, Any] | None = None, **tables: Any) -> Scenario:
    data = tomllib.loads(TEXT) | tables
    if pfs is not None:
        data["arms"]["a"]["pfs"] = pfs
    return scenario_from_dict(data)


def _hazard(**pfs: Any) -> Hazard:
    return event_hazards(_scenario(pfs))["a"][0]


# Cells


def test_no_strata_are_one_nameless_cell() -> None:
    assert strata_cells(_scenario()) == (Cell("", {}, 1.0),)


def test_cells_are_the_product_with_the_first_factor_slowest() -> None:
    cells = strata_cells(_scenario(strata=STRATA))
    assert [cell.name for cell in cells] == [
        "risk=high, site=x",
        "risk=high, site=y",
        "risk=high, site=z",
        "risk=low, site=x",
        "risk=low, site=y",
        "risk=low, site=z",
    ]
    assert cells[1].levels == {"risk": "high", "site": "y"}
    shares = [cell.prevalence for cell in cells]
    assert shares == pytest.approx([0.05, 0.075, 0.125, 0.15, 0.225, 0.375])


def test_joint_prevalences_replace_the_product() -> None:
    strata = {"risk": {"high": 0.25, "low": 0.75}, "site": {"x": 0.5, "y": 0.5}}
    joint = {
        "d": {"stratum": {"site": "y", "risk": "low"}, "prevalence": 0.35},
        "a": {"stratum": {"risk": "high", "site": "x"}, "prevalence": 0.1},
        "b": {"stratum": {"risk": "high", "site": "y"}, "prevalence": 0.15},
        "c": {"stratum": {"risk": "low", "site": "x"}, "prevalence": 0.4},
    }
    cells = strata_cells(_scenario(strata=strata, joint_prevalence=joint))
    assert [cell.prevalence for cell in cells] == [0.1, 0.15, 0.4, 0.35]


def test_matching_cells() -> None:
    scenario = _scenario(strata=STRATA)
    assert matching_cells(scenario, {"risk": "low"}) == (3, 4, 5)
    assert matching_cells(scenario, {"site": "y"}) == (1, 4)
    assert matching_cells(scenario, {"site": "y", "risk": "low"}) == (4,)
    assert matching_cells(scenario, {}) == (0, 1, 2, 3, 4, 5)


# Distributions by their figures


@pytest.mark.parametrize(
    "figure",
    [
        {"rate_per_month": math.log(2) / 12},
        {"median_months": 12},
        {"survival": {"month": 24, "probability": 0.25}},
    ],
)
def test_exponential_by_any_figure(figure: dict[str, Any]) -> None:
    hazard = _hazard(distribution="exponential", **figure)
    assert (hazard.shape, hazard.scale_months, hazard.starts_months) == (1.0, 1.0, (0.0,))
    assert hazard.slopes == pytest.approx((math.log(2) / 12,), rel=1e-15)


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.5])
def test_weibull_by_any_figures(shape: float) -> None:
    oracle = stats.weibull_min(shape, scale=15.0)
    point = {"month": 20, "probability": float(oracle.sf(20.0))}
    early = {"month": 3, "probability": float(oracle.sf(3.0))}
    median = float(oracle.median())
    months = np.array([0.5, 5.0, 40.0])
    for figures in (
        {"shape": shape, "scale_months": 15},
        {"shape": shape, "median_months": median},
        {"shape": shape, "survival": point},
        {"shape": shape, "survival": [point]},
        {"median_months": median, "survival": point},
        {"survival": early, "median_months": median},
        {"survival": [early, point]},
    ):
        hazard = _hazard(distribution="weibull", **figures)
        assert hazard.shape == pytest.approx(shape, rel=1e-12)
        assert hazard.scale_months == pytest.approx(15.0, rel=1e-11)
        np.testing.assert_allclose(hazard.survival(months), oracle.sf(months), rtol=1e-10)


def test_piecewise_by_rates() -> None:
    steps = [{"from_month": 0, "rate": 0.1}, {"from_month": 3, "rate": 0}]
    steps.append({"from_month": 6, "rate": 0.05})
    hazard = _hazard(distribution="piecewise_exponential", rates_per_month=steps)
    assert hazard == Hazard(1.0, 1.0, (0.0, 3.0, 6.0), (0.1, 0.0, 0.05))


def test_piecewise_by_survival_passes_through_the_points() -> None:
    points = {6: 0.466, 12: 0.334, 15: 0.334, 18: 0.24}
    survival = [{"month": month, "probability": p} for month, p in points.items()]
    hazard = _hazard(distribution="piecewise_exponential", survival=survival)
    assert hazard.starts_months == (0.0, 6.0, 12.0, 15.0)
    assert hazard.slopes[2] == 0.0
    np.testing.assert_allclose(hazard.survival(list(points)), list(points.values()), rtol=1e-14)
    # The last piece continues.
    assert hazard.survival(21.0) == pytest.approx(0.24**2 / 0.334, rel=1e-14)


def test_dropout() -> None:
    data = tomllib.loads(TEXT)
    data["arms"]["b"]["dropout"] = {
        "distribution": "piecewise_exponential",
        "rates_per_month": [{"from_month": 0, "rate": 0.02}, {"from_month": 12, "rate": 0}],
    }
    hazards = dropout_hazards(scenario_from_dict(data))
    assert hazards == {"a": None, "b": Hazard(1.0, 1.0, (0.0, 12.0), (0.02, 0.0))}


# Effects and strata


def test_relative_arms_may_follow_each_other() -> None:
    data = tomllib.loads(TEXT)
    data["arms"] = {
        "c": {
            "pfs": {
                "relative_to": "b",
                "hazard_ratios": [
                    {"from_month": 0, "hazard_ratio": 1},
                    {"from_month": 4, "hazard_ratio": 0.8},
                ],
            }
        },
        **data["arms"],
    }
    hazards = event_hazards(scenario_from_dict(data))
    rate = math.log(2) / 12
    assert list(hazards) == ["c", "a", "b"]
    assert hazards["b"][0].slopes == (rate * 0.5,)
    assert hazards["c"][0] == Hazard(1.0, 1.0, (0.0, 4.0), (rate * 0.5, rate * 0.5 * 0.8))


def test_relative_arm_follows_the_other_arm_into_its_strata() -> None:
    high = {"stratum": {"risk": "high"}, "distribution": "weibull", "shape": 2, "scale_months": 5}
    pfs = {"distribution": "exponential", "rate_per_month": 0.1, "by_stratum": {"high": high}}
    hazards = event_hazards(_scenario(pfs, strata=STRATA))
    assert (
        hazards["a"]
        == (Hazard(2.0, 5.0, (0.0,), (1.0,)),) * 3 + (Hazard(1.0, 1.0, (0.0,), (0.1,)),) * 3
    )
    assert hazards["b"] == tuple(hazard.times(0.5) for hazard in hazards["a"])


def test_effect_by_stratum() -> None:
    data = tomllib.loads(TEXT) | {"strata": STRATA}
    effect = {"stratum": {"site": "y"}, "relative_to": "a", "hazard_ratio": 0.9}
    data["arms"]["b"]["pfs"]["by_stratum"] = {"y": effect}
    slopes = [h.slopes[0] for h in event_hazards(scenario_from_dict(data))["b"]]
    rate = math.log(2) / 12
    assert slopes == [rate * ratio for ratio in (0.5, 0.9, 0.5, 0.5, 0.9, 0.5)]


def test_only_the_functions_given_are_used() -> None:
    """With log and exp that count their calls and shift the result, every figure shows it."""
    calls = []

    def log(x: float) -> float:
        calls.append(("log", x))
        return math.log(x) * (1 + 1e-6)

    def exp(x: float) -> float:
        calls.append(("exp", x))
        return math.exp(x) * (1 + 1e-6)

    weibull = {"distribution": "weibull", "shape": 2, "median_months": 5}
    scenario = _scenario(weibull)
    shifted = event_hazards(scenario, log=log, exp=exp)["a"][0]
    assert {name for name, _ in calls} == {"log", "exp"}
    scale = 5 / (math.exp(math.log(math.log(2) * (1 + 1e-6)) * (1 + 1e-6) / 2) * (1 + 1e-6))
    assert shifted.scale_months == pytest.approx(scale, rel=1e-15)
    plain = event_hazards(_scenario(), log=log, exp=exp)["a"][0]
    assert plain.slopes == (math.log(2) * (1 + 1e-6) / 12,)


def test_equal_survival_has_no_hazard_whatever_the_log() -> None:
    survival = [{"month": m, "probability": p} for m, p in ((3, 0.7), (6, 0.7), (9, 0.5))]
    pfs = {"distribution": "piecewise_exponential", "survival": survival}
    hazards = event_hazards(_scenario(pfs), log=lambda x: math.log(x) + 1e-17)
    assert hazards["a"][0].slopes[1] == 0.0
