"""Calibrate a model to published evidence, and store its ensemble."""

from __future__ import annotations

import os
from pathlib import Path

from simulate.api.inputs import check_workers, is_whole
from simulate.calibration.calibrate import Calibration, Settings
from simulate.calibration.calibrate import calibrate as fit_evidence
from simulate.calibration.evidence import Evidence
from simulate.calibration.load import load_evidence
from simulate.calibration.recovery import SIZES, Recovery, truths_of
from simulate.calibration.recovery import recover as fit_data_sets
from simulate.errors import Problem, ScenarioError, StoreError
from simulate.runner.execute import Progress
from simulate.runner.files import write_whole
from simulate.scenario.ensembles import encode_ensemble


def calibrate(
    evidence: Evidence | str | os.PathLike[str],
    *,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Fit the model of an evidence file to its published figures.

    Parameters
    ----------
    evidence : Evidence or path
        What was published, or the file that says so.
    seed : int, optional
        Instead of the evidence's.
    workers : int, optional
        Threads; one a core if not given. The result is the same for any number.
    progress : callable, optional
        Called with the number of simulated trials done since it was called last.

    Returns
    -------
    Calibration
        Its ``ensemble`` is what scenarios name; `write_ensemble` stores it.

    Raises
    ------
    ScenarioError
        If the evidence, the seed or the number of workers cannot be used.
    CalibrationError
        If the figures cannot hold together under the model; it names the worst.
    """
    if not isinstance(evidence, Evidence):
        evidence = load_evidence(evidence)
    check_workers(workers)
    if seed is not None:
        if not is_whole(seed) or not 0 <= seed < 2**63:
            rule = "must be a whole number from 0 to 9,223,372,036,854,775,807"
            raise ScenarioError([Problem("seed", rule, repr(seed))])
        chosen = evidence.calibration.model_copy(update={"seed": int(seed)})
        evidence = evidence.model_copy(update={"calibration": chosen})
    return fit_evidence(evidence, Settings(workers or os.cpu_count() or 1, progress))


def recover(
    calibration: Calibration,
    data_sets: int,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Fit data sets simulated from a calibration's own members, and see what intervals cover.

    Parameters
    ----------
    calibration : Calibration
        Its members are the truths, its evidence says what is published of each data set.
    data_sets : int
        How many; each takes about a sixth of the time of a calibration.
    workers, progress
        As for `calibrate`.

    Returns
    -------
    Recovery
        Coverage of 50, 80 and 95% intervals, and warnings where the last cover less than 88%.

    Raises
    ------
    ScenarioError
        If the number of data sets or of workers cannot be used.
    """
    check_workers(workers)
    if not is_whole(data_sets) or data_sets < 1:
        rule = "must be a whole number of at least 1"
        raise ScenarioError([Problem("data_sets", rule, repr(data_sets))])
    evidence = calibration.evidence
    truths = truths_of(calibration.members, int(data_sets), evidence.calibration.seed)
    settings = Settings(workers or os.cpu_count() or 1, progress)
    return fit_data_sets(evidence, truths, settings)


def trials_of_recovery(data_sets: int) -> int:
    """Number of trials that `recover` simulates."""
    return data_sets * (SIZES.n_replicates + 1)


def write_ensemble(calibration: Calibration, path: str | os.PathLike[str]) -> None:
    """Write the ensemble of a calibration into a Parquet file, whole or not at all.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    data = encode_ensemble(calibration.ensemble)
    try:
        write_whole(Path(path), data)
    except OSError as error:
        raise StoreError(f"{os.fspath(path)}: cannot be written ({error.strerror})") from None
