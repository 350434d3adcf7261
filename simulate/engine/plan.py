"""The plan of a trial: everything the engine is told about it, in arrays that do not change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulate.engine.arrays import FloatArray, IntArray


class Hazards(NamedTuple):
    """Hazards of the cells (arm by stratum), each piecewise linear on a Weibull clock.

    Attributes
    ----------
    first_piece, stop_piece : IntArray, shape (n_cells,)
        Where each cell's pieces begin in the arrays below, and where they have ended. Cells of one
        hazard share its pieces.
    clock, cumulative : FloatArray, shape (n_pieces,)
        Clock ``y`` and cumulative hazard at the start of each piece.
    inverse_slope : FloatArray, shape (n_pieces,)
        One over the slope of the cumulative hazard on the clock; infinite where that is 0.
    scale, inverse_shape : FloatArray, shape (n_cells,)
        Months are ``scale * y ** inverse_shape``.
    single_rates, at_most_two, all_linear, never : int
        1 if every cell has one piece; if none has more than two; if every shape is 1; if nobody
        ever has this event.
    """

    first_piece: IntArray
    stop_piece: IntArray
    clock: FloatArray
    cumulative: FloatArray
    inverse_slope: FloatArray
    scale: FloatArray
    inverse_shape: FloatArray
    single_rates: int
    at_most_two: int
    all_linear: int
    never: int


class Schedule(NamedTuple):
    """Assessments of all arms.

    Attributes
    ----------
    first_step : IntArray, shape (n_arms + 1,)
        Where each arm's steps begin in the arrays below.
    from_day, gap : FloatArray, shape (n_steps,)
        Day on which each step begins, and days between its visits.
    visits_before : IntArray, shape (n_steps,)
        Number of visits up to the day on which each step begins.
    window, missed : FloatArray, shape (n_arms,)
        Most days that a visit is early or late, and the probability of missing it.
    confirm : IntArray, shape (n_arms,)
        1 if a response must be confirmed.
    shift, not_evaluable : FloatArray, shape (n_arms,)
        Most days by which all of a patient's visits are early or late, and the probability that
        the patient is not evaluable.
    at_last_scan : IntArray, shape (n_arms,)
        1 if PFS without an event is censored at the last scan attended.
    is_common_plan : int
        1 if all arms have one schedule and no visit is early, late or missed for itself.
    is_shifted, has_unevaluable, ends_at_scans : int
        1 if any arm has a shift; if in any arm a patient may be not evaluable, or is censored at
        the last scan.
    """

    first_step: IntArray
    from_day: FloatArray
    gap: FloatArray
    visits_before: IntArray
    window: FloatArray
    missed: FloatArray
    confirm: IntArray
    shift: FloatArray
    not_evaluable: FloatArray
    at_last_scan: IntArray
    is_common_plan: int
    is_shifted: int
    has_unevaluable: int
    ends_at_scans: int


class Investigator(NamedTuple):
    """How the investigator's reading of the scans differs from central review, by arm.

    Attributes
    ----------
    early, late : FloatArray, shape (n_arms,)
        Probability that progression is called at the scan attended before that of central review,
        or at the next one.
    missed, added : FloatArray, shape (n_arms,)
        Probability that a response of central review is not called, and that one is called where
        central review has none.
    """

    early: FloatArray
    late: FloatArray
    missed: FloatArray
    added: FloatArray


class Course(NamedTuple):
    """What happens to patients but for accrual and dropout: the endpoints and how they go together.

    Attributes
    ----------
    n_endpoints : int
        Rows of the patients' arrays by endpoint: the first event (PFS, or OS where there is no
        PFS), OS where there are both, response, disease control, PFS and response by the
        investigator, and the binary endpoints.
    first_event : Hazards
        By cell, of the first endpoint; of the latent time to progression where there are both
        PFS and OS.
    first_endpoint : int
        0, or 1 where there is neither PFS nor OS: then row 0 is of an event that never happens.
    has_deaths : int
        1 where there are both; then OS is endpoint 1.
    deaths : Hazards
        By cell, of OS where there are both.
    response : int
        Number of the endpoint response; -1 if there is none.
    response_rate : FloatArray, shape (n_cells,)
        Probability of response.
    response_times : Hazards
        By cell, of the time to response before it is conditioned on coming first.
    needs_scores : int
        1 if any two endpoints are correlated.
    loadings : FloatArray, shape (5,)
        Cholesky factor of the correlations of the normal scores: second row (2), third row (3).
    is_assessed : int
        1 if progression and response are seen through scans.
    schedule : Schedule
        When the scans are.
    disease_control : int
        Number of the endpoint disease control; -1 if nothing is about it.
    has_investigator : int
        1 if the investigator reads the scans beside central review.
    investigator : Investigator
        How the two differ.
    pfs_investigator, response_investigator : int
        Numbers of the endpoints PFS and response by the investigator; -1 where central review has
        no such endpoint.
    n_binary : int
        Number of binary endpoints beside response; they are the last ones.
    binary_rate : FloatArray, shape (n_binary, n_cells)
        Their probabilities.
    binary_month, binary_correlation : FloatArray, shape (n_binary,)
        When they are assessed, in months from randomisation; their correlation with response.
    """

    n_endpoints: int
    first_event: Hazards
    first_endpoint: int
    has_deaths: int
    deaths: Hazards
    response: int
    response_rate: FloatArray
    response_times: Hazards
    needs_scores: int
    loadings: FloatArray
    is_assessed: int
    schedule: Schedule
    disease_control: int
    has_investigator: int
    investigator: Investigator
    pfs_investigator: int
    response_investigator: int
    n_binary: int
    binary_rate: FloatArray
    binary_month: FloatArray
    binary_correlation: FloatArray


class States(NamedTuple):
    """Transitions of the multi-state model but stable to progression, which is the first event.

    Attributes
    ----------
    to_response, to_death : Hazards
        From stable, by cell; months from randomisation.
    response_to_progression, response_to_death, progression_to_death : Hazards
        From response and from progression.
    is_forward : IntArray, shape (3,)
        1 where the clock of one of the last three runs from randomisation, not from the entry into
        the state.
    discontinuation : Hazards
        Of leaving treatment for an adverse event, after which neither progression nor response is
        seen; by cell.
    """

    to_response: Hazards
    to_death: Hazards
    response_to_progression: Hazards
    response_to_death: Hazards
    progression_to_death: Hazards
    is_forward: IntArray
    discontinuation: Hazards


class Hypotheses(NamedTuple):
    """Tests and estimates, each array of shape (n_hypotheses,): the hypotheses, then the estimates.

    Attributes
    ----------
    kind : IntArray
        One of the TEST and ESTIMATE_OF codes.
    endpoint : IntArray
        Number of the endpoint, or an ENDPOINT code.
    experimental_arm, control_arm : IntArray
        Numbers of the compared arms; the control is -1 where there is one arm.
    stratified, estimate : IntArray
        1 if the test is stratified; which Cox estimate, or which of two estimates.
    null_value : FloatArray
        The hazard ratio, difference, rate or survival under the null hypothesis.
    method : IntArray
        Of comparing proportions; 1 for the log-log transform of a milestone.
    months : FloatArray
        Month of a milestone or landmark, or up to which a mean is restricted; minimum follow-up of
        the analysis set of a binary endpoint, 0 if there is none.
    quantile : FloatArray
        Standard normal quantile of an estimate's confidence limits.
    first_component : IntArray, shape (n_hypotheses + 1,)
        Where the weights of each weighted log-rank test begin in the arrays below.
    weight_kind : IntArray, shape (n_components,)
        Kind of weights.
    first_parameter, second_parameter : FloatArray, shape (n_components,)
        Of the weights: exponents, or month or survival at which they stop to grow.
    """

    kind: IntArray
    endpoint: IntArray
    experimental_arm: IntArray
    control_arm: IntArray
    stratified: IntArray
    estimate: IntArray
    null_value: FloatArray
    method: IntArray
    months: FloatArray
    quantile: FloatArray
    first_component: IntArray
    weight_kind: IntArray
    first_parameter: FloatArray
    second_parameter: FloatArray


class Plan(NamedTuple):
    """A trial, as arrays. Arms, strata, endpoints, analyses and hypotheses are numbers here.

    Attributes
    ----------
    n_patients, n_arms, n_strata : int
        Sizes. A patient's cell is ``arm * n_strata + stratum``.
    stratum_bits : int
        Bits that number the strata, 0 for one.
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
    n_members : int
        Number of truths that the trials take in turn: trial ``t`` is of member ``t % n_members``.
        Hazards of the first event, of deaths and of the states hold for each member in turn the
        cells.
    course : Course
        The endpoints.
    has_states : int
        1 if patients go through the states of ``states``; then the endpoints are PFS, OS, response
        and the binary ones.
    states : States
        The multi-state model.
    dropouts : Hazards
        Of dropping out, by cell.
    maximum_follow_up : float
        Months from randomisation; infinite if there is no limit.
    first_node : IntArray, shape (n_looks + 1,)
        Where each look's nodes begin. Nodes stand in postfix order: members before the latest or
        earliest of them.
    node_kind, node_endpoint, node_count, node_rule, node_mask : IntArray, shape (n_nodes,)
        Kind; whose events count; number of events, of members or of the patient; what to do when
        the events are never reached; row of ``masks``, or -1 for all cells.
    node_months : FloatArray, shape (n_nodes,)
        Calendar month, follow-up or gap.
    masks : IntArray, shape (n_masks, n_cells)
        1 where a cell's events count towards a look.
    row_look, row_hypothesis : IntArray, shape (n_rows,)
        The (look, hypothesis) pairs of one trial, by look.
    row_counts, row_follows, row_sorts, row_arranges, row_scans, row_weighs, row_draws_curves : \
            IntArray, shape (n_rows,)
        1 where a row needs what no row before it at the same look has left: the counts of its arms,
        the follow-up for PFS where it may end at a scan or is a duration of response, its arms'
        patients in order, these stratum by stratum or all together, risk sets, what is common
        to weighted tests, Kaplan-Meier curves.
    hypotheses : Hypotheses
        The hypotheses and estimates.
    needs_months : int
        1 if weights depend on the months of the events.
    curves_until : float
        Month up to which Kaplan-Meier curves are needed; infinite for a median.
    """

    n_patients: int
    n_arms: int
    n_strata: int
    stratum_bits: int
    arrivals: int
    fixed_entry: FloatArray
    accrual_start: FloatArray
    accrual_cumulative: FloatArray
    accrual_inverse_rate: FloatArray
    stratum_upper: FloatArray
    arrangements: NDArray[np.int8]
    within_strata: int
    n_members: int
    course: Course
    has_states: int
    states: States
    dropouts: Hazards
    maximum_follow_up: float
    first_node: IntArray
    node_kind: IntArray
    node_endpoint: IntArray
    node_count: IntArray
    node_rule: IntArray
    node_mask: IntArray
    node_months: FloatArray
    masks: IntArray
    row_look: IntArray
    row_hypothesis: IntArray
    row_counts: IntArray
    row_follows: IntArray
    row_sorts: IntArray
    row_arranges: IntArray
    row_scans: IntArray
    row_weighs: IntArray
    row_draws_curves: IntArray
    hypotheses: Hypotheses
    needs_months: int
    curves_until: float
