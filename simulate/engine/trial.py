"""The one loop over trials."""

from __future__ import annotations

import numpy as np

from simulate.engine.allocation import (
    assign_cells,
    assign_strata,
    randomise,
    randomise_within_strata,
)
from simulate.engine.arrays import Patients
from simulate.engine.codes import (
    POISSON,
    STATUS_LOOK_SKIPPED,
    STATUS_TARGET_NOT_REACHED,
    TEST_MAXCOMBO,
)
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.course import follow_course
from simulate.engine.cutoffs import count_entered, look_cutoff
from simulate.engine.follow_up import follow_pfs, follow_up_keys
from simulate.engine.hypotheses import (
    analyse_curves,
    analyse_proportions,
    analyse_risk_sets,
    counted_after,
    is_of_curves,
    keys_of,
    prepare_weights,
)
from simulate.engine.kaplan_meier import arm_curves, curve_of_one_arm, last_follow_up
from simulate.engine.logrank import scan_risk_sets, scan_tied_risk_sets
from simulate.engine.ordering import (
    append_strata,
    build_keys,
    count_outcomes,
    keep_arms,
    part_strata,
    sort_keys,
    take_off_strata,
    ticks_per_month,
    unpack_counts,
)
from simulate.engine.patients import own_row, patients_of_trial
from simulate.engine.philox import PURPOSE_STRATUM, SHIFT_8, draw_core, draw_uniform
from simulate.engine.plan import Plan
from simulate.engine.responders import count_in_arm, put_responders_in_order
from simulate.engine.statistics import Statistics
from simulate.engine.times import invert_hazards, poisson_entries, unit_exponentials
from simulate.engine.weighted import scan_times
from simulate.engine.workspace import Workspace


@kernel
def simulate_trials(
    plan: Plan,
    seed: np.uint64,
    start: int,
    stop: int,
    workspace: Workspace,
    statistics: Statistics,
    first_row: int,
) -> None:
    """Simulate trials ``start`` to ``stop - 1`` into ``statistics`` from ``first_row`` on.

    Parameters
    ----------
    plan : Plan
        The trial.
    seed : np.uint64
        Key of the random numbers.
    start, stop : int
        Range of trial numbers; each trial depends on nothing but the plan, the seed and its number.
    workspace : Workspace
        Scratch memory made for this plan; as many trials are made at once as it has room for.
    statistics : Statistics
        Filled at ``[first_row : first_row + stop - start]``.
    first_row : int
        Where trial ``start`` goes.
    """
    at_once = len(workspace.draw_event) // plan.n_patients
    trial = start
    while trial < stop:
        n_trials = min(at_once, stop - trial)
        make_patients(plan, seed, np.uint64(trial), n_trials, workspace)
        for t in range(n_trials):
            patients = patients_of_trial(workspace.patients, t, plan.n_patients)
            row = first_row + trial - start + t
            analyse(plan, seed, np.uint64(trial + t), patients, workspace, statistics, row)
        trial += n_trials


@inlined_kernel
def make_patients(
    plan: Plan, seed: np.uint64, trial: np.uint64, n_trials: int, workspace: Workspace
) -> None:
    """Make all planned patients of ``n_trials`` trials, from number ``trial`` on.

    In ``workspace.patients``: trial after trial, in order of entry.
    """
    n_each = plan.n_patients
    n = n_trials * n_each
    patients = workspace.patients
    draw_core(
        seed,
        trial,
        n_trials,
        n_each,
        workspace.draw_event,
        workspace.draw_entry,
        workspace.draw_dropout,
    )
    if plan.n_strata > 1:
        address = np.uint64(PURPOSE_STRATUM) << SHIFT_8
        draw_uniform(seed, trial, n_trials, address, n_each, workspace.float_scratch)
        assign_strata(workspace.float_scratch, plan.stratum_upper, n, patients.stratum)
    assign_arms(plan, seed, trial, n_trials, workspace)
    assign_cells(patients.arm, patients.stratum, plan.n_strata, n, patients.cell)
    if plan.arrivals == POISSON:
        unit_exponentials(workspace.draw_entry, n)
    for t in range(n_trials):
        own = patients_of_trial(patients, t, n_each)
        if plan.arrivals == POISSON:
            poisson_entries(
                workspace.draw_entry[own.first :],
                plan.accrual_start,
                plan.accrual_cumulative,
                plan.accrual_inverse_rate,
                n_each,
                own.entry,
            )
        else:
            for i in range(n_each):
                own.entry[i] = plan.fixed_entry[i]
    if not plan.dropouts.never:
        unit_exponentials(workspace.draw_dropout, n)
    invert_hazards(workspace.draw_dropout, patients.cell, plan.dropouts, n, patients.dropout)
    follow_course(plan, seed, trial, n_trials, workspace)


