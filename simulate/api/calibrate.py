"""Calibrate a model to published evidence, and store its ensemble."""

from __future__ import annotations

import os
from pathlib import Path

from simulate.api.inputs import check_workers, is_whole
from simulate.calibration.calibrate import Calibration, Settings
from simulate.calibration.calibrate import calibrate as fit_evidence
from simulate.calibration.evidence import Evidence
from simulate.calibration.load import load_evidence
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
