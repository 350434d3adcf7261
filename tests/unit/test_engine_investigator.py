"""What the investigator calls: by hand, against the twin, and as central review without errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import FEATURES, Table, feature_scenario
from twins.scenario_tables import estimate, events, hypothesis, of_rates
from twins.slow_assessments import DAYS_PER_MONTH, Place, Seen, slow_reading

from simulate.engine.arrays import Patients
from simulate.engine.investigator import (
    ArmReading,
    call_progression,
    call_response,
    new_investigator,
)
from simulate.engine.philox import PURPOSE_INVESTIGATOR, SHIFT_8, draw_pair
from simulate.engine.visits import ArmSchedule, new_schedule
from simulate.runner.cohorts import made_cohorts
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import endpoint_numbers, pack
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.models import Scenario

NEVER = math.inf
PLAIN = ArmSchedule(((0, 56), (336, 84)))
CONFIRMED = PLAIN._replace(confirm_response=True)
EARLY, LATE, RIGHT = 0.1, 0.9, 0.5
KEY = np.uint64(5), np.uint64(3)
HALF = ArmReading(early=0.3, late=0.3, missed=0.3, added=0.3)
READ_SCENARIOS = [name for name in FEATURES if "investigator" in name]


def days_called(
    arm: ArmSchedule, pfs: float, death: float, response: float, draw: float, shift: float = 0.0
) -> tuple[int, int]:
    """Days of PFS and response by an investigator whose draws are both ``draw``; 0 for never."""
    schedule = new_schedule([arm])
    months = [np.array([day / DAYS_PER_MONTH]) for day in (pfs, death, response)]
    group, moved, uniform = np.zeros(1, dtype=np.int64), np.array([shift]), np.array([draw])
    called, responded = np.full(1, np.nan), np.full(1, np.nan)
    common = (schedule, new_investigator([HALF]), *KEY, group, moved, uniform)
    call_progression(*common, months[0], months[1], 1, called)
    call_response(*common, called, months[2], 1, responded)
    found = [0 if m == NEVER else round(m * DAYS_PER_MONTH) for m in (called[0], responded[0])]
    return found[0], found[1]


@pytest.mark.parametrize(
    ("latent", "draw", "day"),
    [
        # At the scan of central review, the one before and the one after.
        ((112, NEVER), RIGHT, 112),
        ((112, NEVER), EARLY, 56),
        ((112, NEVER), LATE, 168),
        # Over a change of the distance.
        ((336, NEVER), EARLY, 280),
        ((336, NEVER), LATE, 420),
        ((420, NEVER), EARLY, 336),
        # No scan comes before the first, and none after the last.
        ((56, NEVER), EARLY, 56),
        ((36456, NEVER), LATE, 0),
        ((36456, 36500), LATE, 36500),
        # A death before the next scan, on its day or after it.
        ((112, 113), LATE, 113),
        ((112, 168), LATE, 168),
        ((112, 169), LATE, 168),
        ((112, 113), EARLY, 56),
        # A death is on its day for both; who has no event has none.
        ((113, 113), EARLY, 113),
        ((113, 113), LATE, 113),
        ((112, 112), EARLY, 112),
        ((NEVER, NEVER), EARLY, 0),
        ((NEVER, NEVER), LATE, 0),
    ],
)
def test_progression_by_hand(latent: tuple[float, float], draw: float, day: int) -> None:
    assert days_called(PLAIN, *latent, NEVER, draw)[0] == day


@pytest.mark.parametrize(
    ("draw", "day"), [(RIGHT, 119), (EARLY, 63), (LATE, 175), (0.3, 119), (0.7, 119)]
)
def test_scans_are_shifted_for_both(draw: float, day: int) -> None:
    arm = PLAIN._replace(shift_days=7)
    assert days_called(arm, 119, NEVER, NEVER, draw, shift=7.0)[0] == day


@pytest.mark.parametrize(
    ("arm", "latent", "draw", "day"),
    [
        # Missed, or called at the scan from which it counts centrally.
        (PLAIN, (NEVER, NEVER, 112), EARLY, 0),
        (PLAIN, (NEVER, NEVER, 112), RIGHT, 112),
        # Added at the first scan, or at the second that confirms it.
        (PLAIN, (NEVER, NEVER, NEVER), EARLY, 56),
        (PLAIN, (NEVER, NEVER, NEVER), RIGHT, 0),
        (CONFIRMED, (NEVER, NEVER, NEVER), EARLY, 112),
        # Before progression by the investigator, which an early call brings forward, and death.
        (PLAIN, (57, 57, NEVER), EARLY, 56),
        (PLAIN, (56, 56, NEVER), EARLY, 0),
        (CONFIRMED, (113, 113, NEVER), EARLY, 112),
        (CONFIRMED, (112, 112, NEVER), EARLY, 0),
        (PLAIN, (112, NEVER, NEVER), EARLY, 0),
        (PLAIN, (168, NEVER, NEVER), EARLY, 56),
        (CONFIRMED, (168, NEVER, NEVER), EARLY, 0),
        # A late call leaves the response where it was.
        (PLAIN, (168, NEVER, 112), LATE, 112),
    ],
)
def test_responses_by_hand(
    arm: ArmSchedule, latent: tuple[float, float, float], draw: float, day: int
) -> None:
    assert days_called(arm, *latent, draw)[1] == day


def test_an_early_call_takes_the_response_with_it() -> None:
    # The draw for progression is early, that for the response neither.
    schedule, group, shift = new_schedule([PLAIN]), np.zeros(1, dtype=np.int64), np.zeros(1)
    reading = new_investigator([ArmReading(early=1.0)])
    pfs, death, response = (np.array([day / DAYS_PER_MONTH]) for day in (168, NEVER, 112))
    called, responded = np.full(1, np.nan), np.full(1, np.nan)
    common = (schedule, reading, *KEY, group, shift, np.array([RIGHT]))
    call_progression(*common, pfs, death, 1, called)
    call_response(*common, called, response, 1, responded)
    assert round(called[0] * DAYS_PER_MONTH) == 112
    assert responded[0] == NEVER


def test_probabilities_are_those_of_the_patients_arm() -> None:
    schedule = new_schedule([PLAIN, PLAIN])
    reading = new_investigator([ArmReading(early=1.0, missed=1.0), ArmReading(late=1.0, added=1.0)])
    group = np.array([0, 1, 0, 1], dtype=np.int64)
    pfs, response = np.full(4, 168 / DAYS_PER_MONTH), np.array([2.0, 2.0, NEVER, NEVER])
    called, responded = np.full(4, np.nan), np.full(4, np.nan)
    common = (schedule, reading, *KEY, group, np.zeros(4), np.full(4, RIGHT))
    call_progression(*common, pfs, np.full(4, NEVER), 4, called)
    call_response(*common, called, response, 4, responded)
    assert np.round(called * DAYS_PER_MONTH).tolist() == [112, 224, 112, 224]
    first = 56 / DAYS_PER_MONTH
    assert responded.tolist() == [NEVER, 2.0, NEVER, first]


def patients_of(scenario: Scenario, trial: int) -> Patients:
    seed = scenario.simulation.seed
    return next(made_cohorts(pack(scenario), seed, trial, trial + 1)).patients


def read_in(name: str, change: dict[str, float]) -> Table:
    """Tables of a scenario with other probabilities wherever there is an investigator."""

    def changed(table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {
            key: change if key == "investigator" else changed(value) for key, value in table.items()
        }

    return {key: changed(FEATURES[name][key]) for key in ("arms", "assessments")}


@pytest.mark.parametrize("name", READ_SCENARIOS)
def test_without_errors_it_is_central_review_to_the_bit(name: str) -> None:
    scenario = feature_scenario(name, **read_in(name, {}))
    rows = endpoint_numbers(scenario)
    assert {"pfs_investigator", "response_investigator"} & set(rows)
    for trial in range(5):
        patients = patients_of(scenario, trial)
        for read in {"pfs", "response"} & set(rows):
            for field in ("event", "end", "outcome", "calendar_end", "calendar_event"):
                by_endpoint = getattr(patients, field)
                central, called = by_endpoint[rows[read]], by_endpoint[rows[f"{read}_investigator"]]
                assert central.tobytes() == called.tobytes(), (read, field)


def test_rows_of_both_readings_are_equal_to_the_bit_without_errors() -> None:
    # All that a look makes anew for an endpoint: counts, order, censoring at the last scan.
    times, rates = ("pfs", "pfs_investigator"), ("response", "response_investigator")
    name = "censored at the last of the scans"
    assessments = FEATURES[name]["assessments"] | {"investigator": {}}
    arms = FEATURES[name]["arms"]
    other = arms["other"] | {"assessments": arms["other"]["assessments"] | {"investigator": {}}}
    looks = ("first", "grid", "last")
    tests = {e: hypothesis("new", "other", *looks, endpoint=e) for e in times}
    tests |= {e: of_rates("new", "old", *looks, endpoint=e, method="fisher") for e in rates}
    estimates = {f"median_{e}": estimate("new", "median", e) for e in times}
    scenario = feature_scenario(
        name,
        arms=arms | {"other": other},
        assessments=assessments,
        hypotheses=tests,
        estimates=estimates,
    )
    found = simulate_block(pack(scenario), 7, Block(0, 50))
    rows: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(planned_comparisons(scenario)):
        what = row.hypothesis.removesuffix("_investigator")
        rows.setdefault((row.analysis, what), []).append(place)
    assert {len(places) for places in rows.values()} == {2}
    for column in found:
        for central, called in rows.values():
            assert column[:, central].tobytes() == column[:, called].tobytes()


def test_central_review_does_not_depend_on_the_investigator() -> None:
    name = "read by the investigator"
    looks: Table = {
        "analyses": {"first": {"trigger": events(25)}},
        "hypotheses": {"central": hypothesis("high", "control", "first")},
        "estimates": {},
    }
    without = read_in(name, {})
    for tables in (without["assessments"], without["arms"]["control"]["assessments"]):
        del tables["investigator"]
    alone = feature_scenario(name, **looks, **without)
    assert not pack(alone).course.has_investigator
    read = feature_scenario(name, **looks)
    assert pack(read).course.has_investigator
    first, second = (simulate_block(pack(chosen), 7, Block(0, 50)) for chosen in (alone, read))
    for field in first._fields:
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes(), field


@pytest.mark.parametrize("arm", [PLAIN, CONFIRMED, PLAIN._replace(missed_probability=0.4)])
def test_one_arm_against_the_twin(arm: ArmSchedule) -> None:
    n, seed, trial = 200, 2**40 + 3, 2**33 + 7
    rng = np.random.default_rng(1)
    schedule, group = new_schedule([arm]), np.zeros(n, dtype=np.int64)
    first, second = np.zeros(n), np.zeros(n)
    address = np.uint64(PURPOSE_INVESTIGATOR) << SHIFT_8
    draw_pair(np.uint64(seed), np.uint64(trial), 1, address, n, first, second)
    scans = 56 * rng.integers(1, 7, n)
    # A third dies at the event, others some days after it or never.
    death = np.choose(rng.integers(0, 3, n), [scans, scans + rng.integers(1, 90, n), 10**6])
    pfs, os = scans / DAYS_PER_MONTH, np.where(death < 10**6, death / DAYS_PER_MONTH, NEVER)
    response = np.where(rng.random(n) < 0.5, pfs - 56 / DAYS_PER_MONTH, NEVER)
    response[response <= 0.0] = NEVER
    common = schedule, new_investigator([HALF]), np.uint64(seed), np.uint64(trial), group
    called, responded = np.full(n, np.nan), np.full(n, np.nan)
    call_progression(*common, np.zeros(n), first, pfs, os, n, called)
    call_response(*common, np.zeros(n), second, called, response, n, responded)
    for i in range(n):
        seen = Seen(float(pfs[i]), float(os[i]), float(response[i]), float(response[i]))
        slow = slow_reading(arm, HALF, Place(seed, trial, i), seen)
        assert (called[i], responded[i]) == slow
    assert len(set(np.sign(called - pfs).tolist())) == 3
