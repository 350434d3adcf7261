"""Tests beside the log-rank test, through `simulate.run`, against simtrial, lrstat and rpact."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from reference.simulated import (
    CRITICAL_100_150_200,
    at_events,
    exponential,
    ratio_to_control,
    trial,
)

import simulate
from simulate.scenario.effects import arm_survival, restricted_mean

pytestmark = pytest.mark.slow

CASES: dict[str, Any] = {
    case["name"]: case["values"]
    for case in json.loads(
        Path(__file__).with_name("several_tests_cases.json").read_text(encoding="utf-8")
    )["cases"]
}
Z95 = 1.9599639845
STANDARD_ERRORS = 4.0
COMPONENTS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def steps(*ratios: tuple[float, float]) -> dict[str, Any]:
    """Control's hazard times ratios, each from a month on."""
    rows = [{"from_month": month, "hazard_ratio": ratio} for month, ratio in ratios]
    return {"relative_to": "control", "hazard_ratios": rows}


def fleming_harrington(rho: int, gamma: int) -> dict[str, Any]:
    return {"fleming_harrington": {"rho": rho, "gamma": gamma}}


def simulated_with(base: dict[str, Any], **tests: dict[str, Any]) -> simulate.Result:
    """Simulate the trial of a scenario with other tests of its hypothesis."""
    hypothesis = base["hypotheses"]["pfs"]
    hypotheses = {name: hypothesis | {"test": test} for name, test in tests.items()}
    scenario = simulate.scenario_from_dict(base | {"hypotheses": hypotheses})
    return simulate.run(scenario, workers=1)


def assert_close(
    ours: simulate.Estimate, value: float, mcse: float, within: float = STANDARD_ERRORS
) -> None:
    assert abs(ours.value - value) <= within * math.hypot(ours.mcse, mcse)


@pytest.fixture(scope="module")
def crossing() -> simulate.Result:
    """Hazards that cross at month 6, as simtrial simulates them."""
    base = trial(
        control=exponential(10.0),
        experimental=steps((0.0, 0.5), (6.0, 1.3)),
        dropout=0.01,
        patients=300,
        rates=[(0.0, 12.5)],
        arrivals="poisson",
        analyses=at_events(200),
        critical_values=[Z95],
        block_size=4,
    )
    weights = {f"fh{i}": fleming_harrington(*pair) for i, pair in enumerate(COMPONENTS, start=1)}
    kinds = {"kind": "weighted_logrank", "estimate": "none"}
    components = {"kind": "maxcombo", "estimate": "none", "components": list(weights.values())}
    return simulated_with(
        base, **{name: kinds | weight for name, weight in weights.items()}, maxcombo=components
    )


@pytest.mark.parametrize("component", ["1", "2", "3", "4"])
def test_components_under_crossing_hazards(crossing: simulate.Result, component: str) -> None:
    values = CASES["S3_simtrial_FH_crossing"]["component_power"][component]
    name = f"fh{component}"
    # In simtrial's MaxCombo z is negative for benefit.
    power = values["lt"]
    assert_close(crossing.estimate("rejection_probability", name), power["p"], power["mcse"])
    z = values["z"]
    assert_close(crossing.estimate("z_mean", name, "look1"), -z["mean"], z["mcse"])
    of_deviation = z["sd"] / math.sqrt(2.0 * 800)
    assert_close(crossing.estimate("z_sd", name, "look1"), z["sd"], of_deviation)


def test_maxcombo_under_crossing_hazards(crossing: simulate.Result) -> None:
    values = CASES["S3_simtrial_FH_crossing"]
    power = values["maxcombo"]
    assert_close(crossing.estimate("rejection_probability", "maxcombo"), power["p"], power["mcse"])
    duration = values["duration"]
    found = crossing.estimate("look_time_mean", "maxcombo", "look1")
    assert_close(found, duration["mean"], duration["mcse"])


NON_PROPORTIONAL = {
    "lrstat_rmst_km_power_D1": steps((0.0, 1.0), (4.0, 0.55)),
    "lrstat_rmst_km_power_D3": steps((0.0, 0.55), (6.0, 1.0)),
}


@pytest.mark.parametrize("name", NON_PROPORTIONAL)
def test_restricted_means_and_milestones_at_month_18(name: str) -> None:
    values = CASES[name]
    control = exponential(12.0) if name.endswith("D1") else exponential(10.0)
    base = trial(
        control=control,
        experimental=NON_PROPORTIONAL[name],
        dropout=0.01,
        patients=300,
        rates=[(0.0, 12.5)],
        arrivals="evenly_spaced",
        analyses={"look1": {"calendar_months": 36.0}},
        critical_values=[Z95],
    )
    base["simulation"]["trials"] = 20_000
    result = simulated_with(
        base,
        rmst={"kind": "rmst", "tau_months": 18.0},
        km={"kind": "milestone", "at_months": 18.0},
    )
    truths = values["rmst"], values["km"]
    for arm, number in (("experimental", 1), ("control", 2)):
        mean = restricted_mean(result.scenario, "pfs", arm, 18.0)
        assert mean == pytest.approx(truths[0][f"rmst{number}"], rel=1e-9)
        (level,) = arm_survival(result.scenario, "pfs", arm, [18.0])
        assert level == pytest.approx(truths[1][f"surv{number}"], rel=1e-9)
    for test, effect, truth in (
        ("rmst", "rmst_difference", truths[0]),
        ("km", "survival_difference", truths[1]),
    ):
        # lrstat's are of large samples: a variance that is the same in all trials.
        error = result.estimate(f"{effect}_se_mean", test, "look1").value
        assert error == pytest.approx(1.0 / math.sqrt(truth["information"]), rel=0.01)
        power = result.estimate("rejection_probability", test)
        assert abs(power.value - truth["overallReject"]) < STANDARD_ERRORS * power.mcse + 0.01
        assert_close(result.estimate(f"{effect}_bias", test, "look1"), 0.0, 0.0)


def test_rates_over_three_looks() -> None:
    values = CASES["D19_gs_rates_rpact"]
    numbers = (100, 150, 200)
    scenario = trial(
        control=exponential(10.0),
        experimental=ratio_to_control(1.0),
        dropout=0.01,
        patients=200,
        rates=[(0.0, 10.0)],
        arrivals="evenly_spaced",
        analyses={
            f"look{k}": {"minimum_follow_up_months": 1e-6, "after_patients": n}
            for k, n in enumerate(numbers, start=1)
        },
        critical_values=CRITICAL_100_150_200,
    )
    scenario["arms"] = {
        arm: {"response": {"rate": rate, "time_to_response": exponential(1e-9)}}
        for arm, rate in (("experimental", 0.45), ("control", 0.3))
    }
    hypothesis = scenario["hypotheses"]["pfs"]
    hypothesis["endpoint"] = "response"
    hypothesis["test"] = {"kind": "proportions", "method": "z_pooled"}
    result = simulate.run(simulate.scenario_from_dict(scenario), workers=1)
    n = values["nsim"]
    overall = values["overallReject"]
    error = math.sqrt(overall * (1.0 - overall) / n)
    assert_close(result.estimate("rejection_probability", "pfs"), overall, error)
    for k, p in enumerate(values["rejectPerStage"], start=1):
        found = result.estimate("first_rejection_probability", "pfs", f"look{k}")
        assert_close(found, p, math.sqrt(p * (1.0 - p) / n))
    patients = result.estimate("patients_mean", "pfs")
    assert_close(patients, values["expectedSubjects"], patients.mcse)
