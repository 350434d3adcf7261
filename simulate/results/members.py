"""Trials of many truths: sums by member, and what they say of the truths and of the errors.

Trial ``t`` is of member ``t % n_members``: trials of one member share a truth, and are not
independent of each other unless that truth is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.results.estimates import FEW, Estimate, Share
from simulate.results.given_truth import GivenTruth
from simulate.results.quantiles import FloatArray, IntArray

# Consecutive strata are put together into at most so many groups, of four members at least.
MOST_GROUPS = 16
FEWEST_IN_A_GROUP = 4


class MemberShares(NamedTuple):
    """Trials of which something holds, by member; exact.

    Attributes
    ----------
    successes, trials : IntArray, shape (n_members,)
        Their number, and that of all trials of the member.
    """

    successes: IntArray
    trials: IntArray

    @classmethod
    def of(cls, holds: NDArray[np.bool_], first_trial: int, n_members: int) -> MemberShares:
        """Count consecutive trials, from ``first_trial`` on; ``holds`` (n_trials,)."""
        member = (first_trial + np.arange(len(holds))) % n_members
        return cls(
            np.bincount(member[holds], minlength=n_members),
            np.bincount(member, minlength=n_members),
        )

    def combined(self, other: MemberShares) -> MemberShares:
        """Both parts of the trials together."""
        return MemberShares(self.successes + other.successes, self.trials + other.trials)


class Spread(NamedTuple):
    """A probability over all truths, and what it is given each.

    Attributes
    ----------
    estimate : Estimate
        Over all trials, with the error of both parts.
    between_se, within_se : float
        The part of its error because there are only so many members, and the part because each has
        only so many trials. NaN where no member has two trials: the two cannot be told apart.
    sd : Estimate
        Standard deviation of the probability given the truth, between truths.
    given_truth : GivenTruth or None
        The probability given each truth, corrected for the noise of its trials; None where that
        cannot be told.
    n_members : int
        Number of truths, whether trials have them or not; 1 where there is a single one.
    """

    estimate: Estimate
    between_se: float
    within_se: float
    sd: Estimate
    given_truth: GivenTruth | None
    n_members: int


def one_truth(share: Share) -> Spread:
    """A probability where there is one truth: nothing is between."""
    estimate = share.estimate()
    unknown = Estimate(math.nan, math.nan, share.n_trials)
    return Spread(estimate, 0.0, estimate.mcse, unknown, None, 1)


def spread_of(shares: MemberShares, strata: Sequence[IntArray] = ()) -> Spread:
    """Tell what differs between members from what differs between the trials of each.

    Parameters
    ----------
    shares : MemberShares
        Successes and trials of each member.
    strata : sequence of IntArray, each (n_members,)
        For each distribution of which the members are stratified quantiles, the stratum of each.

    Returns
    -------
    Spread

    Notes
    -----
    With ``p_m`` of ``R_m`` trials in member ``m``, ``N`` trials in all and their mean ``p``, the
    analysis of variance (Searle, Casella and McCulloch, Variance Components, 1992, chapter 3)
    estimates the variance within as ``W = sum of R_m p_m (1 - p_m) / (N - M)`` and that between as
    ``B = (sum of R_m (p_m - p)**2 / (M - 1) - W) / n0`` with
    ``n0 = (N - sum of R_m**2 / N) / (M - 1)``, not below 0. Then
    ``Var(p) = B sum of R_m**2 / N**2 + W / N``. Of stratified quantiles the part of ``B`` that the
    strata explain adds nothing to the error (Stein, Technometrics 29, 1987, 143-151; Owen, J. R.
    Statist. Soc. B 54, 1992, 541-551): it is what is left after a mean of each group of strata, of
    one distribution beside the other, is fitted. The probabilities given the truth are ``p_m``,
    drawn towards ``p`` until their variance is ``B`` (Louis, J. Am. Statist. Assoc. 79, 1984,
    393-398): `GivenTruth`.
    """
    seen = shares.trials > 0
    x, r = shares.successes[seen].astype(float), shares.trials[seen].astype(float)
    share = Share(int(shares.successes.sum()), int(shares.trials.sum()))
    all_trials = share.estimate()
    n, n_members = float(share.n_trials), len(r)
    if n_members < 2 or n == n_members:
        unknown = Estimate(math.nan, math.nan, share.n_trials)
        return Spread(all_trials, math.nan, math.nan, unknown, None, len(seen))
    p_m = x / r
    within = float(np.sum(r * p_m * (1.0 - p_m))) / (n - n_members)
    between = _between(p_m, r, within, np.ones((n_members, 1)))
    design = _groups([s[seen] for s in strata]) if strata else np.ones((n_members, 1))
    left = min(between, _between(p_m, r, within, design))
    between_se = math.sqrt(left * float(np.sum(r * r))) / n
    within_se = math.sqrt(within / n)
    error = math.hypot(between_se, within_se)
    if min(share.successes, share.n_trials - share.successes) < FEW:
        error = max(error, all_trials.mcse)
    given_truth = GivenTruth(x, r, within, between, _basis(design))
    return Spread(
        Estimate(all_trials.value, error, share.n_trials),
        between_se,
        within_se,
        given_truth.deviation(),
        given_truth,
        len(seen),
    )


def _basis(design: FloatArray) -> FloatArray:
    """Orthonormal columns for those of a design (n_members, k); some may be sums of others."""
    basis, sizes, _ = np.linalg.svd(design, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-9 * sizes[0]])


def _between(p_m: FloatArray, r: FloatArray, within: float, design: FloatArray) -> float:
    """Variance between members beyond what a linear fit on ``design`` (n_members, k) explains."""
    root = np.sqrt(r)[:, None]
    basis = _basis(root * design)
    scaled = root[:, 0] * p_m
    residual = scaled - basis @ (basis.T @ scaled)
    free = len(p_m) - basis.shape[1]
    if free < 1:
        return math.inf
    # Expectation of the residual sum of squares of members of variance 1.
    weight = float(np.sum(r) - np.sum(r[:, None] * basis * basis))
    squares = float(np.sum(residual * residual))
    return float(max(0.0, (squares - free * within) / weight))


def _groups(strata: Sequence[IntArray]) -> FloatArray:
    """Columns that tell groups of consecutive strata apart, of each distribution, and a constant.

    Shape (n_members, k).
    """
    n = len(strata[0])
    n_groups = max(1, min(MOST_GROUPS, n // (FEWEST_IN_A_GROUP * len(strata))))
    columns = [np.ones((n, 1))]
    for stratum in strata:
        rank = np.argsort(np.argsort(stratum))
        columns.append(np.equal.outer(rank * n_groups // n, np.arange(n_groups)).astype(float))
    return np.concatenate(columns, axis=1)


def quantiles_given_truth(spread: Spread, probabilities: tuple[float, ...]) -> list[Estimate]:
    """Quantiles over truths of the probability given the truth; NaN where they cannot be told."""
    if spread.given_truth is None:
        return [Estimate(math.nan, math.nan, spread.estimate.n_trials) for _ in probabilities]
    return [spread.given_truth.quantile(probability) for probability in probabilities]


def share_of_truths_above(spread: Spread, level: float) -> Estimate:
    """Share of the truths given which the probability is at least ``level``; NaN where unknown."""
    if spread.given_truth is None:
        return Estimate(math.nan, math.nan, spread.estimate.n_trials)
    return spread.given_truth.share_above(level)
