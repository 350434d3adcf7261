"""One simulated trial as text for a terminal, and its patients as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from simulate.errors import Problem, ScenarioError, SimulateError
from simulate.report.contents import FAILURES
from simulate.report.tables import Column, print_columns, say
from simulate.report.words import (
    analysis_name,
    arm_name,
    comparison_text,
    hypothesis_name,
    number,
    rule_text,
    stopping_text,
)
from simulate.results.replayed import (
    BY_DROPOUT,
    BY_EVENT,
    ENDED_BY,
    Cut,
    Look,
    ReplayedTrial,
)
from simulate.scenario.resolve import strata_cells

if TYPE_CHECKING:
    from rich.console import Console

STANDARD_OUTPUT = "-"
BEFORE_FACTORS = ("trial", "patient", "arm")
AFTER_FACTORS = (
    "entry_calendar_months",
    "pfs_months",
    "pfs_event",
    "pfs_ended_by",
    "cutoff_calendar_months",
)


def print_replay(trial: ReplayedTrial, cut: Cut | None, console: Console) -> None:
    """Print a trial's looks, a table a hypothesis, and its arms at a cutoff if there is one."""
    scenario = trial.scenario
    say(console, scenario.title, "bold")
    say(console, f"trial {trial.trial:,} of seed {scenario.simulation.seed}")
    for name in scenario.hypotheses:
        say(console)
        _print_hypothesis(trial, name, console)
    say(console)
    if cut is None:
        say(console, "No analysis took place in this trial.")
    else:
        _print_arms(trial, cut, console)


def median_text(months: float) -> str:
    """Write a Kaplan-Meier median."""
    return f"{number(months, 4)} months" if math.isfinite(months) else "not reached"


def _print_hypothesis(trial: ReplayedTrial, hypothesis: str, console: Console) -> None:
    """Print the test of a hypothesis, and a row a figure, a column a look."""
    scenario = trial.scenario
    looks = [look for look in trial.looks if look.hypothesis == hypothesis]
    say(console, hypothesis_name(scenario, hypothesis), "bold green")
    say(console, f"{hypothesis}: {comparison_text(scenario, hypothesis)}")
    say(console, rule_text(scenario, hypothesis))
    if len(scenario.analyses) > 1:
        say(console, stopping_text(scenario))
    columns = [
        Column(analysis_name(scenario, look.analysis), list(_look_cells(look))) for look in looks
    ]
    print_columns(console, list(_look_labels(trial, hypothesis)), columns)
    labels = dict(FAILURES)
    for look in looks:
        for missing in look.missing:
            say(console, f"{analysis_name(scenario, look.analysis)}: {labels[missing]}")


def _look_labels(trial: ReplayedTrial, hypothesis: str) -> Iterator[str]:
    """Labels of the rows that `_look_cells` fills."""
    arms = trial.scenario.hypotheses[hypothesis].arms
    yield "calendar month"
    for counted in ("patients", "events", "dropouts"):
        yield counted
        yield f"  {arm_name(trial.scenario, arms.experimental)}"
        yield f"  {arm_name(trial.scenario, arms.control)}"
    yield from ("z", "hazard ratio", "  95% limits", "conclusion")


def _look_cells(look: Look) -> Iterator[str]:
    """A look's figures; empty where it did not take place."""
    is_held = not math.isnan(look.cutoff)
    yield f"{look.cutoff:.2f}" if is_held else ""
    for experimental, control in (
        (look.patients_experimental, look.patients_control),
        (look.events_experimental, look.events_control),
        (look.dropouts_experimental, look.dropouts_control),
    ):
        for count in (experimental + control, experimental, control):
            yield f"{count:,}" if is_held else ""
    yield "" if math.isnan(look.z) else f"{look.z:.4f}"
    ratio, low, high = look.hazard_ratio
    has_ratio = not math.isnan(ratio)
    yield f"{ratio:.4f}" if has_ratio else ""
    yield f"{low:.4f} to {high:.4f}" if has_ratio else ""
    yield look.verdict


def _print_arms(trial: ReplayedTrial, cut: Cut, console: Console) -> None:
    """Print each arm's numbers and Kaplan-Meier median at a cutoff."""
    scenario = trial.scenario
    at = f"{analysis_name(scenario, cut.analysis)}, calendar month {cut.cutoff:.2f}"
    say(console, f"All arms at: {at}", "bold")
    columns = []
    for place, arm in enumerate(scenario.arms):
        ended_by = cut.ended_by[cut.arm == place]
        counts = [
            len(ended_by),
            np.count_nonzero(ended_by == BY_EVENT),
            np.count_nonzero(ended_by == BY_DROPOUT),
        ]
        median = median_text(cut.curve(place).median_months)
        columns.append(Column(arm_name(scenario, arm), [*(f"{n:,}" for n in counts), median]))
    labels = ["patients", "events", "dropouts", "median PFS (Kaplan-Meier)"]
    print_columns(console, labels, columns)


def check_csv_path(path: str) -> None:
    """Refuse a file that could not be written, before anything is simulated.

    Raises
    ------
    ScenarioError
        If the suffix is not .csv or the folder does not exist; - stands for standard output.
    """
    if path == STANDARD_OUTPUT:
        return
    if Path(path).suffix.lower() != ".csv":
        raise ScenarioError([Problem("", "must be - or end in .csv", path, where="--csv")])
    if not Path(path).parent.is_dir():
        raise ScenarioError([Problem("", "must be in a folder that exists", path, where="--csv")])


def save_csv(trial: ReplayedTrial, cut: Cut, path: str) -> None:
    """Write the patients at a cutoff into a CSV file; see `write_csv`.

    Raises
    ------
    ScenarioError
        If a stratification factor has the name of another column.
    SimulateError
        If the file cannot be written.
    """
    _check_factors(trial)
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as stream:
            write_csv(trial, cut, stream)
    except OSError as error:
        raise SimulateError(f"cannot write {path}: {error.strerror}") from None


def write_csv(trial: ReplayedTrial, cut: Cut, stream: TextIO) -> None:
    """Write the patients at a cutoff as CSV, one row a patient; docs/replay.md lists the columns.

    Numbers are written with all their digits: reading them gives the same doubles.

    Raises
    ------
    ScenarioError
        If a stratification factor has the name of another column.
    """
    _check_factors(trial)
    scenario = trial.scenario
    arms = list(scenario.arms)
    levels = [tuple(cell.levels.values()) for cell in strata_cells(scenario)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*BEFORE_FACTORS, *scenario.strata, *AFTER_FACTORS])
    columns = (cut.arm, cut.stratum, cut.entry, cut.months, cut.ended_by)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for patient, (arm, stratum, entry, months, why) in enumerate(rows, start=1):
        before = (trial.trial, patient, arms[arm])
        after = (entry, months, int(why == BY_EVENT), ENDED_BY[why], cut.cutoff)
        writer.writerow([*before, *levels[stratum], *after])


def _check_factors(trial: ReplayedTrial) -> None:
    """Refuse a factor that would make two columns of one name."""
    taken = [name for name in trial.scenario.strata if name in {*BEFORE_FACTORS, *AFTER_FACTORS}]
    if taken:
        rule = "must not have the name of another column of the CSV"
        raise ScenarioError([Problem(f"strata.{name}", rule) for name in taken])
