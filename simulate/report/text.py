"""Results as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulate.report.tables import Column, new_table, plain, print_columns, say
from simulate.report.words import (
    analysis_name,
    arm_name,
    comparison_text,
    describe,
    hypothesis_name,
    number,
    rule_text,
    stopping_text,
)
from simulate.results.characteristics import ALL, ANY, OVERALL
from simulate.results.closed_forms import ExpectedLook, closed_form_power, expected_looks
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

if TYPE_CHECKING:
    from rich.console import Console

FAILURES = (
    ("look_skipped", "look not held"),
    ("target_not_reached", "number of events never reached"),
    ("no_information", "no events to test"),
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


def print_result(result: Result, console: Console) -> None:
    """Print what a run found: a table a hypothesis, closed forms beside it, what did not exist."""
    scenario = result.scenario
    simulation = scenario.simulation
    say(console, scenario.title, "bold")
    say(console, f"{simulation.trials:,} simulated trials, seed {simulation.seed}")
    say(console, "Monte Carlo standard errors in brackets")
    if not result.tallies.are_exact:
        say(console, f"quantiles {result.quantiles}")
    for name in scenario.hypotheses:
        say(console)
        _print_hypothesis(result, name, console)
    if len(scenario.hypotheses) > 1:
        say(console)
        for several, label in ((ANY, "at least one"), (ALL, "every one")):
            share = result.estimate("rejection_probability", several)
            say(console, f"{label} of the hypotheses rejected: {with_error(share)}")
    say(console)
    _print_twins(result, console)
    say(console)
    for line in _notes(result):
        say(console, line)


def print_check(scenario: Scenario, console: Console) -> None:
    """Print a scenario in words, and what closed forms expect of it."""
    say(console, scenario.title, "bold")
    say(console, scenario.purpose)
    for heading, lines in describe(scenario):
        say(console)
        say(console, heading, "bold")
        for line in lines:
            say(console, f"  {line}")
    say(console)
    say(console, "Expected by closed forms, for this accrual, dropout and strata", "bold")
    _print_expectations(scenario, console)
    say(console)
    for name in scenario.hypotheses:
        say(console, _closed_form_line(scenario, name))


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


def _print_hypothesis(result: Result, hypothesis: str, console: Console) -> None:
    """Print the headline of a hypothesis, its test, and a row a figure, a column a look."""
    scenario = result.scenario
    power = f"{rejection_name(scenario, hypothesis)} {with_error(result.power(hypothesis))}"
    say(console, f"{hypothesis_name(scenario, hypothesis)}: {power}", "bold green")
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    truth = "" if log_hr is None else f"; true hazard ratio {number(math.exp(log_hr))}"
    say(console, f"{hypothesis}: {comparison_text(scenario, hypothesis)}{truth}")
    say(console, rule_text(scenario, hypothesis))
    analyses = scenario.hypotheses[hypothesis].analyses
    several = len(scenario.analyses) > 1
    if several:
        say(console, stopping_text(scenario))
    lines = list(_lines(scenario, hypothesis, several))
    columns = [
        Column(
            analysis_name(scenario, analysis),
            [
                with_error(result.estimate(measure, hypothesis, analysis), digits)
                for _, measure, digits, _ in lines
            ],
        )
        for analysis in analyses
    ]
    if several:
        at_end = [
            with_error(result.estimate(measure, hypothesis), digits) if overall else ""
            for _, measure, digits, overall in lines
        ]
        columns.append(Column("at the end", at_end))
    print_columns(console, [label for label, *_ in lines], columns)
    if several:
        say(console, "months, counts, estimates at a look: all trials that have it, stopped or not")
        say(console, "at the end: each trial at its last look")


def _lines(
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


def _print_twins(result: Result, console: Console) -> None:
    """Print simulated figures beside those of closed forms, and how good these are."""
    if not result.twins:
        say(console, "No closed form stands beside these figures.")
        return
    say(console, "Beside closed forms", "bold")
    table = new_table()
    table.add_column("", overflow="fold")
    for heading in ("simulated", "closed form", "difference", "allowed"):
        table.add_column(heading, justify="right", no_wrap=True)
    hypothesis = ""
    for twin in result.twins:
        if twin.analysis == OVERALL:
            continue  # the same figure as by the last look
        if twin.hypothesis != hypothesis:
            hypothesis = twin.hypothesis
            table.add_row(plain(hypothesis))
        cells = map(plain, _twin_cells(result.scenario, twin))
        table.add_row(*cells, style="bold red" if twin.flagged else "")
    console.print(table)
    say(
        console,
        "allowed: four standard errors, 10 in all trials, what the closed form is good to",
    )
    for method in dict.fromkeys(twin.method for twin in result.twins):
        say(console, METHODS[method])


def _twin_cells(scenario: Scenario, twin: Twin) -> list[str]:
    """Cells of a twin's row."""
    digits = 4 if "probability" in twin.measure else 2
    return [
        f"  {_twin_label(scenario, twin)}",
        with_error(Estimate(twin.estimate, twin.mcse, 0), digits),
        f"{twin.twin:.{digits}f}",
        f"{twin.estimate - twin.twin:+.{digits}f}" if math.isfinite(twin.estimate) else "none",
        (f"{twin.allowed:.{digits}f}" if math.isfinite(twin.allowed) else "any")
        + (" DIFFERS" if twin.flagged else ""),
    ]


def _twin_label(scenario: Scenario, twin: Twin) -> str:
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


def _notes(result: Result) -> Iterator[str]:
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


def _print_expectations(scenario: Scenario, console: Console) -> None:
    """Print what is expected at each look, by arm."""
    looks = expected_looks(scenario)
    arms = list(scenario.arms)
    labels = ["", "calendar month"]
    for counted in ("patients", "events", "dropouts"):
        labels += [counted, *(f"  {arm_name(scenario, arm)}" for arm in arms)]
    columns = [
        Column(analysis_name(scenario, look.analysis), _expected_cells(look, arms))
        for look in looks
    ]
    print_columns(console, labels, columns)
    if not all(look.fixed for look in looks):
        say(console, "approximate: the month at which the expected events reach the number, or so")
    if not all(look.typical for look in looks):
        say(console, "uncertain: trials may well lack the events, or wait for the look before")


def _expected_cells(look: ExpectedLook, arms: list[str]) -> list[str]:
    """Cells of one look: how good they are, its month, expected numbers by arm and together."""
    cells = [
        "exact" if look.fixed else "approximate" if look.typical else "uncertain",
        f"{look.month:.2f}" if math.isfinite(look.month) else "never",
    ]
    for by_arm in (look.patients, look.events, look.dropouts):
        cells += [f"{count:.1f}" for count in (sum(by_arm.values()), *(by_arm[a] for a in arms))]
    return cells


def _closed_form_line(scenario: Scenario, hypothesis: str) -> str:
    """Closed-form power of one hypothesis, or why there is none."""
    power = closed_form_power(scenario, hypothesis)
    if power is None:
        return (
            f"{hypothesis}: no closed-form power (no single hazard ratio, an uncertain look or one "
            "that adds no events, or another hypothesis that can stop the trial)."
        )
    looks = scenario.hypotheses[hypothesis].analyses
    by_look = ", ".join(f"{value:.4f} by {look}" for value, look in zip(power, looks, strict=True))
    name = rejection_name(scenario, hypothesis)
    return f"{hypothesis}: {name} {by_look} (Schoenfeld's approximation; simulate to see the truth)"
