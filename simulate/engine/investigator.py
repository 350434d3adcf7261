"""What the investigator sees: a second reading of the scans that central review has read.

It is a copy of what central review records of a patient, with errors of its own: progression may be
called at the scan attended before or after, a response missed or added. Everything it records is at
a scan that the patient has attended, or at death.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.assessments import NEVER_DAY, day_of, leave_unassessed, month_of
from simulate.engine.compile import kernel
from simulate.engine.philox import PURPOSE_INVESTIGATOR, SHIFT_8, draw_pair
from simulate.engine.plan import Course, Investigator, Schedule
from simulate.engine.visits import attended, first_visit, last_attended
from simulate.engine.workspace import Workspace


class ArmReading(NamedTuple):
    """The investigator's reading in one arm.

    Attributes
    ----------
    early, late : float
        Probability that progression is called a scan early, or late; their sum is at most 1.
    missed, added : float
        Probability that a response of central review is missed, and that one is added where central
        review has none.
    """

    early: float = 0.0
    late: float = 0.0
    missed: float = 0.0
    added: float = 0.0


def new_investigator(arms: Sequence[ArmReading]) -> Investigator:
    """Put the arms' readings into arrays."""
    columns = np.array(arms, dtype=np.float64).reshape(-1, len(ArmReading._fields))
    return Investigator(*(column.copy() for column in columns.T))


@kernel
def read_again(
    course: Course,
    seed: np.uint64,
    trial: np.uint64,
    death: FloatArray,
    n: int,
    workspace: Workspace,
) -> None:
    """Events of the endpoints by the investigator, from those that central review has recorded.

    ``death`` (n,) are months of death as recorded. Needs the events of central review, of patients
    not evaluable too; takes the arrays of the draws of the first event and of others.
    """
    patients = workspace.patients
    schedule = course.schedule
    of_progression = workspace.draw_event
    of_response = workspace.draw_other
    address = np.uint64(PURPOSE_INVESTIGATOR) << SHIFT_8
    one_trial = int(np.int64(1))  # typed: a literal would compile a kernel a second time
    draw_pair(seed, trial, one_trial, address, n, of_progression, of_response)
    pfs = patients.event[0]
    if course.pfs_investigator >= 0:
        own_pfs = patients.event[course.pfs_investigator]
        call_progression(
            schedule,
            course.investigator,
            seed,
            trial,
            patients.arm,
            patients.shift,
            of_progression,
            pfs,
            death,
            n,
            own_pfs,
        )
        pfs = own_pfs
    if course.response_investigator >= 0:
        own_response = patients.event[course.response_investigator]
        call_response(
            schedule,
            course.investigator,
            seed,
            trial,
            patients.arm,
            patients.shift,
            of_response,
            pfs,
            patients.event[course.response],
            n,
            own_response,
        )
        if schedule.has_unevaluable:
            leave_unassessed(patients.assessable, n, own_response)
    if schedule.has_unevaluable and course.pfs_investigator >= 0:
        leave_unassessed(patients.assessable, n, pfs)


@kernel
def call_progression(
    schedule: Schedule,
    investigator: Investigator,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    uniforms: FloatArray,
    pfs: FloatArray,
    death: FloatArray,
    n: int,
    out: FloatArray,
) -> None:
    """Months of progression by the investigator or of death, whichever is earlier, (n,).

    Parameters
    ----------
    schedule : Schedule
        When the scans are.
    investigator : Investigator
        How often progression is called early or late.
    seed, trial : np.uint64
        Key and address of the draws of visits.
    arm : IntArray, shape (n,)
        Each patient's arm.
    shift : FloatArray, shape (n,)
        Days by which all visits of each patient are late; read where the schedule has shifts.
    uniforms : FloatArray, shape (n,)
        A draw a patient: low ones are early, high ones late, so that either probability leaves who
        the others are.
    pfs, death : FloatArray, shape (n,)
        Months of PFS by central review, and of death; PFS before death ends with progression.
    n : int
        Number of patients.
    out : FloatArray, shape (n,)
        Where nothing differs, ``pfs`` to the bit. Early is the last scan attended before that of
        central review, if there is one; late the next one attended, or death if that comes first.
    """
    for i in range(n):
        out[i] = pfs[i]
        group = arm[i]
        is_early = uniforms[i] < investigator.early[group]
        is_late = uniforms[i] > 1.0 - investigator.late[group]
        if pfs[i] < death[i] and (is_early or is_late):
            late = shift[i] if schedule.is_shifted else 0.0
            day = day_of(pfs[i]) - late
            if is_early:
                scan = last_attended(schedule, seed, trial, i, group, day - 1.0)
                if scan > 0.0:
                    out[i] = month_of(scan + late)
            else:
                end = day_of(death[i]) - late
                visit = first_visit(schedule, group, day + 1.0)
                _, scan = attended(schedule, seed, trial, i, group, visit, day + 1.0, end)
                called = scan + late
                out[i] = month_of(called) if called < NEVER_DAY else np.inf


@kernel
def call_response(
    schedule: Schedule,
    investigator: Investigator,
    seed: np.uint64,
    trial: np.uint64,
    arm: IntArray,
    shift: FloatArray,
    uniforms: FloatArray,
    pfs: FloatArray,
    response: FloatArray,
    n: int,
    out: FloatArray,
) -> None:
    """Months from which a response by the investigator counts, infinite if there is none, (n,).

    Parameters
    ----------
    schedule, investigator, seed, trial, arm, shift, n
        As in `call_progression`.
    uniforms : FloatArray, shape (n,)
        A draw a patient: low ones are missed, or added.
    pfs : FloatArray, shape (n,)
        Months of PFS by the investigator, which a response comes before.
    response : FloatArray, shape (n,)
        Months from which a response by central review counts; infinite if there is none.
    out : FloatArray, shape (n,)
        A response that is not missed counts from the same scan. One that is added is first seen at
        the first scan attended, and counts from there or, where it must be confirmed, from the next
        one attended.
    """
    first = int(np.int64(1))  # typed: a literal would compile a kernel a second time
    for i in range(n):
        group = arm[i]
        counts = response[i]
        if response[i] < np.inf:
            if uniforms[i] < investigator.missed[group]:
                counts = np.inf
        elif uniforms[i] < investigator.added[group]:
            late = shift[i] if schedule.is_shifted else 0.0
            end = day_of(pfs[i]) - late
            visit, scan = attended(schedule, seed, trial, i, group, first, 0.0, end)
            if schedule.confirm[group] and scan < end:
                _, scan = attended(schedule, seed, trial, i, group, visit + 1, scan, end)
            counts = month_of(scan + late) if scan < end else np.inf
        out[i] = counts if counts < pfs[i] else np.inf
