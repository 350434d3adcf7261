"""Posterior of a model's parameters from published figures, by simulation.

First approximate Bayesian rounds find the region: draws whose single replicate comes near the
published values are kept, and the next round draws around them. Then importance sampling with a
synthetic likelihood, which is simulated anew at each draw; each round draws around the one before,
and the last one is the result. Nothing here knows what the features are, or how they are
simulated.

Draws are addressed by seed and round, so the result is the same whoever simulates, and in how many
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulate.calibration.fit import Fit, Quality, fits
from simulate.calibration.priors import FreeParameter
from simulate.calibration.proposals import (
    Proposal,
    fitted,
    from_prior,
    log_prior,
    to_parameters,
)
from simulate.calibration.synthetic import Feature, Likelihood, blurred, log_likelihood
from simulate.calibration.weights import (
    FloatArray,
    effective_size,
    log_mean,
    normalised,
    systematic_members,
    tempered,
    truncated,
    weighted_quantiles,
)

# Parameters (N, P), replicates R and the number of the round to features (N, R, K): what the
# replicates of each draw show, NaN where a feature does not exist in one.
Simulate = Callable[[FloatArray, int, int], FloatArray]

# Share of a searching round's draws that is kept.
_KEPT = 0.05
# Draws from the prior among those of a searching round, and of a round of importance sampling.
_SEARCH_PRIOR_SHARE = 0.1
_PRIOR_SHARE = 0.05
# Effective size to which weights are tempered before a proposal is fitted, as a share of the draws.
_FITTED_SHARE = 0.1
# What a generator is for: the last part of its seed.
_DRAW, _BLUR, _MEMBERS = 0, 1, 2


@dataclass(frozen=True)
class Sizes:
    """How much is simulated.

    Parameters
    ----------
    search_rounds, search_draws : int
        Approximate Bayesian rounds, and draws in each, with one replicate a draw.
    importance : tuple of (int, int)
        Draws, and replicates a draw, of each round of importance sampling; at least one round.
    """

    search_rounds: int = 5
    search_draws: int = 20_000
    importance: tuple[tuple[int, int], ...] = ((800, 120), (1500, 150), (3000, 200))

    @property
    def n_replicates(self) -> int:
        """Replicates in all."""
        return self.search_rounds * self.search_draws + sum(n * r for n, r in self.importance)


class Round(NamedTuple):
    """What a round came to.

    Attributes
    ----------
    number : int
        From 0.
    kind : str
        "search" or "importance".
    n_draws, n_replicates : int
        Draws, and replicates of each.
    effective_size : float
        That of the weights; of the draws kept in a search.
    distance : float
        Largest distance kept in a search; weighted median of the squared Mahalanobis distance
        afterwards.
    """

    number: int
    kind: str
    n_draws: int
    n_replicates: int
    effective_size: float
    distance: float


@dataclass(frozen=True, eq=False)
class Posterior:
    """Weighted draws of the parameters, and how they compare with what was published.

    Attributes
    ----------
    names : tuple of str
        The P parameters.
    draws : FloatArray, shape (N, P)
        Parameters, each in its unit.
    weights : FloatArray, shape (N,)
        Their weights, of sum 1, truncated; all 0 if no draw has a likelihood above 0.
    log_weights : FloatArray, shape (N,)
        Logarithms of prior times likelihood over proposal, as they are.
    fits : tuple of Fit
        The features, in the order given. Where no draw has a weight they are those of the draws
        nearest to the published values.
    quality : Quality
        Effective size, evidence, distance.
    rounds : tuple of Round
        The way there.
    seed : int
        Seed of the draws.
    """

    names: tuple[str, ...]
    draws: FloatArray
    weights: FloatArray
    log_weights: FloatArray
    fits: tuple[Fit, ...]
    quality: Quality
    rounds: tuple[Round, ...]
    seed: int

    def members(self, n_members: int) -> FloatArray:
        """Equally likely parameter sets (n_members, P), in random order."""
        rng = _generator(self.seed, 0, _MEMBERS)
        return self.draws[systematic_members(self.weights, n_members, rng)]

    def quantiles(self, probabilities: Sequence[float]) -> FloatArray:
        """Quantiles of each parameter, (P, Q)."""
        columns = self.draws.T
        return np.stack([weighted_quantiles(x, self.weights, probabilities) for x in columns])


def sample_posterior(
    priors: Sequence[FreeParameter],
    features: Sequence[Feature],
    simulate: Simulate,
    *,
    seed: int,
    sizes: Sizes | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Posterior:
    """Posterior of parameters with independent lognormal priors.

    Parameters
    ----------
    priors : sequence of FreeParameter
        The P parameters; those held fixed are the simulator's own affair.
    features : sequence of Feature
        The K features.
    simulate : callable
        ``simulate(parameters (N, P), replicates R, round)`` to features (N, R, K). It must be a
        pure function of these; its random numbers are addressed by the round, the draw and
        the replicate.
    seed : int
        Seed of the draws, not of the simulator's.
    sizes : Sizes, optional
        How much is simulated; by default about a million replicates.
    on_round : callable, optional
        Called after each round.

    Returns
    -------
    Posterior
        Also where no good one exists: `simulate.calibration.fit.require_usable` refuses it.
    """
    sizes = sizes or Sizes()
    rounds: list[Round] = []

    def report(found: Round) -> None:
        rounds.append(found)
        if on_round is not None:
            on_round(found)

    proposal = from_prior(len(priors))
    for _ in range(sizes.search_rounds):
        proposal, found = _search(priors, features, simulate, seed, len(rounds), sizes, proposal)
        report(found)
    for n_draws, n_replicates in sizes.importance:
        number = len(rounds)
        draws = _weigh(priors, features, simulate, seed, number, n_draws, n_replicates, proposal)
        proposal = _around(draws)
        report(_round_of(draws, number))
    return _posterior(priors, features, draws, tuple(rounds), seed)


class _Weighed(NamedTuple):
    """Draws of a round of importance sampling."""

    scores: FloatArray
    # Log of prior over proposal, (N,).
    log_ratio: FloatArray
    likelihood: Likelihood
    # Features (N, R, K), blurred.
    values: FloatArray

    @property
    def log_weights(self) -> FloatArray:
        return self.log_ratio + self.likelihood.log_unbiased

    @property
    def best_weights(self) -> FloatArray:
        """Truncated weights; those of the plug-in likelihood, tempered, if all are 0."""
        if np.isfinite(self.log_weights).any():
            return truncated(self.log_weights)
        return tempered(self.log_ratio + self.likelihood.log_plug_in, 1.0)


def _generator(seed: int, number: int, purpose: int) -> np.random.Generator:
    """Random numbers of one round and purpose."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, number, purpose))))


