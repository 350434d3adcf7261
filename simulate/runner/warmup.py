"""Compiling the engine ahead of the first run."""

from __future__ import annotations

from pathlib import Path

from simulate.engine.compile import CACHE_FOLDER, prune_cache
from simulate.runner.execute import compile_kernels
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict

# Any valid scenario will do: all have the same types.
SMALLEST = {
    "schema_version": 1,
    "title": "warm-up",
    "purpose": "Compile the engine.",
    "arms": {
        "a": {"pfs": {"distribution": "exponential", "median_months": 10.0}},
        "b": {"pfs": {"distribution": "exponential", "median_months": 10.0}},
    },
    "accrual": {"patients": 2, "arrivals": "evenly_spaced", "rate_per_month": 1.0},
    "analyses": {"final": {"trigger": {"calendar_months": 10.0}}},
    "hypotheses": {
        "pfs": {
            "endpoint": "pfs",
            "arms": {"experimental": "a", "control": "b"},
            "test": {"kind": "logrank"},
            "alpha": 0.025,
        }
    },
    "simulation": {"trials": 1, "seed": 0},
}


def warm_up() -> Path | None:
    """Compile the engine or load it from the cache, and remove caches nobody uses any more.

    Returns
    -------
    Path or None
        The folder of the compiled code; None if it cannot be written.
    """
    compile_kernels(pack(scenario_from_dict(SMALLEST)))
    prune_cache()
    return CACHE_FOLDER
