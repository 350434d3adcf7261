"""Weighted log-rank tests, restricted means, milestones and medians against R's packages."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from reference.datasets import read
from twins.scanned import (
    Curves,
    Scanned,
    Weighting,
    covariance_of,
    curves_of,
    scanned,
    scratch,
    weighted_test,
)
from twins.slow_logrank import Observed

from simulate.engine.arrays import Curve
from simulate.engine.codes import WEIGHTS_FLEMING_HARRINGTON
from simulate.engine.kaplan_meier import (
    compare_means,
    compare_survival,
    count_until,
    restricted_mean,
    survival_after,
    survival_variance,
)
from simulate.engine.median import median, median_limits

CASES = json.loads(
    Path(__file__).with_name("survival_tests_cases.json").read_text(encoding="utf-8")
)["cases"]
Z95 = 1.959963984540054
Case = dict[str, Any]


def cases(kind: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if case["kind"] == f"dataset/{kind}"]
    assert len(chosen) > 4
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


def observed_in(case: Case, stratified: bool = False) -> list[Observed]:
    """Patients of a case's data set; its unit of time does not matter."""
    data = read(Path(case["params"]["data"]).stem)
    observed = [
        Observed(float(time), event == 1, arm == 1, int(stratum) if stratified else 0)
        for time, event, arm, stratum in zip(*data, strict=True)
    ]
    assert (len(observed), sum(o.is_event for o in observed)) == (
        case["params"]["n"],
        case["params"]["events"],
    )
    return observed


def risk_sets_of(case: Case, stratified: bool) -> Scanned:
    observed = observed_in(case, stratified)
    return scanned(observed, max(o.stratum for o in observed) + 1)


def arms_of(case: Case) -> list[tuple[str, Curve, int, float]]:
    """Name in the case, curve, number of rows and last follow-up of each arm."""
    found = curves_of(observed_in(case))
    return [("arm1", *found[:3]), ("arm0", *found[3:])]


@cases("fleming-harrington")
def test_fleming_harrington(case: Case) -> None:
    plain, stratified = risk_sets_of(case, False), risk_sets_of(case, True)
    for name, expected in case["values"].items():
        rho, gamma = map(float, name.removeprefix("FH(").removesuffix(")").split(","))
        weighting = Weighting(WEIGHTS_FLEMING_HARRINGTON, rho, gamma)
        score, information = weighted_test(plain, weighting)
        # R's are negative where the experimental arm does better.
        assert score == pytest.approx(-expected["U"], rel=1e-9)
        assert information == pytest.approx(expected["V"], rel=1e-9)
        assert score / math.sqrt(information) == pytest.approx(-expected["z"], rel=1e-9)
        score, information = weighted_test(stratified, weighting)
        assert score / math.sqrt(information) == pytest.approx(-expected["strat_z"], rel=1e-9)


@cases("maxcombo")
def test_components_of_maxcombo_and_their_correlations(case: Case) -> None:
    for name, expected in case["values"].items():
        sets = risk_sets_of(case, name.endswith("_strat"))
        weightings = [
            Weighting(WEIGHTS_FLEMING_HARRINGTON, float(rho), float(gamma))
            for rho, gamma in zip(expected["rho"], expected["gamma"], strict=True)
        ]
        tests = [weighted_test(sets, weighting) for weighting in weightings]
        z = [score / math.sqrt(information) for score, information in tests]
        assert z == pytest.approx([-value for value in expected["z"]], rel=1e-9)
        for i, row in enumerate(expected["corr"]):
            for j, correlation in enumerate(row):
                covariance = covariance_of(sets, weightings[i], weightings[j])
                scale = math.sqrt(tests[i][1] * tests[j][1])
                assert covariance / scale == pytest.approx(correlation, rel=1e-9)


@cases("km")
def test_curves_with_greenwoods_errors(case: Case) -> None:
    for arm, curve, n_rows, _ in arms_of(case):
        expected = case["values"][arm]
        for i, month in enumerate(case["values"]["times"]):
            k = count_until(curve.months, n_rows, float(month))
            survival, se = survival_after(curve, k), math.sqrt(survival_variance(curve, k))
            assert survival == pytest.approx(expected["surv"][i], rel=1e-11)
            assert se == pytest.approx(expected["greenwood_se"][i], rel=1e-11)
            for limit, sign in (("lower", 1.0), ("upper", -1.0)):
                shift = sign * Z95 * se / (survival * -math.log(survival))
                found = math.exp(-math.exp(math.log(-math.log(survival)) + shift))
                assert found == pytest.approx(expected[f"loglog_{limit}"][i], rel=1e-11)


def compared(case: Case) -> tuple[Curves, float]:
    found = curves_of(observed_in(case))
    return found, float(case["params"].get("tau", case["params"].get("time")))


@cases("rmst")
def test_restricted_means(case: Case) -> None:
    values = case["values"]
    found, tau = compared(case)
    corrected = 0.0
    for arm, curve, n_rows, _ in arms_of(case):
        k = count_until(curve.months, n_rows, tau)
        mean, variance = restricted_mean(curve, k, tau, scratch(n_rows))
        assert [mean, math.sqrt(variance)] == pytest.approx(values[arm], rel=1e-11)
        corrected += variance * k / (k - 1)
    estimate, se, z, status = compare_means(*found, tau, scratch(len(found.control.months)))
    assert status == 0
    assert z == estimate / se
    p = math.erfc(abs(z) / math.sqrt(2.0))
    whole = [estimate, estimate - Z95 * se, estimate + Z95 * se, p]
    assert whole == pytest.approx(values["diff"], rel=1e-9)
    # simtrial multiplies an arm's variance by k / (k - 1), with k events up to tau.
    theirs = values["simtrial"]
    assert estimate == pytest.approx(theirs["diff"], rel=1e-10)
    assert math.sqrt(corrected) == pytest.approx(theirs["se"], rel=1e-10)
    assert estimate / math.sqrt(corrected) == pytest.approx(theirs["z"], rel=1e-10)


@cases("milestone")
@pytest.mark.parametrize(("scale", "log_log"), [("naive", 0), ("loglog", 1)])
def test_milestones(case: Case, scale: str, log_log: int) -> None:
    expected = case["values"][scale]
    found, month = compared(case)
    *numbers, status = compare_survival(*found, month, log_log)
    assert status == 0
    assert numbers == pytest.approx([expected[key] for key in ("estimate", "se", "z")], rel=1e-10)


@cases("median")
def test_medians_and_their_limits(case: Case) -> None:
    for arm, curve, n_rows, last in arms_of(case):
        expected = case["values"][arm]
        found = median(curve, n_rows, last)
        limits = median_limits(curve, n_rows, Z95, scratch(n_rows), scratch(n_rows))
        # null: not reached.
        theirs = [expected["median"], *expected["median_loglog_ci"]]
        assert [found, *limits] == [math.inf if month is None else month for month in theirs]
