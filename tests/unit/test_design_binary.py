"""Designs of proportions against likelihoods, and against every outcome in exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from scipy.optimize import minimize_scalar
from twins.slow_binomial_designs import (
    slow_designs,
    slow_mass,
    slow_single_arm,
    slow_two_stage,
)

from simulate.design import (
    simon_designs,
    single_arm,
    single_arm_size,
    two_proportions_test,
    two_stage,
)
from simulate.errors import DesignError


@pytest.mark.parametrize("difference", [-0.1, -0.02, 0.0, 0.05])
@pytest.mark.parametrize(("control", "experimental"), [(0.3, 0.3), (0.1, 0.35), (0.7, 0.8)])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_farrington_and_mannings_rates_are_the_most_likely(
    control: float, experimental: float, ratio: float, difference: float
) -> None:
    share = ratio / (1.0 + ratio)

    def minus_likelihood(rate: float) -> float:
        other = rate + difference
        return -(
            (1.0 - share) * (control * math.log(rate) + (1.0 - control) * math.log(1.0 - rate))
            + share * (experimental * math.log(other) + (1 - experimental) * math.log(1 - other))
        )

    low, high = max(0.0, -difference) + 1e-9, min(1.0, 1.0 - difference) - 1e-9
    best = minimize_scalar(minus_likelihood, bounds=(low, high), options={"xatol": 1e-11}).x
    null = best * (1.0 - best) / (1.0 - share)
    null += (best + difference) * (1.0 - best - difference) / share
    found = two_proportions_test(control, experimental, ratio, difference)
    assert found.null_sd**2 == pytest.approx(null, rel=1e-6)
    assert found.effect == pytest.approx(experimental - control - difference)
    wald = two_proportions_test(control, experimental, ratio, difference, "unpooled")
    assert wald.null_sd == wald.sd == found.sd


def test_without_a_difference_rates_are_pooled() -> None:
    found = two_proportions_test(0.2, 0.5, 2.0)
    pooled = 0.2 / 3.0 + 0.5 * 2.0 / 3.0
    assert found.null_sd**2 == pytest.approx(pooled * (1.0 - pooled) * (3.0 + 1.5), rel=1e-13)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((0.0, 0.5), "control_rate: must be strictly between 0 and 1"),
        ((0.5, 1.0), "experimental_rate: must be strictly between"),
        ((0.2, 0.5, -1.0), "ratio: must be a finite"),
        ((0.2, 0.5, 1.0, 1.0), "null_difference: must be above -1 and below 1"),
        ((0.2, 0.5, 1.0, 0.0, "wald"), "method: must be one of farrington_manning, unpooled"),
    ],
)
def test_bad_proportions(given: tuple[float, ...], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        two_proportions_test(*given)  # type: ignore[arg-type]


RATES = [
    (Fraction(1, 10), Fraction(1, 2), Fraction(1, 10), Fraction(8, 10), 16),
    (Fraction(1, 20), Fraction(2, 5), Fraction(1, 20), Fraction(8, 10), 16),
    (Fraction(1, 2), Fraction(4, 5), Fraction(1, 5), Fraction(3, 4), 14),
    # A single design, most of whose patients are in the first stage.
    (Fraction(7, 20), Fraction(3, 5), Fraction(3, 10), Fraction(9, 10), 15),
    (Fraction(3, 20), Fraction(9, 20), Fraction(1, 5), Fraction(9, 10), 15),
]


@pytest.mark.parametrize(("null", "alternative", "alpha", "power", "most"), RATES)
def test_simons_designs_are_the_best_of_all(
    null: Fraction, alternative: Fraction, alpha: Fraction, power: Fraction, most: int
) -> None:
    every = list(slow_designs(null, alternative, alpha, power, most))
    fewest = min(design.n for design in every)
    minimax = min((d for d in every if d.n == fewest), key=lambda d: d.expected)
    optimal = min(every, key=lambda d: d.expected)
    found = simon_designs(float(null), float(alternative), float(power), float(alpha), most)
    for design, best in ((found[0], minimax), (found[-1], optimal)):
        assert (design.patients, design.first_patients) == (best.n, best.n1)
        assert design.first_responders == best.r1
        assert design.expected_patients == pytest.approx(float(best.expected), rel=1e-12)
        assert design.early_stop == pytest.approx(float(best.stop), rel=1e-12)
        # Of several limits the highest.
        limits = [d for d in every if d[:3] == best[:3]]
        assert design.responders == max(d.r for d in limits)
        assert design.alpha == pytest.approx(float(min(d.alpha for d in limits)), rel=1e-11)
        assert design.power == pytest.approx(float(min(d.power for d in limits)), rel=1e-12)
    # Each design is the best for the weights inside of its limits, and only there.
    for k, design in enumerate(found):
        for share in (0.01, 0.5, 0.99):
            weight = design.weight_from + share * (design.weight_to - design.weight_from)
            costs = [weight * d.n + (1.0 - weight) * float(d.expected) for d in every]
            own = weight * design.patients + (1.0 - weight) * design.expected_patients
            assert own == pytest.approx(min(costs), rel=1e-12)
        if k > 0:
            assert design.weight_to == found[k - 1].weight_from
    assert (found[0].weight_to, found[-1].weight_from) == (1.0, 0.0)


def test_simons_published_designs() -> None:
    """From Simon (1989): 0.30 against 0.50 at alpha 0.05 with power 0.90."""
    found = simon_designs(0.3, 0.5, 0.9, 0.05)
    assert found[0][:4] == (24, 7, 53, 21)
    assert found[-1][:4] == (24, 8, 63, 24)
    assert found[-1].expected_patients == pytest.approx(34.7, abs=0.05)
    assert found[-1].early_stop == pytest.approx(0.73, abs=0.005)


@pytest.mark.parametrize(("n1", "r1", "n", "r"), [(5, 0, 12, 3), (1, 0, 2, 1), (9, 4, 10, 9)])
def test_a_given_two_stage_design(n1: int, r1: int, n: int, r: int) -> None:
    null, alternative = Fraction(1, 5), Fraction(3, 5)
    found = two_stage(n1, r1, n, r, 0.2, 0.6)
    level, stop = slow_two_stage(n1, r1, n, r, null)
    assert found.alpha == pytest.approx(float(level), rel=1e-12)
    assert found.power == pytest.approx(
        float(slow_two_stage(n1, r1, n, r, alternative)[0]), rel=1e-12
    )
    assert found.early_stop == pytest.approx(float(stop), rel=1e-12)
    assert found.expected_patients == pytest.approx(float(n1 + (1 - stop) * (n - n1)), rel=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((0.3, 0.3, 0.8), "alternative_rate: must be above the null rate, 0.3"),
        ((0.3, 0.5, 0.8, 0.025, 10), "max_patients: must be more: no two-stage design"),
        ((0.3, 0.5, 0.8, 0.025, 301), "max_patients: must be at most 300"),
        ((0.3, 0.5, 0.8, 0.025, 1), "max_patients: must be a whole number of at least 2"),
    ],
)
def test_bad_simon(given: tuple[float, ...], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        simon_designs(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "stages", [(3, 3, 9, 4), (5, -1, 9, 4), (9, 1, 9, 4), (5, 3, 9, 2), (5, 1, 9, 9)]
)
def test_bad_stages(stages: tuple[int, int, int, int]) -> None:
    with pytest.raises(DesignError):
        two_stage(*stages, 0.2, 0.6)


@pytest.mark.parametrize(
    ("null", "alternative"), [(Fraction(1, 10), Fraction(3, 10)), (Fraction(1, 2), Fraction(9, 10))]
)
@pytest.mark.parametrize("alpha", [Fraction(1, 40), Fraction(1, 10)])
def test_single_arms_are_those_of_every_outcome(
    null: Fraction, alternative: Fraction, alpha: Fraction
) -> None:
    for n in (1, 2, 5, 17, 30):
        found = single_arm(n, float(null), float(alternative), float(alpha))
        responders, level, power = slow_single_arm(n, null, alternative, alpha)
        assert (found.patients, found.responders) == (n, responders)
        assert found.alpha == pytest.approx(float(level), rel=1e-12, abs=1e-300)
        assert found.power == pytest.approx(float(power), rel=1e-12, abs=1e-300)


def test_single_arm_sizes() -> None:
    null, alternative, alpha = Fraction(1, 10), Fraction(3, 10), Fraction(1, 20)
    size = single_arm_size(0.1, 0.3, 0.8, 0.05)
    powers = {n: slow_single_arm(n, null, alternative, alpha)[2] for n in range(1, 60)}
    enough = [n for n, power in powers.items() if power >= Fraction(8, 10)]
    assert size.smallest.patients == enough[0]
    below = [n for n, power in powers.items() if power < Fraction(8, 10)]
    assert size.lasting.patients == below[-1] + 1
    assert size.smallest.patients < size.lasting.patients
    with pytest.raises(DesignError, match="max_patients: must be more"):
        single_arm_size(0.1, 0.3, 0.8, 0.05, size.smallest.patients - 1)
    assert single_arm_size(0.1, 0.3, 0.8, 0.05, size.smallest.patients) == size


def test_a_level_that_is_met_exactly_is_kept() -> None:
    """Half of the patients at a half: rounding must not decide."""
    for n in range(1, 30):
        level = sum(slow_mass(x, n, Fraction(1, 2)) for x in range(n - 1, n + 1))
        if level < Fraction(1, 2):
            assert single_arm(n, 0.5, 0.9, float(level)).responders == n - 1


@pytest.mark.parametrize("patients", [0, -3, 2.5, True, math.nan, math.inf])
def test_patients_are_whole(patients: int) -> None:
    with pytest.raises(DesignError, match="patients: must be a whole number of at least 1"):
        single_arm(patients, 0.1, 0.3)
