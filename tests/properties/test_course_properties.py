"""What must hold for every patient: the order of the endpoints, and what they leave alone."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from twins.feature_scenarios import feature_scenario
from twins.scenario_tables import Table, dropping_out, exponential, responding

from simulate.engine.arrays import Patients
from simulate.engine.codes import EVENT
from simulate.engine.plan import Plan
from simulate.runner.cohorts import made_cohorts
from simulate.runner.pack import endpoint_numbers, pack
from simulate.scenario.endpoints import PFS
from simulate.scenario.models import Scenario

seeds = st.integers(0, 2**63 - 1)
trials = st.one_of(st.integers(0, 1000), st.integers(2**32 - 3, 2**32 + 3))
JOINT = ("joint", "joint through scans")
# What each further endpoint adds to an arm, and what it does not change of a patient.
ADDED: dict[str, Table] = {
    "os": {"os": exponential(20.0)},
    "response": {"response": responding(0.4, exponential(3.0))},
    "binary": {"binary": {"cured": {"rate": 0.3}}},
}
APART = ("stratum", "arm", "cell", "entry", "dropout")


@functools.cache
def scenario_of(name: str) -> Scenario:
    return feature_scenario(name)


# Kept, since the tables of the latent progression take a while to make.
@functools.cache
def plan_of(name: str) -> Plan:
    return pack(scenario_of(name))


@functools.cache
def plan_with(added: tuple[str, ...], correlated: bool) -> Plan:
    return pack(with_endpoints(added, correlated))


@functools.cache
def with_endpoints(added: tuple[str, ...], correlated: bool) -> Scenario:
    """Two arms with PFS and whatever is added."""
    arm: Table = {"pfs": exponential(8.0), "dropout": dropping_out(0.03)}
    for name in added:
        arm |= ADDED[name]
    tables: dict[str, Any] = {"arms": {"new": arm, "old": arm}}
    if "binary" in added:
        with_response = 0.5 if correlated and "response" in added else 0.0
        tables["binary_endpoints"] = {
            "cured": {"response_correlation": with_response, "assessed_months": 2.0}
        }
    if correlated:
        pairs = {
            "progression_os": {"os"},
            "progression_response": {"response"},
            "os_response": {"os", "response"},
        }
        tables["correlations"] = {key: 0.4 for key, needs in pairs.items() if needs <= {*added}}
    return feature_scenario("two to one", **tables)


def patients_of(plan: Plan, seed: int, trial: int) -> Patients:
    return next(made_cohorts(plan, seed, trial, trial + 1)).patients


def months_of(scenario: Scenario, patients: Patients, endpoint: str) -> NDArray[np.float64]:
    """When the endpoint happens."""
    months: NDArray[np.float64] = patients.event[endpoint_numbers(scenario)[endpoint]]
    return months


@given(name=st.sampled_from(JOINT), seed=seeds, trial=trials)
@settings(deadline=None, max_examples=30)
def test_the_endpoints_come_in_their_order(name: str, seed: int, trial: int) -> None:
    scenario = scenario_of(name)
    patients = patients_of(plan_of(name), seed, trial)
    pfs, os, response = (months_of(scenario, patients, e) for e in ("pfs", "os", "response"))
    assert np.all(pfs > 0.0)
    assert np.all(pfs <= os)
    # Scans never show a progression too early.
    assert np.all((pfs >= patients.progression) | (pfs == os))
    assert np.all((response <= pfs) | np.isinf(response))
    assert np.any(response < pfs)
    if name == "joint":
        np.testing.assert_array_equal(pfs, np.minimum(patients.progression, os))
        assert np.any(pfs == os)
        assert np.any(pfs < os)


@given(name=st.sampled_from(JOINT), seed=seeds, trial=trials)
@settings(deadline=None, max_examples=30)
def test_follow_up_ends_with_the_event_or_before(name: str, seed: int, trial: int) -> None:
    scenario = scenario_of(name)
    patients = patients_of(plan_of(name), seed, trial)
    assert np.all(patients.end <= patients.event)
    np.testing.assert_array_equal(patients.outcome == EVENT, patients.end == patients.event)
    assert np.all(patients.end <= patients.dropout)
    first, response = (endpoint_numbers(scenario)[e] for e in ("pfs", "response"))
    assert np.all(patients.end[response] <= patients.end[first])


@given(
    added=st.sets(st.sampled_from(sorted(ADDED)), min_size=1),
    correlated=st.booleans(),
    seed=seeds,
    trial=trials,
)
@settings(deadline=None, max_examples=60)
def test_a_further_endpoint_leaves_all_else_as_it_is(
    added: set[str], correlated: bool, seed: int, trial: int
) -> None:
    alone = patients_of(plan_with((), False), seed, trial)
    together = patients_of(plan_with(tuple(sorted(added)), correlated), seed, trial)
    for field in APART:
        assert getattr(alone, field).tobytes() == getattr(together, field).tobytes(), field
    if "os" not in added:
        # The first event keeps its uniform; with OS it is made from the latent progression.
        for field in ("event", "end", "outcome", "calendar_end", "calendar_event"):
            ours, theirs = getattr(alone, field)[0], getattr(together, field)[0]
            assert ours.tobytes() == theirs.tobytes(), field


@given(seed=seeds, trial=trials)
@settings(deadline=None, max_examples=20)
def test_endpoints_that_are_not_correlated_do_not_know_of_each_other(seed: int, trial: int) -> None:
    added = ("binary", "os", "response")
    together = patients_of(plan_with(added, False), seed, trial)

    def both(endpoint: str, name: str) -> tuple[bytes, bytes]:
        """When it happens where there are all endpoints, and where there is one beside PFS."""
        alone = patients_of(plan_with((name,), False), seed, trial)
        ours = months_of(with_endpoints(added, False), together, endpoint)
        theirs = months_of(with_endpoints((name,), False), alone, endpoint)
        return ours.tobytes(), theirs.tobytes()

    for endpoint, name in (("os", "os"), ("cured", "binary"), (PFS, "os")):
        ours, theirs = both(endpoint, name)
        assert ours == theirs, endpoint
