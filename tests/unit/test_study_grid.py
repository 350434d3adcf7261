"""Cells of studies: which there are, what each sets, what holds, and what is refused."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from twins.scenario_tables import Table, exponential, of_one_arm, relative
from twins.study_tables import ACCRUAL, HELD, axes, study_tables

from simulate.errors import ScenarioError
from simulate.scenario.effects import median
from simulate.scenario.hashes import data_hash
from simulate.scenario.load import load_scenario, scenario_from_dict
from simulate.scenario.study import Value
from simulate.studies.grid import Grid, cell_name, load_grid

ALPHA: Table = {"path": "hypotheses.pfs.critical_values.0", "values": [2.0, 2.5]}


def ratio_of(grid: Grid, number: int) -> float:
    table = grid.cells[number].scenario.model_dump()["arms"]["new"]["pfs"]
    return float(table["hazard_ratio"])


def message(tables: Table, **options: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_grid(tables, **options)
    return str(caught.value)


# Which cells there are


def test_every_combination_is_a_cell_the_first_axis_slowest() -> None:
    grid = load_grid(study_tables())
    expected = list(product([6.0, 8.0, 10.0], [2, 4]))
    assert [tuple(cell.values.values()) for cell in grid.cells] == expected
    assert [cell.name for cell in grid.cells][:2] == ["control=6,accrual=2", "control=6,accrual=4"]
    for cell in grid.cells:
        table = cell.scenario.arms["old"].pfs
        assert table is not None
        assert table.median_months == cell.values["control"]  # type: ignore[union-attr]
        assert cell.scenario.accrual.rate_per_month == cell.values["accrual"]
        assert cell.scenario.study is None


def test_a_cell_is_the_scenario_with_its_values_set() -> None:
    grid = load_grid(study_tables())
    tables = study_tables(accrual=study_tables()["accrual"] | {"rate_per_month": 2})
    tables["arms"] = {"new": {"pfs": relative("old", 0.375)}, "old": {"pfs": exponential(6.0)}}
    assert data_hash(grid.cells[0].scenario) == data_hash(scenario_from_dict(tables))


def test_skip_leaves_out_values_of_one_axis_or_several() -> None:
    tables = study_tables()
    tables["study"]["skip"] = [{"control": [6.0, 10], "accrual": 2}, {"control": 8}]
    grid = load_grid(tables)
    assert [cell.name for cell in grid.cells] == ["control=6,accrual=4", "control=10,accrual=4"]
    assert grid.n_skipped == 4
    tables["study"]["skip"].append({"control": 8.0, "accrual": 2})
    assert "study.skip.2: must leave out a combination that is not" in message(tables)
    tables["study"]["skip"] = [{"accrual": [2, 4]}]
    assert "study.skip: must leave a cell" in message(tables)


def test_points_set_several_values_each() -> None:
    points = {
        "none": {"arms.new.pfs.hazard_ratio": 1.0},
        "delayed": {
            "arms.new.pfs": {
                "relative_to": "old",
                "hazard_ratios": [
                    {"from_month": 0, "hazard_ratio": 1.0},
                    {"from_month": 3, "hazard_ratio": 0.4},
                ],
            },
            "accrual.patients": 50,
        },
    }
    grid = load_grid(axes(truth={"points": points}))
    none, delayed = grid.cells
    assert (none.name, delayed.name) == ("truth=none", "truth=delayed")
    assert ratio_of(grid, 0) == 1.0
    assert delayed.scenario.accrual.patients == 50
    pfs = delayed.scenario.model_dump()["arms"]["new"]["pfs"]
    assert [step["hazard_ratio"] for step in pfs["hazard_ratios"]] == [1.0, 0.4]
    assert none.null_holds == {"pfs": True}
    assert delayed.null_holds == {"pfs": None}


def test_paths_are_set_together() -> None:
    both = {"paths": ["accrual.patients", "analyses.final.trigger.events"], "values": [30, 35]}
    grid = load_grid(axes(size=both))
    for cell, size in zip(grid.cells, (30, 35), strict=True):
        assert cell.scenario.accrual.patients == size
        assert cell.scenario.analyses["final"].trigger.events == size  # type: ignore[union-attr]


def test_discounts_are_those_of_the_arm_or_of_its_states() -> None:
    axis = {"discount_of": "new", "values": [1.0, 0.8]}
    plain, discounted = load_grid(axes(discount=axis)).cells
    assert plain.scenario.arms["new"].discount is None
    assert discounted.scenario.arms["new"].discount == 0.8
    tables = axes(discount=axis)
    states = {"stable_to_progression": exponential(20.0)}
    tables["arms"]["new"] = {"states": states}
    plain, discounted = load_grid(tables).cells
    assert plain.scenario.arms["new"].states.discount == 1.0  # type: ignore[union-attr]
    assert discounted.scenario.arms["new"].states.discount == 0.8  # type: ignore[union-attr]
    assert discounted.settings == {"arms.new.states.discount": 0.8}


def test_a_discount_of_one_removes_that_of_the_file() -> None:
    tables = axes(discount={"discount_of": "new", "values": [1, 0.9]})
    tables["arms"]["new"]["discount"] = 0.7
    plain, discounted = load_grid(tables).cells
    assert plain.scenario.arms["new"].discount is None
    assert plain.settings == {"arms.new.discount": None}
    assert discounted.scenario.arms["new"].discount == 0.9


# Medians that stay


def test_a_median_stays_at_that_of_the_scenario() -> None:
    grid = load_grid(study_tables())
    # 8 months at a ratio of 0.5: 16 months, and 6 / 16 and so on.
    assert grid.held_medians == {"control": 16.0}
    assert [ratio_of(grid, n) for n in (0, 2, 4)] == [0.375, 0.5, 0.625]
    for cell in grid.cells:
        assert median(cell.scenario, "pfs", "new") == pytest.approx(16.0, rel=1e-11)


def test_a_median_stays_at_the_one_given() -> None:
    grid = load_grid(axes(control=HELD | {"held_median_months": 22.3}))
    assert grid.held_medians == {"control": 22.3}
    assert ratio_of(grid, 0) == float(f"{6 / 22.3:.12g}")
    assert grid.cells[0].settings["arms.new.pfs.hazard_ratio"] == ratio_of(grid, 0)


def test_of_a_shape_the_ratio_is_that_of_the_medians_to_its_power() -> None:
    tables = axes(control=HELD, shape={"path": "arms.old.pfs.shape", "values": [0.5, 2.0]})
    tables["arms"]["old"]["pfs"] = {"distribution": "weibull", "shape": 2.0, "median_months": 8.0}
    grid = load_grid(tables)
    held = 8.0 / math.sqrt(0.5)
    assert grid.held_medians == {"control": pytest.approx(held)}
    for cell in grid.cells:
        ratio = (cell.values["control"] / held) ** cell.values["shape"]  # type: ignore[operator]
        assert cell.scenario.arms["new"].pfs.hazard_ratio == pytest.approx(ratio)  # type: ignore[union-attr]
        assert median(cell.scenario, "pfs", "new") == pytest.approx(held, rel=1e-10)


def test_without_it_the_hazard_ratio_stays() -> None:
    axis = {key: HELD[key] for key in ("path", "values")}
    grid = load_grid(axes(control=axis))
    assert [ratio_of(grid, n) for n in range(3)] == [0.5, 0.5, 0.5]


# Where the null hypothesis holds


def test_a_ratio_of_one_is_null_wherever_the_control_is() -> None:
    control = {key: HELD[key] for key in ("path", "values")}
    ratio = {"path": "arms.new.pfs.hazard_ratio", "values": [0.5, 1.0, 1.2]}
    grid = load_grid(axes(control=control, ratio=ratio))
    found = [cell.null_holds["pfs"] for cell in grid.cells]
    assert found == [False, True, True] * 3


def one_arm(**axis: Any) -> Table:
    """A drug judged by the share without an event at 6 months, against 0.3."""
    tables = axes(share=axis)
    test = of_one_arm("new", "final", kind="landmark_survival", at_months=6.0, null_survival=0.3)
    tables["hypotheses"] = {"outside": test, **tables["hypotheses"]}
    survival = {"month": 6.0, "probability": 0.3}
    tables["arms"]["new"]["pfs"] = {"distribution": "exponential", "survival": survival}
    return tables


SHARE: Table = {"path": "arms.new.pfs.survival.probability", "values": [0.2, 0.4, 0.7]}


def test_marks_tell_what_one_arm_cannot() -> None:
    grid = load_grid(one_arm(**SHARE))
    assert [cell.null_holds["outside"] for cell in grid.cells] == [True, False, False]
    unmarked = [cell.null_holds["pfs"] for cell in grid.cells]
    assert unmarked == [True, True, False]  # the control has 0.5^(6 / 8) = 0.59
    grid = load_grid(one_arm(**SHARE, null_holds=True))
    assert [cell.null_holds["outside"] for cell in grid.cells] == [True, True, True]
    # Two arms speak for themselves.
    assert [cell.null_holds["pfs"] for cell in grid.cells] == unmarked
    grid = load_grid(one_arm(**SHARE, null_holds=[0.4]))
    assert [cell.null_holds["outside"] for cell in grid.cells] == [True, True, False]


def test_marks_that_change_nothing_are_refused() -> None:
    text = message(axes(accrual=ACCRUAL | {"null_holds": True}))
    assert "study.axes.accrual.null_holds: marks nothing" in text


# What is refused


def test_a_rule_that_cells_break_is_told_once_with_the_cells() -> None:
    tables = study_tables()
    tables["study"]["axes"]["accrual"] = ACCRUAL | {"values": [2, 0]}
    assert message(tables) == (
        "accrual.rate_per_month: in the cells control=6,accrual=0; control=8,accrual=0; "
        "control=10,accrual=0: must be greater than 0 (given: 0)"
    )
    tables["study"]["axes"]["accrual"] = {"path": "accrual.patients", "values": [40, 20]}
    tables["study"]["skip"] = [{"control": [6, 8], "accrual": 20}]
    assert message(tables).startswith(
        "analyses.final.trigger.events: in the cell control=10,accrual=20: must be at most"
    )


def test_many_cells_are_counted() -> None:
    tables = study_tables()
    values = [1, 2, -1]
    axis = {"path": "arms.old.pfs.median_months", "values": values}
    patients = {"path": "accrual.patients", "values": list(range(30, 35))}
    tables["study"] = {"axes": {"median": axis, "patients": patients}}
    assert "in 5 cells, such as median=-1,patients=30; median=-1,patients=31; " in message(tables)


def test_a_key_that_does_not_exist_is_one_problem() -> None:
    text = message(axes(accrual=ACCRUAL | {"path": "accrual.rate_per_mont"}))
    (line,) = text.splitlines()
    assert line.startswith("accrual.rate_per_mont: in every cell, such as accrual=2: unknown key")
    assert "given" not in line
    text = message(axes(value={"path": "hypotheses.pfs.critical_values.3", "values": [1.9]}))
    assert text.startswith("study.axes.value.values.0: in the cell value=1.9: ")
    assert "hypotheses.pfs.critical_values: has no element 3; it has 1" in text


def test_places_are_those_of_the_axes_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    base = Path(__file__).parents[2] / "scenarios" / "belzutifan-vs-sunitinib.toml"
    text = base.read_text(encoding="utf-8")
    n_lines = text.count("\n")
    text += '[study.axes.accrual]\npath = "accrual.rate_per_month"\nvalues = [\n2,\n0,\n]\n'
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_grid(file)
    (problem,) = caught.value.problems
    assert problem.where == f"{file}:{n_lines + 5}"
    assert load_scenario(file).study is not None
    option = "accrual.rate_per_month=3"
    with pytest.raises(ScenarioError, match="is set by the study's axis 'accrual'"):
        load_grid(file, [option])
    values = "study.axes.accrual.values=[1,2,3]"
    assert len(load_grid(file, [values]).cells) == 3
    with pytest.raises(ScenarioError, match=r"--set study\.axes\.accrual\.values"):
        load_grid(file, ["study.axes.accrual.values=[-1]"])


def test_too_many_cells_are_refused_unless_allowed() -> None:
    text = message(study_tables(), most_cells=5)
    assert "study.axes: must have at most 5 combinations (given: 6)" in text
    assert "--max-cells" in text
    assert len(load_grid(study_tables(), most_cells=6).cells) == 6


def test_a_scenario_without_a_study_is_refused() -> None:
    tables = study_tables()
    del tables["study"]
    assert message(tables).startswith("study: required table is missing")


def test_the_reference_is_a_cell_that_is_there() -> None:
    tables = study_tables()
    assert load_grid(tables).reference is None
    tables["study"]["reference"] = {"control": 8, "accrual": 4.0}
    reference = load_grid(tables).reference
    assert reference is not None
    assert reference.name == "control=8,accrual=4"


# Names


def test_names_are_safe_and_distinct() -> None:
    odd: dict[str, Value] = {"a": "x/y", "b": 1.5}
    assert cell_name(odd).startswith("a=x_y,b=1.5-")
    assert cell_name(odd | {"a": "x_y"}) == "a=x_y,b=1.5"
    assert cell_name(odd | {"a": "x y"}) != cell_name(odd)
    long = cell_name({"axis": "v" * 300})
    assert len(long) < 140
    assert cell_name({"flag": True, "n": 12.0}) == "flag=true,n=12"


def test_plug_ins_stay_with_the_scenario() -> None:
    tables = study_tables(plug_in={"own": {"arms": {"new": {"pfs": exponential(9.0)}}}})
    assert load_grid(tables).cells[0].scenario.plug_in == {}


def test_values_of_critical_values_are_positions() -> None:
    first, second = load_grid(axes(limit=ALPHA)).cells
    assert first.scenario.hypotheses["pfs"].critical_values == (2.0,)
    assert second.scenario.hypotheses["pfs"].critical_values == (2.5,)
    assert data_hash(first.scenario) == data_hash(second.scenario)
