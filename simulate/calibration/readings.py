"""How each published figure is read off the statistics of a simulated trial.

A figure asks for rows of the trial (estimates), for features by which a simulated trial is compared
with the publication, and for what a simulated trial would have published.

A time at which a Kaplan-Meier curve crosses a half is no good feature: scans leave plateaus. So a
published time ``t`` enters by ``z = (g(0.5) - g(S)) / se(g(S))`` with ``g(S) = log(-log S)`` half a
month before and after it: between the two, z has fallen to 0 where ``t`` is the median, to the
normal quantile of the confidence level where it is the lower limit, which is the first time at
which the log-log band reaches a half (Brookmeyer and Crowley 1982).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from simulate.calibration.counts import possible_counts
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DISEASE_CONTROL,
    NOT_REACHED,
    RESPONSE,
    TIME_TO_RESPONSE,
    AnyFigure,
    Median,
    Proportion,
    Range,
    ShareEventFree,
    Survival,
    WithCount,
    median_text,
    months_of,
)
from simulate.calibration.synthetic import Feature
from simulate.engine.arrays import FloatArray
from simulate.engine.statistics import Statistics

# On either side of a published time.
HALF_WINDOW_MONTHS = 0.5
# z beyond this says no more than that a time is far from being crossed.
MOST_Z = 4.0
# Just above a threshold.
EDGE = 1e-6
LOG_LOG_HALF = float(np.log(np.log(2.0)))
# The model knows nothing of other proportions.
MODELLED = (RESPONSE, DISEASE_CONTROL)

Read = Callable[["Columns"], FloatArray]


class Columns:
    """Statistics of trials with one look, by row; each column (n_trials,).

    Parameters
    ----------
    statistics : Statistics
        As the engine fills them.
    """

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def of(self, name: str, row: int) -> FloatArray:
        """A column of the statistics of one row, as floats."""
        return np.asarray(getattr(self._statistics, name)[:, row], dtype=np.float64)


class Row(NamedTuple):
    """An estimate that the simulated trial makes."""

    endpoint: str
    kind: str
    at_months: float | None = None
    level: float | None = None


class ReadFeature(NamedTuple):
    """What of a simulated trial is compared with the publication.

    Attributes
    ----------
    figure : str
        Name of the published figure.
    part : str
        Which part of the figure, as of a `Prediction`.
    feature : Feature
        In words, with the published value on the scale of the feature.
    read : callable
        From `Columns` to values, (n_trials,), or (n_trials, 2) of a feature that crosses; NaN
        where it does not exist.
    """

    figure: str
    part: str
    feature: Feature
    read: Read


class Prediction(NamedTuple):
    """What a simulated trial would have published.

    Attributes
    ----------
    figure : str
        Name of the published figure.
    what : str
        In words, with its unit.
    published : float
        Infinite for "not reached".
    half_unit : float
        What rounding may have added to it or taken away.
    part : str
        Which part of the figure: "percent", "months", "lower", "upper", "least", "greatest".
    is_fitted : bool
        Whether the published value is among those fitted.
    read : callable
        From `Columns` to values in the unit of the publication, (n_trials,).
    """

    figure: str
    what: str
    published: float
    half_unit: float
    part: str
    is_fitted: bool
    read: Read


@dataclass
class Readings:
    """Rows, features and predictions of all figures of the evidence.

    Attributes
    ----------
    rows : list of Row
        The rows of the simulated trial, each once.
    features : list of ReadFeature
        Of the figures in use.
    predictions : list of Prediction
        Of all figures that the model knows.
    """

    rows: list[Row] = field(default_factory=list)
    features: list[ReadFeature] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)

    def row(self, endpoint: str, kind: str, **parameters: float | None) -> int:
        """Number of a row, which is added if it is not there yet."""
        wanted = Row(endpoint, kind, **parameters)
        if wanted not in self.rows:
            self.rows.append(wanted)
        return self.rows.index(wanted)

    def column(self, name: str, endpoint: str, kind: str, **parameters: float | None) -> Read:
        """Read a column of a row."""
        number = self.row(endpoint, kind, **parameters)
        return lambda columns: columns.of(name, number)

    def estimates(self, arm: str) -> dict[str, dict[str, Any]]:
        """Tables of the rows for the scenario of the simulated trial."""
        tables = {}
        for number, row in enumerate(self.rows):
            table = {"endpoint": row.endpoint, "arm": arm, "kind": row.kind}
            optional = {"at_months": row.at_months, "level": row.level}
            tables[f"row{number}"] = table | {k: v for k, v in optional.items() if v is not None}
        return tables

    def features_of(self, statistics: Statistics) -> FloatArray:
        """Columns of the features of simulated trials, (n_trials, n_columns)."""
        columns = Columns(statistics)
        return np.column_stack([feature.read(columns) for feature in self.features])

    def predictions_of(self, statistics: Statistics) -> FloatArray:
        """What simulated trials would have published, (n_trials, n_predictions)."""
        columns = Columns(statistics)
        return np.stack([prediction.read(columns) for prediction in self.predictions], axis=1)


def readings_of(evidence: Evidence) -> Readings:
    """How every figure of the evidence is read off a simulated trial."""
    readings = Readings()
    for name, figure in evidence.figures.items():
        match figure:
            case Proportion():
                if figure.endpoint in MODELLED:
                    _proportion(readings, name, figure, evidence)
            case Median():
                _median(readings, name, figure)
            case Survival():
                _survival(readings, name, figure)
            case Range():
                _range(readings, name, figure)
            case ShareEventFree():
                _share(readings, name, figure, evidence)
    return readings


def curve_readings(endpoints: Sequence[str], months: FloatArray) -> Readings:
    """Kaplan-Meier curves at some months as predictions: of each endpoint in turn."""
    readings = Readings()
    for endpoint in endpoints:
        for month in map(float, months):
            read = readings.column("estimate", endpoint, "survival", at_months=month)
            what = f"{endpoint} at {month:g} months"
            readings.predictions.append(
                Prediction(endpoint, what, np.nan, 0.0, "percent", False, read)
            )
    return readings


def _proportion(readings: Readings, name: str, figure: Proportion, evidence: Evidence) -> None:
    """A share of all patients: its count, among as many as were published of."""
    rate = readings.column("estimate", figure.endpoint, "rate")
    label = _label(name, figure)
    if figure.use:
        target, half = _published_share(figure, evidence)
        _compare(readings, name, label, target, half, rate)
    _predict(readings, name, figure, f"{label}, percent", figure.percent, _times(rate, 100.0))


def _median(readings: Readings, name: str, figure: Median) -> None:
    """A median and its limits."""
    label = _label(name, figure)
    if figure.endpoint == TIME_TO_RESPONSE:
        _median_of_all_events(readings, name, figure)
    elif figure.use:
        readings.features.extend(_crossings(readings, name, figure))
    columns = {"estimate": figure.months}
    if figure.interval_months is not None:
        columns |= dict(zip(("lower", "upper"), figure.interval_months, strict=True))
    parts = {"estimate": "", "lower": ", lower limit", "upper": ", upper limit"}
    for column, value in columns.items():
        read = readings.column(column, figure.endpoint, "median", level=figure.level)
        what = f"{label}{parts[column]}, months"
        part = "months" if column == "estimate" else column
        _predict(readings, name, figure, what, value, read, part=part)


def _crossings(readings: Readings, name: str, figure: Median) -> Iterator[ReadFeature]:
    """Where the curve and its band cross a half, or that they do not."""
    quantile = NormalDist().inv_cdf(0.5 + 0.5 * figure.level)
    label = _label(name, figure)
    crossings = [(label, "months", figure.months, 0.0)]
    if figure.interval_months is not None:
        lower, upper = figure.interval_months
        crossings.append((f"{label}, lower limit", "lower", lower, quantile))
        crossings.append((f"{label}, upper limit", "upper", upper, -quantile))
    for what, part, month, z in crossings:
        if not isinstance(month, str):
            read = _z_about(readings, figure.endpoint, float(month))
            yield ReadFeature(name, part, Feature(what, "crosses", z), read)
    missing = [(what, part, z) for what, part, month, z in crossings if month == NOT_REACHED]
    if missing:
        # If one is not reached, those above it are not, either.
        what, part, z = missing[0]
        feature = Feature(f"{what} not reached", "exceeds", z)
        yield ReadFeature(name, part, feature, _last_z(readings, figure, z))


def _median_of_all_events(readings: Readings, name: str, figure: Median) -> None:
    """A median of times that are all seen: the share later than it falls to a half there."""
    if not figure.use or isinstance(figure.months, str):
        return
    rows = [
        readings.row(TIME_TO_RESPONSE, "survival", at_months=month)
        for month in _about(float(figure.months))
    ]

    def read(columns: Columns) -> FloatArray:
        return np.column_stack([columns.of("estimate", row) for row in rows])

    feature = Feature(_label(name, figure), "crosses", 0.5)
    readings.features.append(ReadFeature(name, "months", feature, read))


def _survival(readings: Readings, name: str, figure: Survival) -> None:
    """A point of a survival curve."""
    label = _label(name, figure)
    read = readings.column(
        "estimate", figure.endpoint, "survival", at_months=float(figure.at_months)
    )
    if figure.use:
        half = figure.half_unit(figure.percent) / 100.0
        _compare(readings, name, label, figure.percent / 100.0, half, read)
    _predict(readings, name, figure, f"{label}, percent", figure.percent, _times(read, 100.0))


def _range(readings: Readings, name: str, figure: Range) -> None:
    """Least and greatest; predicted, not fitted: extremes depend on single patients."""
    label = _label(name, figure)
    for kind, word, value in zip(
        ("minimum", "maximum"), ("least", "greatest"), figure.months, strict=True
    ):
        read = readings.column("estimate", figure.endpoint, kind)
        what = f"{label} ({word}), months"
        _predict(readings, name, figure, what, value, read, part=word, is_fitted=False)


def _share(readings: Readings, name: str, figure: ShareEventFree, evidence: Evidence) -> None:
    """A share seen event-free for so long: its count, or a point of the curve."""
    label = _label(name, figure)
    is_raw = figure.method == "raw"
    kind = "share_event_free" if is_raw else "survival"
    share = readings.column("estimate", figure.endpoint, kind, at_months=float(figure.at_months))
    if figure.use:
        target, half, read = (
            figure.percent / 100.0,
            figure.half_unit(figure.percent) / 100.0,
            share,
        )
        counts = [count.n for count in possible_counts(figure, evidence)]
        if is_raw and counts:
            # The number itself, which goes with the number of responders beside it.
            target, half = float(np.mean(counts)), 0.5 * (max(counts) - min(counts) + 1)
            read = readings.column(
                "events_experimental", figure.endpoint, kind, at_months=float(figure.at_months)
            )
        _compare(readings, name, label, target, half, read)
    _predict(readings, name, figure, f"{label}, percent", figure.percent, _times(share, 100.0))


def _compare(
    readings: Readings, name: str, label: str, target: float, half_width: float, read: Read
) -> None:
    """Add a feature whose published value is known, to within what rounds to it."""
    feature = Feature(label, "normal", target, half_width)
    readings.features.append(ReadFeature(name, "percent", feature, read))


def _predict(
    readings: Readings,
    name: str,
    figure: AnyFigure,
    what: str,
    value: float | str,
    read: Read,
    *,
    part: str = "percent",
    is_fitted: bool | None = None,
) -> None:
    """Add what a simulated trial would have published."""
    half = 0.0 if isinstance(value, str) else figure.half_unit(value)
    fitted = figure.use if is_fitted is None else is_fitted
    readings.predictions.append(Prediction(name, what, months_of(value), half, part, fitted, read))


def _published_share(figure: WithCount, evidence: Evidence) -> tuple[float, float]:
    """Share, and half the width of what rounds to it, by the counts that the publication leaves.

    By the percentage if it leaves none.
    """
    counts = possible_counts(figure, evidence)
    if not counts:
        return figure.percent / 100.0, figure.half_unit(figure.percent) / 100.0
    low = min((count.n - 0.5) / count.of for count in counts)
    high = max((count.n + 0.5) / count.of for count in counts)
    return 0.5 * (low + high), 0.5 * (high - low)


def _z_about(readings: Readings, endpoint: str, month: float) -> Read:
    """Height of the curve a little before and after a published time, as z."""
    rows = [readings.row(endpoint, "survival", at_months=time) for time in _about(month)]
    last = readings.row(endpoint, "last_survival")

    def read(columns: Columns) -> FloatArray:
        return np.column_stack([_z(*_carried_forward(columns, row, last)) for row in rows])

    return read


def _about(month: float) -> tuple[float, float]:
    """Months a little before and after a published time."""
    return max(month - HALF_WINDOW_MONTHS, 0.5 * month), month + HALF_WINDOW_MONTHS


def _last_z(readings: Readings, figure: Median, threshold: float) -> Read:
    """Height of the curve after the last event, as z, on the side that the trial itself says.

    At S = 0 the band is undefined, and a limit not reached before is not reached at all, however
    low the curve: so z is put on the side of the ``threshold`` on which the trial's own is.
    """
    last = readings.row(figure.endpoint, "last_survival")
    own = readings.row(figure.endpoint, "median", level=figure.level)
    column = "estimate" if threshold == 0.0 else "lower" if threshold > 0.0 else "upper"

    def read(columns: Columns) -> FloatArray:
        z = _z(columns.of("estimate", last), columns.of("se", last))
        is_reached = np.isfinite(columns.of(column, own))
        sided = np.where(is_reached, np.minimum(z, threshold), np.maximum(z, threshold + EDGE))
        return np.where(np.isnan(z), np.nan, sided)

    return read


def _carried_forward(columns: Columns, row: int, last: int) -> tuple[FloatArray, FloatArray]:
    """Survival and its standard error; after the end of follow-up those of the end."""
    survival = columns.of("estimate", row)
    is_over = np.isnan(survival)
    return (
        np.where(is_over, columns.of("estimate", last), survival),
        np.where(is_over, columns.of("se", last), columns.of("se", row)),
    )


def _z(survival: FloatArray, se: FloatArray) -> FloatArray:
    """How far a curve is above a half, in standard errors of ``log(-log(S))``."""
    inside = (survival > 0.0) & (survival < 1.0)
    s = np.where(inside, survival, 0.5)
    log_s = np.log(s)
    spread = np.where(inside, se, 1.0) / (s * -log_s)
    z = (LOG_LOG_HALF - np.log(-log_s)) / spread
    z = np.where(survival >= 1.0, MOST_Z, np.where(survival <= 0.0, -MOST_Z, z))
    return np.where(np.isnan(survival), np.nan, np.clip(z, -MOST_Z, MOST_Z))


def _times(read: Read, factor: float) -> Read:
    return lambda columns: np.asarray(read(columns) * factor)


def _label(name: str, figure: AnyFigure) -> str:
    """Name of a figure for reports."""
    return figure.label or name.replace("_", " ")


def published_text(value: float) -> str:
    """A published value, or "not reached"."""
    return median_text(NOT_REACHED) if np.isinf(value) else f"{value:.4g}"
