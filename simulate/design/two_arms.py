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


def exponential(*, median_months: float) -> Hazard:
    """Hazard of exponential times with a median, in months."""
    check_positive(median_months=median_months)
    return Hazard(1.0, 1.0, (0.0,), (math.log(2.0) / median_months,))


def piecewise_exponential(
    rates_per_month: Sequence[float], from_months: Sequence[float] = (0.0,)
) -> Hazard:
    """Hazard that changes in steps: ``rates_per_month[j]`` from month ``from_months[j]`` on."""
    check_steps("from_months", from_months, "rates_per_month", rates_per_month)
    if not all(math.isfinite(rate) and rate >= 0.0 for rate in rates_per_month):
        raise DesignError("rates_per_month", "must be finite, 0 or more", listed(rates_per_month))
    return Hazard(1.0, 1.0, tuple(from_months), tuple(rates_per_month))


def weibull(*, shape: float, median_months: float) -> Hazard:
    """Hazard of Weibull times, ``S(t) = exp(-log(2) (t / median) ** shape)``."""
    check_positive(shape=shape, median_months=median_months)
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
        if not all(math.isfinite(rate) and rate >= 0.0 for rate in self.rates_per_month):
            given = listed(self.rates_per_month)
            raise DesignError("rates_per_month", "must be finite, 0 or more", given)
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


def two_arms(
    control: Hazard,
    hazard_ratio: float | Sequence[float],
    entry: Entry,
    follow_up_months: float,
    *,
    hazard_ratio_from_months: Sequence[float] = (0.0,),
    dropout_rate_per_month: float = 0.0,
    ratio: float = 1.0,
) -> TwoArms:
    """Trial without strata, both arms with the same constant hazard of dropping out.

    Parameters
    ----------
    control : Hazard
        Hazard of the control arm: `exponential`, `piecewise_exponential` or `weibull`.
    hazard_ratio : float or sequence of float
        Experimental over control; several, from the months of ``hazard_ratio_from_months`` on.
    entry, follow_up_months, ratio
        As in `TwoArms`.
    hazard_ratio_from_months : sequence of float
        Months from randomisation at which each hazard ratio begins; the first is 0.
    dropout_rate_per_month : float
        Hazard of dropping out, 0 or more.

    Returns
    -------
    TwoArms

    Raises
    ------
    DesignError
        If a number is out of its range.
    """
    ratios = (hazard_ratio,) if isinstance(hazard_ratio, int | float) else tuple(hazard_ratio)
    check_steps("hazard_ratio_from_months", hazard_ratio_from_months, "hazard_ratio", ratios)
    for value in ratios:
        check_positive(hazard_ratio=value)
    check_not_negative(dropout_rate_per_month=dropout_rate_per_month)
    check_not_negative(follow_up_months=follow_up_months)
    experimental = control.times_from(tuple(hazard_ratio_from_months), ratios)
    dropout = None
    if dropout_rate_per_month > 0.0:
        dropout = Hazard(1.0, 1.0, (0.0,), (dropout_rate_per_month,))
    return TwoArms(
        (Stratum(control, experimental, dropout, dropout),), entry, follow_up_months, ratio
    )
