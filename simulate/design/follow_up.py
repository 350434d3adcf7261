"""Probability that a patient's event, or dropout, is observed within a time of follow-up.

With event and dropout independent, the event is observed by u with probability

    integral from 0 to u of h_event(s) exp(-H_event(s) - H_dropout(s)) ds

and the dropout with the two exchanged: cumulative incidences of competing risks (Kalbfleisch and
Prentice, The Statistical Analysis of Failure Time Data, 2002, section 8.2). In v = log s the
integrand is smooth for every Weibull shape, between the starts of the hazards' pieces. It is
integrated there by Gauss-Legendre quadrature in panels over which neither cumulative hazard rises
by much, and kept as one polynomial a panel, so that sums over many follow-up times are cheap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from simulate.scenario.hazards import FloatArray, Hazard

Risks = tuple[Hazard, Hazard | None]
"""Hazards of event and dropout of one group of patients."""

_NODES = 16
# Cumulative hazards at which panels begin. Below the first, 2e-16, nothing is counted; above the
# last the survival is 2e-16.
_FINE = (*(4.0**-j for j in range(26, 0, -1)), 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 13.0, 18.0, 25.0, 36.0)
# Within a panel no clock stretches by more than the exponential of this.
_STRETCH = 1.5
_COARSE = (0.25, 1.0, 3.0, 6.0, 11.0, 20.0, 36.0)


@dataclass(frozen=True)
class FollowUpTable:
    """Probabilities of observed event and dropout of several groups, as piecewise polynomials.

    Parameters
    ----------
    edges_months : array, shape (n_panels + 1,)
        Months of follow-up at which the panels begin and end.
    coefficients : array, shape (n_panels, n_powers, 2, n_groups)
        Of powers of the position in the panel, -1 to 1 in log months; event, then dropout.
    lags_months : array, shape (n_lags,)
        A few months of follow-up between which the probabilities are smooth in time, too.
    """

    edges_months: FloatArray
    coefficients: FloatArray
    lags_months: FloatArray

    def _locate(self, months: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Panel of each follow-up time, and the position in it; ends stand for what lies beyond."""
        edges, log_edges = self.edges_months, np.log(self.edges_months)
        inside = np.clip(months, edges[0], edges[-1])
        panel = np.minimum(np.searchsorted(edges, inside, side="right"), len(edges) - 1) - 1
        position = 2.0 * (np.log(inside) - log_edges[panel]) / np.diff(log_edges)[panel] - 1.0
        return panel, np.clip(position, -1.0, 1.0)

    def probabilities(self, months: FloatArray) -> FloatArray:
        """Probabilities, shape (n_months, 2, n_groups), at ``months`` of shape (n_months,)."""
        panel, position = self._locate(months)
        powers = np.vander(position, self.coefficients.shape[1], increasing=True)
        return np.asarray(np.einsum("ip,ipkg->ikg", powers, self.coefficients[panel]))

    def sums(self, months: FloatArray, weights: FloatArray) -> FloatArray:
        """Weighted sums of the probabilities over patients.

        Parameters
        ----------
        months : array, shape (n_times, n_patients)
            Follow-up of each patient at each time; what is negative counts as none.
        weights : array, shape (n_times, n_patients)
            How many patients each one stands for.

        Returns
        -------
        array, shape (n_times, 2, n_groups)
            Sums of the probabilities of event and of dropout.
        """
        n_panels, n_powers, _, n_groups = self.coefficients.shape
        panel, position = self._locate(months)
        cell = (panel + n_panels * np.arange(len(months))[:, None]).ravel()
        position, power = position.ravel(), np.array(weights).ravel()
        # A sum of polynomials needs the positions only through their moments in each panel, which
        # are the same for all groups.
        moments = np.empty((n_powers, len(months) * n_panels))
        for j in range(n_powers):
            moments[j] = np.bincount(cell, power, minlength=moments.shape[1])
            power *= position
        moments = moments.reshape(n_powers, len(months), n_panels).transpose(1, 2, 0)
        flat = moments.reshape(len(months), -1) @ self.coefficients.reshape(-1, 2 * n_groups)
        return np.asarray(flat.reshape(len(months), 2, n_groups))


