"""Pieces of a patient's course: response times before an event, hazards of many pieces, follow-up.

The whole course is compared with its slow twin in test_engine_trials.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize, stats
from twins.feature_scenarios import feature_scenario
from twins.scenario_tables import (
    dropping_out,
    exponential,
    of_rates,
    piecewise,
    responding,
)
from twins.slow_random import wide_uniform, words_at

from simulate.engine import course, times
from simulate.engine.arrays import Patients
from simulate.engine.codes import DROPOUT, EVENT, FOLLOWED_TO_END
from simulate.runner.cohorts import made_cohorts
from simulate.runner.pack import endpoint_numbers, pack, pack_hazards
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import event_hazards, joint_horizon

SEED = 5
FloatArray = NDArray[np.float64]
WEIBULL = Hazard(1.7, 12.0, (0.0,), (1.0,))
LATE = Hazard(1.0, 1.0, (0.0, 2.0, 6.0), (0.0, 0.3, 0.0))


def many_pieces(n: int = 400, seed: int = 1) -> Hazard:
    """Hazard of many pieces, some of them 0."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0.0], np.cumsum(rng.exponential(0.2, n - 1))])
    rates = rng.exponential(0.05, n) * (rng.uniform(size=n) < 0.8)
    rates[-1] = 0.05
    return Hazard(1.0, 1.0, tuple(starts.tolist()), tuple(rates.tolist()))


def cumulative(hazard: Hazard, months: FloatArray) -> FloatArray:
    """Cumulative hazard by the engine."""
    n = len(months)
    out = np.full(n, np.nan)
    cell = np.zeros(n, dtype=np.uint64)
    times.cumulative_hazards(months, cell, pack_hazards([hazard]), n, out)
    return out


def inverted(hazard: Hazard, targets: FloatArray) -> FloatArray:
    n = len(targets)
    out = np.full(n, np.nan)
    times.invert_hazards(targets, np.zeros(n, dtype=np.uint64), pack_hazards([hazard]), n, out)
    return out


def conditioned(uniforms: FloatArray, at_event: FloatArray) -> FloatArray:
    targets = uniforms.copy()
    course.condition_on_event(targets, at_event, len(targets))
    return targets


# Hazards of many pieces


@pytest.mark.parametrize("n", [2, 3, 31, 400])
def test_many_pieces_against_numerical_integration(n: int) -> None:
    hazard = many_pieces(n)
    starts, rates = np.array(hazard.starts_months), np.array(hazard.slopes)

    def rate(month: float) -> float:
        return float(rates[np.flatnonzero(starts <= month)[-1]])

    months = np.random.default_rng(n).uniform(0.0, starts[-1] + 5.0, 12)
    found = cumulative(hazard, months)
    for month, value in zip(months, found, strict=True):
        knots = [0.0, *starts[(starts > 0.0) & (starts < month)], month]
        parts = [integrate.quad(rate, start, stop)[0] for start, stop in pairwise(knots)]
        assert value == pytest.approx(math.fsum(parts), rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 31, 400])
def test_many_pieces_are_inverted(n: int) -> None:
    hazard = many_pieces(n)
    targets = np.random.default_rng(n).exponential(2.0, 200)
    months = inverted(hazard, targets)
    np.testing.assert_allclose(cumulative(hazard, months), targets, rtol=1e-12)
    for target, month in zip(targets[:20], months[:20], strict=True):
        # Where it is not flat there is one root.
        root = optimize.brentq(lambda t, y=target: float(hazard.cumulative(t)) - y, 0.0, 1e4)
        assert month == pytest.approx(root, rel=1e-9)


def test_every_start_of_a_piece_is_found() -> None:
    hazard = many_pieces(257)
    starts = np.array(hazard.starts_months)
    np.testing.assert_allclose(cumulative(hazard, starts), hazard.cumulative(starts), rtol=1e-12)
    middle = 0.5 * (starts[:-1] + starts[1:])
    np.testing.assert_allclose(cumulative(hazard, middle), hazard.cumulative(middle), rtol=1e-12)


