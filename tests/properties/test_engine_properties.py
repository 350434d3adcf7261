"""What must hold for every trial: nesting, splitting, symmetry, change of units, independence."""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.feature_scenarios import FEATURES, PFS, arriving, feature_scenario, hypothesis
from twins.scenario_tables import estimate

from simulate.engine.arrays import Patients
from simulate.engine.codes import ESTIMATE_OF_SHARE_EVENT_FREE
from simulate.engine.plan import Plan
from simulate.engine.statistics import Statistics
from simulate.runner.cohorts import made_cohorts
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import is_assessed

SEED = 7
LOOK = {"final": {"trigger": {"calendar_months": 12.0}}}
MONTHS = {"median_months", "scale_months", "month", "from_month", "maximum_months"} | {
    "calendar_months",
    "minimum_follow_up_months",
    "months_after_previous",
    "delay_months",
    "assessed_months",
    "at_months",
    "tau_months",
    "horizon_months",
}
RATES = {"rate", "rate_per_month"}
OF_MONTHS = {"median", "rmst", "minimum", "maximum"}
BYTES = Statistics._fields

trials = st.one_of(st.integers(0, 1000), st.integers(2**32 - 3, 2**32 + 3), st.just(10**10))
seeds = st.integers(0, 2**63 - 1)


@functools.cache
def plan_of(name: str) -> Plan:
    return pack(feature_scenario(name))


def run(plan: Plan, start: int, stop: int, seed: int = SEED) -> Statistics:
    return simulate_block(plan, seed, Block(start, stop))


def patients_of(plan: Plan, seed: int, trial: int) -> Patients:
    return next(made_cohorts(plan, seed, trial, trial + 1)).patients


def with_patients(name: str, n: int, accrual: dict[str, Any]) -> Scenario:
    nothing: dict[str, Any] = {"hypotheses": {}, "estimates": {}}
    return feature_scenario(name, patients=n, accrual=accrual, analyses=LOOK, **nothing)


def assert_nested(small: Patients, large: Patients, n: int) -> None:
    """The first ``n`` of the larger cohort are the smaller one, whatever the endpoint."""
    for field in Patients._fields:
        if field != "first":
            first = np.ascontiguousarray(getattr(large, field)[..., :n])
            assert getattr(small, field).tobytes() == first.tobytes(), field


@given(
    name=st.sampled_from(
        [
            "plain",
            "stratified",
            "weibull",
            "cure-like plateaus",
            "two to one",
            "survival and response",
            "progression through scans",
            "shifted scans in windows",
            "missed scans read by the investigator",
            "binary endpoints alone",
        ]
    ),
    arrivals=st.sampled_from(["evenly_spaced", "poisson"]),
    sizes=st.tuples(st.integers(2, 120), st.integers(2, 120)),
    seed=seeds,
    trial=trials,
)
@settings(deadline=None, max_examples=60)
def test_the_first_patients_are_the_smaller_trials(
    name: str, arrivals: str, sizes: tuple[int, int], seed: int, trial: int
) -> None:
    accrual = arriving(0, arrivals, (0.0, 6.0), (2.0, 0.0), (3.5, 17.0))
    few, many = sorted(sizes)
    small = patients_of(pack(with_patients(name, few, accrual)), seed, trial)
    large = patients_of(pack(with_patients(name, many, accrual)), seed, trial)
    assert_nested(small, large, few)


@pytest.mark.parametrize("name", ["stratified", "joint", "joint through scans", "shifted scans"])
@pytest.mark.parametrize("arrivals", ["evenly_spaced", "poisson"])
def test_the_first_200_of_300_patients(name: str, arrivals: str) -> None:
    accrual = arriving(0, arrivals, (0.0, 20.0))
    small = patients_of(pack(with_patients(name, 200, accrual)), SEED, 3)
    large = patients_of(pack(with_patients(name, 300, accrual)), SEED, 3)
    assert_nested(small, large, 200)


