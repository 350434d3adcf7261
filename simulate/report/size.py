"""A search for a size, and a curve of power, as text and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simulate.report.contents import rejection_columns, rejection_name, with_error
from simulate.report.tables import Column, print_rows, say
from simulate.report.words import comparison_text, hypothesis_name, rule_text
from simulate.results.estimates import Estimate
from simulate.scenario.resolve import n_members
from simulate.studies.closed import closed_power, formula_size
from simulate.studies.curve import Curve
from simulate.studies.in_words import interval_text, value_text
from simulate.studies.levers import Lever
from simulate.studies.search import LEVEL
from simulate.studies.size import Size

if TYPE_CHECKING:
    from rich.console import Console


def print_size(found: Size, console: Console) -> None:
    """Print what was varied, the answer with its interval and closed form, and all points."""
    lever = found.lever
    _print_head(lever, console)
    say(console)
    for line in answer_in_words(found):
        say(console, line, "bold" if line.startswith(ANSWER) else "")
    say(console)
    _print_rows(lever, found.curve, console)
    for line in _notes_of_size(found):
        say(console, line)


ANSWER = "power "


def answer_in_words(found: Size) -> Iterator[str]:
    """Say the answer, or why there is none, and what a closed form says."""
    lever, goal = found.lever, found.goal
    if found.value is None:
        what = "not reached" if found.found.line is None else "not told to be reached"
        yield f"{ANSWER}{goal.power:g} is {what} within {_range(found)}"
        yield found.reason
    else:
        yield f"{ANSWER}{goal.power:g}: {value_text(lever, found.value)}, {_interval(found)}"
        if found.reason:
            yield found.reason
        others = _with_it(found)
        if others:
            yield others
    yield f"closed form: {_closed_in_words(found)}"
    yield f"{found.n_trials:,} trials in all, seed {found.seed}, of each value its own"


def _closed_in_words(found: Size) -> str:
    """What a closed form says of the answer, or why it says nothing."""
    lever, form = found.lever, found.closed_form
    if form is not None:
        text = f"{value_text(lever, form.value)} ({form.method})"
        comes = closed_power(lever, form.value) is not None
        return text if comes else f"{text}, more than are sure to come in this trial"
    by_formula = formula_size(lever, found.goal.power)
    if by_formula is not None:
        return f"none, its events are not sure to come ({by_formula.method})"
    methods = [row["closed_form_method"] for row in found.curve if row["closed_form_method"]]
    return f"the power is not reached ({methods[0]})" if methods else "none for this test and look"


def _range(found: Size) -> str:
    """The range that was searched."""
    low = value_text(found.lever, found.goal.low).removesuffix(found.lever.unit).strip()
    return f"{low} to {value_text(found.lever, found.goal.high).removeprefix(found.lever.label)}"


def _interval(found: Size) -> str:
    """The interval of an answer, in words."""
    low, high = found.found.interval
    text = interval_text(found.lever, found.found.interval, found.goal)
    if low is not None and low == high:
        return f"{LEVEL:.0%} interval {text} alone"
    return f"{LEVEL:.0%} interval {text}"


def _with_it(found: Size) -> str:
    """Numbers that have changed with the answer."""
    if not found.lever.scaled or found.value is None:
        return ""
    paths = found.lever.paths[1:]
    scenario = found.scenario
    assert scenario is not None
    data = scenario.model_dump(mode="json")
    return "with " + ", ".join(f"{path} = {_at(data, path):,}" for path in paths)


def _at(data: Any, path: str) -> Any:
    """Value at a dotted path of plain data."""
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def _notes_of_size(found: Size) -> Iterator[str]:
    """What to know about the answer."""
    if found.found.levels_off and found.value is not None:
        yield (
            "The power hardly rises any more at the answer: it and its interval rest on nothing "
            "but that power does not fall."
        )
    elif found.found.is_uneven:
        yield (
            "The powers lie further from a smooth curve than chance explains, as those of exact "
            "tests do: the answer and its interval rest on nothing but that power does not fall."
        )
    if n_members(found.lever.scenario) > 1:
        yield (
            f"Over the {n_members(found.lever.scenario):,} truths of the scenario, as they are: "
            "the interval tells what the trials leave open, not what other truths would give."
        )
    yield "Monte Carlo standard errors in brackets"


def print_curve(found: Curve, console: Console) -> None:
    """Print what was varied, how, and a row a value."""
    lever = found.lever
    _print_head(lever, console)
    simulation = lever.scenario.simulation
    if found.is_nested:
        how = f"{simulation.trials:,} trials, each with a look at every value"
    else:
        how = f"{simulation.trials:,} trials a value, with the same patients"
    say(console, f"{how}; seed {simulation.seed}")
    say(console)
    _print_rows(lever, found.rows, console)
    say(console, "Monte Carlo standard errors in brackets; the values share their trials' patients")


def _print_head(lever: Lever, console: Console) -> None:
    """Print the scenario, the hypothesis, and what is varied."""
    scenario, name = lever.scenario, lever.hypothesis
    say(console, scenario.title, "bold")
    say(console, hypothesis_name(scenario, name), "bold green")
    say(console, f"{name}: {comparison_text(scenario, name)}")
    say(console, rule_text(scenario, name))
    for line in varied_in_words(lever):
        say(console, line)


def varied_in_words(lever: Lever) -> Iterator[str]:
    """Which paths of the scenario are set, and what stays."""
    own, *others = lever.paths
    yield f"varied: {own}, in the scenario {lever.given:,.6g}"
    if others:
        yield f"in proportion to it: {', '.join(others)}"
    elif lever.over == "events":
        yield f"accrual.patients stays {lever.scenario.accrual.patients:,}"
    elif lever.over == "patients" and lever.has_events:
        yield "numbers of events stay"


def _print_rows(lever: Lever, rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a row a value."""
    key = next(iter(rows[0]))
    values = [value_text(lever, row[key]).removesuffix(lever.unit).strip() for row in rows]
    values = [text.removeprefix(lever.label).strip() for text in values]
    heading = f"{lever.label}, {lever.unit}" if lever.unit not in {"", lever.label} else lever.label
    closed = ["" if row["closed_form"] is None else f"{row['closed_form']:.4f}" for row in rows]
    short = [row["target_not_reached"] for row in rows]
    columns = [
        *rejection_columns(
            rejection_names(lever, [row[key] for row in rows]), [_power(row) for row in rows]
        ),
        Column("trials", [f"{row['n_trials']:,}" for row in rows]),
        Column("closed form", closed),
        Column("month of look, mean", [_month(row) for row in rows]),
        Column("without its events", [f"{s:.3f}" if any(short) else "" for s in short]),
    ]
    print_rows(console, [Column(heading, values)], [c for c in columns if any(c.cells)])


def rejection_names(lever: Lever, values: Sequence[float]) -> list[str]:
    """What the rejection probability is called at each value: power, or a type I error."""
    return [rejection_name(lever.with_value(value), lever.hypothesis) for value in values]


def _power(row: dict[str, Any]) -> str:
    error = math.nan if row["mcse"] is None else row["mcse"]
    return with_error(Estimate(row["power"], error, row["n_trials"]))


def _month(row: dict[str, Any]) -> str:
    month, error = row["look_time_mean"], row["look_time_mcse"]
    if month is None:
        return ""
    return with_error(Estimate(month, math.nan if error is None else error, row["n_trials"]), 2)


def rows_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as CSV: RFC 4180, all digits, nothing where a figure is undefined."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if value is None else value for key, value in row.items()} for row in rows
    )
    return stream.getvalue()
