"""When patients enter: cumulative accrual, expected entries and the intensity of entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulate.scenario.hazards import FloatArray

Arrivals = Literal["evenly_spaced", "poisson", "uniform"]

# Beyond these tails of the Poisson process nothing shows in double precision.
_TAIL = 1e-16
_SHOULDER_PANELS = 16
# Panels of a quadrature over entries halve towards its end, where a Weibull's probability of an
# event is not smooth in the time since entry; Gauss-Legendre nodes in each.
_HALVINGS = 20
_NODES = 10


@dataclass(frozen=True)
class Accrual:
    """Entry of a planned number of patients at a rate that changes in steps.

    Parameters
    ----------
    n_patients : int
        Planned number of patients, at least 1.
    arrivals : {"evenly_spaced", "poisson", "uniform"}
        "evenly_spaced": patient k (from 1) enters when the cumulative accrual reaches k. "poisson":
        the first ``n_patients`` arrivals of a Poisson process. "uniform": the fluid limit, the rate
        itself until ``n_patients`` are in, which other software uses.
    starts_months : tuple of float
        Calendar months at which each rate begins; the first is 0, the rest increase.
    rates_per_month : tuple of float
        Patients per month from each start on; zero is a pause, the last is positive.

    Raises
    ------
    ValueError
        If one of these conditions does not hold.
    """

    n_patients: int
    arrivals: Arrivals
    starts_months: tuple[float, ...]
    rates_per_month: tuple[float, ...]

    def __post_init__(self) -> None:
        starts, rates = self.starts_months, self.rates_per_month
        if self.n_patients < 1:
            raise ValueError(f"n_patients must be at least 1 (given: {self.n_patients})")
        if self.arrivals not in get_args(Arrivals):
            known = ", ".join(get_args(Arrivals))
            raise ValueError(f"arrivals must be one of {known} (given: {self.arrivals!r})")
        if len(starts) != len(rates) or not starts:
            raise ValueError(
                "starts_months and rates_per_month must be equally many, at least one "
                f"(given: {len(starts)} and {len(rates)})"
            )
        rising = all(a < b for a, b in pairwise(starts))
        if starts[0] != 0.0 or not rising or not math.isfinite(starts[-1]):
            raise ValueError(f"starts_months must begin with 0 and increase (given: {starts})")
        if not all(math.isfinite(rate) and rate >= 0.0 for rate in rates) or rates[-1] == 0.0:
            raise ValueError(
                "rates_per_month must be finite and not negative, and the last one positive "
                f"(given: {rates})"
            )

    def _at_starts(self) -> FloatArray:
        """Cumulative accrual at each start."""
        rise = np.asarray(self.rates_per_month[:-1]) * np.diff(self.starts_months)
        return np.concatenate([[0.0], np.cumsum(rise)])

    def _piece(self, months: ArrayLike) -> NDArray[np.intp]:
        """Index of the rate in force at ``months``."""
        return np.searchsorted(self.starts_months, months, side="right") - 1

    def cumulative(self, months: ArrayLike) -> FloatArray:
        """Integral of the rate up to calendar ``months`` (at least 0); not capped, any shape."""
        t = np.asarray(months, dtype=np.float64)
        j = self._piece(t)
        starts, rates = np.asarray(self.starts_months), np.asarray(self.rates_per_month)
        return np.asarray(self._at_starts()[j] + rates[j] * (t - starts[j]))

    def month_reaching(self, patients: ArrayLike) -> FloatArray:
        """First calendar month at which the cumulative accrual is ``patients`` (above 0)."""
        x = np.asarray(patients, dtype=np.float64)
        at_starts = self._at_starts()
        j = np.searchsorted(at_starts, x, side="left") - 1
        starts, rates = np.asarray(self.starts_months), np.asarray(self.rates_per_month)
        return np.asarray(starts[j] + (x - at_starts[j]) / rates[j])

    def intensity(self, months: ArrayLike) -> FloatArray:
        """Entries per month at calendar ``months`` ("poisson" and "uniform" arrivals).

        A Poisson arrival at s is among the first n with probability P(N(s) <= n - 1), the upper
        incomplete gamma ratio Q(n, cumulative(s)).
        """
        from scipy.special import gammaincc  # noqa: PLC0415 - slow to import

        rates = np.asarray(self.rates_per_month)[self._piece(months)]
        accrued = self.cumulative(months)
        if self.arrivals == "uniform":
            return np.where(accrued <= self.n_patients, rates, 0.0)
        return np.asarray(rates * gammaincc(self.n_patients, accrued))

    def expected_patients(self, calendar_months: ArrayLike) -> FloatArray:
        """Patients expected to have entered by ``calendar_months``, any shape."""
        if self.arrivals == "evenly_spaced":
            entries = self.month_reaching(np.arange(1, self.n_patients + 1))
            return np.searchsorted(entries, calendar_months, side="right").astype(np.float64)
        accrued = np.minimum(self.cumulative(calendar_months), np.finfo(np.float64).max)
        if self.arrivals == "uniform":
            return np.minimum(accrued, float(self.n_patients))
        return _capped_mean(self.n_patients, accrued)

    def last_entry_month(self) -> float:
        """Calendar month after which nobody enters (for "poisson", but for 1e-16 of chance)."""
        return float(self.entry_edges()[-1])

    def entry_edges(self) -> FloatArray:
        """Calendar months between which the intensity of entry is smooth, ending at the last."""
        if self.arrivals == "poisson":
            # Around the last arrivals the intensity falls like a normal distribution function of
            # standard deviation sqrt(n) patients: about one panel for each of them.
            from scipy.special import gammainccinv, gammaincinv  # noqa: PLC0415 - slow to import

            bounds = gammaincinv(self.n_patients, _TAIL), gammainccinv(self.n_patients, _TAIL)
            shoulder = self.month_reaching(np.linspace(*bounds, _SHOULDER_PANELS + 1))
        else:
            shoulder = self.month_reaching([self.n_patients])
        edges = np.concatenate([self.starts_months, shoulder])
        return np.unique(np.minimum(edges, shoulder[-1]))

    def quadrature(
        self, calendar_months: FloatArray, lags_months: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Nodes and weights of sums over entries ("poisson" and "uniform" arrivals).

        Parameters
        ----------
        calendar_months : array, shape (n_times,)
            Finite calendar months up to each of which to sum.
        lags_months : array, shape (n_lags,)
            Times since entry between which the function to sum is smooth, but at entry itself.

        Returns
        -------
        entries, weights : array, shape (n_times, n_nodes)
            Months of entry, and how many patients each stands for: Gauss-Legendre panels between
            changes of the intensity and of the function.
        """
        t = calendar_months[:, None]
        entry_edges = self.entry_edges()
        fixed = np.broadcast_to(entry_edges, (len(t), len(entry_edges)))
        halving = t * (1.0 - 0.5 ** np.arange(1, _HALVINGS + 1))
        edges = np.concatenate([fixed, t - lags_months, halving, t], axis=1)
        edges = np.sort(np.clip(edges, 0.0, np.minimum(t, entry_edges[-1])), axis=1)
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        half = np.diff(edges)[:, :, None] / 2.0
        entries = (edges[:, :-1, None] + half * (nodes + 1.0)).reshape(len(t), -1)
        return entries, (half * weights).reshape(len(t), -1) * self.intensity(entries)


