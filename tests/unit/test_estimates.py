"""Monte Carlo standard errors against other derivations and against what repetition shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from simulate.results.estimates import Estimate, Moments, Share, WholeMoments
from simulate.results.quantiles import Values

REPEATS = 4000
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(3.0, 2.0, shape),
    "exponential": lambda rng, shape: rng.exponential(5.0, shape),
    "uniform": lambda rng, shape: rng.uniform(-1.0, 1.0, shape),
}


def proportion(successes: int, n_trials: int) -> Estimate:
    return Share(successes, n_trials).estimate()


def mean(values: NDArray[Any]) -> Estimate:
    kind = WholeMoments if values.dtype.kind == "i" else Moments
    return kind.of(values).mean()


def standard_deviation(values: NDArray[Any]) -> Estimate:
    return Moments.of(values).deviation()


def quantiles(values: NDArray[Any], probabilities: tuple[float, ...]) -> list[Estimate]:
    return Values.of(values).quantiles(probabilities)


def spread_and_error(estimates: list[Estimate]) -> tuple[float, float]:
    """Standard deviation of the estimates, and the root mean square of their errors."""
    values = [estimate.value for estimate in estimates]
    errors = [estimate.mcse**2 for estimate in estimates]
    return statistics.stdev(values), math.sqrt(statistics.fmean(errors))


@pytest.mark.parametrize("p", [0.025, 0.3, 0.8])
def test_error_of_a_proportion_is_the_spread_of_repeated_ones(p: float) -> None:
    n = 2000
    successes = np.random.default_rng(1).binomial(n, p, REPEATS)
    spread, error = spread_and_error([proportion(int(k), n) for k in successes])
    # The spread of 4000 repetitions is known to 1.1 %.
    assert error == pytest.approx(spread, rel=0.045)


def wilson_half_width(successes: int, n: int) -> float:
    """Half the distance between the two p at which the count is one standard deviation off."""

    def off(p: float) -> float:
        return (successes - n * p) ** 2 - n * p * (1.0 - p)

    observed = successes / n
    # 0 and 1 are themselves such p if nothing, or everything, was a success: the other is sought.
    low = brentq(off, 0.0, min(observed, 1.0 - 1e-12), xtol=1e-15) if successes > 0 else 0.0
    high = brentq(off, max(observed, 1e-12), 1.0, xtol=1e-15) if successes < n else 1.0
    return (high - low) / 2.0


@pytest.mark.parametrize(
    ("successes", "n"),
    [(0, 1), (1, 1), (0, 5000), (3, 5000), (9, 5000), (4991, 5000), (5000, 5000), (9, 18), (1, 2)],
)
def test_with_few_successes_or_failures_the_error_is_wilsons(successes: int, n: int) -> None:
    found = proportion(successes, n)
    assert found.value == successes / n
    assert found.mcse == pytest.approx(wilson_half_width(successes, n), rel=1e-9)
    assert found.n_trials == n


def test_from_ten_on_the_error_is_binomial() -> None:
    for successes in (10, 4990):
        assert proportion(successes, 5000).mcse == pytest.approx(math.sqrt(10 * 4990 / 5000**3))
    assert proportion(9, 5000).mcse != pytest.approx(math.sqrt(9 * 4991 / 5000**3), rel=1e-3)
    # The two differ little where one gives way to the other.
    assert wilson_half_width(10, 5000) == pytest.approx(proportion(10, 5000).mcse, rel=0.02)


@pytest.mark.parametrize("name", DRAWS)
def test_error_of_a_mean_is_the_spread_of_repeated_ones(name: str) -> None:
    samples = DRAWS[name](np.random.default_rng(2), (REPEATS, 100))
    spread, error = spread_and_error([mean(sample) for sample in samples])
    assert error == pytest.approx(spread, rel=0.045)


@pytest.mark.parametrize("name", DRAWS)
def test_error_of_a_standard_deviation_is_the_spread_of_repeated_ones(name: str) -> None:
    samples = DRAWS[name](np.random.default_rng(3), (REPEATS, 2000))
    spread, error = spread_and_error([standard_deviation(sample) for sample in samples])
    assert error == pytest.approx(spread, rel=0.05)


def test_mean_and_standard_deviation_are_those_of_the_textbook() -> None:
    values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    found = mean(np.array(values, dtype=np.int32))
    assert found.value == pytest.approx(statistics.fmean(values), rel=1e-15)
    assert found.mcse == pytest.approx(statistics.stdev(values) / math.sqrt(11), rel=1e-14)
    deviation = standard_deviation(np.array(values, dtype=np.int32))
    assert deviation.value == pytest.approx(statistics.stdev(values), rel=1e-14)
    assert found.n_trials == deviation.n_trials == len(values)


def test_error_of_a_standard_deviation_is_that_of_the_jackknife() -> None:
    values = np.random.default_rng(4).gamma(2.0, size=3000)
    total, squares, n = values.sum(), (values**2).sum(), len(values)
    left_out = ((squares - values**2) - (total - values) ** 2 / (n - 1)) / (n - 2)
    roots = np.sqrt(left_out)
    jackknife = math.sqrt((n - 1) / n * float(np.sum((roots - roots.mean()) ** 2)))
    assert standard_deviation(values).mcse == pytest.approx(jackknife, rel=0.01)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
def test_error_of_a_quantile_is_the_spread_of_repeated_ones(name: str, p: float) -> None:
    samples = DRAWS[name](np.random.default_rng(5), (REPEATS, 1000))
    spread, error = spread_and_error([quantiles(sample, (p,))[0] for sample in samples])
    # Half a distance of order statistics is itself random: its square is a little too large.
    assert 0.97 * spread < error < 1.12 * spread


@pytest.mark.parametrize("n", [1, 2, 7, 19, 20, 21, 100, 101, 399])
def test_quantiles_are_order_statistics(n: int) -> None:
    values = np.random.default_rng(6).permutation(np.arange(1, n + 1)) * 10.0
    probabilities = (0.05, 0.5, 0.95)
    for p, found in zip(probabilities, quantiles(values, probabilities), strict=True):
        # The smallest value with at least a share p at or below it; one binomial sd either side.
        assert found.value == 10.0 * next(k for k in range(1, n + 1) if k >= n * p - 1e-9)
        sd = math.sqrt(n * p * (1 - p))
        low, high = math.ceil(n * p - sd), math.ceil(n * p + sd)
        if low >= 1 and high <= n:
            assert found.mcse == 10.0 * (high - low) / 2
        else:
            assert math.isnan(found.mcse)
        assert found.n_trials == n


def test_quantiles_leave_the_values_as_they_are() -> None:
    values = np.array([3.0, 1.0, 2.0])
    quantiles(values, (0.5,))
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_of_nothing_nothing_is_known() -> None:
    empty = np.array([], dtype=np.float64)
    for found in (
        proportion(0, 0),
        mean(empty),
        standard_deviation(empty),
        *quantiles(empty, (0.5,)),
    ):
        assert math.isnan(found.value)
        assert math.isnan(found.mcse)
        assert found.n_trials == 0


def test_of_one_trial_no_error_is_known() -> None:
    one = np.array([7.0])
    for found in (mean(one), *quantiles(one, (0.05, 0.5, 0.95))):
        assert found.value == 7.0
        assert math.isnan(found.mcse)
        assert found.n_trials == 1
    assert math.isnan(standard_deviation(one).value)
    assert proportion(1, 1).mcse == pytest.approx(0.25)


def test_what_never_varies_has_no_error() -> None:
    # As large as it may be: a large number of events, the same in all trials.
    same = np.full(1000, 999_999, dtype=np.int32)
    assert mean(same) == Estimate(999_999.0, 0.0, 1000)
    assert standard_deviation(same) == Estimate(0.0, 0.0, 1000)
    assert quantiles(same, (0.5,)) == [Estimate(999_999.0, 0.0, 1000)]