@inlined_kernel
def assign_arms(
    plan: Plan, seed: np.uint64, trial: np.uint64, n_trials: int, workspace: Workspace
) -> None:
    """Randomise the patients of ``n_trials`` trials, each by blocks of its own."""
    for t in range(n_trials):
        own = patients_of_trial(workspace.patients, t, plan.n_patients)
        number = trial + np.uint64(t)
        if plan.within_strata:
            randomise_within_strata(
                seed,
                number,
                plan.arrangements,
                own.stratum,
                plan.n_patients,
                plan.n_strata,
                workspace.picks,
                workspace.sequence,
                workspace.next_place,
                own.arm,
            )
        elif plan.n_arms > 1:
            randomise(seed, number, plan.arrangements, plan.n_patients, workspace.picks, own.arm)
        else:
            for i in range(plan.n_patients):
                own.arm[i] = 0


@inlined_kernel
def analyse(
    plan: Plan,
    seed: np.uint64,
    trial: np.uint64,
    patients: Patients,
    workspace: Workspace,
    statistics: Statistics,
    trial_row: int,
) -> None:
    """Every look of one trial, in order, and everything tested or estimated at it."""
    cutoff = 0.0
    previous_cutoff = 0.0
    skipped = False
    target_missed = False
    look = -1
    # Typed: literals would compile kernels below a second time.
    n_entered = n_ordered = in_experimental = in_control = n_sets = n_tied = int(np.int64(0))
    n_experimental = n_control = int(np.int64(0))
    for row in range(len(plan.row_look)):
        while look < plan.row_look[row]:
            look += 1
            cutoff, target_missed = look_cutoff(plan, patients, workspace, look, previous_cutoff)
            skipped = cutoff == np.inf
            if not skipped:
                previous_cutoff = cutoff
        status = STATUS_TARGET_NOT_REACHED if target_missed else 0
        clear_row(statistics, trial_row, row)
        if skipped:
            skip_row(statistics, trial_row, row, status | STATUS_LOOK_SKIPPED)
            continue
        hypothesis = plan.row_hypothesis[row]
        if plan.row_counts[row]:
            months = counted_after(plan.hypotheses, hypothesis)
            n_entered = count_entered(patients.entry, plan.n_patients, months, cutoff)
            in_experimental, in_control = count_arms(plan, patients, hypothesis, n_entered, cutoff)
        if plan.row_arranges[row]:
            n_ordered = order_row(
                plan, seed, trial, patients, workspace, row, n_entered, n_ordered, cutoff
            )
        if plan.row_scans[row]:
            n_sets, n_tied = scan(plan, workspace, hypothesis, cutoff)
        if plan.row_weighs[row]:
            prepare_weights(plan, workspace, hypothesis, n_sets, n_tied)
        if plan.row_draws_curves[row]:
            n_experimental, n_control = draw_curves(plan, workspace, hypothesis, cutoff)
        statistics.cutoff[trial_row, row] = cutoff
        write_counts(statistics, trial_row, row, in_experimental, in_control)
        kind = plan.hypotheses.kind[hypothesis]
        if kind <= TEST_MAXCOMBO:
            analyse_risk_sets(plan, workspace, statistics, trial_row, row, n_sets, n_tied, status)
        elif is_of_curves(kind):
            analyse_curves(
                plan,
                workspace,
                statistics,
                trial_row,
                row,
                n_experimental,
                n_control,
                status,
            )
        else:
            analyse_proportions(
                plan, patients, workspace, statistics, trial_row, row, n_entered, cutoff, status
            )