def entry_month(accrual: Accrual, patient: int) -> float:
    """Month of the calendar in which a patient is expected to enter.

    Parameters
    ----------
    accrual : Accrual
        How patients enter.
    patient : int
        The patient's number in order of entry, from 1 to ``accrual.n_patients``.

    Returns
    -------
    float
        Months from the start of accrual. For "evenly_spaced" and "uniform" arrivals the month at
        which the cumulative accrual is ``patient``. For "poisson" the exact mean of the arrival
        time, the integral of P(N(s) <= patient - 1) over s, in closed form on each piece.

    Raises
    ------
    ValueError
        If there is no such patient.
    """
    if not 1 <= patient <= accrual.n_patients:
        raise ValueError(f"patient must be from 1 to {accrual.n_patients} (given: {patient})")
    if accrual.arrivals != "poisson":
        return float(accrual.month_reaching(patient))
    from scipy.special import gammaincc  # noqa: PLC0415 - slow to import

    starts = np.asarray(accrual.starts_months)
    rates = np.asarray(accrual.rates_per_month)
    accrued = accrual.cumulative(starts)
    # On a piece with a rate, ds = dx / rate with x the cumulative accrual; in a pause x stands.
    rise = np.diff(np.append(_capped_mean(patient, accrued), float(patient)))
    pause = np.diff(starts, append=starts[-1]) * gammaincc(patient, accrued)
    moving = rates > 0.0
    return float(np.sum(np.where(moving, rise / np.where(moving, rates, 1.0), pause)))


def _capped_mean(n: int, mean: FloatArray) -> FloatArray:
    """E[min(N, n)] for N Poisson with ``mean``, the integral of Q(n, x) for x from 0 to ``mean``.

    Integration by parts: mean * Q(n, mean) + n * P(n + 1, mean).
    """
    from scipy.special import gammainc, gammaincc  # noqa: PLC0415 - slow to import

    return np.asarray(mean * gammaincc(n, mean) + n * gammainc(n + 1, mean))
