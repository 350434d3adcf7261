"""The course of disease: when a patient progresses, responds and dies, and the binary endpoints.

A Gaussian copula joins the endpoints. Each has a uniform ``u`` with normal score ``Phi^-1(u)``: a
time is the one at which its survival is ``u``, and a response is a ``u`` below its probability. So
a low score is a long time, or a response. The scores are made correlated by the Cholesky factor of
their correlations; the first event keeps its own.
"""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import FloatArray, Patients, UintArray
from simulate.engine.assessments import leave_unassessed, observe, see_control
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import exp, log
from simulate.engine.investigator import read_again
from simulate.engine.normal import normal_cdf, normal_quantile
from simulate.engine.philox import (
    PURPOSE_BINARY,
    PURPOSE_DEATH,
    SHIFT_8,
    draw_response,
    draw_uniform,
)
from simulate.engine.plan import Course, Plan
from simulate.engine.states import follow_states
from simulate.engine.times import (
    cumulative_hazards,
    end_by,
    end_follow_up,
    invert_hazards,
    of_member,
    to_calendar,
    unit_exponentials,
)
from simulate.engine.visits import draw_patients
from simulate.engine.workspace import Workspace


@inlined_kernel
def follow_course(
    plan: Plan, seed: np.uint64, trial: np.uint64, n_trials: int, workspace: Workspace
) -> None:
    """Events of every endpoint of all patients of the trials, and the end of their follow-up.

    Needs cells, entries, dropouts and the uniforms of the first event in the workspace.
    """
    n_each = plan.n_patients
    n = n_trials * n_each
    course = plan.course
    patients = workspace.patients
    make_events(plan, seed, trial, n_trials, workspace)
    if course.is_assessed:
        see_through_scans(course, seed, trial, n_trials, n_each, workspace)
    for binary in range(course.n_binary):
        add_binary(course, seed, trial, n_trials, n_each, binary, workspace)
    for endpoint in range(course.n_endpoints):
        end_follow_up(patients, endpoint, plan.maximum_follow_up, n)
    if course.response >= 0:
        response = course.response
        end_by(patients.event[0], n, patients.end[response], patients.outcome[response])
    if course.disease_control >= 0:
        control = course.disease_control
        end_by(patients.event[0], n, patients.end[control], patients.outcome[control])
    if course.response_investigator >= 0:
        called = course.response_investigator
        # Without PFS, row 0 is of an event that never happens.
        first = patients.event[max(course.pfs_investigator, 0)]
        end_by(first, n, patients.end[called], patients.outcome[called])
    if plan.has_states or course.is_assessed:
        end_shown(plan, patients, n)
    for binary in range(course.n_binary):
        endpoint = course.n_endpoints - course.n_binary + binary
        assessed = workspace.float_scratch
        for i in range(n):
            assessed[i] = course.binary_month[binary]
        end_by(assessed, n, patients.end[endpoint], patients.outcome[endpoint])
    for endpoint in range(course.n_endpoints):
        to_calendar(patients, endpoint, n)


@inlined_kernel
def make_events(
    plan: Plan, seed: np.uint64, trial: np.uint64, n_trials: int, workspace: Workspace
) -> None:
    """Latent times of PFS, OS and response, by the endpoint model or through the states."""
    n_each = plan.n_patients
    n = n_trials * n_each
    course = plan.course
    patients = workspace.patients
    if course.needs_scores:
        normal_scores(workspace.draw_event, n, workspace.score_first)
    unit_exponentials(workspace.draw_event, n)
    n_cells = plan.n_arms * plan.n_strata
    member = int(np.int64(trial % np.uint64(plan.n_members)))
    if plan.has_states:
        # Its hazards are picked out in there: this function takes long enough to compile.
        follow_states(
            course.first_event,
            plan.states,
            member,
            n_cells,
            seed,
            trial,
            n_trials,
            n_each,
            workspace,
        )
    else:
        first_event = of_member(course.first_event, member, n_cells)
        invert_hazards(workspace.draw_event, patients.cell, first_event, n, patients.event[0])
        if course.has_deaths:
            add_deaths(course, seed, trial, n_trials, n_each, workspace)
        if course.response >= 0:
            add_responses(course, seed, trial, n_trials, n_each, workspace)


