"""Assurance beside plug-ins as text, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulate.report.contents import few_trials_text, with_error
from simulate.report.tables import Column, print_columns, say
from simulate.report.wording import number
from simulate.report.words import arm_name, comparison_text, hypothesis_name, rule_text
from simulate.results.assurance import Assurance, AssuranceRow
from simulate.results.estimates import Estimate
from simulate.scenario.resolve import n_members

if TYPE_CHECKING:
    from rich.console import Console


def print_assurance(found: Assurance, console: Console) -> None:
    """Print a table a hypothesis: a row a calibration, a column a discount."""
    scenario = found.scenario
    simulation = scenario.simulation
    say(console, scenario.title, "bold")
    say(
        console,
        f"{simulation.trials:,} simulated trials a figure, seed {simulation.seed}, with the same "
        "patients",
    )
    say(console, "Monte Carlo standard errors in brackets")
    arms = " and ".join(arm_name(scenario, arm) for arm in found.discounted)
    say(console, f"discount: hazards of progression and death on {arms} divided by it")
    for name in scenario.hypotheses:
        say(console)
        _print_hypothesis(found, name, console)


def _print_hypothesis(found: Assurance, hypothesis: str, console: Console) -> None:
    """Print the figures of one hypothesis."""
    scenario = found.scenario
    say(console, hypothesis_name(scenario, hypothesis), "bold green")
    say(console, f"{hypothesis}: {comparison_text(scenario, hypothesis)}")
    say(console, rule_text(scenario, hypothesis))
    rows = [row for row in found.rows if row.hypothesis == hypothesis]
    labels = list(_labels(found, rows))
    columns = [
        Column(f"discount {number(d)}", list(_cells([row for row in rows if row.discount == d])))
        for d in found.discounts
    ]
    print_columns(console, labels, columns)
    say(console, "of its error: because of so many truths, and of so many trials")
    for warning in few_trials_text(n_members(scenario), scenario.simulation.trials):
        say(console, warning)


def _labels(found: Assurance, rows: list[AssuranceRow]) -> Iterator[str]:
    """What stands in each line."""
    has_ratios = any(math.isfinite(row.hazard_ratio) for row in rows)
    *plug_ins, uncertain = found.calibrations.values()
    for label in plug_ins:
        yield f"power, {label}"
    yield f"assurance, {uncertain}, {n_members(found.scenario):,} truths"
    yield "  of its error, truths"
    yield "  of its error, trials"
    yield "  power given the truth, standard deviation"
    yield "    5% quantile"
    yield "    median"
    yield "    95% quantile"
    yield "    share of truths with at least 0.8"
    if has_ratios:
        for label in (*plug_ins, uncertain):
            yield f"hazard ratio, geometric mean, {label}"


def _cells(rows: list[AssuranceRow]) -> Iterator[str]:
    """Figures of one discount, by line."""
    last = rows[-1]
    for row in rows:
        yield with_error(Estimate(row.estimate, row.mcse, row.n_trials))
    for value in (last.between_se, last.within_se):
        yield f"{value:.4f}" if math.isfinite(value) else "none"
    for value, error in (
        (last.power_sd, last.power_sd_mcse),
        (last.power_p05, last.power_p05_mcse),
        (last.power_median, last.power_median_mcse),
        (last.power_p95, last.power_p95_mcse),
        (last.power_above_80, last.power_above_80_mcse),
    ):
        yield with_error(Estimate(value, error, last.n_trials))
    if any(math.isfinite(row.hazard_ratio) for row in rows):
        for row in rows:
            yield with_error(Estimate(row.hazard_ratio, row.hazard_ratio_mcse, row.n_trials))


def assurance_csv(found: Assurance) -> str:
    """Rows as CSV: RFC 4180, all digits, nothing where a figure is undefined."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(AssuranceRow._fields)
    for row in found.rows:
        cells = (c if not isinstance(c, float) or math.isfinite(c) else "" for c in row)
        writer.writerow([repr(c) if isinstance(c, float) else c for c in cells])
    return stream.getvalue()
