"""Distributions put together from hazards: gamma frailty, a cured fraction, mixtures.

With weights ``w`` and conditional cumulative hazards ``H`` of the components, a gamma frailty of
mean 1 and variance ``v`` and a cured fraction ``c``, survival is

    S(t) = c + (1 - c) * sum of w * (1 + v H(t)) ** (-1 / v)

(Hougaard, Analysis of Multivariate Survival Data, 2000, section 2.2; Maller and Zhou, Survival
Analysis with Long-Term Survivors, 1996); without frailty the power is ``exp(-H(t))``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulate.scenario.hazards import FloatArray, Hazard


@dataclass(frozen=True)
class Composite:
    """A distribution of event times put together from hazards.

    Parameters
    ----------
    weights : tuple of float
        Share of each component among the uncured; they sum to 1.
    hazards : tuple of Hazard
        Hazard of each component: of the uncured, at mean frailty.
    frailty_variance : float
        Variance of the gamma frailty, of mean 1, that multiplies a patient's hazard; 0: none.
    cured : float
        Fraction of the patients that never has the event, from 0 to below 1.
    """

    weights: tuple[float, ...]
    hazards: tuple[Hazard, ...]
    frailty_variance: float = 0.0
    cured: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether it is no more than its one hazard."""
        return len(self.hazards) == 1 and self.frailty_variance == 0.0 and self.cured == 0.0

    def times(self, ratio: float) -> Composite:
        """Return the same with every conditional hazard multiplied by ``ratio``."""
        return replace(self, hazards=tuple(hazard.times(ratio) for hazard in self.hazards))

    def stretched(self, factor: float) -> Composite:
        """Return the same with every time ``factor`` times as long."""
        return replace(self, hazards=tuple(hazard.stretched(factor) for hazard in self.hazards))

    def times_from(self, starts_months: tuple[float, ...], ratios: tuple[float, ...]) -> Composite:
        """Return the same with conditional hazards times ``ratios[j]`` from each start on."""
        changed = (hazard.times_from(starts_months, ratios) for hazard in self.hazards)
        return replace(self, hazards=tuple(changed))

    def survival(self, months: Any) -> FloatArray:
        """Probability of no event by ``months``, not negative; any shape in, the same shape out."""
        return self._survival_and_density(months)[0]

    def rate(self, months: Any) -> FloatArray:
        """Marginal hazard per month at ``months``, above 0; any shape in, the same shape out."""
        survival, density = self._survival_and_density(months)
        return np.asarray(density / survival)

    def _survival_and_density(self, months: Any) -> tuple[FloatArray, FloatArray]:
        t = np.asarray(months, dtype=np.float64)
        survival, density = np.full_like(t, self.cured), np.zeros_like(t)
        v = self.frailty_variance
        for weight, hazard in zip(self.weights, self.hazards, strict=True):
            cumulative, rate = hazard.cumulative(t), hazard.rate(t)
            if v > 0.0:
                cumulative, rate = np.log1p(v * cumulative) / v, rate / (1.0 + v * cumulative)
            part = (1.0 - self.cured) * weight * np.exp(-cumulative)
            survival += part
            density += part * rate
        return survival, density


def marginal_hazard_ratios(
    experimental: Composite | Hazard, control: Composite | Hazard, months: Any
) -> FloatArray:
    """Ratio of two marginal hazards.

    Parameters
    ----------
    experimental, control : Composite or Hazard
        The two distributions. Composites give the ratio exactly; the hazards of the tables that
        `marginal_hazard` makes of them are staircases, and the ratio only good to about 1%.
    months : array_like
        Months from randomisation, above 0, any shape. Early events tell the ratio at the start.

    Returns
    -------
    array
        Of the shape of ``months``; infinite where only the control's hazard is 0, NaN where both
        are.

    Raises
    ------
    ValueError
        If a month is not above 0.
    """
    t = np.asarray(months, dtype=np.float64)
    if not np.all(t > 0.0):
        raise ValueError(f"months must be greater than 0 (given: {t})")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(experimental.rate(t) / control.rate(t))
