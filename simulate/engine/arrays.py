"""The arrays the engine takes, works in and fills.

A `Plan` says everything about the trial and does not change; a `Workspace` is scratch memory for
one trial at a time; `Statistics` are the rows that come out. The caller owns all three: the trial
loop allocates nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
UintArray = NDArray[np.uint64]

EVENLY_SPACED = 0
POISSON = 1

# Kinds of node in the program that yields a look's cutoff.
NODE_EVENTS = 0
NODE_CALENDAR = 1
NODE_MINIMUM_FOLLOW_UP = 2
NODE_AFTER_PREVIOUS = 3
NODE_LATEST = 4
NODE_EARLIEST = 5

# What a look does when its number of events is never reached.
FALL_BACK_LAST_EVENT = 0
FALL_BACK_ALL_DATA = 1
FALL_BACK_SKIP = 2

ESTIMATE_NONE = 0
ESTIMATE_BRESLOW = 1
ESTIMATE_EFRON = 2

# Weights of a log-rank test.
WEIGHTS_NONE = -1
WEIGHTS_FLEMING_HARRINGTON = 0
WEIGHTS_MODEST_BY_MONTH = 1
WEIGHTS_MODEST_BY_SURVIVAL = 2

# What happened to a patient by the end of that patient's own follow-up. The codes are weights of
# places in one integer, so that a single sum counts patients (1 each), events and dropouts.
COUNT_BITS = 21
COUNT_MASK = (1 << COUNT_BITS) - 1
FOLLOWED_TO_END = 0
EVENT = 1 << COUNT_BITS
DROPOUT = 1 << (2 * COUNT_BITS)

# Status of a row, a sum of flags.
STATUS_LOOK_SKIPPED = 1
STATUS_TARGET_NOT_REACHED = 2
STATUS_NO_INFORMATION = 4
STATUS_ESTIMATE_INFINITE = 8
STATUS_ESTIMATE_NOT_CONVERGED = 16


class Hazards(NamedTuple):
    """Hazards of the cells (arm by stratum), each piecewise linear on a Weibull clock.

    Attributes
    ----------
    first_piece : IntArray, shape (n_cells + 1,)
        Where each cell's pieces begin in the arrays below.
    clock, cumulative : FloatArray, shape (n_pieces,)
        Clock ``y`` and cumulative hazard at the start of each piece.
    inverse_slope : FloatArray, shape (n_pieces,)
        One over the slope of the cumulative hazard on the clock; infinite where that is 0.
    scale, inverse_shape : FloatArray, shape (n_cells,)
        Months are ``scale * y ** inverse_shape``.
    single_rates, all_linear, never : int
        1 if every cell has one piece; if every shape is 1; if nobody ever has this event.
    """

    first_piece: IntArray
    clock: FloatArray
    cumulative: FloatArray
    inverse_slope: FloatArray
    scale: FloatArray
    inverse_shape: FloatArray
    single_rates: int
    all_linear: int
    never: int


class Plan(NamedTuple):
    """A trial, as arrays. Arms, strata, analyses and hypotheses are numbers here.

    Attributes
    ----------
    n_patients, n_arms, n_strata : int
        Sizes. A patient's cell is ``arm * n_strata + stratum``.
    arrivals : int
        `EVENLY_SPACED` or `POISSON`.
    fixed_entry : FloatArray, shape (n_patients,)
        Calendar months of entry if evenly spaced; else empty.
    accrual_start, accrual_cumulative, accrual_inverse_rate : FloatArray, shape (n_steps,)
        Start of each accrual step (months), patients expected by then, and one over its rate
        (patients a month; infinite in a pause).
    stratum_upper : FloatArray, shape (n_strata,)
        Cumulative prevalence; the last is 1.
    arrangements : ndarray of int8, shape (n_arrangements, block_size)
        Every order that the arms can take in a permuted block.
    within_strata : int
        1 if each stratum has its own permuted blocks.
    events, dropouts : Hazards
        Of PFS and of dropping out, by cell.
    maximum_follow_up : float
        Months from randomisation; infinite if there is no limit.
    first_node : IntArray, shape (n_looks + 1,)
        Where each look's nodes begin. Nodes stand in postfix order: members before the latest or
        earliest of them.
    node_kind, node_count, node_rule, node_mask : IntArray, shape (n_nodes,)
        Kind; number of events, of members or of the patient; what to do when the events are never
        reached; row of ``masks``, or -1 for all cells.
    node_months : FloatArray, shape (n_nodes,)
        Calendar month, follow-up or gap.
    masks : IntArray, shape (n_masks, n_cells)
        1 where a cell's events count towards a look.
    row_look, row_hypothesis : IntArray, shape (n_rows,)
        The (look, hypothesis) pairs of one trial, by look.
    row_has_own_data : IntArray, shape (n_rows,)
        0 where the row before, at the same look, has put the same arms in the same order.
    experimental_arm, control_arm : IntArray, shape (n_hypotheses,)
        Numbers of the compared arms.
    stratified, estimate : IntArray, shape (n_hypotheses,)
        1 if the test is stratified; which Cox estimate.
    null_hazard_ratio : FloatArray, shape (n_hypotheses,)
        The hazard ratio under the null hypothesis; 1 with weights.
    weight_kind : IntArray, shape (n_hypotheses,)
        Kind of weights of the test.
    first_parameter, second_parameter : FloatArray, shape (n_hypotheses,)
        Of the weights: exponents, or month or survival at which they stop to grow.
    needs_months : int
        1 if weights depend on the months of the events.
    """

    n_patients: int
    n_arms: int
    n_strata: int
    arrivals: int
    fixed_entry: FloatArray
    accrual_start: FloatArray
    accrual_cumulative: FloatArray
    accrual_inverse_rate: FloatArray
    stratum_upper: FloatArray
    arrangements: NDArray[np.int8]
    within_strata: int
    events: Hazards
    dropouts: Hazards
    maximum_follow_up: float
    first_node: IntArray
    node_kind: IntArray
    node_count: IntArray
    node_rule: IntArray
    node_mask: IntArray
    node_months: FloatArray
    masks: IntArray
    row_look: IntArray
    row_hypothesis: IntArray
    row_has_own_data: IntArray
    experimental_arm: IntArray
    control_arm: IntArray
    stratified: IntArray
    estimate: IntArray
    null_hazard_ratio: FloatArray
    weight_kind: IntArray
    first_parameter: FloatArray
    second_parameter: FloatArray
    needs_months: int


class Patients(NamedTuple):
    """One trial's patients, each array of shape (n_patients,).

    ``entry`` and ``calendar_end`` are calendar months; ``event``, ``dropout`` and ``end`` run from
    randomisation. ``end`` is when follow-up would end without a cutoff and ``outcome`` why.
    ``calendar_event`` is infinite without an event. ``cell`` is unsigned, which makes it the
    quickest of indices.
    """

    stratum: IntArray
    arm: IntArray
    cell: UintArray
    entry: FloatArray
    event: FloatArray
    dropout: FloatArray
    end: FloatArray
    outcome: IntArray
    calendar_end: FloatArray
    calendar_event: FloatArray


class RiskSets(NamedTuple):
    """Risk sets at the distinct event times of one analysis, stratum after stratum.

    ``counts`` holds three numbers of `COUNT_BITS` bits each, from the lowest: patients at risk just
    before the time, how many of them are experimental, and experimental events at the time.
    ``events`` counts all events at the time; without ties it is not filled: it is 1 throughout.
    Shape (n_patients + 1,), filled from the front.
    """

    counts: IntArray
    events: IntArray


class Workspace(NamedTuple):
    """Scratch memory for one trial. Sizes in `new_workspace`.

    ``last_cutoff`` alone is carried from trial to trial: where to begin the search for a look's
    event, which makes it shorter and does not change what it finds.
    """

    patients: Patients
    risk_sets: RiskSets
    draw_event: FloatArray
    draw_entry: FloatArray
    draw_dropout: FloatArray
    float_scratch: FloatArray
    float_scratch_2: FloatArray
    float_scratch_3: FloatArray
    keys: IntArray
    sorted_keys: IntArray
    buffer: IntArray
    places: UintArray
    picks: IntArray
    per_stratum: IntArray
    segment: IntArray
    first_of_stratum: IntArray
    months: FloatArray
    survival: FloatArray
    stack: FloatArray
    last_cutoff: FloatArray


class Statistics(NamedTuple):
    """What comes out: a row a (trial, look, hypothesis); each array (n_trials, n_rows).

    ``status`` is a sum of the STATUS flags. ``cutoff`` is a calendar month. Counts are of the two
    compared arms at the cutoff. ``score`` is positive if the experimental arm does better;
    ``information`` is its variance under the null; ``estimate`` is the log hazard ratio, ``se`` its
    standard error. NaN where undefined.
    """

    status: NDArray[np.uint8]
    cutoff: FloatArray
    patients_experimental: NDArray[np.int32]
    patients_control: NDArray[np.int32]
    events_experimental: NDArray[np.int32]
    events_control: NDArray[np.int32]
    dropouts_experimental: NDArray[np.int32]
    dropouts_control: NDArray[np.int32]
    score: FloatArray
    information: FloatArray
    z: FloatArray
    estimate: FloatArray
    se: FloatArray


def new_workspace(plan: Plan) -> Workspace:
    """Scratch memory for trials of ``plan``."""
    n = plan.n_patients

    def floats() -> FloatArray:
        return np.zeros(n, dtype=np.float64)

    def integers(size: int = n) -> IntArray:
        return np.zeros(size, dtype=np.int64)

    patients = Patients(
        stratum=integers(),
        arm=integers(),
        cell=np.zeros(n, dtype=np.uint64),
        entry=floats(),
        event=floats(),
        dropout=floats(),
        end=floats(),
        outcome=integers(),
        calendar_end=floats(),
        calendar_event=floats(),
    )
    # Branch-free passes write one element past the last they keep.
    risk_sets = RiskSets(integers(n + 1), integers(n + 1))
    return Workspace(
        patients=patients,
        risk_sets=risk_sets,
        draw_event=floats(),
        draw_entry=floats(),
        draw_dropout=floats(),
        float_scratch=floats(),
        float_scratch_2=floats(),
        float_scratch_3=floats(),
        keys=integers(),
        sorted_keys=integers(),
        buffer=integers(),
        places=np.zeros((2, 256), dtype=np.uint64),
        picks=integers(n + plan.n_strata),
        per_stratum=integers(plan.n_strata + 1),
        segment=integers(plan.n_strata + 1),
        first_of_stratum=integers(plan.n_strata + 1),
        months=np.zeros(n + 1, dtype=np.float64),
        survival=floats(),
        stack=np.zeros(len(plan.node_kind) + 1, dtype=np.float64),
        last_cutoff=np.zeros((len(plan.node_kind), 2), dtype=np.float64),
    )


def new_statistics(n_trials: int, plan: Plan) -> Statistics:
    """Output arrays for ``n_trials`` trials of ``plan``."""
    shape = (n_trials, len(plan.row_look))

    def counts() -> NDArray[np.int32]:
        return np.zeros(shape, dtype=np.int32)

    def values() -> FloatArray:
        return np.zeros(shape, dtype=np.float64)

    return Statistics(
        status=np.zeros(shape, dtype=np.uint8),
        cutoff=values(),
        patients_experimental=counts(),
        patients_control=counts(),
        events_experimental=counts(),
        events_control=counts(),
        dropouts_experimental=counts(),
        dropouts_control=counts(),
        score=values(),
        information=values(),
        z=values(),
        estimate=values(),
        se=values(),
    )
