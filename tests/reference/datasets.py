"""Published data sets put through the engine's own analysis."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.codes import EVENT, FOLLOWED_TO_END
from simulate.engine.statistics import Statistics, new_statistics
from simulate.engine.trial import analyse
from simulate.engine.workspace import Workspace, new_workspace
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict

DATA = Path(__file__).with_name("data")


class DataSet(NamedTuple):
    """Times, event (1) or censoring (0), arm (1 experimental), and the stratum as a number."""

    time: FloatArray
    event: IntArray
    arm: IntArray
    stratum: IntArray


def read(name: str) -> DataSet:
    """Read one of the data sets."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    levels = sorted({row["stratum"] for row in rows})
    return DataSet(
        np.array([float(row["time"]) for row in rows]),
        np.array([int(row["event"]) for row in rows]),
        np.array([int(row["arm"]) for row in rows]),
        np.array([levels.index(row["stratum"]) for row in rows]),
    )


def analysed(data: DataSet, stratified: bool, estimate: str) -> tuple[Statistics, Workspace]:
    """Analyse a data set as the one look of one trial, in which all entered at month 0.

    The workspace is returned for its risk sets.
    """
    plan = pack(scenario_from_dict(_scenario(data, stratified, estimate)))
    workspace = new_workspace(plan)
    patients = workspace.patients
    patients.stratum[:] = data.stratum
    # The scenario's first arm is the experimental one.
    patients.arm[:] = 1 - data.arm
    patients.cell[:] = patients.arm * plan.n_strata + patients.stratum
    patients.entry[:] = 0.0
    patients.end[:] = data.time
    patients.calendar_end[:] = data.time
    patients.calendar_event[:] = np.where(data.event == 1, data.time, np.inf)
    patients.outcome[:] = np.where(data.event == 1, EVENT, FOLLOWED_TO_END)
    statistics = new_statistics(1, plan)
    analyse(plan, np.uint64(0), np.uint64(0), patients, workspace, statistics, 0)
    return statistics, workspace


def _scenario(data: DataSet, stratified: bool, estimate: str) -> dict[str, Any]:
    """Any trial with as many patients and strata as the data set, cut at its last time."""
    n_strata = int(data.stratum.max()) + 1
    exponential = {"pfs": {"distribution": "exponential", "rate_per_month": 0.1}}
    scenario = {
        "schema_version": 1,
        "title": "data set",
        "purpose": "Reference.",
        "arms": {"experimental": exponential, "control": exponential},
        "accrual": {"patients": len(data.time), "arrivals": "evenly_spaced", "rate_per_month": 1.0},
        "analyses": {"all": {"trigger": {"calendar_months": float(data.time.max())}}},
        "hypotheses": {
            "pfs": {
                "endpoint": "pfs",
                "arms": {"experimental": "experimental", "control": "control"},
                "test": {"kind": "logrank", "stratified": stratified, "estimate": estimate},
                "alpha": 0.025,
            }
        },
        "simulation": {"trials": 1, "seed": 0},
    }
    if stratified:
        levels = {f"s{i}": 1.0 / n_strata for i in range(n_strata)}
        scenario["strata"] = {"stratum": levels}
    else:
        data.stratum[:] = 0
    return scenario
