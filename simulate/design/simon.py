"""Simon's two-stage designs: one arm, which stops after its first stage with few responders.

Of n1 patients in the first stage more than r1 must respond for n - n1 more to enter; of all n more
than r must respond for the null rate to be rejected (Simon, Controlled Clinical Trials 10, 1989,
1-10). Minimax: the fewest patients in all; optimal: the fewest expected at the null rate;
admissible: those that minimise ``w n + (1 - w) EN`` for a weight w (Jung, Lee, Kim and George,
Statistics in Medicine 23, 2004, 561-569).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simulate.design.arguments import check_power, check_whole
from simulate.design.one_proportion import ROUNDING, check_rates
from simulate.errors import DesignError
from simulate.scenario.hazards import FloatArray


class TwoStage(NamedTuple):
    """A two-stage design of one arm.

    Attributes
    ----------
    first_patients, first_responders : int
        n1 and r1: the trial stops after n1 patients with at most r1 responders.
    patients, responders : int
        n and r: after n patients the null rate is not rejected with at most r responders.
    alpha, power : float
        Probabilities of rejecting at the null and at the alternative rate.
    early_stop : float
        Probability of stopping after the first stage at the null rate.
    expected_patients : float
        Expected number of patients at the null rate.
    weight_from, weight_to : float
        Weights of the number of patients for which the design is the best; not numbers where
        several designs have not been compared.
    """

    first_patients: int
    first_responders: int
    patients: int
    responders: int
    alpha: float
    power: float
    early_stop: float
    expected_patients: float
    weight_from: float = np.nan
    weight_to: float = np.nan


def simon_designs(
    null_rate: float,
    alternative_rate: float,
    power: float,
    alpha: float = 0.025,
    max_patients: int = 100,
) -> list[TwoStage]:
    """Admissible two-stage designs, from the minimax to the optimal one.

    For each number of patients the design with the fewest expected ones counts; with several final
    limits that keep to power and alpha, the highest, which has the least alpha.

    Parameters
    ----------
    null_rate, alternative_rate : float
        Rates of response, strictly between 0 and 1, the second the higher one.
    power : float
        Least probability of rejecting at the alternative rate, above ``alpha``.
    alpha : float
        Largest probability of rejecting at the null rate.
    max_patients : int
        Designs of more patients are not looked at, 2 to 300.

    Returns
    -------
    list of TwoStage
        In order of their number of patients: the first is minimax, the last optimal among those
        looked at; a single one is both.

    Raises
    ------
    DesignError
        If a value is out of its range, or no design of at most ``max_patients`` keeps to power and
        alpha.
    """
    check_rates(null_rate, alternative_rate)
    check_power(power, alpha)
    check_whole(2, max_patients=max_patients)
    if max_patients > 300:
        raise DesignError(
            "max_patients", "must be at most 300, as the search is slow", max_patients
        )
    best: list[TwoStage] = []
    for design in _best_of_each_size(null_rate, alternative_rate, power, alpha, int(max_patients)):
        if not best or design.expected_patients < best[-1].expected_patients:
            best.append(design)
    if not best:
        raise DesignError(
            "max_patients",
            f"must be more: no two-stage design has a power of {power:g} at alpha {alpha:g}",
            max_patients,
        )
    return _with_weights(_lower_hull(best))


def two_stage(
    first_patients: int,
    first_responders: int,
    patients: int,
    responders: int,
    null_rate: float,
    alternative_rate: float,
) -> TwoStage:
    """Operating characteristics of a two-stage design that is given.

    Parameters
    ----------
    first_patients, first_responders, patients, responders : int
        n1, r1, n and r as in `TwoStage`, with 0 <= r1 < n1 < n and r1 <= r < n.
    null_rate, alternative_rate : float
        Rates of response, strictly between 0 and 1, the second the higher one.

    Returns
    -------
    TwoStage
        Without weights.

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    check_rates(null_rate, alternative_rate)
    check_whole(0, first_responders=first_responders)
    check_whole(first_responders + 1, first_patients=first_patients)
    check_whole(first_patients + 1, patients=patients)
    check_whole(first_responders, responders=responders)
    if responders >= patients:
        raise DesignError("responders", f"must be below the patients, {patients}", responders)
    n1, r1, n, r = first_patients, first_responders, patients, responders
    null, alternative = (
        _rejecting(_Binomial(n, rate), n1, n)[r1, r] for rate in (null_rate, alternative_rate)
    )
    stop = float(_Binomial(n, null_rate).mass[n1, : r1 + 1].sum())
    return TwoStage(n1, r1, n, r, float(null), float(alternative), stop, n - stop * (n - n1))