@inlined_kernel
def clear_row(statistics: Statistics, trial_row: int, row: int) -> None:
    """Leave undefined what no test or estimate of this row defines."""
    statistics.score[trial_row, row] = np.nan
    statistics.information[trial_row, row] = np.nan
    statistics.z[trial_row, row] = np.nan
    statistics.se[trial_row, row] = np.nan
    statistics.lower[trial_row, row] = np.nan
    statistics.upper[trial_row, row] = np.nan


@inlined_kernel
def skip_row(statistics: Statistics, trial_row: int, row: int, status: int) -> None:
    """Write the row of a look that did not take place."""
    statistics.status[trial_row, row] = status
    statistics.cutoff[trial_row, row] = np.nan
    statistics.patients_experimental[trial_row, row] = 0
    statistics.patients_control[trial_row, row] = 0
    statistics.events_experimental[trial_row, row] = 0
    statistics.events_control[trial_row, row] = 0
    statistics.dropouts_experimental[trial_row, row] = 0
    statistics.dropouts_control[trial_row, row] = 0
    statistics.estimate[trial_row, row] = np.nan


@inlined_kernel
def count_arms(
    plan: Plan, patients: Patients, hypothesis: int, n_entered: int, cutoff: float
) -> tuple[int, int]:
    """Patients, events and dropouts of the compared arms, each three counts in one integer."""
    endpoint = plan.hypotheses.endpoint[hypothesis]
    if endpoint < 0:
        return count_in_arm(plan, patients, hypothesis, n_entered, cutoff), int(np.int64(0))
    return count_outcomes(
        patients.arm,
        own_row(patients.outcome, endpoint, patients),
        own_row(patients.calendar_end, endpoint, patients),
        plan.hypotheses.experimental_arm[hypothesis],
        plan.hypotheses.control_arm[hypothesis],
        n_entered,
        cutoff,
    )


@inlined_kernel
def write_counts(
    statistics: Statistics, trial_row: int, row: int, in_experimental: int, in_control: int
) -> None:
    """Write the counts of the compared arms."""
    experimental = unpack_counts(in_experimental)
    control = unpack_counts(in_control)
    statistics.patients_experimental[trial_row, row] = experimental[0]
    statistics.patients_control[trial_row, row] = control[0]
    statistics.events_experimental[trial_row, row] = experimental[1]
    statistics.events_control[trial_row, row] = control[1]
    statistics.dropouts_experimental[trial_row, row] = experimental[2]
    statistics.dropouts_control[trial_row, row] = control[2]


@inlined_kernel
def segments_of(plan: Plan, hypothesis: int) -> int:
    """Number of strata whose patients stand together."""
    return plan.n_strata if plan.hypotheses.stratified[hypothesis] else int(np.int64(1))


@inlined_kernel
def draw_curves(
    plan: Plan, workspace: Workspace, hypothesis: int, cutoff: float
) -> tuple[int, int]:
    """Kaplan-Meier curves from the keys that `arrange` has left; returns their rows."""
    keys = keys_of(plan, workspace)
    n = workspace.segment[1]
    scale = ticks_per_month(cutoff, plan.stratum_bits)
    has_control = plan.hypotheses.control_arm[hypothesis] >= 0
    last_experimental, last_control = last_follow_up(keys, n, scale, has_control)
    workspace.last_follow_up[0] = last_experimental
    workspace.last_follow_up[1] = last_control
    if has_control:
        return arm_curves(keys, n, scale, plan.curves_until, workspace.both_curves)
    curve = workspace.experimental_curve
    return curve_of_one_arm(keys, n, scale, plan.curves_until, curve), int(np.int64(0))


@inlined_kernel
def order_row(
    plan: Plan,
    seed: np.uint64,
    trial: np.uint64,
    patients: Patients,
    workspace: Workspace,
    row: int,
    n_entered: int,
    n_ordered: int,
    cutoff: float,
) -> int:
    """Sorted keys of a row, of patients that are sorted already if another row has the same."""
    hypothesis = plan.row_hypothesis[row]
    if plan.row_follows[row]:
        # A duration of response is made of PFS by central review.
        endpoint = max(plan.hypotheses.endpoint[hypothesis], 0)
        follow_pfs(plan, seed, trial, patients, workspace, endpoint, n_entered, cutoff)
    if plan.row_sorts[row]:
        if plan.hypotheses.endpoint[hypothesis] < 0:
            n_ordered = put_responders_in_order(
                plan, patients, workspace, hypothesis, n_entered, cutoff
            )
        else:
            n_ordered = put_in_order(plan, patients, workspace, hypothesis, n_entered, cutoff)
    arrange(plan, workspace, hypothesis, n_ordered)
    return n_ordered