@given(
    name=st.sampled_from(list(FEATURES)),
    first=st.integers(0, 2**34),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    seed=seeds,
)
@settings(deadline=None, max_examples=60)
def test_any_split_gives_the_same_bytes(name: str, first: int, cuts: list[int], seed: int) -> None:
    plan = plan_of(name)
    whole = run(plan, first, first + 60, seed)
    ends = [0, *sorted(cuts), 60]
    parts = [run(plan, first + start, first + stop, seed) for start, stop in pairwise(ends)]
    for field in BYTES:
        joined = np.concatenate([getattr(part, field) for part in parts])
        assert joined.tobytes() == getattr(whole, field).tobytes(), field


def test_a_call_of_many_trials_crosses_the_limit_of_a_call() -> None:
    plan = plan_of("hardly any patients")
    whole = run(plan, 500, 3203)
    for field in BYTES:
        alone = [getattr(run(plan, trial, trial + 1), field) for trial in (500, 1499, 1500, 3202)]
        assert (
            np.concatenate(alone).tobytes() == getattr(whole, field)[[0, 999, 1000, 2702]].tobytes()
        )


@pytest.mark.parametrize("name", ["plain", "weibull", "ties, Efron", "hardly any patients"])
def test_exchanging_the_arms_of_a_test_negates_it(name: str) -> None:
    looks = list(FEATURES[name]["analyses"])
    tests = {
        "there": hypothesis("new", "old", *looks),
        "back": hypothesis("old", "new", *looks),
    }
    statistics = run(pack(feature_scenario(name, hypotheses=tests)), 0, 200)
    there, back = slice(0, None, 2), slice(1, None, 2)
    for field in ("status", "cutoff"):
        values = getattr(statistics, field)
        np.testing.assert_array_equal(values[:, there], values[:, back])
    for kind in ("patients", "events", "dropouts"):
        experimental = getattr(statistics, f"{kind}_experimental")
        np.testing.assert_array_equal(
            experimental[:, there], getattr(statistics, f"{kind}_control")[:, back]
        )
    for field, sign in [("score", -1), ("z", -1), ("estimate", -1), ("information", 1), ("se", 1)]:
        values = getattr(statistics, field)
        np.testing.assert_allclose(
            values[:, there], sign * values[:, back], rtol=1e-9, atol=1e-11, err_msg=field
        )


def in_half_months(table: Any) -> Any:
    """Return the same scenario, told in a unit of half the length."""
    if isinstance(table, list | tuple):
        return [in_half_months(item) for item in table]
    if not isinstance(table, dict):
        return table
    told = {}
    for key, value in table.items():
        if key == "median_months_interval":
            told[key] = [2.0 * limit for limit in value]
        elif key in MONTHS:
            told[key] = 2.0 * value
        elif key == "rate_per_month" or (key == "rate" and "from_month" in table):
            told[key] = value / 2.0
        else:
            told[key] = in_half_months(value)
    return told


def units_of_rows(scenario: Scenario) -> list[float]:
    """How many times as large an estimate of each row is in half months."""

    def unit(name: str) -> float:
        if name in scenario.estimates:
            return 2.0 if scenario.estimates[name].kind in OF_MONTHS else 1.0
        return 2.0 if scenario.hypotheses[name].test.kind == "rmst" else 1.0

    return [unit(planned.hypothesis) for planned in planned_comparisons(scenario)]


# Scans are on whole days, and a month has 30.4375 of them, in whatever unit it is told; ensembles
# are of hazards at 12 months; the factor of an uncertain arm is a rounded ratio of logarithms.
UNIT_OF_ITS_OWN = ("scans", "investigator", "ensemble", "uncertain")


@pytest.mark.parametrize(
    "name", [n for n in FEATURES if not any(word in n for word in UNIT_OF_ITS_OWN)]
)
def test_the_unit_of_time_does_not_matter(name: str) -> None:
    # A factor of 2 is exact throughout, so that every bit must agree.
    told = {key: in_half_months(table) for key, table in FEATURES[name].items()}
    scenario = feature_scenario(name)
    assert not is_assessed(scenario)
    here = run(plan_of(name), 0, 100)
    there = run(pack(feature_scenario(name, **told)), 0, 100)
    units = np.array(units_of_rows(scenario))
    for field in BYTES:
        values = getattr(here, field)
        if field == "cutoff":
            values = 2.0 * values
        elif field in {"estimate", "se", "lower", "upper"}:
            values = units * values
        np.testing.assert_array_equal(getattr(there, field), values, err_msg=field)