@kernel
def add_deaths(
    course: Course,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    workspace: Workspace,
) -> None:
    """Overall survival beside the latent time to progression; PFS is the earlier of the two."""
    n = n_trials * n_each
    patients = workspace.patients
    uniforms = workspace.draw_other
    address = np.uint64(PURPOSE_DEATH) << SHIFT_8
    draw_uniform(seed, trial, n_trials, address, n_each, uniforms)
    if course.needs_scores:
        normal_scores(uniforms, n, workspace.score_second)
        # The score keeps its independent part: the response's is made from it.
        mix_two(
            course.loadings[0],
            workspace.score_first,
            course.loadings[1],
            workspace.score_second,
            n,
            uniforms,
        )
        uniforms_of(uniforms, n)
    unit_exponentials(uniforms, n)
    death = patients.event[1]
    invert_hazards(uniforms, patients.cell, course.deaths, n, death)
    first_of(patients.event[0], death, n, patients.progression)


@kernel
def add_responses(
    course: Course,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    workspace: Workspace,
) -> None:
    """Who responds, and when."""
    n = n_trials * n_each
    patients = workspace.patients
    uniforms = workspace.draw_other
    times = workspace.draw_event
    draw_response(seed, trial, n_trials, n_each, uniforms, times)
    if course.needs_scores:
        score = workspace.score_response
        normal_scores(uniforms, n, score)
        mix_three(
            course.loadings[2],
            workspace.score_first,
            course.loadings[3],
            workspace.score_second,
            course.loadings[4],
            score,
            n,
        )
        for i in range(n):
            uniforms[i] = score[i]
        uniforms_of(uniforms, n)
    # The time's distribution, conditioned on coming before the first event.
    cumulative_hazards(
        patients.event[0], patients.cell, course.response_times, n, workspace.float_scratch
    )
    condition_on_event(times, workspace.float_scratch, n)
    response = patients.event[course.response]
    invert_hazards(times, patients.cell, course.response_times, n, response)
    keep_responders(uniforms, course.response_rate, patients, n, response)


@kernel
def see_through_scans(
    course: Course,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    workspace: Workspace,
) -> None:
    """Put in place of latent events what the scans see; a response counts once it is confirmed."""
    n = n_trials * n_each
    patients = workspace.patients
    pfs = patients.event[0]
    death = workspace.float_scratch
    if course.has_deaths:
        death = patients.event[1]
        copy(patients.progression, n, pfs)
    else:
        never(n, death)
    response = patients.response
    confirmed = workspace.float_scratch_2
    if course.response >= 0:
        confirmed = patients.event[course.response]
        copy(confirmed, n, response)
    else:
        never(n, response)
    schedule = course.schedule
    if schedule.is_shifted or schedule.has_unevaluable:
        draw_patients(
            schedule,
            seed,
            trial,
            n_trials,
            n_each,
            patients.arm,
            patients.shift,
            patients.assessable,
        )
    observe(
        schedule,
        seed,
        trial,
        patients.arm,
        patients.shift,
        n,
        pfs,
        death,
        response,
        confirmed,
    )
    if course.disease_control >= 0:
        control = patients.event[course.disease_control]
        see_control(
            schedule,
            seed,
            trial,
            patients.arm,
            patients.shift,
            pfs,
            n,
            control,
        )
        if schedule.has_unevaluable:
            leave_unassessed(patients.assessable, n, control)
    if course.has_investigator:
        read_again(course, seed, trial, death, n, workspace)
    if schedule.has_unevaluable:
        leave_unassessed(patients.assessable, n, pfs)
        leave_unassessed(patients.assessable, n, response)
        leave_unassessed(patients.assessable, n, confirmed)


@kernel
def copy(months: FloatArray, n: int, out: FloatArray) -> None:
    """The same months, (n,)."""
    for i in range(n):
        out[i] = months[i]


@kernel
def never(n: int, out: FloatArray) -> None:
    """Months of what never happens, (n,)."""
    for i in range(n):
        out[i] = np.inf


