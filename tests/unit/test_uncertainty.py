"""Uncertain arms: which truths stand for them, in which order, and what a scenario says of them."""

from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from twins.feature_scenarios import (
    TWO_ARMS,
    Table,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    piecewise,
    relative,
    uncertain,
)
from twins.slow_course import cumulative_hazard
from twins.slow_truths import factor_of_member, members_of, stratum_of_member, truth_of

from simulate.api.inputs import with_simulation
from simulate.report.words import describe
from simulate.results.settings import settings_that_differ
from simulate.runner.pack.members import member_strata, time_factors
from simulate.scenario.effects import null_holds, true_value
from simulate.scenario.hashes import data_hash
from simulate.scenario.hazards import Hazard, median_of
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import event_hazards, n_members

SUNITINIB = uncertain(exponential(12.0), median_months_interval=[8.9, 14.1])
UNCERTAIN = (
    "uncertain control",
    "uncertain arms in strata",
    "uncertain survival",
    "states of an ensemble beside an uncertain arm",
)


def scenario_of(arms: Table, seed: int = 5, **simulation: Any) -> Scenario:
    return scenario_from_dict(
        {
            "schema_version": 1,
            "title": "uncertain",
            "purpose": "To test.",
            "arms": arms,
            "accrual": {"patients": 60, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
            "analyses": {"final": {"trigger": events(40)}},
            "hypotheses": {"pfs": hypothesis("new", "old", "final")},
            "simulation": {"trials": 100, "seed": seed} | simulation,
        }
    )


# The truths


@pytest.mark.parametrize("name", UNCERTAIN)
def test_members_are_those_of_the_slow_twin(name: str) -> None:
    scenario = feature_scenario(name, seed=2**61 + 3)
    strata = member_strata(scenario)
    assert strata
    for (arm, endpoint), of_arm in strata.items():
        factors = time_factors(scenario, endpoint)[arm]
        assert sorted(of_arm) == list(range(members_of(scenario)))
        for member in range(members_of(scenario)):
            assert of_arm[member] == stratum_of_member(scenario, arm, endpoint, member)
            expected = factor_of_member(scenario, arm, endpoint, member)
            assert factors[member] == pytest.approx(expected, rel=1e-12)


def test_factors_are_quantiles_of_the_distribution_that_the_interval_states() -> None:
    scenario = scenario_of({"new": TWO_ARMS["new"], "old": {"pfs": SUNITINIB}}, members=4000)
    medians = np.sort(12.0 * time_factors(scenario, "pfs")["old"])
    # The middles of 4,000 strata: the 2.5% quantile is between the hundredth and the next.
    assert medians[99] < 8.9 < medians[100]
    assert medians[1999] < 12.0 < medians[2000]
    assert medians[3899] < 14.1 < medians[3900]
    below = np.log(medians[:2000] / 12.0)
    assert below / norm.ppf((np.arange(2000) + 0.5) / 4000) == pytest.approx(
        math.log(12.0 / 8.9) / norm.ppf(0.975), rel=1e-10
    )


def test_a_standard_deviation_is_that_of_the_logarithm_of_time() -> None:
    table = uncertain(exponential(8.0), sd_log_time=0.3)
    scenario = scenario_of({"new": TWO_ARMS["new"], "old": {"pfs": table}}, members=10_000)
    logs = np.log(time_factors(scenario, "pfs")["old"])
    assert np.mean(logs) == pytest.approx(0.0, abs=1e-12)
    assert np.std(logs) == pytest.approx(0.3, rel=2e-3)


def test_the_order_is_of_each_arm_its_own_and_of_the_seed() -> None:
    arms = {name: {"pfs": uncertain(exponential(8.0), sd_log_time=0.3)} for name in ("new", "old")}
    orders = [
        tuple(strata)
        for seed in (5, 6)
        for strata in member_strata(scenario_of(arms, seed, members=1000)).values()
    ]
    for one, other in combinations(orders, 2):
        # The standard deviation of a rank correlation of 1,000 pairs is 0.03.
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.12
    again = member_strata(scenario_of({**arms, "more": arms["new"]}, members=1000))
    assert tuple(again["old", "pfs"]) == orders[1]


@pytest.mark.parametrize("trial", [0, 1, 4, 11])
def test_figures_of_a_truth_give_the_hazards_of_its_factors(trial: int) -> None:
    scenario = feature_scenario("uncertain arms in strata")
    factors = {arm: of_arm[trial % 5] for arm, of_arm in time_factors(scenario, "pfs").items()}
    found = event_hazards(scenario, "pfs", factors=factors)
    expected = event_hazards(truth_of(scenario, trial), "pfs")
    for arm, hazards in expected.items():
        for one, other in zip(found[arm], hazards, strict=True):
            for month in (0.3, 2.0, 4.1, 9.7, 25.0):
                assert cumulative_hazard(one, month) == pytest.approx(
                    cumulative_hazard(other, month), rel=1e-12
                )


@pytest.mark.parametrize(
    "hazard",
    [
        Hazard(1.0, 1.0, (0.0,), (0.05,)),
        Hazard(0.7, 9.0, (0.0,), (1.0,)),
        Hazard(1.3, 9.0, (0.0, 3.0, 11.0), (1.0, 0.0, 0.5)),
        Hazard(1.0, 1.2, (0.0, 2.0), (0.01, 0.2)),
    ],
)
def test_median_and_stretch_of_a_hazard(hazard: Hazard) -> None:
    median = median_of(hazard, math.log, math.exp)
    assert median == pytest.approx(float(hazard.quantile(0.5)), rel=1e-12)
    longer = hazard.stretched(1.7)
    assert float(longer.quantile(0.5)) == pytest.approx(1.7 * median, rel=1e-12)
    months = np.array([0.5, 2.0, 7.0, 40.0])
    assert longer.survival(1.7 * months) == pytest.approx(hazard.survival(months), rel=1e-12)


def test_a_hazard_that_ends_has_no_median() -> None:
    assert median_of(Hazard(1.0, 1.0, (0.0, 1.0), (0.1, 0.0)), math.log, math.exp) == math.inf


# The number of truths


def test_there_are_a_thousand_truths_unless_the_file_says_otherwise() -> None:
    arms = {"new": TWO_ARMS["new"], "old": {"pfs": SUNITINIB}}
    assert scenario_of(arms).simulation.members == 1000
    assert n_members(scenario_of(arms)) == 1000
    assert n_members(scenario_of(arms, members=50)) == 50
    assert scenario_of(TWO_ARMS).simulation.members is None
    assert n_members(scenario_of(TWO_ARMS)) == 1


def test_an_ensemble_says_how_many_there_are() -> None:
    scenario = feature_scenario("states of an ensemble beside an uncertain arm")
    states = scenario.arms["new"].states
    assert states is not None
    assert scenario.simulation.members is None
    assert n_members(scenario) == states.n_members > 1


def test_another_number_of_trials_keeps_the_truths() -> None:
    scenario = scenario_of({"new": TWO_ARMS["new"], "old": {"pfs": SUNITINIB}}, members=50)
    assert n_members(with_simulation(scenario, 7, 8)) == 50


# What the scenario says


def test_hashes_and_settings_tell_uncertainty_and_the_number_of_truths() -> None:
    arms = {"new": TWO_ARMS["new"], "old": {"pfs": SUNITINIB}}
    other = uncertain(exponential(12.0), median_months_interval=[8.9, 14.2])
    scenarios = [
        scenario_of(TWO_ARMS | {"old": {"pfs": exponential(12.0)}}),
        scenario_of(arms),
        scenario_of(arms, members=500),
        scenario_of(arms | {"old": {"pfs": other}}),
    ]
    assert len({data_hash(scenario) for scenario in scenarios}) == 4
    assert data_hash(scenario_of(arms, members=1000)) == data_hash(scenario_of(arms))
    one, another = (s.model_dump(mode="json", exclude_none=True) for s in scenarios[1:3])
    assert [s.path for s in settings_that_differ(one, another)] == ["simulation.members"]


def test_sources_of_an_uncertainty_are_in_no_hash() -> None:
    sourced = uncertain(exponential(12.0), median_months_interval=[8.9, 14.1], source="Two trials.")
    arms = {"new": TWO_ARMS["new"], "old": {"pfs": SUNITINIB}}
    assert data_hash(scenario_of(arms | {"old": {"pfs": sourced}})) == data_hash(scenario_of(arms))


def test_words_tell_the_distribution() -> None:
    arms = {"new": TWO_ARMS["new"] | {"discount": 0.8}, "old": {"pfs": SUNITINIB}}
    text = json.dumps(describe(scenario_of(arms)))
    assert (
        "uncertain: in 1,000 truths, by trial in turn, a median of 12 months, 95% from 8.9 to 14.1"
        in text
    )
    # 12 months, times 0.8 for the discount and over 0.6 for the ratio.
    assert "hazard divided by 0.8" in text
    assert "median 16 months" in text


def test_many_truths_have_no_true_value_unless_all_have_it() -> None:
    follows = scenario_of({"new": {"pfs": relative("old", 1.0)}, "old": {"pfs": SUNITINIB}})
    stands = scenario_of({"new": {"pfs": exponential(12.0)}, "old": {"pfs": SUNITINIB}})
    plain = scenario_of({"new": {"pfs": exponential(12.0)}, "old": {"pfs": exponential(12.0)}})
    assert [true_value(s, "pfs") for s in (follows, stands, plain)] == [None, None, 0.0]
    assert [null_holds(s, "pfs") for s in (follows, stands, plain)] == [True, None, True]
    better = scenario_of({"new": {"pfs": relative("old", 0.6)}, "old": {"pfs": SUNITINIB}})
    assert null_holds(better, "pfs") is False


# Discounts


@pytest.mark.parametrize(
    "table", [exponential(9.0), piecewise((0.0, 0.1), (4.0, 0.02)), relative("old", 0.6)]
)
def test_a_discount_is_a_power_of_survival(table: Table) -> None:
    arms: Table = {"new": {"pfs": table}, "old": {"pfs": exponential(8.0)}}
    (plain,) = event_hazards(scenario_of(arms))["new"]
    arms["new"]["discount"] = 0.74
    found = event_hazards(scenario_of(arms))
    months = np.array([0.5, 3.0, 6.0, 24.0])
    assert found["new"][0].survival(months) == pytest.approx(
        plain.survival(months) ** (1.0 / 0.74), rel=1e-12
    )


def test_who_is_relative_to_a_discounted_arm_is_not_discounted() -> None:
    arms = {
        "new": {"pfs": exponential(9.0), "discount": 0.5},
        "old": {"pfs": relative("new", 2.0)},
    }
    hazards = event_hazards(scenario_of(arms))
    assert float(hazards["new"][0].quantile(0.5)) == pytest.approx(4.5)
    assert float(hazards["old"][0].quantile(0.5)) == pytest.approx(4.5)
