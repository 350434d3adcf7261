"""Results as CSV and as Markdown: complete, exact, and nothing in them taken for markup."""

from __future__ import annotations

import csv
import io
import math
import re
from functools import cache
from typing import Any

import pytest
from rich.console import Console
from twins.feature_scenarios import FEATURES, TWO_ARMS, feature_scenario, hypothesis

from simulate import run
from simulate.report.contents import counted_name
from simulate.report.formats import to_csv, to_markdown
from simulate.report.text import print_result
from simulate.results.characteristics import Row
from simulate.results.result import Result
from simulate.scenario.comparisons import planned as planned_in

FIGURE = re.compile(r"[-+]?\d+\.\d+(?: \(\d+\.\d+\))?")
UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")


def result_of(name: str, trials: int = 60, **tables: Any) -> Result:
    if tables:
        return run(feature_scenario(name, **tables), trials=trials, workers=1)
    return simulated(name, trials)


@cache
def simulated(name: str, trials: int) -> Result:
    return run(feature_scenario(name), trials=trials, workers=1)


def printed(result: Result) -> str:
    file = io.StringIO()
    print_result(result, Console(file=file, width=400))
    return file.getvalue()


def tables_of(markdown: str) -> list[list[list[str]]]:
    """Cells of every table, as a reader of Markdown finds them."""
    tables: list[list[list[str]]] = [[]]
    for line in markdown.splitlines():
        if line.startswith("|"):
            cells = UNESCAPED_PIPE.split(line)
            assert cells[0] == cells[-1] == ""
            tables[-1].append([cell.strip() for cell in cells[1:-1]])
        elif tables[-1]:
            tables.append([])
    return [table for table in tables if table]


def shown(markdown: str) -> str:
    """Text as Markdown shows it: what is escaped stands for itself."""
    return re.sub(r"\\(.)", r"\1", markdown)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("trials", [1, 60])
def test_csv_reads_back_as_the_rows(name: str, trials: int) -> None:
    result = result_of(name, trials)
    found = list(csv.DictReader(io.StringIO(to_csv(result), newline=""), strict=True))
    assert len(found) == len(result.operating_characteristics)
    for plain, row in zip(found, result.operating_characteristics, strict=True):
        for key, value in row._asdict().items():
            if isinstance(value, float) and not math.isfinite(value):
                assert plain[key] == ""
            else:
                assert type(value)(plain[key]) == value, (key, row)


def test_csv_leaves_undefined_figures_empty() -> None:
    result = result_of("events that never come", 1)
    row = next(row for row in result.operating_characteristics if row.measure == "look_time_sd")
    assert math.isnan(row.estimate)
    line = to_csv(result).splitlines()[1 + result.operating_characteristics.index(row)]
    assert line == f"{row.scenario},test,overall,look_time_sd,all,,,1"
    assert "nan" not in to_csv(result)


def test_csv_is_of_rfc_4180() -> None:
    scenario = feature_scenario("plain").model_copy(
        update={"title": 'With "quotes", a comma\nand a second line'}
    )
    text = to_csv(run(scenario, trials=20, workers=1))
    header, first = text.split("\r\n")[:2]
    assert header == ",".join(Row._fields)
    assert first.startswith('"With ""quotes"", a comma\nand a second line",test,overall,')
    assert text.endswith("\r\n")
    assert not re.search(r"(?<!\r)\n", text.replace("comma\nand", ""))
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert {row["scenario"] for row in found} == {scenario.title}


@pytest.mark.parametrize("name", FEATURES)
def test_markdown_holds_the_figures_that_are_printed(name: str) -> None:
    result = result_of(name)
    markdown = to_markdown(result)
    of_text, of_markdown = (FIGURE.findall(text) for text in (printed(result), markdown))
    assert len(of_text) > 20
    assert sorted(of_markdown) == sorted(of_text)


