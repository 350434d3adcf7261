"""Where parameter sets are drawn from: the prior, and mixtures of it with a fitted t distribution.

Parameters are worked on as prior scores u = (log(parameter) - log(median)) / sd_log, which are
independent standard normals under the prior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulate.calibration.priors import FreeParameter
from simulate.calibration.weights import FloatArray

# Degrees of freedom of the fitted distribution: heavier tails than a posterior is likely to have.
DEGREES = 5.0
# Added to fitted variances, in those of the prior: nothing is ever known more exactly.
_LEAST_VARIANCE = 1e-4


def to_parameters(scores: FloatArray, priors: Sequence[FreeParameter]) -> FloatArray:
    """Parameters (N, P) of prior scores (N, P)."""
    medians = np.array([prior.median for prior in priors])
    return np.asarray(medians * np.exp(np.array([prior.sd_log for prior in priors]) * scores))


def log_prior(scores: FloatArray) -> FloatArray:
    """Log density (N,) of prior scores (N, P) under the prior."""
    constant = -0.5 * scores.shape[1] * math.log(2.0 * math.pi)
    return np.asarray(constant - 0.5 * np.einsum("np,np->n", scores, scores))


@dataclass(frozen=True)
class Proposal:
    """A t distribution with five degrees of freedom, mixed with the prior.

    The prior's share bounds the importance weights of draws that the fit did not expect
    (a defensive mixture: Hesterberg 1995, Technometrics 37:185).

    Parameters
    ----------
    prior_share : float
        Probability of a draw from the prior; 1: the prior alone.
    mean : FloatArray, shape (P,)
        Centre of the t distribution, in prior scores.
    factor : FloatArray, shape (P, P)
        Lower Cholesky factor of its scale matrix.
    """

    prior_share: float
    mean: FloatArray
    factor: FloatArray

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw prior scores, (n, P)."""
        size = len(self.mean)
        normals = rng.standard_normal((n, size))
        mixing = np.sqrt(rng.chisquare(DEGREES, n) / DEGREES)
        fitted = self.mean + (normals @ self.factor.T) / mixing[:, None]
        return np.where(rng.random(n)[:, None] < self.prior_share, normals, fitted)

    def log_density(self, scores: FloatArray) -> FloatArray:
        """Log density (N,) of prior scores (N, P)."""
        size = len(self.mean)
        prior = log_prior(scores)
        if self.prior_share >= 1.0:
            return prior
        away = np.linalg.solve(self.factor, (scores - self.mean).T)
        constant = (
            math.lgamma(0.5 * (DEGREES + size))
            - math.lgamma(0.5 * DEGREES)
            - 0.5 * size * math.log(DEGREES * math.pi)
            - float(np.log(np.diag(self.factor)).sum())
        )
        distance = np.einsum("pn,pn->n", away, away)
        fitted = constant - 0.5 * (DEGREES + size) * np.log1p(distance / DEGREES)
        return np.asarray(
            np.logaddexp(
                math.log1p(-self.prior_share) + fitted,
                math.log(self.prior_share) + prior if self.prior_share > 0.0 else -np.inf,
            )
        )


def from_prior(n_parameters: int) -> Proposal:
    """The prior itself."""
    return Proposal(1.0, np.zeros(n_parameters), np.eye(n_parameters))


def fitted(scores: FloatArray, weights: FloatArray, prior_share: float) -> Proposal:
    """Proposal around weighted draws.

    Its scale matrix is their covariance, so that it is wider than they are, by 5/3 in variance.

    Parameters
    ----------
    scores : FloatArray, shape (N, P)
        Draws, as prior scores.
    weights : FloatArray, shape (N,)
        Their weights, of sum 1.
    prior_share : float
        Probability of a draw from the prior.
    """
    mean = weights @ scores
    away = scores - mean
    covariance = (away * weights[:, None]).T @ away
    scale = covariance + _LEAST_VARIANCE * np.eye(len(mean))
    return Proposal(prior_share, mean, np.asarray(np.linalg.cholesky(scale), dtype=np.float64))