@pytest.mark.parametrize("hazard", [WEIBULL, Hazard(0.6, 5.0, (0.0, 4.0), (1.0, 0.3)), LATE])
def test_cumulative_hazards_on_any_clock(hazard: Hazard) -> None:
    months = np.array([0.0, 1e-9, 0.5, 2.0, 3.9, 4.0, 6.0, 40.0])
    np.testing.assert_allclose(cumulative(hazard, months), hazard.cumulative(months), rtol=1e-13)


def test_cumulative_hazards_at_infinity() -> None:
    never = np.array([np.inf])
    assert cumulative(WEIBULL, never)[0] == np.inf
    assert cumulative(LATE, never)[0] == pytest.approx(1.2)


# Response times before an event


def test_response_times_have_the_distribution_cut_off_at_the_event() -> None:
    n, limit = 20_000, 7.0
    uniforms = np.random.default_rng(3).uniform(size=n)
    at_event = cumulative(WEIBULL, np.full(n, limit))
    months = inverted(WEIBULL, conditioned(uniforms, at_event))
    whole = stats.weibull_min(1.7, scale=12.0)
    np.testing.assert_allclose(
        whole.cdf(months), uniforms * whole.cdf(limit), rtol=1e-13, atol=1e-15
    )
    assert 0.0 < months.min() < months.max() <= limit


def test_an_event_that_never_comes_leaves_the_distribution_as_it_is() -> None:
    uniforms = np.random.default_rng(4).uniform(size=1000)
    targets = conditioned(uniforms, np.full(1000, np.inf))
    np.testing.assert_allclose(targets, -np.log1p(-uniforms), rtol=1e-14, atol=1e-15)
    # Of a distribution that some never reach: those who do.
    months = inverted(LATE, conditioned(uniforms, cumulative(LATE, np.full(1000, np.inf))))
    assert 2.0 < months.min() < months.max() <= 6.0
    reached = -np.expm1(-np.asarray(LATE.cumulative(months)))
    np.testing.assert_allclose(reached, uniforms * -math.expm1(-1.2), rtol=1e-13, atol=1e-15)


def test_who_could_not_have_responded_before_the_event_responds_at_it() -> None:
    # The hazard of responding is 0 until month 2: at an event before, no time is left.
    scenario = response_scenario(
        {
            "pfs": piecewise((0.0, 0.4), (3.0, 0.05)),
            "response": responding(1.0, piecewise((0.0, 0.0), (2.0, 0.5))),
        }
    )
    patients = patients_of(scenario)
    event, response = (patients.event[endpoint_numbers(scenario)[e]] for e in ("pfs", "response"))
    early = event <= 2.0
    assert 10 < early.sum() < len(event) - 10
    np.testing.assert_array_equal(response[early], event[early])
    assert np.all((response[~early] > 2.0) & (response[~early] < event[~early]))


# Ends of follow-up


def response_scenario(arm: dict[str, Any], **tables: Any) -> Scenario:
    """Two equal arms, compared in response or another binary endpoint."""
    endpoint = "response" if "response" in arm else next(iter(arm["binary"]))
    test = of_rates("new", "old", "final", endpoint=endpoint, method="fisher")
    return feature_scenario(
        "plain",
        patients=400,
        arms={"new": arm, "old": arm},
        analyses={"final": {"trigger": {"calendar_months": 90.0}}},
        hypotheses={"test": test},
        **tables,
    )


def patients_of(scenario: Scenario, trial: int = 0) -> Patients:
    plan = pack(scenario)
    return next(made_cohorts(plan, SEED, trial, trial + 1)).patients