@pytest.mark.parametrize("name", FEATURES)
def test_markdown_has_a_table_a_hypothesis_with_a_column_a_look(name: str) -> None:
    result = result_of(name)
    scenario = result.scenario
    tables = tables_of(to_markdown(result))
    several = len(scenario.analyses) > 1
    chosen = planned_in(scenario)
    assert len(tables) == len(chosen) + bool(result.twins)
    for table, (hypothesis_name, planned) in zip(tables, chosen.items(), strict=False):
        head, rule, *rows = table
        assert head == ["", *planned.analyses, *["at the end"] * several]
        assert rule == [":---", *["---:"] * (len(head) - 1)]
        assert {len(row) for row in rows} == {len(head)}
        cells = {row[0]: row[1:] for row in rows}
        events = result.estimate("events_mean", hypothesis_name, planned.analyses[0])
        written = f"{events.value:.2f} ({events.mcse:.3f})" if events.n_trials > 1 else "none"
        label = counted_name(scenario, hypothesis_name, "events")
        assert cells[f"{label}, mean"][0] == written


def test_markdown_of_a_result_begins_as_expected() -> None:
    result = result_of("poisson with a pause", 200)
    power = result.power()
    first = result.estimate("first_rejection_probability", "test", "early")
    assert to_markdown(result).splitlines()[:12] == [
        "# poisson with a pause",
        "",
        "200 simulated trials, seed 20260101. Monte Carlo standard errors in brackets. Quantiles "
        "exact.",
        "",
        f"## test: power {power.value:.4f} ({power.mcse:.4f})",
        "",
        "- test: new against old, log-rank test; true hazard ratio 0.6",
        "- rejected at z of at least 2.0000 at early, 2.0000 at late",
        "- the trial stops once test is rejected",
        "",
        "| | early | late | at the end |",
        "|:---|---:|---:|---:|",
    ]
    line = to_markdown(result).splitlines()[12]
    assert line.startswith(f"| first rejected here | {first.value:.4f} ({first.mcse:.4f}) | ")


def test_markdown_indents_parts() -> None:
    table = tables_of(to_markdown(result_of("plain")))[0]
    labels = [row[0] for row in table]
    place = labels.index("events, mean")
    assert labels[place + 1 : place + 3] == ["&emsp;new", "&emsp;old"]


def test_users_words_are_no_markup() -> None:
    arms = {
        "new": TWO_ARMS["new"] | {"label": "New | *high* <b>dose</b>"},
        "old": TWO_ARMS["old"] | {"label": "Old_one_ [x](y) `c` \\ & # ~~z~~"},
    }
    labelled = hypothesis("new", "old", "final") | {"label": "PFS | first\nline"}
    result = result_of("plain", arms=arms, hypotheses={"test": labelled})
    markdown = to_markdown(result)
    assert {len(row) for row in tables_of(markdown)[0]} == {2}
    assert "&emsp;New \\| \\*high\\* \\<b\\>dose\\</b\\>" in markdown
    assert "Old_one_ [x](y) `c` \\ & # ~~z~~" in shown(markdown)
    assert "\n## PFS \\| first line: power" in markdown
    assert not re.search(r"(?<!\\)[*`<>\[\]~]", markdown)


def test_markdown_says_what_did_not_exist() -> None:
    result = result_of("hardly any patients", 200)
    infinite = result.estimate("estimate_infinite", "across", "first")
    assert (
        f"\n  - across at first: hazard ratio infinite in {infinite.value:.4f} "
        f"({infinite.mcse:.4f}) of the trials\n"
    ) in shown(to_markdown(result))
    assert "\n- What did not exist: nothing, in any trial.\n" in to_markdown(result_of("plain"))


def test_markdown_says_how_often_several_hypotheses_are_rejected() -> None:
    result = result_of("three arms", 200)
    share = result.estimate("rejection_probability", "any")
    written = f"\n- At least one of the hypotheses rejected: {share.value:.4f} ({share.mcse:.4f})\n"
    assert written in to_markdown(result)


def test_markdown_says_where_no_closed_form_stands() -> None:
    markdown = to_markdown(result_of("two to one"))
    assert "\n## Beside closed forms\n\nNo closed form stands beside these figures.\n" in markdown
