"""Two runs compared trial by trial, as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simulate.report.contents import EFFECTS, with_error
from simulate.report.tables import Column, print_columns, say
from simulate.report.words import analysis_name, hypothesis_name
from simulate.results.characteristics import OVERALL
from simulate.results.compare import Difference, PairedRuns, Rejections
from simulate.results.estimates import Estimate
from simulate.scenario.reading import toml_text

if TYPE_CHECKING:
    from rich.console import Console

# Label and digits of each measure.
LINES = {
    "rejection_probability": ("rejected", 4),
    "cumulative_rejection_probability": ("rejected by now", 4),
    "look_time_mean": ("calendar month, mean", 2),
    "events_mean": ("events, mean", 2),
    "z_mean": ("z, mean", 4),
    **{f"{effect}_mean": (f"{label}, mean", digits) for effect, (label, digits) in EFFECTS.items()},
    "log_hazard_ratio_mean": ("log hazard ratio, mean", 4),
}
RUNS = {"a": "A", "b": "B"}


def print_comparison(runs: PairedRuns, console: Console) -> None:
    """Print where two scenarios differ, and a table of differences a hypothesis and look."""
    seed = runs.a.folder.manifest.seed
    for name, side in (("A", runs.a), ("B", runs.b)):
        trials = side.folder.manifest.trials
        say(console, f"{name}: {side.scenario.title}", "bold")
        say(console, f"   {side.folder.path}, {trials:,} trials")
    say(console, f"{runs.n_trials:,} trials of both, paired by their numbers, seed {seed}")
    say(console)
    _print_settings(runs, console)
    for row in runs.unpaired:
        say(console, f"only {RUNS[row.run]} tests {row.hypothesis} at {row.analysis}")
    hypotheses = dict.fromkeys(row.hypothesis for row in runs.differences)
    for hypothesis in hypotheses:
        say(console)
        _print_hypothesis(runs, hypothesis, console)
    say(console)
    for line in _notes(runs):
        say(console, line)


def _print_settings(runs: PairedRuns, console: Console) -> None:
    """Print the settings that differ, a row each."""
    if not runs.settings:
        say(console, "The scenarios do not differ.")
        return
    say(console, "Where the scenarios differ", "bold")
    columns = [
        Column("A", [_written(setting.a) for setting in runs.settings]),
        Column("B", [_written(setting.b) for setting in runs.settings]),
    ]
    print_columns(console, [setting.path for setting in runs.settings], columns)


def _written(value: Any) -> str:
    return "absent" if value is None else toml_text(value)


def _print_hypothesis(runs: PairedRuns, hypothesis: str, console: Console) -> None:
    """Print the differences of a hypothesis, first by the end, then by look."""
    scenario = runs.a.scenario
    say(console, hypothesis_name(scenario, hypothesis), "bold green")
    rows = [row for row in runs.differences if row.hypothesis == hypothesis]
    for analysis in dict.fromkeys(row.analysis for row in rows):
        by_end = analysis == OVERALL
        if by_end and _has_one_look(runs, hypothesis, rows):
            continue  # the same figures as at that look
        say(console, "By the end" if by_end else f"At: {analysis_name(scenario, analysis)}", "bold")
        here = [row for row in rows if row.analysis == analysis]
        _print_differences(here, console)
        for counts in runs.rejections:
            if (counts.hypothesis, counts.analysis) == (hypothesis, analysis):
                say(console, _counts_text(counts))
        for line in _undefined(here):
            say(console, line)


def _has_one_look(runs: PairedRuns, hypothesis: str, rows: list[Difference]) -> bool:
    """Whether both scenarios have one analysis, of the same name."""
    are_single = all(len(side.scenario.analyses) == 1 for side in (runs.a, runs.b))
    return are_single and {row.analysis for row in rows} > {OVERALL}


def _print_differences(rows: list[Difference], console: Console) -> None:
    """Print a row a measure."""
    labels = [LINES[row.measure][0] for row in rows]
    columns = [
        Column("A", [_figure(row.estimate_a, row) for row in rows]),
        Column("B", [_figure(row.estimate_b, row) for row in rows]),
        Column("B less A", [_difference(row) for row in rows]),
        Column("if independent", [_error(row) for row in rows]),
        Column("worth", [_worth(row) for row in rows]),
        Column("correlation", [_optional(row.correlation, "+.3f") for row in rows]),
    ]
    print_columns(console, labels, columns)


def _figure(value: float, row: Difference) -> str:
    return _optional(value, f".{LINES[row.measure][1]}f") or "none"


def _difference(row: Difference) -> str:
    """Write a difference with its sign and its error."""
    estimate = Estimate(row.difference, row.mcse, row.n_trials)
    return f"{'+' * (row.difference >= 0.0)}{with_error(estimate, LINES[row.measure][1])}"


def _error(row: Difference) -> str:
    """Write the error of independent runs, with as many decimals as that of pairs."""
    error = _optional(row.mcse_independent, f".{max(LINES[row.measure][1], 3)}f")
    return error and f"({error})"


def _worth(row: Difference) -> str:
    return f"{_optional(row.variance_ratio, ',.1f')} x" if row.variance_ratio > 0.0 else ""


def _optional(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else ""


def _counts_text(counts: Rejections) -> str:
    """Write McNemar's counts."""
    return (
        f"trials that reject: in both {counts.both:,}, only in A {counts.only_a:,}, only in B "
        f"{counts.only_b:,}, in neither {counts.neither:,}"
    )


def _undefined(rows: list[Difference]) -> Iterator[str]:
    """Say which trials a mean leaves out, once for the measures that leave out the same ones."""
    labels: dict[tuple[int, int, int], list[str]] = {}
    for row in rows:
        counts = (row.n_only_a, row.n_only_b, row.n_neither)
        labels.setdefault(counts, []).append(LINES[row.measure][0].removesuffix(", mean"))
    for (only_a, only_b, neither), names in labels.items():
        if only_a or only_b or neither:
            yield (
                f"left out, without a finite value in both ({', '.join(names)}): {only_a:,} trials "
                f"with one in A only, {only_b:,} in B only, {neither:,} in neither"
            )


def _notes(runs: PairedRuns) -> Iterator[str]:
    """How to read the columns."""
    yield "in brackets: Monte Carlo standard error of the difference, from pairs of trials"
    yield "if independent: what it would be if the runs had patients of their own"
    yield "worth: independent runs would need so many times the trials for the same error"
    if runs.a.hashes == runs.b.hashes:
        yield "Both folders hold the same trials: no difference is possible."