def _search(
    priors: Sequence[FreeParameter],
    features: Sequence[Feature],
    simulate: Simulate,
    seed: int,
    number: int,
    sizes: Sizes,
    proposal: Proposal,
) -> tuple[Proposal, Round]:
    """One approximate Bayesian round: a proposal around the draws that came nearest."""
    scores = proposal.draw(sizes.search_draws, _generator(seed, number, _DRAW))
    values = simulate(to_parameters(scores, priors), 1, number)[:, 0, :]
    away = distances(values, features)
    n_kept = max(round(_KEPT * len(away)), min(len(away), 10 * len(priors)))
    kept = np.argsort(away, kind="stable")[:n_kept]
    kept = kept[np.isfinite(away[kept])]
    if len(kept) <= len(priors):
        # Too little to go by: as it was.
        return proposal, Round(number, "search", len(away), 1, float(len(kept)), np.inf)
    weights = normalised(log_prior(scores[kept]) - proposal.log_density(scores[kept]))
    found = Round(number, "search", len(away), 1, effective_size(weights), float(away[kept].max()))
    return fitted(scores[kept], weights, _SEARCH_PRIOR_SHARE), found


def distances(values: FloatArray, features: Sequence[Feature]) -> FloatArray:
    """Distance (N,) of single replicates (N, K) from the published values; infinite if some is NaN.

    Root of the sum of squares over the features, each in half the width of the middle 68% of the
    replicates. A feature that exceeds its threshold is at no distance.
    """
    total = np.zeros(len(values))
    for column, feature in zip(values.T, features, strict=True):
        known = column[np.isfinite(column)]
        if not len(known):
            return np.full(len(values), np.inf)
        low, high = np.quantile(known, [0.16, 0.84])
        width = 0.5 * (high - low) or float(np.std(known)) or 1.0
        apart = feature.target - column
        if feature.kind == "exceeds":
            apart = np.where(np.isnan(column), np.nan, np.maximum(apart, 0.0))
        total += (apart / width) ** 2
    return np.where(np.isnan(total), np.inf, np.sqrt(total))


def _weigh(
    priors: Sequence[FreeParameter],
    features: Sequence[Feature],
    simulate: Simulate,
    seed: int,
    number: int,
    n_draws: int,
    n_replicates: int,
    proposal: Proposal,
) -> _Weighed:
    """One round of importance sampling."""
    scores = proposal.draw(n_draws, _generator(seed, number, _DRAW))
    values = simulate(to_parameters(scores, priors), n_replicates, number)
    values = blurred(values, features, _generator(seed, number, _BLUR))
    log_ratio = log_prior(scores) - proposal.log_density(scores)
    return _Weighed(scores, log_ratio, log_likelihood(values, features), values)


def _around(draws: _Weighed) -> Proposal:
    """Proposal for the next round.

    By the plug-in likelihood, which says how far away a draw is even where the other is 0.
    """
    log_weights = draws.log_ratio + draws.likelihood.log_plug_in
    weights = tempered(log_weights, _FITTED_SHARE * len(log_weights))
    if not weights.sum() > 0.0:
        return from_prior(draws.scores.shape[1])
    return fitted(draws.scores, weights, _PRIOR_SHARE)


def _round_of(draws: _Weighed, number: int) -> Round:
    n_draws, n_replicates, _ = draws.values.shape
    size = effective_size(truncated(draws.log_weights))
    return Round(number, "importance", n_draws, n_replicates, size, _distance(draws))


def _distance(draws: _Weighed) -> float:
    """Weighted median of the squared Mahalanobis distance."""
    distance = draws.likelihood.distance
    return float(weighted_quantiles(distance, draws.best_weights, [0.5])[0])


def _posterior(
    priors: Sequence[FreeParameter],
    features: Sequence[Feature],
    draws: _Weighed,
    rounds: tuple[Round, ...],
    seed: int,
) -> Posterior:
    """The last round as the result."""
    weights = truncated(draws.log_weights)
    quality = Quality(
        n_draws=len(weights),
        effective_size=effective_size(weights),
        largest_weight=float(weights.max()),
        n_truncated=int((normalised(draws.log_weights) > len(weights) ** -0.5).sum()),
        log_evidence=log_mean(draws.log_weights),
        distance=_distance(draws),
        n_normal=sum(feature.kind == "normal" for feature in features),
    )
    return Posterior(
        names=tuple(prior.name for prior in priors),
        draws=to_parameters(draws.scores, priors),
        weights=weights,
        log_weights=draws.log_weights,
        fits=fits(draws.values, draws.best_weights, features),
        quality=quality,
        rounds=rounds,
        seed=seed,
    )
