"""One hypothesis or estimate at one look, from what the looks' patients have been made into."""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import Curve, FloatArray, IntArray, Patients
from simulate.engine.codes import (
    ESTIMATE_NONE,
    ESTIMATE_OF_LAST_SURVIVAL,
    ESTIMATE_OF_MAXIMUM,
    ESTIMATE_OF_MEDIAN,
    ESTIMATE_OF_RATE,
    ESTIMATE_OF_RESTRICTED_MEAN,
    ESTIMATE_OF_SHARE_EVENT_FREE,
    ESTIMATE_OF_SURVIVAL,
    STATUS_NO_INFORMATION,
    STATUS_NOT_ESTIMABLE,
    TEST_EXACT_BINOMIAL,
    TEST_LANDMARK,
    TEST_LOGRANK,
    TEST_MAXCOMBO,
    TEST_MILESTONE,
    TEST_PROPORTIONS,
    TEST_RESTRICTED_MEAN,
)
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.cox import cox
from simulate.engine.descriptive import extreme_event, last_survival_of_arm, share_event_free
from simulate.engine.kaplan_meier import (
    compare_means,
    compare_survival,
    mean_of_arm,
    survival_against,
    survival_of_arm,
)
from simulate.engine.logrank import logrank
from simulate.engine.maxcombo import combine
from simulate.engine.median import median, median_limits
from simulate.engine.patients import own_row
from simulate.engine.plan import Hypotheses, Plan
from simulate.engine.proportions import (
    compare_proportions,
    count_by_stratum,
    exact_binomial,
    log_odds_ratio,
)
from simulate.engine.statistics import Statistics
from simulate.engine.weighted import (
    event_weights,
    hypergeometric,
    pooled_survival,
    weighted_logrank,
)
from simulate.engine.workspace import Workspace

ESTIMATE_ODDS_RATIO = 1


@inlined_kernel
def is_of_curves(kind: int) -> bool:
    """Whether a test or estimate is one of Kaplan-Meier curves."""
    return (
        TEST_RESTRICTED_MEAN <= kind <= TEST_LANDMARK
        or ESTIMATE_OF_MEDIAN <= kind <= ESTIMATE_OF_RESTRICTED_MEAN
        or kind >= ESTIMATE_OF_LAST_SURVIVAL
    )


@inlined_kernel
def keys_of(plan: Plan, workspace: Workspace) -> IntArray:
    """Where a row's keys are once they are arranged; see `simulate.engine.trial.arrange`."""
    return workspace.keys if plan.stratum_bits == 0 else workspace.sorted_keys


@inlined_kernel
def counted_after(hypotheses: Hypotheses, hypothesis: int) -> float:
    """Months before the cutoff by which a patient must have entered to be counted."""
    if hypotheses.kind[hypothesis] in (TEST_PROPORTIONS, TEST_EXACT_BINOMIAL, ESTIMATE_OF_RATE):
        return float(hypotheses.months[hypothesis])
    return 0.0


@inlined_kernel
def prepare_weights(
    plan: Plan, workspace: Workspace, hypothesis: int, n_sets: int, n_tied: int
) -> None:
    """What weighted tests on the same risk sets have in common, into the workspace."""
    n_strata = plan.n_strata if plan.hypotheses.stratified[hypothesis] else 1
    pooled_survival(
        workspace.risk_sets,
        n_sets,
        n_tied,
        workspace.first_of_stratum,
        n_strata,
        workspace.survival,
    )
    hypergeometric(workspace.risk_sets, n_sets, n_tied, workspace.difference, workspace.variance)


