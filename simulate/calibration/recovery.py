"""Whether calibration finds what is there: data sets simulated at known parameters, fitted again.

Truths are parameter sets; of each, one trial is simulated, its figures are rounded as the
publication's are, and the model is fitted to them. What the intervals then cover says whether they
can be believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from simulate.calibration.calibrate import Settings, fit
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    NOT_REACHED,
    Median,
    Proportion,
    Range,
    ShareEventFree,
    Survival,
    WithCount,
)
from simulate.calibration.posterior import latent_quantities
from simulate.calibration.readings import Prediction
from simulate.calibration.replicate import TRIALS_A_ROUND, Replicate, replicate_of
from simulate.calibration.sampler import Sizes
from simulate.engine.arrays import FloatArray
from simulate.errors import CalibrationError

LEVELS = (0.5, 0.8, 0.95)
# A third of what a calibration simulates by default.
SIZES = Sizes(4, 8_000, ((500, 80), (800, 100), (1_500, 120)))
MEMBERS = 400
ROUND_DATA = 2_000
# Coverage of 95% intervals below this is too little.
LEAST_COVERAGE = 0.88


class Coverage(NamedTuple):
    """How often intervals of one level cover the truth.

    Attributes
    ----------
    quantity : str
        As in the rows of a posterior; "all" for all of them together.
    level : float
        Level of the intervals.
    covered, n : int
        Intervals that cover, of how many.
    n_data_sets : int
        Data sets behind them.
    """

    quantity: str
    level: float
    covered: int
    n: int
    n_data_sets: int

    @property
    def share(self) -> float:
        """Share that covers; NaN of none."""
        return self.covered / self.n if self.n else math.nan

    @property
    def mcse(self) -> float:
        """Standard error of the share, by the number of data sets."""
        if not self.n_data_sets:
            return math.nan
        share = min(max(self.share, 0.5 / self.n), 1.0 - 0.5 / self.n)
        return math.sqrt(share * (1.0 - share) / self.n_data_sets)


class Recovery(NamedTuple):
    """What came of fitting simulated data sets.

    Attributes
    ----------
    coverages : tuple of Coverage
        By quantity and level.
    n_data_sets, n_refused : int
        Data sets simulated, and those to which no model could be fitted.
    """

    coverages: tuple[Coverage, ...]
    n_data_sets: int
    n_refused: int

    def warnings(self) -> list[str]:
        """Quantities whose 95% intervals cover too little."""
        return [
            f"{c.quantity}: 95% intervals cover {c.share:.0%} (standard error {c.mcse:.0%}) of the "
            f"truths, fewer than {LEAST_COVERAGE:.0%}"
            for c in self.coverages
            if c.level == LEVELS[-1] and c.share < LEAST_COVERAGE
        ]


def recover(
    evidence: Evidence,
    truths: FloatArray,
    settings: Settings | None = None,
    sizes: Sizes = SIZES,
    levels: tuple[float, ...] = LEVELS,
) -> Recovery:
    """Fit the model again to data sets that are simulated at known parameters.

    Parameters
    ----------
    evidence : Evidence
        The trial, and which of its figures are published.
    truths : FloatArray, shape (N, P)
        Parameters, a data set each.
    settings : Settings, optional
        Workers and progress.
    sizes : Sizes
        How much is simulated for each fit.
    levels : tuple of float
        Of the intervals.

    Returns
    -------
    Recovery
    """
    settings = settings or Settings()
    replicate = replicate_of(evidence)
    seed = evidence.calibration.seed
    data = replicate.simulate(
        truths, 1, ROUND_DATA * TRIALS_A_ROUND, seed, workers=1, of_predictions=True
    )[:, 0, :]
    expected = latent_quantities(evidence, truths)
    hits: dict[tuple[str, float], list[bool]] = {}
    n_refused = 0
    for number, values in enumerate(data):
        published = as_published(evidence, replicate.readings.predictions, values)
        try:
            found = _members(replicate_of(published), seed + number, settings, sizes)
        except CalibrationError:
            n_refused += 1
            continue
        for quantity, draws in latent_quantities(evidence, found).items():
            truth = expected[quantity][number]
            for level in levels:
                hits.setdefault((quantity, level), []).append(_covers(draws, level, truth))
    return Recovery(tuple(_coverages(hits, levels)), len(truths), n_refused)


def _members(replicate: Replicate, seed: int, settings: Settings, sizes: Sizes) -> FloatArray:
    return fit(replicate, seed, settings, sizes).members(MEMBERS)


def _covers(draws: FloatArray, level: float, truth: float) -> bool:
    """Whether the central interval of a level covers; medians beyond the horizon are all alike."""
    limits = (0.5 * (1.0 - level), 0.5 * (1.0 + level))
    low, high = np.quantile(draws, limits, method="inverted_cdf")
    return bool(low <= truth <= high)


def _coverages(
    hits: Mapping[tuple[str, float], list[bool]], levels: Iterable[float]
) -> Iterable[Coverage]:
    for (quantity, level), covered in hits.items():
        yield Coverage(quantity, level, sum(covered), len(covered), len(covered))
    for level in levels:
        of_level = [covered for (_, other), covered in hits.items() if other == level]
        n_sets = max(map(len, of_level), default=0)
        n = sum(map(len, of_level))
        yield Coverage("all", level, sum(map(sum, of_level)), n, n_sets)


def as_published(
    evidence: Evidence, predictions: Iterable[Prediction], values: FloatArray
) -> Evidence:
    """The evidence with the figures of a simulated trial in place of the published ones.

    Rounded as the published ones are; a figure that does not exist is not used.
    """
    found: dict[str, dict[str, float]] = {}
    units = {}
    for prediction, value in zip(predictions, values, strict=True):
        found.setdefault(prediction.figure, {})[prediction.part] = float(value)
        units[prediction.figure, prediction.part] = 2.0 * prediction.half_unit
    figures = dict(evidence.figures)
    for name, parts in found.items():
        figure = figures[name]
        if any(math.isnan(value) for value in parts.values()):
            figures[name] = figure.model_copy(update={"use": False})
            continue
        unit = max((u for (other, _), u in units.items() if other == name and u > 0.0), default=0.1)
        match figure:
            case Proportion() | ShareEventFree():
                update = _share_update(figure, parts["percent"], evidence, found)
            case Survival():
                percent = _rounded(parts["percent"], unit)
                update = {"percent": percent, "interval_percent": None}
            case Median():
                update = {"months": _months(parts["months"], unit)}
                if figure.interval_months is not None:
                    limits = (parts["lower"], parts["upper"])
                    update["interval_months"] = tuple(_months(limit, unit) for limit in limits)
            case Range():
                limits = (parts["least"], parts["greatest"])
                update = {"months": tuple(_rounded(limit, unit) for limit in limits)}
        figures[name] = figure.model_copy(update=update)
    return evidence.model_copy(update={"figures": figures})


def _share_update(
    figure: WithCount, percent: float, evidence: Evidence, found: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Percentage and count of a simulated trial."""
    of = evidence.trial.patients
    if isinstance(figure, ShareEventFree) and figure.endpoint == "duration_of_response":
        rates = [
            found[name]["percent"]
            for name, other in evidence.figures.items()
            if isinstance(other, Proportion) and other.endpoint == "response" and name in found
        ]
        of = round(rates[0] * of / 100.0) if rates else 0
    update: dict[str, Any] = {"percent": percent, "interval_percent": None, "decimals": 6}
    if of:
        update |= {"count": round(percent * of / 100.0), "denominator": of}
    return update


def _months(value: float, unit: float) -> float | str:
    return NOT_REACHED if math.isinf(value) else _rounded(value, unit)


def _rounded(value: float, unit: float) -> float:
    return round(round(value / unit) * unit, 9)


def truths_of(rows: FloatArray, n: int, seed: int) -> FloatArray:
    """Choose ``n`` of some parameter sets (M, P), with repetition only where there are too few."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, ROUND_DATA))))
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(-(-n // len(rows)))])
    return np.asarray(rows[order[:n]])
