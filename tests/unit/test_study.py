"""Studies: cells are runs of their own, judged again where they can be, in one tidy table."""

from __future__ import annotations

import csv
import io
import json
import math
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from twins.scenario_tables import exponential, uncertain
from twins.study_tables import ACCRUAL, HELD, axes, judged, study_tables

import simulate
from simulate.api import Counts
from simulate.api import study as public_study
from simulate.api.study import planned_grid, shards_of_cells, trials_of_study
from simulate.engine.codes import STATUS_LOOK_SKIPPED, STATUS_TARGET_NOT_REACHED
from simulate.engine.statistics import Statistics
from simulate.errors import ScenarioError
from simulate.results.compare import compare_folders
from simulate.results.estimates import Share
from simulate.results.result import Result
from simulate.results.settings import settings_that_differ
from simulate.runner.folder import open_folder
from simulate.scenario.hashes import data_hash
from simulate.scenario.load import scenario_from_dict
from simulate.studies.folder import table_csv, table_parquet
from simulate.studies.measures import NOT_BY_HORIZON, decision_months
from simulate.studies.result import Study


@pytest.fixture(name="found", scope="module")
def _found() -> Study:
    return simulate.study(study_tables(), workers=1)


# Cells


def test_the_public_function_is_the_one_of_the_room_of_functions() -> None:
    assert simulate.study is public_study


def test_cells_are_runs_of_their_own_to_the_bit(found: Study) -> None:
    for cell in found.cells:
        tables = study_tables()
        del tables["study"]
        control, accrual = cell.cell.values["control"], cell.cell.values["accrual"]
        tables["arms"]["old"]["pfs"]["median_months"] = control
        tables["arms"]["new"]["pfs"]["hazard_ratio"] = float(control) / 16.0
        tables["accrual"]["rate_per_month"] = accrual
        alone = simulate.run(scenario_from_dict(tables), workers=1)
        rows = alone.operating_characteristics
        assert repr([row[1:] for row in cell.rows]) == repr([row[1:] for row in rows])
        assert cell.twins == alone.twins
        assert data_hash(cell.scenario) == data_hash(alone.scenario)


def test_cells_that_differ_in_design_are_simulated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package's attribute of this name is the function.
    module = import_module("simulate.api.study")
    simulated: list[str] = []
    run = module.run

    def counting(scenario: Any, **options: Any) -> Any:
        simulated.append(data_hash(scenario))
        return run(scenario, **options)

    monkeypatch.setattr(module, "run", counting)
    done: list[int] = []
    counts = Counts()
    found = simulate.study(judged(), workers=1, progress=done.append, counts=counts)
    assert len(simulated) == len(set(simulated)) == 2
    assert sum(done) == counts.trials == 4 * 300
    for cell in found.cells:
        alone = simulate.run(cell.scenario, workers=1)
        # As text: one NaN is not equal to another.
        assert repr(cell.rows) == repr(alone.operating_characteristics)
        assert cell.twins == alone.twins
    low, high = (found.cell(bounds=name, accrual=2).power("pfs") for name in ("low", "high"))
    assert low.value != high.value


def test_trials_and_seed_are_those_asked_for() -> None:
    found = simulate.study(study_tables(), trials=50, seed=3, workers=1)
    assert found.grid.scenario.simulation.trials == 50
    assert {cell.scenario.simulation.seed for cell in found.cells} == {3}
    assert {row["n_trials"] for row in found.table if row["condition"] == "all"} <= set(range(51))
    assert found.cells[0].power().n_trials == 50


def test_a_cell_is_found_by_its_values(found: Study) -> None:
    assert found.cell(control=8, accrual=4).cell.name == "control=8,accrual=4"
    with pytest.raises(KeyError, match="2 cells have"):
        found.cell(control=8)
    with pytest.raises(KeyError, match="0 cells have"):
        found.cell(control=9)
    with pytest.raises(KeyError, match="no row"):
        found.cells[0].estimate("power", "pfs")


def test_other_verbs_leave_the_study_aside() -> None:
    with_study, tables = scenario_from_dict(study_tables()), study_tables()
    del tables["study"]
    without = scenario_from_dict(tables)
    assert data_hash(with_study) == data_hash(without)
    a, b = (s.model_dump(mode="json", exclude_none=True) for s in (with_study, without))
    assert settings_that_differ(a, b) == []
    # As a manifest holds it.
    assert scenario_from_dict(a) == with_study


