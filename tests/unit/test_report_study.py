"""What is printed and drawn of a study: rows, lines, and what is null, late or left out."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from rich.console import Console
from twins.scenario_tables import Table
from twins.study_tables import ACCRUAL, HELD, axes, judged, study_tables
from unit.pictures import caught, legend_texts, numbers

import simulate
from simulate.errors import ScenarioError, SimulateError
from simulate.report.study import print_study
from simulate.report.study_figure import check, draw_study
from simulate.studies.grid import load_grid
from simulate.studies.result import Study

LABELS = {"2", "4", "8", "18", "20", "25"}
EVENTS_PATH = "analyses.final.trigger.events"
RATIO: Table = {
    "path": "arms.new.pfs.hazard_ratio",
    "values": [0.4, 0.7, 1.0],
    "label": "True ratio",
}


def printed(found: Study, width: int = 160) -> str:
    file = io.StringIO()
    print_study(found, Console(file=file, width=width, markup=False))
    return file.getvalue()


def drawn(found: Study, path: Path, **options: Any) -> list[Axes]:
    """Panels of the picture, colour bars left out."""
    figure = caught(lambda: draw_study(found, str(path), **options))
    return [panel for panel in figure.axes if panel.get_label() != "<colorbar>"]


@pytest.fixture(name="held", scope="module")
def _held() -> Study:
    tables = study_tables(
        {
            "axes": {
                "control": HELD,
                "accrual": ACCRUAL | {"values": [2, 4, 8], "unit": "a month"},
            },
            "skip": [{"control": 10, "accrual": 2}],
            "reference": {"control": 8, "accrual": 4},
        }
    )
    return simulate.study(tables, trials=400, workers=1)


@pytest.fixture(name="ratios", scope="module")
def _ratios() -> Study:
    return simulate.study(axes(ratio=RATIO), trials=400, workers=1)


# Text


def test_a_row_a_cell_with_power_closed_form_and_difference(held: Study) -> None:
    text = printed(held)
    lines = text.splitlines()
    assert "8 cells, 1 combination left out, over" in lines
    assert any("the median of new stays at 16 months: its hazard ratio changes" in x for x in lines)
    assert "differences are from the cell control=8,accrual=4, over the same patients" in lines
    (head,) = [line for line in lines if line.startswith("control, months")]
    assert re.split(r"\s{2,}", head.strip()) == [
        "control, months", "accrual, a month", "true HR", "power", "closed form", "difference",
        "month, mean", "events, mean",
    ]  # fmt: skip
    rows = lines[lines.index(head) + 2 :][: len(held.cells)]
    for line, cell in zip(rows, held.cells, strict=True):
        cells = re.split(r"\s{2,}", line.strip())
        power, twin = cell.power(), cell.twin("rejection_probability", "pfs")
        assert twin is not None
        assert cells[:2] == [f"{value:g}" for value in cell.cell.values.values()]
        assert cells[2] == f"{float(cell.cell.values['control']) / 16:.4g}"
        assert cells[3] == f"{power.value:.4f} ({power.mcse:.4f})"
        assert cells[4] == f"{twin.twin:.4f}{' DIFFERS' * twin.flagged}"
        if cell.cell.name == "control=8,accrual=4":
            assert cells[5] == "reference"
        else:
            difference = cell.estimate("rejection_probability_difference", "pfs")
            assert cells[5] == f"{difference.value:.4f} ({difference.mcse:.4f})"
        month = cell.estimate("look_time_mean", "pfs")
        assert cells[6] == f"{month.value:.2f} ({month.mcse:.3f})"


def test_a_narrow_terminal_gets_tables_below_each_other_each_with_the_axes(held: Study) -> None:
    lines = printed(held, width=70).splitlines()
    heads = [line for line in lines if line.startswith("control, months")]
    assert len(heads) > 1
    assert all(len(line) <= 70 for line in heads)


def test_a_ratio_that_stays_is_told_and_cells_of_no_effect_are_type_i_errors(
    ratios: Study,
) -> None:
    text = printed(ratios)
    (row,) = [line for line in text.splitlines() if line.startswith("1 ")]
    assert "type I error" in row
    assert text.count("type I error") == 1
    assert "true HR" not in text  # the axis says it
    control = {key: HELD[key] for key in ("path", "values")}
    tables = axes(control=control)
    tables["arms"]["new"]["pfs"]["hazard_ratio"] = 1.0
    text = printed(simulate.study(tables, trials=50, workers=1))
    assert "the hazard ratio of new stays: its median changes" in text
    assert re.search(r"control +type I error", text)


def test_trials_too_late_and_what_did_not_exist_are_told() -> None:
    text = printed(simulate.study(judged(horizon_months=24.0), workers=1))
    assert "not by month 24" in text
    assert "share of the trials that have not decided by then" in text
    assert "rejected by a rule of each cell's own" in text
    assert "in 4 cells something did not exist in some trials" in text


def test_a_twin_that_differs_is_told() -> None:
    tables = axes(accrual=ACCRUAL)
    found = simulate.study(tables, trials=100, workers=1)
    assert "DIFFERS" not in printed(found)
    cell = found.cells[0]
    flagged = tuple(twin._replace(flagged=True) for twin in cell.twins)
    other = type(cell)(cell.cell, cell.rows, flagged)
    text = printed(Study(found.grid, (other, found.cells[1])))
    assert text.count("DIFFERS") == 1
    assert "A figure in red differs from its closed form" in text


# Pictures


def test_closed_forms_that_differ_have_the_colours_of_their_lines(
    held: Study, tmp_path: Path
) -> None:
    def dashes(found: Study, name: str) -> list[Any]:
        panel = drawn(found, tmp_path / name)[0]
        lines = panel.get_lines()
        marked = [line.get_color() for line in lines if line.get_label() in LABELS]
        dashed = [line for line in lines if line.get_linestyle() == "--"]
        return [marked, [line.get_color() for line in dashed if numbers(line.get_xdata())]]

    # Over accrual they are the same at each median, and one black curve.
    _, same = dashes(held, "same.svg")
    assert set(same) == {"black"}
    tables = study_tables(
        {"axes": {"control": HELD, "events": {"path": EVENTS_PATH, "values": [18, 20, 25]}}}
    )
    marked, others = dashes(simulate.study(tables, trials=100, workers=1), "others.svg")
    assert others == marked
    # Of a line without a closed form, too, it must be told that the dashes are not its own.
    cells = tuple(
        type(cell)(cell.cell, cell.rows, () if cell.cell.values["accrual"] == 8 else cell.twins)
        for cell in held.cells
    )
    marked, some = dashes(Study(held.grid, cells), "some.svg")
    assert some == marked[:2]


def test_lines_are_powers_over_the_first_axis(held: Study, tmp_path: Path) -> None:
    lines, heat = drawn(held, tmp_path / "study.svg")
    assert lines.get_xlabel() == "control (months)"
    assert lines.get_ylabel() == "power"
    assert legend_texts(lines) == ["2", "4", "8", "closed form (Schoenfeld)"]
    for accrual in (2, 4, 8):
        cells = [cell for cell in held.cells if cell.cell.values["accrual"] == accrual]
        x = [cell.cell.values["control"] for cell in cells]
        (marked,) = [line for line in lines.get_lines() if line.get_label() == str(accrual)]
        assert numbers(marked.get_xdata()) == x
        powers = [cell.power().value for cell in cells]
        assert numbers(marked.get_ydata()) == powers
        twins = [cell.twin("rejection_probability", "pfs") for cell in cells]
        dashed = [line for line in lines.get_lines() if line.get_linestyle() == "--"]
        closed = [twin.twin for twin in twins if twin is not None]
        assert any(numbers(line.get_ydata()) == closed for line in dashed)
    band = lines.collections[0].get_paths()[0].vertices
    first = [cell for cell in held.cells if cell.cell.values["accrual"] == 2]
    top = max(cell.power().value + 1.959964 * cell.power().mcse for cell in first)
    assert np.asarray(band)[:, 1].max() == pytest.approx(top, abs=1e-6)
    values: Any = np.ma.asarray(heat.images[0].get_array())
    assert values.shape == (3, 3)
    assert values.mask.tolist() == [[False, False, True], [False] * 3, [False] * 3]
    assert values[1, 0] == held.cell(control=6, accrual=4).power().value
    assert [t.get_text() for t in heat.get_xticklabels()] == ["6", "8", "10"]
    assert [t.get_text() for t in heat.get_yticklabels()] == ["2", "4", "8"]
    assert heat.get_ylabel() == "accrual (a month)"
    written = [text.get_text() for text in heat.texts]
    assert f"{values[1, 0]:.2f}" in written
    assert len(written) == 8


def test_without_an_effect_points_are_hollow_and_alpha_is_drawn(
    ratios: Study, tmp_path: Path
) -> None:
    (panel,) = drawn(ratios, tmp_path / "study.png")
    assert panel.get_ylabel() == "power or type I error"
    assert panel.get_xlabel() == "True ratio"
    hollow = [line for line in panel.get_lines() if line.get_markerfacecolor() == "white"]
    assert [numbers(line.get_xdata()) for line in hollow if numbers(line.get_xdata())] == [[1.0]]
    assert legend_texts(panel)[-1] == "type I error"
    tables = axes(ratio=RATIO)
    del tables["hypotheses"]["pfs"]["critical_values"]
    tables["hypotheses"]["pfs"]["alpha"] = 0.05
    (panel,) = drawn(simulate.study(tables, trials=50, workers=1), tmp_path / "alpha.png")
    assert "one-sided\nalpha 0.05" in [text.get_text() for text in panel.texts]


def test_names_instead_of_numbers_stand_side_by_side(tmp_path: Path) -> None:
    found = simulate.study(judged(horizon_months=24.0), workers=1)
    panels = drawn(found, tmp_path / "study.svg")
    # Two hypotheses, each with its power and its share of late trials.
    assert len(panels) == 4
    power, late = panels[:2]
    assert [label.get_text() for label in power.get_xticklabels()] == ["low", "high"]
    (marked,) = [line for line in late.get_lines() if line.get_label() == "4"]
    expected = [
        found.cell(bounds=name, accrual=4).estimate("not_decided_by_horizon", "pfs").value
        for name in ("low", "high")
    ]
    assert numbers(marked.get_ydata()) == expected
    assert late.get_ylabel() == "share of trials not decided by month 24"


def test_further_axes_have_panels(tmp_path: Path) -> None:
    patients = {"path": "accrual.patients", "values": [40, 50], "label": "Patients"}
    tables = axes(ratio=RATIO, accrual=ACCRUAL, patients=patients)
    panels = drawn(simulate.study(tables, trials=20, workers=1), tmp_path / "study.png")
    assert [panel.get_title() for panel in panels] == ["pfs\nPatients 40", "pfs\nPatients 50"]


def test_a_heat_map_alone_is_drawn_of_two_numbers_each(tmp_path: Path) -> None:
    control = HELD | {"values": [6.0, 8.0]}
    found = simulate.study(axes(control=control, accrual=ACCRUAL), trials=20, workers=1)
    (lines,) = drawn(found, tmp_path / "lines.svg")
    assert not lines.images
    (heat,) = drawn(found, tmp_path / "map.svg", heatmap=True)
    assert heat.images[0].get_array().shape == (2, 2)  # type: ignore[union-attr]


def test_equal_studies_give_equal_pictures(ratios: Study, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_study(ratios, str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_pictures_that_cannot_be_drawn_are_refused_before(tmp_path: Path, ratios: Study) -> None:
    grid = load_grid(axes(ratio=RATIO))
    with pytest.raises(ScenarioError, match=r"--figure: must end in \.png, \.svg or \.pdf"):
        check(grid, str(tmp_path / "study.jpg"))
    with pytest.raises(ScenarioError, match=r"--heatmap: study\.axes: needs two axes"):
        check(grid, str(tmp_path / "study.png"), heatmap=True)
    many = {"path": "accrual.patients", "values": list(range(30, 60))}
    grid = load_grid(axes(ratio=RATIO, accrual=ACCRUAL, patients=many))
    with pytest.raises(ScenarioError, match="would need 30 panels"):
        check(grid, str(tmp_path / "study.png"))
    with pytest.raises(SimulateError, match="cannot write"):
        draw_study(ratios, str(tmp_path / "none" / "study.png"))
