"""Simulated operating characteristics against those of lrstat, rpact and simtrial.

Both sides are Monte Carlo: they agree if they are within four combined standard errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from reference.simulated import SCENARIOS

import simulate

CASES = {
    case["name"]: case
    for case in json.loads(
        Path(__file__).with_name("simulated_cases.json").read_text(encoding="utf-8")
    )["cases"]
}


class Answer(NamedTuple):
    """A figure of the reference, and which of ours it is; ``se`` None: take ours a trial."""

    measure: str
    analysis: str
    condition: str
    value: float
    se: float | None
    n: int
    sign: float = 1.0


def binomial(p: float, n: int) -> float:
    """Standard error of a proportion."""
    return math.sqrt(max(p * (1.0 - p), 1.0 / n) / n)


def rejections(values: dict[str, Any]) -> Iterator[Answer]:
    """Overall and first rejection probabilities, which lrstat and rpact give alike."""
    n = values["nsim"]
    overall = values["overallReject"]
    yield Answer("rejection_probability", "overall", "all", overall, binomial(overall, n), n)
    stages = values["rejectPerStage"]
    for k, p in enumerate(stages if isinstance(stages, list) else [stages], start=1):
        yield Answer("first_rejection_probability", f"look{k}", "all", p, binomial(p, n), n)


def lrstat_answers(values: dict[str, Any]) -> Iterator[Answer]:
    """Means over all trials that have the look, whatever was rejected before."""
    n = values["nsim"]
    yield from rejections(values)
    yield Answer("events_mean", "overall", "all", values["expectedEvents"], None, n)
    yield Answer("patients_mean", "overall", "all", values["expectedSubjects"], None, n)
    yield Answer("look_time_mean", "overall", "all", values["expectedDuration"], None, n)
    missed = values["eventsNotAchieved"]
    last = f"look{len(values['stages_without_stopping'])}"
    yield Answer("target_not_reached", last, "all", missed, binomial(missed, n), n)
    names = {
        "analysisTime_mean": "look_time_mean",
        "analysisTime_sd": "look_time_sd",
        "events": "events_mean",
        "events_exp": "events_experimental_mean",
        "events_ctl": "events_control_mean",
        "dropouts": "dropouts_mean",
        "subjects": "patients_mean",
    }
    for k, stage in enumerate(values["stages_without_stopping"], start=1):
        for theirs, ours in names.items():
            yield Answer(ours, f"look{k}", "all", stage[theirs], None, stage["n"])
        # lrstat's z is negative where the experimental arm does better.
        z = stage["logrankZ_mean"]
        error = stage["logrankZ_mean_mcse"]
        yield Answer("z_mean", f"look{k}", "all", z, error, stage["n"], -1.0)
        yield Answer("z_sd", f"look{k}", "all", stage["logrankZ_sd"], None, stage["n"])


def rpact_answers(values: dict[str, Any]) -> Iterator[Answer]:
    """Means over trials that reached the stage.

    Not compared: events by arm, since rpact's arms alternate in a fixed order and the first is
    always a little ahead; expected subjects, which rpact takes as the sum of products of means.
    """
    n = values["nsim"]
    yield from rejections(values)
    yield Answer("events_mean", "overall", "all", values["expectedEvents"], None, n)
    yield Answer("look_time_mean", "overall", "all", values["studyDuration"], None, n)
    names = {
        "analysisTime": "look_time_mean",
        "subjects": "patients_mean",
        "logRank_mean": "z_mean",
        "logRank_sd": "z_sd",
    }
    for k, stage in enumerate(values["stages"], start=1):
        for theirs, ours in names.items():
            yield Answer(ours, f"look{k}", "reached", stage[theirs], None, stage["n"])


def simtrial_answers(values: dict[str, Any]) -> Iterator[Answer]:
    """Means at each look with their own standard errors."""
    names = {"cut_date": "look_time", "events": "events", "n": "patients", "z": "z"}
    for k, look in values.items():
        for theirs, ours in names.items():
            found = look[theirs]
            n = round((found["sd"] / found["mcse"]) ** 2) if found["mcse"] > 0 else 1
            yield Answer(f"{ours}_mean", f"look{k}", "all", found["mean"], found["mcse"], n)


def answers_of(name: str) -> list[Answer]:
    """Every figure of a reference case that we simulate, too."""
    case = CASES[name]
    for package, reader in (
        ("lrstat", lrstat_answers),
        ("rpact", rpact_answers),
        ("simtrial", simtrial_answers),
    ):
        if case["source"].startswith(package):
            return list(reader(case["values"]))
    raise AssertionError(f"no reader for {case['source']}")


def distance(result: simulate.Result, answer: Answer) -> float:
    """Distance in combined standard errors; 0 for figures equal to eight digits."""
    hypothesis = next(iter(result.scenario.hypotheses))
    ours = result.estimate(answer.measure, hypothesis, answer.analysis, answer.condition)
    difference = ours.value - answer.sign * answer.value
    if abs(difference) <= 1e-8 * max(abs(ours.value), 1.0):
        return 0.0
    theirs = answer.se if answer.se is not None else ours.mcse * math.sqrt(ours.n_trials / answer.n)
    return abs(difference) / math.hypot(ours.mcse, theirs)


@pytest.mark.parametrize("name", sorted(CASES))
def test_agrees_with_reference(name: str) -> None:
    result = simulate.run(simulate.scenario_from_dict(SCENARIOS[name]), workers=1)
    far = {
        (a.measure, a.analysis, a.condition, a.value): round(d, 2)
        for a in answers_of(name)
        if (d := distance(result, a)) > 4.0
    }
    assert not far
