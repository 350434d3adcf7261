"""The errors of an investigator's reading have the probabilities stated, and do what they must.

Shares are within four standard errors at a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.feature_scenarios import Table, exponential, feature_scenario, relative
from twins.scenario_tables import estimate, events, hypothesis, responding

from simulate.api import cohorts
from simulate.engine.arrays import FloatArray
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.models import Scenario

DAYS_PER_MONTH = 30.4375
SEED = 20260101
SCAN = 56 / DAYS_PER_MONTH
GRID: Table = {"schedule": [{"from_week": 0, "every_weeks": 8}]}
BoolArray = NDArray[np.bool_]
ERRORS = {
    "new": {
        "progression_early_probability": 0.05,
        "progression_late_probability": 0.25,
        "response_missed_probability": 0.1,
        "response_added_probability": 0.15,
    },
    "old": {
        "progression_early_probability": 0.3,
        "progression_late_probability": 0.1,
        "response_missed_probability": 0.35,
        "response_added_probability": 0.02,
    },
}


def read_by(**errors: float) -> Table:
    return GRID | {"investigator": errors}


def column_of(field: str, scenario: Scenario, n_trials: int) -> dict[str, FloatArray]:
    """A statistic of each hypothesis and estimate at the one look, by trial."""
    found = getattr(simulate_block(pack(scenario), SEED, Block(0, n_trials)), field)
    rows = planned_comparisons(scenario)
    return {row.hypothesis: found[:, place] for place, row in enumerate(rows)}


@pytest.mark.parametrize(("error", "scans"), [("early", -1), ("late", 1)])
def test_medians_move_by_one_scan_on_a_fixed_grid(error: str, scans: int) -> None:
    scenario = feature_scenario(
        "plain",
        patients=100,
        arms={"new": {"pfs": relative("old", 0.6)}, "old": {"pfs": exponential(12.0)}},
        assessments=read_by(**{f"progression_{error}_probability": 1.0}),
        # Everybody is followed to the event, called early or late.
        analyses={"final": {"trigger": events(100, endpoint="pfs_investigator")}},
        hypotheses={},
        estimates={
            f"{arm}-{endpoint}": estimate(arm, "median", endpoint)
            for arm in ("new", "old")
            for endpoint in ("pfs", "pfs_investigator")
        },
    )
    medians = column_of("estimate", scenario, 300)
    for arm in ("new", "old"):
        central, called = medians[f"{arm}-pfs"], medians[f"{arm}-pfs_investigator"]
        seen = np.isfinite(central)
        # Central review may not have come so far by a look at events that are called early.
        assert seen.mean() > 0.9
        np.testing.assert_allclose((called - central)[seen], scans * SCAN, rtol=0.0, atol=1e-12)
        assert len(set(central[seen].tolist())) > 5


class Read(NamedTuple):
    """What both have of all patients of an arm."""

    pfs: FloatArray
    called: FloatArray
    os: FloatArray
    responded: BoolArray
    called_response: BoolArray


@pytest.fixture(scope="module")
def read() -> dict[str, Read]:
    """Some 40,000 patients an arm."""
    arms = {
        name: {
            "pfs": exponential(6.0),
            "os": exponential(14.0),
            "response": responding(0.5, exponential(2.0)),
            "assessments": read_by(**errors),
        }
        for name, errors in ERRORS.items()
    }
    scenario = feature_scenario("plain", patients=400, arms=arms)

    def parts() -> Iterator[tuple[int, Read]]:
        for cohort in cohorts(scenario, 200):
            columns = (
                cohort.pfs,
                cohort.pfs_investigator,
                cohort.os,
                cohort.responded,
                cohort.binary["response_investigator"],
            )
            for number in range(2):
                yield number, Read(*(column[cohort.arm == number] for column in columns))

    found = list(parts())
    return {
        name: Read(*map(np.concatenate, zip(*(r for n, r in found if n == number), strict=True)))
        for number, name in enumerate(arms)
    }


def assert_share(of: BoolArray, among: BoolArray, probability: float) -> None:
    n = int(among.sum())
    error = math.sqrt(probability * (1.0 - probability) / n)
    assert n > 500
    assert abs(np.mean(of[among]) - probability) < 4.0 * error


@pytest.mark.parametrize("arm", ERRORS)
def test_agreement_is_as_stated(read: dict[str, Read], arm: str) -> None:
    found, errors = read[arm], ERRORS[arm]
    progressed = found.pfs < found.os
    has_earlier = progressed & (found.pfs > 1.5 * SCAN)
    early, late = found.called < found.pfs, found.called > found.pfs
    assert_share(early, has_earlier, errors["progression_early_probability"])
    assert_share(late, progressed, errors["progression_late_probability"])
    assert not early[~has_earlier].any()
    assert not late[~progressed].any()
    # Responses, where progression by the investigator leaves them a place.
    missed = ~found.called_response & found.responded
    added = found.called_response & ~found.responded
    assert_share(missed, found.responded & ~early, errors["response_missed_probability"])
    has_place = ~found.responded & (found.called > SCAN)
    assert_share(added, has_place, errors["response_added_probability"])
    assert not added[~has_place].any()


@pytest.mark.parametrize("arm", ERRORS)
def test_errors_are_independent(read: dict[str, Read], arm: str) -> None:
    found, errors = read[arm], ERRORS[arm]
    missed = ~found.called_response & found.responded
    late = found.called > found.pfs
    assert_share(missed, found.responded & late, errors["response_missed_probability"])
    added = found.called_response & ~found.responded
    place = ~found.responded & late
    assert_share(added, place, errors["response_added_probability"])


def test_a_control_arm_called_early_makes_the_investigator_see_a_benefit() -> None:
    # No true difference, and the same trials: an open-label trial with a biased reading.
    arms = {"new": {"pfs": exponential(6.0)}, "old": {"pfs": exponential(6.0)}}
    arms["old"] |= {"assessments": read_by(progression_early_probability=0.5)}
    tests = {e: hypothesis("new", "old", "final", endpoint=e) for e in ("pfs", "pfs_investigator")}
    scenario = feature_scenario(
        "plain",
        patients=200,
        arms=arms,
        assessments=read_by(),
        analyses={"final": {"trigger": events(150)}},
        hypotheses=tests,
    )
    z = column_of("z", scenario, 500)
    central, called = z["pfs"], z["pfs_investigator"]
    assert abs(central.mean()) < 4.0 / math.sqrt(500)
    gain = called - central
    assert gain.mean() > 4.0 * gain.std() / math.sqrt(500)
    assert called.mean() > 0.4