def follow_up_table(risks: Sequence[Risks]) -> FollowUpTable:
    """Tabulate the probabilities of observed event and dropout.

    Parameters
    ----------
    risks : sequence of (Hazard, Hazard or None)
        Hazards of event and of dropout of each group; None: nobody drops out.

    Returns
    -------
    FollowUpTable
        Accurate to 1e-12, but for what rounding does to a hazard of thousands a month.
    """
    hazards = list(dict.fromkeys(h for pair in risks for h in pair if h is not None))
    edges = _split(_landmarks(hazards, _FINE), _STRETCH / max(hazard.shape for hazard in hazards))
    log_edges = np.log(edges)
    half = np.diff(log_edges) / 2.0
    nodes, antiderivative = _antiderivative()
    months = np.exp(log_edges[:-1, None] + half[:, None] * (nodes + 1.0))

    coefficients = np.zeros((len(half), _NODES + 1, 2, len(risks)))
    cumulative = {hazard: hazard.cumulative(months) for hazard in hazards}
    for g, pair in enumerate(risks):
        present = [(k, hazard) for k, hazard in enumerate(pair) if hazard is not None]
        survival = np.exp(-sum(cumulative[hazard] for _, hazard in present))
        for k, hazard in present:
            density = _log_time_hazard(hazard, months) * survival * half[:, None]
            coefficients[:, :, k, g] = density @ antiderivative
    # Each panel's polynomial begins at 0; at its end, position 1, it is the sum of coefficients.
    rises = coefficients.sum(axis=1)
    coefficients[1:, 0] += np.cumsum(rises, axis=0)[:-1]
    return FollowUpTable(edges, coefficients, _landmarks(hazards, _COARSE))


def probability_by(
    event: Hazard, dropout: Hazard | None, months: ArrayLike, maximum_months: float = math.inf
) -> tuple[FloatArray, FloatArray]:
    """Probability that the event, and that the dropout, is observed within a time of follow-up.

    Parameters
    ----------
    event : Hazard
        Hazard of the event.
    dropout : Hazard or None
        Hazard of dropping out, independent of the event; None: nobody drops out.
    months : array_like
        Months of follow-up from randomisation, not negative, any shape; infinite is allowed.
    maximum_months : float
        Each patient is followed for at most this long.

    Returns
    -------
    p_event, p_dropout : array
        Probabilities, of the shape of ``months``; accuracy as in ``follow_up_table``.

    Raises
    ------
    ValueError
        If a time is negative or not a number.
    """
    t = np.asarray(months, dtype=np.float64)
    if not (np.all(t >= 0.0) and maximum_months > 0.0):
        raise ValueError(
            "months must not be negative and maximum_months must be greater than 0 "
            f"(given: {t} and {maximum_months})"
        )
    followed = np.minimum(t, maximum_months).ravel()
    both = follow_up_table([(event, dropout)]).probabilities(followed)[:, :, 0]
    return both[:, 0].reshape(t.shape), both[:, 1].reshape(t.shape)


def _landmarks(hazards: Sequence[Hazard], levels: Sequence[float]) -> FloatArray:
    """Months, sorted, where pieces start and where each cumulative hazard reaches ``levels``."""
    # Two arbitrary months give a panel even where nothing can happen.
    months = [np.array([1.0, 2.0])]
    for hazard in hazards:
        months.append(np.asarray(hazard.starts_months))
        months.append(hazard.quantile(-np.expm1(-np.asarray(levels))))
    landmarks = np.concatenate(months)
    landmarks = landmarks[(landmarks > 0.0) & np.isfinite(landmarks)]
    # Distinct in log months, too, so that no panel is empty.
    _, distinct = np.unique(np.log(landmarks), return_index=True)
    return np.asarray(landmarks[distinct])


def _split(months: FloatArray, width: float) -> FloatArray:
    """Put months between sorted ones so that log months are no more than ``width`` apart."""
    gaps = np.diff(np.log(months))
    parts = np.ceil(gaps / width).astype(np.intp)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    split = np.repeat(months[:-1], parts) * np.exp(part * np.repeat(gaps / parts, parts))
    return np.append(split, months[-1])


def _log_time_hazard(hazard: Hazard, months: FloatArray) -> FloatArray:
    """Hazard in log time, the cumulative hazard's derivative: slope * shape * clock."""
    piece = np.searchsorted(hazard.starts_months, months, side="right") - 1
    return np.asarray(np.asarray(hazard.slopes)[piece] * hazard.shape * hazard.clock(months))


@cache
def _antiderivative() -> tuple[FloatArray, FloatArray]:
    """Nodes on (-1, 1), and the matrix from values there to coefficients of the integral from -1.

    The interpolating polynomial in Legendre form (its coefficients by Gauss quadrature, exact at
    this degree), integrated and rewritten in powers; shape (n_nodes, n_nodes + 1).
    """
    nodes, weights = legendre.leggauss(_NODES)
    norms = np.arange(_NODES) + 0.5
    series = (legendre.legvander(nodes, _NODES - 1) * weights[:, None] * norms).T
    integrals = legendre.legint(series, lbnd=-1)
    to_powers = np.zeros((_NODES + 1, _NODES + 1))
    for j in range(_NODES + 1):
        to_powers[j, : j + 1] = legendre.leg2poly(np.eye(_NODES + 1)[j, : j + 1])
    matrix = integrals.T @ to_powers
    # The same arrays for every caller.
    nodes.flags.writeable = False
    matrix.flags.writeable = False
    return nodes, matrix