class _Binomial:
    """Binomial distributions of 0 to ``most`` patients at one rate.

    Attributes
    ----------
    mass : array, shape (most + 1, most + 1)
        Probability of x responders of n patients at [n, x].
    above : array, shape (most + 1, 2 * most + 1)
        Probability of more than k responders of n patients at [n, k + most].
    """

    def __init__(self, most: int, rate: float) -> None:
        from scipy.special import bdtr, bdtrc  # noqa: PLC0415 - slow to import

        n, k = np.arange(most + 1)[:, None], np.arange(most + 1)
        inside = k < n
        above = np.where(inside, bdtrc(np.minimum(k, n), np.maximum(n, 1), rate), 0.0)
        below = np.where(inside, bdtr(np.minimum(k, n), np.maximum(n, 1), rate), 1.0)
        self.mass = np.diff(below, axis=1, prepend=0.0)
        self.above = np.concatenate([np.ones((most + 1, most)), above], axis=1)
        self.most = most


def _rejecting(binomial: _Binomial, n1: int, n: int) -> FloatArray:
    """Probability of rejecting at [r1, r], r1 below ``n1`` and r below ``n``.

    Sum over x > r1 responders of the first stage of the probability of x times that of more than
    r - x in the second.
    """
    x, r = np.arange(n1 + 1)[:, None], np.arange(n)
    joint = binomial.mass[n1, : n1 + 1, None] * binomial.above[n - n1, r - x + binomial.most]
    return np.cumsum(joint[:0:-1], axis=0)[::-1]


def _best_of_each_size(
    null_rate: float, alternative_rate: float, power: float, alpha: float, most: int
) -> Iterator[TwoStage]:
    """Design with the fewest expected patients for each number of patients that has one."""
    null, alternative = _Binomial(most, null_rate), _Binomial(most, alternative_rate)
    for n in range(2, most + 1):
        best: TwoStage | None = None
        for n1 in range(1, n):
            if best is not None and n1 >= best.expected_patients:
                break
            rejecting = _rejecting(alternative, n1, n)
            # It falls with r: so many limits keep to the power.
            enough = np.sum(rejecting >= power - ROUNDING, axis=1)
            r1 = np.arange(n1)[enough > np.arange(n1)]
            if not len(r1):
                continue
            r = enough[r1] - 1
            level = _rejecting(null, n1, n)[r1, r]
            stop = np.cumsum(null.mass[n1])[r1]
            expected = np.where(level <= alpha + ROUNDING, n - stop * (n - n1), np.inf)
            k = int(np.argmin(expected))
            if expected[k] < (np.inf if best is None else best.expected_patients):
                best = TwoStage(
                    n1,
                    int(r1[k]),
                    n,
                    int(r[k]),
                    float(level[k]),
                    float(rejecting[r1[k], r[k]]),
                    float(stop[k]),
                    float(expected[k]),
                )
        if best is not None:
            yield best


def _lower_hull(designs: list[TwoStage]) -> list[TwoStage]:
    """Designs that minimise a weighted mean of patients and expected patients, in their order."""
    hull: list[TwoStage] = []
    for design in designs:
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], design):
            hull.pop()
        hull.append(design)
    return hull


def _slope(one: TwoStage, other: TwoStage) -> float:
    """Expected patients lost, negative, for each patient more."""
    return (other.expected_patients - one.expected_patients) / (other.patients - one.patients)


def _with_weights(designs: list[TwoStage]) -> list[TwoStage]:
    """Say for which weights of the number of patients each design is the best."""
    between = [
        -slope / (1.0 - slope) for slope in (_slope(one, other) for one, other in pairwise(designs))
    ]
    limits = [1.0, *between, 0.0]
    return [
        design._replace(weight_from=limits[j + 1], weight_to=limits[j])
        for j, design in enumerate(designs)
    ]
