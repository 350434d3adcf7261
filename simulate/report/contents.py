"""What the tables of a result say, whatever they are printed as."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simulate.report.tables import Column
from simulate.report.words import (
    analysis_name,
    arm_name,
    comparison_text,
    hypothesis_name,
    number,
)
from simulate.results.estimates import Estimate
from simulate.results.result import Result
from simulate.results.twins import (
    EXPECTED_COUNTS,
    EXPECTED_EVENTS,
    LOOK_TIME_TOLERANCE,
    POWER_TOLERANCE,
    SCHOENFELD,
    STRATIFIED_POWER_TOLERANCE,
    Twin,
)
from simulate.scenario.comparisons import constant_log_hazard_ratio
from simulate.scenario.models import Scenario

FAILURES = (
    ("look_skipped", "look not held"),
    ("target_not_reached", "number of events never reached"),
    ("no_information", "nothing to test"),
    ("estimate_infinite", "hazard ratio infinite"),
    ("estimate_not_converged", "hazard ratio not converged"),
)
METHODS = {
    SCHOENFELD: "rejected: Schoenfeld's approximation (1981), good to "
    f"{POWER_TOLERANCE:g}, stratified {STRATIFIED_POWER_TOLERANCE:g}",
    EXPECTED_EVENTS: "mean month: when the expected events reach the number, good to "
    f"{LOOK_TIME_TOLERANCE:.0%}",
    EXPECTED_COUNTS: "patients, events, dropouts at a fixed month: exact",
}


def headline(result: Result, hypothesis: str) -> str:
    """Name of a hypothesis and its power, or type I error."""
    name = hypothesis_name(result.scenario, hypothesis)
    power = with_error(result.power(hypothesis))
    return f"{name}: {rejection_name(result.scenario, hypothesis)} {power}"


def tested_text(scenario: Scenario, hypothesis: str) -> str:
    """Arms and test of a hypothesis, and its true hazard ratio if there is a single one."""
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    truth = "" if log_hr is None else f"; true hazard ratio {number(math.exp(log_hr))}"
    return f"{comparison_text(scenario, hypothesis)}{truth}"


def result_table(result: Result, hypothesis: str) -> tuple[list[str], list[Column]]:
    """Labels of the figures of a hypothesis, and a column a look; last, the end of the trial."""
    scenario = result.scenario
    several = len(scenario.analyses) > 1
    lines = list(result_lines(scenario, hypothesis, several))
    columns = [
        Column(
            analysis_name(scenario, analysis),
            [
                with_error(result.estimate(measure, hypothesis, analysis), digits)
                for _, measure, digits, _ in lines
            ],
        )
        for analysis in scenario.hypotheses[hypothesis].analyses
    ]
    if several:
        at_end = [
            with_error(result.estimate(measure, hypothesis), digits) if by_end else ""
            for _, measure, digits, by_end in lines
        ]
        columns.append(Column("at the end", at_end))
    return [label for label, *_ in lines], columns


def partial_text(result: Result) -> str:
    """Say that trials are missing, and how many."""
    planned = result.planned_trials or 0
    missing = planned - result.scenario.simulation.trials
    return f"partial: {missing:,} of {planned:,} planned trials are missing"


def rejection_name(scenario: Scenario, hypothesis: str) -> str:
    """What the rejection probability of a hypothesis is called under the scenario's assumptions.

    A type I error if the null hypothesis holds, which is that the hazard ratio is the null one or
    worse.
    """
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    null = math.log(scenario.hypotheses[hypothesis].test.null_hazard_ratio)
    return "type I error" if log_hr is not None and log_hr > null - 1e-12 else "power"


def with_error(estimate: Estimate, digits: int = 4) -> str:
    """Write an estimate with its Monte Carlo standard error in brackets, to 3 decimals at least."""
    if not math.isfinite(estimate.value):
        return "none"
    if not math.isfinite(estimate.mcse):
        return f"{estimate.value:.{digits}f} (none)"
    return f"{estimate.value:.{digits}f} ({estimate.mcse:.{max(digits, 3)}f})"


def result_lines(
    scenario: Scenario, hypothesis: str, several: bool
) -> Iterator[tuple[str, str, int, bool]]:
    """Label, measure, digits, and whether it exists for the trial's end."""
    chosen = scenario.hypotheses[hypothesis]
    experimental = arm_name(scenario, chosen.arms.experimental)
    control = arm_name(scenario, chosen.arms.control)
    if several:
        yield "first rejected here", "first_rejection_probability", 4, False
        yield "rejected by now", "cumulative_rejection_probability", 4, False
        yield "look reached", "reached_probability", 4, False
    else:
        yield "rejected", "rejection_probability", 4, True
    yield "calendar month, mean", "look_time_mean", 2, True
    yield "  standard deviation", "look_time_sd", 2, True
    yield "  5% quantile", "look_time_q05", 2, True
    yield "  median", "look_time_q50", 2, True
    yield "  95% quantile", "look_time_q95", 2, True
    for counted in ("patients", "events", "dropouts"):
        yield f"{counted}, mean", f"{counted}_mean", 2, True
        yield f"  {experimental}", f"{counted}_experimental_mean", 2, True
        yield f"  {control}", f"{counted}_control_mean", 2, True
    if chosen.test.estimate != "none":
        yield "hazard ratio, geometric mean", "hazard_ratio", 4, False
        if constant_log_hazard_ratio(scenario, hypothesis) is not None:
            yield "  bias of its logarithm", "log_hazard_ratio_bias", 4, False
            yield "  coverage of the 95% interval", "coverage_95", 4, False


