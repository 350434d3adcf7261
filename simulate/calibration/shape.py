"""A Weibull shape from a median and its confidence limits, by simulating the trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.errors import CalibrationError

FloatArray = NDArray[np.float64]

SHAPES = tuple(float(shape) for shape in np.round(np.geomspace(0.15, 3.5, 21), 3))
# True medians tried at each shape, in standard errors of the logarithm of a median.
DEVIATIONS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
BATCHES = 10
_FINE = 2001


class Medians(NamedTuple):
    """Kaplan-Meier medians of replicates, in months; infinite where not reached.

    Attributes
    ----------
    median, lower, upper : array, shape (n_replicates,)
        The median and its confidence limits.
    """

    median: FloatArray
    lower: FloatArray
    upper: FloatArray


class Shape(NamedTuple):
    """A Weibull shape with its uncertainty.

    Attributes
    ----------
    value : float
        Posterior median; all shapes of the grid, and all true medians, are equally likely before,
        on the log scale.
    lower, upper : float
        Its 95% interval.
    mcse : float
        Monte Carlo standard error of ``value``.
    not_reached : float
        Share of trials whose upper limit is not reached, over the posterior.
    at_edge : bool
        Whether the interval runs into an end of the grid.
    """

    value: float
    lower: float
    upper: float
    mcse: float
    not_reached: float
    at_edge: bool


def shape_by_simulation(
    simulate: Callable[[float, float], Medians],
    published: tuple[float, float, float],
    tolerances: tuple[float, ...],
    error: float,
    shapes: Sequence[float] = SHAPES,
) -> Shape:
    """Find the shapes whose replicates have the published median with the published limits.

    The trial is simulated over a grid of shapes and true medians. The likelihood of a pair is the
    share of its replicates in which the median and both limits are within the tolerance of the
    published ones, or not reached as they are; that of a shape is its mean over the true medians.

    Parameters
    ----------
    simulate : callable
        From a shape, and the true median as a multiple of the published one, to `Medians`.
    published : tuple of (float, float, float)
        Median, lower and upper limit in months; infinite for one that is not reached.
    tolerances : tuple of (float, float, float)
        Months within which each of them is near.
    error : float
        Standard error of the logarithm of a median at shape 1; it is ``error / shape`` at others.
    shapes : sequence of float
        The grid, increasing, of at least four.

    Returns
    -------
    Shape

    Raises
    ------
    CalibrationError
        If hardly any replicate of the grid is near.
    """
    near, open_ended = [], []
    for shape in shapes:
        made = [simulate(shape, math.exp(u * error / shape)) for u in DEVIATIONS]
        near.append([_batches(_is_near(one, published, tolerances)) for one in made])
        open_ended.append([float(np.mean(np.isinf(one.upper))) for one in made])
    # (n_shapes, n_medians, n_batches); equally spaced medians lie closer at a larger shape.
    shares = np.array(near) / np.array(shapes)[:, None, None]
    if np.count_nonzero(shares.sum(axis=(1, 2))) < 3:
        raise CalibrationError(
            "hardly any simulated trial has such a median with such limits, at any shape"
        )
    likelihood = shares.mean(axis=(1, 2))
    value, lower, upper, at_edge = _interval(likelihood, shapes)
    batches = [
        _interval(likelihood + (shares[:, :, i].mean(axis=1) - likelihood) / BATCHES, shapes)[0]
        for i in range(BATCHES)
    ]
    # Each batch moves the value by a tenth of what it would alone.
    mcse = float(np.std(batches, ddof=1)) * math.sqrt(BATCHES)
    weights = shares.mean(axis=2)
    not_reached = float(np.sum(weights * np.array(open_ended)) / np.sum(weights))
    return Shape(value, lower, upper, mcse, not_reached, at_edge)


def _is_near(
    made: Medians, published: tuple[float, ...], tolerances: tuple[float, ...]
) -> NDArray[np.bool_]:
    near = np.ones(len(made.median), dtype=np.bool_)
    for months, aim, tolerance in zip(made, published, tolerances, strict=True):
        near &= np.isinf(months) if math.isinf(aim) else np.abs(months - aim) <= tolerance
    return near


def _batches(near: NDArray[np.bool_]) -> list[float]:
    return [float(np.mean(near[batch::BATCHES])) for batch in range(BATCHES)]


def _interval(likelihood: FloatArray, shapes: Sequence[float]) -> tuple[float, float, float, bool]:
    """Posterior median and 95% interval of the shape, and whether the grid cuts it off."""
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415 - slow to import

    logs = np.log(shapes)
    fine = np.linspace(logs[0], logs[-1], _FINE)
    density = np.maximum(PchipInterpolator(logs, likelihood)(fine), 0.0)
    below = np.cumsum(density) / np.sum(density)
    value, lower, upper = np.exp(np.interp([0.5, 0.025, 0.975], below, fine))
    # More than a hundredth of the highest density at an end has more beyond it.
    at_edge = max(density[0], density[-1]) > 0.01 * density.max()
    return float(value), float(lower), float(upper), bool(at_edge)
