"""A two-arm trial with an event time as closed forms see it: entry, hazards, calendar of the look.

Patients enter at rates that change in steps, as a fluid; numbers of patients need not be whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulate.design.arguments import (
    check_not_negative,
    check_positive,
    check_steps,
    listed,
)
from simulate.errors import DesignError
from simulate.scenario.hazards import FloatArray, Hazard

# Times that differ by less are better taken for one.
MOST_SHAPE = 100.0


def exponential(*, median_months: float) -> Hazard:
    """Hazard of exponential times with a median, in months."""
    check_positive(median_months=median_months)
    return Hazard(1.0, 1.0, (0.0,), (math.log(2.0) / median_months,))


def piecewise_exponential(
    rates_per_month: Sequence[float], from_months: Sequence[float] = (0.0,)
) -> Hazard:
    """Hazard that changes in steps: ``rates_per_month[j]`` from month ``from_months[j]`` on."""
    check_steps("from_months", from_months, "rates_per_month", rates_per_month)
    _check_rates("rates_per_month", rates_per_month)
    return Hazard(1.0, 1.0, tuple(from_months), tuple(rates_per_month))


def weibull(*, shape: float, median_months: float) -> Hazard:
    """Hazard of Weibull times, ``S(t) = exp(-log(2) (t / median) ** shape)``."""
    check_positive(shape=shape, median_months=median_months)
    if shape > MOST_SHAPE:
        raise DesignError("shape", f"must be at most {MOST_SHAPE:g}", shape)
    return Hazard(shape, median_months * math.log(2.0) ** (-1.0 / shape), (0.0,), (1.0,))


@dataclass(frozen=True)
class Entry:
    """Entry of patients at rates that change in steps, until accrual ends.

    Parameters
    ----------
    accrual_months : float
        Calendar months in which patients enter, greater than 0.
    rates_per_month : sequence of float
        Patients per month, or anything proportional to it where the number of patients is solved
        for. Zero is a pause.
    from_months : sequence of float
        Calendar months at which each rate begins; the first is 0, the rest increase.

    Raises
    ------
    DesignError
        If one of these conditions does not hold, or nobody enters.
    """

    accrual_months: float
    rates_per_month: tuple[float, ...] = (1.0,)
    from_months: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        check_positive(accrual_months=self.accrual_months)
        check_steps("from_months", self.from_months, "rates_per_month", self.rates_per_month)
        _check_rates("rates_per_month", self.rates_per_month)
        if not self.patients > 0.0:
            given = listed(self.rates_per_month)
            raise DesignError("rates_per_month", "must let patients enter during accrual", given)

    def _edges(self) -> FloatArray:
        """Months at which the rates begin and the last one ends."""
        return np.append(np.minimum(self.from_months, self.accrual_months), self.accrual_months)

    def entered(self, calendar_months: float | FloatArray) -> FloatArray:
        """Patients who have entered by calendar months; any shape."""
        edges = self._edges()
        rise = np.diff(edges) * np.asarray(self.rates_per_month)
        heights = np.append(0.0, np.cumsum(rise))
        # Rates that would begin after accrual have no width.
        _, distinct = np.unique(edges, return_index=True)
        return np.asarray(np.interp(calendar_months, edges[distinct], heights[distinct]))

    @property
    def patients(self) -> float:
        """Patients at the end of accrual."""
        return float(self.entered(self.accrual_months))

    @property
    def first_month(self) -> float:
        """Calendar month from which on patients enter."""
        rates = zip(self.from_months, self.rates_per_month, strict=True)
        return next(start for start, rate in rates if rate > 0.0)

    def lasting(self, accrual_months: float) -> Entry:
        """Return the same rates until another month."""
        return replace(self, accrual_months=accrual_months)

    def bringing(self, patients: float) -> Entry:
        """Return rates in the same proportions that bring in so many patients."""
        factor = patients / self.patients
        return replace(self, rates_per_month=tuple(rate * factor for rate in self.rates_per_month))

    def until(self, patients: float) -> Entry:
        """Return the same rates until so many patients have entered, but no shorter accrual."""
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

        longer = self
        while longer.patients < patients:
            longer = longer.lasting(2.0 * longer.accrual_months)

        def surplus(months: float) -> float:
            return self.lasting(months).patients - patients

        low, high = self.accrual_months, longer.accrual_months
        if low == high:
            return self
        return self.lasting(float(brentq(surplus, low, high, xtol=1e-12)))


@dataclass(frozen=True)
class Stratum:
    """Hazards of both arms in one stratum.

    Parameters
    ----------
    control, experimental : Hazard
        Hazards of the event.
    dropout_control, dropout_experimental : Hazard or None
        Hazards of dropping out; None: nobody does.
    share : float
        Patients of the stratum among all, above 0; shares are divided by their sum.

    Raises
    ------
    DesignError
        If the share is not greater than 0.
    """

    control: Hazard
    experimental: Hazard
    dropout_control: Hazard | None = None
    dropout_experimental: Hazard | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        check_positive(share=self.share)

    def hazards(self) -> list[Hazard]:
        """All of them."""
        hazards = (
            self.control,
            self.experimental,
            self.dropout_control,
            self.dropout_experimental,
        )
        return [hazard for hazard in hazards if hazard is not None]


@dataclass(frozen=True)
class TwoArms:
    """What is assumed of a trial with two arms at one look.

    Parameters
    ----------
    strata : tuple of Stratum
        At least one.
    entry : Entry
        How patients of the whole trial enter.
    follow_up_months : float
        From the end of accrual to the look; negative for a look while patients still enter.
    ratio : float
        Experimental patients to one control patient.

    Raises
    ------
    DesignError
        If a number is out of its range or nobody is followed at the look.
    """

    strata: tuple[Stratum, ...]
    entry: Entry
    follow_up_months: float
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_positive(ratio=self.ratio)
        if not self.strata:
            raise DesignError("strata", "must be at least one", "none")
        if not math.isfinite(self.follow_up_months):
            raise DesignError("follow_up_months", "must be finite", self.follow_up_months)
        if not self.study_months > self.entry.first_month:
            raise DesignError(
                "follow_up_months",
                "must leave time between the first patient and the look",
                self.follow_up_months,
            )

    @property
    def study_months(self) -> float:
        """Calendar month of the look, from the start of accrual."""
        return self.entry.accrual_months + self.follow_up_months

    @property
    def share_experimental(self) -> float:
        """Experimental patients among all."""
        return self.ratio / (1.0 + self.ratio)

    def followed(self, follow_up_months: float) -> TwoArms:
        """Return the same trial with the look at another time after accrual."""
        return replace(self, follow_up_months=follow_up_months)

    def with_experimental(self, of: Callable[[Stratum], Hazard]) -> TwoArms:
        """Return the same trial with another experimental hazard in each stratum."""
        strata = tuple(replace(stratum, experimental=of(stratum)) for stratum in self.strata)
        return replace(self, strata=strata)


def two_arm_trial(
    *,
    hazard_ratio: float | Sequence[float],
    accrual_months: float,
    follow_up_months: float,
    control_median_months: float | None = None,
    control_shape: float = 1.0,
    control_rate_per_month: float | Sequence[float] | None = None,
    control_from_months: Sequence[float] = (0.0,),
    hazard_ratio_from_months: Sequence[float] = (0.0,),
    dropout_rate_per_month: float = 0.0,
    accrual_rate_per_month: float | Sequence[float] = 1.0,
    accrual_from_months: Sequence[float] = (0.0,),
    ratio: float = 1.0,
) -> TwoArms:
    """Trial without strata, from its figures.

    Where there may be several figures, each holds from the month at the same place in the list of
    the name with ``from_months`` on.

    Parameters
    ----------
    hazard_ratio : float or sequence of float
        Experimental over control, greater than 0.
    accrual_months : float
        Months in which patients enter.
    follow_up_months : float
        From the end of accrual to the look; negative for a look while patients still enter.
    control_median_months, control_shape : float
        Median of the control arm, and the shape of its Weibull; shape 1 is the exponential.
    control_rate_per_month : float or sequence of float
        Hazards of the control arm, instead of a median.
    dropout_rate_per_month : float
        Hazard of dropping out, the same in both arms.
    accrual_rate_per_month : float or sequence of float
        Patients a month of both arms; anything proportional to it where it is solved for.
    control_from_months, hazard_ratio_from_months, accrual_from_months : sequence of float
        Months from randomisation, and of the calendar; the first is 0, the rest increase.
    ratio : float
        Experimental patients to one control patient.

    Returns
    -------
    TwoArms

    Raises
    ------
    DesignError
        If a figure is missing or out of its range.
    """
    check_positive(control_shape=control_shape)
    check_not_negative(dropout_rate_per_month=dropout_rate_per_month)
    ratios = _several(hazard_ratio)
    check_steps("hazard_ratio_from_months", hazard_ratio_from_months, "hazard_ratio", ratios)
    for value in ratios:
        check_positive(hazard_ratio=value)
    if (control_median_months is None) == (control_rate_per_month is None):
        given = "neither" if control_median_months is None else "both"
        raise DesignError(
            "control_median_months", "must be given, or control_rate_per_month instead", given
        )
    if control_median_months is not None:
        check_positive(control_median_months=control_median_months)
        if control_shape > MOST_SHAPE:
            raise DesignError("control_shape", f"must be at most {MOST_SHAPE:g}", control_shape)
        check_steps("control_from_months", control_from_months, "control_median_months", (1.0,))
        control = weibull(shape=control_shape, median_months=control_median_months)
    else:
        if control_shape != 1.0:
            raise DesignError(
                "control_shape", "must be 1 with control_rate_per_month", control_shape
            )
        rates = _several(control_rate_per_month)
        check_steps("control_from_months", control_from_months, "control_rate_per_month", rates)
        _check_rates("control_rate_per_month", rates)
        control = piecewise_exponential(rates, control_from_months)
    rates = _several(accrual_rate_per_month)
    check_steps("accrual_from_months", accrual_from_months, "accrual_rate_per_month", rates)
    _check_rates("accrual_rate_per_month", rates)
    dropout = None
    if dropout_rate_per_month > 0.0:
        dropout = piecewise_exponential((dropout_rate_per_month,))
    experimental = control.times_from(tuple(hazard_ratio_from_months), ratios)
    return TwoArms(
        (Stratum(control, experimental, dropout, dropout),),
        Entry(accrual_months, rates, tuple(accrual_from_months)),
        follow_up_months,
        ratio,
    )


def _several(values: float | Sequence[float] | None) -> tuple[float, ...]:
    """One number or several as several."""
    if values is None:
        return ()
    return (float(values),) if isinstance(values, int | float) else tuple(values)


def _check_rates(name: str, rates: Sequence[float]) -> None:
    """Refuse rates that are negative or not finite, or none of which is above 0."""
    possible = all(math.isfinite(rate) and rate >= 0.0 for rate in rates)
    if not (possible and any(rate > 0.0 for rate in rates)):
        raise DesignError(name, "must be finite, 0 or more, and not all 0", listed(rates))
