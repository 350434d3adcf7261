"""One simulated trial as text for a terminal, and its patients as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from simulate.errors import Problem, ScenarioError, SimulateError
from simulate.report.contents import EFFECTS, counted_name, failure_label
from simulate.report.tables import Column, print_columns, say
from simulate.report.wording import number
from simulate.report.words import (
    analysis_name,
    arm_name,
    comparison_text,
    endpoint_name,
    estimated_text,
    hypothesis_name,
    rule_text,
    stopping_text,
)
from simulate.results.estimates import CONFIDENCE_Z
from simulate.results.replayed import (
    BY_DROPOUT,
    BY_EVENT,
    ENDED_BY,
    NOT_HELD,
    Cut,
    Look,
    ReplayedTrial,
)
from simulate.runner.pack import endpoint_numbers
from simulate.scenario.endpoints import OF_PATIENTS
from simulate.scenario.resolve import strata_cells

if TYPE_CHECKING:
    from rich.console import Console

STANDARD_OUTPUT = "-"
NO_LOOKS = "The scenario has neither hypotheses nor estimates, so that its looks are not made."
BEFORE_FACTORS = ("trial", "patient", "arm")
ENTRY, CUTOFF = "entry_calendar_months", "cutoff_calendar_months"
OF_ENDPOINT = ("months", "event", "ended_by")


def print_replay(trial: ReplayedTrial, cut: Cut | None, console: Console) -> None:
    """Print a trial's looks, a table a hypothesis, and its arms at a cutoff if there is one."""
    scenario = trial.scenario
    say(console, scenario.title, "bold")
    say(console, f"trial {trial.trial:,} of seed {scenario.simulation.seed}")
    for name in scenario.hypotheses:
        say(console)
        _print_hypothesis(trial, name, console)
    if scenario.estimates:
        say(console)
        _print_estimates(trial, console)
    say(console)
    if cut is None:
        why = "No analysis took place in this trial." if trial.looks else NO_LOOKS
        say(console, why)
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
        Column(analysis_name(scenario, look.analysis), list(_look_cells(trial, look)))
        for look in looks
    ]
    print_columns(console, list(_look_labels(trial, hypothesis)), columns)
    for look in looks:
        for missing in look.missing:
            label = failure_label(scenario, hypothesis, missing)
            say(console, f"{analysis_name(scenario, look.analysis)}: {label}")


def _print_estimates(trial: ReplayedTrial, console: Console) -> None:
    """Print every estimate without a test at every look."""
    say(console, "Estimates", "bold green")
    for look in trial.looks:
        if look.hypothesis in trial.scenario.estimates:
            at = analysis_name(trial.scenario, look.analysis)
            what = estimated_text(trial.scenario, look.hypothesis)
            say(console, f"{look.hypothesis} at {at} ({what}): {_estimate_cell(look)}")


def _estimate_cell(look: Look) -> str:
    """Estimate of a look with its limits."""
    if look.verdict == NOT_HELD:
        return NOT_HELD
    if math.isnan(look.estimate):
        return "none"
    if math.isinf(look.estimate):
        return "not reached"
    if math.isnan(look.lower) and math.isnan(look.upper):
        return number(look.estimate, 4)
    low, high = (number(x, 4) if math.isfinite(x) else "none" for x in (look.lower, look.upper))
    return f"{number(look.estimate, 4)} (limits {low} to {high})"


def _look_labels(trial: ReplayedTrial, hypothesis: str) -> Iterator[str]:
    """Labels of the rows that `_look_cells` fills."""
    scenario = trial.scenario
    chosen = scenario.hypotheses[hypothesis]
    yield "calendar month"
    for counted in ("patients", "events", "dropouts"):
        yield counted_name(scenario, hypothesis, counted)
        if len(chosen.arms.names) > 1:
            yield from (f"  {arm_name(scenario, arm)}" for arm in chosen.arms.names)
    effect = chosen.test.effect
    label = EFFECTS[effect][0] if effect in EFFECTS else "hazard ratio"
    yield from ("z", label, "  95% limits", "conclusion")


