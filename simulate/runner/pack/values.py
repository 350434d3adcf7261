"""Numbers with the engine's bits, and arrays of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from simulate.engine import elementary, normal
from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import in_python


def log(x: float) -> float:
    """Natural logarithm with the engine's bits."""
    return float(in_python(elementary.log)(np.float64(x)))


def exp(x: float) -> float:
    """Exponential with the engine's bits."""
    return float(in_python(elementary.exp)(np.float64(x)))


def quantile(u: float) -> float:
    """Quantile of the standard normal distribution with the engine's bits."""
    return float(in_python(normal.normal_quantile)(np.float64(u)))


def inverse(rate: float) -> float:
    """One over a rate; infinite for 0."""
    return 1.0 / rate if rate > 0.0 else math.inf


def floats(values: Iterable[float]) -> FloatArray:
    """Array of floats."""
    return np.array(list(values), dtype=np.float64)


def integers(values: Iterable[int]) -> IntArray:
    """Array of integers."""
    return np.array(list(values), dtype=np.int64)
