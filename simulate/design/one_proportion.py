"""Exact tests of one proportion: a single arm of patients, responders counted, one look.

The null hypothesis that the rate is at most ``null_rate`` is rejected with at least r responders of
n, r being the smallest number whose probability at the null rate is at most alpha (Fleming,
Biometrics 38, 1982, 143-151; A'Hern, Statistics in Medicine 20, 2001, 859-866). Because responders
are whole, the power does not rise with every patient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulate.design.arguments import (
    check_level,
    check_open_probability,
    check_power,
    check_whole,
)
from simulate.errors import DesignError

# A probability that equals its limit but for rounding keeps it.
ROUNDING = 1e-12


class SingleArm(NamedTuple):
    """A single arm and its exact test.

    Attributes
    ----------
    patients : int
        Patients.
    responders : int
        Responders from which on the null hypothesis is rejected; one more than the patients where
        no number of responders rejects it.
    alpha : float
        Probability of rejecting at the null rate.
    power : float
        Probability of rejecting at the alternative rate.
    """

    patients: int
    responders: int
    alpha: float
    power: float


class SingleArmSize(NamedTuple):
    """Smallest designs with a power.

    Attributes
    ----------
    smallest : SingleArm
        With the fewest patients.
    lasting : SingleArm
        With the fewest patients from which on more never bring the power below the one asked for,
        looked at up to twice the patients of ``smallest`` and 50.
    """

    smallest: SingleArm
    lasting: SingleArm


def single_arm(
    patients: int, null_rate: float, alternative_rate: float, alpha: float = 0.025
) -> SingleArm:
    """Exact test of one proportion with a number of patients.

    Parameters
    ----------
    patients : int
        At least 1.
    null_rate, alternative_rate : float
        Rates of response, strictly between 0 and 1, the second the higher one.
    alpha : float
        One-sided level, which the probability of rejecting at the null rate does not exceed.

    Returns
    -------
    SingleArm

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    check_whole(1, patients=patients)
    check_rates(null_rate, alternative_rate)
    check_level(alpha)
    return _exact(int(patients), null_rate, alternative_rate, alpha)


def single_arm_size(
    null_rate: float,
    alternative_rate: float,
    power: float,
    alpha: float = 0.025,
    max_patients: int = 2000,
) -> SingleArmSize:
    """Fewest patients with which an exact test of one proportion has a power.

    Parameters
    ----------
    null_rate, alternative_rate, alpha
        As in `single_arm`.
    power : float
        Probability of rejecting at the alternative rate, above ``alpha``.
    max_patients : int
        More are not looked at.

    Returns
    -------
    SingleArmSize

    Raises
    ------
    DesignError
        If a value is out of its range, or ``max_patients`` do not give the power.
    """
    check_rates(null_rate, alternative_rate)
    check_power(power, alpha)
    check_whole(1, max_patients=max_patients)

    def enough(design: SingleArm) -> bool:
        return design.power >= power - ROUNDING

    tests = (_exact(n, null_rate, alternative_rate, alpha) for n in range(1, max_patients + 1))
    smallest = next(filter(enough, tests), None)
    if smallest is None:
        raise DesignError(
            "max_patients", f"must be more: so many do not give a power of {power:g}", max_patients
        )
    lasting = smallest
    for n in range(smallest.patients + 1, 2 * smallest.patients + 50):
        design = _exact(n, null_rate, alternative_rate, alpha)
        if not enough(design):
            lasting = _exact(n + 1, null_rate, alternative_rate, alpha)
    return SingleArmSize(smallest, lasting)


def check_rates(null_rate: float, alternative_rate: float) -> None:
    """Refuse rates that are no probabilities or not in their order."""
    check_open_probability(null_rate=null_rate, alternative_rate=alternative_rate)
    if alternative_rate <= null_rate:
        raise DesignError(
            "alternative_rate", f"must be above the null rate, {null_rate:g}", alternative_rate
        )


def _exact(n: int, null_rate: float, alternative_rate: float, alpha: float) -> SingleArm:
    """Test with ``n`` patients."""
    from scipy.special import bdtrc  # noqa: PLC0415 - slow to import

    # Probabilities of more than 0, 1, …, n - 1 responders, and of more than all.
    tails = np.append(bdtrc(np.arange(n), n, null_rate), 0.0)
    most = int(np.argmax(tails <= alpha + ROUNDING))
    power = float(bdtrc(most, n, alternative_rate)) if most < n else 0.0
    return SingleArm(n, most + 1, float(tails[most]), power)
