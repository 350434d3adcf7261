"""The least that W1 costs with the engine's own primitives: draws, logarithms, one cut, one sort.

No strata, no arms, no looks, no statistics: what is above it in the engine is what those cost.
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import Plan, Workspace
from simulate.engine.compile import kernel
from simulate.engine.cutoffs import select
from simulate.engine.ordering import sort_keys, ticks_per_month
from simulate.engine.philox import draw_core
from simulate.engine.times import add, unit_exponentials

EVENTS = 200
# An exponential time of rate 1 from 52 bits is at most 37.
LONGEST = 37.0


@kernel
def floor_trials(plan: Plan, seed: np.uint64, n_trials: int, workspace: Workspace) -> float:
    """Run the floor for ``n_trials`` trials; the sum keeps the work from being optimised away."""
    n = plan.n_patients
    total = 0.0
    for trial in range(n_trials):
        draw_core(
            seed,
            np.uint64(trial),
            n,
            workspace.draw_event,
            workspace.draw_entry,
            workspace.draw_dropout,
        )
        unit_exponentials(workspace.draw_event, n)
        unit_exponentials(workspace.draw_dropout, n)
        add(workspace.draw_entry, workspace.draw_event, n, workspace.float_scratch)
        cutoff = select(workspace.float_scratch, n, EVENTS)
        scale = ticks_per_month(LONGEST)
        for i in range(n):
            workspace.keys[i] = int(workspace.draw_event[i] * scale)
        sort_keys(workspace.keys, 0, n, workspace.buffer, workspace.places)
        total += cutoff + workspace.keys[0] + workspace.draw_dropout[0]
    return total
