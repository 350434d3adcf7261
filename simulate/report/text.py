"""Results as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from simulate.report.words import (
    analysis_name,
    arm_name,
    describe,
    hypothesis_name,
)
from simulate.results.characteristics import OVERALL
from simulate.results.closed_forms import ExpectedLook, closed_form_power, expected_looks
from simulate.results.estimates import Estimate
from simulate.results.result import Result
from simulate.scenario.comparisons import constant_log_hazard_ratio
from simulate.scenario.models import Scenario

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

TWIN_LABELS = {
    "cumulative_rejection_probability": "rejected by",
    "look_time_mean": "mean calendar month of",
}
FAILURES = (
    ("look_skipped", "look not held"),
    ("target_not_reached", "number of events never reached"),
    ("no_information", "no events to test"),
    ("estimate_infinite", "hazard ratio infinite"),
    ("estimate_not_converged", "hazard ratio not converged"),
)


def print_result(result: Result, console: Console) -> None:
    """Print what a run found: the headline, a table a hypothesis, the closed forms beside it."""
    from rich.text import Text  # noqa: PLC0415 - at start-up nothing needs it

    scenario = result.scenario
    console.print(Text(scenario.title, style="bold"))
    simulation = scenario.simulation
    console.print(
        f"{simulation.trials:,} simulated trials, seed {simulation.seed}", highlight=False
    )
    for name in scenario.hypotheses:
        console.print()
        console.print(Text(_headline(result, name), style="bold green"))
        console.print("Monte Carlo standard errors in brackets", highlight=False)
        console.print(_look_table(result, name))
    console.print()
    if result.twins:
        console.print("Beside closed forms", highlight=False)
        console.print(_twin_table(result))
    else:
        console.print("No closed form stands beside these figures.", highlight=False)
    console.print()
    for line in _notes(result):
        console.print(line, highlight=False, soft_wrap=True)


def print_check(scenario: Scenario, console: Console) -> None:
    """Print a scenario in words, and what closed forms expect of it."""
    from rich.text import Text  # noqa: PLC0415

    console.print(Text(scenario.title, style="bold"))
    console.print(scenario.purpose, highlight=False)
    for heading, lines in describe(scenario):
        console.print()
        console.print(Text(heading, style="bold"))
        for line in lines:
            console.print(f"  {line}", highlight=False, markup=False)
    console.print()
    console.print("Expected by closed forms, for this accrual, dropout and strata", style="bold")
    looks = expected_looks(scenario)
    console.print(_expectation_table(scenario, looks))
    console.print()
    for name in scenario.hypotheses:
        console.print(_closed_form_line(scenario, name), highlight=False, soft_wrap=True)


def rejection_name(scenario: Scenario, hypothesis: str) -> str:
    """What the rejection probability of a hypothesis is called under the scenario's assumptions."""
    log_hr = constant_log_hazard_ratio(scenario, hypothesis)
    null = math.log(scenario.hypotheses[hypothesis].test.null_hazard_ratio)
    return "Type I error" if log_hr is not None and abs(log_hr - null) < 1e-12 else "Power"


def with_error(estimate: Estimate, digits: int = 4) -> str:
    """Write an estimate with its Monte Carlo standard error in brackets."""
    if not math.isfinite(estimate.value):
        return "none"
    if not math.isfinite(estimate.mcse):
        return f"{estimate.value:.{digits}f} (none)"
    return f"{estimate.value:.{digits}f} ({estimate.mcse:.{digits}f})"


def _headline(result: Result, hypothesis: str) -> str:
    scenario = result.scenario
    power = result.power(hypothesis)
    return (
        f"{hypothesis_name(scenario, hypothesis)}: {rejection_name(scenario, hypothesis).lower()} "
        f"{with_error(power)}"
    )


def _table() -> Table:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _look_table(result: Result, hypothesis: str) -> RenderableType:
    """One row a figure, one column a look; standard errors in brackets."""
    scenario = result.scenario
    chosen = scenario.hypotheses[hypothesis]
    table = _table()
    table.add_column("", no_wrap=True)
    for analysis in chosen.analyses:
        table.add_column(analysis_name(scenario, analysis), justify="right")
    several = len(chosen.analyses) > 1
    if several:
        table.add_column("at the trial's end", justify="right")
    for label, measure, digits, overall in _lines(scenario, hypothesis, several):
        cells = [
            with_error(result.estimate(measure, hypothesis, analysis), digits)
            for analysis in chosen.analyses
        ]
        if several:
            at_end = result.estimate(measure, hypothesis) if overall else None
            cells.append(with_error(at_end, digits) if at_end else "")
        table.add_row(label, *cells)
    return table


