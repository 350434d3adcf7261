"""From evidence to an ensemble of patient models: fit, check, and say what it means."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from simulate.calibration.evidence import Evidence, evidence_hash
from simulate.calibration.fit import require_usable
from simulate.calibration.posterior import (
    Bands,
    PosteriorRow,
    bands,
    latent_occupancy,
    posterior_rows,
)
from simulate.calibration.predictive import PredictiveRow, predictive_rows
from simulate.calibration.priors import FreeParameter
from simulate.calibration.readings import curve_readings, published_text
from simulate.calibration.replicate import (
    TRIALS_A_ROUND,
    Replicate,
    clocks_of,
    member_hazards,
    replicate_of,
)
from simulate.calibration.sampler import Posterior, Sizes, sample_posterior
from simulate.engine.arrays import FloatArray
from simulate.runner.execute import Progress
from simulate.scenario.ensembles import Ensemble

# Replicates of the trial by which the fit is shown.
SHOWN_REPLICATES = 20_000
# Of the Kaplan-Meier curves.
CURVE_REPLICATES = 4_000
N_CURVE = 30
BAND_MONTHS = 72.0
# Share of the curves that must be defined at a month.
LEAST_KNOWN = 0.9
PACKAGES = ("simulate-trials", "numba", "numpy", "scipy")
# Rounds after those of the sampler.
ROUND_SHOWN, ROUND_CURVES = 1000, 1001


@dataclass(frozen=True, eq=False)
class Calibration:
    """A model fitted to published evidence.

    Attributes
    ----------
    evidence : Evidence
        What it was fitted to.
    fits : tuple of Posterior
        The fit, and the same with the next seed.
    members : FloatArray, shape (M, P)
        Equally likely parameter sets of the first.
    predictive : tuple of PredictiveRow
        Published figures beside those of replicates.
    posterior, repeated : tuple of PosteriorRow
        What the members of the first and of the second fit say about patients.
    latent : dict of str to Bands
        Survival over time on the latent scale, by endpoint.
    observed : dict of str to Bands
        Kaplan-Meier curves of replicates, seen through scans, by endpoint.
    """

    evidence: Evidence
    fits: tuple[Posterior, ...]
    members: FloatArray
    predictive: tuple[PredictiveRow, ...]
    posterior: tuple[PosteriorRow, ...]
    repeated: tuple[PosteriorRow, ...]
    latent: dict[str, Bands]
    observed: dict[str, Bands]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the columns of ``members``."""
        return tuple(parameter.name for parameter in self.evidence.model.free)

    @property
    def ensemble(self) -> Ensemble:
        """The members as scenarios name them, with their provenance."""
        hazards = member_hazards(self.evidence, self.members)
        return Ensemble(
            shape={name: shape for name, (shape, _) in hazards.items()},
            cumulative_12={name: cumulative for name, (_, cumulative) in hazards.items()},
            clocks=clocks_of(self.evidence),
            provenance=self._provenance(),
        )

    def _provenance(self) -> dict[str, Any]:
        """What the members were made from, and how good the fit is."""
        quality = self.fits[0].quality
        return {
            "title": self.evidence.title,
            "citation": self.evidence.citation,
            "evidence_sha256": evidence_hash(self.evidence),
            "seed": self.fits[0].seed,
            "draws": quality.n_draws,
            "effective_size": round(quality.effective_size, 1),
            "largest_weight": round(quality.largest_weight, 6),
            "packages": {name: version(name) for name in PACKAGES},
        }


@dataclass(frozen=True)
class Settings:
    """How a calibration is done.

    Attributes
    ----------
    workers : int
        Threads; the result is the same for any number.
    progress : callable, optional
        Called with the number of simulated trials done since it was called last.
    """

    workers: int = 1
    progress: Progress | None = None


def sizes_of(evidence: Evidence) -> Sizes:
    """How much the evidence file says is simulated."""
    chosen = evidence.calibration
    return Sizes(
        chosen.search_rounds,
        chosen.search_draws,
        tuple((r.draws, r.replicates) for r in chosen.importance),
    )


