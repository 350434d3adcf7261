"""The least that W1 costs with the engine's own primitives: draws, logarithms, one cut, one sort.

One Philox block a patient, two logarithms, the cut at the 200th event, the sort of the follow-up
times at that cut. No arms, no outcomes, no counts, no statistics: what the engine takes beyond this
is what those cost.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import kernel
from simulate.engine.cutoffs import select
from simulate.engine.ordering import PAYLOAD_BITS, sort_keys, ticks_per_month
from simulate.engine.philox import draw_core
from simulate.engine.plan import Plan
from simulate.engine.times import add, unit_exponentials
from simulate.engine.workspace import Workspace

EVENTS = 200
MEAN_EVENT = 18.0
MEAN_DROPOUT = 100.0


@kernel
def floor_trials(plan: Plan, seed: np.uint64, n_trials: int, workspace: Workspace) -> float:
    """Run the floor for ``n_trials`` trials; the sum keeps the work from being optimised away."""
    n = plan.n_patients
    entry = plan.fixed_entry
    event = workspace.draw_event
    dropout = workspace.draw_dropout
    calendar = workspace.float_scratch
    total = 0.0
    one_trial = int(np.int64(1))  # typed: a literal would compile a kernel a second time
    for trial in range(n_trials):
        draw_core(seed, np.uint64(trial), one_trial, n, event, workspace.draw_entry, dropout)
        unit_exponentials(event, n)
        unit_exponentials(dropout, n)
        end_follow_up(event, dropout, n)
        add(entry, event, n, calendar)
        cutoff = select(calendar, n, EVENTS, workspace.last_cutoff[0])
        cut(event, entry, cutoff, n, workspace.keys)
        sort_keys(workspace.keys, n, workspace.buffer, workspace.places)
        total += cutoff + workspace.keys[0]
    return total


@kernel
def end_follow_up(event: FloatArray, dropout: FloatArray, n: int) -> None:
    """Months of follow-up, into ``event``, (n,)."""
    for i in range(n):
        event[i] = min(MEAN_EVENT * event[i], MEAN_DROPOUT * dropout[i])


@kernel
def cut(end: FloatArray, entry: FloatArray, cutoff: float, n: int, keys: IntArray) -> None:
    """Follow-up at the cutoff as sort keys, (n,)."""
    scale = ticks_per_month(cutoff, int(np.int64(0)))
    for i in range(n):
        keys[i] = int(min(end[i], cutoff - entry[i]) * scale) << PAYLOAD_BITS
