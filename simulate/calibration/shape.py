"""A Weibull shape from a median and its confidence limits, by simulating the trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.errors import Problem, ScenarioError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SHAPES = tuple(float(shape) for shape in np.round(np.geomspace(0.2, 3.0, 18), 3))
BATCHES = 10
_FINE = 2001


class Replicates(NamedTuple):
    """What replicates of a trial show where the published median and its limits are.

    Attributes
    ----------
    z : array, shape (n_times, n_replicates)
        z(t) = (log(-log 1/2) - log(-log S(t))) / se at the median and at each limit that is
        reached, with S the replicate's Kaplan-Meier curve and se the standard error of
        log(-log S): 0 at a median, the interval's normal quantile at a lower limit and less it at
        an upper one. NaN where S is 0 or 1.
    not_reached : array of bool, shape (n_replicates,)
        Whether the upper limit is not reached.
    """

    z: FloatArray
    not_reached: BoolArray


class Shape(NamedTuple):
    """A Weibull shape with its uncertainty.

    Attributes
    ----------
    value : float
        Posterior median, all shapes of the grid equally likely before on the log scale.
    lower, upper : float
        Its 95% interval.
    mcse : float
        Monte Carlo standard error of ``value``.
    not_reached : float
        Share of the replicates at the shape next to ``value`` whose upper limit is not reached.
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
    simulate: Callable[[float], Replicates],
    targets: Sequence[float],
    upper_not_reached: bool,
    shapes: Sequence[float] = SHAPES,
) -> Shape:
    """Find the shapes whose replicates have the published median with the published limits.

    At each shape of a grid the trial is simulated with the published median. The likelihood of the
    shape is the density, a normal one, of the replicates' z at the published times, at what they
    are there by definition, times the share of the replicates near by whose upper limit is reached,
    or not, as the published one is. The median itself is held: its own uncertainty is not in the
    interval.

    Parameters
    ----------
    simulate : callable
        From a shape to `Replicates` of the trial at it.
    targets : sequence of float
        z at each of the times: 0 at the median, the interval's normal quantile at a lower limit.
    upper_not_reached : bool
        Whether the published upper limit is "not reached".
    shapes : sequence of float
        The grid, increasing, of at least four.

    Returns
    -------
    Shape

    Raises
    ------
    ScenarioError
        If no shape of the grid gives replicates that can be compared.
    """
    made = [simulate(shape) for shape in shapes]
    value, lower, upper, at_edge = _interval(made, shapes, targets, upper_not_reached)
    batches = [
        _interval([_part(one, batch) for one in made], shapes, targets, upper_not_reached)[0]
        for batch in range(BATCHES)
    ]
    mcse = float(np.std(np.log(batches), ddof=1)) / math.sqrt(BATCHES) * value
    nearest = int(np.argmin(np.abs(np.log(shapes) - math.log(value))))
    return Shape(value, lower, upper, mcse, float(np.mean(made[nearest].not_reached)), at_edge)


def _part(made: Replicates, batch: int) -> Replicates:
    """Every tenth replicate."""
    chosen = slice(batch, None, BATCHES)
    return Replicates(made.z[:, chosen], made.not_reached[chosen])


def _interval(
    made: Sequence[Replicates],
    shapes: Sequence[float],
    targets: Sequence[float],
    upper_not_reached: bool,
) -> tuple[float, float, float, bool]:
    """Posterior median and 95% interval of the shape, and whether the grid cuts it off."""
    logs = np.log(shapes)
    known = np.array([_log_likelihood(one, targets, upper_not_reached) for one in made])
    sound = np.isfinite(known)
    if np.count_nonzero(sound) < 4:
        rule = "no shape gives replicates whose median and limits can be compared"
        raise ScenarioError([Problem("", rule)])
    # The likelihood is smooth in log shape, its noise is not: a quartic keeps the one only.
    degree = min(4, int(np.count_nonzero(sound)) - 2)
    weights = np.exp(0.5 * (known[sound] - known[sound].max()))
    smooth = np.polynomial.Polynomial.fit(logs[sound], known[sound], degree, w=weights)
    fine = np.linspace(logs[sound][0], logs[sound][-1], _FINE)
    density = np.exp(smooth(fine) - smooth(fine).max())
    below = np.cumsum(density) / np.sum(density)
    value, lower, upper = (
        float(np.exp(fine[min(int(np.searchsorted(below, p)), _FINE - 1)]))
        for p in (0.5, 0.025, 0.975)
    )
    # More than a hundredth of the highest density at an end has more beyond it.
    return value, lower, upper, bool(max(density[0], density[-1]) > 0.01)


def _log_likelihood(made: Replicates, targets: Sequence[float], upper_not_reached: bool) -> float:
    defined = np.all(np.isfinite(made.z), axis=0)
    z = made.z[:, defined]
    if z.shape[1] < 20:
        return -math.inf
    covariance = np.atleast_2d(np.cov(z))
    determinant = float(np.linalg.det(covariance))
    if determinant <= 0.0:
        return -math.inf
    aim = np.asarray(targets)
    away = aim - z.mean(axis=1)
    distance = float(away @ np.linalg.solve(covariance, away))
    # Share of the like among the replicates near the published z, with half of each kind added.
    gap = z - aim[:, None]
    near = np.exp(-0.5 * np.sum(gap * np.linalg.solve(covariance / 4.0, gap), axis=0))
    like = made.not_reached[defined] == upper_not_reached
    share = (float(np.sum(near[like])) + 0.5) / (float(np.sum(near)) + 1.0)
    return -0.5 * (distance + math.log(determinant)) + math.log(share)