@kernel
def end_shown(plan: Plan, patients: Patients, n: int) -> None:
    """End the follow-up for what scans show where they show no more of a patient, or nothing.

    That is when treatment is left, and at randomisation in who is not evaluable.
    """
    course = plan.course
    first = int(np.int64(0))  # typed: a literal would compile kernels a second time
    for endpoint in (
        first,
        course.response,
        course.disease_control,
        course.pfs_investigator,
        course.response_investigator,
    ):
        if endpoint >= 0:
            end = patients.end[endpoint]
            outcome = patients.outcome[endpoint]
            if plan.has_states and not plan.states.discontinuation.never:
                end_by(patients.discontinuation, n, end, outcome)
            if course.is_assessed and course.schedule.has_unevaluable:
                end_by(patients.assessable, n, end, outcome)


@kernel
def add_binary(
    course: Course,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    binary: int,
    workspace: Workspace,
) -> None:
    """Who has a binary endpoint; it happens when it is assessed."""
    n = n_trials * n_each
    patients = workspace.patients
    uniforms = workspace.draw_other
    address = (np.uint64(PURPOSE_BINARY) << SHIFT_8) | np.uint64(binary)
    draw_uniform(seed, trial, n_trials, address, n_each, uniforms)
    correlation = course.binary_correlation[binary]
    if correlation != 0.0:
        rest = math.sqrt(1.0 - correlation * correlation)
        normal_scores(uniforms, n, workspace.score_second)
        mix_two(correlation, workspace.score_response, rest, workspace.score_second, n, uniforms)
        uniforms_of(uniforms, n)
    event = patients.event[course.n_endpoints - course.n_binary + binary]
    rates = course.binary_rate[binary]
    month = course.binary_month[binary]
    for i in range(n):
        event[i] = month if uniforms[i] < rates[patients.cell[i]] else np.inf


@kernel
def normal_scores(uniforms: FloatArray, n: int, out: FloatArray) -> None:
    """Normal quantiles of uniforms, (n,)."""
    for i in range(n):
        out[i] = normal_quantile(uniforms[i])


@kernel
def uniforms_of(scores: FloatArray, n: int) -> None:
    """Replace normal scores by the uniforms that they are quantiles of, (n,)."""
    for i in range(n):
        scores[i] = normal_cdf(scores[i])


@kernel
def mix_two(
    a: float, first: FloatArray, b: float, second: FloatArray, n: int, out: FloatArray
) -> None:
    """``a first + b second``, (n,)."""
    for i in range(n):
        out[i] = a * first[i] + b * second[i]


@kernel
def mix_three(
    a: float,
    first: FloatArray,
    b: float,
    second: FloatArray,
    c: float,
    third: FloatArray,
    n: int,
) -> None:
    """Replace ``third`` by ``a first + b second + c third``, (n,)."""
    for i in range(n):
        third[i] = a * first[i] + b * second[i] + c * third[i]


@kernel
def first_of(event: FloatArray, death: FloatArray, n: int, progression: FloatArray) -> None:
    """Keep ``event`` as the latent progression, and make it the earlier of that and death, (n,)."""
    for i in range(n):
        progression[i] = event[i]
    for i in range(n):
        event[i] = min(progression[i], death[i])


@kernel
def condition_on_event(times: FloatArray, at_event: FloatArray, n: int) -> None:
    """From uniforms to unit exponentials conditioned on being below ``at_event``, in place, (n,).

    With ``G = 1 - exp(-at_event)``, the probability of being below, it is ``-log(1 - u G)``. Where
    G is 0, it is infinite.
    """
    for i in range(n):
        at_most = 1.0 - exp(-min(at_event[i], 700.0))
        target = -log(1.0 - times[i] * at_most)
        # A hazard of 0 to begin with reaches 0 at no month in particular.
        times[i] = target if target > 0.0 else np.inf


@kernel
def keep_responders(
    uniforms: FloatArray, rates: FloatArray, patients: Patients, n: int, response: FloatArray
) -> None:
    """No time to response for those who do not respond; at the latest at the first event, (n,)."""
    first = patients.event[0]
    cell: UintArray = patients.cell
    for i in range(n):
        response[i] = min(response[i], first[i]) if uniforms[i] < rates[cell[i]] else np.inf
