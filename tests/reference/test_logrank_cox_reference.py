"""Log-rank and Cox on published data sets against R's survival package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reference.datasets import analysed, read

from simulate.engine.codes import ESTIMATE_BRESLOW, ESTIMATE_EFRON
from simulate.engine.cox import cox_score

CASES = json.loads(Path(__file__).with_name("dataset_cases.json").read_text(encoding="utf-8"))[
    "cases"
]
LOGRANK = [case for case in CASES if case["kind"] == "dataset/logrank"]
COX = [
    pytest.param(case, ties, stratified, id=f"{case['name']}-{'strat_' * stratified}{ties}")
    for case in CASES
    if case["kind"] == "dataset/cox"
    for ties in ("efron", "breslow")
    for stratified in (False, True)
    if "strat_" * stratified + ties in case["values"]
]


@pytest.mark.parametrize("case", LOGRANK, ids=lambda case: case["name"])
def test_logrank(case: dict[str, Any]) -> None:
    values = case["values"]
    for prefix, stratified in (("", False), ("strat_", True)):
        if f"{prefix}z" not in values and stratified:
            continue
        found, _ = analysed(read(Path(case["params"]["data"]).stem), stratified, "none")
        variance = values["strat_var" if stratified else "var"]
        observed = values["strat_obs_arm1" if stratified else "obs_arm1"]
        expected = values["strat_exp_arm1" if stratified else "obs_exp_arm1"]
        assert found.events_experimental[0, 0] == observed
        assert found.information[0, 0] == pytest.approx(variance, rel=1e-9)
        assert found.score[0, 0] == pytest.approx(expected - observed, rel=1e-9)
        # Survival's z is negative where the experimental arm does better.
        assert found.z[0, 0] == pytest.approx(-values[f"{prefix}z"], rel=1e-9)


@pytest.mark.parametrize(("case", "ties", "stratified"), COX)
def test_cox(case: dict[str, Any], ties: str, stratified: bool) -> None:
    values = case["values"]["strat_" * stratified + ties]
    found, workspace = analysed(read(Path(case["params"]["data"]).stem), stratified, f"cox_{ties}")
    beta = found.estimate[0, 0]
    # survival::coxph stops once the log-likelihood hardly changes: its estimate is good to 1e-6.
    assert beta == pytest.approx(values["loghr"], rel=1e-6)
    assert found.se[0, 0] == pytest.approx(values["se"], rel=1e-6)
    # The own score equation holds at the own estimate.
    risk_sets = workspace.risk_sets
    n_events = int(found.events_experimental[0, 0] + found.events_control[0, 0])
    n_sets = _n_sets(risk_sets.events, n_events)
    code = ESTIMATE_EFRON if ties == "efron" else ESTIMATE_BRESLOW
    n_tied = n_events - n_sets
    expected, information, _ = cox_score(
        risk_sets,
        n_sets,
        n_tied,
        code,
        beta,
        workspace.float_scratch,
        workspace.float_scratch_2,
        workspace.float_scratch_3,
    )
    assert abs(found.events_experimental[0, 0] - expected) / information**0.5 < 1e-10


def _n_sets(events: Any, n_events: int) -> int:
    """Number of distinct event times: rows are filled from the front; not at all without ties."""
    if not events.any():
        return n_events
    total = 0
    for n, count in enumerate(events, start=1):
        total += int(count)
        if total == n_events:
            return n
    raise AssertionError("the risk sets hold fewer events than were counted")