@inlined_kernel
def put_in_order(
    plan: Plan,
    patients: Patients,
    workspace: Workspace,
    hypothesis: int,
    n_entered: int,
    cutoff: float,
) -> int:
    """Sort the keys of the patients whom a hypothesis compares; returns how many these are."""
    endpoint = plan.hypotheses.endpoint[hypothesis]
    experimental_arm = plan.hypotheses.experimental_arm[hypothesis]
    control_arm = plan.hypotheses.control_arm[hypothesis]
    keys = workspace.keys
    is_pfs = endpoint in (0, plan.course.pfs_investigator)
    if is_pfs and plan.course.schedule.ends_at_scans:
        follow_up_keys(
            workspace.follow_up,
            own_row(patients.calendar_end, endpoint, patients),
            own_row(patients.outcome, endpoint, patients),
            patients.arm,
            experimental_arm,
            n_entered,
            cutoff,
            plan.stratum_bits,
            keys,
        )
    else:
        build_keys(
            patients.entry,
            own_row(patients.end, endpoint, patients),
            own_row(patients.calendar_end, endpoint, patients),
            own_row(patients.outcome, endpoint, patients),
            patients.arm,
            experimental_arm,
            n_entered,
            cutoff,
            plan.stratum_bits,
            keys,
        )
    if plan.stratum_bits > 0:
        append_strata(patients.stratum, n_entered, plan.stratum_bits, keys)
    n = n_entered
    if plan.n_arms > (1 if control_arm < 0 else 2):
        n = keep_arms(patients.arm, experimental_arm, control_arm, n_entered, keys)
    sort_keys(keys, n, workspace.buffer, workspace.places)
    return n


@inlined_kernel
def arrange(plan: Plan, workspace: Workspace, hypothesis: int, n: int) -> None:
    """From ``n`` sorted keys to those of one hypothesis: if stratified, stratum after stratum."""
    segment = workspace.segment
    bits = plan.stratum_bits
    if plan.hypotheses.stratified[hypothesis]:
        part_strata(
            workspace.keys,
            n,
            bits,
            plan.n_strata,
            workspace.next_place,
            segment,
            workspace.sorted_keys,
        )
    else:
        segment[0] = 0
        segment[1] = n
        if bits > 0:
            take_off_strata(workspace.keys, n, bits, workspace.sorted_keys)


@inlined_kernel
def scan(plan: Plan, workspace: Workspace, hypothesis: int, cutoff: float) -> tuple[int, int]:
    """Fill the risk sets of one hypothesis; returns their number and the number of tied events."""
    risk_sets = workspace.risk_sets
    keys = keys_of(plan, workspace)
    segment = workspace.segment
    first_of_stratum = workspace.first_of_stratum
    n_segments = segments_of(plan, hypothesis)
    # Typed: a literal would compile every kernel below a second time.
    no_sets = int(np.int64(0))
    n_sets = no_sets
    n_tied = no_sets
    n_months = no_sets
    for s in range(n_segments):
        part = keys[segment[s] : segment[s + 1]]
        first_of_stratum[s] = n_sets
        n_sets, tied = scan_risk_sets(part, len(part), n_sets, risk_sets.counts)
        n_tied += tied
    if n_tied > 0:
        n_sets = no_sets
        for s in range(n_segments):
            part = keys[segment[s] : segment[s + 1]]
            first_of_stratum[s] = n_sets
            n_sets = scan_tied_risk_sets(part, len(part), n_sets, risk_sets)
    first_of_stratum[n_segments] = n_sets
    if plan.needs_months:
        scale = ticks_per_month(cutoff, plan.stratum_bits)
        for s in range(n_segments):
            part = keys[segment[s] : segment[s + 1]]
            n_months = scan_times(part, len(part), scale, n_months, workspace.months)
    return n_sets, n_tied
