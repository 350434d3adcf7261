"""The public functions: they put the rooms together."""

from simulate.api.assurance import assurance
from simulate.api.blocks import Counts, expected_bytes
from simulate.api.calibrate import calibrate, recover, trials_of_recovery, write_ensemble
from simulate.api.cohorts import Cohort, cohorts
from simulate.api.inputs import Shard, check_shard, trials_to_do, with_simulation
from simulate.api.run import load_run, run, run_shard
from simulate.api.study import planned_grid, study, study_shard, trials_of_study
from simulate.api.verify import Verified, verify
from simulate.calibration.load import load_evidence
from simulate.scenario.load import load_scenario, scenario_from_dict

__all__ = [
    "Cohort",
    "Counts",
    "Shard",
    "Verified",
    "assurance",
    "calibrate",
    "check_shard",
    "cohorts",
    "expected_bytes",
    "load_evidence",
    "load_run",
    "load_scenario",
    "planned_grid",
    "recover",
    "run",
    "run_shard",
    "scenario_from_dict",
    "study",
    "study_shard",
    "trials_of_recovery",
    "trials_of_study",
    "trials_to_do",
    "verify",
    "with_simulation",
    "write_ensemble",
]
