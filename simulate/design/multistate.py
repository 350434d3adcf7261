"""What a multi-state model of the disease implies on the latent scale: PFS, OS and response.

A patient starts stable and may respond; progression is entered from either, death from all three.
Each transition has a cumulative hazard over its own clock: months from randomisation ("forward"),
or months since the state was entered ("reset"). From the stable state the two are one.

With S0(t) = exp(-(H_sr + H_sp + H_sd)(t)), the responses fall as dR = S0 dH_sr, and a patient who
responded at r is still in response at t with probability g(t - r) D(t) / D(r), g being what the
reset clocks leave of it and D what the forward ones do. So the occupancy of a state is a sum over
the times of entry, and the flow out of it is the flow into the next (Andersen and Keiding 2002,
Statistical Methods in Medical Research 11:91, for the model; the sums are the definition).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from simulate.scenario.hazards import FloatArray
from simulate.scenario.states import (
    ENSEMBLE_MONTHS,
    PROGRESSION_TO_DEATH,
    RESPONSE_TO_DEATH,
    RESPONSE_TO_PROGRESSION,
    STABLE_TO_DEATH,
    STABLE_TO_PROGRESSION,
    STABLE_TO_RESPONSE,
    TRANSITIONS,
)

Clock = Literal["reset", "forward"]
# Months (T,) to cumulative hazards, (T,) or (M, T): a member's own in each row.
Cumulative = Callable[[FloatArray], FloatArray]

# Members worked on at a time: their arrays stay in the cache.
_MEMBERS = 64


@dataclass(frozen=True)
class WeibullHazards:
    """Cumulative hazards ``cumulative_12 * (t / 12) ** shape``, one a member.

    Parameters
    ----------
    shape : FloatArray, shape (M,)
        Weibull shapes, above 0; 1 for constant hazards.
    cumulative_12 : FloatArray, shape (M,)
        Cumulative hazard at 12 months, not negative; 0 for a transition that never happens.
    """

    shape: FloatArray
    cumulative_12: FloatArray

    def __call__(self, months: FloatArray) -> FloatArray:
        """Cumulative hazards, (M, T), at ``months``, (T,)."""
        clock = np.asarray(months) / ENSEMBLE_MONTHS
        return np.asarray(self.cumulative_12[:, None] * clock ** self.shape[:, None])


class Occupancy(NamedTuple):
    """Where the patients of M members are over time.

    Attributes
    ----------
    months : FloatArray, shape (T,)
        Months from randomisation, from 0, evenly spaced.
    stable, response, progressed : FloatArray, shape (M, T)
        Probability of being alive in the state.
    responded : FloatArray, shape (M, T)
        Probability of having entered response by then.
    """

    months: FloatArray
    stable: FloatArray
    response: FloatArray
    progressed: FloatArray
    responded: FloatArray

    @property
    def pfs(self) -> FloatArray:
        """Probability of being alive without progression, (M, T)."""
        return self.stable + self.response

    @property
    def os(self) -> FloatArray:
        """Probability of being alive, (M, T)."""
        return self.stable + self.response + self.progressed

    def at(self, curves: FloatArray, months: Any) -> FloatArray:
        """Values of ``curves`` (M, T) at ``months`` (K,), straight between the grid's: (M, K)."""
        wanted = np.atleast_1d(np.asarray(months, dtype=np.float64))
        if not np.all((wanted >= 0.0) & (wanted <= self.months[-1])):
            raise ValueError(f"months must be 0 to {self.months[-1]:g} (given: {months})")
        return np.stack([np.interp(wanted, self.months, curve) for curve in curves])

    def quantile(self, curves: FloatArray, survival: float = 0.5) -> FloatArray:
        """Months (M,) at which falling ``curves`` reach ``survival``; infinite if they do not.

        Straight in the logarithm between the months of the grid, as under a constant hazard.
        """
        return np.array([_reached(self.months, curve, survival) for curve in curves])


