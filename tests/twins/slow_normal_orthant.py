"""Probability that a normal variable exceeds its limit: the slow twin.

The variables are linear in independent ones, as many as the rank of their correlation matrix. For
each point of a grid of all of these but one, the last one has an interval in which all limits are
kept; the probability is the sum over the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
# Beyond it there is nothing: 1e-14.
END = 7.7
# Points of the grid at most.
POINTS = 400_000


def slow_any_above(limits: ArrayLike, correlation: ArrayLike) -> float:
    """Probability that one of several standard normal variables exceeds its limit.

    Good to 5e-5 with four independent variables, else to 1e-5.
    """
    b, matrix = np.asarray(limits, dtype=float), np.asarray(correlation, dtype=float)
    values, vectors = np.linalg.eigh(matrix)
    # Largest first: the last one is that in which the limits lie farthest apart.
    order = [k for k in np.argsort(values)[::-1] if values[k] > 1e-12]
    loadings = vectors[:, order] * np.sqrt(values[order])
    rank = len(order)
    per_side = round(POINTS ** (1.0 / (rank - 1))) if rank > 1 else 1
    axis = np.linspace(-END, END, per_side) if rank > 1 else np.zeros(1)
    bell = np.exp(-0.5 * axis**2)
    bell /= bell.sum()
    weight, room = np.ones(1), [np.full(1, limit) for limit in b]
    for column in range(1, rank):
        weight = np.multiply.outer(weight, bell).ravel()
        room = [
            np.subtract.outer(left, loading * axis).ravel()
            for left, loading in zip(room, loadings[:, column], strict=True)
        ]
    return 1.0 - float(weight @ _inside(room, loadings[:, 0]))


def _inside(room: list[FloatArray], loadings: FloatArray) -> FloatArray:
    """Probability that one variable, times its loadings, leaves room everywhere."""
    low, high = np.full(len(room[0]), -np.inf), np.full(len(room[0]), np.inf)
    for left, loading in zip(room, loadings, strict=True):
        if abs(loading) < 1e-12:
            high = np.where(left < 0.0, -np.inf, high)
        elif loading > 0.0:
            high = np.minimum(high, left / loading)
        else:
            low = np.maximum(low, left / loading)
    return np.asarray(np.maximum(ndtr(high) - ndtr(low), 0.0))
