"""Power and size of a test whose statistic is about normal: one formula for all of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulate.design.arguments import check_favourable, check_level, check_positive, check_power
from simulate.errors import DesignError


class NormalTest(NamedTuple):
    """An estimate that is about normal, and the standard error at which it is judged.

    The test rejects if the estimate exceeds ``null_sd / sqrt(n)`` times the normal quantile of 1
    less alpha, while its standard error is ``sd / sqrt(n)``.

    Attributes
    ----------
    effect : float
        What the estimate is of, less its value under the null hypothesis; positive favours the
        experimental arm.
    null_sd, sd : float
        Standard errors with one patient, under the null and under the alternative hypothesis. Per
        event where the number of events takes the place of that of patients.
    """

    effect: float
    null_sd: float
    sd: float

    def critical_z(self, alpha: float) -> float:
        """The z, by the null standard error, above which it rejects at one-sided ``alpha``."""
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        check_level(alpha)
        return -float(ndtri(alpha))

    def power(self, n: float, alpha: float) -> float:
        """Probability of rejecting with ``n`` patients (or events) at one-sided ``alpha``."""
        from scipy.special import ndtr  # noqa: PLC0415 - slow to import

        check_positive(n=n)
        critical = self.critical_z(alpha) * self.null_sd
        return float(ndtr((self.effect * math.sqrt(n) - critical) / self.sd))

    def n_for(self, power: float, alpha: float) -> float:
        """Patients (or events), not rounded, with which the test has ``power``.

        Raises
        ------
        DesignError
            If the effect is against the experimental arm or none, or a probability out of range.
        """
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        check_power(power, alpha)
        check_favourable(self.effect, power)
        distance = self.critical_z(alpha) * self.null_sd + float(ndtri(power)) * self.sd
        if not distance > 0.0:
            raise DesignError("power", "must be greater: a single patient gives it", power)
        return (distance / self.effect) ** 2


def whole_number_of(n: float) -> int:
    """Whole number of at least ``n``; what exceeds one by rounding only is not rounded up.

    By rounding only: by a part of 1e-12, and by a millionth at most.
    """
    return math.ceil(n - min(1e-12 * n, 1e-6))


def rounded_up(n: float, ratio: float) -> int:
    """Whole number of patients of at least ``n`` that the allocation ratio divides evenly.

    With a ratio a / b of whole numbers (a + b at most 12) a multiple of a + b; with any other ratio
    the next whole number. What exceeds a whole number by rounding only is not rounded up.
    """
    from fractions import Fraction  # noqa: PLC0415 - slow to import

    simple = Fraction(ratio).limit_denominator(12)
    block = simple.numerator + simple.denominator
    if abs(float(simple) - ratio) > 1e-9 * ratio or block > 12:
        block = 1
    return whole_number_of(n / block) * block
