"""The public functions: they put the rooms together."""

from simulate.api.assurance import assurance
from simulate.api.blocks import Counts, expected_bytes
from simulate.api.calibrate import calibrate, recover, trials_of_recovery, write_ensemble
from simulate.api.cohorts import Cohort, cohorts
from simulate.api.curve import planned_curve, power_curve, trials_of_curve
from simulate.api.inputs import Shard, check_shard, trials_to_do, with_simulation
from simulate.api.load_study import grid_of, load_study
from simulate.api.run import load_run, run, run_shard
from simulate.api.size import size
from simulate.api.study import planned_grid, study, study_shard, trials_of_study
from simulate.api.until import MOST_TRIALS_UNTIL, check_until, largest_mcse
from simulate.api.verify import Verified, verify
from simulate.calibration.load import load_evidence
from simulate.scenario.load import load_scenario, scenario_from_dict

__all__ = [
    "MOST_TRIALS_UNTIL",
    "Cohort",
    "Counts",
    "Shard",
    "Verified",
    "assurance",
    "calibrate",
    "check_shard",
    "check_until",
    "cohorts",
    "expected_bytes",
    "grid_of",
    "largest_mcse",
    "load_evidence",
    "load_run",
    "load_scenario",
    "load_study",
    "planned_curve",
    "planned_grid",
    "power_curve",
    "recover",
    "run",
    "run_shard",
    "scenario_from_dict",
    "size",
    "study",
    "study_shard",
    "trials_of_curve",
    "trials_of_recovery",
    "trials_of_study",
    "trials_to_do",
    "verify",
    "with_simulation",
    "write_ensemble",
]
