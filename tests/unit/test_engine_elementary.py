"""Logarithm and exponential against mpmath, in units in the last place."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray

from simulate.engine import elementary
from simulate.engine.compile import in_python
from simulate.engine.times import unit_exponentials

FloatArray = NDArray[np.float64]
RNG = np.random.default_rng(20260101)
N = 4000
SMALLEST = 2.0**-1022
LARGEST = math.ldexp(1.0 - 2.0**-53, 1024)
NEAR_ONE = 1.0 + RNG.uniform(-1.0, 1.0, N) * 10.0 ** RNG.uniform(-15.9, -0.4, N)
LOG_ARGUMENTS: dict[str, FloatArray] = {
    "all magnitudes": 10.0 ** RNG.uniform(-300.0, 300.0, N),
    "near one": NEAR_ONE[NEAR_ONE > 0.0],
    "between a half and two": RNG.uniform(0.5, 2.0, N),
    "wide uniforms": np.ldexp(RNG.integers(0, 2**52, N) + 0.5, -52),
    "word uniforms": np.ldexp(RNG.integers(0, 2**32, N) + 0.5, -32),
    "around the cuts": np.concatenate(
        [c * (1.0 + np.arange(-50, 51) * 2.0**-52) for c in (math.sqrt(0.5), 1.0, math.sqrt(2.0))]
    ),
    "ends": np.array([2.0**-53, 2.0**-33, 1 - 2.0**-53, 1 - 2.0**-33, 0.5, 2.0, SMALLEST, LARGEST]),
}
EXP_ARGUMENTS: dict[str, FloatArray] = {
    "all magnitudes": RNG.uniform(-708.0, 709.0, N),
    "hazard ratios": RNG.uniform(-5.0, 5.0, N),
    "near zero": RNG.choice([-1.0, 1.0], N) * 10.0 ** RNG.uniform(-18.0, -0.4, N),
    "around the cuts": np.concatenate(
        [(k + 0.5) * math.log(2.0) * (1.0 + np.arange(-20, 21) * 2.0**-52) for k in range(-9, 9)]
    ),
    "ends": np.array([-708.0, 709.0, 0.0, 1.0, -1.0]),
}
# The worst of 150,000 arguments in each of ten ranges: 0.87 and 1.10.
LOG_ULPS = 0.9
EXP_ULPS = 1.2


def error_ulps(value: float, exact: mpmath.mpf) -> float:
    return float(abs(mpmath.mpf(value) - exact) / math.ulp(float(exact)))


@pytest.mark.parametrize("kind", LOG_ARGUMENTS)
def test_log_is_accurate(kind: str) -> None:
    with mpmath.workprec(150):
        errors = [
            error_ulps(elementary.log(x), mpmath.log(mpmath.mpf(x)))
            for x in LOG_ARGUMENTS[kind].tolist()
            if x != 1.0
        ]
    assert max(errors) <= LOG_ULPS


@pytest.mark.parametrize("kind", EXP_ARGUMENTS)
def test_exp_is_accurate(kind: str) -> None:
    with mpmath.workprec(150):
        errors = [
            error_ulps(elementary.exp(x), mpmath.exp(mpmath.mpf(x)))
            for x in EXP_ARGUMENTS[kind].tolist()
        ]
    assert max(errors) <= EXP_ULPS


def test_exact_values() -> None:
    assert elementary.log(1.0) == 0.0
    assert elementary.exp(0.0) == 1.0
    assert elementary.exp(-0.0) == 1.0


def test_exp_saturates() -> None:
    for x in (709.5, 1e5, 1e308, math.inf):
        assert elementary.exp(x) == elementary.exp(709.0)
    for x in (-708.5, -1e5, -1e308, -math.inf):
        assert elementary.exp(x) == elementary.exp(-708.0)
    assert elementary.exp(-708.0) > 0.0
    assert elementary.exp(709.0) < math.inf


@pytest.mark.parametrize("kind", LOG_ARGUMENTS)
def test_log_has_the_same_bits_compiled_vectorised_and_in_python(kind: str) -> None:
    arguments = LOG_ARGUMENTS[kind]
    vectorised = arguments.copy()
    unit_exponentials(vectorised, len(vectorised))
    slow = np.array([in_python(elementary.log)(x) for x in arguments])
    compiled = np.array([elementary.log(x) for x in arguments])
    assert (-vectorised).tobytes() == slow.tobytes() == compiled.tobytes()


@pytest.mark.parametrize("kind", EXP_ARGUMENTS)
def test_exp_has_the_same_bits_compiled_and_in_python(kind: str) -> None:
    arguments = EXP_ARGUMENTS[kind]
    slow = np.array([in_python(elementary.exp)(x) for x in arguments])
    compiled = np.array([elementary.exp(x) for x in arguments])
    assert slow.tobytes() == compiled.tobytes()


def test_unit_exponentials_are_positive_and_finite() -> None:
    ends = np.array([2.0**-53, 2.0**-33, 0.5, 1.0 - 2.0**-33, 1.0 - 2.0**-53, 0.25])
    unit_exponentials(ends, 5)
    assert np.all(ends[:5] > 0.0)
    assert np.all(ends[:5] < 37.0)
    # Only the first n values are turned.
    assert ends[5] == 0.25
