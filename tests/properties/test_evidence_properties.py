"""Figures made from one set of patients contradict nothing; broken files end in clear messages."""

from __future__ import annotations

import copy
import math
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from properties.test_scenario_fuzz import JARGON, MUTATIONS, mutate
from twins.slow_kaplan_meier import slow_median, slow_survival

from simulate.calibration.check_curves import check_curves
from simulate.calibration.evidence import Evidence, evidence_hash
from simulate.calibration.facts import derived, published, scans, unknown
from simulate.calibration.load import evidence_from_dict
from simulate.calibration.single import exponential_rates, weibull_curves
from simulate.errors import ScenarioError

LITESPARK = Path(__file__).parents[2] / "scenarios" / "evidence" / "litespark-015.toml"
DATA = tomllib.loads(LITESPARK.read_text(encoding="utf-8"))
SOURCED = {"status": "published", "source": "Made up."}
Times = list[tuple[float, bool]]


class MadeTrial(NamedTuple):
    """Patients of a made-up trial: follow-up, and who responded when and for how long."""

    follow_up: list[float]
    pfs: Times
    os: Times
    duration: Times
    response_months: list[float]


def made_trial(seed: int) -> MadeTrial:
    """Draw a trial of constant hazards, seen by scans every month or every other one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(15, 120))
    shortest = rng.uniform(3.0, 20.0)
    follow_up = [float(c) for c in rng.uniform(shortest, shortest + rng.uniform(2.0, 30.0), n)]
    every = rng.choice([1.0, 2.0])
    hazards = rng.lognormal(np.log([0.05, 0.03, 0.005, 0.03]), 0.8)
    loss = rng.choice([0.0, 0.01])
    trial = MadeTrial(follow_up, [], [], [], [])
    for c in follow_up:
        response, progression, death, late = rng.exponential(1.0, 4) / hazards
        end = min(c, float(rng.exponential(1.0)) / loss) if loss else c
        if response < progression:
            progression = response + late
        seen = math.ceil(progression / every) * every
        event = min(seen, death)
        last_scan = math.floor(end / every) * every
        is_event = event <= end
        trial.pfs.append((event if is_event else min(last_scan, death), is_event))
        # After progression death is four times as likely.
        died = progression + (death - progression) / 4.0 if progression < death else death
        died = max(died, event)
        trial.os.append((min(died, end), died <= end))
        first = math.ceil(response / every) * every
        if first + every <= min(last_scan, event - 1e-9):
            trial.response_months.append(first)
            trial.duration.append((trial.pfs[-1][0] - first, is_event))
    return trial


def figures_of(trial: MadeTrial) -> dict[str, dict[str, Any]]:
    """Figures as a paper would print them, rounded."""
    n, m = len(trial.pfs), len(trial.duration)
    longest = max(trial.follow_up)
    figures: dict[str, dict[str, Any]] = {
        "response": {"kind": "proportion", "endpoint": "response", "percent": round(100 * m / n, 1)}
    }
    curves = {"pfs": trial.pfs, "os": trial.os}
    if m > 0:
        curves["duration_of_response"] = trial.duration
        months = trial.response_months
        least, greatest = round(min(months), 1), round(max(months), 1)
        figures["range"] = {
            "kind": "range", "endpoint": "time_to_response", "months": (least, greatest)
        }  # fmt: skip
        figures["middle"] = {
            "kind": "median", "endpoint": "time_to_response",
            "months": round(float(np.median(months)), 1),
        }  # fmt: skip
        for month in (3.5, 6.5):
            if month < longest:
                share = sum(time >= month for time, _ in trial.duration) / m
                figures[f"lasting_{round(month)}"] = {
                    "kind": "share_event_free", "endpoint": "duration_of_response",
                    "at_months": month, "percent": round(100 * share),
                }  # fmt: skip
    for endpoint, times in curves.items():
        middle = slow_median(times)
        months_or_not = "not_reached" if math.isinf(middle) else round(middle, 1)
        if months_or_not != 0.0:
            figures[f"{endpoint}_median"] = {
                "kind": "median", "endpoint": endpoint, "months": months_or_not
            }  # fmt: skip
        for month in (2.3, 5.3, 9.3, 14.3):
            if month < max(time for time, _ in times):
                share = float(slow_survival(times, month))
                figures[f"{endpoint}_{round(month)}"] = {
                    "kind": "survival", "endpoint": endpoint, "at_months": month,
                    "percent": round(100 * share, 1),
                }  # fmt: skip
    return {name: figure | SOURCED for name, figure in figures.items()}


def tables_of(trial: MadeTrial) -> dict[str, Any]:
    tables = copy.deepcopy(DATA)
    for key in ("not_evaluable", "assessments"):
        del tables[key]
    low, high = (round(end(trial.follow_up), 2) for end in (min, max))
    tables["trial"]["patients"] = len(trial.pfs)
    tables["follow_up"] = {"range_months": (low, high), **SOURCED}
    tables["loss"]["rate_per_month"] = 0.01
    tables["figures"] = figures_of(trial)
    return tables


@pytest.mark.parametrize("part", range(4))
def test_figures_of_one_trial_do_not_contradict_each_other(part: int) -> None:
    several = 0
    for seed in range(50 * part, 50 * part + 50):
        tables = tables_of(made_trial(seed))
        evidence = evidence_from_dict(tables)
        several += len(evidence.figures) > 12
        assert not list(check_curves(evidence))
    # Most have all kinds of figures.
    assert several > 25


@pytest.mark.parametrize("seed", range(20))
def test_a_figure_of_another_trial_is_told_apart(seed: int) -> None:
    """The median of a curve at a fifth of its times is beside a curve that is above one half."""
    trial = made_trial(seed)
    tables = tables_of(trial)
    figures = tables["figures"]
    above = [n for n in ("pfs_2", "pfs_5", "pfs_9") if figures.get(n, {}).get("percent", 0) > 51]
    if above:
        early = figures[above[-1]]["at_months"] - 0.2
        figures["pfs_median"] = SOURCED | {"kind": "median", "endpoint": "pfs", "months": early}
        with pytest.raises(ScenarioError, match="a survival curve never rises"):
            evidence_from_dict(tables)
    else:
        figures["os_2"] = SOURCED | {
            "kind": "survival", "endpoint": "os", "at_months": 2.3, "percent": 0.0
        }  # fmt: skip
        figures["os_median"] = SOURCED | {"kind": "median", "endpoint": "os", "months": 2.6}
        with pytest.raises(ScenarioError, match="contradicts"):
            evidence_from_dict(tables)


# No input, however broken, ends in anything but evidence or messages a reader understands.


def check_use(evidence: Evidence) -> None:
    """Use evidence in every way that needs no simulation."""
    assert evidence_from_dict(evidence.model_dump()) == evidence
    assert len(evidence_hash(evidence)) == 64
    assert len(published(evidence)) == len(evidence.figures)
    assert all(isinstance(line, str) for line in (*derived(evidence), *unknown(evidence)))
    assert all(math.isfinite(scan.days_off) for scan in scans(evidence))
    for name in evidence.figures:
        for rate in exponential_rates(evidence, name):
            assert rate.lower <= rate.rate <= rate.upper
    for endpoint in ("pfs", "os"):
        assert all(curve.shape > 0.0 for curve in weibull_curves(evidence, endpoint))


@settings(deadline=None, max_examples=400)
@given(MUTATIONS)
def test_mutated_tables(mutations: list[tuple[int, int, int]]) -> None:
    tables = copy.deepcopy(DATA)
    for where, what, how in mutations:
        mutate(tables, where, what, how)
    try:
        evidence = evidence_from_dict(tables)
    except ScenarioError as error:
        assert error.problems
        for problem in error.problems:
            message = str(problem).replace("contradicts", "")
            assert problem.rule
            assert len(problem.given) <= 60
            assert "\n" not in message
            assert not [word for word in JARGON if word in message]
        return
    check_use(evidence)
