"""Critical values and stopping rules on arrays made by hand, and against the slow twin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import TWO_ARMS, events, hypothesis
from twins.slow_results import slow_outcome, trials_of

from simulate.engine.codes import STATUS_LOOK_SKIPPED
from simulate.engine.statistics import Statistics
from simulate.results.decisions import NO_LOOK, decide, last_row_reached, rejected_by_end
from simulate.scenario.comparisons import planned_comparisons, rows_of
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

NAN = math.nan
ONE = {"h": hypothesis("new", "old", "first", "second", "third")}
TWO = {
    "a": hypothesis("new", "old", "first", "second"),
    "b": hypothesis("new", "old", "second", "third"),
}


def design(hypotheses: dict[str, Any], rejected: str = "all", *counted: str) -> Scenario:
    """Three looks; every critical value is 2."""
    return scenario_from_dict(
        {
            "schema_version": 1,
            "title": "decisions",
            "purpose": "To test them.",
            "arms": TWO_ARMS,
            "accrual": {"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 7.0},
            "analyses": {
                name: {"trigger": events(number, "skip")}
                for name, number in (("first", 20), ("second", 40), ("third", 60))
            },
            "hypotheses": hypotheses,
            "stopping": {"rejected": rejected, "hypotheses": list(counted or hypotheses)},
            "simulation": {"trials": 10, "seed": 1},
        }
    )


def statistics_of(z: list[list[float]], skipped: list[list[int]] | None = None) -> Statistics:
    """Statistics with these z (n_trials, n_rows) and these rows skipped; all else is 0."""
    values = np.array(z, dtype=np.float64)
    arrays: dict[str, Any] = {name: np.zeros(values.shape) for name in Statistics._fields}
    status = np.zeros(values.shape, dtype=np.uint8)
    for trial, rows in enumerate(skipped or []):
        status[trial, rows] = STATUS_LOOK_SKIPPED
        values[trial, rows] = NAN
    return Statistics(**(arrays | {"z": values, "status": status}))


def test_the_first_crossing_rejects_and_stops() -> None:
    found = decide(design(ONE), statistics_of([[1.0, 2.0, 5.0], [2.5, 0.0, 3.0], [1.9, 1.9, 1.9]]))
    assert found.exists.all()
    assert found.crosses.tolist() == [[0, 1, 1], [1, 0, 1], [0, 0, 0]]
    assert found.reached.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert found.rejects.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert found.last_look.tolist() == [1, 0, 2]


def test_never_stopping_reaches_every_look_and_rejects_once() -> None:
    found = decide(design(ONE, "never"), statistics_of([[2.0, 2.0, 2.0], [0.0, 3.0, 0.0]]))
    assert found.reached.all()
    assert found.rejects.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert found.last_look.tolist() == [2, 2]


def test_all_any_and_named_hypotheses_stop() -> None:
    # Rows: a at first; a and b at second; b at third.
    z = [[3.0, 0.0, 0.0, 3.0], [0.0, 0.0, 3.0, 0.0], [0.0, 3.0, 3.0, 0.0], [3.0, 0.0, 3.0, 0.0]]
    ends = {
        ("all",): [2, 2, 1, 1],
        ("any",): [0, 1, 1, 0],
        ("any", "b"): [2, 1, 1, 1],
        ("all", "a"): [0, 2, 1, 0],
        ("never", "a"): [2, 2, 2, 2],
    }
    for rule, last_look in ends.items():
        found = decide(design(TWO, *rule), statistics_of(z))
        assert found.last_look.tolist() == last_look, rule


def test_a_rejection_after_the_trial_stopped_does_not_count() -> None:
    scenario = design(TWO, "any")
    found = decide(scenario, statistics_of([[3.0, 0.0, 3.0, 3.0]]))
    comparisons = planned_comparisons(scenario)
    assert rejected_by_end(found, comparisons, "a").tolist() == [True]
    assert rejected_by_end(found, comparisons, "b").tolist() == [False]
    assert found.crosses[0].tolist() == [True, False, True, True]


def test_both_hypotheses_are_tested_at_the_look_that_stops_the_trial() -> None:
    scenario = design(TWO, "any", "a")
    found = decide(scenario, statistics_of([[0.0, 2.0, 2.0, 0.0]]))
    assert found.rejects.tolist() == [[False, True, True, False]]


def test_a_skipped_look_is_not_reached_and_rejects_nothing() -> None:
    scenario = design(ONE)
    found = decide(scenario, statistics_of([[0.0, 9.0, 3.0]] * 3, [[1], [0, 1, 2], [2]]))
    assert found.exists.tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 0]]
    assert found.rejects.tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert found.last_look.tolist() == [2, NO_LOOK, 1]
    last = last_row_reached(found, planned_comparisons(scenario), "h")
    assert last.tolist() == [2, NO_LOOK, 1]


def test_the_last_look_of_a_hypothesis_is_one_that_took_place() -> None:
    # Hypothesis a has looks first and second; second is skipped, third is held for b.
    scenario = design(TWO)
    found = decide(scenario, statistics_of([[0.0, 0.0, 0.0, 0.0]], [[1, 2]]))
    comparisons = planned_comparisons(scenario)
    assert last_row_reached(found, comparisons, "a").tolist() == [0]
    assert last_row_reached(found, comparisons, "b").tolist() == [3]


def test_no_z_rejects_nothing_but_the_look_took_place() -> None:
    found = decide(design(ONE), statistics_of([[NAN, NAN, 2.0]]))
    assert found.exists.all()
    assert found.rejects.tolist() == [[False, False, True]]
    assert found.reached.all()


def test_the_critical_value_itself_rejects() -> None:
    below = np.nextafter(2.0, 0.0)
    found = decide(design(ONE), statistics_of([[2.0, 0.0, 0.0], [below, below, below]]))
    assert found.rejects.tolist() == [[True, False, False], [False, False, False]]


THREE = {
    "a": hypothesis("new", "old", "first", "second", "third"),
    "b": hypothesis("new", "old", "third"),
    "c": hypothesis("old", "new", "first", "third") | {"critical_values": [0.5, -1.0]},
}


@pytest.mark.parametrize("rejected", ["all", "any", "never"])
@pytest.mark.parametrize("counted", [(), ("a",), ("b", "c")])
@pytest.mark.parametrize("hypotheses", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_decisions_are_those_of_the_slow_twin(
    hypotheses: dict[str, Any], counted: tuple[str, ...], rejected: str
) -> None:
    counted = tuple(name for name in counted if name in hypotheses)
    scenario = design(hypotheses, rejected, *counted)
    comparisons = planned_comparisons(scenario)
    rng = np.random.default_rng(7)
    z = rng.normal(1.0, 1.5, (300, len(comparisons)))
    z[rng.random(z.shape) < 0.1] = NAN
    skipped = rng.random((300, 3)) < 0.2
    rows = [
        [row for row, c in enumerate(comparisons) if trial[c.analysis_number]] for trial in skipped
    ]
    statistics = statistics_of(z.tolist(), rows)
    found = decide(scenario, statistics)
    names = [(c.analysis, c.hypothesis) for c in comparisons]
    looks = [*scenario.analyses, None]
    seen = set()
    for number, trial in enumerate(trials_of(scenario, statistics)):
        slow = slow_outcome(scenario, trial)
        for field in ("exists", "crosses", "reached", "rejects"):
            marked = {names[row] for row in np.flatnonzero(getattr(found, field)[number])}
            assert marked == getattr(slow, field), (number, field)
        assert looks[found.last_look[number]] == slow.last_look
        for hypothesis_name in hypotheses:
            own = [n for n in names if n[1] == hypothesis_name and n in slow.reached]
            last = last_row_reached(found, comparisons, hypothesis_name)[number]
            assert last == (names.index(own[-1]) if own else NO_LOOK)
            ended = rejected_by_end(found, comparisons, hypothesis_name)[number]
            assert ended == any(h == hypothesis_name for _, h in slow.rejects)
            seen.add((bool(ended), slow.last_look))
    assert len(seen) >= 6
    assert [row for h in hypotheses for row in rows_of(comparisons, h)] == sorted(
        range(len(comparisons)), key=lambda row: (comparisons[row].hypothesis_number, row)
    )