# Horizon


def slow_months(result: Result, name: str) -> list[float]:
    """Month at which each trial has decided a hypothesis, trial by trial and look by look."""
    scenario, statistics = result.scenario, result.statistics
    assert statistics is not None
    looks = list(scenario.analyses)
    rows = [(look, h) for look in looks for h in scenario.hypotheses
            if look in scenario.hypotheses[h].analyses]  # fmt: skip
    stops = set(scenario.stopping.hypotheses)
    found = []
    for trial in range(len(statistics.status)):
        rejected: set[str] = set()
        month, over = math.inf, False
        last_held = math.inf
        for look in looks:
            here = [r for r, (at, _) in enumerate(rows) if at == look]
            held = not statistics.status[trial, here[0]] & STATUS_LOOK_SKIPPED
            if over or not held:
                continue
            for r in here:
                _, h = rows[r]
                values = scenario.hypotheses[h].critical_values
                assert values is not None
                limit = values[scenario.hypotheses[h].analyses.index(look)]
                crosses = statistics.z[trial, r] >= limit and h not in rejected
                reached = not statistics.status[trial, r] & STATUS_TARGET_NOT_REACHED
                is_last = look == scenario.hypotheses[h].analyses[-1]
                if h == name:
                    last_held = statistics.cutoff[trial, r]
                    if reached and (crosses or is_last):
                        month = min(month, last_held)
                if crosses:
                    rejected.add(h)
            over = stops <= rejected
            if over and month == math.inf and not is_last_look(scenario, name, look):
                month = last_held
        found.append(month)
    return found


def is_last_look(scenario: Any, name: str, look: str) -> bool:
    return bool(scenario.hypotheses[name].analyses[-1] == look)


@pytest.mark.parametrize("name", ["pfs", "other"])
@pytest.mark.parametrize("if_not_reached", ["last_event", "skip", "all_data"])
def test_months_of_decisions_are_those_of_a_loop(name: str, if_not_reached: str) -> None:
    tables = judged()
    del tables["study"]
    tables["analyses"]["final"]["trigger"]["if_not_reached"] = if_not_reached
    for stopping in ({"hypotheses": ["pfs"]}, {"rejected": "all"}):
        result = simulate.run(scenario_from_dict(tables | {"stopping": stopping}), workers=1)
        assert result.statistics is not None
        months = decision_months(result.scenario, result.statistics, name)
        assert months.tolist() == slow_months(result, name)
        assert 0 < np.count_nonzero(np.isinf(months)) < len(months)


def test_the_share_not_decided_by_the_horizon_is_a_row() -> None:
    found = simulate.study(judged(horizon_months=24.0), workers=1)
    for cell in found.cells:
        alone = simulate.run(cell.scenario, workers=1)
        for name in ("pfs", "other"):
            late = sum(month > 24.0 for month in slow_months(alone, name))
            share = cell.estimate(NOT_BY_HORIZON, name)
            assert share == Share(late, 300).estimate()
    assert 0.0 < found.cell(bounds="low", accrual=4).estimate(NOT_BY_HORIZON, "pfs").value < 1.0


# Differences


def test_differences_are_those_of_compared_folders(tmp_path: Any) -> None:
    tables = judged(reference={"bounds": "low", "accrual": 4})
    found = simulate.study(tables, workers=1, out=tmp_path / "study")
    reference = open_folder(tmp_path / "study" / "cells" / "bounds=low,accrual=4")
    for cell in found.cells:
        differences = {r[1:4]: r for r in cell.rows if r.measure.endswith("_difference")}
        if cell.cell is found.grid.reference or cell.cell.name == "bounds=low,accrual=4":
            assert not differences
            continue
        folder = open_folder(tmp_path / "study" / "cells" / cell.cell.name)
        expected = compare_folders(reference, folder).differences
        overall = [d for d in expected if d.analysis == "overall"]
        assert len(overall) == len(differences) == 6
        for row in overall:
            key = (row.hypothesis, "overall", f"{row.measure}_difference")
            assert differences[key][5:] == (row.difference, row.mcse, row.n_trials)


