"""Quantiles with their errors: exact from the values of all trials, or from counts in bins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.results.estimates import UNKNOWN, Estimate

# Over so many bins, counting in an array of all is far quicker than sorting those that are filled.
DENSE_BINS = 2**17

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Values(NamedTuple):
    """Numbers themselves, for exact quantiles.

    Attributes
    ----------
    parts : tuple of FloatArray, each of shape (n_trials of the part,)
        In the order in which they were combined.
    """

    parts: tuple[FloatArray, ...]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Values:
        """Keep a copy of numbers (n_trials,), and nothing else of an array they may be part of."""
        return cls((np.array(values, dtype=np.float64),))

    def combined(self, other: Values) -> Values:
        """Both parts of the trials together."""
        return Values(self.parts + other.parts)

    def equals(self, other: Values) -> bool:
        """Whether these are the same numbers, in parts alike."""
        pairs = zip(self.parts, other.parts, strict=False)
        return len(self.parts) == len(other.parts) and all(np.array_equal(*pair) for pair in pairs)

    def quantiles(self, probabilities: tuple[float, ...]) -> list[Estimate]:
        """Quantiles: order statistics, with errors from order statistics.

        The error is half the distance between the order statistics one binomial standard deviation
        below and above the rank; NaN where the sample is too small to have both.
        """
        values = np.concatenate(self.parts)

        def pick(places: list[int]) -> FloatArray:
            values.partition(sorted(set(places)))
            return values[places]

        return _quantiles(len(values), probabilities, pick)


class Bins(NamedTuple):
    """Numbers counted in bins of one width; bin k holds those from k to below k + 1 widths.

    Attributes
    ----------
    width : float
        Width of a bin.
    bins : IntArray, shape (n_bins,)
        The bins that hold something, ascending.
    counts : IntArray, shape (n_bins,)
        How many numbers each holds.
    """

    width: float
    bins: IntArray
    counts: IntArray

    @classmethod
    def of(cls, values: NDArray[Any], width: float) -> Bins:
        """Count finite numbers (n_trials,) in bins."""
        bins = np.floor(values / width).astype(np.int64)
        return cls(width, *_gathered(bins, np.ones(len(bins), dtype=np.int64)))

    @property
    def n_trials(self) -> int:
        """How many numbers are counted."""
        return int(self.counts.sum())

    def combined(self, other: Bins) -> Bins:
        """Both parts of the trials together.

        Raises
        ------
        ValueError
            If the bins are not of one width.
        """
        if self.width != other.width:
            raise ValueError(f"bins of width {self.width} and {other.width} cannot be combined")
        bins = np.concatenate((self.bins, other.bins))
        counts = np.concatenate((self.counts, other.counts))
        return Bins(self.width, *_gathered(bins, counts))

    def middles(self) -> FloatArray:
        """Middle of each bin, (n_bins,)."""
        return np.asarray((self.bins + 0.5) * self.width)

    def quantiles(self, probabilities: tuple[float, ...]) -> list[Estimate]:
        """Quantiles: the middles of the bins that hold the order statistics.

        The error is that of `Values.quantiles`, from these middles, and half a bin.
        """
        up_to = np.cumsum(self.counts)
        middles = self.middles()

        def pick(places: list[int]) -> FloatArray:
            return np.asarray(middles[np.searchsorted(up_to, places, side="right")])

        return [
            found._replace(mcse=found.mcse + self.width / 2.0)
            for found in _quantiles(self.n_trials, probabilities, pick)
        ]


def _gathered(bins: IntArray, counts: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct bins, ascending, and the sum of the counts of each; counts below 2**53 in all."""
    if len(bins) == 0:
        return bins, counts
    first = bins.min()
    if bins.max() - first < DENSE_BINS:
        sums = np.bincount(bins - first, counts)
        filled = np.flatnonzero(sums)
        return filled + first, sums[filled].astype(np.int64)
    distinct, places = np.unique(bins, return_inverse=True)
    return distinct, np.bincount(places, counts).astype(np.int64)


def _quantiles(
    n: int, probabilities: tuple[float, ...], pick: Callable[[list[int]], FloatArray]
) -> list[Estimate]:
    """Quantiles of ``n`` numbers; ``pick`` gives those at places (from 0) in ascending order."""
    if n == 0:
        return [UNKNOWN for _ in probabilities]
    ranks: list[int] = []
    for p in probabilities:
        spread = math.sqrt(n * p * (1.0 - p))
        ranks += [math.ceil(rank) for rank in (n * p, n * p - spread, n * p + spread)]
    picked = pick([min(max(rank, 1), n) - 1 for rank in ranks]).tolist()
    estimates = []
    for j in range(0, len(ranks), 3):
        has_both = ranks[j + 1] >= 1 and ranks[j + 2] <= n
        error = (picked[j + 2] - picked[j + 1]) / 2.0 if has_both else math.nan
        estimates.append(Estimate(picked[j], error, n))
    return estimates