@inlined_kernel
def analyse_risk_sets(
    plan: Plan,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_sets: int,
    n_tied: int,
    status: int,
) -> None:
    """A log-rank test of any kind and Cox's estimate, from the risk sets; all but the counts."""
    hypothesis = plan.row_hypothesis[row]
    hypotheses = plan.hypotheses
    observed = int(statistics.events_experimental[trial_row, row])
    kind = hypotheses.kind[hypothesis]
    score = np.nan
    information = np.nan
    z = np.nan
    start = 0.0
    if kind == TEST_MAXCOMBO:
        z, flag = maxcombo_z(plan, workspace, hypothesis, n_sets)
        status |= flag
    else:
        if kind == TEST_LOGRANK:
            expected, information = logrank(
                workspace.risk_sets,
                n_sets,
                n_tied,
                hypotheses.null_value[hypothesis],
                workspace.float_scratch,
                workspace.float_scratch_2,
            )
            score = expected - observed
        else:
            score, information = weighted_score(plan, workspace, hypothesis, n_sets)
        if information > 0.0:
            z = score / math.sqrt(information)
        else:
            status |= STATUS_NO_INFORMATION
        if information > 0.0 and kind == TEST_LOGRANK:
            # One step from no effect.
            start = -score / information
    beta = np.nan
    se = np.nan
    if hypotheses.estimate[hypothesis] != ESTIMATE_NONE:
        beta, se, flag = cox(
            workspace.risk_sets,
            n_sets,
            n_tied,
            hypotheses.estimate[hypothesis],
            observed,
            start,
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
    plan: Plan, workspace: Workspace, hypothesis: int, n_sets: int
) -> tuple[float, float]:
    """Score and information of a weighted log-rank test."""
    hypotheses = plan.hypotheses
    component = hypotheses.first_component[hypothesis]
    event_weights(
        hypotheses.weight_kind[component],
        hypotheses.first_parameter[component],
        hypotheses.second_parameter[component],
        workspace.survival,
        workspace.months,
        n_sets,
        workspace.first_of_stratum,
        plan.n_strata if hypotheses.stratified[hypothesis] else 1,
        workspace.float_scratch,
    )
    return weighted_logrank(
        workspace.float_scratch,
        workspace.difference,
        workspace.variance,
        n_sets,
        workspace.float_scratch_2,
    )


@inlined_kernel
def maxcombo_z(plan: Plan, workspace: Workspace, hypothesis: int, n_sets: int) -> tuple[float, int]:
    """MaxCombo's p-value as a z, and a flag."""
    hypotheses = plan.hypotheses
    first = hypotheses.first_component[hypothesis]
    stop = hypotheses.first_component[hypothesis + 1]
    z, _, _, flag = combine(
        workspace.survival,
        workspace.months,
        workspace.difference,
        workspace.variance,
        n_sets,
        workspace.first_of_stratum,
        plan.n_strata if hypotheses.stratified[hypothesis] else 1,
        hypotheses.weight_kind[first:stop],
        hypotheses.first_parameter[first:stop],
        hypotheses.second_parameter[first:stop],
        workspace.maxcombo,
    )
    return z, flag


@inlined_kernel
def analyse_curves(
    plan: Plan,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_experimental: int,
    n_control: int,
    status: int,
) -> None:
    """A test or estimate of Kaplan-Meier curves; all but the counts."""
    hypothesis = plan.row_hypothesis[row]
    hypotheses = plan.hypotheses
    kind = hypotheses.kind[hypothesis]
    keys = keys_of(plan, workspace)
    month = hypotheses.months[hypothesis]
    estimate = se = z = lower = upper = np.nan
    if kind == ESTIMATE_OF_SHARE_EVENT_FREE:
        free, estimate, se, flag = share_event_free(
            keys,
            workspace.segment[1],
            month,
            statistics.cutoff[trial_row, row],
            plan.stratum_bits,
        )
        # The number seen event-free, in the place of the events.
        statistics.events_experimental[trial_row, row] = free
    else:
        estimate, se, z, lower, upper, flag = figure_of_curves(
            kind,
            month,
            hypotheses.quantile[hypothesis],
            hypotheses.null_value[hypothesis],
            hypotheses.method[hypothesis],
            workspace.experimental_curve,
            n_experimental,
            workspace.last_follow_up[0],
            workspace.control_curve,
            n_control,
            workspace.last_follow_up[1],
            workspace.float_scratch,
            workspace.float_scratch_2,
        )
    statistics.status[trial_row, row] = status | flag
    statistics.z[trial_row, row] = z
    statistics.estimate[trial_row, row] = estimate
    statistics.se[trial_row, row] = se
    statistics.lower[trial_row, row] = lower
    statistics.upper[trial_row, row] = upper


