"""Who is at risk in a two-arm trial, in time since randomisation: integrals by quadrature.

At calendar month T a patient randomised with probability p to an arm has been followed for u months
without event or dropout with probability ``p exp(-H(u) - D(u)) F(T - u)``, H and D being the
cumulative hazards of event and dropout and F(s) the share of the patients who have entered by month
s. Expectations of what a look sees are integrals over u of that (Lachin and Foulkes, Biometrics 42,
1986, 507-519), here by Gauss-Legendre panels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

from simulate.design.two_arms import Stratum, TwoArms
from simulate.scenario.hazards import FloatArray, Hazard

_NODES = 16
# Within a panel no cumulative hazard rises by more, unless there were too many panels.
_RISE = 1.0
_PARTS_AT_MOST = 200
# Towards randomisation panels halve, where neither the hazard of a Weibull nor a root of 1 - S, as
# a weight, is smooth.
_HALVINGS = 45


class AtRisk(NamedTuple):
    """What is seen of one stratum in time since randomisation, at the nodes of a quadrature.

    Everything is for one patient of the trial; sums of a function times ``weights`` are integrals.

    Attributes
    ----------
    months, weights : array, shape (n_panels, n_nodes)
        Time since randomisation, and weights of the quadrature.
    probability : array
        Probability of being in the stratum and at risk, in either arm.
    share : array
        Experimental patients among those at risk.
    hazard_control, hazard_experimental : array
        Hazards of the event.
    """

    months: FloatArray
    weights: FloatArray
    probability: FloatArray
    share: FloatArray
    hazard_control: FloatArray
    hazard_experimental: FloatArray

    @property
    def events_control(self) -> FloatArray:
        """Density of the control arm's events."""
        return self.probability * (1.0 - self.share) * self.hazard_control

    @property
    def events_experimental(self) -> FloatArray:
        """Density of the experimental arm's events."""
        return self.probability * self.share * self.hazard_experimental

    @property
    def events(self) -> FloatArray:
        """Density of all events."""
        return self.events_control + self.events_experimental

    def integral(self, values: FloatArray) -> float:
        """Integral over the time since randomisation."""
        return float(np.sum(self.weights * values))

    def running_integral(self, values: FloatArray) -> FloatArray:
        """Integral from randomisation to each node."""
        nodes, _, antiderivative = _rule()
        whole = np.sum(self.weights * values, axis=1)
        before = np.cumsum(whole) - whole
        half = (self.months[:, -1] - self.months[:, 0]) / (nodes[-1] - nodes[0])
        return np.asarray(before[:, None] + half[:, None] * (values @ antiderivative.T))

    @property
    def pooled_hazard(self) -> FloatArray:
        """Hazard of those at risk in both arms together."""
        return (1.0 - self.share) * self.hazard_control + self.share * self.hazard_experimental

    @property
    def survival(self) -> FloatArray:
        """Limit of the Kaplan-Meier curve of both arms together."""
        return np.exp(-self.running_integral(self.pooled_hazard))

    def survival_at(self, months: float) -> float:
        """Limit of the same curve at the end of a panel (one of ``cuts_months``), or beyond."""
        return math.exp(-self.integral(self.pooled_hazard * (self.months < months)))


def at_risk(trial: TwoArms, cuts_months: Sequence[float] = ()) -> list[AtRisk]:
    """Quadrature of every stratum over the time since randomisation.

    Parameters
    ----------
    trial : TwoArms
        The trial.
    cuts_months : sequence of float
        Times since randomisation at which panels are to end besides.

    Returns
    -------
    list of AtRisk
        One a stratum.
    """
    total = sum(stratum.share for stratum in trial.strata)
    return [
        _at_risk(trial, stratum, stratum.share / total, cuts_months) for stratum in trial.strata
    ]


def _at_risk(
    trial: TwoArms, stratum: Stratum, share: float, cuts_months: Sequence[float]
) -> AtRisk:
    """Quadrature of one stratum, which ``share`` of the patients are in."""
    edges = _panels(trial, stratum, cuts_months)
    nodes, node_weights, _ = _rule()
    half = np.diff(edges)[:, None] / 2.0
    months = edges[:-1, None] + half * (nodes + 1.0)
    weights = half * node_weights

    def lost(event: Hazard, dropout: Hazard | None) -> FloatArray:
        gone = event.cumulative(months)
        return gone if dropout is None else gone + dropout.cumulative(months)

    control = lost(stratum.control, stratum.dropout_control)
    experimental = lost(stratum.experimental, stratum.dropout_experimental)
    p = trial.share_experimental
    entered = trial.entry.entered(trial.study_months - months) / trial.entry.patients
    # The larger one taken out, so that neither overflows nor both vanish.
    least = np.minimum(control, experimental)
    of_control = (1.0 - p) * np.exp(least - control)
    of_experimental = p * np.exp(least - experimental)
    both = of_control + of_experimental
    return AtRisk(
        months,
        weights,
        share * entered * both * np.exp(-least),
        of_experimental / both,
        stratum.control.rate(months),
        stratum.experimental.rate(months),
    )


def _panels(trial: TwoArms, stratum: Stratum, cuts_months: Sequence[float]) -> FloatArray:
    """Ends of panels between which everything is smooth, from 0 to the longest follow-up."""
    entry, end = trial.entry, trial.study_months - trial.entry.first_month
    hazards = stratum.hazards()
    marks = [0.0, end, trial.study_months - entry.accrual_months, *cuts_months]
    marks += [trial.study_months - start for start in entry.from_months]
    marks += [start for hazard in hazards for start in hazard.starts_months]
    marks += [end * 0.5**j for j in range(1, _HALVINGS)]
    edges = np.unique(np.clip(marks, 0.0, end))
    rise = np.max([np.diff(hazard.cumulative(edges)) for hazard in hazards], axis=0)
    parts = np.clip(np.ceil(rise / _RISE), 1, _PARTS_AT_MOST).astype(np.intp)
    first = np.repeat(edges[:-1], parts)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    return np.append(first + part * np.repeat(np.diff(edges) / parts, parts), end)


@cache
def _rule() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Nodes and weights on (-1, 1), and the matrix from values to integrals from -1 to each node.

    The interpolating polynomial in Legendre form, integrated; shape (n_nodes, n_nodes).
    """
    nodes, weights = legendre.leggauss(_NODES)
    norms = np.arange(_NODES) + 0.5
    series = (legendre.legvander(nodes, _NODES - 1) * weights[:, None] * norms).T
    integrals = legendre.legval(nodes, legendre.legint(series, lbnd=-1))
    matrix = np.asarray(integrals, dtype=np.float64).T
    # The same arrays for every caller.
    for array in (nodes, weights, matrix):
        array.flags.writeable = False
    return nodes, weights, matrix
