"""Searches for sizes that are known exactly, by adding up every outcome of the trial."""

from __future__ import annotations

import pytest
from scipy.optimize import brentq
from twins.exact_powers import (
    one_survival,
    power_of_one_survival,
    power_of_two_rates,
    size_of_two_rates,
    two_rates,
)

import simulate
from simulate.scenario.load import scenario_from_dict

POWER = 0.9
# Of so many searches; the least that chance allows in a thousand times 95%.
FEWEST = {3: 2, 20: 15, 100: 88}
SEEDS = [
    3,
    pytest.param(20, marks=pytest.mark.slow),
    pytest.param(100, marks=pytest.mark.validate),
]


def test_exact_powers_are_those_of_the_engine() -> None:
    scenario = scenario_from_dict(two_rates(5))
    found = simulate.power_curve(scenario, [149, 150], over="patients", trials=20_000, workers=1)
    for row in found.rows:
        assert abs(row["power"] - power_of_two_rates(row["patients"])) < 4.0 * row["mcse"]
    scenario = scenario_from_dict(one_survival(5))
    found = simulate.power_curve(scenario, [0.9, 1.1], over="hazard-ratio", trials=20_000)
    for row in found.rows:
        assert abs(row["power"] - power_of_one_survival(row["hazard_ratio"])) < 4.0 * row["mcse"]


@pytest.mark.parametrize("n_seeds", SEEDS)
def test_patients_of_two_rates(n_seeds: int) -> None:
    first, lasting = size_of_two_rates(POWER)
    held = 0
    for seed in range(n_seeds):
        scenario = scenario_from_dict(two_rates(seed))
        found = simulate.size(scenario, POWER, over="patients", precision=0.02, workers=1)
        low, high = found.interval
        assert low is not None
        assert high is not None
        assert high - low <= 3.0 * 0.02 * first or found.found.is_uneven
        # Powers in steps: the power is there at the first of these, and never lost from the last.
        held += low <= lasting and first <= high
        assert found.closed_form is not None
        assert found.closed_form.value == pytest.approx(first, abs=4)
    assert held >= FEWEST[n_seeds]


@pytest.mark.parametrize("n_seeds", SEEDS)
def test_hazard_ratio_of_one_arm(n_seeds: int) -> None:
    """The interval covers as often as it says; power rises without steps over this figure."""
    truth = brentq(lambda ratio: power_of_one_survival(ratio) - 0.8, 0.2, 1.5)
    held = 0
    for seed in range(n_seeds):
        scenario = scenario_from_dict(one_survival(seed))
        found = simulate.size(scenario, 0.8, over="hazard-ratio", precision=0.02, workers=1)
        low, high = found.interval
        assert low is not None
        assert high is not None
        held += low <= truth <= high
        assert found.value == pytest.approx(truth, rel=0.02)
    assert held >= FEWEST[n_seeds]