def occupancy(
    transitions: Mapping[str, Cumulative],
    *,
    clocks: Mapping[str, Clock] | None = None,
    horizon_months: float = 120.0,
    steps_per_month: int = 16,
) -> Occupancy:
    """Probabilities of the states over time, for all members at once.

    Parameters
    ----------
    transitions : mapping of str to callable
        Cumulative hazards by the names in `TRANSITIONS`; those left out never happen.
        `WeibullHazards`, or the ``cumulative`` of a `Hazard`.
    clocks : mapping of str to {"reset", "forward"}, optional
        Clocks of transitions out of response and progression; "reset" where nothing is said.
    horizon_months : float
        Last month of the grid, rounded up to a step.
    steps_per_month : int
        Steps of the grid.

    Returns
    -------
    Occupancy
        Constant hazards are met to 1e-6, Weibull shapes of 0.6 and more to 1e-4, and shapes down
        to 0.3 to 3e-4 from the first month on (1e-3 within it, where hazards that are infinite at 0
        meet). Halving the step halves the error or better. These are distances from nested adaptive
        quadrature and from steps of 1/128 month, at hazards such as published trials have.

    Raises
    ------
    ValueError
        If a transition's or clock's name is unknown, or members are not equally many.
    """
    unknown = (set(transitions) | set(clocks or {})) - set(TRANSITIONS)
    if unknown:
        raise ValueError(f"transitions must be of {TRANSITIONS} (given: {sorted(unknown)})")
    months = np.arange(np.ceil(horizon_months * steps_per_month) + 1.0) / steps_per_month
    hazards = {name: np.atleast_2d(hazard(months)) for name, hazard in transitions.items()}
    sizes = {len(values) for values in hazards.values()} - {1}
    if len(sizes) > 1:
        raise ValueError(f"members must be equally many (given: {sorted(sizes)})")
    members = max(sizes, default=1)
    full = {name: np.broadcast_to(v, (members, len(months))) for name, v in hazards.items()}
    parts = [
        _of_members({name: v[i : i + _MEMBERS] for name, v in full.items()}, clocks or {}, months)
        for i in range(0, members, _MEMBERS)
    ]
    return Occupancy(months, *(np.concatenate(curves) for curves in zip(*parts, strict=True)))