def n_replicates(evidence: Evidence) -> int:
    """Number of trials that a calibration simulates."""
    members = evidence.calibration.members
    shown = (-(-n // members) * members for n in (SHOWN_REPLICATES, CURVE_REPLICATES))
    return 2 * sizes_of(evidence).n_replicates + sum(shown)


def calibrate(evidence: Evidence, settings: Settings | None = None) -> Calibration:
    """Fit the model of the evidence to its figures.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    settings : Settings, optional
        Workers and progress.

    Returns
    -------
    Calibration

    Raises
    ------
    CalibrationError
        If the figures cannot hold together under the model; it names the worst.
    """
    settings = settings or Settings()
    replicate = replicate_of(evidence)
    seed = evidence.calibration.seed
    fits = tuple(fit(replicate, seed + repeat, settings) for repeat in (0, 1))
    members, others = (found.members(evidence.calibration.members) for found in fits)
    shown = _shown(replicate, members, SHOWN_REPLICATES, ROUND_SHOWN, settings)
    curves = _curves(replicate, members, settings)
    latent = latent_occupancy(evidence, members, BAND_MONTHS)
    with_deaths = any(name.endswith("_to_death") for name in evidence.model.transitions)
    latent_curves = {"pfs": latent.pfs} | ({"os": latent.os} if with_deaths else {})
    return Calibration(
        evidence=evidence,
        fits=fits,
        members=members,
        predictive=tuple(predictive_rows(replicate.readings.predictions, shown)),
        posterior=tuple(posterior_rows(evidence, members)),
        repeated=tuple(posterior_rows(evidence, others)),
        latent={name: bands(latent.months, c) for name, c in latent_curves.items()},
        observed=curves,
    )


def fit(
    replicate: Replicate, seed: int, settings: Settings, sizes: Sizes | None = None
) -> Posterior:
    """Posterior of the parameters, refused if it is none.

    Raises
    ------
    CalibrationError
        If the figures cannot hold together under the model.
    """
    evidence = replicate.evidence

    def simulate(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        return replicate.simulate(
            parameters,
            replicates,
            number * TRIALS_A_ROUND,
            seed,
            workers=settings.workers,
            progress=settings.progress,
        )

    priors: tuple[FreeParameter, ...] = evidence.model.free
    features = [read.feature for read in replicate.readings.features]
    found = sample_posterior(
        priors, features, simulate, seed=seed, sizes=sizes or sizes_of(evidence)
    )
    described = _described(replicate, found, seed, settings) if found.quality.problem() else {}
    require_usable(found.quality, found.fits, described)
    return found


def _described(
    replicate: Replicate, found: Posterior, seed: int, settings: Settings
) -> dict[str, tuple[str, str]]:
    """Published and predicted values of the features, in the publication's units."""
    weights = found.weights if found.weights.sum() > 0.0 else np.ones(len(found.draws))
    best = found.draws[np.argsort(-weights, kind="stable")[:200]]
    values = _shown(replicate, best, 10 * len(best), ROUND_SHOWN, settings, seed)
    predictions = replicate.readings.predictions
    rows = {
        (prediction.figure, prediction.part): row
        for prediction, row in zip(predictions, predictive_rows(predictions, values), strict=True)
    }
    described = {}
    for read in replicate.readings.features:
        row = rows[read.figure, read.part]
        predicted = f"{published_text(row.median)} (median)"
        described[read.feature.name] = (published_text(row.published), predicted)
    return described


def _shown(
    replicate: Replicate,
    members: FloatArray,
    at_least: int,
    number: int,
    settings: Settings,
    seed: int | None = None,
) -> FloatArray:
    """Predictions (N, K) of replicates over the members."""
    values = replicate.simulate(
        members,
        -(-at_least // len(members)),
        number * TRIALS_A_ROUND,
        replicate.evidence.calibration.seed if seed is None else seed,
        workers=settings.workers,
        progress=settings.progress,
        of_predictions=True,
    )
    return values.reshape(-1, values.shape[2])


def _curves(replicate: Replicate, members: FloatArray, settings: Settings) -> dict[str, Bands]:
    """Kaplan-Meier curves of replicates at even months up to the longest follow-up."""
    evidence = replicate.evidence
    last = float(evidence.follow_up.range_months[1])
    months: FloatArray = np.linspace(last / N_CURVE, last, N_CURVE)
    given = replicate.scenario.arms[evidence.trial.arm].endpoints
    endpoints = [endpoint for endpoint in ("pfs", "os") if endpoint in given]
    drawn = replicate_of(evidence, curve_readings(endpoints, months))
    values = _shown(drawn, members, CURVE_REPLICATES, ROUND_CURVES, settings)
    by_endpoint = np.split(values, len(endpoints), axis=1)
    pairs = zip(endpoints, by_endpoint, strict=True)
    return {endpoint: _known_bands(months, curves) for endpoint, curves in pairs}


def _known_bands(months: FloatArray, curves: FloatArray) -> Bands:
    """Bands of curves (N, T), where nearly all of them are defined."""
    known = np.isfinite(curves).mean(axis=0) >= LEAST_KNOWN
    return bands(months[known], curves[:, known])