def twin_cells(scenario: Scenario, twin: Twin) -> list[str]:
    """Cells of a twin's row."""
    digits = 4 if "probability" in twin.measure else 2
    return [
        f"  {twin_label(scenario, twin)}",
        with_error(Estimate(twin.estimate, twin.mcse, 0), digits),
        f"{twin.twin:.{digits}f}",
        f"{twin.estimate - twin.twin:+.{digits}f}" if math.isfinite(twin.estimate) else "none",
        (f"{twin.allowed:.{digits}f}" if math.isfinite(twin.allowed) else "any")
        + (" DIFFERS" if twin.flagged else ""),
    ]


def twin_label(scenario: Scenario, twin: Twin) -> str:
    """What a twin's figure is, in words."""
    look = analysis_name(scenario, twin.analysis)
    if twin.measure == "cumulative_rejection_probability":
        return f"rejected by {look}"
    if twin.measure == "look_time_mean":
        return f"mean month of {look}"
    counted, part, _ = twin.measure.split("_")
    arms = scenario.hypotheses[twin.hypothesis].arms
    arm = arms.experimental if part == "experimental" else arms.control
    return f"{counted} at {look}, {arm}"


def notes(result: Result) -> Iterator[str]:
    """What did not exist, what has no single truth, and what to make of flagged twins."""
    scenario = result.scenario
    missing = [
        f"  {row.hypothesis} at {row.analysis}: {label} in "
        f"{with_error(Estimate(row.estimate, row.mcse, row.n_trials))} of the trials"
        for measure, label in FAILURES
        for row in result.operating_characteristics
        if row.measure == measure and row.condition == "all" and row.estimate > 0.0
    ]
    yield "What did not exist:" if missing else "What did not exist: nothing, in any trial."
    yield from missing
    for name in scenario.hypotheses:
        if constant_log_hazard_ratio(scenario, name) is None:
            yield (
                f"{name}: no single true hazard ratio (it changes with time or by stratum), so no "
                "bias, coverage or closed-form power."
            )
    if any(twin.flagged for twin in result.twins):
        yield (
            "A figure differs from its closed form by more than is allowed: find out why before "
            "using either."
        )