def _of_members(
    hazards: Mapping[str, FloatArray], clocks: Mapping[str, Clock], months: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Curves of stable, response, progressed and responded, each (m, T)."""
    none = np.zeros_like(next(iter(hazards.values()), months[None, :]))
    cumulative = {name: hazards.get(name, none) for name in TRANSITIONS}

    leaving = [cumulative[n] for n in (STABLE_TO_RESPONSE, STABLE_TO_PROGRESSION, STABLE_TO_DEATH)]
    stable = np.exp(-sum(leaving, none))
    responding = _share_of(stable, leaving[0], leaving)
    progressing = _share_of(stable, leaving[1], leaving)
    responded = np.concatenate([none[:, :1], np.cumsum(responding, axis=1)], axis=1)

    out = (RESPONSE_TO_PROGRESSION, RESPONSE_TO_DEATH)
    reset, forward = _by_clock(cumulative, clocks, out, none)
    response = _stay(responding, np.exp(-reset), forward)
    if clocks.get(RESPONSE_TO_PROGRESSION, "reset") == "reset":
        ended = _share_of(np.exp(-reset), cumulative[RESPONSE_TO_PROGRESSION], [reset])
        gone = np.concatenate([none[:, :1], np.cumsum(ended, axis=1)], axis=1)
        progressing = progressing + _flow(responding, gone, forward)
    else:
        growth = np.diff(cumulative[RESPONSE_TO_PROGRESSION], axis=1)
        progressing = progressing + _middle(response) * growth

    reset, forward = _by_clock(cumulative, clocks, (PROGRESSION_TO_DEATH,), none)
    progressed = _stay(progressing, np.exp(-reset), forward)
    return stable, response, progressed, responded


def _by_clock(
    cumulative: Mapping[str, FloatArray],
    clocks: Mapping[str, Clock],
    names: tuple[str, ...],
    none: FloatArray,
) -> tuple[FloatArray, FloatArray | None]:
    """Cumulative hazards on the reset clocks and on the forward ones; None if there are none."""
    forward = [cumulative[name] for name in names if clocks.get(name) == "forward"]
    reset = [cumulative[name] for name in names if clocks.get(name) != "forward"]
    return sum(reset, none), (sum(forward, none) if forward else None)


def _share_of(survival: FloatArray, one: FloatArray, hazards: list[FloatArray]) -> FloatArray:
    """What leaves in each step by one of several hazards, (m, T - 1).

    The loss of the step in proportion to the growth of the cumulative hazards: exact if they are
    proportional to each other within it.
    """
    growth = np.diff(sum(hazards, np.zeros_like(one)), axis=1)
    share = np.divide(np.diff(one, axis=1), growth, out=np.zeros_like(growth), where=growth > 0.0)
    return np.asarray(-np.diff(survival, axis=1) * share)


def _stay(entering: FloatArray, left: FloatArray, forward: FloatArray | None) -> FloatArray:
    """Occupancy (m, T) of a state entered by ``entering`` (m, T - 1) in each step.

    ``left`` (m, T) is the share still there so long after entry by the reset clocks, ``forward``
    the cumulative hazard of the others. Entries of a step count half at either end of it.
    """
    if forward is None:
        sums = _convolve(entering, _middle(left))
    else:
        sums = _carry(entering, _middle(left), forward, to_middle=False)
    return np.concatenate([np.zeros_like(left[:, :1]), sums], axis=1)


def _flow(entering: FloatArray, gone: FloatArray, forward: FloatArray | None) -> FloatArray:
    """What leaves in each step (m, T - 1), ``gone`` (m, T) being the share so long after entry."""
    kernel = np.diff(_middle(gone), axis=1, prepend=0.0)
    if forward is None:
        return _convolve(entering, kernel)
    return _carry(entering, kernel, forward, to_middle=True)


def _middle(curve: FloatArray) -> FloatArray:
    """Means of neighbouring values."""
    return np.asarray(0.5 * (curve[:, :-1] + curve[:, 1:]))


def _convolve(entering: FloatArray, kernel: FloatArray) -> FloatArray:
    """Sum over j of entering[j] kernel[i - j], (m, n) each, in the order of a Fourier transform."""
    n = entering.shape[1]
    size = 1 << (2 * n - 1).bit_length()
    product = np.fft.rfft(entering, size) * np.fft.rfft(kernel, size)
    return np.asarray(np.fft.irfft(product, size)[:, :n])


def _carry(
    entering: FloatArray, kernel: FloatArray, forward: FloatArray, *, to_middle: bool
) -> FloatArray:
    """The same with each entry thinned by the forward hazard, from the middle of its step on.

    To the end of step i, or to its middle. Step by step: the exponential of a long forward hazard,
    divided out, would overflow.
    """
    halves, weights = np.exp(-0.5 * np.diff(forward, axis=1)).T, np.ascontiguousarray(kernel.T)
    inside, out = np.zeros_like(weights), np.empty_like(weights)
    for i in range(len(out)):
        inside[:i] *= halves[i]
        inside[i] = entering[:, i]
        if to_middle:
            out[i] = np.einsum("jm,jm->m", inside[: i + 1], weights[i::-1])
        inside[: i + 1] *= halves[i]
        if not to_middle:
            out[i] = np.einsum("jm,jm->m", inside[: i + 1], weights[i::-1])
    return np.asarray(out.T)


def _reached(months: FloatArray, curve: FloatArray, survival: float) -> float:
    """Month at which a decreasing curve is ``survival``; infinite if it stays above it."""
    after = int(np.argmax(curve <= survival))
    if curve[after] > survival:
        return np.inf
    if after == 0:
        return float(months[0])
    upper, lower = curve[after - 1], curve[after]
    if lower <= 0.0:
        share = (upper - survival) / (upper - lower)
    else:
        share = np.log(upper / survival) / np.log(upper / lower)
    return float(months[after - 1] + share * (months[after] - months[after - 1]))
