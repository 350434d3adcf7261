"""How a probability varies between truths: deviation, quantiles, shares, and errors of these.

What is seen of each truth is the share of its trials of which something holds, which varies more
than the probability does. The error of each figure is of the members and of their trials at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulate.results.estimates import FEW, Estimate, wilson_half_width
from simulate.results.quantiles import FloatArray

# With fewer trials a member, quantiles may be off by more than their errors (docs/assurance.md).
FEWEST_TRIALS = 10
# Left and right of a probability, to tell the two ends of a gap between neighbouring members.
NUDGE = 1e-9
# Probabilities, from a beta distribution, that the slope of a quantile is found at.
N_RANKS = 200


@dataclass(frozen=True, eq=False)
class GivenTruth:
    """A probability given each of several truths, from shares of the trials of each.

    Attributes
    ----------
    successes, trials : FloatArray, shape (n_members,)
        Trials of each member of which it holds, and all; those of at least one member are two.
    within, between : float
        Variance of one trial given the truth, and of the probability between truths, 0 or more.
    basis : FloatArray, shape (n_members, k)
        Orthonormal columns: a constant, and which members are neighbouring quantiles of one of the
        distributions that they are stratified by.

    Notes
    -----
    The error of a figure is that of the mean over members of its influence values (Jaeckel, Bell
    Laboratories 1972; Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter
    6), which vary with the truth of a member and with its trials. What strata explain of them adds
    nothing (Stein, Technometrics 29, 1987, 143-151).
    """

    successes: FloatArray
    trials: FloatArray
    within: float
    between: float
    basis: FloatArray

    @property
    def n_trials(self) -> int:
        """Number of trials of all members."""
        return int(self.trials.sum())

    @cached_property
    def mean(self) -> float:
        """Share of all trials."""
        return float(self.successes.sum() / self.trials.sum())

    @cached_property
    def shares(self) -> FloatArray:
        """Share of the trials of each member, (n_members,)."""
        return np.asarray(self.successes / self.trials)

    @cached_property
    def towards(self) -> float:
        """Factor that draws shares towards their mean until their variance is that between.

        Shares are whole numbers of steps; each is taken to lie anywhere within half a step, which
        adds a twelfth of the square of a step to their variance.
        """
        return min(1.0, math.sqrt(self.between / self._seen)) if self._seen > 0.0 else 0.0

    @cached_property
    def _seen(self) -> float:
        """Variance of the shares, anywhere within half a step."""
        return float(np.var(self.shares, ddof=1) + np.mean(1.0 / (12.0 * self.trials**2)))

    @cached_property
    def _shares_up_to(self) -> tuple[FloatArray, FloatArray]:
        """Points, ascending, and which part of the members has a share up to each.

        Straight between: a share lies anywhere within half a step.
        """
        ends = np.concatenate((self.successes - 0.5, self.successes + 0.5))
        ends /= np.concatenate((self.trials, self.trials))
        order = np.argsort(ends, kind="stable")
        slope = np.cumsum(np.concatenate((self.trials, -self.trials))[order])
        points = ends[order]
        upto = np.concatenate(([0.0], np.cumsum(slope[:-1] * np.diff(points))))
        return points, upto / upto[-1]

    def _share_at(self, upto: float) -> float:
        """Share up to which a part of the members has; the middle where several do."""
        points, parts = self._shares_up_to
        found = np.interp((upto - NUDGE, upto + NUDGE), parts, points)
        return float(found.mean())

    def _part_above(self, share: float) -> FloatArray:
        """How much of the share of each member lies above a share, 0 to 1, (n_members,)."""
        return np.clip(self.successes + 0.5 - share * self.trials, 0.0, 1.0)

    def curve(self) -> tuple[FloatArray, FloatArray]:
        """Probabilities from 0 to 1, and the part of the truths up to each; straight between."""
        points, parts = self._shares_up_to
        drawn = self.mean + self.towards * (points - self.mean)
        inside = (drawn > 0.0) & (drawn < 1.0)
        ends = np.interp((0.0, 1.0), drawn, parts)
        return (
            np.concatenate(([0.0, 0.0], drawn[inside], [1.0, 1.0])),
            np.concatenate(([0.0, ends[0]], parts[inside], [ends[1], 1.0])),
        )

    # Influence values, (n_members,): those of a mean are the deviations from it.

    def _error(self, influence: FloatArray) -> float:
        """Standard error of a figure with these influence values."""
        n, n_columns = self.basis.shape
        free = influence - self.basis @ (self.basis.T @ influence)
        explained = float(np.sum(free * free)) / (n - n_columns) if n > n_columns else math.inf
        return math.sqrt(min(explained, float(np.var(influence, ddof=1))) / n)

    @cached_property
    def _of_mean(self) -> FloatArray:
        return np.asarray(self.trials * (self.shares - self.mean) / self.trials.mean())

    @cached_property
    def _of_between(self) -> FloatArray:
        """Of the analysis of variance's estimate of the variance between.

        For ``R`` trials in each member ``(p_m - p)**2 - p_m (1 - p_m) / (R - 1)``, less it.
        """
        r, p_m, w = self.trials, self.shares, self.within
        n, n_members = float(r.sum()), len(r)
        of_within = (r * p_m * (1.0 - p_m) - (r - 1.0) * w) * n_members / (n - n_members)
        squares = r * (p_m - self.mean) ** 2 - r * self.between - w
        each = (n - float(np.sum(r * r)) / n) / (n_members - 1)
        return np.asarray((squares - of_within) / each)

    @cached_property
    def _variance_error(self) -> float:
        return self._error(self._of_between)

    def _deviation_ends(self) -> tuple[float, float]:
        """Deviations whose squares are one standard error below and above the variance."""
        error = self._variance_error
        return math.sqrt(max(self.between - error, 0.0)), math.sqrt(self.between + error)

    def deviation(self) -> Estimate:
        """Standard deviation of the probability between truths.

        Its error is half the distance between the roots of the variance one standard error lower
        and higher: that of the delta method where the variance is well above 0, and not infinite
        where it is near.
        """
        low, high = self._deviation_ends()
        return Estimate(math.sqrt(self.between), (high - low) / 2.0, self.n_trials)

    @cached_property
    def _of_towards(self) -> FloatArray:
        """Of the factor: of the deviation, over the root of the variance of what is seen."""
        low, high = self._deviation_ends()
        error = self._variance_error
        rate = (high - low) / (2.0 * error) if error > 0.0 else 0.0
        of_seen = (self.shares - self.mean) ** 2
        of_seen = of_seen - of_seen.mean()
        root = math.sqrt(self._seen)
        return np.asarray(
            self._of_between * rate / root - of_seen * (self.towards / (2.0 * self._seen))
        )

    def quantile(self, probability: float) -> Estimate:
        """Probability that a part of the truths does not exceed.

        The quantile of the shares is drawn towards the mean as they are. Its error is that of the
        part up to it, through the slope there, and those of the mean and the factor.
        """
        share = self._share_at(probability)
        above = self._part_above(share)
        slope = self._slope(probability, self._error(above))
        influence = (
            self.towards * slope * (above - above.mean())
            + (1.0 - self.towards) * self._of_mean
            + (share - self.mean) * self._of_towards
        )
        value = self.mean + self.towards * (share - self.mean)
        return Estimate(min(max(value, 0.0), 1.0), self._error(influence), self.n_trials)

    def _slope(self, probability: float, error: float) -> float:
        """How fast the quantile of the shares grows with its probability, over the error of that.

        The standard deviation of the quantiles at probabilities of a beta distribution, over that
        of these: Maritz and Jarrett, J. Am. Statist. Assoc. 73, 1978, 194-196, for as many members
        at random as have this error.
        """
        from scipy.special import betaincinv  # noqa: PLC0415 - slow to import

        if error < NUDGE:
            return 0.0
        n = probability * (1.0 - probability) / error**2
        ranks = (np.arange(N_RANKS) + 0.5) / N_RANKS
        at = betaincinv(n * probability, n * (1.0 - probability), ranks)
        points, parts = self._shares_up_to
        return float(np.std(np.interp(at, parts, points)) / np.std(at))

    def share_above(self, level: float) -> Estimate:
        """Share of the truths given which the probability is at least ``level``.

        Its error is that of the share itself, and of the mean and the factor through its slope
        between one standard error of each lower and higher; with fewer than ten members above or
        below not less than half of Wilson's interval.
        """
        n = len(self.trials)
        above = self._above(level, self.mean, self.towards)
        value = float(above.mean())
        influence = above - value
        for by_mean, of_part in ((1.0, self._of_mean), (0.0, self._of_towards)):
            h = self._error(of_part)
            if h > 0.0:
                up, down = (
                    self._above(
                        level, self.mean + d * by_mean, max(self.towards + d * (1.0 - by_mean), 0.0)
                    ).mean()
                    for d in (h, -h)
                )
                influence = influence + of_part * float(up - down) / (2.0 * h)
        error = self._error(influence)
        if n * min(value, 1.0 - value) < FEW:
            error = max(error, wilson_half_width(value, n))
        return Estimate(value, error, self.n_trials)

    def _above(self, level: float, mean: float, towards: float) -> FloatArray:
        """How much of each member is at least a level, (n_members,)."""
        if towards == 0.0:
            return np.full(len(self.trials), float(mean >= level))
        return self._part_above(mean + (level - mean) / towards)
