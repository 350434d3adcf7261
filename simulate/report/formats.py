"""Results as files for other programs: CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence

from simulate.report.contents import (
    METHODS,
    assurance_text,
    estimate_headline,
    headline,
    notes,
    partial_text,
    result_table,
    tested_text,
    truth_text,
    twin_cells,
    twin_label,
    with_error,
)
from simulate.report.words import (
    estimated_text,
    rule_text,
    stopping_text,
)
from simulate.results.characteristics import ALL, ANY, OVERALL, Row
from simulate.results.result import Result

# What Markdown, with the tables and the strikethrough of GitHub, takes for markup.
MARKUP = re.compile(r"([\\`*_\[\]<>&|~#])")
# Two leading spaces stand for an indentation that Markdown would drop.
INDENT = "&emsp;"


def to_csv(result: Result) -> str:
    """Write the operating characteristics as CSV.

    Parameters
    ----------
    result : Result
        Of a run.

    Returns
    -------
    str
        RFC 4180: a header and a row a figure, lines that end in CR LF, numbers with all their
        digits (reading them gives the same doubles), nothing where a figure is undefined.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(Row._fields)
    writer.writerows([_cell(value) for value in row] for row in result.operating_characteristics)
    return stream.getvalue()


def _cell(value: str | float) -> str:
    """Write a value; floats so that they read back equal."""
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    return str(value)


def to_markdown(result: Result) -> str:
    """Write the operating characteristics as Markdown: what `print_result` prints.

    Parameters
    ----------
    result : Result
        Of a run.

    Returns
    -------
    str
        A table a hypothesis, a column a look, with Monte Carlo standard errors in brackets; one
        of the closed forms; what did not exist.
    """
    simulation = result.scenario.simulation
    lines = [
        f"# {_text(result.scenario.title)}",
        "",
        f"{simulation.trials:,} simulated trials, seed {simulation.seed}. Monte Carlo standard "
        f"errors in brackets. Quantiles {_text(result.quantiles)}.",
    ]
    if result.planned_trials is not None:
        lines += ["", f"**{_text(partial_text(result))}**"]
    for name in result.scenario.hypotheses:
        lines += ["", *_hypothesis(result, name)]
    for name in result.scenario.estimates:
        lines += ["", *_estimate(result, name)]
    if len(result.scenario.hypotheses) > 1:
        lines.append("")
        for several, label in ((ANY, "At least one"), (ALL, "Every one")):
            share = with_error(result.estimate("rejection_probability", several))
            lines.append(f"- {label} of the hypotheses rejected: {share}")
    lines += ["", "## Beside closed forms", "", *_twins(result), "", "## What to know", ""]
    # Notes that are indented belong to the one before.
    lines += [f"{'  ' * note.startswith('  ')}- {_text(note.strip())}" for note in notes(result)]
    return "\n".join(lines) + "\n"


def _hypothesis(result: Result, hypothesis: str) -> Iterator[str]:
    """Headline of a hypothesis, its test, and its table."""
    scenario = result.scenario
    yield f"## {_text(headline(result, hypothesis))}"
    yield ""
    for line in assurance_text(result, hypothesis):
        yield f"- {_text(line)}"
    yield f"- {_text(f'{hypothesis}: {tested_text(scenario, hypothesis)}')}"
    yield f"- {_text(rule_text(scenario, hypothesis))}"
    if len(scenario.analyses) > 1:
        yield f"- {_text(stopping_text(scenario))}"
    yield ""
    yield from _figures(result, hypothesis)


def _estimate(result: Result, estimate: str) -> Iterator[str]:
    """Headline of an estimate, what it is of, and its table."""
    scenario = result.scenario
    yield f"## {_text(estimate_headline(result, estimate))}"
    yield ""
    yield f"- {_text(estimated_text(scenario, estimate) + truth_text(scenario, estimate))}"
    yield ""
    yield from _figures(result, estimate)


def _figures(result: Result, name: str) -> Iterator[str]:
    """Table of a hypothesis or an estimate, a column a look."""
    labels, columns = result_table(result, name)
    cells = zip(*(column.cells for column in columns), strict=True)
    rows = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    yield from _table([column.heading for column in columns], rows)


def _twins(result: Result) -> Iterator[str]:
    """Table of simulated figures beside those of closed forms, and how good these are."""
    if not result.twins:
        yield "No closed form stands beside these figures."
        return
    rows = []
    for twin in result.twins:
        if twin.analysis != OVERALL:  # the same figure as by the last look
            label = f"{twin.hypothesis}: {twin_label(result.scenario, twin)}"
            rows.append([label, *twin_cells(result.scenario, twin)[1:]])
    yield from _table(["simulated", "closed form", "difference", "allowed"], rows)
    yield ""
    for method in dict.fromkeys(twin.method for twin in result.twins):
        yield f"- {_text(METHODS[method])}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Table of a label and figures a row; figures stand at the right."""
    yield f"| | {' | '.join(map(_text, headings))} |"
    yield f"|:---|{'---:|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _text(words: str) -> str:
    """Words as Markdown shows them: no markup, one line, indented as they are."""
    indent = INDENT if words.startswith("  ") else ""
    return indent + MARKUP.sub(r"\\\1", " ".join(words.split()))
