"""Tests in words."""

from __future__ import annotations

from simulate.report.wording import months_text, number
from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.hypotheses import Test
from simulate.scenario.survival_tests import (
    LandmarkTest,
    LogrankTest,
    MaxComboTest,
    MilestoneTest,
    RestrictedMeanTest,
    WeightedLogrankTest,
    Weights,
)

PROPORTIONS = {
    "z_pooled": "z test of proportions, pooled variance",
    "z_unpooled": "z test of proportions, unpooled variance",
    "miettinen_nurminen": "Miettinen and Nurminen's test of proportions",
    "fisher": "Fisher's exact test",
    "mantel_haenszel": "Cochran-Mantel-Haenszel test",
}


def test_text(test: Test) -> str:
    """A test in words."""
    if isinstance(test, ProportionsTest | ExactBinomialTest):
        return _binary(test) + analysis_set(test.minimum_follow_up_months)
    return _survival(test)


def analysis_set(minimum_follow_up_months: float | None) -> str:
    """Which patients count, if not all."""
    if minimum_follow_up_months is None:
        return ""
    return f", patients followed for {months_text(minimum_follow_up_months)} or more"


def _binary(test: ProportionsTest | ExactBinomialTest) -> str:
    """A test of a binary endpoint in words."""
    if isinstance(test, ExactBinomialTest):
        return f"exact binomial test against {number(test.null_rate)}"
    margin = test.null_difference
    detail = f" of a difference of {number(margin)}" if margin != 0.0 else ""
    stratified = "stratified " if test.stratified and test.method != "mantel_haenszel" else ""
    return f"{stratified}{PROPORTIONS[test.method]}{detail}"


def _survival(
    test: LogrankTest
    | WeightedLogrankTest
    | MaxComboTest
    | RestrictedMeanTest
    | MilestoneTest
    | LandmarkTest,
) -> str:
    """A test of a time to an event in words."""
    stratified = "stratified " if test.stratified else ""
    match test:
        case LogrankTest():
            null = test.null_hazard_ratio
            text = f"{stratified}log-rank test"
            text += f" of hazard ratio {number(null)}" if null != 1.0 else ""
        case WeightedLogrankTest():
            text = f"weighted {stratified}log-rank test, {_weights(test)}"
        case MaxComboTest():
            text = f"{stratified}MaxCombo test of {'; '.join(map(_weights, test.components))}"
        case RestrictedMeanTest():
            text = f"difference in restricted mean up to month {number(test.tau_months)}"
        case MilestoneTest():
            text = f"difference in survival at month {number(test.at_months)}"
            text += ", log-log" if test.transform == "log_log" else ""
        case LandmarkTest():
            null = test.null_survival
            text = f"survival at month {number(test.at_months)} against {number(null)}, log-log"
    return text


def _weights(weights: Weights) -> str:
    """Weights of a test in words."""
    if weights.fleming_harrington is not None:
        exponents = weights.fleming_harrington
        return f"Fleming-Harrington ({number(exponents.rho)}, {number(exponents.gamma)})"
    modest = weights.modestly_weighted
    if modest is not None and modest.delay_months is not None:
        return f"modestly weighted up to month {number(modest.delay_months)}"
    floor = modest.survival_floor if modest is not None else None
    return f"modestly weighted down to survival {number(floor or 0.0)}"