@pytest.mark.parametrize(
    "name",
    [
        "stratified",
        "three arms",
        "ties, Efron",
        "weighted",
        "shared data",
        "joint",
        "observed through scans",
        "responders of continuous times",
        "censored at the last of the scans",
        "read by the investigator",
    ],
)
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    # Whatever rows share in a scenario (counts, order, weights, curves), each is what it is alone.
    tables = FEATURES[name]
    scenario = feature_scenario(name)
    rows = planned_comparisons(scenario)
    together = run(plan_of(name), 0, 50)
    arm = next(iter(scenario.arms))
    everywhere = list(scenario.analyses)
    # Every look needs something to be looked at.
    filler = {"filler": estimate(arm, "median", analyses=everywhere)}
    for chosen in (*tables["hypotheses"], *tables.get("estimates", {})):
        only: dict[str, Any] = {"hypotheses": {}, "estimates": filler}
        for kind in ("hypotheses", "estimates"):
            if chosen in tables.get(kind, {}):
                only[kind] = {chosen: tables[kind][chosen]} | only[kind]
        alone_scenario = feature_scenario(name, **only)
        alone = run(pack(alone_scenario), 0, 50)
        for row, planned in enumerate(planned_comparisons(alone_scenario)):
            if planned.hypothesis == chosen:
                names = [(other.analysis, other.hypothesis) for other in rows]
                place = names.index((planned.analysis, chosen))
                for field in BYTES:
                    ours = getattr(alone, field)[:, row].tobytes()
                    theirs = getattr(together, field)[:, place].tobytes()
                    assert ours == theirs, (planned.analysis, chosen, field)


@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_trials_and_seeds_differ(seed: int) -> None:
    plan = plan_of("plain")
    here = run(plan, 0, 50, seed)
    assert len(np.unique(here.cutoff)) == 50
    assert not np.any(here.cutoff == run(plan, 0, 50, seed ^ 1).cutoff)
    assert not np.any(here.cutoff == run(plan, 0, 50, seed ^ (1 << 32)).cutoff)


@pytest.mark.parametrize("name", FEATURES)
def test_rows_are_coherent(name: str) -> None:
    plan = plan_of(name)
    statistics = run(plan, 0, 300)
    is_share = plan.hypotheses.kind[plan.row_hypothesis] == ESTIMATE_OF_SHARE_EVENT_FREE
    taken = np.isfinite(statistics.cutoff)
    for arm in ("experimental", "control"):
        patients = getattr(statistics, f"patients_{arm}")
        events, dropouts = (getattr(statistics, f"{kind}_{arm}") for kind in ("events", "dropouts"))
        # Who was seen event-free may have dropped out later.
        gone = np.where(is_share, np.maximum(events, dropouts), events + dropouts)
        assert np.all(gone <= patients)
        assert np.all(patients[~taken] == 0)
    assert not np.any(statistics.information[taken] < 0.0)
    known = statistics.information > 0.0
    np.testing.assert_allclose(
        statistics.z[known], statistics.score[known] / np.sqrt(statistics.information[known])
    )
    assert np.all(np.isnan(statistics.z[~known & ~np.isnan(statistics.information)]))
    assert np.all(np.isnan(statistics.z[~taken]))
    # A curve that falls to 0 in one step has no limits there, and its median none at all.
    below = np.where(np.isinf(statistics.lower), -np.inf, statistics.lower)
    assert not np.any(below > statistics.estimate)
    assert not np.any(statistics.upper < statistics.estimate)
    cutoffs = np.where(taken, statistics.cutoff, -np.inf)
    latest = np.maximum.accumulate(cutoffs, axis=1)
    assert np.all((cutoffs == latest) | ~taken)


def test_every_key_of_time_is_told_anew() -> None:
    # The scenarios use no other key of months or rates than those that `in_half_months` knows.
    def keys(table: Any) -> set[str]:
        if isinstance(table, list | tuple):
            return set().union(*(keys(item) for item in table)) if table else set()
        if isinstance(table, dict):
            return set(table) | keys(list(table.values()))
        return set()

    used = keys(list(FEATURES.values()))
    timed = {key for key in used if "month" in key or "rate" in key}
    assert timed - {"rates_per_month", "null_rate", "median_months_interval"} <= MONTHS | RATES
    assert PFS not in timed
