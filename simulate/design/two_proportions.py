"""Size and power of a comparison of two proportions.

The difference of the observed proportions is judged by its standard error under the null
hypothesis: at the most likely rates with the null difference (Farrington and Manning, Statistics in
Medicine 9, 1990, 1447-1454), which for a null difference of 0 is the pooled rate; or, unpooled, by
that at the assumed rates.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from simulate.design.arguments import check_open_probability, check_positive
from simulate.design.normal_power import NormalTest
from simulate.design.proportions import restricted_rate
from simulate.errors import DesignError

ProportionMethod = Literal["farrington_manning", "unpooled"]


def two_proportions_test(
    control_rate: float,
    experimental_rate: float,
    ratio: float = 1.0,
    null_difference: float = 0.0,
    method: ProportionMethod = "farrington_manning",
) -> NormalTest:
    """Test of the difference of two proportions, by the number of patients of both arms.

    Parameters
    ----------
    control_rate, experimental_rate : float
        Assumed rates, strictly between 0 and 1; the higher one is the better.
    ratio : float
        Experimental patients to one control patient.
    null_difference : float
        Experimental less control rate under the null hypothesis, above -1 and below 1; negative
        for non-inferiority.
    method : {"farrington_manning", "unpooled"}
        Standard error under the null hypothesis.

    Returns
    -------
    NormalTest
        Its ``n`` is the number of patients of both arms.

    Raises
    ------
    DesignError
        If a number is out of its range.
    """
    check_open_probability(control_rate=control_rate, experimental_rate=experimental_rate)
    check_positive(ratio=ratio)
    if not -1.0 < null_difference < 1.0:
        raise DesignError("null_difference", "must be above -1 and below 1", null_difference)
    if method not in get_args(ProportionMethod):
        raise DesignError(
            "method", f"must be one of {', '.join(get_args(ProportionMethod))}", method
        )
    experimental = ratio / (1.0 + ratio)
    control = 1.0 - experimental

    def error(rate_control: float, rate_experimental: float) -> float:
        variance = rate_control * (1.0 - rate_control) / control
        return math.sqrt(variance + rate_experimental * (1.0 - rate_experimental) / experimental)

    assumed = null = error(control_rate, experimental_rate)
    if method == "farrington_manning":
        null = error(*_restricted_rates(control_rate, experimental_rate, control, null_difference))
    return NormalTest(experimental_rate - control_rate - null_difference, null, assumed)


def _restricted_rates(
    control_rate: float, experimental_rate: float, control: float, difference: float
) -> tuple[float, float]:
    """Most likely rates of control and experimental arm with a given difference."""
    responders = control_rate * control, experimental_rate * (1.0 - control)
    arms = (responders[0], control), (responders[1], 1.0 - control)
    low, high = arms if difference >= 0.0 else arms[::-1]
    sizes = (np.array([value]) for value in (abs(difference), *low, *high))
    rate = float(restricted_rate(*sizes)[0])
    rates = rate, rate + abs(difference)
    return rates if difference >= 0.0 else rates[::-1]