def test_differences_of_many_truths_allow_for_shared_ones(tmp_path: Any) -> None:
    tables = study_tables({"axes": {"accrual": ACCRUAL}, "reference": {"accrual": 2}})
    tables["arms"]["old"]["pfs"] = uncertain(exponential(8.0), sd_log_time=0.3)
    tables["arms"]["new"]["pfs"] = exponential(16.0)
    tables["simulation"]["members"] = 30
    _, other = simulate.study(tables, workers=1, out=tmp_path / "study").cells
    cells = [open_folder(tmp_path / "study" / "cells" / f"accrual={n}") for n in (2, 4)]
    for expected in compare_folders(*cells).differences:
        if expected.analysis == "overall":
            measure = f"{expected.measure}_difference"
            (row,) = [r for r in other.rows if r.measure == measure]
            assert (row.estimate, row.mcse) == (expected.difference, expected.mcse)
    assert "assurance" in {r.measure for r in other.rows}


@pytest.mark.parametrize("key", ["reference", "horizon_months"])
def test_what_needs_rows_is_refused_where_they_are_not_kept(tmp_path: Any, key: str) -> None:
    value: Any = {"bounds": "low", "accrual": 2} if key == "reference" else 20.0
    for options in ({"keep": "summary", "out": tmp_path / "s"}, {"trials": 2_000_000}):
        with pytest.raises(ScenarioError, match=f"study.{key}: needs the trials of every cell"):
            simulate.study(judged(**{key: value}), **options)
    assert not (tmp_path / "s").exists()


# Table


def test_the_table_is_tidy(found: Study) -> None:
    rows = found.table
    assert list(rows[0]) == found.columns
    assert found.columns == [
        "cell", "control", "accrual", "hypothesis", "analysis", "measure", "condition", "estimate",
        "mcse", "n_trials", "null_holds", "closed_form", "closed_form_kind", "flagged",
    ]  # fmt: skip
    assert len(rows) == sum(len(cell.rows) for cell in found.cells)
    keys = [tuple(row[c] for c in found.columns[:7]) for row in rows]
    assert len(set(keys)) == len(keys)
    powers = [row for row in rows if row["measure"] == "rejection_probability"]
    assert [row["control"] for row in powers if row["analysis"] == "overall"] == [
        6.0, 6.0, 8.0, 8.0, 10.0, 10.0
    ]  # fmt: skip
    (first, *_) = powers
    twin = found.cells[0].twin("rejection_probability", "pfs")
    assert twin is not None
    assert (first["closed_form"], first["closed_form_kind"]) == (twin.twin, "approximate")
    assert first["flagged"] is twin.flagged
    assert first["null_holds"] is False
    assert list(found.to_pandas().columns) == found.columns


def test_csv_and_parquet_hold_the_table(found: Study) -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv(found), newline="")))
    table = pq.read_table(io.BytesIO(table_parquet(found))).to_pylist()
    assert len(rows) == len(table) == len(found.table)
    for text, stored, row in zip(rows, table, found.table, strict=True):
        assert list(text) == list(stored) == found.columns
        for name in ("estimate", "mcse"):
            is_there = math.isfinite(row[name])
            assert stored[name] == (row[name] if is_there else None)
            assert text[name] == (repr(row[name]) if is_there else "")
        assert stored["control"] == row["control"] == float(text["control"])
        assert stored["accrual"] == row["accrual"] == int(text["accrual"])
        assert stored["measure"] == row["measure"] == text["measure"]
        assert stored["null_holds"] is row["null_holds"]
        assert stored["flagged"] is row["flagged"]
        assert text["null_holds"] == {False: "false", None: ""}[row["null_holds"]]


def test_columns_of_axes_have_the_type_of_their_values() -> None:
    points = {"a": {"accrual.patients": 40}, "b": {"accrual.patients": 44}}
    within = {"path": "randomisation.within_strata", "values": [False]}
    arrivals = {"path": "accrual.arrivals", "values": ["poisson"]}
    tables = axes(size={"points": points}, within=within, arrivals=arrivals, held=HELD)
    schema = pq.read_schema(io.BytesIO(table_parquet(simulate.study(tables, trials=20, workers=1))))
    kinds = [str(schema.field(n).type) for n in ("size", "within", "arrivals", "held", "n_trials")]
    assert kinds == ["string", "bool", "string", "double", "int64"]


