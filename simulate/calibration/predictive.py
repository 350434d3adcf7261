"""What replicates of the published trial would have published, beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.calibration.readings import Prediction
from simulate.calibration.weights import LIMITS
from simulate.engine.arrays import FloatArray


class PredictiveRow(NamedTuple):
    """A published figure beside what replicates of the trial would have published.

    Attributes
    ----------
    figure : str
        Name in the evidence file.
    what : str
        In words, with the unit.
    published : float
        Infinite for "not reached".
    median, lower, upper : float
        Of the replicates: median and 95% interval.
    below : float
        Share of the replicates below the published value, and half of those equal to it.
    inside : bool
        Whether the published value lies in the interval, as far as its rounding tells.
    is_fitted : bool
        Whether it is among what the model was fitted to.
    missing : float
        Share of the replicates in which the figure does not exist.
    """

    figure: str
    what: str
    published: float
    median: float
    lower: float
    upper: float
    below: float
    inside: bool
    is_fitted: bool
    missing: float


def predictive_rows(predictions: Sequence[Prediction], values: FloatArray) -> list[PredictiveRow]:
    """Put what replicates would have published beside what was.

    Parameters
    ----------
    predictions : sequence of Prediction
        K of them.
    values : FloatArray, shape (N, K)
        Of N replicates; infinite for "not reached", NaN where a figure does not exist.
    """
    return [_row(prediction, values[:, k]) for k, prediction in enumerate(predictions)]


def _row(prediction: Prediction, values: FloatArray) -> PredictiveRow:
    known = np.sort(values[~np.isnan(values)])
    missing = 1.0 - len(known) / len(values)
    published, half = prediction.published, prediction.half_unit + 1e-9
    if not len(known):
        nothing = float("nan")
        return PredictiveRow(
            prediction.figure,
            prediction.what,
            published,
            nothing,
            nothing,
            nothing,
            nothing,
            False,
            prediction.is_fitted,
            missing,
        )
    # Order statistics: a median that is not reached is the largest of all.
    lower, median, upper = np.quantile(known, LIMITS, method="inverted_cdf")
    before = np.searchsorted(known, published - half, side="left")
    by = np.searchsorted(known, published + half, side="right")
    return PredictiveRow(
        figure=prediction.figure,
        what=prediction.what,
        published=published,
        median=float(median),
        lower=float(lower),
        upper=float(upper),
        below=float(0.5 * (before + by) / len(known)),
        inside=bool(lower - half <= published <= upper + half),
        is_fitted=prediction.is_fitted,
        missing=missing,
    )
