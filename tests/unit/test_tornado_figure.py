"""The tornado of a study: which bars there are, in which order, from where to where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from twins.scenario_tables import Table
from twins.study_tables import ACCRUAL, HELD, axes, judged, study_tables
from unit.pictures import caught, numbers, panel_texts

import simulate
from simulate.errors import ScenarioError, SimulateError
from simulate.report.tornado_figure import check, draw_tornado
from simulate.studies.grid import load_grid
from simulate.studies.result import Study

PATIENTS: Table = {"path": "accrual.patients", "values": [40, 50], "label": "Patients"}
RATIO: Table = {"path": "arms.new.pfs.hazard_ratio", "values": [0.5, 0.7, 1.0], "label": "True HR"}


@pytest.fixture(name="found", scope="module")
def _found() -> Study:
    """Three axes; the control's median moves the power more than accrual, patients are skipped."""
    tables = study_tables(
        {
            "axes": {
                "accrual": ACCRUAL | {"values": [2, 4, 8], "unit": "a month"},
                "patients": PATIENTS,
                "control": HELD | {"label": "Median of old"},
            },
            "skip": [{"patients": 50, "accrual": 4, "control": 8}],
            "reference": {"control": 8, "accrual": 4, "patients": 40},
        }
    )
    return simulate.study(tables, trials=400, workers=1)


def panels(found: Study, path: Path) -> list[Axes]:
    return list(drawn(found, path).axes)


def drawn(found: Study, path: Path) -> Figure:
    return caught(lambda: draw_tornado(found, str(path)))


def bars(panel: Axes) -> list[list[tuple[float, float]]]:
    """From where to where both parts of each bar go, from the uppermost bar down."""
    parts = [part for part in panel.patches if isinstance(part, Rectangle)]
    rows: dict[float, list[tuple[float, float]]] = {}
    for part in parts:
        ends = sorted((part.get_x(), part.get_x() + part.get_width()))
        rows.setdefault(part.get_y() + part.get_height() / 2.0, []).append((ends[0], ends[1]))
    assert panel.yaxis_inverted()
    return [rows[y] for y in sorted(rows)]


def whiskers(panel: Axes) -> list[list[float]]:
    """Ends of each whisker, from left to right."""
    lines: list[Any] = list(panel.collections)
    return sorted(numbers(path.vertices[:, 0]) for line in lines for path in line.get_paths())


def test_bars_are_of_cells_that_differ_in_one_axis_the_widest_on_top(
    found: Study, tmp_path: Path
) -> None:
    (panel,) = panels(found, tmp_path / "tornado.png")
    reference = found.cell(control=8, accrual=4, patients=40)
    expected = {
        name: sorted(
            power.value
            for power in (
                reference.power(),
                *(found.cell(**({"control": 8, "accrual": 4, "patients": 40} | cell)).power()
                  for cell in cells),
            )
        )
        for name, cells in {
            "Median of old": [{"control": 6}, {"control": 10}],
            "accrual": [{"accrual": 2}, {"accrual": 8}],
        }.items()
    }  # fmt: skip
    names = sorted(expected, key=lambda name: expected[name][0] - expected[name][-1])
    assert names[0] == "Median of old"
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == ["Median of old\nreference: 8 months", "accrual\nreference: 4 a month"]
    power = reference.power().value
    for row, name in zip(bars(panel), names, strict=True):
        (low, left), (right, high) = row
        assert left == pytest.approx(power)
        assert right == pytest.approx(power)
        assert (low, high) == pytest.approx((expected[name][0], expected[name][-1]))
    mcse = reference.power().mcse
    assert panel.get_title() == f"pfs: power {power:.4f} ({mcse:.4f}) in the reference"
    # Caps of whiskers are lines of one point.
    (line,) = [line for line in panel.lines if len(numbers(line.get_xdata())) == 2]
    assert numbers(line.get_xdata()) == [power, power]


def test_ends_have_values_with_units_and_paired_differences(found: Study, tmp_path: Path) -> None:
    (panel,) = panels(found, tmp_path / "tornado.svg")
    texts = panel_texts(panel)
    assert len(texts) == 4
    halves = []
    for median, side in ((10, "right"), (6, "left")):
        cell = found.cell(control=median, accrual=4, patients=40)
        change = cell.estimate("rejection_probability_difference", "pfs")
        text = f"{median} months\n{cell.power().value:.3f}\n{change.value:+.4f} ({change.mcse:.4f})"
        (there,) = [t for t in panel.texts if t.get_text() == text]
        assert there.get_horizontalalignment() == side
        half = 1.959964 * change.mcse
        # Beyond the whisker.
        assert there.xy[0] == pytest.approx(  # type: ignore[attr-defined]
            cell.power().value + (half if side == "left" else -half)
        )
        halves.append((cell.power().value, half))
    for value, half in halves:
        assert any(w == pytest.approx([value - half, value + half]) for w in whiskers(panel))
    low, high = panel.get_xlim()
    assert all(low < end < high for whisker in whiskers(panel) for end in whisker)


