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
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from simulate.calibration.weights import FloatArray

# Where no replicate crosses anything, crossing is still not impossible.
_LEAST_WIDTH = 1e-3


@dataclass(frozen=True)
class Feature:
    """How one published figure, or a part of it, is compared with replicates.

    Parameters
    ----------
    name : str
        Name, for tables and messages.
    kind : {"normal", "crosses", "exceeds"}
        "normal": the published value is known, and the replicates' are about normal. "crosses": a
        replicate has two values, and what was published is that ``target`` lies between the first
        and the second, which is lower: a curve fell to ``target`` between the two months from
        which they are. "exceeds": it is only known that the value lies above ``target``, as it does
        for a limit that was not reached.
    target : float
        The published value, or the threshold.
    half_width : float
        Half the width of what rounds to ``target``: 0.5 for a count, 0.005 for a rate in whole
        percent; 0 for a value that is not rounded. Normal features only.
    """

    name: str
    kind: Literal["normal", "crosses", "exceeds"]
    target: float
    half_width: float = 0.0

    @property
    def n_columns(self) -> int:
        """How many values a replicate has: 2 for a feature that crosses, else 1."""
        return 2 if self.kind == "crosses" else 1

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
    given_others : FloatArray, shape (N, K)
        Published value less what is predicted from the other features' published values, in
        standard deviations of the prediction; NaN for those of the kind "exceeds".
    """

    log_unbiased: FloatArray
    log_plug_in: FloatArray
    distance: FloatArray
    given_others: FloatArray


class Blurred(NamedTuple):
    """Features of replicates as continuous values.

    Attributes
    ----------
    values : FloatArray, shape (N, R, K)
        One value a feature; NaN where it does not exist.
    widths : FloatArray, shape (N, R, K)
        How far the two values of a feature that crosses are apart; 1 for the others.
    """

    values: FloatArray
    widths: FloatArray


def blurred(columns: FloatArray, features: Sequence[Feature], rng: np.random.Generator) -> Blurred:
    """Spread what replicates (N, R, C) show over what would have been published as the same.

    A value that is rounded gets uniform noise over what rounds to the same: the density of the
    sum at the published value is, but for a constant, the probability that the value rounds to it.
    A count has a density this way, too, and no feature a variance of 0. Of a feature that crosses
    the value is uniform between its two: with their distance w, the probability that the target
    lies between them is the density at the target times the mean of w there.

    The columns are those of the features in order, two of them for a feature that crosses.
    """
    n_columns = sum(feature.n_columns for feature in features)
    if n_columns != columns.shape[2]:
        raise ValueError(f"features must have {n_columns} columns (given: {columns.shape[2]})")
    values, widths, column = [], [], 0
    for feature in features:
        noise = rng.random(columns.shape[:2])
        first, last = columns[:, :, column], columns[:, :, column + feature.n_columns - 1]
        if feature.kind == "crosses":
            width = np.maximum(first - last, 0.0)
            values.append(last + noise * width)
        else:
            half_width = feature.half_width if feature.kind == "normal" else 0.0
            width = np.ones_like(first)
            values.append(first + half_width * (2.0 * noise - 1.0))
        widths.append(width)
        column += feature.n_columns
    return Blurred(np.stack(values, axis=2), np.stack(widths, axis=2))


def log_likelihood(found: Blurred, features: Sequence[Feature]) -> Likelihood:
    """Synthetic likelihood of the published figures at each draw.

    Parameters
    ----------
    found : Blurred
        Features of R replicates at each of N draws. A replicate in which some feature does not
        exist (NaN) has none: the likelihood is that of the others, times the share of replicates in
        which all exist.
    features : sequence of Feature
        K features, at least one of them of another kind than "exceeds".

    Returns
    -------
    Likelihood
        Minus infinity where all features exist in too few replicates, or are constant.
    """
    values = found.values
    is_normal = _are_normal(features)
    targets = np.array([f.target for f in features])
    size = int(is_normal.sum())
    if size == 0:
        raise ValueError("features must not all be of the kind 'exceeds'")
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
    inverse = np.linalg.inv(inner)
    # All but singular: features that hardly vary, as far from what is published as can be.
    diagonal = np.einsum("nii->ni", inverse)
    is_sound = np.all(np.isfinite(diagonal) & (diagonal > 0.0), axis=1)
    usable &= is_sound
    inverse = np.where(is_sound[:, None, None], inverse, np.eye(size))
    solved = np.einsum("nij,nj->ni", inverse, apart)
    # v' M**-1 v, with M the sum of squares and v the distance from the mean.
    reach = np.maximum(np.einsum("ni,ni->n", apart, solved), 0.0)

    count = np.where(usable, n, size + 5).astype(np.float64)
    share = np.log(np.maximum(n, 1) / values.shape[1])
    side = _log_sides(features, squares, mean, inverse, solved, reach, count)
    side += _log_widths(found, features, exist, away, targets - mean, count)
    given_others = np.full((len(values), len(features)), np.nan)
    # A partial residual over its standard deviation, from the inverse of the covariance.
    own = np.sqrt((count - 1.0)[:, None] / np.einsum("nii->ni", inverse))
    given_others[:, is_normal] = np.where(usable[:, None], solved * own, np.nan)
    unbiased = share + side + _log_unbiased(log_det, reach, count, size)
    plug_in = share + side + _log_plug_in(log_det, reach, count, size)
    return Likelihood(
        np.where(usable, unbiased, -np.inf),
        np.where(usable, plug_in, -np.inf),
        np.where(usable, reach * (count - 1.0), np.inf),
        given_others,
    )


def _are_normal(features: Sequence[Feature]) -> NDArray[np.bool_]:
    """Which features enter with their density."""
    return np.array([feature.kind != "exceeds" for feature in features])


def _log_widths(
    found: Blurred,
    features: Sequence[Feature],
    exist: NDArray[np.bool_],
    away: FloatArray,
    apart: FloatArray,
    n: FloatArray,
) -> FloatArray:
    """Sum of the logarithms (N,) of the widths of features that cross, at their targets.

    A mean width is predicted there by linear regression on the feature itself, and kept within a
    factor of 2 of that over all replicates: more than this few replicates do not tell.
    """
    total = np.zeros(len(n))
    for k, feature in enumerate(features):
        if feature.kind != "crosses":
            continue
        widths = np.where(exist, found.widths[:, :, k], 0.0)
        mean = widths.sum(axis=1) / n
        own = away[:, :, k]
        # The replicates' distances from their mean sum to 0: the widths need not be centred.
        slope = np.einsum("nr,nr->n", widths, own)
        slope /= np.maximum(np.einsum("nr,nr->n", own, own), 1e-12)
        here = np.clip(mean + slope * apart[:, k], 0.5 * mean, 2.0 * mean)
        total += np.log(np.maximum(here, _LEAST_WIDTH))
    return total


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
    inverse: FloatArray,
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
    is_normal = _are_normal(features)
    sides = np.flatnonzero(~is_normal)
    if not len(sides):
        return np.zeros(len(n))
    cross = squares[:, is_normal][:, :, sides]
    expected = mean[:, sides] + np.einsum("nij,ni->nj", cross, solved)
    rest = squares[:, sides][:, :, sides] - np.einsum(
        "nij,nik->njk", cross, np.einsum("nij,njk->nik", inverse, cross)
    )
    degrees = np.maximum(n - 1.0 - is_normal.sum(), 1.0)
    covariance = rest * ((1.0 + 1.0 / n + reach) / degrees)[:, None, None]
    total = np.zeros(len(n))
    # No share of n replicates shows a probability to be 0.
    least = 0.5 / (n + 1.0)
    for j, feature in enumerate(f for f in features if f.kind == "exceeds"):
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