def test_response_is_followed_until_progression() -> None:
    arm = {
        "pfs": exponential(5.0),
        "response": responding(0.5, exponential(4.0)),
        "dropout": dropping_out(0.1),
    }
    scenario = response_scenario(arm, follow_up={"maximum_months": 8.0})
    patients = patients_of(scenario)
    first, response = patients.event
    end, outcome = patients.end[1], patients.outcome[1]
    np.testing.assert_array_equal(
        end, np.minimum.reduce([response, first, patients.dropout, np.full(len(end), 8.0)])
    )
    np.testing.assert_array_equal(outcome == EVENT, end == response)
    np.testing.assert_array_equal(outcome == DROPOUT, end == patients.dropout)
    for reason in (response, first, patients.dropout, 8.0):
        assert np.any(end == reason)
    assert np.all(outcome[end == 8.0] == FOLLOWED_TO_END)
    seen = np.where(outcome == EVENT, patients.entry + response, np.inf)
    np.testing.assert_array_equal(patients.calendar_event[1], seen)
    np.testing.assert_array_equal(patients.calendar_end[1], patients.entry + end)


@pytest.mark.parametrize(("month", "limit"), [(3.0, 8.0), (8.0, 8.0), (8.5, 8.0), (0.0, 8.0)])
def test_a_binary_endpoint_is_known_when_it_is_assessed(month: float, limit: float) -> None:
    arm = {"binary": {"cured": {"rate": 0.5}}, "dropout": dropping_out(0.1)}
    scenario = response_scenario(
        arm,
        binary_endpoints={"cured": {"assessed_months": month}},
        follow_up={"maximum_months": limit},
    )
    patients = patients_of(scenario)
    row = endpoint_numbers(scenario)["cured"]
    event, end, outcome = patients.event[row], patients.end[row], patients.outcome[row]
    assert set(event.tolist()) == {month, math.inf}
    np.testing.assert_array_equal(end, np.minimum(patients.dropout, min(month, limit)))
    assessed = (patients.dropout >= month) & (month <= limit)
    np.testing.assert_array_equal(outcome == EVENT, assessed & (event == month))
    np.testing.assert_array_equal(outcome == DROPOUT, end == patients.dropout)


def test_those_without_an_event_to_end_it_are_followed_for_ever() -> None:
    scenario = response_scenario({"response": responding(0.5, exponential(4.0))})
    patients = patients_of(scenario)
    row = endpoint_numbers(scenario)["response"]
    assert set(patients.outcome[row].tolist()) == {EVENT, FOLLOWED_TO_END}
    np.testing.assert_array_equal(patients.end[row], patients.event[row])


# The copula


def both_below(h: float, k: float, rho: float) -> float:
    """Probability that two normal scores are below ``h`` and ``k``, by integrating over one."""
    root = math.sqrt(1.0 - rho * rho)

    def density(x: float) -> float:
        return float(stats.norm.pdf(x) * stats.norm.cdf((k - rho * x) / root))

    return float(integrate.quad(density, -12.0, h, epsabs=1e-11, limit=200)[0])


def test_the_latent_progression_solves_the_copula() -> None:
    # C(u, S_OS(t)) = S_PFS(t), with the patient's own uniform u, at its latent progression t.
    scenario = feature_scenario("joint", patients=250)
    patients = patients_of(scenario)
    pfs, os = (event_hazards(scenario, endpoint) for endpoint in ("pfs", "os"))
    arms, rho = list(scenario.arms), scenario.correlations.progression_os
    errors = []
    for i, month in enumerate(patients.progression):
        if month <= joint_horizon(scenario):
            arm, cell = arms[patients.arm[i]], patients.stratum[i]
            words = words_at(SEED, i, 0, "core")
            h = float(stats.norm.ppf(wide_uniform(words[0], words[1])))
            k = float(stats.norm.ppf(os[arm][cell].survival(month)))
            errors.append(both_below(h, k, rho) - float(pfs[arm][cell].survival(month)))
    assert len(errors) > 200
    # What the table allows is 1e-6.
    assert np.max(np.abs(errors)) < 2e-6