def test_type_i_error_is_told_over_a_range_of_truths() -> None:
    control = {key: HELD[key] for key in ("path", "values")}
    ratio = {"path": "arms.new.pfs.hazard_ratio", "values": [1.0, 0.5]}
    found = simulate.study(axes(control=control, ratio=ratio), trials=2000, workers=1)
    rows = [row for row in found.table if row["measure"] == "rejection_probability"]
    overall = [row for row in rows if row["analysis"] == "overall"]
    assert [row["null_holds"] for row in overall] == [True, False] * 3
    limit = 0.02275  # one-sided, of a critical value of 2
    for row in overall:
        if row["null_holds"]:
            assert abs(row["estimate"] - limit) < 4 * row["mcse"] + 0.01
        else:
            assert row["estimate"] > 0.2
    # The patients are shared: at a ratio of 1 and one control the cells differ in nothing else.
    assert found.cells[0].power().value != found.cells[1].power().value


def test_several_hypotheses_are_null_together_if_all_are() -> None:
    tables = judged()
    tables["arms"]["new"]["pfs"]["hazard_ratio"] = 1.0
    rows = simulate.study(tables, trials=20, workers=1).table
    assert {row["null_holds"] for row in rows if row["hypothesis"] in {"any", "all"}} == {True}


def test_several_hypotheses_are_not_null_together_if_one_is_not() -> None:
    tables = judged()
    # The true ratio, 0.5, is worse than this null one.
    tables["hypotheses"]["other"]["test"]["null_hazard_ratio"] = 0.4
    rows = simulate.study(tables, trials=20, workers=1).table
    found = {(row["hypothesis"], row["null_holds"]) for row in rows}
    assert found == {("pfs", False), ("other", True), ("any", False), ("all", False)}


def test_json_is_plain_data(found: Study) -> None:
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["format"] == "simulate-study"
    assert len(data["cells"]) == 6
    assert data["cells"][0]["settings"] == {
        "arms.old.pfs.median_months": 6.0,
        "accrual.rate_per_month": 2,
        "arms.new.pfs.hazard_ratio": 0.375,
    }
    assert data["held_medians"] == {"control": 16.0}
    assert [row["estimate"] for row in data["rows"]] == [
        None if not math.isfinite(row["estimate"]) else row["estimate"] for row in found.table
    ]
    assert scenario_from_dict(data["scenario"]).study is not None


# Shares


def test_shards_deal_out_the_blocks_of_all_cells() -> None:
    grid = planned_grid(study_tables(), trials=50_000)
    shares = [shards_of_cells(grid, simulate.Shard(n, 4), "rows") for n in range(1, 5)]
    names = [cell.name for cell in grid.cells]
    # 18 blocks in one row: the fourth block of the row is the first of the second cell.
    dealt = {name: [s[name].number if name in s else None for s in shares] for name in names}
    assert dealt[names[0]] == [1, 2, 3, None]
    assert dealt[names[1]] == [2, 3, None, 1]
    trials = [trials_of_study(grid, simulate.Shard(n, 4), "rows") for n in range(1, 5)]
    assert sum(trials) == trials_of_study(grid, None, "rows") == 300_000
    assert max(trials) - min(trials) <= 30_000


def test_shards_leave_what_another_cell_has() -> None:
    grid = planned_grid(judged())
    named = {n for k in (1, 2) for n in shards_of_cells(grid, simulate.Shard(k, 2), "rows")}
    assert named == {"bounds=low,accrual=2", "bounds=low,accrual=4"}
    sums = {n for k in (1, 2) for n in shards_of_cells(grid, simulate.Shard(k, 2), "summary")}
    assert len(sums) == 4


def test_statistics_are_dropped_once_nobody_needs_them(found: Study) -> None:
    held = [
        value
        for cell in found.cells
        for value in vars(cell).values()
        if isinstance(value, Statistics)
    ]
    assert not held


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"trials": 0}, "simulation.trials: must be a whole number from 1"),
        ({"workers": 0}, "workers: must be a whole number of at least 1"),
        ({"keep": "summary"}, "keep: is for run folders only"),
        ({"most_cells": 2}, "must have at most 2 combinations"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(ScenarioError, match=rule):
        simulate.study(study_tables(), **options)


def test_cells_without_anything_to_report_are_refused() -> None:
    tables = study_tables()
    del tables["hypotheses"]
    with pytest.raises(ScenarioError, match="hypotheses: needs at least one"):
        simulate.study(tables)
