"""Results as text for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulate.report.contents import (
    METHODS,
    assurance_text,
    estimate_headline,
    headline,
    notes,
    partial_text,
    rejection_name,
    result_table,
    tested_text,
    truth_text,
    twin_cells,
    with_error,
)
from simulate.report.tables import Column, new_table, plain, print_columns, say
from simulate.report.words import (
    analysis_name,
    arm_name,
    describe,
    estimated_text,
    rule_text,
    stopping_text,
)
from simulate.results.characteristics import ALL, ANY, OVERALL
from simulate.results.closed_forms import ExpectedLook, closed_form_power, expected_looks
from simulate.results.result import Result
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import has_states, is_assessed, times_of, uncertain_tables

if TYPE_CHECKING:
    from rich.console import Console


def print_result(result: Result, console: Console) -> None:
    """Print what a run found: a table a hypothesis, closed forms beside it, what did not exist."""
    scenario = result.scenario
    simulation = scenario.simulation
    say(console, scenario.title, "bold")
    say(console, f"{simulation.trials:,} simulated trials, seed {simulation.seed}")
    if result.planned_trials is not None:
        say(console, partial_text(result), "bold red")
    say(console, "Monte Carlo standard errors in brackets")
    if not result.tallies.are_exact:
        say(console, f"quantiles {result.quantiles}")
    for name in scenario.hypotheses:
        say(console)
        _print_hypothesis(result, name, console)
    for name in scenario.estimates:
        say(console)
        _print_estimate(result, name, console)
    if len(scenario.hypotheses) > 1:
        say(console)
        for several, label in ((ANY, "at least one"), (ALL, "every one")):
            share = result.estimate("rejection_probability", several)
            say(console, f"{label} of the hypotheses rejected: {with_error(share)}")
    say(console)
    _print_twins(result, console)
    say(console)
    for line in notes(result):
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


def _print_hypothesis(result: Result, hypothesis: str, console: Console) -> None:
    """Print the headline of a hypothesis, its test, and a row a figure, a column a look."""
    scenario = result.scenario
    say(console, headline(result, hypothesis), "bold green")
    for line in assurance_text(result, hypothesis):
        say(console, line)
    say(console, f"{hypothesis}: {tested_text(scenario, hypothesis)}")
    say(console, rule_text(scenario, hypothesis))
    several = len(scenario.analyses) > 1
    if several:
        say(console, stopping_text(scenario))
    print_columns(console, *result_table(result, hypothesis))
    if several:
        say(console, "months, counts, estimates at a look: all trials that have it, stopped or not")
        say(console, "at the end: each trial at its last look")


def _print_estimate(result: Result, estimate: str, console: Console) -> None:
    """Print the headline of an estimate, what it is of, and a row a figure, a column a look."""
    scenario = result.scenario
    say(console, estimate_headline(result, estimate), "bold green")
    say(console, estimated_text(scenario, estimate) + truth_text(scenario, estimate))
    print_columns(console, *result_table(result, estimate))


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
        cells = map(plain, twin_cells(result.scenario, twin))
        table.add_row(*cells, style="bold red" if twin.flagged else "")
    console.print(table)
    say(
        console,
        "allowed: four standard errors, 10 in all trials, what the closed form is good to",
    )
    for method in dict.fromkeys(twin.method for twin in result.twins):
        say(console, METHODS[method])


def _print_expectations(scenario: Scenario, console: Console) -> None:
    """Print what is expected at each look, by arm."""
    if has_states(scenario):
        say(console, "no expected counts: there are no closed forms for patients with states")
        return
    arms = list(scenario.arms)
    times = times_of(scenario)
    by_endpoint = [expected_looks(scenario, endpoint) for endpoint in times or (None,)]
    looks = by_endpoint[0]
    labels = ["", "calendar month", "patients", *(f"  {arm_name(scenario, arm)}" for arm in arms)]
    cells = [_expected_cells(look, arms) for look in looks]
    for endpoint, of_endpoint in zip(times, by_endpoint, strict=False):
        several = f"{endpoint.upper()} " if len(times) > 1 else ""
        for counted in ("events", "dropouts"):
            labels += [f"{several}{counted}", *(f"  {arm_name(scenario, arm)}" for arm in arms)]
        for column, look in zip(cells, of_endpoint, strict=True):
            counts = [*_by_arm(look.events, arms), *_by_arm(look.dropouts, arms)]
            column.extend(counts if look.known else [""] * len(counts))
    columns = [
        Column(analysis_name(scenario, look.analysis), column)
        for look, column in zip(looks, cells, strict=True)
    ]
    print_columns(console, labels, columns)
    if is_assessed(scenario):
        say(console, "of latent events: scans show progression later")
    if uncertain_tables(scenario):
        say(console, "of uncertain arms: with their own figures, the medians of their truths")
    if not all(look.fixed for look in looks if look.known):
        say(console, "approximate: the month at which the expected events reach the number, or so")
    if not all(look.typical for look in looks if look.known):
        say(console, "uncertain: trials may well lack the events, or wait for the look before")

    if not all(look.known for look in looks):
        say(console, "unknown: no closed form says when such events come, only PFS and OS have one")


def _expected_cells(look: ExpectedLook, arms: list[str]) -> list[str]:
    """Cells of one look: how good they are, its month, expected patients."""
    if not look.known:
        return ["unknown", "", *[""] * (1 + len(arms))]
    return [
        "exact" if look.fixed else "approximate" if look.typical else "uncertain",
        f"{look.month:.2f}" if math.isfinite(look.month) else "never",
        *_by_arm(look.patients, arms),
    ]


def _by_arm(counts: dict[str, float], arms: list[str]) -> list[str]:
    """Expected numbers together and by arm."""
    return [f"{count:.1f}" for count in (sum(counts.values()), *(counts[arm] for arm in arms))]


def _closed_form_line(scenario: Scenario, hypothesis: str) -> str:
    """Closed-form power of one hypothesis, or why there is none."""
    power = closed_form_power(scenario, hypothesis)
    if power is None:
        return (
            f"{hypothesis}: no closed-form power (not a plain log-rank test, no single hazard "
            "ratio, an uncertain look or one that adds no events, another hypothesis that can stop "
            "the trial, or uncertain arms)."
        )
    looks = scenario.hypotheses[hypothesis].analyses
    by_look = ", ".join(f"{value:.4f} by {look}" for value, look in zip(power, looks, strict=True))
    name = rejection_name(scenario, hypothesis)
    return f"{hypothesis}: {name} {by_look} (Schoenfeld's approximation; simulate to see the truth)"
