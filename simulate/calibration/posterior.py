"""What a posterior says about patients, on the latent scale: nothing here is seen through scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.calibration.evidence import Evidence
from simulate.calibration.replicate import clocks_of, member_hazards
from simulate.calibration.weights import LIMITS
from simulate.design.multistate import Occupancy, WeibullHazards, occupancy
from simulate.engine.arrays import FloatArray

LATENT = "latent"
# Of the survival curves and of the cumulative response.
PFS_MONTHS = (6, 12, 18, 24, 36)
OS_MONTHS = (12, 24, 36)
RESPONSE_MONTHS = (12, 24)
HORIZON_MONTHS = 180.0
STEPS_PER_MONTH = 8


class PosteriorRow(NamedTuple):
    """A quantity and its distribution over the members.

    Attributes
    ----------
    quantity : str
        ``pfs_12`` is the probability to be progression-free and alive at 12 months.
    scale : str
        "latent": of the true times; "parameter" for a parameter of the model.
    median, lower, upper : float
        Median and 95% interval; infinite for a median that is not reached within the horizon.
    extrapolated : bool
        Whether it lies after the longest follow-up of the published trial.
    """

    quantity: str
    scale: str
    median: float
    lower: float
    upper: float
    extrapolated: bool


class Bands(NamedTuple):
    """Pointwise medians and 95% intervals of survival curves over months, each (T,)."""

    months: FloatArray
    median: FloatArray
    lower: FloatArray
    upper: FloatArray


def latent_occupancy(
    evidence: Evidence, parameters: FloatArray, horizon_months: float = HORIZON_MONTHS
) -> Occupancy:
    """Occupancy of the states over time for each row of parameters (M, P)."""
    transitions = {
        name: WeibullHazards(shape, cumulative)
        for name, (shape, cumulative) in member_hazards(evidence, parameters).items()
    }
    clocks = clocks_of(evidence)
    return occupancy(
        transitions,
        clocks={
            name: "forward" if clock == "forward" else "reset" for name, clock in clocks.items()
        },
        horizon_months=horizon_months,
        steps_per_month=STEPS_PER_MONTH,
    )


def posterior_rows(evidence: Evidence, parameters: FloatArray) -> list[PosteriorRow]:
    """Distribution over equally likely members of what the model says about patients.

    Parameters
    ----------
    evidence : Evidence
        Whose model it is.
    parameters : FloatArray, shape (M, P)
        The members.

    Returns
    -------
    list of PosteriorRow
        Survival, response and medians on the latent scale, then the parameters.
    """
    last = evidence.follow_up.longest_possible
    rows = [
        _row(quantity, LATENT, values, _is_extrapolated(quantity, values, last))
        for quantity, values in latent_quantities(evidence, parameters).items()
    ]
    for k, parameter in enumerate(evidence.model.free):
        rows.append(_row(parameter.name, "parameter", parameters[:, k], False))
    return rows


def latent_quantities(evidence: Evidence, parameters: FloatArray) -> dict[str, FloatArray]:
    """Survival, medians and response on the latent scale for parameters (M, P), each (M,)."""
    latent = latent_occupancy(evidence, parameters)
    given = evidence.model.transitions
    found: dict[str, FloatArray] = {}

    def add(name: str, curves: FloatArray, months: Sequence[float]) -> None:
        values = latent.at(curves, months)
        found.update({f"{name}_{month:g}": values[:, k] for k, month in enumerate(months)})

    add("pfs", latent.pfs, PFS_MONTHS)
    found["median_pfs"] = latent.quantile(latent.pfs)
    if any(name.endswith("_to_death") for name in given):
        add("os", latent.os, OS_MONTHS)
        found["median_os"] = latent.quantile(latent.os)
    if any(name.endswith("_to_response") for name in given):
        add("response", latent.responded, RESPONSE_MONTHS)
    return found


def _is_extrapolated(quantity: str, values: FloatArray, last: float) -> bool:
    """Whether a quantity lies after the longest follow-up: a median by its own median."""
    if quantity.startswith("median_"):
        return bool(np.median(values) > last)
    return float(quantity.rsplit("_", 1)[1]) > last


def bands(months: FloatArray, curves: FloatArray) -> Bands:
    """Pointwise median and 95% interval of curves (M, T)."""
    lower, median, upper = np.nanquantile(curves, LIMITS, axis=0)
    return Bands(months, median, lower, upper)


def _row(quantity: str, scale: str, values: FloatArray, extrapolated: bool) -> PosteriorRow:
    # Order statistics, since a median may be infinite.
    lower, median, upper = np.quantile(values, LIMITS, method="inverted_cdf")
    return PosteriorRow(
        quantity, scale, float(median), float(lower), float(upper), bool(extrapolated)
    )
