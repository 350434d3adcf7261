"""One hypothesis at one look: its test and its estimate, from the risk sets in the workspace."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import (
    ESTIMATE_NONE,
    STATUS_NO_INFORMATION,
    WEIGHTS_NONE,
    Plan,
    Statistics,
    Workspace,
)
from simulate.engine.compile import inlined_kernel
from simulate.engine.cox import cox
from simulate.engine.logrank import logrank
from simulate.engine.weighted import (
    event_weights,
    hypergeometric,
    pooled_survival,
    weighted_logrank,
)


@inlined_kernel
def analyse_row(
    plan: Plan,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_sets: int,
    n_tied: int,
    status: int,
) -> None:
    """Test a hypothesis and write its row, all but the cutoff and the counts."""
    hypothesis = plan.row_hypothesis[row]
    observed = int(statistics.events_experimental[trial_row, row])
    if plan.weight_kind[hypothesis] == WEIGHTS_NONE:
        expected, information = logrank(
            workspace.risk_sets,
            n_sets,
            n_tied,
            plan.null_hazard_ratio[hypothesis],
            workspace.float_scratch,
            workspace.float_scratch_2,
        )
        score = expected - observed
    else:
        score, information = weighted_score(plan, workspace, hypothesis, n_sets, n_tied)
    z = np.nan
    if information > 0.0:
        z = score / math.sqrt(information)
    else:
        status |= STATUS_NO_INFORMATION
    beta = np.nan
    se = np.nan
    if plan.estimate[hypothesis] != ESTIMATE_NONE:
        beta, se, flag = cox(
            workspace.risk_sets,
            n_sets,
            n_tied,
            plan.estimate[hypothesis],
            observed,
            cox_start(plan, hypothesis, score, information),
            workspace.float_scratch,
            workspace.float_scratch_2,
            workspace.float_scratch_3,
        )
        if flag != 0:
            beta = np.nan
            se = np.nan
        status |= flag
    statistics.status[trial_row, row] = status
    statistics.score[trial_row, row] = score
    statistics.information[trial_row, row] = information
    statistics.z[trial_row, row] = z
    statistics.estimate[trial_row, row] = beta
    statistics.se[trial_row, row] = se


@inlined_kernel
def weighted_score(
    plan: Plan, workspace: Workspace, hypothesis: int, n_sets: int, n_tied: int
) -> tuple[float, float]:
    """Score and information of a weighted log-rank test."""
    n_strata = plan.n_strata if plan.stratified[hypothesis] else 1
    survival = workspace.survival
    pooled_survival(
        workspace.risk_sets, n_sets, n_tied, workspace.first_of_stratum, n_strata, survival
    )
    event_weights(
        plan.weight_kind[hypothesis],
        plan.first_parameter[hypothesis],
        plan.second_parameter[hypothesis],
        survival,
        workspace.months,
        n_sets,
        workspace.first_of_stratum,
        n_strata,
        workspace.float_scratch_3,
    )
    hypergeometric(
        workspace.risk_sets, n_sets, n_tied, workspace.float_scratch, workspace.float_scratch_2
    )
    # The survival has become the weights, and makes room.
    return weighted_logrank(
        workspace.float_scratch_3,
        workspace.float_scratch,
        workspace.float_scratch_2,
        n_sets,
        survival,
    )


@inlined_kernel
def cox_start(plan: Plan, hypothesis: int, score: float, information: float) -> float:
    """Where the search for the hazard ratio begins: one step from no effect, if that is known."""
    if information > 0.0 and plan.weight_kind[hypothesis] == WEIGHTS_NONE:
        return -score / information
    return 0.0
