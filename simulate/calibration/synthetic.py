"""Likelihood of published figures from replicates: a synthetic likelihood, without its bias.

Features that are numbers are taken as jointly normal, given the parameters. Their density at the
published values is estimated from n replicates without bias (Ghurye and Olkin 1969, Annals of
Mathematical Statistics 40:1261; for synthetic likelihoods: Price, Drovandi, Lee and Nott 2018,
Journal of Computational and Graphical Statistics 27:1), so that importance sampling with the
estimate has the posterior under the normal itself as its target, however few the replicates;
with estimated means and covariances put in, the posterior would be too narrow. Features of which
only a side of a threshold is known enter as the probability of that side, given the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import gammaln, ndtr

from simulate.calibration.weights import FloatArray


@dataclass(frozen=True)
class Feature:
    """How one published figure, or a part of it, is compared with replicates.

    Parameters
    ----------
    name : str
        Name, for tables and messages.
    kind : {"normal", "exceeds"}
        "normal": the published value is known, and the replicates' are about normal. "exceeds": it
        is only known that the value lies above ``target``, as a limit that was not reached does.
    target : float
        The published value, or the threshold.
    half_width : float
        Half the width of what rounds to ``target``: 0.5 for a count, 0.005 for a rate in whole
        percent; 0 for a value that is not rounded. Normal features only.
    """

    name: str
    kind: Literal["normal", "exceeds"]
    target: float
    half_width: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.target) and 0.0 <= self.half_width < math.inf):
            raise ValueError(
                f"{self.name}: target and half_width must be finite, half_width not negative "
                f"(given: {self.target}, {self.half_width})"
            )


class Likelihood(NamedTuple):
    """Likelihood of each draw.

    Attributes
    ----------
    log_unbiased : FloatArray, shape (N,)
        Logarithm of the unbiased estimate; minus infinity far out, beyond some ``sqrt(n)``
        standard deviations.
    log_plug_in : FloatArray, shape (N,)
        The same with the replicates' mean and covariance put in: finite wherever features exist.
    distance : FloatArray, shape (N,)
        Squared Mahalanobis distance of the published values from the replicates'.
    """

    log_unbiased: FloatArray
    log_plug_in: FloatArray
    distance: FloatArray


def blurred(
    values: FloatArray, features: Sequence[Feature], rng: np.random.Generator
) -> FloatArray:
    """Values (..., K) plus uniform noise over what rounds to the published value.

    The density of the sum at the published value is, but for a constant, the probability that the
    value rounds to it. A count has a density this way, too, and no feature a variance of 0.
    """
    widths = np.array([f.half_width if f.kind == "normal" else 0.0 for f in features])
    return np.asarray(values + widths * rng.uniform(-1.0, 1.0, values.shape))


def log_likelihood(values: FloatArray, features: Sequence[Feature]) -> Likelihood:
    """Synthetic likelihood of the published figures at each draw.

    Parameters
    ----------
    values : FloatArray, shape (N, R, K)
        Features of R replicates at each of N draws, blurred. A replicate in which some
        feature does not exist (NaN) has none: the likelihood is that of the others, times the
        share of replicates in which all exist.
    features : sequence of Feature
        K features, at least one of them normal.

    Returns
    -------
    Likelihood
        Minus infinity where all features exist in too few replicates, or are constant.
    """
    is_normal = np.array([f.kind == "normal" for f in features])
    targets = np.array([f.target for f in features])
    size = int(is_normal.sum())
    if size == 0:
        raise ValueError("features must have a normal one among them")
    exist = np.asarray(np.isfinite(values).all(axis=2))
    n = exist.sum(axis=1)
    known = np.where(exist[:, :, None], values, 0.0)
    mean = known.sum(axis=1) / np.maximum(n, 1)[:, None]
    away = np.where(exist[:, :, None], known - mean[:, None, :], 0.0)
    squares = np.einsum("nri,nrj->nij", away, away)

    usable = n > size + 4
    inner = np.where(usable[:, None, None], squares[:, is_normal][:, :, is_normal], np.eye(size))
    sign, log_det = np.linalg.slogdet(inner)
    usable &= (sign > 0.0) & np.isfinite(log_det)
    inner = np.where(usable[:, None, None], inner, np.eye(size))
    apart = targets[is_normal] - mean[:, is_normal]
    solved = np.linalg.solve(inner, apart[:, :, None])[:, :, 0]
    # v' M**-1 v, with M the sum of squares and v the distance from the mean.
    reach = np.einsum("ni,ni->n", apart, solved)

    count = np.where(usable, n, size + 5).astype(np.float64)
    share = np.log(np.maximum(n, 1) / values.shape[1])
    side = _log_sides(features, squares, mean, inner, solved, reach, count)
    unbiased = share + side + _log_unbiased(log_det, reach, count, size)
    plug_in = share + side + _log_plug_in(log_det, reach, count, size)
    return Likelihood(
        np.where(usable, unbiased, -np.inf),
        np.where(usable, plug_in, -np.inf),
        np.where(usable, reach * (count - 1.0), np.inf),
    )


def _log_plug_in(log_det: FloatArray, reach: FloatArray, n: FloatArray, size: int) -> FloatArray:
    """Normal log density with the mean and covariance of n replicates put in."""
    log_covariance = log_det - size * np.log(n - 1.0)
    return np.asarray(-0.5 * (size * math.log(2.0 * math.pi) + log_covariance + (n - 1.0) * reach))


def _log_unbiased(log_det: FloatArray, reach: FloatArray, n: FloatArray, size: int) -> FloatArray:
    """Logarithm of Ghurye and Olkin's unbiased estimate of a normal density.

    With 1 / c(d, v) = 2**(d v / 2) pi**(d (d - 1) / 4) prod_i Gamma((v - i + 1) / 2), i = 1..d, it
    is (2 pi)**(-d / 2) c(d, n - 2) / c(d, n - 1) (1 - 1 / n)**(-d / 2) |M|**(-(n - d - 2) / 2)
    |M - v v' / (1 - 1 / n)|**((n - d - 3) / 2), and 0 if the last matrix is not positive. Its
    determinant is |M| (1 - v' M**-1 v / (1 - 1 / n)).
    """
    left = 1.0 - reach / (1.0 - 1.0 / n)
    i = np.arange(1, size + 1)[:, None]
    ratio = 0.5 * size * math.log(2.0) + (
        gammaln(0.5 * (n - i)) - gammaln(0.5 * (n - 1.0 - i))
    ).sum(axis=0)
    constant = -0.5 * size * (math.log(2.0 * math.pi) + np.log1p(-1.0 / n)) + ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 0.5 * (n - size - 3.0) * np.log(left)
    return np.asarray(np.where(left > 0.0, constant - 0.5 * log_det + power, -np.inf))


def _log_sides(
    features: Sequence[Feature],
    squares: FloatArray,
    mean: FloatArray,
    inner: FloatArray,
    solved: FloatArray,
    reach: FloatArray,
    n: FloatArray,
) -> FloatArray:
    """Log probability (N,) that all features of a known side are on it, given the normal ones.

    The features are predicted by linear regression on the normal ones, with the variance of a new
    observation. Several are taken one after another: given that one is on its side, the others
    have the mean and variance of the truncated normal, and are taken as normal again (Mendell and
    Elston 1974, Biometrics 30:41), which is exact for one, and for several that are independent.
    """
    is_normal = np.array([f.kind == "normal" for f in features])
    sides = np.flatnonzero(~is_normal)
    if not len(sides):
        return np.zeros(len(n))
    cross = squares[:, is_normal][:, :, sides]
    expected = mean[:, sides] + np.einsum("nij,ni->nj", cross, solved)
    rest = squares[:, sides][:, :, sides] - np.einsum(
        "nij,nik->njk", cross, np.linalg.solve(inner, cross)
    )
    degrees = np.maximum(n - 1.0 - is_normal.sum(), 1.0)
    covariance = rest * ((1.0 + 1.0 / n + reach) / degrees)[:, None, None]
    total = np.zeros(len(n))
    # No share of n replicates shows a probability to be 0.
    least = 0.5 / (n + 1.0)
    for j, feature in enumerate(f for f in features if f.kind != "normal"):
        sd = np.sqrt(np.maximum(covariance[:, j, j], 1e-12))
        bound = (feature.target - expected[:, j]) / sd
        probability = np.maximum(ndtr(-bound), least)
        total += np.log(probability)
        # Mean and variance of a standard normal above the bound.
        shift = np.exp(-0.5 * np.minimum(np.abs(bound), 30.0) ** 2) / (
            math.sqrt(2.0 * math.pi) * probability
        )
        lost = np.clip(shift * (shift - bound), 0.0, 1.0)
        slope = covariance[:, j] / sd[:, None]
        expected = expected + slope * shift[:, None]
        covariance = covariance - lost[:, None, None] * slope[:, :, None] * slope[:, None, :]
    return total
