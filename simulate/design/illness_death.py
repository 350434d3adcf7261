"""Closed forms of the illness-death process with constant hazards.

Patients progress at rate h01, die before it at rate h02 and after it at rate h12, all per month.
PFS ends with progression or death, OS with death.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulate.scenario.hazards import FloatArray


def pfs_survival(months: Any, h01: float, h02: float) -> FloatArray:
    """P(PFS > t) = exp(-(h01 + h02) t), of the shape of ``months``."""
    return np.asarray(np.exp(-(h01 + h02) * np.asarray(months, dtype=np.float64)))


def os_survival(months: Any, h01: float, h02: float, h12: float) -> FloatArray:
    """P(OS > t) = exp(-h t) + h01 / (h12 - h) (exp(-h t) - exp(-h12 t)), h being h01 + h02.

    Parameters
    ----------
    months : array_like
        Months from randomisation, any shape.
    h01, h02, h12 : float
        Hazards per month, not negative.

    Returns
    -------
    array
        Of the shape of ``months``. With h12 = h the second term is its limit, h01 t exp(-h t).

    References
    ----------
    Meller, Beyersmann and Rufibach (2019), Statistics in Medicine 38:4270.
    """
    t = np.asarray(months, dtype=np.float64)
    slower, apart = min(h01 + h02, h12), abs(h12 - h01 - h02)
    # (1 - exp(-apart t)) / apart, with its limit t.
    rise = -np.expm1(-apart * t) / apart if apart > 0.0 else t
    return np.asarray(pfs_survival(t, h01, h02) + h01 * np.exp(-slower * t) * rise)


def correlation(h01: float, h02: float, h12: float) -> float:
    """Pearson's correlation of PFS and OS, h12 / sqrt(h01**2 + 2 h01 h02 + h12**2).

    With h = h01 + h02, OS is PFS plus, with probability h01 / h and independently of PFS, a time of
    rate h12. Hence Cov(PFS, OS) = Var(PFS) = 1 / h**2, and Var(OS) = 1 / h**2 + (2 q - q**2) /
    h12**2 with q = h01 / h; the ratio is the formula, as in Fleischer, Gaschler-Markefski and
    Bluhmki (2009), Statistics in Medicine 28:2669.
    """
    return h12 / math.sqrt(h01 * h01 + 2.0 * h01 * h02 + h12 * h12)


def probability_equal(h01: float, h02: float) -> float:
    """P(PFS = OS): death before progression."""
    return h02 / (h01 + h02)