# What it needs and no more: a whole plan and workspace take longer to pass than a figure to find.
@kernel
def figure_of_curves(
    kind: int,
    month: float,
    quantile: float,
    null: float,
    method: int,
    curve: Curve,
    n_experimental: int,
    last: float,
    control: Curve,
    n_control: int,
    last_control: float,
    scratch: FloatArray,
    scratch_2: FloatArray,
) -> tuple[float, float, float, float, float, int]:
    """Estimate, standard error, z, limits and flag, from the curves of one arm or of two.

    ``n_experimental`` and ``n_control`` are the rows of the curves, ``last`` and ``last_control``
    the last follow-up of the arms. NaN for what this kind of test or estimate does not have.
    """
    z = lower = upper = np.nan
    if kind == TEST_RESTRICTED_MEAN:
        estimate, se, z, flag = compare_means(
            curve, n_experimental, last, control, n_control, last_control, month, scratch
        )
    elif kind == TEST_MILESTONE:
        estimate, se, z, flag = compare_survival(
            curve, n_experimental, last, control, n_control, last_control, month, method
        )
    elif kind == TEST_LANDMARK:
        estimate, se, z, flag = survival_against(curve, n_experimental, last, month, null)
    elif kind == ESTIMATE_OF_MEDIAN:
        estimate = median(curve, n_experimental, last)
        se = np.nan
        flag = STATUS_NOT_ESTIMABLE if estimate == np.inf else 0
        lower, upper = median_limits(curve, n_experimental, quantile, scratch, scratch_2)
    elif kind == ESTIMATE_OF_SURVIVAL:
        estimate, se, lower, upper, flag = survival_of_arm(
            curve, n_experimental, last, month, quantile
        )
    elif kind == ESTIMATE_OF_LAST_SURVIVAL:
        estimate, se, lower, upper, flag = last_survival_of_arm(
            curve, n_experimental, last, quantile
        )
    elif kind == ESTIMATE_OF_RESTRICTED_MEAN:
        estimate, se, flag = mean_of_arm(curve, n_experimental, last, month, scratch)
        lower = estimate - quantile * se
        upper = estimate + quantile * se
    else:
        estimate, flag = extreme_event(curve, n_experimental, kind == ESTIMATE_OF_MAXIMUM)
        se = np.nan
    return estimate, se, z, lower, upper, flag


@inlined_kernel
def analyse_proportions(
    plan: Plan,
    patients: Patients,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_entered: int,
    cutoff: float,
    status: int,
) -> None:
    """A test or estimate of a binary endpoint; all but the counts of the row."""
    hypothesis = plan.row_hypothesis[row]
    hypotheses = plan.hypotheses
    kind = hypotheses.kind[hypothesis]
    estimate = se = z = np.nan
    if kind == TEST_PROPORTIONS:
        z, estimate, se, flag = difference_of(
            plan, patients, workspace, statistics, trial_row, row, n_entered, cutoff
        )
    else:
        x = int(np.int64(statistics.events_experimental[trial_row, row]))
        n = int(np.int64(statistics.patients_experimental[trial_row, row]))
        estimate, se, flag = proportion_of_arm(x, n)
        if kind == TEST_EXACT_BINOMIAL and n > 0:
            _, z = exact_binomial(x, n, hypotheses.null_value[hypothesis])
    statistics.status[trial_row, row] = status | flag
    statistics.z[trial_row, row] = z
    statistics.estimate[trial_row, row] = estimate
    statistics.se[trial_row, row] = se


@inlined_kernel
def proportion_of_arm(x: int, n: int) -> tuple[float, float, int]:
    """Share ``x`` of ``n``, its standard error, flag: `STATUS_NO_INFORMATION` without patients."""
    if n == 0:
        return np.nan, np.nan, STATUS_NO_INFORMATION
    share = x / n
    return share, math.sqrt(share * (1.0 - share) / n), 0


@kernel
def difference_of(
    plan: Plan,
    patients: Patients,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
    row: int,
    n_entered: int,
    cutoff: float,
) -> tuple[float, float, float, int]:
    """Test of a difference in proportions: z, estimate, its standard error, flag."""
    hypothesis = plan.row_hypothesis[row]
    hypotheses = plan.hypotheses
    n_strata = int(np.int64(1))
    counts = workspace.responders
    if hypotheses.stratified[hypothesis]:
        n_strata = plan.n_strata
        endpoint = hypotheses.endpoint[hypothesis]
        count_by_stratum(
            patients.arm,
            patients.stratum,
            own_row(patients.calendar_event, endpoint, patients),
            hypotheses.experimental_arm[hypothesis],
            hypotheses.control_arm[hypothesis],
            n_entered,
            cutoff,
            n_strata,
            counts,
        )
    else:
        counts[0] = statistics.events_experimental[trial_row, row]
        counts[1] = statistics.patients_experimental[trial_row, row]
        counts[2] = statistics.events_control[trial_row, row]
        counts[3] = statistics.patients_control[trial_row, row]
    x1 = counts[:n_strata]
    n1 = counts[n_strata : 2 * n_strata]
    x0 = counts[2 * n_strata : 3 * n_strata]
    n0 = counts[3 * n_strata : 4 * n_strata]
    z, estimate, se, flag = compare_proportions(
        hypotheses.method[hypothesis],
        hypotheses.null_value[hypothesis],
        x1,
        n1,
        x0,
        n0,
        n_strata,
    )
    if hypotheses.estimate[hypothesis] == ESTIMATE_ODDS_RATIO:
        estimate, se, other = log_odds_ratio(x1, n1, x0, n0, n_strata)
        flag |= other
    return z, estimate, se, flag