def _look_cells(trial: ReplayedTrial, look: Look) -> Iterator[str]:
    """A look's figures; empty where it did not take place."""
    is_held = not math.isnan(look.cutoff)
    chosen = trial.scenario.hypotheses[look.hypothesis]
    yield f"{look.cutoff:.2f}" if is_held else ""
    for experimental, control in (
        (look.patients_experimental, look.patients_control),
        (look.events_experimental, look.events_control),
        (look.dropouts_experimental, look.dropouts_control),
    ):
        by_arm = (experimental, control) if len(chosen.arms.names) > 1 else ()
        for count in (experimental + control, *by_arm):
            yield f"{count:,}" if is_held else ""
    yield "" if math.isnan(look.z) else f"{look.z:.4f}"
    half_width = CONFIDENCE_Z * look.se
    limits = (look.estimate, look.estimate - half_width, look.estimate + half_width)
    estimate, low, high = look.hazard_ratio if is_ratio(trial, look) else limits
    is_there = not math.isnan(estimate)
    yield f"{estimate:.4f}" if is_there else ""
    yield f"{low:.4f} to {high:.4f}" if is_there else ""
    yield look.verdict


def is_ratio(trial: ReplayedTrial, look: Look) -> bool:
    """Whether what a look estimates is a log hazard ratio."""
    return trial.scenario.hypotheses[look.hypothesis].test.effect == "log_hazard_ratio"


def _print_arms(trial: ReplayedTrial, cut: Cut, console: Console) -> None:
    """Print each arm's numbers and Kaplan-Meier median at a cutoff."""
    scenario = trial.scenario
    at = f"{analysis_name(scenario, cut.analysis)}, calendar month {cut.cutoff:.2f}"
    say(console, f"All arms at: {at}", "bold")
    cuts = [trial.cut(cut.analysis, endpoint) for endpoint in endpoint_numbers(scenario)]
    labels = ["patients"]
    for by in cuts:
        if by.endpoint in OF_PATIENTS:
            name = endpoint_name(scenario, by.endpoint)
            several = f"{name} " if len(cuts) > 1 else ""
            labels += [f"{several}events", f"{several}dropouts", f"median {name} (Kaplan-Meier)"]
        else:
            labels.append(endpoint_name(scenario, by.endpoint))
    columns = [
        Column(
            arm_name(scenario, arm),
            [
                f"{np.count_nonzero(cut.arm == place):,}",
                *(cell for by in cuts for cell in _arm_cells(by, place)),
            ],
        )
        for place, arm in enumerate(scenario.arms)
    ]
    print_columns(console, labels, columns)


def _arm_cells(cut: Cut, place: int) -> Iterator[str]:
    """Events of an arm; for a time to an event its dropouts and median, too."""
    ended_by = cut.ended_by[cut.arm == place]
    yield f"{np.count_nonzero(ended_by == BY_EVENT):,}"
    if cut.endpoint in OF_PATIENTS:
        yield f"{np.count_nonzero(ended_by == BY_DROPOUT):,}"
        yield median_text(cut.curve(place).median_months)


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
    writer.writerow([*BEFORE_FACTORS, *scenario.strata, *_after_factors(trial)])
    cuts = [trial.cut(cut.analysis, endpoint) for endpoint in endpoint_numbers(scenario)]
    followed = zip(
        *(zip(by.months.tolist(), by.ended_by.tolist(), strict=True) for by in cuts), strict=True
    )
    columns = (cut.arm, cut.stratum, cut.entry)
    rows = zip(*(column.tolist() for column in columns), followed, strict=True)
    for patient, (arm, stratum, entry, endpoints) in enumerate(rows, start=1):
        before = (trial.trial, patient, arms[arm])
        after = [
            cell
            for months, why in endpoints
            for cell in (months, int(why == BY_EVENT), ENDED_BY[why])
        ]
        writer.writerow([*before, *levels[stratum], entry, *after, cut.cutoff])


def _after_factors(trial: ReplayedTrial) -> list[str]:
    """Columns that follow those of the factors."""
    endpoints = endpoint_numbers(trial.scenario)
    return [ENTRY, *(f"{name}_{what}" for name in endpoints for what in OF_ENDPOINT), CUTOFF]


def _check_factors(trial: ReplayedTrial) -> None:
    """Refuse a factor that would make two columns of one name."""
    others = {*BEFORE_FACTORS, *_after_factors(trial)}
    taken = [name for name in trial.scenario.strata if name in others]
    if taken:
        rule = "must not have the name of another column of the CSV"
        raise ScenarioError([Problem(f"strata.{name}", rule) for name in taken])
