"""MaxCombo of scanned patients by the engine's kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from twins.scanned import Scanned, Weighting, scratch, terms_of

from simulate.engine.arrays import FloatArray
from simulate.engine.maxcombo import combine, new_maxcombo_scratch
from simulate.engine.weighted import pooled_survival


class MaxCombo(NamedTuple):
    """Results of `combine`, and what it leaves in its scratch memory."""

    z: float
    z_max: float
    p: float
    status: int
    scores: FloatArray
    covariance: FloatArray
    correlation: FloatArray


def maxcombo_of(sets: Scanned, weightings: Sequence[Weighting]) -> MaxCombo:
    n, m = sets.n_sets, len(weightings)
    survival = scratch(n + 1)
    strata = (sets.first_of_stratum, sets.n_strata)
    pooled_survival(sets.risk_sets, n, sets.n_tied, *strata, survival)
    workspace = new_maxcombo_scratch(n)
    # Nothing may be read before it is written.
    for array in (
        workspace.scores,
        workspace.covariance,
        workspace.correlation,
        *workspace.maximum,
    ):
        array[:] = np.nan
    for array in (workspace.weights, workspace.products, workspace.folded):
        array[:] = np.nan
    found = combine(
        survival,
        sets.months,
        *terms_of(sets),
        n,
        *strata,
        np.array([w.kind for w in weightings]),
        np.array([w.first for w in weightings]),
        np.array([w.second for w in weightings]),
        workspace,
    )
    square = (slice(m), slice(m))
    return MaxCombo(
        *found, workspace.scores[:m], workspace.covariance[square], workspace.correlation[square]
    )
