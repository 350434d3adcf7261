"""Occupancy of the states of a multi-state model by nested adaptive quadrature: the slow twin.

Times of entry are integrated over the cumulative hazard instead of over time, so that hazards which
are infinite at 0 need no care.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from scipy.integrate import quad
from twins.slow_states import ABSENT, TRANSITIONS, Weibull

ACCURACY = 1e-9


def over_hazard(
    transition: Weibull, entry: float, month: float, value: Callable[[float], float]
) -> float:
    """Integral of ``value`` at the time of a transition against its cumulative hazard."""
    top = transition.between(entry, month)
    integral: float = quad(
        lambda hazard: value(transition.when(entry, hazard)),
        0.0,
        top,
        epsabs=ACCURACY,
        epsrel=ACCURACY,
        limit=200,
    )[0]
    return integral


class Slow(NamedTuple):
    """Probabilities at one month."""

    pfs: float
    os: float
    responded: float


def slow_occupancy(model: Mapping[str, Weibull], month: float) -> Slow:
    sr, sp, sd, rp, rd, pd = (model.get(name, ABSENT) for name in TRANSITIONS)

    def stable(t: float) -> float:
        return math.exp(-sr.cumulative(t) - sp.cumulative(t) - sd.cumulative(t))

    def responding(r: float, t: float) -> float:
        return math.exp(-rp.between(r, t) - rd.between(r, t))

    def alive(p: float) -> float:
        return math.exp(-pd.between(p, month))

    def from_response(r: float) -> float:
        """Alive after progression from a response at r."""
        return over_hazard(rp, r, month, lambda p: responding(r, p) * alive(p))

    responded = over_hazard(sr, 0.0, month, stable)
    response = over_hazard(sr, 0.0, month, lambda r: stable(r) * responding(r, month))
    progressed = over_hazard(sp, 0.0, month, lambda p: stable(p) * alive(p))
    progressed += over_hazard(sr, 0.0, month, lambda r: stable(r) * from_response(r))
    pfs = stable(month) + response
    return Slow(pfs, pfs + progressed, responded)
