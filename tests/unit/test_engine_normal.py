"""Normal distribution function and quantile against mpmath, and the same bits everywhere."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import fit_normal
from simulate.engine import normal
from simulate.engine.compile import in_python, kernel

FloatArray = NDArray[np.float64]
RNG = np.random.default_rng(20260102)
N = 1500
LEAST = 2.0**-53
CDF_ARGUMENTS: dict[str, FloatArray] = {
    "a dense grid": np.linspace(-8.0, 8.0, 2 * N + 1),
    "random": RNG.uniform(-8.0, 8.0, N),
    "near zero": RNG.choice([-1.0, 1.0], N) * 10.0 ** RNG.uniform(-18.0, -0.4, N),
    "far tail": RNG.uniform(-37.5, -8.0, N),
    "ends": np.array([-37.5, -8.0, 0.0, 8.0, 37.5]),
}
QUANTILE_ARGUMENTS: dict[str, FloatArray] = {
    "a dense grid": np.linspace(0.0, 1.0, 2 * N + 1)[1:-1],
    "random": RNG.uniform(0.0, 1.0, N),
    "near a half": 0.5 + RNG.choice([-1.0, 1.0], N) * 10.0 ** RNG.uniform(-16.0, -1.0, N),
    "lower tail": 2.0 ** RNG.uniform(-53.0, -1.0, N),
    "upper tail": 1.0 - np.ldexp(np.round(2.0 ** RNG.uniform(0.0, 50.0, N)), -53),
    "around the cuts": np.concatenate([c + np.arange(-50, 51) * 2.0**-53 for c in (0.075, 0.925)]),
    "ends": np.array([LEAST, 3 * LEAST, 0.5, 1.0 - LEAST, 1.0 - 3 * LEAST]),
}
# The worst of 60,000 random arguments in each range: 1.2e-15, 3.7e-16 and 9.4e-16.
LOWER_CDF_ERROR = 1.5e-15
UPPER_CDF_ERROR = 4.5e-16
QUANTILE_ERROR = 1.2e-15


@kernel
def normal_cdfs(values: FloatArray, out: FloatArray) -> None:
    for i in range(len(values)):
        out[i] = normal.normal_cdf(values[i])


@kernel
def normal_quantiles(values: FloatArray, out: FloatArray) -> None:
    for i in range(len(values)):
        out[i] = normal.normal_quantile(values[i])


def cdf_of(values: FloatArray) -> FloatArray:
    out = np.empty(len(values))
    normal_cdfs(values, out)
    return out


def quantile_of(values: FloatArray) -> FloatArray:
    out = np.empty(len(values))
    normal_quantiles(values, out)
    return out


def exact_cdf(x: float) -> mpmath.mpf:
    return mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2


def exact_quantile(u: float, start: float) -> mpmath.mpf:
    # Halley's method: each step triples the digits of a start that has at least five.
    x = mpmath.mpf(start)
    for _ in range(4):
        newton = (exact_cdf(x) - mpmath.mpf(u)) / mpmath.npdf(x)
        x -= newton / (1 + x * newton / 2)
    return x


@pytest.mark.parametrize("kind", CDF_ARGUMENTS)
def test_the_distribution_function_is_accurate_relative_to_itself(kind: str) -> None:
    arguments = CDF_ARGUMENTS[kind]
    with mpmath.workprec(160):
        exact = [exact_cdf(x) for x in arguments.tolist()]
        errors = np.array(
            [
                float(abs(mpmath.mpf(value) / truth - 1))
                for value, truth in zip(cdf_of(arguments).tolist(), exact, strict=True)
            ]
        )
    assert np.all(errors <= np.where(arguments < 0.0, LOWER_CDF_ERROR, UPPER_CDF_ERROR))


@pytest.mark.parametrize("kind", QUANTILE_ARGUMENTS)
def test_the_quantile_is_accurate(kind: str) -> None:
    arguments = QUANTILE_ARGUMENTS[kind]
    with mpmath.workprec(160):
        for u, value in zip(arguments.tolist(), quantile_of(arguments).tolist(), strict=True):
            assert LEAST <= u <= 1.0 - LEAST
            exact = exact_quantile(u, value)
            # Relative even near a half, where the quantile is near 0.
            assert abs(mpmath.mpf(value) - exact) <= QUANTILE_ERROR * abs(exact), u


def test_exact_values() -> None:
    assert normal.normal_cdf(0.0) == normal.normal_cdf(-0.0) == 0.5
    assert math.copysign(1.0, normal.normal_quantile(0.5)) == 1.0
    assert normal.normal_quantile(0.5) == 0.0


def test_the_distribution_function_stays_at_its_ends() -> None:
    for x in (37.6, 1e300, math.inf):
        assert normal.normal_cdf(x) == 1.0
        assert normal.normal_cdf(-x) == normal.normal_cdf(-37.5)
    assert 0.0 < normal.normal_cdf(-37.5) < 1e-307


def test_the_quantile_is_antisymmetric() -> None:
    upper = np.asarray(RNG.integers(2**52, 2**53, N) * LEAST, dtype=np.float64)
    assert np.array_equal(quantile_of(1.0 - upper), -quantile_of(upper))


def test_both_are_monotone() -> None:
    assert np.all(np.diff(cdf_of(np.linspace(-8.0, 8.0, 400_001))) >= 0.0)
    assert np.all(np.diff(cdf_of(np.linspace(-37.5, 0.0, 400_001))) > 0.0)
    assert np.all(np.diff(quantile_of(np.linspace(2.0**-20, 1 - 2.0**-20, 400_001))) > 0.0)
    assert np.all(np.diff(quantile_of(np.arange(1.0, 400_001.0) * LEAST)) > 0.0)
    # Neighbours, where one formula takes over from the other.
    for cut in (0.075, 0.925):
        neighbours: FloatArray = cut + np.arange(-2000.0, 2001.0) * 2.0**-50
        assert np.all(np.diff(quantile_of(neighbours)) >= 0.0)


@pytest.mark.parametrize("kind", CDF_ARGUMENTS)
def test_the_distribution_function_has_the_same_bits_in_python(kind: str) -> None:
    arguments = CDF_ARGUMENTS[kind]
    slow = np.array([in_python(normal.normal_cdf)(x) for x in arguments.tolist()])
    assert cdf_of(arguments).tobytes() == slow.tobytes()


@pytest.mark.parametrize("kind", QUANTILE_ARGUMENTS)
def test_the_quantile_has_the_same_bits_in_python(kind: str) -> None:
    arguments = QUANTILE_ARGUMENTS[kind]
    slow = np.array([in_python(normal.normal_quantile)(u) for u in arguments.tolist()])
    assert quantile_of(arguments).tobytes() == slow.tobytes()


@pytest.mark.parametrize("fit", fit_normal.FITS, ids=lambda fit: fit.names[0])
def test_coefficients_are_what_the_fit_gives(fit: fit_normal.Fit) -> None:
    for name, values in zip(fit.names, fit_normal.coefficients(fit), strict=True):
        written = [getattr(normal, f"{name}{j}", 1.0) for j in range(len(values))]
        assert written == values
    assert fit_normal.worst_error(fit, 200) < 4e-16
