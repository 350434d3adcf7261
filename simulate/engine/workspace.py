"""Scratch memory of the engine: patients, risk sets, curves and whatever else one trial needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import (
    Curve,
    FloatArray,
    IntArray,
    Patients,
    RiskSets,
    UintArray,
    aligned,
    whole_lines,
)
from simulate.engine.maxcombo import MaxComboScratch, new_maxcombo_scratch
from simulate.engine.plan import Plan

# Of a trial with so many patients or more, each pass over them is long enough.
PATIENTS_AT_ONCE = 600


class Workspace(NamedTuple):
    """Scratch memory for one trial, or for as many as are made at once. Sizes in `new_workspace`.

    ``last_cutoff`` alone is carried from trial to trial: where to begin the search for a look's
    event, which makes it shorter and does not change what it finds. The curves of the two arms are
    the halves of ``both_curves``.
    """

    patients: Patients
    risk_sets: RiskSets
    both_curves: Curve
    experimental_curve: Curve
    control_curve: Curve
    draw_event: FloatArray
    draw_entry: FloatArray
    draw_dropout: FloatArray
    draw_other: FloatArray
    score_first: FloatArray
    score_second: FloatArray
    score_response: FloatArray
    follow_up: FloatArray
    float_scratch: FloatArray
    float_scratch_2: FloatArray
    float_scratch_3: FloatArray
    keys: IntArray
    sorted_keys: IntArray
    buffer: IntArray
    places: UintArray
    picks: IntArray
    sequence: IntArray
    next_place: UintArray
    segment: IntArray
    first_of_stratum: IntArray
    months: FloatArray
    survival: FloatArray
    difference: FloatArray
    variance: FloatArray
    responders: IntArray
    maxcombo: MaxComboScratch
    last_follow_up: FloatArray
    stack: FloatArray
    last_cutoff: FloatArray


def can_be_made_at_once(plan: Plan) -> bool:
    """Whether a pass over patients may be one over those of several trials.

    Not where trials differ in more than their draws, or visits are drawn a patient at a time.
    """
    course = plan.course
    draws_visits = course.is_assessed and not course.schedule.is_common_plan
    return plan.n_members == 1 and not draws_visits and not course.has_investigator


def trials_at_once(plan: Plan) -> int:
    """How many trials' patients are best made in one pass: several, if the trials are small."""
    return max(1, PATIENTS_AT_ONCE // plan.n_patients) if can_be_made_at_once(plan) else 1


def new_workspace(plan: Plan, n_trials: int = 1) -> Workspace:
    """Scratch memory for trials of ``plan``, of which ``n_trials`` are made at once.

    See `trials_at_once`; results do not depend on it.

    Raises
    ------
    ValueError
        If several cannot be made at once.
    """
    if n_trials > 1 and not can_be_made_at_once(plan):
        raise ValueError("patients of this trial are made one trial at a time")
    n = plan.n_patients
    at_once = n_trials * n

    def floats(size: int = n) -> FloatArray:
        return aligned((size,)).view(np.float64)

    def integers(size: int = n) -> IntArray:
        return aligned((size,)).view(np.int64)

    def by_endpoint() -> FloatArray:
        return aligned((plan.course.n_endpoints, at_once)).view(np.float64)

    patients = Patients(
        stratum=integers(at_once),
        arm=integers(at_once),
        cell=aligned((at_once,)),
        entry=floats(at_once),
        dropout=floats(at_once),
        progression=floats(at_once),
        response=floats(at_once),
        discontinuation=floats(at_once),
        shift=floats(at_once),
        assessable=floats(at_once),
        event=by_endpoint(),
        end=by_endpoint(),
        outcome=by_endpoint().view(np.int64),
        calendar_end=by_endpoint(),
        calendar_event=by_endpoint(),
        first=0,
    )
    # Branch-free passes write one element past the last they keep.
    rows = whole_lines(n + 1)
    both_curves = Curve(*(floats(2 * rows) for _ in Curve._fields))
    risk_sets = RiskSets(integers(n + 1), integers(n + 1))
    return Workspace(
        patients=patients,
        risk_sets=risk_sets,
        both_curves=both_curves,
        experimental_curve=Curve(*(part[:rows] for part in both_curves)),
        control_curve=Curve(*(part[rows:] for part in both_curves)),
        draw_event=floats(at_once),
        draw_entry=floats(at_once),
        draw_dropout=floats(at_once),
        draw_other=floats(at_once),
        score_first=floats(at_once),
        score_second=floats(at_once),
        score_response=floats(at_once),
        follow_up=floats(),
        float_scratch=floats(whole_lines(at_once)),
        float_scratch_2=floats(whole_lines(at_once)),
        float_scratch_3=floats(),
        keys=integers(),
        sorted_keys=integers(n + 1),
        buffer=integers(),
        places=aligned((2, 256)),
        picks=integers(n + plan.n_strata),
        sequence=integers(n + plan.n_strata * plan.arrangements.shape[1]),
        next_place=np.zeros(plan.n_strata, dtype=np.uint64),
        segment=integers(plan.n_strata + 1),
        first_of_stratum=integers(plan.n_strata + 1),
        months=floats(n + 1),
        survival=floats(),
        difference=floats(),
        variance=floats(),
        responders=integers(4 * plan.n_strata),
        maxcombo=new_maxcombo_scratch(n),
        last_follow_up=np.zeros(2, dtype=np.float64),
        stack=np.zeros(len(plan.node_kind) + 1, dtype=np.float64),
        last_cutoff=np.zeros((len(plan.node_kind), 2), dtype=np.float64),
    )
