"""The statistics of scenarios that use every feature, as one SHA-256.

Run as a program, it prints the hash and the widest vector registers that numba compiles for, so
that a test can tell that the setting it asked for took effect.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable

import numba
import numpy as np
from twins.feature_scenarios import FEATURES, feature_scenario

from simulate.engine.statistics import Statistics
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack


def hash_of(parts: Iterable[Statistics]) -> str:
    """SHA-256 of the bytes of statistics."""
    digest = hashlib.sha256()
    for statistics in parts:
        for column in statistics:
            digest.update(column.tobytes())
    return digest.hexdigest()


def hash_of_features(n_trials: int) -> str:
    """SHA-256 of the first trials of every feature scenario."""
    scenarios = [feature_scenario(name) for name in FEATURES]
    return hash_of(
        simulate_block(pack(scenario), scenario.simulation.seed, Block(0, n_trials))
        for scenario in scenarios
    )


def vector_registers() -> str:
    """Widest vector registers in what numba compiles here: zmm, ymm, xmm; none with the JIT off."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return "none"

    def halve(values: np.ndarray) -> None:
        for i in range(len(values)):
            values[i] *= 0.5

    compiled = numba.njit(error_model="numpy")(halve)
    compiled(np.ones(64))
    code = compiled.inspect_asm(compiled.signatures[0])
    return next(width for width in ("zmm", "ymm", "xmm", "scalar") if f"%{width}" in code)


if __name__ == "__main__":
    print(hash_of_features(int(sys.argv[1])), vector_registers())
