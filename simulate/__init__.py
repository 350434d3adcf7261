"""Monte Carlo simulation of confirmatory clinical trials.

What is public is listed in ``__all__`` and loaded when it is first used, so that importing the
package, and ``simulate --help``, take no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulate.api import (
        Cohort,
        Shard,
        assurance,
        calibrate,
        cohorts,
        load_evidence,
        load_run,
        load_scenario,
        load_study,
        power_curve,
        recover,
        run,
        run_shard,
        scenario_from_dict,
        size,
        study,
        study_shard,
        verify,
        write_ensemble,
    )
    from simulate.calibration.calibrate import Calibration
    from simulate.calibration.evidence import Evidence
    from simulate.errors import (
        CalibrationError,
        DesignError,
        Problem,
        RefusedError,
        ScenarioError,
        SimulateError,
        StoreError,
    )
    from simulate.results.assurance import Assurance
    from simulate.results.result import Result
    from simulate.scenario.models import Scenario
    from simulate.studies.curve import Curve
    from simulate.studies.result import Study
    from simulate.studies.size import Size

__version__ = "0.1.0"

_HOMES = {
    "Assurance": "simulate.results.assurance",
    "Calibration": "simulate.calibration.calibrate",
    "CalibrationError": "simulate.errors",
    "Cohort": "simulate.api",
    "Curve": "simulate.studies.curve",
    "DesignError": "simulate.errors",
    "Evidence": "simulate.calibration.evidence",
    "Problem": "simulate.errors",
    "RefusedError": "simulate.errors",
    "Result": "simulate.results.result",
    "Scenario": "simulate.scenario.models",
    "ScenarioError": "simulate.errors",
    "Shard": "simulate.api",
    "SimulateError": "simulate.errors",
    "Size": "simulate.studies.size",
    "Study": "simulate.studies.result",
    "StoreError": "simulate.errors",
    "assurance": "simulate.api",
    "calibrate": "simulate.api",
    "cohorts": "simulate.api",
    "load_evidence": "simulate.api",
    "load_run": "simulate.api",
    "load_scenario": "simulate.api",
    "load_study": "simulate.api",
    "power_curve": "simulate.api",
    "recover": "simulate.api",
    "run": "simulate.api",
    "run_shard": "simulate.api",
    "scenario_from_dict": "simulate.api",
    "size": "simulate.api",
    "study": "simulate.api",
    "study_shard": "simulate.api",
    "verify": "simulate.api",
    "write_ensemble": "simulate.api",
}

__all__ = [
    "Assurance",
    "Calibration",
    "CalibrationError",
    "Cohort",
    "Curve",
    "DesignError",
    "Evidence",
    "Problem",
    "RefusedError",
    "Result",
    "Scenario",
    "ScenarioError",
    "Shard",
    "SimulateError",
    "Size",
    "StoreError",
    "Study",
    "assurance",
    "calibrate",
    "cohorts",
    "load_evidence",
    "load_run",
    "load_scenario",
    "load_study",
    "power_curve",
    "recover",
    "run",
    "run_shard",
    "scenario_from_dict",
    "size",
    "study",
    "study_shard",
    "verify",
    "write_ensemble",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'simulate' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
