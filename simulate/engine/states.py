"""The multi-state course of disease: stable, response, progression, death.

A patient is stable until the first of response, progression and death; one who responds then waits
for progression and death anew, and one who progresses for death. Each wait has its own hazard, by
the months since the state was entered (its clock is reset) or since randomisation (it runs
forward): with ``E`` a unit exponential, the wait from ``s`` on ends where ``H(t - s) = E``, or
where ``H(t) = H(s) + E``. See Meller, Beyersmann and Rufibach (2019) for PFS and OS as times in
such a model.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, UintArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.philox import PURPOSE_STATES, SHIFT_8, draw_pair
from simulate.engine.plan import Hazards, States
from simulate.engine.times import (
    cumulative_hazards,
    invert_hazards,
    of_member,
    unit_exponentials,
)
from simulate.engine.workspace import Workspace


@inlined_kernel
def states_of_member(states: States, member: int, n_cells: int) -> States:
    """The multi-state model under one of the plan's truths."""
    return States(
        of_member(states.to_response, member, n_cells),
        of_member(states.to_death, member, n_cells),
        of_member(states.response_to_progression, member, n_cells),
        of_member(states.response_to_death, member, n_cells),
        of_member(states.progression_to_death, member, n_cells),
        states.is_forward,
        of_member(states.discontinuation, member, n_cells),
    )


@kernel
def follow_states(
    first_event: Hazards,
    all_states: States,
    member: int,
    n_cells: int,
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n_each: int,
    workspace: Workspace,
) -> None:
    """Progression, death, response and the first of the first two, of each patient of the trials.

    ``first_event`` and ``all_states`` hold the hazards of all members; those of one are used.
    Needs cells, and the unit exponentials of stable to progression in ``workspace.draw_event``.
    Fills ``progression`` (infinite where death comes first, or never), ``discontinuation``, and
    rows 0, 1 and 2 of ``event``: PFS, OS and response.
    """
    n = n_trials * n_each
    to_progression = of_member(first_event, member, n_cells)
    states = states_of_member(all_states, member, n_cells)
    patients = workspace.patients
    cell = patients.cell
    progression = patients.progression
    death = patients.event[1]
    response = patients.event[2]
    invert_hazards(workspace.draw_event, cell, to_progression, n, progression)
    first = workspace.draw_event
    second = workspace.draw_other
    scratch = workspace.float_scratch
    address = np.uint64(PURPOSE_STATES) << SHIFT_8
    if not (states.to_response.never and states.to_death.never):
        draw_pair(seed, trial, n_trials, address, n_each, first, second)
        unit_exponentials(first, n)
        unit_exponentials(second, n)
    invert_hazards(first, cell, states.to_response, n, response)
    invert_hazards(second, cell, states.to_death, n, death)
    if not states.to_response.never:
        first_response(progression, death, response, n)
        draw_pair(seed, trial, n_trials, address | np.uint64(1), n_each, first, second)
        wait_after(
            response, cell, states.response_to_progression, states.is_forward[0], n, first, scratch
        )
        wait_after(
            response, cell, states.response_to_death, states.is_forward[1], n, second, scratch
        )
        replace_after(response, first, n, progression)
        replace_after(response, second, n, death)
    none_after_death(death, n, progression)
    draw_pair(seed, trial, n_trials, address | np.uint64(2), n_each, first, second)
    wait_after(
        progression, cell, states.progression_to_death, states.is_forward[2], n, first, scratch
    )
    replace_after(progression, first, n, death)
    for i in range(n):
        patients.event[0][i] = min(progression[i], death[i])
    if not states.discontinuation.never:
        unit_exponentials(second, n)
    invert_hazards(second, cell, states.discontinuation, n, patients.discontinuation)


@kernel
def wait_after(
    entered: FloatArray,
    cell: UintArray,
    hazards: Hazards,
    is_forward: int,
    n: int,
    uniforms: FloatArray,
    scratch: FloatArray,
) -> None:
    """From uniforms to the months at which a state entered at ``entered`` is left, in place, (n,).

    Infinite for who never enters it.
    """
    if hazards.never:
        for i in range(n):
            uniforms[i] = np.inf
        return
    unit_exponentials(uniforms, n)
    if is_forward:
        cumulative_hazards(entered, cell, hazards, n, scratch)
        for i in range(n):
            uniforms[i] += scratch[i]
    invert_hazards(uniforms, cell, hazards, n, scratch)
    if is_forward:
        # Rounding may lead back to a little before.
        for i in range(n):
            uniforms[i] = max(scratch[i], entered[i])
    else:
        for i in range(n):
            uniforms[i] = scratch[i] + entered[i]


# What is chosen from is loaded first: loads of one branch each keep a loop from vectorising.


@kernel
def first_response(
    progression: FloatArray, death: FloatArray, response: FloatArray, n: int
) -> None:
    """No response for who progresses or dies first, (n,)."""
    for i in range(n):
        first = min(progression[i], death[i])
        own = response[i]
        response[i] = own if own < first else np.inf


@kernel
def replace_after(entered: FloatArray, later: FloatArray, n: int, out: FloatArray) -> None:
    """Put ``later`` in the place of ``out`` for who has entered the state, (n,)."""
    for i in range(n):
        new = later[i]
        old = out[i]
        out[i] = new if entered[i] < np.inf else old


@kernel
def none_after_death(death: FloatArray, n: int, progression: FloatArray) -> None:
    """No progression for who dies first, (n,)."""
    for i in range(n):
        own = progression[i]
        progression[i] = own if own < death[i] else np.inf