def test_axes_without_a_bar_are_told_below(found: Study, tmp_path: Path) -> None:
    figure = drawn(found, tmp_path / "tornado.pdf")
    (panel,) = figure.axes
    assert panel.get_xlabel() == (
        "power\nno bar: Patients (no cell differs from the reference in it alone)"
    )
    label = found.grid.study.axes["control"].label or "control"
    assert f"over {label}, the median of new stays at 16 months" in figure.get_suptitle()
    assert "95% Monte Carlo intervals of the differences" in figure.get_supxlabel()
    assert "400 trials a cell" in figure.get_supxlabel()


def test_a_long_note_above_is_in_lines_that_fit(tmp_path: Path) -> None:
    label = "Median progression-free survival of those who are randomised to the old drug"
    study = {"axes": {"control": HELD | {"label": label}}, "reference": {"control": 8}}
    long = simulate.study(study_tables(study), trials=20, workers=1)
    lines = drawn(long, tmp_path / "tornado.png").get_suptitle().splitlines()
    assert f"over {label}, the median of new stays" in " ".join(lines)
    assert len(lines) > 2
    assert max(map(len, lines)) <= 100


def test_a_reference_at_one_end_is_named_there_and_null_cells_are_type_i_errors(
    tmp_path: Path,
) -> None:
    tables = study_tables({"axes": {"ratio": RATIO}, "reference": {"ratio": 0.5}})
    found = simulate.study(tables, trials=300, workers=1)
    (panel,) = panels(found, tmp_path / "tornado.png")
    low, high = panel_texts(panel)
    error = found.cell(ratio=1.0).power().value
    assert low.startswith(f"1\ntype I error {error:.3f}\n-")
    assert high == "0.5\nreference"
    assert len(whiskers(panel)) == 1
    assert panel.get_xlim()[0] < 0.0
    assert all(0.0 <= tick <= 1.0 for tick in panel.get_xticks())
    assert panel.get_xlabel() == "power"
    tables["study"]["reference"] = {"ratio": 1.0}
    found = simulate.study(tables, trials=300, workers=1)
    (panel,) = panels(found, tmp_path / "tornado.png")
    assert panel.get_xlabel() == "type I error"
    assert panel_texts(panel)[0] == "1\nreference"
    assert "\npower 0." in panel_texts(panel)[1]


def test_each_hypothesis_has_a_panel_with_an_order_of_its_own(tmp_path: Path) -> None:
    tables = judged(reference={"bounds": "low", "accrual": 2})
    found = simulate.study(tables, workers=1)
    first, second = panels(found, tmp_path / "tornado.svg")
    assert first.get_title().startswith("pfs: power")
    assert second.get_title().startswith("other: power")
    assert first.get_yticklabels()[0].get_text() == "bounds\nreference: low"
    # Bounds of pfs do not touch the other hypothesis, which never decides when trials end.
    assert second.get_yticklabels()[0].get_text() == "accrual\nreference: 2"
    moved = [row[-1][1] - row[0][0] for row in bars(second)]
    assert moved == sorted(moved, reverse=True)


def test_equal_studies_give_equal_tornados(found: Study, tmp_path: Path) -> None:
    for suffix in ("svg", "pdf"):
        for name in "ab":
            draw_tornado(found, str(tmp_path / f"{name}.{suffix}"))
        first, second = (tmp_path / f"{name}.{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()
    # Two files of one second would be equal with a date, too.
    assert b"CreationDate" not in first.read_bytes()


def test_what_cannot_be_drawn_is_refused_before(tmp_path: Path, found: Study) -> None:
    file = str(tmp_path / "tornado.png")
    grid = load_grid(judged())
    message = (
        r"--tornado: study\.reference: required key is missing: .*; add a cell by a value of each "
        r'axis to \[study\], such as reference = \{ bounds = "low", accrual = 2 \}'
    )
    with pytest.raises(ScenarioError, match=message):
        check(grid, file)
    skip = [{"control": [6, 10], "accrual": 2}, {"control": 8, "accrual": 4}]
    alone = load_grid(
        study_tables(
            {
                "axes": {"control": HELD, "accrual": ACCRUAL},
                "skip": skip,
                "reference": {"control": 8, "accrual": 2},
            }
        )
    )
    message = r"--tornado: study\.axes: needs cells that differ from the reference in one axis"
    with pytest.raises(ScenarioError, match=message):
        check(alone, file)
    with pytest.raises(ScenarioError, match=r"--tornado: must end in \.png, \.svg or \.pdf"):
        check(found.grid, str(tmp_path / "tornado.jpg"))
    check(found.grid, file)
    with pytest.raises(SimulateError, match="cannot write"):
        draw_tornado(found, str(tmp_path / "none" / "tornado.png"))
    with pytest.raises(ValueError, match="no reference cell"):
        draw_tornado(simulate.study(axes(ratio=RATIO), trials=20, workers=1), file)
