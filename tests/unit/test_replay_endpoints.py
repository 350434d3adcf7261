"""A trial with several endpoints made again: its patients, its looks and what is printed."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pytest
from rich.console import Console
from scipy import stats
from twins.joint_scenarios import ESTIMATES, HYPOTHESES, joint_scenario

from simulate.errors import ScenarioError
from simulate.report.replay import print_replay, write_csv
from simulate.results.replayed import ESTIMATED, Look, ReplayedTrial, replay_trial
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

ENDPOINTS = ("pfs", "os", "response", "clear")
RATIOS = {"logrank", "late"}


@pytest.fixture(scope="module")
def trial() -> ReplayedTrial:
    return replay_trial(joint_scenario(), 3)


@pytest.fixture(scope="module")
def rows(trial: ReplayedTrial) -> list[dict[str, str]]:
    stream = io.StringIO()
    write_csv(trial, trial.cut(), stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


@pytest.fixture(scope="module")
def printed(trial: ReplayedTrial) -> str:
    stream = io.StringIO()
    print_replay(trial, trial.cut(), Console(file=stream, width=120))
    return stream.getvalue()


def look_of(trial: ReplayedTrial, name: str) -> Look:
    return next(look for look in trial.looks if look.hypothesis == name)


def responders(rows: list[dict[str, str]], arm: str, follow_up: float = 0.0) -> tuple[int, int]:
    """Responders of an arm, and all its patients who are followed so long."""
    here = [
        row
        for row in rows
        if row["arm"] == arm
        and float(row["cutoff_calendar_months"]) - float(row["entry_calendar_months"]) >= follow_up
    ]
    return sum(row["response_event"] == "1" for row in here), len(here)


def test_statistics_have_the_bits_of_the_run(trial: ReplayedTrial) -> None:
    scenario = trial.scenario
    run = simulate_block(pack(scenario), scenario.simulation.seed, Block(0, 5))
    for name, column in run._asdict().items():
        assert getattr(trial.statistics, name)[0].tobytes() == column[3].tobytes(), name


def test_the_csv_has_three_columns_an_endpoint(rows: list[dict[str, str]]) -> None:
    of_endpoints = [f"{e}_{what}" for e in ENDPOINTS for what in ("months", "event", "ended_by")]
    before = ["trial", "patient", "arm", "site", "entry_calendar_months"]
    assert list(rows[0]) == [*before, *of_endpoints, "cutoff_calendar_months"]


def test_endpoints_of_a_patient_fit_together(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 120
    for row in rows:
        pfs, os, response, clear = (float(row[f"{name}_months"]) for name in ENDPOINTS)
        followed = float(row["cutoff_calendar_months"]) - float(row["entry_calendar_months"])
        assert response <= pfs <= os <= followed
        assert clear == min(3.0, clear)
        for name in ENDPOINTS:
            assert (row[f"{name}_event"] == "1") == (row[f"{name}_ended_by"] == "event")
        if row["os_event"] == "1":
            assert row["pfs_event"] == "1"
        if row["response_event"] == "0":
            assert response == pfs
        if row["clear_event"] == "1":
            assert clear == 3.0
    # Each thing happens: death first, progression first, response, dropout.
    deaths = [
        row for row in rows if row["os_event"] == "1" and row["os_months"] == row["pfs_months"]
    ]
    later = [
        row for row in rows if row["pfs_event"] == "1" and row["os_months"] > row["pfs_months"]
    ]
    assert deaths
    assert later
    assert {row["response_ended_by"] for row in rows} >= {"event", "dropout", "end of follow-up"}


@pytest.mark.parametrize("name", [*HYPOTHESES, *ESTIMATES])
def test_counts_of_a_look_follow_from_the_csv(
    trial: ReplayedTrial, rows: list[dict[str, str]], name: str
) -> None:
    table: dict[str, Any] = (HYPOTHESES | ESTIMATES)[name]
    arms = table.get("arms") or {"experimental": table["arm"]}
    follow_up = table.get("minimum_follow_up_months", 0.0)
    look = look_of(trial, name)
    for role in ("experimental", "control"):
        here = [
            row
            for row in rows
            if row["arm"] == arms.get(role)
            and float(row["entry_calendar_months"]) <= look.cutoff - follow_up
        ]
        happened = sum(row[f"{table['endpoint']}_event"] == "1" for row in here)
        assert getattr(look, f"patients_{role}") == len(here)
        assert getattr(look, f"events_{role}") == happened


def test_z_of_proportions_follows_from_the_csv(
    trial: ReplayedTrial, rows: list[dict[str, str]]
) -> None:
    (x1, n1), (x0, n0) = responders(rows, "new"), responders(rows, "old")
    p, q = x1 / n1, x0 / n0
    error = math.sqrt(p * (1.0 - p) / n1 + q * (1.0 - q) / n0)
    look = look_of(trial, "difference")
    assert look.estimate == pytest.approx(p - q)
    assert look.se == pytest.approx(error)
    assert look.z == pytest.approx((p - q) / error)
    tail = stats.binom.sf(x1 - 1, n1, 0.3)
    assert look_of(trial, "rate").z == pytest.approx(stats.norm.isf(tail))
    x, n = responders(rows, "new", follow_up=6.0)
    assert look_of(trial, "mature").estimate == pytest.approx(x / n)


def test_a_cut_follows_patients_to_the_endpoint_named(trial: ReplayedTrial) -> None:
    os = trial.cut(endpoint="os")
    assert (os.endpoint, trial.cut().endpoint) == ("os", "pfs")
    for arm in (0, 1):
        assert os.curve(arm).median_months > trial.cut().curve(arm).median_months
    median = trial.cut(endpoint="pfs").curve(1).median_months
    assert look_of(trial, "median").estimate == median
    with pytest.raises(ScenarioError, match="must be one of the scenario's: pfs, os, response, cl"):
        trial.cut(endpoint="orr")


def test_plain_data_hold_every_endpoint(trial: ReplayedTrial) -> None:
    found = trial.to_json(trial.cut())
    new, old = found["cut"]["arms"]
    for arm, number in ((new, 0), (old, 1)):
        assert list(arm["endpoints"]) == list(ENDPOINTS)
        for endpoint, told in arm["endpoints"].items():
            cut = trial.cut(endpoint=endpoint)
            assert told["events"] == cut.is_event[cut.arm == number].sum()
            assert ("median_months" in told) == (endpoint in ("pfs", "os"))
    assert old["endpoints"]["os"]["median_months"] is None
    assert new["endpoints"]["pfs"]["median_months"] == trial.cut().curve(0).median_months


def test_plain_data_have_hazard_ratios_for_nothing_else(trial: ReplayedTrial) -> None:
    looks = {look["hypothesis"]: look for look in trial.to_json(None)["looks"]}
    assert list(looks) == [*HYPOTHESES, *ESTIMATES]
    for name, look in looks.items():
        assert (look["hazard_ratio"] is not None) == (name in RATIOS), name
        assert (look["hazard_ratio_upper"] is not None) == (name in RATIOS), name
        assert (look["verdict"] == ESTIMATED) == (name in ESTIMATES)
        assert (look["critical_value"] is None) == (name in ESTIMATES)
    assert looks["survival"]["lower"] < looks["survival"]["estimate"] < looks["survival"]["upper"]


def test_each_test_has_its_table_with_its_own_effect(trial: ReplayedTrial, printed: str) -> None:
    labels = {
        "logrank": "hazard ratio",
        "rmst": "difference in restricted mean, months",
        "milestone": "difference in survival",
        "log_log": "difference in -log(-log(survival))",
        "landmark": "survival",
        "difference": "difference in rates",
        "odds": "log odds ratio",
        "rate": "rate",
    }
    tables = printed.split("\n\n")
    for name, label in labels.items():
        (table,) = [part for part in tables if part.lstrip().startswith(f"{name}\n")]
        (line,) = [x for x in table.splitlines() if x.startswith(f"{label}  ")]
        look = look_of(trial, name)
        shown = look.hazard_ratio[0] if name in RATIOS else look.estimate
        assert line.split()[-1] == f"{shown:.4f}"
        has_control = "control" in HYPOTHESES[name]["arms"]
        assert ("  The new drug" in table) is has_control
        assert ("responders" in table) is (HYPOTHESES[name]["endpoint"] in ("response", "clear"))


def test_estimates_and_all_endpoints_are_printed(trial: ReplayedTrial, printed: str) -> None:
    median = look_of(trial, "median")
    limits = f"(limits {median.lower:.4g} to {median.upper:.4g})"
    assert (
        f"median at final (old, PFS: Kaplan-Meier median): {median.estimate:.4g} {limits}"
        in printed
    )
    assert (
        "mature at final (new, response: rate, patients followed for 6 months or more)" in printed
    )
    end = printed[printed.index("All arms at: final") :]
    for label in ("patients", "PFS events", "OS events", "median OS", "response", "Clearance"):
        assert f"\n{label} " in end