def _lines(
    scenario: Scenario, hypothesis: str, several: bool
) -> Iterator[tuple[str, str, int, bool]]:
    """Label, measure, digits, and whether it exists for the trial's end."""
    chosen = scenario.hypotheses[hypothesis]
    experimental = arm_name(scenario, chosen.arms.experimental)
    control = arm_name(scenario, chosen.arms.control)
    if several:
        yield "first rejected here", "first_rejection_probability", 4, False
        yield "rejected by here", "cumulative_rejection_probability", 4, False
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


def _twin_table(result: Result) -> RenderableType:
    """Simulated figures beside those of closed forms."""
    scenario = result.scenario
    table = _table()
    table.add_column("", no_wrap=True)
    for heading in ("simulated", "closed form", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("")
    for twin in result.twins:
        if twin.analysis == OVERALL:
            continue  # the same figure as by the last look
        digits = 4 if "probability" in twin.measure else 2
        label = TWIN_LABELS.get(twin.measure) or twin.measure.removesuffix("_mean").replace(
            "_", " "
        )
        verdict = "DIFFERS, beyond" if twin.flagged else "within"
        allowed = "" if twin.kind == "exact" else f"{twin.tolerance:.{digits}f} and "
        table.add_row(
            f"{twin.hypothesis}: {label}, {analysis_name(scenario, twin.analysis)}",
            with_error(Estimate(twin.estimate, twin.mcse, 0), digits),
            f"{twin.twin:.{digits}f}",
            f"{twin.estimate - twin.twin:+.{digits}f}",
            f"{verdict} {allowed}4 errors",
            f"{twin.kind}: {twin.method}",
            style="bold red" if twin.flagged else "",
        )
    return table


def _notes(result: Result) -> Iterator[str]:
    """What did not exist, what has no single truth, and what to make of flagged twins."""
    scenario = result.scenario
    missing = [
        f"{label} in {with_error(Estimate(row.estimate, row.mcse, row.n_trials))} of the trials "
        f"({row.hypothesis} at {row.analysis})"
        for measure, label in FAILURES
        for row in result.operating_characteristics
        if row.measure == measure and row.condition == "all" and row.estimate > 0.0
    ]
    yield "What did not exist: " + ("; ".join(missing) if missing else "nothing, in any trial.")
    for name in scenario.hypotheses:
        if constant_log_hazard_ratio(scenario, name) is None:
            yield (
                f"{name}: no single true hazard ratio (it changes with time or by stratum), so no "
                "bias, coverage or closed-form power."
            )
    if any(twin.flagged for twin in result.twins):
        yield (
            "A figure differs from its closed form by more than four Monte Carlo standard errors "
            "and what the approximation allows: find out why before using either."
        )


def _expectation_table(scenario: Scenario, looks: list[ExpectedLook]) -> RenderableType:
    """What is expected at each look, by arm."""
    table = _table()
    table.add_column("")
    for look in looks:
        table.add_column(analysis_name(scenario, look.analysis), justify="right")
    exactness = ["exact" if look.fixed else "approximate" for look in looks]
    table.add_row("", *exactness)
    table.add_row(
        "calendar month",
        *(f"{look.month:.2f}" if math.isfinite(look.month) else "never" for look in looks),
    )
    counts: tuple[tuple[str, Callable[[ExpectedLook], dict[str, float]]], ...] = (
        ("patients", lambda look: look.patients),
        ("events", lambda look: look.events),
        ("dropouts", lambda look: look.dropouts),
    )
    for label, of in counts:
        table.add_row(label, *(f"{sum(of(look).values()):.1f}" for look in looks))
        for arm in scenario.arms:
            name = arm_name(scenario, arm)
            table.add_row(f"  {name}", *(f"{of(look)[arm]:.1f}" for look in looks))
    return table


def _closed_form_line(scenario: Scenario, hypothesis: str) -> str:
    """Closed-form power of one hypothesis, or why there is none."""
    power = closed_form_power(scenario, hypothesis)
    if power is None:
        return (
            f"{hypothesis}: no closed-form power (no single hazard ratio, a look that is not "
            "expected or adds no events, or another hypothesis that can stop the trial)."
        )
    looks = scenario.hypotheses[hypothesis].analyses
    by_look = ", ".join(f"{value:.4f} by {look}" for value, look in zip(power, looks, strict=True))
    name = rejection_name(scenario, hypothesis).lower()
    return f"{hypothesis}: {name} {by_look} (Schoenfeld's approximation; simulate to see the truth)"
